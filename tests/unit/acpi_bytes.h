/*
 * acpi_bytes.h - a machine's tables, each in memory of exactly its length: a
 * byte read beyond one is found by the sanitizer.
 */
#ifndef TESTS_UNIT_ACPI_BYTES_H
#define TESTS_UNIT_ACPI_BYTES_H

#include "drivers/phys/acpi_phys.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/acpi.h>
#include <stdlib.h>

#define ACPI_BYTES_MAX 12u
#define ACPI_BYTES_PA  0x10000u /* of table i: (i + 1) * this */

struct acpi_bytes {
	uint32_t count;
	size_t len[ACPI_BYTES_MAX];
	uint8_t *at[ACPI_BYTES_MAX];
};

static inline void acpi_bytes_seal(uint8_t *p, size_t len, size_t sum_at)
{
	uint8_t sum = 0;

	p[sum_at] = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + p[i]);
	}
	p[sum_at] = (uint8_t)-sum;
}

static inline uint64_t acpi_bytes_put(struct acpi_bytes *b, const void *src,
				      size_t len)
{
	assert_true(b->count < ACPI_BYTES_MAX);
	b->at[b->count] = malloc(len);
	memcpy(b->at[b->count], src, len);
	b->len[b->count++] = len;
	return (uint64_t)b->count * ACPI_BYTES_PA;
}

/* A table: a header of that signature, @body behind it; its address. */
static inline uint64_t acpi_bytes_table(struct acpi_bytes *b,
					const char *signature, const void *body,
					size_t body_len)
{
	struct acpi_header h = { .revision = 1 };
	uint8_t whole[4096];

	assert_true(body_len <= sizeof(whole) - sizeof(h));
	memcpy(h.signature, signature, 4);
	h.length = (uint32_t)(sizeof(h) + body_len);
	memcpy(whole, &h, sizeof(h));
	memcpy(whole + sizeof(h), body, body_len);
	acpi_bytes_seal(whole, h.length,
			offsetof(struct acpi_header, checksum));
	return acpi_bytes_put(b, whole, h.length);
}

static inline const void *acpi_bytes_map(void *ctx, uint64_t pa, size_t len)
{
	struct acpi_bytes *b = ctx;
	uint64_t i = pa / ACPI_BYTES_PA;

	if (i == 0 || i > b->count || pa % ACPI_BYTES_PA != 0 ||
	    len > b->len[i - 1]) {
		return NULL;
	}
	return b->at[i - 1];
}

/* Parse all tables put so far; @b is empty again. */
static inline enum status acpi_bytes_parse(struct acpi_bytes *b,
					   struct acpi_phys *out)
{
	const struct acpi_window w = { acpi_bytes_map, b };
	struct acpi_rsdp rsdp = { .revision = 2, .length = sizeof(rsdp) };
	uint64_t tables[ACPI_BYTES_MAX];
	uint32_t count = b->count;
	enum status s;

	for (uint32_t i = 0; i < count; i++) {
		tables[i] = (i + 1ull) * ACPI_BYTES_PA;
	}
	rsdp.xsdt_address = acpi_bytes_table(b, ACPI_SIG_XSDT, tables,
					     count * sizeof(tables[0]));
	memcpy(rsdp.signature, ACPI_SIG_RSDP, 8);
	acpi_bytes_seal((uint8_t *)&rsdp, 20, 8);
	acpi_bytes_seal((uint8_t *)&rsdp, sizeof(rsdp), 32);
	s = acpi_phys_parse(&w, acpi_bytes_put(b, &rsdp, sizeof(rsdp)), out);
	for (uint32_t i = 0; i < b->count; i++) {
		free(b->at[i]);
	}
	b->count = 0;
	return s;
}

#endif
