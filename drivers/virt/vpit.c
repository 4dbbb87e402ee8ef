/*
 * vpit.c - the 8254 timer, and port 61H, for kernels that measure their clock
 * with it, or want to be interrupted by it.
 *
 * A counter is arithmetic on a tick count when somebody looks: nothing runs.
 * For counter 0's interrupt the owner looks when vpit_poll() said. Intel 8254
 * data sheet, "Mode Definitions": modes 1 and 5 need a rising gate to begin,
 * modes 0 and 4 stand still while it is low. Counts in BCD are taken as binary.
 *
 * Invariants
 *  1. channel.reload is 1 .. 65536, so nothing is divided by 0.
 *  2. channel.access is one of VPIT_LOW, VPIT_HIGH, VPIT_BOTH.
 */
#include "vpit.h"

#define CONTROL_CHANNEL(v)  ((v) >> 6 & 3u)
#define CONTROL_ACCESS(v)   ((v) >> 4 & 3u)
#define CONTROL_MODE(v)     ((v) >> 1 & 7u)
#define READ_BACK           3u
#define READ_BACK_NO_COUNT  0x20u
#define READ_BACK_NO_STATUS 0x10u

#define STATUS_OUT  0x80u
#define STATUS_NULL 0x40u /* no count was loaded yet */

#define PORT61_GATE    0x01u
#define PORT61_SPEAKER 0x02u
#define PORT61_REFRESH 0x10u
#define PORT61_OUT     0x20u
#define REFRESH_TICKS  18u /* 15 us */

#define RELOAD_MAX 65536u

static uint64_t vpit_now(const struct vpit *pit)
{
	return pit->ops->ticks(pit->ctx);
}

/* Ticks that the counter has counted. */
static uint64_t channel_elapsed(const struct vpit *pit,
				const struct vpit_channel *c)
{
	return c->has_gate ? vpit_now(pit) - c->start : c->elapsed;
}

static bool is_periodic(const struct vpit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static uint16_t channel_count(const struct vpit *pit,
			      const struct vpit_channel *c)
{
	uint64_t elapsed;

	if (!c->is_counting) {
		return (uint16_t)c->reload;
	}
	elapsed = channel_elapsed(pit, c);
	if (c->mode == 3) { /* by two, twice a period */
		return (uint16_t)(c->reload - 2 * elapsed % c->reload);
	}
	if (c->mode == 2) {
		return (uint16_t)(c->reload - elapsed % c->reload);
	}
	return (uint16_t)(c->reload - elapsed);
}

static bool channel_out(const struct vpit *pit, const struct vpit_channel *c)
{
	uint64_t elapsed;

	if (!c->is_counting) {
		return c->mode != 0;
	}
	elapsed = channel_elapsed(pit, c);
	switch (c->mode) {
	case 0:
	case 1:
		return elapsed >= c->reload;
	case 2:
		return elapsed % c->reload != c->reload - 1;
	case 3:
		return elapsed % c->reload < (c->reload + 1) / 2;
	default: /* a strobe of one tick */
		return elapsed != c->reload;
	}
}

static void channel_restart(const struct vpit *pit, struct vpit_channel *c)
{
	c->start = vpit_now(pit);
	c->elapsed = 0;
	c->edges = 0;
}

static void channel_load(struct vpit *pit, struct vpit_channel *c,
			 uint16_t count)
{
	c->reload = count != 0 ? count : RELOAD_MAX;
	/* Modes 1 and 5 wait for the gate. */
	c->is_counting = c->mode != 1 && c->mode != 5;
	channel_restart(pit, c);
	if (c == &pit->channels[0]) {
		pit->ops->changed(pit->ctx);
	}
}

static void channel_write(struct vpit *pit, struct vpit_channel *c,
			  uint8_t value)
{
	if (c->access == VPIT_LOW) {
		channel_load(pit, c, value);
	} else if (c->access == VPIT_HIGH) {
		channel_load(pit, c, (uint16_t)(value << 8));
	} else if (!c->write_high) {
		c->write_low = value;
		c->write_high = true;
	} else {
		c->write_high = false;
		channel_load(pit, c, (uint16_t)(value << 8 | c->write_low));
	}
}

static uint8_t channel_read(struct vpit *pit, struct vpit_channel *c)
{
	uint16_t count = c->has_latch ? c->latch : channel_count(pit, c);
	bool is_high = c->access == VPIT_HIGH ||
		       (c->access == VPIT_BOTH && c->read_high);

	if (c->has_status) {
		c->has_status = false;
		return c->status;
	}
	c->read_high = c->access == VPIT_BOTH && !c->read_high;
	if (!c->read_high) {
		c->has_latch = false;
	}
	return (uint8_t)(is_high ? count >> 8 : count);
}

static void channel_latch_count(const struct vpit *pit, struct vpit_channel *c)
{
	if (!c->has_latch) {
		c->latch = channel_count(pit, c);
		c->has_latch = true;
	}
}

static void channel_latch_status(const struct vpit *pit, struct vpit_channel *c)
{
	if (!c->has_status) {
		c->status = (uint8_t)((c->control & 0x3f) |
				      (channel_out(pit, c) ? STATUS_OUT : 0) |
				      (c->is_counting ? 0 : STATUS_NULL));
		c->has_status = true;
	}
}

static void vpit_read_back(struct vpit *pit, uint8_t value)
{
	for (uint32_t i = 0; i < VPIT_CHANNEL_COUNT; i++) {
		struct vpit_channel *c = &pit->channels[i];

		if ((value & 2u << i) == 0) {
			continue;
		}
		if ((value & READ_BACK_NO_COUNT) == 0) {
			channel_latch_count(pit, c);
		}
		if ((value & READ_BACK_NO_STATUS) == 0) {
			channel_latch_status(pit, c);
		}
	}
}

static void vpit_control(struct vpit *pit, uint8_t value)
{
	uint32_t n = CONTROL_CHANNEL(value);
	struct vpit_channel *c;

	if (n == READ_BACK) {
		vpit_read_back(pit, value);
		return;
	}
	c = &pit->channels[n];
	if (CONTROL_ACCESS(value) == VPIT_LATCH) {
		channel_latch_count(pit, c);
		return;
	}
	c->control = value;
	c->access = (uint8_t)CONTROL_ACCESS(value);
	/* 6 and 7 are 2 and 3 */
	c->mode = (uint8_t)(CONTROL_MODE(value) > 5 ? CONTROL_MODE(value) & 3
						    : CONTROL_MODE(value));
	c->is_counting = false;
	c->write_high = c->read_high = false;
	c->has_latch = c->has_status = false;
}

static uint64_t vpit_read(void *dev, uint32_t offset, uint32_t size)
{
	struct vpit *pit = dev;

	(void)size;
	return offset < VPIT_CHANNEL_COUNT
		       ? channel_read(pit, &pit->channels[offset])
		       : 0xff;
}

static void vpit_write(void *dev, uint32_t offset, uint32_t size,
		       uint64_t value)
{
	struct vpit *pit = dev;

	(void)size;
	if (offset < VPIT_CHANNEL_COUNT) {
		channel_write(pit, &pit->channels[offset], (uint8_t)value);
	} else {
		vpit_control(pit, (uint8_t)value);
	}
}

/* ---- port 61H ---- */

static uint64_t port61_read(void *dev, uint32_t offset, uint32_t size)
{
	const struct vpit *pit = dev;
	const struct vpit_channel *c = &pit->channels[2];

	(void)offset;
	(void)size;
	return (c->has_gate ? PORT61_GATE : 0) | pit->speaker |
	       (vpit_now(pit) / REFRESH_TICKS % 2 != 0 ? PORT61_REFRESH : 0) |
	       (channel_out(pit, c) ? PORT61_OUT : 0);
}

static void port61_write(void *dev, uint32_t offset, uint32_t size,
			 uint64_t value)
{
	struct vpit *pit = dev;
	struct vpit_channel *c = &pit->channels[2];
	bool has_gate = (value & PORT61_GATE) != 0;

	(void)offset;
	(void)size;
	pit->speaker = (uint8_t)(value & PORT61_SPEAKER);
	if (has_gate == c->has_gate) {
		return;
	}
	if (!has_gate) {
		c->elapsed = channel_elapsed(pit, c);
	} else if (c->mode == 0 || c->mode == 4) { /* it goes on */
		c->start = vpit_now(pit) - c->elapsed;
	} else {
		channel_restart(pit, c);
		c->is_counting = c->is_counting || !is_periodic(c);
	}
	c->has_gate = has_gate;
}

/* ---- IRQ 0 ---- */

uint64_t vpit_poll(struct vpit *pit)
{
	struct vpit_channel *c = &pit->channels[0];
	uint64_t edges;

	if (!c->is_counting) {
		return VPIT_NEVER;
	}
	edges = (vpit_now(pit) - c->start) / c->reload;
	if (!is_periodic(c)) {
		edges = edges > 1 ? 1 : edges;
	}
	if (edges > c->edges) {
		c->edges = edges;
		irq_line_set(&pit->line, true);
		irq_line_set(&pit->line, false);
	}
	if (edges > 0 && !is_periodic(c)) {
		return VPIT_NEVER;
	}
	return c->start + (edges + 1) * c->reload;
}

static const struct vdev_ops vpit_ops = { "pit", vpit_read, vpit_write };
static const struct vdev_ops port61_ops = { "port61", port61_read,
					    port61_write };

void vpit_init(struct vpit *pit, const struct vpit_ops *ops, void *ctx,
	       const struct irq_line *line)
{
	*pit = (struct vpit){ .ops = ops, .ctx = ctx, .line = *line };
	for (uint32_t i = 0; i < VPIT_CHANNEL_COUNT; i++) {
		pit->channels[i].access = VPIT_BOTH;
		pit->channels[i].reload = RELOAD_MAX;
		pit->channels[i].has_gate = i != 2; /* tied high */
	}
}

enum status vpit_attach(struct vpit *pit, struct io_bus *bus)
{
	enum status s = io_space_add(&bus->pio, VPIT_PORT_BASE, VPIT_PORT_COUNT,
				     &vpit_ops, pit);

	if (s == OK) {
		s = io_space_add(&bus->pio, VPIT_PORT_CONTROL, 1, &port61_ops,
				 pit);
	}
	return s;
}
