/*
 * linux_boot.h - load a bzImage by the 64-bit Linux boot protocol.
 */
#ifndef VMM_LINUX_BOOT_H
#define VMM_LINUX_BOOT_H

#include <bh/gmem.h>
#include <stdbool.h>

/* Where the small tables of the entry state go (see linux_boot.c). */
#define LINUX_BOOT_GDT_GPA     0x1000u
#define LINUX_BOOT_TABLES_GPA  0x2000u /* PML4, PDPT, 4 PDs: 4 GiB identity */
#define LINUX_BOOT_PARAMS_GPA  0x8000u
#define LINUX_BOOT_CMDLINE_GPA 0x9000u
#define LINUX_BOOT_CMDLINE_MAX 4095u
#define LINUX_BOOT_STACK_GPA   0x10000u /* RSP at entry, grows down */
#define LINUX_BOOT_LOW_TOP     0xa0000u /* RAM of the first MiB ends here */
#define LINUX_BOOT_HIGH_GPA    0x100000u

#define LINUX_BOOT_CS 0x10u
#define LINUX_BOOT_DS 0x18u

#define LINUX_BOOT_ERROR_MAX 160

struct linux_boot_args {
	const void *kernel; /* the whole bzImage */
	uint64_t kernel_size;
	const void *initrd; /* NULL: none */
	uint64_t initrd_size;
	const char *cmdline; /* NUL-terminated; NULL: empty */
	gpa_t rsdp;          /* 0: none */
};

/* Registers at the first instruction: long mode, flat, interrupts off. */
struct linux_boot_entry {
	uint64_t rip, rsp, rsi, cr3;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	uint16_t cs, ds; /* selectors; DS serves ES and SS too */
	/* What was placed, for logs and tests. */
	uint64_t kernel_gpa;
	uint64_t kernel_end; /* first byte behind init_size */
	uint64_t initrd_gpa;
	uint64_t initrd_size;
};

struct linux_boot_error {
	char text[LINUX_BOOT_ERROR_MAX];
};

/**
 * linux_boot_load() - place a kernel and all it needs in a partition's memory.
 * @gm:  the partition's memory, zeroed
 * @a:   the files; they are read once, and trusted no more than a guest
 * @out: registers for the first vCPU
 * @err: on failure a sentence: which field, its value, what is needed
 *
 * Everything is validated before the first byte is written.
 * Return: OK; ERR_INVALID for a bad file or command line; ERR_NOMEM if it does
 *	   not fit into the memory; what gmem_write() returns.
 */
must_check enum status linux_boot_load(struct gmem *gm,
				       const struct linux_boot_args *a,
				       struct linux_boot_entry *out,
				       struct linux_boot_error *err);

#endif
