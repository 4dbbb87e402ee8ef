/*
 * boot_madt.c - processors from the ACPI MADT. See boot_madt.h.
 *
 * Firmware tables are read like any foreign input: each length is checked
 * against the bytes left, an entry of length < 2 ends the walk.
 */
#include "boot_madt.h"

#include <spec/acpi.h>

#define APIC_ID_NONE   0xffu
#define X2APIC_ID_NONE 0xffffffffu

void boot_cpus_init(struct boot_cpus *c, uint32_t boot_id)
{
	c->ids[0] = boot_id;
	c->count = 1;
	c->dropped = 0;
}

void boot_cpus_add(struct boot_cpus *c, uint32_t id)
{
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->ids[i] == id) {
			return;
		}
	}
	if (c->count == BOOT_CPU_MAX) {
		c->dropped++;
		return;
	}
	c->ids[c->count] = id;
	c->count++;
}

static void add_local_apic(const uint8_t *at, size_t len, struct boot_cpus *c)
{
	struct acpi_madt_local_apic e;
	if (len < sizeof(e)) {
		return;
	}
	__builtin_memcpy(&e, at, sizeof(e));
	if ((e.flags & ACPI_MADT_CPU_ENABLED) && e.apic_id != APIC_ID_NONE) {
		boot_cpus_add(c, e.apic_id);
	}
}

static void add_local_x2apic(const uint8_t *at, size_t len, struct boot_cpus *c)
{
	struct acpi_madt_local_x2apic e;
	if (len < sizeof(e)) {
		return;
	}
	__builtin_memcpy(&e, at, sizeof(e));
	if ((e.flags & ACPI_MADT_CPU_ENABLED) &&
	    e.x2apic_id != X2APIC_ID_NONE) {
		boot_cpus_add(c, e.x2apic_id);
	}
}

static uint8_t byte_sum(const uint8_t *at, size_t len)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + at[i]);
	}
	return sum;
}

enum status boot_madt_cpus(const void *table, size_t len, struct boot_cpus *c)
{
	const uint8_t *bytes = table;
	struct acpi_madt m;
	if (len < sizeof(m)) {
		return ERR_INVALID;
	}
	__builtin_memcpy(&m, bytes, sizeof(m));
	if (__builtin_memcmp(m.header.signature, ACPI_SIG_MADT, 4) != 0 ||
	    m.header.length < sizeof(m) || m.header.length > len ||
	    byte_sum(bytes, m.header.length) != 0) {
		return ERR_INVALID;
	}
	/* each turn consumes at least two bytes of header.length */
	size_t at = sizeof(m);
	while (m.header.length - at >= sizeof(struct acpi_madt_entry)) {
		uint8_t type = bytes[at];
		uint8_t size = bytes[at + 1];
		if (size < sizeof(struct acpi_madt_entry) ||
		    size > m.header.length - at) {
			return ERR_INVALID;
		}
		if (type == ACPI_MADT_LOCAL_APIC) {
			add_local_apic(bytes + at, size, c);
		} else if (type == ACPI_MADT_LOCAL_X2APIC) {
			add_local_x2apic(bytes + at, size, c);
		}
		at += size;
	}
	return OK;
}
