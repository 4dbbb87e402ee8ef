/* test_vrtc.c - a PC's clock chip. */
#include "tests/lib/unit.h"

#include "drivers/virt/vrtc.h"

#define SECOND 1000000ull
/* Sunday, 2026-11-29 20:24:31 UTC, by date(1) */
#define NOW (1795983871ull * SECOND)

static struct vrtc rtc;
static struct io_bus bus;
static uint64_t now;

static uint64_t now_us(void *ctx)
{
	assert_ptr_equal(ctx, &bus);
	return now;
}

static const struct vrtc_ops ops = { now_us };

static int setup(void **state)
{
	(void)state;
	now = NOW;
	io_space_init(&bus.pio);
	vrtc_init(&rtc, &ops, &bus);
	assert_int_equal(vrtc_attach(&rtc, &bus), OK);
	return 0;
}

static void set(uint8_t reg, uint8_t value)
{
	io_space_write(&bus.pio, 0x70, 1, reg);
	io_space_write(&bus.pio, 0x71, 1, value);
}

static uint8_t get(uint8_t reg)
{
	io_space_write(&bus.pio, 0x70, 1, reg);
	return (uint8_t)io_space_read(&bus.pio, 0x71, 1);
}

/* century, year, month, day, weekday, hours, minutes, seconds */
static void is_now(const uint8_t want[8])
{
	static const uint8_t regs[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(get(regs[i]), want[i]);
	}
}

static void test_bcd_24_hours(void **state)
{
	static const uint8_t want[8] = { 0x20, 0x26, 0x11, 0x29,
					 0x01, 0x20, 0x24, 0x31 };

	(void)state;
	assert_int_equal(get(0xb), 0x02);
	is_now(want);
}

static void test_formats(void **state)
{
	static const uint8_t binary[8] = { 20, 26, 11, 29, 1, 20, 24, 31 };

	(void)state;
	set(0xb, 0x06);
	is_now(binary);
	set(0xb, 0x00); /* BCD, 12 hours */
	assert_int_equal(get(4), 0x88);
	now -= 8 * 3600 * SECOND; /* noon */
	assert_int_equal(get(4), 0x92);
	now -= 12 * 3600 * SECOND; /* midnight */
	assert_int_equal(get(4), 0x12);
}

static void test_dates(void **state)
{
	static const struct {
		uint64_t days;
		uint8_t want[8];
	} rows[] = {
		{ 0, { 0x19, 0x70, 0x01, 0x01, 0x05, 0, 0, 0 } },
		{ 58, { 0x19, 0x70, 0x02, 0x28, 0x07, 0, 0, 0 } },
		{ 59, { 0x19, 0x70, 0x03, 0x01, 0x01, 0, 0, 0 } },
		{ 11016, { 0x20, 0x00, 0x02, 0x29, 0x03, 0, 0, 0 } },
		{ 11322, { 0x20, 0x00, 0x12, 0x31, 0x01, 0, 0, 0 } },
		{ 47541, { 0x21, 0x00, 0x03, 0x01, 0x02, 0, 0, 0 } },
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
		now = rows[i].days * 86400 * SECOND;
		is_now(rows[i].want);
	}
}

/* Kernels wait for the end of an update to read. */
static void test_update_in_progress(void **state)
{
	(void)state;
	assert_int_equal(get(0xa), 0x26);
	now += SECOND - 2000;
	assert_int_equal(get(0xa), 0xa6);
	now += 2000;
	assert_int_equal(get(0xa), 0x26);
	assert_int_equal(get(0), 0x32);
}

static void test_what_can_be_written(void **state)
{
	static const uint8_t fixed[] = {
		0, 2, 4, 7, 8, 9, 0xa, 0xc, 0xd, 0x32
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		uint8_t before = get(fixed[i]);

		set(fixed[i], 0x55);
		assert_int_equal(get(fixed[i]), before);
	}
	set(0xb, 0xff); /* no interrupts, no daylight saving, no stop */
	assert_int_equal(get(0xb), 0x06);
	set(0x0e, 0x12);
	set(0xff, 0x34); /* bit 7 of the index is no address */
	assert_int_equal(get(0x0e), 0x12);
	assert_int_equal(get(0x7f), 0x34);
	assert_int_equal(io_space_read(&bus.pio, 0x70, 1), 0xff);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bcd_24_hours),
		T(test_formats),
		T(test_dates),
		T(test_update_in_progress),
		T(test_what_can_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
