/*
 * vrtc.h - the clock chip of a PC (MC146818) and its 114 bytes of memory.
 */
#ifndef VIRT_VRTC_H
#define VIRT_VRTC_H

#include <bh/vdev.h>

#define VRTC_PORT_BASE   0x70u
#define VRTC_PORT_COUNT  2u
#define VRTC_REG_CENTURY 0x32u
#define VRTC_REG_COUNT   128u

struct vrtc_ops {
	/* Microseconds since 1970, UTC; never goes back. */
	uint64_t (*now_us)(void *ctx);
};

struct vrtc {
	const struct vrtc_ops *ops; /* (c) */
	void *ctx;                  /* (c) */
	uint8_t index;              /* the register that port 71H shows */
	uint8_t regs[VRTC_REG_COUNT];
};

/** vrtc_init() - running, BCD, 24 hours, memory all 0. */
void vrtc_init(struct vrtc *r, const struct vrtc_ops *ops, void *ctx);

/** vrtc_attach() - claim the ports; what io_space_add() returns. */
must_check enum status vrtc_attach(struct vrtc *r, struct io_bus *bus);

#endif
