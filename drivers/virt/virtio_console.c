/*
 * virtio_console.c - VIRTIO 1.2, "Console Device" with one port.
 *
 * Output: each buffer of the transmit queue goes to the sink in pieces of up
 * to 512 bytes, each copied out of guest memory once. Input: bytes go into
 * the buffers that the driver has posted; what does not fit stays with the
 * caller, who hears sink.ready() when there are buffers again.
 *
 * Invariants: of one output request at most VIRTIO_CONSOLE_REQUEST_MAX bytes
 * are taken, the rest is counted and dropped; the sink sees our copy only.
 */
#include "virtio_console.h"

#include <bh/string.h>

static void virtio_console_output(struct virtio_pci *p)
{
	struct virtio_console *c = CONTAINER_OF(p, struct virtio_console, pci);
	uint8_t piece[512];
	uint64_t left = c->req.readable.left;

	if (left > VIRTIO_CONSOLE_REQUEST_MAX) {
		left = VIRTIO_CONSOLE_REQUEST_MAX;
	}
	while (left > 0) {
		size_t n = left < sizeof(piece) ? left : sizeof(piece);

		n = virtqueue_read(&c->req, piece, n);
		if (n == 0) {
			break; /* no memory behind the buffer */
		}
		c->sink.write(c->sink.ctx, piece, n);
		left -= n;
		c->out_bytes += n;
	}
	c->out_dropped_bytes += c->req.readable.left;
}

static void virtio_console_notify(struct virtio_pci *p, uint32_t q)
{
	struct virtio_console *c = CONTAINER_OF(p, struct virtio_console, pci);

	if (q == VIRTIO_CONSOLE_TX) {
		virtio_pci_serve_all(p, q, &c->req, virtio_console_output);
	} else if (c->sink.ready) {
		c->sink.ready(c->sink.ctx);
	}
}

/**
 * virtio_console_input() - type @len bytes at the guest's console.
 *
 * Return: bytes taken; fewer if the driver has posted no more room. The sink's
 *	   ready() tells when to try again.
 */
size_t virtio_console_input(struct virtio_console *c, const uint8_t *bytes,
			    size_t len)
{
	struct virtqueue *vq = virtio_pci_queue(&c->pci, VIRTIO_CONSOLE_RX);
	size_t done = 0;

	if (!vq) {
		return 0;
	}
	for (uint32_t turns = vq->size; turns > 0 && done < len; turns--) {
		bool is_taken = virtqueue_pop(vq, &c->req);

		/* hear of the next buffer; if it is there, take it */
		if (!is_taken && !virtqueue_rearm(vq)) {
			break;
		}
		if (is_taken) {
			done += virtqueue_write(&c->req, bytes + done,
						len - done);
			virtqueue_push(vq, &c->req);
		}
	}
	c->in_bytes += done;
	virtio_pci_complete(&c->pci, VIRTIO_CONSOLE_RX);
	return done;
}

static const struct virtio_model virtio_console_model = {
	.name = "virtio-console",
	.device_id = VIRTIO_ID_CONSOLE,
	.class_code = 0x0780, /* communication, other */
	.notify = virtio_console_notify,
};

/**
 * virtio_console_init() - the console as a PCI function; output to @sink.
 * Return: OK, or why virtio_pci_init() refused.
 */
enum status virtio_console_init(struct virtio_console *c,
				const struct virtio_pci_env *env,
				const struct chardev_sink *sink)
{
	const struct virtio_pci_params params = {
		.model = &virtio_console_model,
		.queues = c->queues,
		.queue_count = ARRAY_COUNT(c->queues),
		.queue_size = VIRTIO_CONSOLE_QUEUE_SIZE,
		.features = VIRTIO_CONSOLE_F_SIZE,
		.config = &c->config,
		.config_size = sizeof(c->config),
	};

	memset(c, 0, sizeof(*c));
	c->sink = *sink;
	c->config.cols = 80;
	c->config.rows = 25;
	c->config.max_nr_ports = 1;
	return virtio_pci_init(&c->pci, env, &params);
}
