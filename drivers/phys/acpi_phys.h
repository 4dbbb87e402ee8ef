/*
 * acpi_phys.h - the machine's ACPI tables: found, checked, reduced to what the
 * VMM needs.
 *
 * Pure: physical memory is reached through a callback, so a test gives bytes.
 */
#ifndef DRIVERS_PHYS_ACPI_PHYS_H
#define DRIVERS_PHYS_ACPI_PHYS_H

#include <bh/status.h>
#include <stdbool.h>

#define ACPI_PHYS_IOAPIC_MAX 8u

/* Where physical memory can be seen. */
struct acpi_window {
	/* @len bytes at physical address @pa; NULL if they cannot be shown */
	const void *(*map)(void *ctx, uint64_t pa, size_t len);
	void *ctx;
};

struct acpi_register {
	uint64_t address; /* 0: none */
	bool is_io;       /* an I/O port, else memory */
	uint8_t width;    /* bits; 0: as the table's other fields say */
};

struct acpi_ioapic {
	uint64_t base;
	uint32_t gsi_base;
};

struct acpi_phys {
	bool has_fadt;
	bool has_madt;
	uint32_t bad_table_count; /* skipped: checksum, length, address */
	/* from the FADT and the DSDT */
	struct acpi_register pm1a_control;
	struct acpi_register pm1b_control;
	struct acpi_register pm_timer;
	struct acpi_register reset;
	uint8_t reset_value;
	uint8_t century_reg; /* of the RTC; 0: none */
	bool has_s5;         /* the two below are known */
	uint8_t s5_type_a;
	uint8_t s5_type_b;
	uint32_t smi_port;   /* 0: none; ACPI mode is on already */
	uint8_t acpi_enable; /* what to write there */
	/* from the MADT */
	uint32_t ioapic_count;
	struct acpi_ioapic ioapics[ACPI_PHYS_IOAPIC_MAX];
};

/**
 * acpi_phys_parse() - walk the tables from the RSDP on.
 * @rsdp: physical address, as the firmware gave it
 *
 * A bad table is counted and skipped; so what is found can be trusted as far as
 * checksums go, and is bounded whatever the bytes are.
 * Return: OK; ERR_NOENT if @rsdp is 0; ERR_INVALID if the RSDP or the root
 *	   table is bad.
 */
must_check enum status acpi_phys_parse(const struct acpi_window *w,
				       uint64_t rsdp, struct acpi_phys *out);

#endif
