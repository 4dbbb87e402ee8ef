/*
 * test_acpi_devices.c - MADT, MCFG, HPET and SPCR: what they say, and what is
 * made of nonsense.
 */
#include "acpi_bytes.h"

static struct acpi_bytes bytes;
static struct acpi_phys out;

/* One table alone. */
static void parse(const char *signature, const void *body, size_t len)
{
	acpi_bytes_table(&bytes, signature, body, len);
	assert_int_equal(acpi_bytes_parse(&bytes, &out), OK);
}

/* ---- MADT ---- */

/* clang-format off */
#define LAPIC(uid, id, flags) 0, 8, uid, id, flags, 0, 0, 0
#define X2APIC(id, flags) \
	9, 16, 0, 0, (id) & 0xff, (id) >> 8, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0
#define IOAPIC(base16, gsi) \
	1, 12, 9, 0, 0, 0, base16, 0xfe, gsi, 0, 0, 0
#define OVERRIDE(bus, irq, gsi, flags) \
	2, 10, bus, irq, gsi, 0, 0, 0, flags, 0
/* clang-format on */

static void parse_madt(const uint8_t *entries, size_t len)
{
	uint8_t body[2048] = { 0x00, 0x00, 0xe0, 0xfe, 1 }; /* LAPIC, flags */

	memcpy(body + 8, entries, len);
	parse(ACPI_SIG_MADT, body, 8 + len);
}

static void test_processors(void **state)
{
	static const uint8_t entries[] = {
		LAPIC(0, 0, 1),
		LAPIC(1, 2, 1),
		LAPIC(2, 4, 0),    /* not there */
		LAPIC(3, 6, 2),    /* not there yet */
		LAPIC(4, 0xff, 1), /* no ID */
		X2APIC(2, 1),      /* the same as above */
		X2APIC(256, 1),    /* x2APIC only */
		X2APIC(257, 3),    /* enabled counts, not the other bit */
		X2APIC(258, 2),    /* not there yet */
		0x7f,
		5,
		1,
		2,
		3, /* of the future */
	};
	static const uint32_t ids[] = { 0, 2, 256, 257 };

	(void)state;
	parse_madt(entries, sizeof(entries));
	assert_true(out.has_madt);
	assert_int_equal(out.bad_table_count, 0);
	assert_int_equal(out.cpu_count, ARRAY_COUNT(ids));
	assert_memory_equal(out.cpu_ids, ids, sizeof(ids));
	assert_int_equal(out.cpu_capable, 2);
	assert_int_equal(out.cpu_dropped, 0);
}

static void test_x2apic_of_no_id(void **state)
{
	uint8_t entry[] = { X2APIC(0, 1) };

	(void)state;
	memset(entry + 4, 0xff, 4);
	parse_madt(entry, sizeof(entry));
	assert_int_equal(out.cpu_count, 0);
}

static void test_more_processors_than_fit(void **state)
{
	uint8_t entries[100 * 8 + 10 * 12];

	(void)state;
	memset(entries, 0, sizeof(entries));
	for (uint32_t i = 0; i < 100; i++) {
		const uint8_t e[] = { LAPIC(0, (uint8_t)i, 1) };

		memcpy(entries + i * sizeof(e), e, sizeof(e));
	}
	for (uint32_t i = 0; i < 10; i++) {
		const uint8_t e[] = { IOAPIC(0xc0, (uint8_t)(i * 24)) };

		memcpy(entries + 800 + i * sizeof(e), e, sizeof(e));
	}
	parse_madt(entries, sizeof(entries));
	assert_int_equal(out.cpu_count, ACPI_PHYS_CPU_MAX);
	assert_int_equal(out.cpu_ids[63], 63);
	assert_int_equal(out.cpu_dropped, 100 - ACPI_PHYS_CPU_MAX);
	assert_int_equal(out.ioapic_count, ACPI_PHYS_IOAPIC_MAX);
	assert_int_equal(out.ioapics[7].gsi_base, 7 * 24);
}

static void expect_line(struct acpi_line l, uint32_t gsi, bool is_low)
{
	assert_int_equal(l.gsi, gsi);
	assert_int_equal(l.is_low, is_low);
}

static void test_isa_interrupts(void **state)
{
	static const uint8_t entries[] = {
		OVERRIDE(0, 0, 2, 0),     /* the PIT */
		OVERRIDE(0, 9, 9, 0x0d),  /* level, high */
		OVERRIDE(0, 3, 19, 0x0f), /* level, low */
		OVERRIDE(0, 5, 5, 0x02),  /* reserved polarity */
		OVERRIDE(1, 6, 30, 0x0f), /* not the ISA bus */
		OVERRIDE(0, 16, 31, 0),   /* the ISA has no such line */
		OVERRIDE(0, 255, 31, 0),
	};

	(void)state;
	parse_madt(entries, sizeof(entries));
	assert_int_equal(out.bad_table_count, 0);
	expect_line(out.isa_irqs[0], 2, false);
	expect_line(out.isa_irqs[3], 19, true);
	expect_line(out.isa_irqs[4], 4, false); /* not named: as on the ISA */
	expect_line(out.isa_irqs[5], 5, false);
	expect_line(out.isa_irqs[6], 6, false);
	expect_line(out.isa_irqs[9], 9, false);
	expect_line(acpi_phys_line(&out, 19), 19, true);
	expect_line(acpi_phys_line(&out, 4), 4, false);
	expect_line(acpi_phys_line(&out, 3), 3, false); /* nobody's now */
	expect_line(acpi_phys_line(&out, 20), 20, true);
}

static void test_isa_interrupts_without_tables(void **state)
{
	const struct acpi_window w = { acpi_bytes_map, &bytes };

	(void)state;
	assert_int_equal(acpi_phys_parse(&w, 0, &out), ERR_NOENT);
	for (uint32_t i = 0; i < ACPI_PHYS_ISA_IRQS; i++) {
		expect_line(out.isa_irqs[i], i, false);
	}
}

static void test_madt_cut_anywhere(void **state)
{
	static const uint8_t entries[] = { LAPIC(0, 0, 1), X2APIC(300, 1),
					   IOAPIC(0xc0, 0),
					   OVERRIDE(0, 0, 2, 0) };

	(void)state;
	for (size_t len = 0; len < sizeof(entries); len++) {
		parse_madt(entries, len);
		assert_true(out.cpu_count <= 2 && out.ioapic_count <= 1);
		expect_line(out.isa_irqs[0], 0, false);
	}
	parse(ACPI_SIG_MADT, entries, 7); /* shorter than the fixed part */
	assert_false(out.has_madt);
	assert_int_equal(out.bad_table_count, 1);
}

static void test_madt_entries_too_short_for_their_kind(void **state)
{
	static const uint8_t entries[] = { 0, 7, 0, 1, 1, 0, 0, 9,
					   2, 1, 3, 0, 2, 4, 0, 0 };

	(void)state;
	parse_madt(entries, 12);
	assert_int_equal(out.cpu_count, 0);
	parse_madt(entries + 12, 4);
	expect_line(out.isa_irqs[0], 0, false);
	assert_int_equal(out.bad_table_count, 0);
}

static void test_a_second_table_of_a_kind_is_bad(void **state)
{
	static const uint8_t first[] = {
		0, 0, 0, 0, 0, 0, 0, 0, LAPIC(0, 1, 1)
	};
	static const uint8_t second[] = {
		0, 0, 0, 0, 0, 0, 0, 0, LAPIC(0, 9, 1)
	};

	(void)state;
	acpi_bytes_table(&bytes, ACPI_SIG_MADT, first, sizeof(first));
	acpi_bytes_table(&bytes, "WAET", first, sizeof(first));
	acpi_bytes_table(&bytes, "WAET", first, sizeof(first)); /* not ours */
	parse(ACPI_SIG_MADT, second, sizeof(second));
	assert_int_equal(out.cpu_count, 1);
	assert_int_equal(out.cpu_ids[0], 1);
	assert_int_equal(out.bad_table_count, 1);
	assert_int_equal(out.table_count, 3);
}

/* ---- MCFG ---- */

static void parse_mcfg(const struct acpi_mcfg_range *r, uint32_t count,
		       size_t extra)
{
	uint8_t body[256] = { 0 };

	memcpy(body + 8, r, count * sizeof(*r));
	parse(ACPI_SIG_MCFG, body, 8 + count * sizeof(*r) + extra);
}

static void test_mcfg(void **state)
{
	static const struct acpi_mcfg_range r[] = {
		{ 0xb0000000, 0, 0, 255, 0 },
		{ 0x4000000000, 1, 16, 31, 0 },
	};

	(void)state;
	parse_mcfg(r, 2, 5); /* a torn third one */
	assert_int_equal(out.bad_table_count, 0);
	assert_int_equal(out.ecam_count, 2);
	assert_int_equal(out.ecams[0].base, 0xb0000000);
	assert_int_equal(out.ecams[0].last_bus, 255);
	assert_int_equal(out.ecams[1].base, 0x4000000000);
	assert_int_equal(out.ecams[1].segment, 1);
	assert_int_equal(out.ecams[1].first_bus, 16);
}

static void test_mcfg_nonsense(void **state)
{
	static const struct acpi_mcfg_range bad[] = {
		{ 0, 0, 0, 255, 0 },
		{ 0xb0001000, 0, 0, 255, 0 },
		{ 0xb0000000, 0, 9, 8, 0 },
		{ 0xfffffffffff00000, 0, 0, 1, 0 },
	};
	struct acpi_mcfg_range many[6];

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
		parse_mcfg(&bad[i], 1, 0);
		assert_int_equal(out.ecam_count, 0);
		assert_int_equal(out.bad_table_count, 1);
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(many); i++) {
		many[i] = (struct acpi_mcfg_range){ MIB(256) * (i + 1),
						    (uint16_t)i, 0, 255, 0 };
	}
	parse_mcfg(many, ARRAY_COUNT(many), 0);
	assert_int_equal(out.ecam_count, ACPI_PHYS_ECAM_MAX);
	parse_mcfg(many, 0, 0);
	assert_int_equal(out.ecam_count, 0);
	parse(ACPI_SIG_MCFG, "", 0); /* shorter than the fixed part */
	assert_int_equal(out.bad_table_count, 1);
}

/* ---- HPET ---- */

static void parse_hpet(uint8_t space, uint64_t base, size_t cut)
{
	struct acpi_hpet h = { .block_id = 0x8086a201,
			       .base = { .space_id = space, .address = base } };

	parse(ACPI_SIG_HPET, (uint8_t *)&h + 36, sizeof(h) - 36 - cut);
}

static void test_hpet(void **state)
{
	(void)state;
	parse_hpet(ACPI_SPACE_MEMORY, 0xfed00000, 0);
	assert_int_equal(out.hpet_base, 0xfed00000);
	assert_int_equal(out.bad_table_count, 0);
	parse_hpet(ACPI_SPACE_IO, 0xfed0, 0);
	assert_int_equal(out.hpet_base, 0);
	assert_int_equal(out.bad_table_count, 1);
	parse_hpet(ACPI_SPACE_MEMORY, 0, 0);
	assert_int_equal(out.hpet_base, 0);
	parse_hpet(ACPI_SPACE_MEMORY, 0xfed00004, 0); /* no 64-bit registers */
	assert_int_equal(out.hpet_base, 0);
	for (size_t cut = 1; cut <= 20; cut++) {
		parse_hpet(ACPI_SPACE_MEMORY, 0xfed00000, cut);
		assert_int_equal(out.hpet_base, 0);
		assert_int_equal(out.bad_table_count, 1);
	}
}

/* ---- SPCR ---- */

static struct acpi_spcr good_spcr(void)
{
	return (struct acpi_spcr){
		.interface_type = ACPI_SPCR_16550,
		.base = { .space_id = ACPI_SPACE_IO,
			  .bit_width = 8,
			  .address = 0x3e8 },
		.interrupt_type = ACPI_SPCR_IRQ_8259 | ACPI_SPCR_IRQ_IOAPIC,
		.irq = 3,
		.gsi = 5,
		.baud_rate = 7,
	};
}

static struct acpi_console console;
static const char *why_not;

/* Is that a console? A MADT beside it has IRQ 3 at GSI 19, active low. */
static bool has_console(const struct acpi_spcr *s, size_t cut)
{
	static const uint8_t madt[] = { 0, 0, 0,
					0, 0, 0,
					0, 0, OVERRIDE(0, 3, 19, 0x0f) };

	acpi_bytes_table(&bytes, ACPI_SIG_SPCR, (const uint8_t *)s + 36,
			 sizeof(*s) - 36 - cut);
	parse(ACPI_SIG_MADT, madt, sizeof(madt)); /* behind it in the XSDT */
	return acpi_phys_console(&out, &console, &why_not);
}

static void test_console(void **state)
{
	struct acpi_spcr s = good_spcr();

	(void)state;
	assert_true(has_console(&s, 0));
	assert_int_equal(console.port, 0x3e8);
	assert_int_equal(console.baud, 115200);
	assert_true(console.has_line);
	expect_line(console.line, 5, false);
	s.interrupt_type = ACPI_SPCR_IRQ_8259;
	assert_true(has_console(&s, 0));
	expect_line(console.line, 19, true);
	s.irq = 16;
	assert_true(has_console(&s, 0));
	assert_false(console.has_line);
	s.interrupt_type = 0;
	s.irq = 3;
	assert_true(has_console(&s, 0));
	assert_false(console.has_line);
}

static void test_console_kinds_and_rates(void **state)
{
	static const uint32_t bauds[] = { 0, 1,     1,      9600, 19200,
					  1, 57600, 115200, 1 };
	struct acpi_spcr s = good_spcr();

	(void)state;
	s.interface_type = ACPI_SPCR_16550_SUBSET;
	assert_true(has_console(&s, 0));
	s.interface_type = ACPI_SPCR_16550_GAS;
	assert_true(has_console(&s, 0));
	s.interface_type = 3; /* an Arm PL011 */
	assert_false(has_console(&s, 0));
	assert_string_equal(why_not, "it is no 16550");
	s.interface_type = ACPI_SPCR_16550;
	for (uint32_t i = 0; i < ARRAY_COUNT(bauds); i++) {
		bool is_known = bauds[i] != 1;

		s.baud_rate = (uint8_t)i;
		assert_int_equal(has_console(&s, 0), is_known);
		assert_true((why_not == NULL) == is_known);
		if (is_known) {
			assert_int_equal(console.baud, bauds[i]);
		}
	}
}

static void test_console_elsewhere(void **state)
{
	struct acpi_spcr s = good_spcr();

	(void)state;
	s.base.space_id = ACPI_SPACE_MEMORY;
	s.base.address = 0xfe000000;
	assert_false(has_console(&s, 0));
	assert_string_equal(why_not, "it is not at an I/O port");
	s.base.space_id = ACPI_SPACE_IO;
	assert_false(has_console(&s, 0));
	assert_string_equal(why_not, "there is no such I/O port");
	s.base.address = 0xfff9; /* its last register would be beyond */
	assert_false(has_console(&s, 0));
	s.base.address = 0xfff8;
	assert_true(has_console(&s, 0));
	s.base.bit_width = 32;
	assert_false(has_console(&s, 0));
	assert_string_equal(why_not, "its registers are wider than a byte");
	s.base.address = 0; /* "console redirection is disabled" */
	assert_false(has_console(&s, 0));
	assert_null(why_not);
}

static void test_spcr_lengths(void **state)
{
	struct acpi_spcr s = good_spcr();

	(void)state;
	assert_true(has_console(&s, 80 - 59)); /* up to the baud rate */
	for (size_t cut = 80 - 58; cut <= 44; cut++) {
		assert_false(has_console(&s, cut));
		assert_false(out.has_spcr);
		assert_null(why_not);
		assert_int_equal(out.bad_table_count, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processors),
		cmocka_unit_test(test_x2apic_of_no_id),
		cmocka_unit_test(test_more_processors_than_fit),
		cmocka_unit_test(test_isa_interrupts),
		cmocka_unit_test(test_isa_interrupts_without_tables),
		cmocka_unit_test(test_madt_cut_anywhere),
		cmocka_unit_test(test_madt_entries_too_short_for_their_kind),
		cmocka_unit_test(test_a_second_table_of_a_kind_is_bad),
		cmocka_unit_test(test_mcfg),
		cmocka_unit_test(test_mcfg_nonsense),
		cmocka_unit_test(test_hpet),
		cmocka_unit_test(test_console),
		cmocka_unit_test(test_console_kinds_and_rates),
		cmocka_unit_test(test_console_elsewhere),
		cmocka_unit_test(test_spcr_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
