/*
 * virtio_pci.h - the virtio transport over PCI: what a device model plugs into.
 *
 * A function has two BARs. BAR 0 is 256 I/O ports with the common, notify, ISR
 * and device configuration structures: a notification exits as an I/O
 * instruction and needs no instruction decoder. BAR 1 is one 4 KiB page of
 * memory with the MSI-X table (at 0) and pending bits (at 0x800): plain RAM
 * that the guest reads and writes without exits, and that the VMM looks at
 * when it raises an interrupt.
 *
 * A model embeds struct virtio_pci, owns its queues and requests, and gives a
 * const struct virtio_model. It calls back:
 *   virtio_pci_queue()    a queue that may be used now, or NULL
 *   virtio_pci_complete() after pushing requests: interrupt, or DEVICE_NEEDS_
 *			   RESET if the driver broke the queue
 *   virtio_pci_backlog()  "I stopped early, call notify again soon"
 *
 * Context: the exiting vCPU's CPU, or any caller that holds the partition's
 * device lock; calls of one partition never overlap.
 */
#ifndef VIRT_VIRTIO_PCI_H
#define VIRT_VIRTIO_PCI_H

#include "virtqueue.h"
#include "vpci.h"

#include <bh/irq_line.h>
#include <spec/virtio_config.h>

#define VIRTIO_PCI_PORT_COUNT 256   /* ports of BAR 0, naturally aligned */
#define VIRTIO_PCI_MSIX_PBA   0x800 /* in the page of BAR 1 */
#define VIRTIO_PCI_QUEUE_MAX  4

/* BAR 0: what is where, in ports from its start */
#define VIRTIO_PCI_REGION_COMMON      0x00
#define VIRTIO_PCI_REGION_NOTIFY      0x40
#define VIRTIO_PCI_NOTIFY_MULTIPLIER  2
#define VIRTIO_PCI_REGION_ISR         0x60
#define VIRTIO_PCI_REGION_DEVICE      0x80
#define VIRTIO_PCI_REGION_DEVICE_SIZE 0x40

struct virtio_pci;

/* What kind of device it is: one const object a model. */
struct virtio_model {
	const char *name;
	uint16_t device_id;  /* VIRTIO_ID_... */
	uint16_t class_code; /* PCI class */
	/* the driver has made requests available in queue @q */
	void (*notify)(struct virtio_pci *p, uint32_t q);
	/* the driver reset the device or broke it: drop all state; never
	 * called from within another call of the model; NULL if requests end
	 * within notify() and so nothing is in flight */
	void (*reset)(struct virtio_pci *p);
};

/* What the partition gives each device. */
struct virtio_pci_env {
	struct gmem *gm;
	struct msi_sink msi;
	struct io_space *pio; /* the ports of BAR 0 are claimed here */
	struct vpci *bus;
	uint32_t slot;      /* 00:slot.0 */
	uint16_t port_base; /* BAR 0; a multiple of VIRTIO_PCI_PORT_COUNT */
	uint8_t *msix_page; /* 4 KiB that the VMM maps at msix_gpa */
	gpa_t msix_gpa;     /* BAR 1; below 4 GiB, not RAM, page aligned */
};

struct virtio_pci {
	/* the notify path, in the first cache line */
	bool is_decoding;         /* COMMAND.IO */
	bool is_live;             /* DRIVER_OK, bus master, not failed */
	bool is_msix_on;          /* MSI-X enabled, function not masked */
	uint8_t queue_count;      /* (c) */
	uint8_t backlog;          /* bit n: call notify(n) again; 7: reset() */
	uint32_t pending;         /* bit n: vector n waits for its unmasking */
	uint64_t queue_span;      /* (c) nospec_span(queue_count) */
	struct virtqueue *queues; /* (c) the model's */
	const struct virtio_model *model; /* (c) */

	/* device state */
	uint8_t status;
	uint8_t isr;
	uint16_t queue_select;
	uint16_t config_vector;
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint64_t offered;     /* (c) feature bits */
	uint64_t driver;      /* what the driver wrote */
	const void *config;   /* (c) device configuration, read-only */
	uint32_t config_size; /* (c) */

	/* surroundings */
	struct virtio_pci_env env; /* (c) */
	struct vpci_func func;
	uint8_t msix_cap; /* (c) offset in configuration space */
	uint8_t pci_cfg_cap;

	/* statistics */
	uint64_t kick_count;
	uint64_t kick_ignored_count;
	uint64_t interrupt_count;
	uint64_t interrupt_dropped_count; /* no vector, or a wild address */
	uint64_t fault_count;             /* times DEVICE_NEEDS_RESET was set */
	const char *fault;                /* the latest one, in words */
};

/* What a model tells the transport about itself. */
struct virtio_pci_params {
	const struct virtio_model *model;
	/* initialised here; there is room for the next power of two of them,
	 * which a processor may touch by a wrong guess */
	struct virtqueue *queues;
	uint8_t queue_count;
	uint16_t queue_size; /* a power of two <= VIRTQUEUE_SIZE_MAX */
	uint64_t features;   /* of this device; the ring's are added */
	const void *config;  /* device configuration; the model keeps it */
	uint32_t config_size;
};

must_check enum status virtio_pci_init(struct virtio_pci *p,
				       const struct virtio_pci_env *env,
				       const struct virtio_pci_params *params);
struct virtqueue *virtio_pci_queue(struct virtio_pci *p, uint32_t q);
void virtio_pci_complete(struct virtio_pci *p, uint32_t q);
void virtio_pci_fail(struct virtio_pci *p, const char *why);
void virtio_pci_stop(struct virtio_pci *p);
void virtio_pci_poll_slow(struct virtio_pci *p);

/** virtio_pci_backlog() - have notify(@q) called again from the next poll. */
static inline void virtio_pci_backlog(struct virtio_pci *p, uint32_t q)
{
	p->backlog |= (uint8_t)(1u << q);
}

/**
 * virtio_pci_poll_pending() - what could not be done at once: interrupts that
 * were masked, queues with more work than one notification may cost.
 *
 * The VMM calls it at convenient times, for example every exit.
 */
static inline void virtio_pci_poll_pending(struct virtio_pci *p)
{
	if (unlikely(p->pending | p->backlog)) {
		virtio_pci_poll_slow(p);
	}
}

/** virtio_pci_has_feature() - did driver and device agree on @feature? */
static inline bool virtio_pci_has_feature(const struct virtio_pci *p,
					  uint64_t feature)
{
	return (p->driver & p->offered & feature) == feature;
}

/**
 * virtio_pci_serve_all() - what notify() of a simple queue does: serve each
 * request and push it, at most as many as the queue is long; the rest later.
 * @req:   where each request goes
 * @serve: does the model's part
 */
static inline void virtio_pci_serve_all(struct virtio_pci *p, uint32_t q,
					struct virtqueue_req *req,
					void (*serve)(struct virtio_pci *p))
{
	struct virtqueue *vq = &p->queues[q];
	uint32_t turns = vq->size;

	do {
		while (turns > 0 && virtqueue_pop(vq, req)) {
			serve(p);
			virtqueue_push(vq, req);
			turns--;
		}
	} while (turns > 0 && virtqueue_rearm(vq));
	if (turns == 0) {
		virtio_pci_backlog(p, q);
	}
}

#endif
