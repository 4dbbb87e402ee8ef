/*
 * test_vi8042.c - a keyboard controller that a kernel can probe and set up; and
 * the exit port.
 */
#include "tests/lib/unit.h"

#include "drivers/virt/vexit.h"
#include "drivers/virt/vi8042.h"

static struct vi8042 kbc;
static struct io_bus bus;
static uint32_t resets, edges;
static bool level;

static void set_line(void *ctx, uint32_t pin, bool on)
{
	assert_ptr_equal(ctx, &bus);
	assert_int_equal(pin, 1);
	edges += on && !level;
	level = on;
}

static void reset(void *ctx)
{
	assert_ptr_equal(ctx, &kbc);
	resets++;
}

static int setup(void **state)
{
	const struct irq_line line = { set_line, &bus, 1 };

	(void)state;
	resets = edges = 0;
	level = false;
	io_space_init(&bus.pio);
	vi8042_init(&kbc, &line, reset, &kbc);
	assert_int_equal(vi8042_attach(&kbc, &bus), OK);
	return 0;
}

static void out(uint16_t port, uint8_t value)
{
	io_space_write(&bus.pio, port, 1, value);
}

static uint8_t in(uint16_t port)
{
	return (uint8_t)io_space_read(&bus.pio, port, 1);
}

/* The next byte, which has to be announced. */
static uint8_t take(void)
{
	assert_int_equal(in(0x64) & 1, 1);
	return in(0x60);
}

static void test_probe(void **state)
{
	(void)state;
	assert_int_equal(in(0x64), 0x14); /* nothing waits */
	out(0x64, 0xaa);
	assert_int_equal(take(), 0x55);
	out(0x64, 0xab);
	assert_int_equal(take(), 0);
	out(0x64, 0xa9); /* no second port */
	assert_int_equal(take(), 0xff);
	assert_int_equal(in(0x64) & 1, 0);
}

static void test_config(void **state)
{
	(void)state;
	out(0x64, 0x20);
	assert_int_equal(take(), 0x65);
	out(0x64, 0x60);
	assert_int_equal(in(0x64) & 0x08, 0x08);
	out(0x60, 0x45);
	out(0x64, 0x20);
	assert_int_equal(take(), 0x65); /* the second port stays off */
	out(0x64, 0xad);
	out(0x64, 0x20);
	assert_int_equal(take() & 0x10, 0x10);
	out(0x64, 0xae);
	out(0x64, 0xa8);
	out(0x64, 0x20);
	assert_int_equal(take(), 0x65);
}

static void test_keyboard(void **state)
{
	(void)state;
	out(0x60, 0xff);
	assert_int_equal(take(), 0xfa);
	assert_int_equal(take(), 0xaa);
	out(0x60, 0xf2);
	assert_int_equal(take(), 0xfa);
	assert_int_equal(take(), 0xab);
	assert_int_equal(take(), 0x83);
	out(0x60, 0xed);
	out(0x60, 0xff); /* an argument, not a reset */
	assert_int_equal(take(), 0xfa);
	assert_int_equal(take(), 0xfa);
	assert_int_equal(in(0x64) & 1, 0);
	out(0x60, 0xee);
	assert_int_equal(take(), 0xee);
	out(0x64, 0xd2); /* as if typed */
	out(0x60, 0x1e);
	assert_int_equal(take(), 0x1e);
	out(0x64, 0xd4); /* to nobody */
	out(0x60, 0xff);
	assert_int_equal(in(0x64) & 1, 0);
}

static void test_interrupt(void **state)
{
	(void)state;
	out(0x60, 0xff);
	assert_true(level);
	(void)take();
	assert_true(level);
	(void)take();
	assert_false(level);
	assert_int_equal(edges, 1);
	out(0x64, 0x60);
	out(0x60, 0x44); /* without interrupts */
	out(0x60, 0xee);
	assert_false(level);
	assert_int_equal(take(), 0xee);
}

static void test_reset_and_a20(void **state)
{
	(void)state;
	out(0x64, 0xd0);
	assert_int_equal(take(), 0x03);
	out(0x64, 0xd1);
	out(0x60, 0xdd); /* A20 off: it stays on */
	assert_int_equal(resets, 0);
	out(0x64, 0xd0);
	assert_int_equal(take(), 0xdf);
	out(0x64, 0xd1);
	out(0x60, 0xfe);
	assert_int_equal(resets, 1);
	out(0x64, 0xfe);
	assert_int_equal(resets, 2);
	out(0x64, 0xff); /* pulses nothing */
	assert_int_equal(resets, 2);
}

/* More answers than the queue holds: the last are lost, nothing else is. */
static void test_queue_is_bounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		out(0x60, 0xee);
	}
	for (uint32_t i = 0; i < VI8042_QUEUE; i++) {
		assert_int_equal(take(), 0xee);
	}
	assert_int_equal(in(0x64) & 1, 0);
	assert_int_equal(in(0x60), 0xee); /* the last one again */
}

static uint32_t ends;
static uint32_t end_value;

static void end(void *ctx, uint16_t port, uint32_t value)
{
	assert_ptr_equal(ctx, &ends);
	assert_int_equal(port, 0xf4);
	ends++;
	end_value = value;
}

static void test_exit_port(void **state)
{
	struct vexit x;

	(void)state;
	assert_int_equal(vexit_attach(&x, &bus, 0x62, end, &ends), ERR_EXIST);
	assert_int_equal(vexit_attach(&x, &bus, 0xf4, end, &ends), OK);
	assert_int_equal(in(0xf4), 0);
	assert_int_equal(ends, 0);
	out(0xf4, 0x10);
	assert_int_equal(ends, 1);
	assert_int_equal(end_value, 0x10);
	assert_int_equal(VEXIT_STATUS(end_value), 33);
	io_space_write(&bus.pio, 0xf4, 4, 0xffffffff);
	assert_int_equal(end_value, 0xffffffff);
	out(0xf8, 1);
	assert_int_equal(ends, 2);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_probe),         T(test_config),
		T(test_keyboard),      T(test_interrupt),
		T(test_reset_and_a20), T(test_queue_is_bounded),
		T(test_exit_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
