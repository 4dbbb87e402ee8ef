/*
 * fuzz_acpi_phys.c - tables of wild content whose checksums are right.
 *
 * The input is a row of {signature index, length} and bytes; the harness puts
 * each behind a header, fixes the sums and lists them in an XSDT, so that the
 * fuzzer gets past the checksums at once. Lengths in the headers are the
 * three times as long when its first byte has bit 7.
 */
#include "drivers/phys/acpi_phys.h"
#include <bh/string.h>
#include <spec/acpi.h>
#include <stdlib.h>

#define TABLE_MAX 6u
#define SLOT      0x400u
#define ROOT_AT   0x40u
#define FIRST_AT  0x200u
#define WINDOW    (FIRST_AT + TABLE_MAX * SLOT)

static uint8_t *mem;

static const void *fuzz_map(void *ctx, uint64_t pa, size_t len)
{
	(void)ctx;
	if (pa > WINDOW || len > WINDOW - pa) {
		return NULL;
	}
	/* a copy of exactly those bytes would be stricter, but never freed */
	return mem + pa;
}

/* What was found is bounded, and can be asked for everything. */
static void use(const struct acpi_phys *out, const uint32_t *ids)
{
	struct acpi_console console;
	const char *why_not;
	char text[200];

	if (out->ioapic_count > ACPI_PHYS_IOAPIC_MAX ||
	    out->cpu_count > ACPI_PHYS_CPU_MAX ||
	    out->ecam_count > ACPI_PHYS_ECAM_MAX) {
		abort();
	}
	for (uint32_t i = 0; i < out->ecam_count; i++) {
		if (out->ecams[i].base % MIB(1) != 0 ||
		    out->ecams[i].first_bus > out->ecams[i].last_bus) {
			abort();
		}
	}
	if (acpi_phys_console(out, &console, &why_not) &&
	    (console.port == 0 || console.port > 0xfff8)) {
		abort();
	}
	acpi_facts_line(out, text, sizeof(text));
	(void)acpi_cpus_differ(out, ids, 8, text, sizeof(text));
	if (strnlen(text, sizeof(text)) == sizeof(text) ||
	    acpi_phys_line(out, ids[0]).gsi != ids[0]) {
		abort();
	}
}

static void seal(size_t at, size_t len, size_t sum_at)
{
	uint8_t sum = 0;

	mem[at + sum_at] = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + mem[at + i]);
	}
	mem[at + sum_at] = (uint8_t)-sum;
}

static void put_table(size_t at, const char *signature, uint32_t len)
{
	memcpy(mem + at, signature, 4);
	memcpy(mem + at + 4, &len, 4);
	if (len <= WINDOW - at && len >= 36) {
		seal(at, len, offsetof(struct acpi_header, checksum));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = { "FACP", "DSDT", "APIC", "SPCR",
					     "MCFG", "SSDT", "HPET" };
	struct acpi_window window = { fuzz_map, NULL };
	struct acpi_rsdp rsdp = { .revision = 2, .xsdt_address = ROOT_AT };
	struct acpi_phys out;
	uint32_t count = 0;

	mem = calloc(1, WINDOW);
	while (size >= 3 && count < TABLE_MAX) {
		size_t at = FIRST_AT + count * SLOT;
		size_t body = (data[1] | (size_t)data[2] << 8) % (SLOT - 36);
		uint64_t pa = at;
		uint32_t len;

		body = body < size - 3 ? body : size - 3;
		memcpy(mem + at + 36, data + 3, body);
		if ((data[0] & 0x7f) % ARRAY_COUNT(kinds) ==
		    0) { /* a FADT shall find the next table */
			uint32_t dsdt = (uint32_t)(at + SLOT);

			memcpy(mem + at + 40, &dsdt, 4);
		}
		len = (uint32_t)(36 + body);
		put_table(at, kinds[(data[0] & 0x7f) % ARRAY_COUNT(kinds)],
			  data[0] & 0x80 ? len * 3 : len);
		memcpy(mem + ROOT_AT + 36 + count * 8, &pa, 8);
		data += 3 + body;
		size -= 3 + body;
		count++;
	}
	put_table(ROOT_AT, ACPI_SIG_XSDT, 36 + count * 8);
	memcpy(rsdp.signature, ACPI_SIG_RSDP, 8);
	memcpy(mem, &rsdp, sizeof(rsdp));
	seal(0, 20, 8);
	seal(0, 36, 32);
	if (acpi_phys_parse(&window, 0, &out) == OK) {
		abort(); /* address 0 is "none" */
	}
	memmove(mem + 0x10, mem, 36);
	if (acpi_phys_parse(&window, 0x10, &out) != OK) {
		abort();
	}
	use(&out, (const uint32_t *)(const void *)(mem + FIRST_AT));
	free(mem);
	return 0;
}
