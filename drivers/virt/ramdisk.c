/*
 * ramdisk.c - a disk whose sectors are an image in memory.
 *
 * Invariants: the image stays and does not change; a size that is not a
 * multiple of 512 is cut, so that a sector never ends beyond the image.
 * Context: any CPU; requests end at once.
 */
#include "ramdisk.h"

#include <bh/nospec.h>
#include <bh/string.h>

static enum status ramdisk_read(struct blkdev *b, uint64_t sector,
				uint32_t count, void *dst)
{
	const struct ramdisk *r = CONTAINER_OF(b, struct ramdisk, dev);

	if (sector > b->sector_count || count > b->sector_count - sector) {
		return ERR_RANGE;
	}
	sector = index_nospec(sector, b->sector_count + 1);
	memcpy(dst, r->image + sector * SECTOR_SIZE,
	       (size_t)count * SECTOR_SIZE);
	return OK;
}

static const struct blkdev_ops ramdisk_ops = { .read = ramdisk_read };

/**
 * ramdisk_init() - a disk on @size bytes at @image.
 * @id: serial number, cut to 20 characters
 *
 * Return: OK; ERR_INVALID for an image shorter than a sector.
 */
enum status ramdisk_init(struct ramdisk *r, const void *image, uint64_t size,
			 const char *id)
{
	if (!image || size < SECTOR_SIZE) {
		return ERR_INVALID;
	}
	memset(r, 0, sizeof(*r));
	r->image = image;
	r->dev.ops = &ramdisk_ops;
	r->dev.sector_count = size / SECTOR_SIZE;
	r->dev.read_only = true;
	memcpy(r->dev.id, id, strnlen(id, sizeof(r->dev.id)));
	return OK;
}
