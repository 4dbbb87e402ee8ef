/*
 * multiboot_boot.h - load a kernel by the Multiboot Specification, version 1.
 */
#ifndef VMM_MULTIBOOT_BOOT_H
#define VMM_MULTIBOOT_BOOT_H

#include "kernel_boot.h"

/** multiboot_is_kernel() - has the file a multiboot header? */
bool multiboot_is_kernel(const void *file, uint64_t size);

/**
 * multiboot_boot_load() - place a kernel with a multiboot header, ELF or by the
 * header's own addresses, and what it is told; as pvh_boot_load().
 */
must_check enum status multiboot_boot_load(struct gmem *gm,
					   const struct kernel_args *a,
					   struct vcpu_entry *out,
					   struct kernel_error *err);

#endif
