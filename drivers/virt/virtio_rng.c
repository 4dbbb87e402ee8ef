/*
 * virtio_rng.c - VIRTIO 1.2, "Entropy Device": one queue of writable buffers.
 *
 * Invariants: an answer has at most VIRTIO_RNG_REQUEST_MAX bytes, however
 * large the buffer; the source fills our own memory, never the guest's.
 */
#include "virtio_rng.h"

#include <bh/string.h>

static void virtio_rng_serve(struct virtio_pci *p)
{
	struct virtio_rng *r = CONTAINER_OF(p, struct virtio_rng, pci);
	uint8_t bytes[256];
	size_t left = VIRTIO_RNG_REQUEST_MAX;

	while (left > 0 && r->req.writable.left > 0) {
		size_t want = sizeof(bytes);
		size_t got;

		want = want < left ? want : left;
		if (want > r->req.writable.left) {
			want = (size_t)r->req.writable.left;
		}
		got = r->source.fill(r->source.ctx, bytes, want);
		if (got == 0 || got > want) {
			break;
		}
		if (virtqueue_write(&r->req, bytes, got) != got) {
			break;
		}
		left -= got;
	}
	memset(bytes, 0, sizeof(bytes));
}

static void virtio_rng_notify(struct virtio_pci *p, uint32_t q)
{
	struct virtio_rng *r = CONTAINER_OF(p, struct virtio_rng, pci);

	virtio_pci_serve_all(p, q, &r->req, virtio_rng_serve);
}

static const struct virtio_model virtio_rng_model = {
	.name = "virtio-rng",
	.device_id = VIRTIO_ID_ENTROPY,
	.class_code = 0xff00, /* does not fit any class */
	.notify = virtio_rng_notify,
};

/**
 * virtio_rng_init() - random bytes from @source as a PCI function.
 * Return: OK, or why virtio_pci_init() refused.
 */
enum status virtio_rng_init(struct virtio_rng *r,
			    const struct virtio_pci_env *env,
			    const struct virtio_rng_source *source)
{
	const struct virtio_pci_params params = {
		.model = &virtio_rng_model,
		.queues = &r->queue,
		.queue_count = 1,
		.queue_size = VIRTIO_RNG_QUEUE_SIZE,
	};

	memset(r, 0, sizeof(*r));
	r->source = *source;
	return virtio_pci_init(&r->pci, env, &params);
}
