/* test_uart16550.c - the serial driver against a UART made of a callback. */
#include "drivers/phys/uart16550.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>

#define PORT UART16550_COM1

enum { RBR, IER, FCR, LCR, MCR, LSR, MSR, SCR, REG_COUNT };

/* The UART: what was written, what it will say. */
struct model {
	bool is_absent;
	bool has_no_scratch;
	uint8_t regs[REG_COUNT];
	uint8_t divisor[2];
	uint8_t fcr;
	bool is_busy;         /* THRE never rises */
	uint32_t fifo;        /* bytes in the transmitter */
	uint32_t drain_polls; /* looks at LSR until the FIFO is empty */
	uint32_t polls_left;
	uint32_t overrun_count; /* bytes sent into a full FIFO */
	uint8_t rx_error_bits;
	char sent[65536];
	size_t sent_len;
	const char *rx;
	uint32_t nmis; /* that come while a register is read */
};

static struct model m;
static struct uart16550 u;
static bool is_in_nmi;

static void nmi(void)
{
	if (m.nmis > 0 && !is_in_nmi) {
		m.nmis--;
		is_in_nmi = true;
		uart16550_take(&u);
		is_in_nmi = false;
	}
}

static uint8_t model_lsr(void)
{
	uint8_t lsr = 0;

	if (m.fifo != 0 && !m.is_busy && m.polls_left-- == 0) {
		m.fifo = 0;
	}
	if (m.fifo == 0 && !m.is_busy) {
		lsr |= 0x60;
	}
	if (m.rx != NULL && *m.rx != '\0') {
		lsr |= 0x01 | m.rx_error_bits;
	}
	return lsr;
}

static uint32_t model_in(void *ctx, uint16_t port, uint32_t size)
{
	uint16_t reg = (uint16_t)(port - PORT);

	(void)ctx;
	assert_int_equal(size, 1);
	if (m.is_absent || reg >= REG_COUNT) {
		return 0xff;
	}
	nmi();
	if (reg == LSR) {
		return model_lsr();
	}
	if (reg == RBR && (m.regs[LCR] & 0x80) == 0) {
		return m.rx != NULL && *m.rx != '\0' ? (uint8_t)*m.rx++ : 0;
	}
	return m.regs[reg];
}

static void model_out(void *ctx, uint16_t port, uint32_t size, uint32_t value)
{
	uint16_t reg = (uint16_t)(port - PORT);

	(void)ctx;
	assert_int_equal(size, 1);
	if (m.is_absent) {
		return;
	}
	assert_true(reg < REG_COUNT);
	if ((m.regs[LCR] & 0x80) != 0 && reg <= 1) {
		m.divisor[reg] = (uint8_t)value;
	} else if (reg == RBR) {
		m.overrun_count += m.fifo >= 16;
		m.fifo++;
		m.polls_left = m.drain_polls;
		m.sent[m.sent_len++] = (char)value;
	} else if (reg == FCR) {
		m.fcr = (uint8_t)value;
	} else if (reg != SCR || !m.has_no_scratch) {
		m.regs[reg] = (uint8_t)value;
	}
}

static const struct fake_io model_io = { .in = model_in, .out = model_out };

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	fake_cpu_reset();
	fake_io_set(&model_io);
	return 0;
}

static int setup_ready(void **state)
{
	setup(state);
	assert_int_equal(uart16550_init(&u, PORT, 115200), OK);
	return 0;
}

static size_t put(const char *text)
{
	return uart16550_write(&u, (const uint8_t *)text, strlen(text));
}

static void test_probe(void **state)
{
	(void)state;
	m.regs[SCR] = 0x77;
	assert_true(uart16550_probe(PORT));
	assert_int_equal(m.regs[SCR], 0x77);
	m.is_absent = true;
	assert_false(uart16550_probe(PORT));
	assert_int_equal(uart16550_init(&u, PORT, 115200), ERR_NOENT);
	m.is_absent = false;
	m.has_no_scratch = true;
	assert_false(uart16550_probe(PORT));
}

static void test_init_programs_8n1(void **state)
{
	(void)state;
	m.regs[LCR] = 0; /* some start in 5-bit mode */
	m.regs[IER] = 0x0f;
	assert_int_equal(uart16550_init(&u, PORT, 9600), OK);
	assert_int_equal(m.regs[LCR], 0x03);
	assert_int_equal(m.divisor[0], 12);
	assert_int_equal(m.divisor[1], 0);
	assert_int_equal(m.regs[IER], 0);
	assert_int_equal(m.fcr & 0x07, 0x07);
	assert_int_equal(uart16550_init(&u, PORT, 50), OK);
	assert_int_equal(m.divisor[1], 9);
}

static void test_init_keeps_the_rate(void **state)
{
	(void)state;
	m.divisor[0] = 7; /* no rate that could be asked for */
	assert_int_equal(uart16550_init(&u, PORT, UART16550_BAUD_KEEP), OK);
	assert_int_equal(m.divisor[0], 7);
	assert_int_equal(m.regs[LCR], 0x03);
	assert_int_equal(m.regs[IER], 0);
}

static void test_init_refuses_rates(void **state)
{
	static const uint32_t bad[] = { 0, 49, 115201, 7000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(uart16550_init(&u, PORT, bad[i]), ERR_RANGE);
	}
}

static void test_write_touches_no_port(void **state)
{
	(void)state;
	fake_io_set(&model_io);
	assert_int_equal(put("hello"), 5);
	assert_int_equal(fake_io_in_count + fake_io_out_count, 0);
	assert_true(uart16550_tx_pending(&u));
}

static void test_poll_sends_one_fifo(void **state)
{
	(void)state;
	m.drain_polls = 3;
	put("0123456789abcdefGHIJ");
	uart16550_poll(&u, NULL, 0);
	assert_int_equal(m.sent_len, 16);
	uart16550_poll(&u, NULL, 0); /* still busy: nothing is pushed */
	assert_int_equal(m.sent_len, 16);
	for (int i = 0; i < 4; i++) {
		uart16550_poll(&u, NULL, 0);
	}
	assert_memory_equal(m.sent, "0123456789abcdefGHIJ", 20);
	assert_false(uart16550_tx_pending(&u));
	assert_int_equal(m.overrun_count, 0);
}

static void test_full_ring_takes_no_more(void **state)
{
	char text[1000];
	size_t taken = 0;
	size_t now;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	do {
		now = put(text);
		taken += now;
	} while (now != 0);
	assert_int_equal(taken, UART16550_TX_RING);
	assert_int_equal(uart16550_tx_room(&u), 0);
	uart16550_poll(&u, NULL, 0);
	assert_int_equal(uart16550_tx_room(&u), 16);
}

static void test_text_has_cr_lf(void **state)
{
	char text[64];
	size_t taken = 0;

	(void)state;
	uart16550_set_text(&u, true);
	put("a\nb\r\n");
	uart16550_write_sync(&u, NULL, 0);
	assert_string_equal(m.sent, "a\r\nb\r\n"); /* CR LF stays */
	memset(text, '\n', sizeof(text));
	put("x"); /* an odd byte: the last LF lacks room for its CR */
	for (int i = 0; i < 1000; i++) {
		taken += uart16550_write(&u, (uint8_t *)text, sizeof(text));
	}
	assert_int_equal(taken, (UART16550_TX_RING - 1) / 2);
	assert_int_equal(uart16550_tx_room(&u), 1);
}

static void test_receive(void **state)
{
	uint8_t rx[4];

	(void)state;
	assert_false(uart16550_has_input(&u));
	m.rx = "typed";
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 4);
	assert_memory_equal(rx, "type", 4);
	assert_true(uart16550_has_input(&u));
	m.rx = "!";
	m.rx_error_bits = 0x08;
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 2);
	assert_memory_equal(rx, "d!", 2);
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 0);
	assert_false(uart16550_has_input(&u));
	assert_int_equal(u.rx_count, 6);
	assert_int_equal(u.rx_error_count, 1);
}

/* NMIs take what comes, 16 bytes at a time, until somebody reads it. */
static void test_nmis_take_until_it_is_read(void **state)
{
	static uint8_t rx[2 * UART16550_RX_RING];
	uint32_t sent = 0;

	(void)state;
	while (sent < UART16550_RX_RING) {
		m.rx = "0123456789abcdef";
		uart16550_take(&u);
		assert_string_equal(m.rx, "");
		sent += 16;
	}
	m.rx = "late";
	uart16550_take(&u); /* no room: it stays where it is */
	assert_string_equal(m.rx, "late");
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), sent);
	for (uint32_t i = 0; i < sent; i++) {
		assert_int_equal(rx[i], "0123456789abcdef"[i % 16]);
	}
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 4);
	assert_memory_equal(rx, "late", 4);
}

static void test_nmi_while_bytes_are_taken(void **state)
{
	uint8_t rx[8];

	(void)state;
	m.rx = "abc";
	m.nmis = 100; /* at every look at the UART */
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 3);
	assert_memory_equal(rx, "abc", 3);
	assert_true(m.nmis < 100);
}

static void test_bytes_without_end(void **state)
{
	static char many[1001];

	(void)state;
	memset(many, 'x', sizeof(many) - 1);
	m.rx = many;
	uart16550_take(&u);
	assert_int_equal(strlen(m.rx), sizeof(many) - 1 - 64);
}

static void test_unplugged_while_running(void **state)
{
	uint8_t rx[64];

	(void)state;
	put("lost");
	m.is_absent = true; /* every register reads 0xff */
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 0);
	assert_true(uart16550_tx_pending(&u));
}

static void test_sync_sends_queue_first(void **state)
{
	(void)state;
	m.drain_polls = 2;
	put("first ");
	uart16550_write_sync(&u, (const uint8_t *)"then", 4);
	assert_string_equal(m.sent, "first then");
	assert_int_equal(m.overrun_count, 0);
}

static void test_sync_larger_than_ring(void **state)
{
	static uint8_t text[UART16550_TX_RING + 100];

	(void)state;
	memset(text, 'y', sizeof(text));
	uart16550_write_sync(&u, text, sizeof(text));
	assert_int_equal(m.sent_len, sizeof(text));
}

static void test_sync_gives_up_after_10_ms(void **state)
{
	uint64_t start;

	(void)state;
	uart16550_set_clock(&u, 1000); /* 1 MHz: 10 ms are 10,000 ticks */
	m.is_busy = true;
	start = fake_cpu.tsc;
	uart16550_write_sync(&u, (const uint8_t *)"panic", 5);
	assert_in_range(fake_cpu.tsc - start, 10000, 10100);
	assert_true(u.is_dead);
	start = fake_cpu.tsc;
	uart16550_write_sync(&u, (const uint8_t *)"again", 5);
	assert_in_range(fake_cpu.tsc - start, 0, 10);
}

static void test_sync_ends_without_a_clock(void **state)
{
	(void)state;
	fake_cpu.tsc_step = 0;
	m.is_busy = true;
	fake_io_set(&model_io);
	uart16550_write_sync(&u, (const uint8_t *)"panic", 5);
	assert_in_range(fake_io_in_count, 1, 300000);
	assert_true(u.is_dead);
}

static void test_without_uart_nothing_is_touched(void **state)
{
	uint8_t rx[4];

	(void)state;
	m.is_absent = true;
	assert_int_equal(uart16550_init(&u, PORT, 115200), ERR_NOENT);
	fake_io_set(&model_io);
	assert_int_equal(put("gone"), 4);
	assert_int_equal(uart16550_poll(&u, rx, sizeof(rx)), 0);
	uart16550_write_sync(&u, (const uint8_t *)"gone", 4);
	uart16550_rx_irq(&u, true);
	assert_int_equal(uart16550_tx_room(&u), 0);
	assert_int_equal(fake_io_in_count + fake_io_out_count, 0);
}

static void test_rx_irq(void **state)
{
	(void)state;
	uart16550_rx_irq(&u, true);
	assert_int_equal(m.regs[IER], 1);
	assert_int_equal(m.regs[MCR] & 0x08, 0x08);
	uart16550_rx_irq(&u, false);
	assert_int_equal(m.regs[IER], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_probe, setup),
		cmocka_unit_test_setup(test_init_programs_8n1, setup),
		cmocka_unit_test_setup(test_init_refuses_rates, setup),
		cmocka_unit_test_setup(test_init_keeps_the_rate, setup),
		cmocka_unit_test_setup(test_write_touches_no_port, setup_ready),
		cmocka_unit_test_setup(test_poll_sends_one_fifo, setup_ready),
		cmocka_unit_test_setup(test_full_ring_takes_no_more,
				       setup_ready),
		cmocka_unit_test_setup(test_text_has_cr_lf, setup_ready),
		cmocka_unit_test_setup(test_receive, setup_ready),
		cmocka_unit_test_setup(test_nmis_take_until_it_is_read,
				       setup_ready),
		cmocka_unit_test_setup(test_nmi_while_bytes_are_taken,
				       setup_ready),
		cmocka_unit_test_setup(test_bytes_without_end, setup_ready),
		cmocka_unit_test_setup(test_unplugged_while_running,
				       setup_ready),
		cmocka_unit_test_setup(test_sync_sends_queue_first,
				       setup_ready),
		cmocka_unit_test_setup(test_sync_larger_than_ring, setup_ready),
		cmocka_unit_test_setup(test_sync_gives_up_after_10_ms,
				       setup_ready),
		cmocka_unit_test_setup(test_sync_ends_without_a_clock,
				       setup_ready),
		cmocka_unit_test_setup(test_without_uart_nothing_is_touched,
				       setup),
		cmocka_unit_test_setup(test_rx_irq, setup_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
