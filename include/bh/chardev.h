/*
 * chardev.h - a two-way byte stream between a device model and whoever sits at
 * its other end (a console ring, an RPC session).
 */
#ifndef BH_CHARDEV_H
#define BH_CHARDEV_H

#include <bh/attr.h>

struct chardev_sink {
	/* take bytes that the guest sent; must accept all of them */
	void (*write)(void *ctx, const uint8_t *src, size_t len);
	/* the device can take input again (may be NULL) */
	void (*ready)(void *ctx);
	void *ctx;
};

#endif
