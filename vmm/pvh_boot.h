/*
 * pvh_boot.h - load a kernel by Xen's PVH boot protocol.
 */
#ifndef VMM_PVH_BOOT_H
#define VMM_PVH_BOOT_H

#include "kernel_boot.h"

/**
 * pvh_boot_load() - place an ELF kernel with Xen's note, and what it is told.
 * @gm:  the partition's memory, zeroed
 * @out: the first vCPU's state
 * @err: on failure a sentence
 *
 * Everything is validated before the first byte is written.
 * Return: OK; ERR_INVALID for a bad file or text; ERR_NOMEM if it does not fit;
 *	   ERR_TOO_BIG for too many segments; what gmem_write() returns.
 */
must_check enum status pvh_boot_load(struct gmem *gm,
				     const struct kernel_args *a,
				     struct vcpu_entry *out,
				     struct kernel_error *err);

#endif
