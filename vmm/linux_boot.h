/*
 * linux_boot.h - load a bzImage by the 64-bit Linux boot protocol.
 */
#ifndef VMM_LINUX_BOOT_H
#define VMM_LINUX_BOOT_H

#include "kernel_boot.h"

/* Where the small tables of the entry state go (see linux_boot.c). */
#define LINUX_BOOT_GDT_GPA     0x1000u
#define LINUX_BOOT_TABLES_GPA  0x2000u /* PML4, PDPT, 4 PDs: 4 GiB identity */
#define LINUX_BOOT_PARAMS_GPA  0x8000u
#define LINUX_BOOT_CMDLINE_GPA 0x9000u
#define LINUX_BOOT_CMDLINE_MAX 4095u
#define LINUX_BOOT_STACK_GPA   0x10000u /* RSP at entry, grows down */

#define LINUX_BOOT_CS 0x10u
#define LINUX_BOOT_DS 0x18u

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
				       const struct kernel_args *a,
				       struct linux_boot_entry *out,
				       struct kernel_error *err);

#endif
