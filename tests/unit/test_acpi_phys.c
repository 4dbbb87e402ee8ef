/*
 * test_acpi_phys.c - the machine's ACPI tables: found, checked, and refused in
 * every way that a firmware could get them wrong.
 */
#include "drivers/phys/acpi_phys.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/acpi.h>
#include <stdlib.h>

#define BASE       0x7f000000u
#define WINDOW     0x4000u
#define RSDP_AT    0x0u
#define ROOT_AT    0x100u
#define FADT_AT    0x400u
#define DSDT_AT    0x800u
#define MADT_AT    0x1000u
#define XSDT_LEN   (sizeof(struct acpi_header) + 2 * 8)
#define PM1A_PORT  0x604u
#define RESET_PORT 0xcf9u

static uint8_t *mem; /* physical [BASE, BASE + WINDOW) */
static struct acpi_phys out;

static const void *test_map(void *ctx, uint64_t pa, size_t len)
{
	(void)ctx;
	if (pa < BASE || pa - BASE > WINDOW || len > WINDOW - (pa - BASE)) {
		return NULL;
	}
	return mem + (pa - BASE);
}

static const struct acpi_window window = { test_map, NULL };

static void fix_sum(uint32_t at, size_t len, size_t sum_at)
{
	uint8_t sum = 0;

	mem[at + sum_at] = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + mem[at + i]);
	}
	mem[at + sum_at] = (uint8_t)-sum;
}

/* Set a table's header from its bytes. */
static void seal(uint32_t at, const char *signature, uint32_t len)
{
	memcpy(mem + at, signature, 4);
	memcpy(mem + at + 4, &len, 4);
	fix_sum(at, len, offsetof(struct acpi_header, checksum));
}

static void put_root(void)
{
	static const uint32_t tables[] = { FADT_AT, MADT_AT };
	struct acpi_rsdp rsdp = { .revision = 2,
				  .length = sizeof(rsdp),
				  .xsdt_address = BASE + ROOT_AT };

	memcpy(rsdp.signature, ACPI_SIG_RSDP, 8);
	memcpy(mem + RSDP_AT, &rsdp, sizeof(rsdp));
	fix_sum(RSDP_AT, 20, 8);
	fix_sum(RSDP_AT, sizeof(rsdp), 32);
	for (uint32_t i = 0; i < ARRAY_COUNT(tables); i++) {
		uint64_t pa = BASE + tables[i];

		memcpy(mem + ROOT_AT + 36 + i * 8, &pa, 8);
	}
	seal(ROOT_AT, ACPI_SIG_XSDT, XSDT_LEN);
}

static void put_dsdt(const uint8_t *aml, size_t len)
{
	memset(mem + DSDT_AT, 0, MADT_AT - DSDT_AT);
	memcpy(mem + DSDT_AT + 36, aml, len);
	seal(DSDT_AT, ACPI_SIG_DSDT, (uint32_t)(36 + len));
}

static struct acpi_fadt good_fadt(void)
{
	struct acpi_fadt f = { .dsdt = BASE + DSDT_AT,
			       .smi_cmd = 0xb2,
			       .acpi_enable = 0xf1,
			       .pm1a_cnt_blk = PM1A_PORT,
			       .pm1_cnt_len = 2,
			       .pm_tmr_blk = 0x608,
			       .pm_tmr_len = 4,
			       .century = 0x32,
			       .flags = ACPI_FADT_RESET_REG_SUP,
			       .reset_value = 0x0f };

	f.reset_reg.space_id = ACPI_SPACE_IO;
	f.reset_reg.bit_width = 8;
	f.reset_reg.address = RESET_PORT;
	return f;
}

static void put_fadt(const struct acpi_fadt *f, uint32_t len)
{
	memcpy(mem + FADT_AT, f, sizeof(*f));
	seal(FADT_AT, ACPI_SIG_FADT, len);
}

static void put_madt(const uint8_t *entries, size_t len)
{
	struct acpi_madt m = { .local_apic_address = 0xfee00000 };

	memcpy(mem + MADT_AT, &m, sizeof(m));
	memcpy(mem + MADT_AT + sizeof(m), entries, len);
	seal(MADT_AT, ACPI_SIG_MADT, (uint32_t)(sizeof(m) + len));
}

/* Name (\_S5, Package (4) {5, 5, 0, 0}) with noise before it */
static const uint8_t aml_s5[] = { '_',  'S',  '5',  '_',  0x08, '\\', '_',
				  'S',  '5',  '_',  0x12, 0x08, 0x04, 0x0a,
				  0x05, 0x0a, 0x05, 0x00, 0x00 };

static const uint8_t madt_entries[] = {
	0,    8,  0, 0, 1, 0, 0,    0,                /* CPU 0, enabled */
	0,    8,  1, 2, 1, 0, 0,    0,                /* CPU 2, enabled */
	0,    8,  2, 4, 0, 0, 0,    0,                /* CPU 4, not enabled */
	1,    12, 9, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, /* IOAPIC */
	9,    16, 0, 0, 0, 1, 0,    0,    1, 0, 0, 0,
	0,    0,  0, 0,    /* x2APIC 256 */
	0x7f, 5,  1, 2, 3, /* of the future */
};

static int setup(void **state)
{
	struct acpi_fadt f = good_fadt();

	(void)state;
	mem = calloc(1, WINDOW);
	put_root();
	put_dsdt(aml_s5, sizeof(aml_s5));
	put_fadt(&f, sizeof(f));
	put_madt(madt_entries, sizeof(madt_entries));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(mem);
	return 0;
}

static enum status parse(void)
{
	return acpi_phys_parse(&window, BASE + RSDP_AT, &out);
}

static void test_all_tables(void **state)
{
	(void)state;
	assert_int_equal(parse(), OK);
	assert_int_equal(out.bad_table_count, 0);
	assert_true(out.has_fadt && out.has_madt);
	assert_int_equal(out.pm1a_control.address, PM1A_PORT);
	assert_int_equal(out.pm1a_control.space, ACPI_SPACE_IO);
	assert_int_equal(out.pm1a_control.width, 16);
	assert_int_equal(out.pm1b_control.address, 0);
	assert_int_equal(out.pm_timer.address, 0x608);
	assert_int_equal(out.reset.address, RESET_PORT);
	assert_int_equal(out.reset_value, 0x0f);
	assert_int_equal(out.century_reg, 0x32);
	assert_true(out.has_s5);
	assert_int_equal(out.s5_type_a, 5);
	assert_int_equal(out.s5_type_b, 5);
	assert_int_equal(out.ioapic_count, 1);
	assert_int_equal(out.ioapics[0].base, 0xfec00000);
	assert_int_equal(out.cpu_count, 3);
	assert_int_equal(out.table_count, 2);
	assert_false(out.is_hw_reduced);
}

static void test_rsdt_of_acpi_1(void **state)
{
	struct acpi_rsdp rsdp = { .revision = 0,
				  .rsdt_address = BASE + ROOT_AT };
	uint32_t pa = BASE + MADT_AT;

	(void)state;
	memcpy(rsdp.signature, ACPI_SIG_RSDP, 8);
	memset(mem + RSDP_AT, 0xee, sizeof(rsdp));
	memcpy(mem + RSDP_AT, &rsdp, 20); /* what follows is not its own */
	fix_sum(RSDP_AT, 20, 8);
	memcpy(mem + ROOT_AT + 36, &pa, 4);
	seal(ROOT_AT, ACPI_SIG_RSDT, 36 + 4);
	assert_int_equal(parse(), OK);
	assert_true(out.has_madt);
	assert_false(out.has_fadt);
}

static void test_bad_roots(void **state)
{
	(void)state;
	assert_int_equal(acpi_phys_parse(&window, 0, &out), ERR_NOENT);
	assert_int_equal(acpi_phys_parse(&window, 0x1000, &out), ERR_INVALID);
	assert_int_equal(acpi_phys_parse(&window, BASE + WINDOW - 8, &out),
			 ERR_INVALID);
	mem[RSDP_AT]++;
	assert_int_equal(parse(), ERR_INVALID);
	mem[RSDP_AT]--;
	mem[RSDP_AT + 33]++; /* in the extended part only */
	assert_int_equal(parse(), ERR_INVALID);
	mem[RSDP_AT + 33]--;
	mem[ROOT_AT + 40]++;
	assert_int_equal(parse(), ERR_INVALID);
	mem[ROOT_AT + 40]--;
	seal(ROOT_AT, ACPI_SIG_RSDT, XSDT_LEN); /* at the XSDT's place */
	assert_int_equal(parse(), ERR_INVALID);
	seal(ROOT_AT, ACPI_SIG_XSDT, XSDT_LEN);
	assert_int_equal(parse(), OK);
}

static void test_bad_lengths(void **state)
{
	static const uint32_t lengths[] = { 0, 35, WINDOW, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		memcpy(mem + MADT_AT + 4, &lengths[i], 4);
		assert_int_equal(parse(), OK);
		assert_false(out.has_madt);
		assert_true(out.has_fadt);
		assert_int_equal(out.bad_table_count, 1);
		memcpy(mem + ROOT_AT + 4, &lengths[i], 4);
		assert_int_equal(parse(), ERR_INVALID);
		seal(ROOT_AT, ACPI_SIG_XSDT, XSDT_LEN);
	}
}

static void test_bad_sum_skips_one_table(void **state)
{
	(void)state;
	mem[FADT_AT + 60]++;
	assert_int_equal(parse(), OK);
	assert_false(out.has_fadt);
	assert_true(out.has_madt);
	assert_int_equal(out.bad_table_count, 1);
}

static void test_tables_nowhere(void **state)
{
	uint64_t wild[] = { 0, UINT64_MAX, BASE + WINDOW - 4, BASE - 36 };

	(void)state;
	memcpy(mem + ROOT_AT + 36, wild, sizeof(wild));
	seal(ROOT_AT, ACPI_SIG_XSDT, XSDT_LEN);
	assert_int_equal(parse(), OK);
	assert_int_equal(out.bad_table_count, 2);
	assert_false(out.has_fadt || out.has_madt);
}

static void test_short_fadt(void **state)
{
	struct acpi_fadt f = good_fadt();

	(void)state;
	put_fadt(&f, 116); /* ACPI 1.0: no reset register, no GAS */
	assert_int_equal(parse(), OK);
	assert_true(out.has_fadt && out.has_s5);
	assert_int_equal(out.reset.address, 0);
	put_fadt(&f, 100);
	assert_int_equal(parse(), OK);
	assert_false(out.has_fadt);
	assert_int_equal(out.bad_table_count, 1);
}

static void test_fadt_prefers_extended_fields(void **state)
{
	struct acpi_fadt f = good_fadt();

	(void)state;
	f.x_pm1a_cnt_blk.space_id = ACPI_SPACE_IO;
	f.x_pm1a_cnt_blk.bit_width = 16;
	f.x_pm1a_cnt_blk.address = 0x1804;
	f.x_pm_tmr_blk.space_id = 0x7f; /* of a kind that we do not know */
	f.x_pm_tmr_blk.address = 0x1808;
	f.reset_reg.space_id = ACPI_SPACE_MEMORY;
	f.reset_reg.address = 0xfed00000;
	put_fadt(&f, sizeof(f));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.pm1a_control.address, 0x1804);
	assert_int_equal(out.pm_timer.address, 0x608);
	assert_int_equal(out.reset.space, ACPI_SPACE_MEMORY);
	assert_int_equal(out.reset.address, 0xfed00000);
	f.x_pm1a_cnt_blk.address = 0x11804; /* no such port */
	put_fadt(&f, sizeof(f));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.pm1a_control.address, 0);
}

static void test_s5_shapes(void **state)
{
	static const uint8_t one[] = { 0x08, '_',  'S',  '5',  '_', 0x12,
				       0x06, 0x04, 0x01, 0x00, 0,   0 };
	static const uint8_t method[] = { 0x14, 0x08, '_',  'S',
					  '5',  '_',  0x00, 0xa4 };
	static const uint8_t other[] = { 0x08, '_', 'S', '5', '_', 0x0a, 5 };

	(void)state;
	put_dsdt(one, sizeof(one));
	assert_int_equal(parse(), OK);
	assert_true(out.has_s5);
	assert_int_equal(out.s5_type_a, 1);
	assert_int_equal(out.s5_type_b, 0);
	put_dsdt(method, sizeof(method));
	assert_int_equal(parse(), OK);
	assert_false(out.has_s5);
	put_dsdt(other, sizeof(other));
	assert_int_equal(parse(), OK);
	assert_false(out.has_s5);
	/* cut anywhere: never read beyond (ASan), at most not found */
	for (size_t len = 0; len < sizeof(aml_s5); len++) {
		put_dsdt(aml_s5, len);
		assert_int_equal(parse(), OK);
	}
}

static void test_bad_dsdt(void **state)
{
	(void)state;
	mem[DSDT_AT + 36]++;
	assert_int_equal(parse(), OK);
	assert_true(out.has_fadt);
	assert_false(out.has_s5);
	assert_int_equal(out.bad_table_count, 1);
}

static void test_reset_in_configuration_space(void **state)
{
	/* device, function, offset: 00:1f.2 register 0x64 is the good one */
	static const struct {
		uint64_t address;
		bool is_good;
	} rows[] = {
		{ 0x1f00020064, true },        { 0x2000020064, false },
		{ 0x1f00080064, false },       { 0x1f00020100, false },
		{ 0xffffffff00020064, false },
	};
	struct acpi_fadt f = good_fadt();

	(void)state;
	f.reset_reg.space_id = ACPI_SPACE_PCI_CONFIG;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		f.reset_reg.address = rows[i].address;
		put_fadt(&f, sizeof(f));
		assert_int_equal(parse(), OK);
		assert_int_equal(out.reset.address,
				 rows[i].is_good ? rows[i].address : 0);
		assert_int_equal(out.pm1a_control.address, PM1A_PORT);
	}
	/* PM1 cannot be there: the 32-bit port counts */
	f.x_pm1a_cnt_blk.space_id = ACPI_SPACE_PCI_CONFIG;
	f.x_pm1a_cnt_blk.address = 0x1f00020064;
	put_fadt(&f, sizeof(f));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.pm1a_control.address, PM1A_PORT);
	assert_int_equal(out.pm1a_control.space, ACPI_SPACE_IO);
}

static void test_hardware_reduced(void **state)
{
	struct acpi_fadt f = good_fadt();

	(void)state;
	f.flags |= ACPI_FADT_HW_REDUCED_ACPI;
	f.sleep_control_reg.space_id = ACPI_SPACE_IO;
	f.sleep_control_reg.bit_width = 8;
	f.sleep_control_reg.address = 0x600;
	put_fadt(&f, sizeof(f));
	assert_int_equal(parse(), OK);
	assert_true(out.is_hw_reduced && out.has_s5);
	assert_int_equal(out.sleep_control.address, 0x600);
	assert_int_equal(out.pm1a_control.address, 0);
	assert_int_equal(out.pm_timer.address, 0);
	assert_int_equal(out.smi_port, 0);
	assert_int_equal(out.reset.address, RESET_PORT);
	put_fadt(&f, 244); /* ends before the sleep registers */
	assert_int_equal(parse(), OK);
	assert_true(out.is_hw_reduced);
	assert_int_equal(out.sleep_control.address, 0);
}

/* Most have \_S5 in the DSDT, which counts; some in an SSDT. */
static void test_s5_in_an_ssdt(void **state)
{
	static const uint8_t one[] = { 0x08, '_',  'S',  '5',  '_', 0x12,
				       0x06, 0x04, 0x01, 0x00, 0,   0 };

	(void)state;
	memcpy(mem + MADT_AT + 36, one, sizeof(one));
	seal(MADT_AT, ACPI_SIG_SSDT, 36 + sizeof(one));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.s5_type_a, 5);
	put_dsdt(one, 4);
	assert_int_equal(parse(), OK);
	assert_true(out.has_s5);
	assert_int_equal(out.s5_type_a, 1);
}

static void test_second_fadt_is_bad(void **state)
{
	struct acpi_fadt f = good_fadt();

	(void)state;
	f.pm1a_cnt_blk = 0x1804;
	memcpy(mem + MADT_AT, &f, sizeof(f));
	seal(MADT_AT, ACPI_SIG_FADT, sizeof(f));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.pm1a_control.address, PM1A_PORT);
	assert_int_equal(out.bad_table_count, 1);
}

static void test_madt_entries_out_of_bounds(void **state)
{
	static const uint8_t zero[] = { 0, 0, 0, 0 };
	static const uint8_t one[] = { 0, 1, 0, 0 };
	static const uint8_t beyond[] = { 0, 8, 0, 0, 1 };
	static const uint8_t stump[] = { 0, 4, 0, 9, 1, 3, 0 };

	(void)state;
	put_madt(zero, sizeof(zero)); /* would never end */
	assert_int_equal(parse(), OK);
	assert_int_equal(out.ioapic_count, 0);
	assert_int_equal(out.bad_table_count, 1);
	put_madt(one, sizeof(one));
	assert_int_equal(parse(), OK);
	put_madt(beyond, sizeof(beyond));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.ioapic_count, 0);
	put_madt(stump, sizeof(stump)); /* too short for their types */
	assert_int_equal(parse(), OK);
	assert_int_equal(out.ioapic_count, 0);
}

static void test_madt_with_too_many(void **state)
{
	static uint8_t many[100 * 8 + 10 * 12];

	(void)state;
	memset(many, 0, sizeof(many));
	for (uint32_t i = 0; i < 100; i++) {
		many[i * 8 + 1] = 8;
		many[i * 8 + 3] = (uint8_t)i;
		many[i * 8 + 4] = 1;
	}
	for (uint32_t i = 0; i < 10; i++) {
		many[800 + i * 12] = 1;
		many[800 + i * 12 + 1] = 12;
	}
	put_madt(many, sizeof(many));
	assert_int_equal(parse(), OK);
	assert_int_equal(out.ioapic_count, ACPI_PHYS_IOAPIC_MAX);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_all_tables),
		CASE(test_rsdt_of_acpi_1),
		CASE(test_bad_roots),
		CASE(test_bad_lengths),
		CASE(test_bad_sum_skips_one_table),
		CASE(test_tables_nowhere),
		CASE(test_short_fadt),
		CASE(test_fadt_prefers_extended_fields),
		CASE(test_s5_shapes),
		CASE(test_bad_dsdt),
		CASE(test_reset_in_configuration_space),
		CASE(test_hardware_reduced),
		CASE(test_s5_in_an_ssdt),
		CASE(test_second_fadt_is_bad),
		CASE(test_madt_entries_out_of_bounds),
		CASE(test_madt_with_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
