/* test_vpit.c - the 8254's counters as arithmetic on a clock, and port 61H. */
#include "tests/lib/unit.h"

#include "drivers/virt/vpit.h"

static struct vpit pit;
static struct io_bus bus;
static uint64_t now;

static uint64_t ticks(void *ctx)
{
	assert_ptr_equal(ctx, &bus);
	return now;
}

static uint32_t loads, interrupts;
static bool level;

static void changed(void *ctx)
{
	assert_ptr_equal(ctx, &bus);
	loads++;
}

static void set_line(void *ctx, uint32_t pin, bool on)
{
	assert_ptr_equal(ctx, &pit);
	assert_int_equal(pin, 0);
	interrupts += on && !level;
	level = on;
}

static const struct vpit_ops ops = { ticks, changed };
static const struct irq_line line = { set_line, &pit, 0 };

static int setup(void **state)
{
	(void)state;
	now = 1000;
	loads = interrupts = 0;
	level = false;
	io_space_init(&bus.pio);
	vpit_init(&pit, &ops, &bus, &line);
	assert_int_equal(vpit_attach(&pit, &bus), OK);
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

static uint16_t in_word(uint16_t port)
{
	uint8_t low = in(port);

	return (uint16_t)(in(port) << 8 | low);
}

static void load(uint32_t channel, uint8_t mode, uint16_t count)
{
	out(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
	out((uint16_t)(0x40 + channel), (uint8_t)count);
	out((uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

static void test_mode_0_counts_down_once(void **state)
{
	(void)state;
	load(0, 0, 1000);
	assert_int_equal(in_word(0x40), 1000);
	now += 400;
	assert_int_equal(in_word(0x40), 600);
	now += 700; /* through zero: it goes on from FFFFH */
	assert_int_equal(in_word(0x40), 65536 - 100);
}

static void test_mode_2_and_3_repeat(void **state)
{
	(void)state;
	load(0, 2, 100);
	now += 1030;
	assert_int_equal(in_word(0x40), 70);
	load(0, 3, 100);
	now += 10;
	assert_int_equal(in_word(0x40), 80); /* by two */
	now += 50;
	assert_int_equal(in_word(0x40), 80);
	load(0, 6, 100); /* is mode 2 */
	now += 10;
	assert_int_equal(in_word(0x40), 90);
}

static void test_count_of_0_is_65536(void **state)
{
	(void)state;
	load(0, 2, 0);
	assert_int_equal(in_word(0x40), 0);
	now++;
	assert_int_equal(in_word(0x40), 65535);
	now += 65535;
	assert_int_equal(in_word(0x40), 0);
}

static void test_latch_holds_a_count(void **state)
{
	(void)state;
	load(0, 2, 0x1234);
	out(0x43, 0x00);
	now += 0x234;
	out(0x43, 0x00); /* the first one counts */
	assert_int_equal(in_word(0x40), 0x1234);
	assert_int_equal(in_word(0x40), 0x1000);
}

static void test_access_modes(void **state)
{
	(void)state;
	out(0x43, 0x14); /* counter 0, low byte, mode 2 */
	out(0x40, 0x80);
	assert_int_equal(in(0x40), 0x80);
	assert_int_equal(in(0x40), 0x80);
	out(0x43, 0x24); /* high byte */
	out(0x40, 0x12);
	assert_int_equal(in(0x40), 0x12);
	out(0x43, 0x00);
	assert_int_equal(in(0x40), 0x12);
}

static void test_read_back(void **state)
{
	(void)state;
	load(0, 2, 0x1234);
	load(1, 3, 10);
	out(0x43, 0xc2); /* count and status of counter 0 */
	now += 4;
	assert_int_equal(in(0x40), 0xb4); /* OUT, both bytes, mode 2 */
	assert_int_equal(in_word(0x40), 0x1234);
	assert_int_equal(in_word(0x40), 0x1230);
	out(0x43, 0xe4); /* status of counter 1 */
	assert_int_equal(in(0x41), 0xb6);
	out(0x43, 0x36);
	out(0x43, 0xe2); /* no count yet */
	assert_int_equal(in(0x40) & 0x40, 0x40);
}

/* The usual way to measure a clock: counter 2 in mode 0, by its gate. */
static void test_port_61(void **state)
{
	(void)state;
	out(0x61, 0x01);
	load(2, 0, 11932);
	assert_int_equal(in(0x61) & 0x21, 0x01);
	now += 11931;
	assert_int_equal(in(0x61) & 0x20, 0);
	now++;
	assert_int_equal(in(0x61) & 0x20, 0x20);
	out(0x61, 0x02);
	assert_int_equal(in(0x61) & 0x03, 0x02);
}

static void test_gate_stops_mode_0(void **state)
{
	(void)state;
	load(2, 0, 1000); /* the gate is low from the start */
	now += 5000;
	assert_int_equal(in_word(0x42), 1000);
	out(0x61, 0x01);
	now += 100;
	assert_int_equal(in_word(0x42), 900);
	out(0x61, 0x00);
	now += 100;
	assert_int_equal(in_word(0x42), 900);
	out(0x61, 0x01);
	now += 100;
	assert_int_equal(in_word(0x42), 800);
}

static void test_gate_starts_mode_1(void **state)
{
	(void)state;
	load(2, 1, 1000);
	now += 5000;
	assert_int_equal(in(0x61) & 0x20, 0x20);
	out(0x61, 0x01);
	now += 999;
	assert_int_equal(in(0x61) & 0x20, 0);
	now++;
	assert_int_equal(in(0x61) & 0x20, 0x20);
	out(0x61, 0x00);
	out(0x61, 0x01); /* again */
	assert_int_equal(in(0x61) & 0x20, 0);
}

static void test_refresh_bit_toggles(void **state)
{
	uint8_t first = in(0x61) & 0x10;

	(void)state;
	now += 18;
	assert_int_not_equal(in(0x61) & 0x10, first);
	now += 18;
	assert_int_equal(in(0x61) & 0x10, first);
}

/* IRQ 0 by polling, at the ticks that the poll names. */
static void test_irq_0_repeats(void **state)
{
	(void)state;
	assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
	load(0, 2, 100);
	assert_int_equal(loads, 1);
	assert_int_equal(vpit_poll(&pit), now + 100);
	now += 99;
	assert_int_equal(vpit_poll(&pit), now + 1);
	assert_int_equal(interrupts, 0);
	now += 1;
	assert_int_equal(vpit_poll(&pit), now + 100);
	assert_int_equal(vpit_poll(&pit), now + 100);
	assert_int_equal(interrupts, 1);
	now += 350; /* three, unseen: one interrupt, and no shift */
	assert_int_equal(vpit_poll(&pit), now + 50);
	assert_int_equal(interrupts, 2);
	assert_false(level);
	load(0, 3, 0);
	assert_int_equal(vpit_poll(&pit), now + 65536);
	now += 65536;
	(void)vpit_poll(&pit);
	assert_int_equal(interrupts, 3);
}

static void test_irq_0_once(void **state)
{
	static const uint8_t modes[] = { 0, 4 };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(modes); i++) {
		load(0, modes[i], 1000);
		assert_int_equal(vpit_poll(&pit), now + 1000);
		now += 1200;
		assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
		now += 70000;
		assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
		assert_int_equal(interrupts, i + 1);
	}
}

/* A control word stops it; modes 1 and 5 await a gate; others have no line. */
static void test_no_irq_0(void **state)
{
	(void)state;
	load(0, 2, 100);
	out(0x43, 0x34);
	now += 1000;
	assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
	load(0, 1, 100);
	assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
	load(0, 5, 100);
	assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
	loads = 0;
	load(1, 2, 100);
	load(2, 2, 100);
	assert_int_equal(loads, 0);
	now += 1000;
	assert_int_equal(vpit_poll(&pit), VPIT_NEVER);
	assert_int_equal(interrupts, 0);
}

static void test_nothing_else(void **state)
{
	struct vpit other;

	(void)state;
	assert_int_equal(in(0x43), 0xff);
	assert_int_equal(io_space_read(&bus.pio, 0x43, 2), 0xffff);
	vpit_init(&other, &ops, &bus, &line);
	assert_int_equal(vpit_attach(&other, &bus), ERR_EXIST);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_mode_0_counts_down_once),
		T(test_mode_2_and_3_repeat),
		T(test_count_of_0_is_65536),
		T(test_latch_holds_a_count),
		T(test_access_modes),
		T(test_read_back),
		T(test_port_61),
		T(test_gate_stops_mode_0),
		T(test_gate_starts_mode_1),
		T(test_refresh_bit_toggles),
		T(test_irq_0_repeats),
		T(test_irq_0_once),
		T(test_no_irq_0),
		T(test_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
