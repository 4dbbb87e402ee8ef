/* virtio_rng.h - random bytes for a guest, from a callback. */
#ifndef VIRT_VIRTIO_RNG_H
#define VIRT_VIRTIO_RNG_H

#include "virtio_pci.h"

#define VIRTIO_RNG_QUEUE_SIZE  16
#define VIRTIO_RNG_REQUEST_MAX 4096u /* bytes of one answer */

struct virtio_rng_source {
	/* put at most @len random bytes at @dst; how many, at least 1 */
	size_t (*fill)(void *ctx, void *dst, size_t len);
	void *ctx;
};

struct virtio_rng {
	struct virtio_pci pci;
	struct virtio_rng_source source;
	struct virtqueue queue;
	struct virtqueue_req req;
};

must_check enum status virtio_rng_init(struct virtio_rng *r,
				       const struct virtio_pci_env *env,
				       const struct virtio_rng_source *source);

#endif
