/*
 * uart16550.c - a serial port of the machine, that never holds us up.
 *
 * Bytes to send wait in a ring; uart16550_poll() fills the UART's 16-byte FIFO
 * when it is empty, and never waits for it. Only the panic path waits, bounded.
 * Received bytes go from the FIFO to a ring when the UART's NMI comes, whatever
 * the CPU is at: the FIFO is full in 1.4 ms. Without an NMI the poll does it.
 *
 * Invariants
 *  1. tx_head - tx_tail <= UART16550_TX_RING, the same for rx.
 *  2. Every loop here is bounded by a number of bytes, the caller's buffer, or
 *     a time limit: a port that answers 0xff forever costs one read.
 *  3. rx_head is moved by whoever set is_taking. An NMI that finds it set
 *     leaves its bytes to the one it interrupted, who looks again.
 *
 * Registers and bits: the PC16550D data sheet, "Registers".
 * Locks: none; one CPU uses a port (the console's owner sees to it), but for
 * the panic path.
 */
#include "uart16550.h"
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/time.h>
#include <bh/string.h>
#include <bh/sync.h>

/* clang-format off */
#define UART_RBR 0 /* read, DLAB=0: received byte */
#define UART_THR 0 /* write, DLAB=0: byte to send */
#define UART_DLL 0 /* DLAB=1: divisor, low byte */
#define UART_IER 1 /* DLAB=0: interrupt enable */
#define UART_DLM 1 /* DLAB=1: divisor, high byte */
#define UART_FCR 2 /* write: FIFO control */
#define UART_LCR 3 /* line control */
#define UART_MCR 4 /* modem control */
#define UART_LSR 5 /* line status */
#define UART_SCR 7 /* scratch */

#define IER_RX       0x01
#define FCR_ON_CLEAR 0x07 /* enable, clear receiver, clear transmitter */
#define LCR_8N1      0x03
#define LCR_DLAB     0x80
#define MCR_DTR_RTS  0x03
#define MCR_OUT2     0x08 /* gates the interrupt on a PC */
#define LSR_DR       0x01
#define LSR_ERRORS   0x1e /* overrun, parity, framing, break */
#define LSR_THRE     0x20
#define LSR_TEMT     0x40 /* the last bit has left the wire */
#define LSR_ABSENT   0xff
/* clang-format on */

#define UART_FIFO         16u
#define UART_TAKE_MAX     64u /* bytes at a time, if more come meanwhile */
#define UART_CLOCK        115200u
#define UART_WAIT_MS      10u
#define UART_WAIT_READS   200000u   /* while the TSC is not calibrated */
#define UART_WAIT_CEILING 10000000u /* even if the TSC stands still */

static uint8_t uart_in(const struct uart16550 *u, uint16_t reg)
{
	return io_in8((uint16_t)(u->port + reg));
}

static void uart_out(const struct uart16550 *u, uint16_t reg, uint8_t value)
{
	io_out8((uint16_t)(u->port + reg), value);
}

/** uart16550_probe() - does a UART answer at @port? Leaves it as it was. */
bool uart16550_probe(uint16_t port)
{
	uint16_t scratch = (uint16_t)(port + UART_SCR);
	uint8_t saved = io_in8(scratch);
	bool is_there = true;

	if (io_in8((uint16_t)(port + UART_LSR)) == LSR_ABSENT) {
		return false;
	}
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t pattern = i == 0 ? 0x5a : 0xa5;

		io_out8(scratch, pattern);
		is_there = is_there && io_in8(scratch) == pattern;
	}
	io_out8(scratch, saved);
	return is_there;
}

/**
 * uart16550_init() - 8 data bits, no parity, 1 stop bit, FIFOs on, no
 *interrupts.
 * @u:    where its state goes; all of it is set
 * @port: first of its 8 I/O ports
 * @baud: 50 .. 115200, a divisor of 115200; or UART16550_BAUD_KEEP
 *
 * The line control register is written whatever it was: some start in 5-bit
 * mode.
 * Return: OK; ERR_NOENT if no UART answers; ERR_RANGE for the baud rate. After
 *	   an error all other functions do nothing.
 */
enum status uart16550_init(struct uart16550 *u, uint16_t port, uint32_t baud)
{
	uint32_t divisor;

	memset(u, 0, offsetof(struct uart16550, rx));
	u->tx[UART16550_TX_RING - 1] = 0; /* uart_last() of nothing */
	if (baud != UART16550_BAUD_KEEP &&
	    (baud < 50 || baud > UART_CLOCK || UART_CLOCK % baud != 0)) {
		return ERR_RANGE;
	}
	if (!uart16550_probe(port)) {
		return ERR_NOENT;
	}
	u->port = port;
	uart_out(u, UART_LCR, LCR_8N1);
	uart_out(u, UART_IER, 0);
	if (baud != UART16550_BAUD_KEEP) {
		divisor = UART_CLOCK / baud;
		uart_out(u, UART_LCR, LCR_DLAB | LCR_8N1);
		uart_out(u, UART_DLL, (uint8_t)divisor);
		uart_out(u, UART_DLM, (uint8_t)(divisor >> 8));
		uart_out(u, UART_LCR, LCR_8N1);
	}
	uart_out(u, UART_FCR, FCR_ON_CLEAR);
	uart_out(u, UART_MCR, MCR_DTR_RTS | MCR_OUT2);
	return OK;
}

/** uart16550_set_clock() - let the synchronous write count time by the TSC. */
void uart16550_set_clock(struct uart16550 *u, uint32_t tsc_khz)
{
	u->tsc_khz = tsc_khz;
}

/** uart16550_set_text() - send a lone LF as CR LF, or bytes as are. */
void uart16550_set_text(struct uart16550 *u, bool is_text)
{
	u->is_text = is_text;
}

/** uart16550_tx_room() - bytes that uart16550_write() takes now. */
size_t uart16550_tx_room(const struct uart16550 *u)
{
	return u->port == 0 ? 0 : UART16550_TX_RING - (u->tx_head - u->tx_tail);
}

/** uart16550_tx_pending() - are bytes queued that the UART has not taken? */
bool uart16550_tx_pending(const struct uart16550 *u)
{
	return u->tx_head != u->tx_tail;
}

static void uart_queue(struct uart16550 *u, uint8_t byte)
{
	u->tx[u->tx_head++ & (UART16550_TX_RING - 1)] = byte;
}

/* The byte queued last; it stays in the ring after it was sent. */
static uint8_t uart_last(const struct uart16550 *u)
{
	return u->tx[(u->tx_head - 1) & (UART16550_TX_RING - 1)];
}

/**
 * uart16550_write() - queue what fits. Never waits, touches no port.
 * @uart: a struct uart16550 (as the log's sinks pass their context)
 *
 * Without a UART all bytes are taken and dropped, so that nobody waits for it.
 * Return: bytes taken.
 */
size_t uart16550_write(void *uart, const uint8_t *src, size_t len)
{
	struct uart16550 *u = uart;
	size_t room = uart16550_tx_room(u);
	size_t taken;

	if (u->port == 0) {
		return len;
	}
	for (taken = 0; taken < len; taken++) {
		bool has_cr = u->is_text && src[taken] == '\n' &&
			      uart_last(u) != '\r';
		size_t need = has_cr ? 2 : 1;

		if (need > room) {
			break;
		}
		room -= need;
		if (has_cr) {
			uart_queue(u, '\r');
		}
		uart_queue(u, src[taken]);
	}
	return taken;
}

/* The transmitter is empty: fill its FIFO. */
static void uart_fill(struct uart16550 *u)
{
	for (uint32_t i = 0; i < UART_FIFO && u->tx_head != u->tx_tail; i++) {
		uart_out(u, UART_THR,
			 u->tx[u->tx_tail++ & (UART16550_TX_RING - 1)]);
	}
}

/* Is there a byte for which the ring has room? @lsr: the state otherwise */
static bool uart_can_take(struct uart16550 *u, uint8_t *lsr)
{
	*lsr = uart_in(u, UART_LSR);
	return *lsr != LSR_ABSENT && (*lsr & LSR_DR) != 0 &&
	       u->rx_head - atomic_load32(&u->rx_tail) < UART16550_RX_RING;
}

static void uart_take_byte(struct uart16550 *u, uint8_t lsr)
{
	uint32_t at = u->rx_head & (UART16550_RX_RING - 1);

	u->rx_error_count += (lsr & LSR_ERRORS) != 0;
	u->rx[at] = uart_in(u, UART_RBR);
	atomic_store32(&u->rx_head, u->rx_head + 1);
}

/* Out of line: most NMIs are no UART's. */
static __attribute__((noinline)) void uart_take_bytes(struct uart16550 *u)
{
	uint32_t left = UART_TAKE_MAX;
	uint8_t lsr;

	do {
		u->is_taking = true;
		sync_compiler_barrier();
		for (; left > 0 && uart_can_take(u, &lsr); left--) {
			uart_take_byte(u, lsr);
		}
		sync_compiler_barrier();
		u->is_taking = false;
		/* an NMI may have come before that */
	} while (left > 0 && uart_can_take(u, &lsr));
}

/**
 * uart16550_take() - received bytes from the UART to the ring; what finds no
 * room stays in the UART. Never waits.
 * Context: the CPU that uses the port, from an NMI, too.
 */
void uart16550_take(struct uart16550 *u)
{
	if (u->port != 0 && !u->is_taking &&
	    (uart_in(u, UART_LSR) & LSR_DR) != 0) {
		uart_take_bytes(u);
	}
}

/**
 * uart16550_poll() - send up to a FIFO of queued bytes, if the UART is ready,
 * and move up to @max received bytes into @rx. Never waits.
 * Return: bytes received.
 */
size_t uart16550_poll(struct uart16550 *u, uint8_t *rx, size_t max)
{
	size_t got = 0;
	uint8_t lsr;

	if (u->port == 0) {
		return 0;
	}
	lsr = uart_in(u, UART_LSR);
	if (lsr == LSR_ABSENT) {
		return 0;
	}
	if ((lsr & LSR_THRE) != 0) {
		uart_fill(u);
	}
	uart16550_take(u);
	while (got < max && uart16550_has_input(u)) {
		rx[got++] = u->rx[u->rx_tail & (UART16550_RX_RING - 1)];
		atomic_store32(&u->rx_tail, u->rx_tail + 1);
	}
	u->rx_count += got;
	return got;
}

/* Wait for a bit of LSR; a UART that stays busy is dead from now on. */
static bool uart_wait(struct uart16550 *u, uint8_t bit)
{
	uint64_t limit = (uint64_t)u->tsc_khz * UART_WAIT_MS;
	uint64_t start = time_tsc();
	uint32_t reads;

	if (u->is_dead) {
		return false;
	}
	for (reads = 0; reads < UART_WAIT_CEILING; reads++) {
		uint8_t lsr = uart_in(u, UART_LSR);

		if (lsr == LSR_ABSENT) {
			break;
		}
		if ((lsr & bit) != 0) {
			return true;
		}
		if (limit != 0 ? time_tsc() - start > limit
			       : reads > UART_WAIT_READS) {
			break;
		}
		cpu_pause();
	}
	u->is_dead = true;
	return false;
}

/* Send everything that is queued; false if the UART is dead. */
static bool uart_flush(struct uart16550 *u)
{
	while (u->tx_head != u->tx_tail) { /* at most ring / FIFO rounds */
		if (!uart_wait(u, LSR_THRE)) {
			return false;
		}
		uart_fill(u);
	}
	return true;
}

/**
 * uart16550_write_sync() - send all queued bytes and these, to the last bit; a
 * UART that takes nothing for 10 ms is dead, and is not waited for again. For
 * panics.
 * @uart: a struct uart16550
 */
void uart16550_write_sync(void *uart, const uint8_t *src, size_t len)
{
	struct uart16550 *u = uart;

	if (u->port == 0) {
		return;
	}
	while (uart_flush(u) && len > 0) {
		size_t taken = uart16550_write(u, src, len);

		src += taken;
		len -= taken;
	}
	/* the machine may be switched off next: let the FIFO run empty */
	(void)uart_wait(u, LSR_TEMT);
}

/** uart16550_has_input() - do received bytes wait in the ring? */
bool uart16550_has_input(const struct uart16550 *u)
{
	return atomic_load32(&u->rx_head) != u->rx_tail;
}

/** uart16550_rx_irq() - raise an interrupt when bytes arrive, or stop to. */
void uart16550_rx_irq(struct uart16550 *u, bool is_on)
{
	if (u->port != 0) {
		uart_out(u, UART_IER, is_on ? IER_RX : 0);
	}
}
