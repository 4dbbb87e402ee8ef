/*
 * uart16550.h - a serial port of the machine, that never holds us up.
 */
#ifndef DRIVERS_PHYS_UART16550_H
#define DRIVERS_PHYS_UART16550_H

#include <bh/status.h>
#include <stdbool.h>

#define UART16550_COM1    0x3f8u
#define UART16550_COM2    0x2f8u
#define UART16550_TX_RING 16384u /* bytes, a power of two */
#define UART16550_RX_RING 8192u  /* 0.7 s at 115,200 baud */

#define UART16550_BAUD_KEEP 1u /* as the firmware left it */

struct uart16550 {
	uint16_t port;     /* (c) first of 8 I/O ports; 0: not initialised */
	bool is_text;      /* a person reads it: LF goes out as CR LF */
	bool is_dead;      /* it stopped sending during a synchronous write */
	uint32_t tsc_khz;  /* clock of the synchronous write; 0: count reads */
	uint32_t tx_head;  /* bytes ever queued, modulo 2^32 */
	uint32_t tx_tail;  /* bytes ever sent, modulo 2^32 */
	bool is_taking;    /* bytes go from the UART to the ring right now */
	uint32_t rx_head;  /* (a) bytes ever taken from the UART, modulo 2^32 */
	uint32_t rx_tail;  /* (a) bytes ever read, modulo 2^32 */
	uint64_t rx_count; /* bytes read */
	uint64_t rx_error_count; /* overrun, parity, framing, break */
	uint8_t rx[UART16550_RX_RING];
	uint8_t tx[UART16550_TX_RING];
};

/** uart16550_probe() - does a UART answer at @port? Leaves it as it was. */
bool uart16550_probe(uint16_t port);
/**
 * uart16550_init() - 8 data bits, no parity, 1 stop bit, FIFOs on, no
 * interrupts.
 * @baud: 50 .. 115200, a divisor of 115200; or UART16550_BAUD_KEEP
 * Return: OK; ERR_NOENT if no UART answers; ERR_RANGE for the baud rate.
 */
must_check enum status uart16550_init(struct uart16550 *u, uint16_t port,
				      uint32_t baud);
/** uart16550_set_clock() - let the synchronous write count time by the TSC. */
void uart16550_set_clock(struct uart16550 *u, uint32_t tsc_khz);
/** uart16550_set_text() - send a lone LF as CR LF, or bytes as are. */
void uart16550_set_text(struct uart16550 *u, bool is_text);
/** uart16550_write() - queue what fits; bytes taken. Never waits. */
size_t uart16550_write(void *uart, const uint8_t *src, size_t len);
/** uart16550_tx_room() - bytes that uart16550_write() takes now. */
size_t uart16550_tx_room(const struct uart16550 *u);
/** uart16550_has_input() - do received bytes wait in the ring? */
bool uart16550_has_input(const struct uart16550 *u);
/**
 * uart16550_take() - received bytes from the UART to the ring; what finds no
 * room stays in the UART. Never waits.
 * Context: the CPU that uses the port, from an NMI, too.
 */
void uart16550_take(struct uart16550 *u);
/** uart16550_tx_pending() - are bytes queued that the UART has not taken? */
bool uart16550_tx_pending(const struct uart16550 *u);
/**
 * uart16550_poll() - send up to a FIFO of queued bytes, if the UART is ready,
 * and move up to @max received bytes into @rx. Never waits.
 * Return: bytes received.
 */
size_t uart16550_poll(struct uart16550 *u, uint8_t *rx, size_t max);
/**
 * uart16550_write_sync() - send all queued bytes and these, to the last bit; a
 * UART that takes nothing for 10 ms is dead, and is not waited for again. For
 * panics.
 */
void uart16550_write_sync(void *uart, const uint8_t *src, size_t len);
/** uart16550_rx_irq() - raise an interrupt when bytes arrive, or stop to. */
void uart16550_rx_irq(struct uart16550 *u, bool is_on);

#endif
