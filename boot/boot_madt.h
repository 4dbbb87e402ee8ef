/*
 * boot_madt.h - the list of processors, and its reading from an ACPI MADT.
 * Pure.
 */
#ifndef BOOT_MADT_H
#define BOOT_MADT_H

#include <bh/boot_info.h>
#include <bh/status.h>

struct boot_cpus {
	uint32_t ids[BOOT_CPU_MAX]; /* APIC ids, each once; [0] = boot CPU */
	uint32_t count;             /* >= 1 */
	uint32_t dropped;           /* did not fit */
};

/** boot_cpus_init() - a list of the boot CPU alone. */
void boot_cpus_init(struct boot_cpus *c, uint32_t boot_id);
/** boot_cpus_add() - one more CPU; a known one is ignored. */
void boot_cpus_add(struct boot_cpus *c, uint32_t id);

/**
 * boot_madt_cpus() - add every enabled processor of a MADT.
 * @table: the whole table, any alignment
 * @len:   bytes that may be read
 * @c:	   an initialised list
 *
 * Types 0 (local APIC) and 9 (local x2APIC) count; ids 0xff and 0xffffffff
 * mean "none".
 * Return: OK; ERR_INVALID if signature, length or checksum is wrong (nothing
 *	   is added) or an entry is malformed (those before it are added).
 */
must_check enum status boot_madt_cpus(const void *table, size_t len,
				      struct boot_cpus *c);

#endif
