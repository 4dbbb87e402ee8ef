/*
 * vpit.h - the 8254 timer, and port 61H.
 */
#ifndef VIRT_VPIT_H
#define VIRT_VPIT_H

#include <bh/irq_line.h>
#include <bh/vdev.h>

#define VPIT_HZ            1193182u
#define VPIT_PORT_BASE     0x40u
#define VPIT_PORT_COUNT    4u
#define VPIT_PORT_CONTROL  0x61u
#define VPIT_CHANNEL_COUNT 3u
#define VPIT_NEVER         UINT64_MAX

struct vpit_ops {
	/* Ticks of VPIT_HZ since some moment; never goes back. */
	uint64_t (*ticks)(void *ctx);
	/* Counter 0 was loaded: vpit_poll() tells when it is due. */
	void (*changed)(void *ctx);
};

/* How a count's bytes go through the port. */
enum vpit_access { VPIT_LATCH, VPIT_LOW, VPIT_HIGH, VPIT_BOTH };

struct vpit_channel {
	uint8_t mode;   /* 0 .. 5 */
	uint8_t access; /* enum vpit_access, not VPIT_LATCH */
	uint8_t control;
	uint32_t reload;   /* 1 .. 65536 */
	uint64_t start;    /* tick at which counting began */
	uint64_t elapsed;  /* ... and for how long, while the gate is low */
	uint64_t edges;    /* counter 0: rises of OUT that the line has had */
	bool is_counting;  /* a count was written */
	bool has_gate;     /* it is high */
	bool write_high;   /* the next byte written is the high one */
	bool read_high;    /* the next byte read is the high one */
	uint8_t write_low; /* the low one */
	bool has_latch;    /* a count waits to be read */
	uint16_t latch;
	bool has_status; /* so does a status, before it */
	uint8_t status;
};

struct vpit {
	const struct vpit_ops *ops; /* (c) */
	void *ctx;                  /* (c) */
	struct irq_line line;       /* (c) counter 0's OUT: ISA IRQ 0 */
	uint8_t speaker;            /* port 61H, bit 1 */
	struct vpit_channel channels[VPIT_CHANNEL_COUNT];
};

/** vpit_init() - all counters stopped, counter 2's gate low. */
void vpit_init(struct vpit *pit, const struct vpit_ops *ops, void *ctx,
	       const struct irq_line *line);

/**
 * vpit_poll() - IRQ 0, if counter 0's OUT has risen since the last time; rises
 * that nobody looked at in between are one interrupt.
 * Return: the tick of the next, VPIT_NEVER if there will be none.
 */
uint64_t vpit_poll(struct vpit *pit);

/** vpit_attach() - claim the ports; what io_space_add() returns. */
must_check enum status vpit_attach(struct vpit *pit, struct io_bus *bus);

#endif
