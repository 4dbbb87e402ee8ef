/*
 * fake_guest.h - a guest for hosted tests of device models: memory, ports, a
 * PCI bus, and the driver's side of virtio.
 *
 * Each 2 MiB chunk of RAM is an allocation of its own, so that the address
 * sanitizer sees a device that leaves guest memory by one byte.
 */
#ifndef TESTS_FAKE_GUEST_H
#define TESTS_FAKE_GUEST_H

#include "drivers/virt/virtio_pci.h"

#include <bh/vdev.h>

#define FAKE_LOW_CHUNKS  4 /* RAM [0, 8 MiB) */
#define FAKE_HIGH_CHUNKS 2 /* RAM [4 GiB, 4 GiB + 4 MiB) */
#define FAKE_CHUNKS      (FAKE_LOW_CHUNKS + FAKE_HIGH_CHUNKS)
#define FAKE_SLOTS       8
#define FAKE_DATA        0x200000u  /* buffers of tests from here on */
#define FAKE_PORT_BASE   0xc000u    /* BAR 0 of slot n: + n * 256 */
#define FAKE_MSIX_GPA    0xfe000000 /* BAR 1 of slot n: + n * 4096 */

struct fake_guest {
	struct gmem gm;
	uint8_t *chunks[FAKE_CHUNKS];
	struct io_bus bus;
	struct vpci pci;
	uint8_t *msix_pages[FAKE_SLOTS];
	uint32_t msi_count;
	uint64_t msi_address; /* of the latest one */
	uint32_t msi_data;
};

/* The driver's side of one virtqueue. */
struct fake_queue {
	uint64_t desc, avail, used; /* GPAs */
	uint16_t size;
	uint16_t avail_idx;
	uint16_t used_seen;
};

/* A driver of one virtio function. */
struct fake_driver {
	struct fake_guest *g;
	uint32_t slot;
	uint16_t port;   /* BAR 0, as read from configuration space */
	uint16_t notify; /* port of queue 0's doorbell */
	uint16_t notify_step;
	uint16_t isr, common, device; /* ports */
	uint8_t pci_cfg; /* offset of the PCI configuration capability */
	uint8_t msix;
	uint64_t features; /* offered */
	uint16_t queue_count;
	struct fake_queue q[VIRTIO_PCI_QUEUE_MAX];
};

void fake_guest_init(struct fake_guest *g);
void fake_guest_free(struct fake_guest *g);
struct virtio_pci_env fake_guest_env(struct fake_guest *g, uint32_t slot);
uint8_t *fake_ram(struct fake_guest *g, uint64_t gpa);
uint32_t fake_in(struct fake_guest *g, uint32_t port, uint32_t size);
void fake_out(struct fake_guest *g, uint32_t port, uint32_t size, uint32_t v);
uint32_t fake_cfg_read(struct fake_guest *g, uint32_t slot, uint32_t offset,
		       uint32_t size);
void fake_cfg_write(struct fake_guest *g, uint32_t slot, uint32_t offset,
		    uint32_t size, uint32_t v);

void fake_driver_probe(struct fake_driver *d, struct fake_guest *g,
		       uint32_t slot);
void fake_driver_negotiate(struct fake_driver *d, uint64_t features);
void fake_driver_setup_queue(struct fake_driver *d, uint16_t q);
void fake_driver_start(struct fake_driver *d, uint64_t features);
uint8_t fake_driver_status(struct fake_driver *d);
bool fake_driver_is_broken(struct fake_driver *d);
void fake_driver_kick(struct fake_driver *d, uint16_t q);

void fake_queue_desc_at(struct fake_driver *d, uint64_t table, uint16_t i,
			struct virtq_desc v);
void fake_queue_desc(struct fake_driver *d, uint16_t q, uint16_t i,
		     struct virtq_desc v);
void fake_queue_offer(struct fake_driver *d, uint16_t q, uint16_t head);
bool fake_queue_used(struct fake_driver *d, uint16_t q,
		     struct virtq_used_elem *e);

#endif
