/*
 * kernel_image.h - a kernel as pieces of a file that belong at addresses; an
 * ELF file is read into that.
 */
#ifndef VMM_KERNEL_IMAGE_H
#define VMM_KERNEL_IMAGE_H

#include "kernel_boot.h"

#define KERNEL_SEGMENT_MAX 32u
#define KERNEL_PHDR_MAX    64u

struct kernel_segment {
	uint64_t gpa, vaddr;
	uint64_t file_size;   /* bytes of @bytes */
	uint64_t memory_size; /* ... and zeros, up to this */
	const uint8_t *bytes; /* within the file */
};

struct kernel_image {
	uint32_t count;
	struct kernel_segment segments[KERNEL_SEGMENT_MAX];
	uint64_t entry; /* as in the header: mostly a virtual address */
	bool has_pvh_entry;
	uint64_t pvh_entry; /* physical */
};

/** kernel_is_elf() - does the file begin like one? */
bool kernel_is_elf(const void *file, uint64_t size);

/**
 * kernel_read_elf() - the segments of an ELF file, 32 or 64 bits, and its Xen
 * note. The file is hostile: all that is used is copied once and checked.
 * Return: OK; ERR_INVALID with a sentence; ERR_TOO_BIG for too many segments.
 */
must_check enum status kernel_read_elf(const void *file, uint64_t size,
				       struct kernel_image *out,
				       struct kernel_error *err);

/** kernel_is_code() - do bytes of the file go to the address @gpa? */
bool kernel_is_code(const struct kernel_image *i, uint64_t gpa);

/** kernel_to_gpa() - where the segment of @vaddr is; @vaddr if there is none.
 */
uint64_t kernel_to_gpa(const struct kernel_image *i, uint64_t vaddr);

/**
 * kernel_place() - do all segments fit into the partition's RAM, behind the
 * tables, without overlap?
 * Return: OK with *@end, the first page-aligned address behind all and 1 MiB;
 *	   ERR_INVALID or ERR_NOMEM with a sentence.
 */
must_check enum status kernel_place(const struct gmem *gm,
				    const struct kernel_image *i, uint64_t *end,
				    struct kernel_error *err);

/** kernel_write() - the segments' bytes; what gmem_write() returns. */
must_check enum status kernel_write(struct gmem *gm,
				    const struct kernel_image *i);

/* What comes with a kernel: a module behind it, and two texts. */
struct kernel_extras {
	uint64_t module_gpa, module_size; /* bytes; 0: there is none */
	size_t cmdline_len, name_len;     /* bytes without the last 0 */
};

/**
 * kernel_place_extras() - @a's initrd at @end, if it fits, and its texts at
 * KERNEL_CMDLINE_GPA and KERNEL_NAMES_GPA, if they may stand there.
 * Return: OK; ERR_INVALID or ERR_NOMEM with a sentence.
 */
must_check enum status kernel_place_extras(const struct gmem *gm,
					   const struct kernel_args *a,
					   uint64_t end,
					   struct kernel_extras *out,
					   struct kernel_error *err);

/** kernel_write_extras() - all of that; what gmem_write() returns. */
must_check enum status kernel_write_extras(struct gmem *gm,
					   const struct kernel_args *a,
					   const struct kernel_extras *x);

#endif
