/*
 * vi8042.h - the keyboard controller, with a keyboard on which nobody types.
 */
#ifndef VIRT_VI8042_H
#define VIRT_VI8042_H

#include <bh/irq_line.h>
#include <bh/vdev.h>

#define VI8042_PORT_DATA    0x60u
#define VI8042_PORT_COMMAND 0x64u
#define VI8042_QUEUE        16u

struct vi8042 {
	struct irq_line line;     /* (c) GSI 1 */
	void (*reset)(void *ctx); /* (c) the guest pulsed the reset line */
	void *ctx;                /* (c) */
	uint8_t config;           /* the controller's command byte */
	uint8_t command;          /* waits for its data; 0: none does */
	uint8_t keyboard_command; /* the same of the keyboard */
	uint8_t output_port;
	uint8_t queue[VI8042_QUEUE]; /* bytes for the guest */
	uint8_t queue_at, queue_count;
};

/** vi8042_init() - as after power-on; @reset(@ctx) asks for a reset. */
void vi8042_init(struct vi8042 *k, const struct irq_line *line,
		 void (*reset)(void *ctx), void *ctx);

/** vi8042_attach() - claim the ports; what io_space_add() returns. */
must_check enum status vi8042_attach(struct vi8042 *k, struct io_bus *bus);

#endif
