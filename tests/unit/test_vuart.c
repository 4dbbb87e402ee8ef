/* test_vuart.c - the 16550A as a kernel's driver probes and uses it (B54). */
#include "tests/lib/unit.h"

#include "drivers/virt/vuart.h"

#include <string.h>

enum { THR, IER, FCR, LCR, MCR, LSR, MSR, SCR };

static struct vuart u;
static struct io_bus bus;
static char out[256];
static size_t out_len;
static uint32_t ready_calls;
static bool level;
static uint32_t level_changes;

static void sink_write(void *ctx, const uint8_t *src, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len && out_len < sizeof(out) - 1; i++) {
		out[out_len++] = (char)src[i];
	}
}

static void sink_ready(void *ctx)
{
	(void)ctx;
	ready_calls++;
}

static void line_set(void *ctx, uint32_t pin, bool on)
{
	(void)ctx;
	assert_int_equal(pin, 4);
	assert_int_not_equal(on, level); /* only changes are told */
	level = on;
	level_changes++;
}

static int setup(void **state)
{
	const struct irq_line line = { line_set, NULL, 4 };
	const struct chardev_sink sink = { sink_write, sink_ready, NULL };

	(void)state;
	memset(out, 0, sizeof(out));
	out_len = 0;
	ready_calls = level_changes = 0;
	level = false;
	io_space_init(&bus.pio);
	vuart_init(&u, &line, &sink);
	assert_int_equal(vuart_attach(&u, &bus, VUART_COM1), OK);
	return 0;
}

static uint8_t in(uint32_t reg)
{
	return (uint8_t)io_space_read(&bus.pio, VUART_COM1 + reg, 1);
}

static void outb(uint32_t reg, uint8_t v)
{
	io_space_write(&bus.pio, VUART_COM1 + reg, 1, v);
}

static void test_output(void **state)
{
	(void)state;
	for (const char *s = "hello"; *s != '\0'; s++) {
		assert_int_equal(in(LSR)&0x60, 0x60);
		outb(THR, (uint8_t)*s);
	}
	assert_string_equal(out, "hello");
	assert_int_equal(u.tx_count, 5);
	assert_int_equal(level_changes, 0);
}

static void test_divisor_is_not_output(void **state)
{
	(void)state;
	outb(LCR, 0x83);
	outb(THR, 0x0c);
	outb(IER, 0x01);
	assert_int_equal(in(THR), 0x0c);
	assert_int_equal(in(IER), 0x01);
	outb(THR, 0); /* divisor 0 is remembered, nothing else */
	outb(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(out_len, 0);
}

/* What a driver does to find out that this is a 16550A, and no better. */
static void test_probe(void **state)
{
	(void)state;
	outb(SCR, 0x5a);
	assert_int_equal(in(SCR), 0x5a);
	outb(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	outb(IER, 0);
	assert_int_equal(in(IER), 0);
	outb(MCR, 0x10 | 0x0a); /* loopback: OUT2, RTS -> DCD, CTS */
	assert_int_equal(in(MSR)&0xf0, 0x90);
	outb(MCR, 0);
	outb(FCR, 0x01);
	assert_int_equal(in(FCR)&0xc0, 0xc0);
	outb(FCR, 0x21); /* no 64-byte FIFO */
	assert_int_equal(in(FCR)&0x20, 0);
	outb(FCR, 0);
	assert_int_equal(in(FCR)&0xc0, 0);
	outb(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
}

static void test_input_and_interrupt(void **state)
{
	(void)state;
	outb(FCR, 0x07);
	outb(MCR, 0x08);
	outb(IER, 0x01);
	assert_int_equal(vuart_input(&u, (const uint8_t *)"ab", 2), 2);
	assert_true(level);
	assert_int_equal(in(FCR)&0x0f, 0x04);
	assert_int_equal(in(LSR)&1, 1);
	assert_int_equal(in(THR), 'a');
	assert_true(level);
	ready_calls = 0;
	assert_int_equal(in(THR), 'b');
	assert_int_equal(ready_calls, 1);
	assert_false(level);
	assert_int_equal(in(FCR)&0x0f, 0x01);
	assert_int_equal(in(LSR)&1, 0);
	assert_int_equal(in(THR), 0); /* empty */
}

static void test_fifo_is_bounded(void **state)
{
	uint8_t bytes[100];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(vuart_input(&u, bytes, 100), 1); /* FIFO off */
	outb(FCR, 0x01);
	assert_int_equal(vuart_input(&u, bytes, 100), 16);
	assert_int_equal(vuart_input(&u, bytes, 100), 0);
	outb(FCR, 0x03); /* clear */
	assert_int_equal(in(LSR)&1, 0);
	for (uint32_t i = 0; i < 100; i++) { /* wrap the ring */
		assert_int_equal(vuart_input(&u, (uint8_t[]){ (uint8_t)i }, 1),
				 1);
		assert_int_equal(in(THR), i);
	}
}

static void test_thr_interrupt(void **state)
{
	(void)state;
	outb(MCR, 0x08);
	outb(IER, 0x02); /* THR is empty: at once */
	assert_true(level);
	assert_int_equal(in(FCR)&0x0f, 0x02); /* reading IIR clears it */
	assert_false(level);
	outb(THR, 'a');
	assert_true(level);
	assert_int_equal(in(FCR)&0x0f, 0x02);
	assert_false(level);
	outb(THR, 'b');
	outb(IER, 0);
	assert_false(level);
	assert_string_equal(out, "ab");
}

static void test_out2_gates_the_wire(void **state)
{
	(void)state;
	outb(IER, 0x02);
	assert_false(level);
	outb(MCR, 0x08);
	assert_true(level);
	outb(MCR, 0x00);
	assert_false(level);
}

static void test_loopback(void **state)
{
	(void)state;
	outb(MCR, 0x10);
	outb(THR, 'L');
	assert_int_equal(out_len, 0);
	assert_int_equal(in(THR), 'L');
	assert_int_equal(vuart_input(&u, (const uint8_t *)"a", 1), 0);
	outb(THR, '1');
	outb(THR, '2'); /* overrun: FIFO off */
	assert_int_equal(in(LSR)&0x03, 0x03);
	assert_int_equal(in(LSR)&0x03, 0x01); /* read once */
	in(MSR);
	outb(MCR, 0x12); /* RTS on: CTS changed */
	assert_int_equal(in(MSR)&0x1f, 0x11);
	assert_int_equal(in(MSR)&0x0f, 0);
	outb(MCR, 0x14); /* OUT1 on: RI rises, no trailing edge */
	in(MSR);
	outb(MCR, 0x10);
	assert_int_equal(in(MSR)&0x0f, 0x04);
}

static void test_wide_accesses(void **state)
{
	(void)state;
	io_space_write(&bus.pio, VUART_COM1, 4, 0x41424344);
	io_space_write(&bus.pio, VUART_COM1, 2, 0x4142);
	assert_int_equal(out_len, 0);
	assert_int_equal(io_space_read(&bus.pio, VUART_COM1 + 4, 2), 0xffff);
	outb(LSR, 0xff);
	outb(MSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_output),
		T(test_divisor_is_not_output),
		T(test_probe),
		T(test_input_and_interrupt),
		T(test_fifo_is_bounded),
		T(test_thr_interrupt),
		T(test_out2_gates_the_wire),
		T(test_loopback),
		T(test_wide_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
