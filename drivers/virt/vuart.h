/*
 * vuart.h - a 16550A serial port, as the guest sees it.
 */
#ifndef VIRT_VUART_H
#define VIRT_VUART_H

#include <bh/chardev.h>
#include <bh/irq_line.h>
#include <bh/vdev.h>

#define VUART_COM1       0x3f8u
#define VUART_PORT_COUNT 8u
#define VUART_FIFO_SIZE  16u

struct vuart {
	struct irq_line line;     /* (c) */
	struct chardev_sink sink; /* (c) output, and "ready for input" */
	uint8_t ier, lcr, mcr, scratch;
	uint8_t divisor[2];
	uint8_t msr_delta;   /* low half of MSR; cleared by reading it */
	bool has_fifo;       /* FCR bit 0 */
	bool is_overrun;     /* LSR bit 1 */
	bool thr_is_pending; /* "transmitter empty" is not acknowledged yet */
	bool line_level;     /* what the wire shows now */
	uint8_t fifo[VUART_FIFO_SIZE];
	uint8_t fifo_head; /* oldest byte */
	uint8_t fifo_count;
	uint64_t tx_count; /* bytes that the guest sent */
};

/** vuart_init() - a port after reset; @line and @sink are copied. */
void vuart_init(struct vuart *u, const struct irq_line *line,
		const struct chardev_sink *sink);
/** vuart_attach() - claim 8 ports from @base on. */
must_check enum status vuart_attach(struct vuart *u, struct io_bus *bus,
				    uint16_t base);

/**
 * vuart_input() - bytes arrive from the other end.
 * Return: bytes taken; the rest has to wait for sink.ready().
 */
size_t vuart_input(struct vuart *u, const uint8_t *src, size_t len);

#endif
