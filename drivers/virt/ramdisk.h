/* ramdisk.h - a read-only disk that is an image in the VMM's memory. */
#ifndef VIRT_RAMDISK_H
#define VIRT_RAMDISK_H

#include <bh/blkdev.h>

struct ramdisk {
	struct blkdev dev;
	const uint8_t *image;
};

must_check enum status ramdisk_init(struct ramdisk *r, const void *image,
				    uint64_t size, const char *id);

#endif
