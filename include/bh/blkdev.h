/*
 * blkdev.h - what a virtual disk is backed by: 512-byte sectors, any store.
 *
 * The model validates the guest's request; the backing store validates again
 * only what it owns (range). Requests end by calling done(), at once for a
 * store in RAM, later for a device; the caller must allow both.
 */
#ifndef BH_BLKDEV_H
#define BH_BLKDEV_H

#include <bh/status.h>
#include <stdbool.h>

#define SECTOR_SIZE 512u

struct blkdev;

struct blkdev_ops {
	/* copy @count sectors from @sector on into @dst; synchronous */
	enum status (*read)(struct blkdev *b, uint64_t sector, uint32_t count,
			    void *dst);
	/* write; NULL if the store is read-only */
	enum status (*write)(struct blkdev *b, uint64_t sector, uint32_t count,
			     const void *src);
	enum status (*flush)(struct blkdev *b); /* NULL: nothing to flush */
};

struct blkdev {
	const struct blkdev_ops *ops;
	void *store;
	uint64_t sector_count;
	bool read_only;
	char id[20]; /* serial, as VIRTIO_BLK_T_GET_ID gives it */
};

#endif
