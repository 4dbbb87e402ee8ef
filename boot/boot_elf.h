/*
 * boot_elf.h - check and load the VMM's ELF file. Pure.
 *
 * The rules that the file has to obey (linker.ld sees to it):
 *  1. ELF64, little-endian, ET_EXEC, x86-64; no interpreter, not dynamic.
 *  2. Every PT_LOAD starts on a page, lies in the top 2 GiB, and the segments
 *     are sorted and share no page.
 *  3. No segment is both writable and executable.
 *  4. The entry point lies in an executable segment.
 */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include <bh/status.h>

#define BOOT_ELF_SEGMENT_MAX 8u
#define BOOT_ELF_LINK_MIN    0xffffffff80000000ull
#define BOOT_ELF_LINK_END    0xfffffffffffff000ull /* so no end wraps to 0 */
#define BOOT_ELF_SPAN_MAX    MIB(64)

struct boot_elf_segment {
	uint64_t vaddr;     /* page aligned */
	uint64_t mem_size;  /* bytes, > 0 */
	uint64_t file_size; /* bytes, <= mem_size */
	const uint8_t *data;
	uint32_t flags; /* ELF_PF_* */
};

struct boot_elf {
	uint64_t entry;
	uint64_t base; /* lowest linear address, page aligned */
	uint64_t size; /* bytes from base to the end, page aligned */
	uint32_t segment_count;
	struct boot_elf_segment segments[BOOT_ELF_SEGMENT_MAX];
	const char *fault; /* which rule is broken, in words; NULL: none */
};

/**
 * boot_elf_check() - read the headers of @file and check the rules above.
 * @file: the whole file, any alignment
 * @size: bytes
 * @out:  filled; on failure only @out->fault is of use
 *
 * Return: OK; ERR_INVALID with @out->fault set.
 */
must_check enum status boot_elf_check(const void *file, size_t size,
				      struct boot_elf *out);

/**
 * boot_elf_load() - write the image to @dst, @e->size bytes; gaps are zeroed.
 * @e: one that boot_elf_check() has accepted
 */
void boot_elf_load(const struct boot_elf *e, void *dst);

#endif
