/* test_acpi_facts.c - the words about the machine's tables. */
#include "drivers/phys/acpi_phys.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/acpi.h>
#include <stdlib.h>
#include <string.h>

static struct acpi_phys a;

static int setup(void **state)
{
	(void)state;
	a = (struct acpi_phys){
		.has_fadt = true,
		.has_madt = true,
		.table_count = 7,
		.pm1a_control = { 0x604, ACPI_SPACE_IO, 16 },
		.pm_timer = { 0x608, ACPI_SPACE_IO, 32 },
		.reset = { 0xcf9, ACPI_SPACE_IO, 8 },
		.has_s5 = true,
		.cpu_count = 3,
		.cpu_ids = { 0, 2, 4 },
		.ioapic_count = 1,
		.hpet_base = 0xfed00000,
		.ecam_count = 1,
		.ecams = { { 0xb0000000, 0, 0, 255 } },
		.serial = { .base = { 0x2f8, ACPI_SPACE_IO, 8 },
			    .baud_code = 7 },
	};
	return 0;
}

static void expect(enum acpi_fact f, const char *text)
{
	char got[ACPI_FACT_MAX];

	assert_int_equal(acpi_fact_text(&a, f, got, sizeof(got)),
			 strcmp(text, "none") != 0);
	assert_string_equal(got, text);
}

static void test_all(void **state)
{
	char line[400];

	(void)state;
	acpi_facts_line(&a, line, sizeof(line));
	assert_string_equal(
		line,
		"tables 7, CPUs 3, I/O APICs 1, PM timer port 0x608, "
		"HPET 0xfed00000, ECAM 0xb0000000 segment 0 buses 0-255, "
		"console port 0x2f8, power-off port 0x604, reset port 0xcf9");
	assert_string_equal(acpi_fact_key(ACPI_FACT_PM_TIMER), "pm_timer");
}

static void test_variants(void **state)
{
	(void)state;
	a.bad_table_count = 2;
	expect(ACPI_FACT_TABLES, "7 and 2 bad");
	a.cpu_dropped = 5;
	expect(ACPI_FACT_CPUS, "8");
	a.cpu_capable = 4;
	expect(ACPI_FACT_CPUS, "8 and room for 4");
	a.ecam_count = 2;
	expect(ACPI_FACT_ECAM, "0xb0000000 segment 0 buses 0-255 and more");
	a.reset.space = ACPI_SPACE_MEMORY;
	a.reset.address = 0xfed80010;
	expect(ACPI_FACT_RESET, "0xfed80010");
	a.reset.space = ACPI_SPACE_PCI_CONFIG;
	a.reset.address = 0x1f00020064;
	expect(ACPI_FACT_RESET, "PCI 00:1f.2 register 0x64");
	a.is_hw_reduced = true;
	expect(ACPI_FACT_POWER_OFF, "none");
	a.sleep_control = (struct acpi_register){ 0x600, ACPI_SPACE_IO, 8 };
	expect(ACPI_FACT_POWER_OFF, "port 0x600");
	a.has_s5 = false;
	expect(ACPI_FACT_POWER_OFF, "none");
	a.serial.interface_type = 3;
	expect(ACPI_FACT_CONSOLE, "not used: it is no 16550");
}

static void test_nothing_known(void **state)
{
	char line[400];

	(void)state;
	memset(&a, 0, sizeof(a));
	for (uint32_t f = 0; f < ACPI_FACT_COUNT; f++) {
		expect((enum acpi_fact)f, "none");
	}
	acpi_facts_line(&a, line, sizeof(line));
	assert_string_equal(line, "");
}

/* Cut anywhere, never written beyond (ASan). */
static void test_small_buffers(void **state)
{
	const uint32_t others[] = { 1, 3, 5, 7 };

	(void)state;
	for (size_t size = 2; size < 300; size++) {
		char *p = malloc(size);

		acpi_facts_line(&a, p, size);
		assert_true(strlen(p) < size);
		assert_true(acpi_cpus_differ(&a, others, 4, p, size));
		assert_true(strlen(p) < size);
		free(p);
	}
}

static void test_same_processors(void **state)
{
	const uint32_t ids[] = { 4, 0, 2 }; /* in whatever order */
	char text[100] = "x";

	(void)state;
	assert_false(acpi_cpus_differ(&a, ids, 3, text, sizeof(text)));
	assert_string_equal(text, "");
	a.has_madt = false;
	assert_false(acpi_cpus_differ(&a, ids, 1, text, sizeof(text)));
	a.has_madt = true;
	a.cpu_count = 0;
	assert_false(acpi_cpus_differ(&a, ids, 3, text, sizeof(text)));
}

static void test_other_processors(void **state)
{
	const uint32_t ids[] = { 0, 2, 4, 6 };
	char text[100];

	(void)state;
	assert_true(acpi_cpus_differ(&a, ids, 1, text, sizeof(text)));
	assert_string_equal(text, "only the MADT has APIC ID 2 4");
	assert_true(acpi_cpus_differ(&a, ids, 4, text, sizeof(text)));
	assert_string_equal(text, "only the boot stage found APIC ID 6");
	assert_true(acpi_cpus_differ(&a, ids + 1, 3, text, sizeof(text)));
	assert_string_equal(text, "only the MADT has APIC ID 0; "
				  "only the boot stage found APIC ID 6");
	a.cpu_dropped = 1; /* 6 may be that one */
	assert_false(acpi_cpus_differ(&a, ids, 4, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all, setup),
		cmocka_unit_test_setup(test_variants, setup),
		cmocka_unit_test_setup(test_nothing_known, setup),
		cmocka_unit_test_setup(test_small_buffers, setup),
		cmocka_unit_test_setup(test_same_processors, setup),
		cmocka_unit_test_setup(test_other_processors, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
