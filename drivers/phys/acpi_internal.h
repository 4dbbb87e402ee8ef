/* acpi_internal.h - between acpi_phys.c and acpi_devices.c: one parser a table.
 *
 * Each is given a whole table: @len is its header's length, at least a header,
 * the checksum is right. Return: false if the table is to count as bad.
 */
#ifndef DRIVERS_PHYS_ACPI_INTERNAL_H
#define DRIVERS_PHYS_ACPI_INTERNAL_H

#include "acpi_phys.h"

bool acpi_parse_madt(const uint8_t *table, size_t len, struct acpi_phys *out);
bool acpi_parse_mcfg(const uint8_t *table, size_t len, struct acpi_phys *out);
bool acpi_parse_hpet(const uint8_t *table, size_t len, struct acpi_phys *out);
bool acpi_parse_spcr(const uint8_t *table, size_t len, struct acpi_phys *out);

#endif
