/*
 * kernel_boot.h - what the boot protocols have in common: a kernel's file and
 * what comes with it go into a partition's memory, and a vCPU's first state
 * comes out.
 *
 * docs/boot-protocols.md has a table for each protocol.
 */
#ifndef VMM_KERNEL_BOOT_H
#define VMM_KERNEL_BOOT_H

#include <bh/gmem.h>
#include <hv/backend.h>

enum kernel_protocol {
	KERNEL_AUTO, /* by the file's own marks: kernel_detect() */
	KERNEL_LINUX,
	KERNEL_PVH,
	KERNEL_MULTIBOOT,
	KERNEL_FLAT,
};

/* The first MiB: RAM, the text screen's and the ROMs' place, ACPI's tables. */
#define KERNEL_LOW_TOP  0xa0000u
#define KERNEL_HIGH_GPA 0x100000u

/* Where PVH and multiboot have their tables: below KERNEL_TABLES_END, together
 * with a small stack at its end. */
#define KERNEL_GDT_GPA     0x1000u
#define KERNEL_INFO_GPA    0x2000u
#define KERNEL_MODULES_GPA 0x2800u
#define KERNEL_MAP_GPA     0x3000u
#define KERNEL_NAMES_GPA   0x4000u
#define KERNEL_CMDLINE_GPA 0x9000u
#define KERNEL_TABLES_END  0x10000u

#define KERNEL_CMDLINE_MAX 4095u
#define KERNEL_NAME_MAX    255u

/* The flat GDT at KERNEL_GDT_GPA. */
#define KERNEL_CS32 0x08u
#define KERNEL_DS32 0x10u

#define KERNEL_ERROR_MAX 200
#define KERNEL_RANGE_MAX 4

struct kernel_args {
	const void *kernel; /* the whole file */
	uint64_t kernel_size;
	const void *initrd; /* NULL: none; a module, as others call it */
	uint64_t initrd_size;
	const char *initrd_name; /* the module's own text; NULL: empty */
	const char *cmdline;     /* NUL-terminated; NULL: empty */
	gpa_t rsdp;              /* 0: none */
	bool has_text_screen;    /* RAM at 0xB8000 that is meant as one */
	/* KERNEL_FLAT */
	uint32_t flat_address;
	uint16_t flat_cs, flat_ip;
	uint8_t flat_drive; /* DL */
};

struct kernel_error {
	char text[KERNEL_ERROR_MAX];
};

/* A part of the guest-physical address space; types as e820 has them. */
struct kernel_range {
	uint64_t addr, size;
	uint32_t type;
};

/** kernel_refuse() - the sentence into @err; returns @s. */
enum status kernel_refuse(enum status s, struct kernel_error *err,
			  const char *fmt, ...) printf_like(3, 4);

/** kernel_memory_map() - the partition's memory. Return: ranges in @out. */
uint32_t kernel_memory_map(const struct gmem *gm,
			   struct kernel_range out[KERNEL_RANGE_MAX]);

/**
 * kernel_check_text() - is @text (NULL: empty) printable and at most @max
 * bytes? @what names it, @limit what @max is.
 * Return: OK with *@len; ERR_INVALID with a sentence.
 */
must_check enum status kernel_check_text(const char *text, uint32_t max,
					 const char *what, const char *limit,
					 size_t *len, struct kernel_error *err);

/** kernel_write_gdt32() - two flat segments at KERNEL_GDT_GPA. */
must_check enum status kernel_write_gdt32(struct gmem *gm);

/** kernel_write_bda() - the BIOS's word for the size of low memory, for those
 * who believe that more than what they are told. */
must_check enum status kernel_write_bda(struct gmem *gm);

/** kernel_entry32() - at @rip in 32-bit code, with that GDT and a stack. */
struct vcpu_entry kernel_entry32(uint32_t rip);

#endif
