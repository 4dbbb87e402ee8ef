/* fuzz_boot_madt.c - any bytes as a MADT; the checksum is made right so that
 * the entries are reached. */
#include "boot/boot_madt.h"

#include <spec/acpi.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_cpus c;
	if (size < sizeof(struct acpi_madt) || size > 4096) {
		return 0;
	}
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	struct acpi_header h;
	memcpy(&h, copy, sizeof(h));
	memcpy(h.signature, ACPI_SIG_MADT, 4);
	h.length = (uint32_t)size;
	h.checksum = 0;
	memcpy(copy, &h, sizeof(h));
	for (size_t i = 0; i < size; i++) {
		h.checksum = (uint8_t)(h.checksum - copy[i]);
	}
	memcpy(copy, &h, sizeof(h));
	boot_cpus_init(&c, 0);
	(void)!boot_madt_cpus(copy, size, &c);
	if (c.count == 0 || c.count > BOOT_CPU_MAX) {
		abort();
	}
	free(copy);
	return 0;
}
