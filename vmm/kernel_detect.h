/*
 * kernel_detect.h - by which protocol a file wants to be booted.
 */
#ifndef VMM_KERNEL_DETECT_H
#define VMM_KERNEL_DETECT_H

#include "kernel_boot.h"

/** kernel_detect() - the protocol of a file; KERNEL_AUTO: none is known. */
enum kernel_protocol kernel_detect(const void *file, uint64_t size);

/**
 * kernel_load() - place a kernel by @protocol (KERNEL_AUTO: by what it is).
 * Return: as the protocol's own loader; ERR_INVALID for an unknown file.
 */
must_check enum status kernel_load(struct gmem *gm,
				   enum kernel_protocol protocol,
				   const struct kernel_args *a,
				   struct vcpu_entry *out,
				   struct kernel_error *err);

#endif
