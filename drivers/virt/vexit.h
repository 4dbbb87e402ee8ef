/*
 * vexit.h - a port whose write ends the partition, as QEMU's isa-debug-exit.
 */
#ifndef VIRT_VEXIT_H
#define VIRT_VEXIT_H

#include <bh/vdev.h>

#define VEXIT_PORT_COUNT 4u

/* The exit status that isa-debug-exit makes of a value. */
#define VEXIT_STATUS(value) ((uint32_t)(value) << 1 | 1)

/* Called from within the guest's port write. */
typedef void vexit_fn(void *ctx, uint16_t port, uint32_t value);

struct vexit {
	vexit_fn *end; /* (c) */
	void *ctx;     /* (c) */
	uint16_t port; /* (c) */
};

/**
 * vexit_attach() - @x at @port and the three behind it; writes there call
 * @end(@ctx). Return: what io_space_add() returns.
 */
must_check enum status vexit_attach(struct vexit *x, struct io_bus *bus,
				    uint16_t port, vexit_fn *end, void *ctx);

#endif
