/*
 * vuart.c - a 16550A serial port, as the guest sees it.
 *
 * Output is instant: a byte written to THR is in the sink when the write
 * returns, so LSR always says "empty". Input waits in the 16-byte FIFO (in one
 * byte of it while the guest has the FIFO off).
 *
 * Interrupt causes, in the chip's order: line status, received data, THR empty,
 * modem status. The wire is active while an enabled cause exists and MCR.OUT2
 * is set (as PCs connect it).
 *
 * Invariants
 *  1. fifo_count <= the limit; bytes beyond it are refused by vuart_input().
 *  2. Every path that changes a cause ends in update_line().
 */
#include "vuart.h"

#include <bh/string.h>

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RX     0x01u
#define IER_THR    0x02u
#define IER_LINE   0x04u
#define IER_MODEM  0x08u
#define IER_BITS   0x0fu
#define IIR_NONE   0x01u
#define IIR_MODEM  0x00u
#define IIR_THR    0x02u
#define IIR_RX     0x04u
#define IIR_LINE   0x06u
#define IIR_FIFO   0xc0u
#define FCR_ENABLE 0x01u
#define FCR_CLEAR  0x02u
#define LCR_DLAB   0x80u
#define MCR_OUT2   0x08u
#define MCR_LOOP   0x10u
#define MCR_BITS   0x1fu
#define LSR_DATA   0x01u
#define LSR_ERROR  0x02u /* overrun */
#define LSR_EMPTY  0x60u /* THR and shift register */
#define MSR_READY  0xb0u /* CTS, DSR, DCD: somebody is there */

static uint8_t pending_cause(const struct vuart *u)
{
	if ((u->ier & IER_LINE) != 0 && u->is_overrun) {
		return IIR_LINE;
	}
	if ((u->ier & IER_RX) != 0 && u->fifo_count > 0) {
		return IIR_RX;
	}
	if ((u->ier & IER_THR) != 0 && u->thr_is_pending) {
		return IIR_THR;
	}
	if ((u->ier & IER_MODEM) != 0 && u->msr_delta != 0) {
		return IIR_MODEM;
	}
	return IIR_NONE;
}

static void update_line(struct vuart *u)
{
	bool level = pending_cause(u) != IIR_NONE && (u->mcr & MCR_OUT2) != 0;

	if (level != u->line_level) {
		u->line_level = level;
		irq_line_set(&u->line, level);
	}
}

static uint8_t fifo_limit(const struct vuart *u)
{
	return u->has_fifo ? VUART_FIFO_SIZE : 1;
}

static bool fifo_put(struct vuart *u, uint8_t byte)
{
	if (u->fifo_count >= fifo_limit(u)) {
		return false;
	}
	u->fifo[(u->fifo_head + u->fifo_count) % VUART_FIFO_SIZE] = byte;
	u->fifo_count++;
	return true;
}

static void tell_ready(struct vuart *u)
{
	if (u->sink.ready != NULL) {
		u->sink.ready(u->sink.ctx);
	}
}

static uint8_t fifo_take(struct vuart *u)
{
	uint8_t byte;

	if (u->fifo_count == 0) {
		return 0;
	}
	byte = u->fifo[u->fifo_head];
	u->fifo_head = (uint8_t)((u->fifo_head + 1) % VUART_FIFO_SIZE);
	u->fifo_count--;
	if (u->fifo_count == 0) {
		tell_ready(u);
	}
	return byte;
}

size_t vuart_input(struct vuart *u, const uint8_t *src, size_t len)
{
	size_t taken = 0;

	if ((u->mcr & MCR_LOOP) != 0) {
		return 0; /* the receiver is disconnected */
	}
	while (taken < len && fifo_put(u, src[taken])) {
		taken++;
	}
	update_line(u);
	return taken;
}

static void transmit(struct vuart *u, uint8_t byte)
{
	if ((u->mcr & MCR_LOOP) != 0) {
		if (!fifo_put(u, byte)) {
			u->is_overrun = true;
		}
	} else {
		u->tx_count++;
		u->sink.write(u->sink.ctx, &byte, 1);
	}
	u->thr_is_pending = true;
}

/* In loopback the modem's inputs are our own outputs. */
static uint8_t modem_inputs(const struct vuart *u)
{
	uint8_t m = u->mcr;

	if ((m & MCR_LOOP) == 0) {
		return MSR_READY;
	}
	/* RTS -> CTS, DTR -> DSR, OUT1 -> RI, OUT2 -> DCD */
	return (uint8_t)((m & 2) << 3 | (m & 1) << 5 | (m & 4) << 4 |
			 (m & 8) << 4);
}

static uint8_t read_iir(struct vuart *u)
{
	uint8_t cause = pending_cause(u);

	if (cause == IIR_THR) {
		u->thr_is_pending = false;
	}
	return (uint8_t)(cause | (u->has_fifo ? IIR_FIFO : 0));
}

static uint8_t read_lsr(struct vuart *u)
{
	uint8_t lsr = LSR_EMPTY;

	lsr |= u->fifo_count > 0 ? LSR_DATA : 0;
	lsr |= u->is_overrun ? LSR_ERROR : 0;
	u->is_overrun = false;
	return lsr;
}

/* The first two registers are the divisor while LCR.DLAB is set. */
static bool is_divisor(const struct vuart *u, uint32_t offset)
{
	return offset <= IER && (u->lcr & LCR_DLAB) != 0;
}

static uint8_t read_register(struct vuart *u, uint32_t offset)
{
	uint8_t v;

	if (is_divisor(u, offset)) {
		return u->divisor[offset];
	}
	switch (offset) {
	case RBR_THR:
		return fifo_take(u);
	case IER:
		return u->ier;
	case IIR_FCR:
		return read_iir(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return read_lsr(u);
	case MSR:
		v = modem_inputs(u) | u->msr_delta;
		u->msr_delta = 0;
		return v;
	default:
		return u->scratch;
	}
}

static void write_ier(struct vuart *u, uint8_t v)
{
	/* Enabling "THR empty" while it is empty raises it at once. */
	if ((v & IER_THR) != 0 && (u->ier & IER_THR) == 0) {
		u->thr_is_pending = true;
	}
	u->ier = v & IER_BITS;
}

static void write_fcr(struct vuart *u, uint8_t v)
{
	bool has_fifo = (v & FCR_ENABLE) != 0;

	if ((v & FCR_CLEAR) != 0 || has_fifo != u->has_fifo) {
		u->fifo_count = 0;
		u->fifo_head = 0;
		tell_ready(u);
	}
	u->has_fifo = has_fifo;
}

static void write_mcr(struct vuart *u, uint8_t v)
{
	uint8_t before = modem_inputs(u);
	uint8_t changed;

	u->mcr = v & MCR_BITS;
	changed = before ^ modem_inputs(u);
	/* Delta bits: CTS, DSR, trailing edge of RI, DCD. */
	u->msr_delta |= (changed >> 4) & 0x0b;
	if ((before & 0x40) != 0 && (changed & 0x40) != 0) {
		u->msr_delta |= 0x04;
	}
}

static void write_register(struct vuart *u, uint32_t offset, uint8_t v)
{
	if (is_divisor(u, offset)) {
		u->divisor[offset] = v;
		return;
	}
	switch (offset) {
	case RBR_THR:
		transmit(u, v);
		break;
	case IER:
		write_ier(u, v);
		break;
	case IIR_FCR:
		write_fcr(u, v);
		break;
	case LCR:
		u->lcr = v;
		break;
	case MCR:
		write_mcr(u, v);
		break;
	case SCR:
		u->scratch = v;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

static uint64_t vuart_read(void *dev, uint32_t offset, uint32_t size)
{
	struct vuart *u = dev;
	uint64_t v;

	if (size != 1) {
		return 0xffffffff; /* the chip has an 8-bit bus */
	}
	v = read_register(u, offset);
	update_line(u);
	return v;
}

static void vuart_write(void *dev, uint32_t offset, uint32_t size,
			uint64_t value)
{
	struct vuart *u = dev;

	if (size != 1) {
		return;
	}
	write_register(u, offset, (uint8_t)value);
	update_line(u);
}

static const struct vdev_ops vuart_vdev_ops = { "uart", vuart_read,
						vuart_write };

void vuart_init(struct vuart *u, const struct irq_line *line,
		const struct chardev_sink *sink)
{
	memset(u, 0, sizeof(*u));
	u->line = *line;
	u->sink = *sink;
}

enum status vuart_attach(struct vuart *u, struct io_bus *bus, uint16_t base)
{
	return io_space_add(&bus->pio, base, VUART_PORT_COUNT, &vuart_vdev_ops,
			    u);
}
