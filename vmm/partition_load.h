/*
 * partition_load.h - what a partition boots, into its memory.
 */
#ifndef VMM_PARTITION_LOAD_H
#define VMM_PARTITION_LOAD_H

#include "kernel_boot.h"

struct partition;

/**
 * partition_load() - ACPI tables, kernel and initrd of @p, whose memory is
 * fresh.
 * @out: the first vCPU's state
 * @err: on failure a sentence
 *
 * Return: OK; ERR_NOENT for a file that is not there; what guest_acpi_build()
 *	   or kernel_load() returns.
 */
must_check enum status partition_load(struct partition *p,
				      struct vcpu_entry *out,
				      struct kernel_error *err);

#endif
