/*
 * vexit.c - a port whose write ends the partition, as QEMU's isa-debug-exit:
 * test kernels tell their result so. It reads as 0.
 */
#include "vexit.h"

static uint64_t vexit_read(void *dev, uint32_t offset, uint32_t size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0;
}

static void vexit_write(void *dev, uint32_t offset, uint32_t size,
			uint64_t value)
{
	struct vexit *x = dev;

	(void)offset;
	(void)size;
	x->end(x->ctx, x->port, (uint32_t)value);
}

static const struct vdev_ops vexit_ops = { "exit", vexit_read, vexit_write };

enum status vexit_attach(struct vexit *x, struct io_bus *bus, uint16_t port,
			 vexit_fn *end, void *ctx)
{
	*x = (struct vexit){ .end = end, .ctx = ctx, .port = port };
	return io_space_add(&bus->pio, port, VEXIT_PORT_COUNT, &vexit_ops, x);
}
