/*
 * vdev.h - how a device model is reached by the guest: port and memory windows.
 *
 * A device registers windows on its partition's io_bus. Handlers get the offset
 * within the window and a size of 1, 2 or 4 (ports) or 1, 2, 4 or 8 (memory);
 * an access never reaches beyond the window's end: the bus refuses straddling
 * accesses (reads give all ones, writes are dropped) before the device sees it.
 * Context: the exiting vCPU's CPU; handlers run to completion and never wait.
 */
#ifndef BH_VDEV_H
#define BH_VDEV_H

#include <bh/addr.h>
#include <bh/status.h>

struct vdev_ops {
	const char *name;
	uint64_t (*read)(void *dev, uint32_t offset, uint32_t size);
	void (*write)(void *dev, uint32_t offset, uint32_t size,
		      uint64_t value);
};

struct vdev_window {
	uint64_t base; /* first port or guest-physical address */
	uint64_t len;  /* ports or bytes */
	uint64_t span; /* nospec_span(len) */
	const struct vdev_ops *ops;
	void *dev;
	uint64_t access_count; /* (v) statistics */
};

#define IO_BUS_WINDOW_MAX 32

/* One address space (ports or memory): windows sorted by base, disjoint. */
struct io_space {
	struct vdev_window windows[IO_BUS_WINDOW_MAX];
	struct vdev_window *last_hit; /* a hint, always one of windows[] */
	uint32_t window_count;
	uint64_t last_miss;       /* the address nobody took last, or ~0 */
	uint64_t unclaimed_count; /* accesses that no window took */
};

struct io_bus {
	struct io_space pio;
	struct io_space mmio;
};

/** io_space_init() - an empty space. */
void io_space_init(struct io_space *s);
/**
 * io_space_add() - claim [@base, @base + @len) for @dev.
 * Return: OK; ERR_EXIST if it overlaps a window; ERR_LIMIT if full;
 *	   ERR_INVALID for an empty or wrapping range.
 */
must_check enum status io_space_add(struct io_space *s, uint64_t base,
				    uint64_t len, const struct vdev_ops *ops,
				    void *dev);

/** io_space_find() - the window that holds @addr, or NULL. */
struct vdev_window *io_space_find(struct io_space *s, uint64_t addr);
/** io_space_read() - serve a read; all ones (of @size bytes) if unclaimed. */
uint64_t io_space_read(struct io_space *s, uint64_t addr, uint32_t size);
/** io_space_write() - serve a write; dropped and counted if unclaimed. */
void io_space_write(struct io_space *s, uint64_t addr, uint32_t size,
		    uint64_t value);

#endif
