/* virtio_blk.h - a virtual disk on any struct blkdev. */
#ifndef VIRT_VIRTIO_BLK_H
#define VIRT_VIRTIO_BLK_H

#include "virtio_pci.h"

#include <bh/blkdev.h>
#include <spec/virtio_blk.h>

#define VIRTIO_BLK_QUEUE_SIZE  128
#define VIRTIO_BLK_REQUEST_MAX MIB(16) /* data bytes of one request */
#define VIRTIO_BLK_NOTIFY_MAX  MIB(16) /* after so many the rest waits */

struct virtio_blk {
	struct virtio_pci pci;
	struct blkdev *disk;
	struct virtqueue queue;
	struct virtio_blk_config config;
	struct virtqueue_req req; /* the one in work */
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t error_count; /* requests answered with IOERR or UNSUPP */
};

must_check enum status virtio_blk_init(struct virtio_blk *b,
				       const struct virtio_pci_env *env,
				       struct blkdev *disk);

#endif
