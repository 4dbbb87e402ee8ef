/*
 * flat_boot.h - load a file as it is, for real mode.
 */
#ifndef VMM_FLAT_BOOT_H
#define VMM_FLAT_BOOT_H

#include "kernel_boot.h"

/* Below is the interrupt vector table, and what a BIOS keeps there. */
#define FLAT_BOOT_FIRST 0x500u

/**
 * flat_boot_load() - place the file at @a->flat_address and start in real mode
 * at flat_cs:flat_ip with DL = flat_drive; as pvh_boot_load().
 */
must_check enum status flat_boot_load(struct gmem *gm,
				      const struct kernel_args *a,
				      struct vcpu_entry *out,
				      struct kernel_error *err);

#endif
