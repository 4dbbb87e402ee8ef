/* test_rtc_phys.c - the CMOS clock: modes, updates in progress, nonsense. */
#include "drivers/phys/rtc_phys.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>

static uint8_t cmos[128];
static uint8_t at;
static uint32_t update_reads; /* register A shows an update so often */
static uint32_t ticks_per_second_read;
static uint32_t nmi_off_count;

static uint32_t model_in(void *ctx, uint16_t port, uint32_t size)
{
	uint8_t v = cmos[at];

	(void)ctx;
	assert_int_equal(port, 0x71);
	assert_int_equal(size, 1);
	if (at == 0x0a && update_reads > 0) {
		update_reads--;
		v |= 0x80;
	}
	if (at == 0x00 && ticks_per_second_read > 0) {
		ticks_per_second_read--;
		cmos[0]++; /* the second changes between two looks */
	}
	return v;
}

static void model_out(void *ctx, uint16_t port, uint32_t size, uint32_t value)
{
	(void)ctx;
	assert_int_equal(port, 0x70);
	assert_int_equal(size, 1);
	nmi_off_count += (value & 0x80) != 0;
	at = value & 0x7f;
}

static const struct fake_io model_io = { .in = model_in, .out = model_out };

static void set_date(uint8_t y, uint8_t mo, uint8_t d)
{
	cmos[9] = y;
	cmos[8] = mo;
	cmos[7] = d;
}

static void set_time(uint8_t h, uint8_t mi, uint8_t s)
{
	cmos[4] = h;
	cmos[2] = mi;
	cmos[0] = s;
}

static int setup(void **state)
{
	(void)state;
	memset(cmos, 0, sizeof(cmos));
	cmos[0x0b] = 0x02; /* BCD, 24 hours */
	set_date(0x24, 0x02, 0x29);
	set_time(0x12, 0x34, 0x56);
	update_reads = 0;
	ticks_per_second_read = 0;
	nmi_off_count = 0;
	fake_io_set(&model_io);
	return 0;
}

static void expect(uint8_t century_reg, uint64_t want)
{
	uint64_t seconds = 0;

	assert_int_equal(rtc_phys_read(century_reg, &seconds), OK);
	assert_int_equal(seconds, want);
}

static void test_bcd(void **state)
{
	(void)state;
	expect(0, 1709210096); /* 2024-02-29 12:34:56 UTC */
	assert_int_equal(nmi_off_count, 0);
}

static void test_binary(void **state)
{
	(void)state;
	cmos[0x0b] = 0x06;
	set_date(24, 2, 29);
	set_time(12, 34, 56);
	expect(0, 1709210096);
}

static void test_12_hours(void **state)
{
	(void)state;
	cmos[0x0b] = 0x00;
	expect(0, 1709210096 - 12 * 3600); /* 12:34 AM is 00:34 */
	cmos[4] = 0x12 | 0x80;
	expect(0, 1709210096); /* 12:34 PM */
	cmos[4] = 0x11 | 0x80;
	expect(0, 1709210096 + 11 * 3600); /* 11:34 PM */
}

static void test_centuries(void **state)
{
	(void)state;
	set_date(0x70, 0x01, 0x01);
	set_time(0, 0, 0);
	expect(0, 0);
	set_date(0x00, 0x01, 0x01);
	expect(0, 946684800);
	cmos[0x32] = 0x21; /* a century register: 2100 is no leap year */
	set_date(0x00, 0x03, 0x01);
	expect(0x32, 4107542400);
	cmos[0x32] = 0x99; /* nonsense there: the rule of thumb */
	set_date(0x00, 0x01, 0x01);
	expect(0x32, 946684800);
}

static void test_waits_for_an_update(void **state)
{
	(void)state;
	update_reads = 100;
	expect(0, 1709210096);
}

static void test_looks_again(void **state)
{
	(void)state;
	cmos[0] = 0x50;
	ticks_per_second_read = 3;
	expect(0, 1709210096 - 3); /* 53: two looks agreed at last */
}

static void test_no_chip(void **state)
{
	uint64_t seconds = 7;

	(void)state;
	fake_io_set(NULL); /* every port reads 0xff: an endless update */
	assert_int_equal(rtc_phys_read(0, &seconds), ERR_TIMEOUT);
	fake_io_set(&model_io);
	ticks_per_second_read = 1000;
	assert_int_equal(rtc_phys_read(0, &seconds), ERR_TIMEOUT);
	assert_int_equal(seconds, 7);
}

static void test_no_date(void **state)
{
	uint64_t seconds = 7;

	(void)state;
	set_date(0x24, 0x13, 0x01);
	assert_int_equal(rtc_phys_read(0, &seconds), ERR_HARDWARE);
	set_date(0x24, 0x00, 0x01);
	assert_int_equal(rtc_phys_read(0, &seconds), ERR_HARDWARE);
	set_date(0x24, 0x01, 0x32);
	assert_int_equal(rtc_phys_read(0, &seconds), ERR_HARDWARE);
	set_date(0x24, 0x01, 0x01);
	set_time(0x24, 0, 0);
	assert_int_equal(rtc_phys_read(0, &seconds), ERR_HARDWARE);
	assert_int_equal(seconds, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bcd, setup),
		cmocka_unit_test_setup(test_binary, setup),
		cmocka_unit_test_setup(test_12_hours, setup),
		cmocka_unit_test_setup(test_centuries, setup),
		cmocka_unit_test_setup(test_waits_for_an_update, setup),
		cmocka_unit_test_setup(test_looks_again, setup),
		cmocka_unit_test_setup(test_no_chip, setup),
		cmocka_unit_test_setup(test_no_date, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
