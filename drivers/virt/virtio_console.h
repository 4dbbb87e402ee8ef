/* virtio_console.h - the guest's hvc0: a byte stream in each direction. */
#ifndef VIRT_VIRTIO_CONSOLE_H
#define VIRT_VIRTIO_CONSOLE_H

#include "virtio_pci.h"

#include <bh/chardev.h>
#include <spec/virtio_console.h>

#define VIRTIO_CONSOLE_QUEUE_SIZE  64
#define VIRTIO_CONSOLE_REQUEST_MAX KIB(64) /* bytes of one output buffer */

enum virtio_console_queue { VIRTIO_CONSOLE_RX, VIRTIO_CONSOLE_TX };

struct virtio_console {
	struct virtio_pci pci;
	struct chardev_sink sink;
	struct virtqueue queues[2];
	struct virtio_console_config config;
	struct virtqueue_req req;
	uint64_t out_bytes;
	uint64_t out_dropped_bytes; /* beyond VIRTIO_CONSOLE_REQUEST_MAX */
	uint64_t in_bytes;
};

must_check enum status virtio_console_init(struct virtio_console *c,
					   const struct virtio_pci_env *env,
					   const struct chardev_sink *sink);
size_t virtio_console_input(struct virtio_console *c, const uint8_t *bytes,
			    size_t len);

#endif
