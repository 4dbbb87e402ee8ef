/* test_boot_madt.c - processors from well-formed and from broken MADTs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_madt.h"

#include <spec/acpi.h>
#include <stdlib.h>

static uint8_t table[2048];
static uint32_t table_len;

static void table_begin(void)
{
	memset(table, 0, sizeof(table));
	memcpy(table, ACPI_SIG_MADT, 4);
	table_len = sizeof(struct acpi_madt);
}

static void table_add(const void *entry, size_t size)
{
	memcpy(table + table_len, entry, size);
	table_len += (uint32_t)size;
}

static void table_seal(void)
{
	uint8_t sum = 0;
	struct acpi_header *h = (void *)table;
	h->length = table_len;
	h->checksum = 0;
	for (uint32_t i = 0; i < table_len; i++) {
		sum = (uint8_t)(sum + table[i]);
	}
	h->checksum = (uint8_t)-sum;
}

static void add_cpu(uint8_t id, uint32_t flags)
{
	struct acpi_madt_local_apic e = { .entry = { 0, sizeof(e) },
					  .apic_id = id,
					  .flags = flags };
	table_add(&e, sizeof(e));
}

static void add_x2(uint32_t id, uint32_t flags)
{
	struct acpi_madt_local_x2apic e = { .entry = { 9, sizeof(e) },
					    .x2apic_id = id,
					    .flags = flags };
	table_add(&e, sizeof(e));
}

/* From a heap block of exactly table_len bytes, so that ASan sees overruns. */
static enum status parse(struct boot_cpus *c)
{
	table_seal();
	uint8_t *copy = malloc(table_len);
	memcpy(copy, table, table_len);
	enum status st = boot_madt_cpus(copy, table_len, c);
	free(copy);
	return st;
}

static void both_types_enabled_only(void **state)
{
	(void)state;
	struct boot_cpus c;
	static const uint8_t io_apic[12] = { 1, 12 };
	table_begin();
	add_cpu(0, 1);
	add_cpu(2, 1);
	table_add(io_apic, sizeof(io_apic));
	add_cpu(4, 0); /* disabled */
	add_cpu(5, 2); /* online capable only */
	add_cpu(0xff, 1);
	add_x2(0x200, 1);
	add_x2(0x201, 0);
	add_x2(0xffffffff, 1);
	boot_cpus_init(&c, 2);
	assert_int_equal(parse(&c), OK);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.ids[0], 2); /* the boot CPU stays first */
	assert_int_equal(c.ids[1], 0);
	assert_int_equal(c.ids[2], 0x200);
	assert_int_equal(c.dropped, 0);
}

static void too_many_are_counted(void **state)
{
	(void)state;
	struct boot_cpus c;
	table_begin();
	for (uint32_t i = 0; i < BOOT_CPU_MAX + 5; i++) {
		add_cpu((uint8_t)i, 1);
	}
	boot_cpus_init(&c, 0);
	assert_int_equal(parse(&c), OK);
	assert_int_equal(c.count, BOOT_CPU_MAX);
	assert_int_equal(c.dropped, 5);
}

static void short_entries(void **state)
{
	(void)state;
	struct boot_cpus c;
	for (uint8_t len = 0; len < 2; len++) {
		table_begin();
		add_cpu(1, 1);
		uint8_t bad[8] = { 0, len };
		table_add(bad, sizeof(bad));
		boot_cpus_init(&c, 0);
		assert_int_equal(parse(&c), ERR_INVALID);
		assert_int_equal(c.count, 2);
	}
	table_begin();
	uint8_t tiny[4] = { 9, 4 };
	table_add(tiny, sizeof(tiny)); /* too short for its type: skipped */
	uint8_t tiny0[2] = { 0, 2 };
	table_add(tiny0, sizeof(tiny0));
	boot_cpus_init(&c, 0);
	assert_int_equal(parse(&c), OK);
	assert_int_equal(c.count, 1);
}

static void entry_beyond_the_end(void **state)
{
	(void)state;
	struct boot_cpus c;
	table_begin();
	uint8_t bad[4] = { 0, 8, 0, 7 };
	table_add(bad, sizeof(bad));
	boot_cpus_init(&c, 0);
	assert_int_equal(parse(&c), ERR_INVALID);
	assert_int_equal(c.count, 1);
}

static void trailing_byte_is_ignored(void **state)
{
	(void)state;
	struct boot_cpus c;
	uint8_t one = 0;
	table_begin();
	add_cpu(3, 1);
	table_add(&one, 1);
	boot_cpus_init(&c, 0);
	assert_int_equal(parse(&c), OK);
	assert_int_equal(c.count, 2);
}

static void broken_headers(void **state)
{
	(void)state;
	struct boot_cpus c;
	struct acpi_header *h = (void *)table;
	boot_cpus_init(&c, 0);
	table_begin();
	add_cpu(1, 1);
	table_seal();
	assert_int_equal(boot_madt_cpus(table, 10, &c), ERR_INVALID);
	assert_int_equal(boot_madt_cpus(table, table_len - 1, &c), ERR_INVALID);
	h->checksum++;
	assert_int_equal(boot_madt_cpus(table, table_len, &c), ERR_INVALID);
	h->checksum--;
	h->signature[0] = 'X';
	assert_int_equal(boot_madt_cpus(table, table_len, &c), ERR_INVALID);
	h->signature[0] = 'A';
	h->length = 43;
	assert_int_equal(boot_madt_cpus(table, table_len, &c), ERR_INVALID);
	assert_int_equal(c.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_types_enabled_only),
		cmocka_unit_test(too_many_are_counted),
		cmocka_unit_test(short_entries),
		cmocka_unit_test(entry_beyond_the_end),
		cmocka_unit_test(trailing_byte_is_ignored),
		cmocka_unit_test(broken_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
