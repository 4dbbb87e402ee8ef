/*
 * fake_guest.c - see fake_guest.h. The driver goes the way that Linux's
 * virtio_pci_modern goes: capabilities, BARs, MSI-X, features, queues.
 */
#include "fake_guest.h"

#include <spec/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

static void fake_msi(void *ctx, uint64_t address, uint32_t data)
{
	struct fake_guest *g = ctx;

	g->msi_count++;
	g->msi_address = address;
	g->msi_data = data;
}

/** fake_guest_init() - RAM zeroed, a PCI bus, nothing on it. */
void fake_guest_init(struct fake_guest *g)
{
	memset(g, 0, sizeof(*g));
	for (uint32_t i = 0; i < FAKE_CHUNKS; i++) {
		g->chunks[i] = calloc(1, GMEM_CHUNK_SIZE);
	}
	for (uint32_t i = 0; i < FAKE_SLOTS; i++) {
		g->msix_pages[i] = calloc(1, PAGE_SIZE);
	}
	g->gm.low_size = FAKE_LOW_CHUNKS * GMEM_CHUNK_SIZE;
	g->gm.high_size = FAKE_HIGH_CHUNKS * GMEM_CHUNK_SIZE;
	g->gm.chunks = g->chunks;
	g->gm.chunk_count = FAKE_CHUNKS;
	io_space_init(&g->bus.pio);
	io_space_init(&g->bus.mmio);
	vpci_init(&g->pci);
	if (vpci_register(&g->pci, &g->bus.pio) != OK) {
		abort();
	}
}

/** fake_guest_free() - give the memory back. */
void fake_guest_free(struct fake_guest *g)
{
	for (uint32_t i = 0; i < FAKE_CHUNKS; i++) {
		free(g->chunks[i]);
	}
	for (uint32_t i = 0; i < FAKE_SLOTS; i++) {
		free(g->msix_pages[i]);
	}
}

/** fake_guest_env() - what a device in @slot is given. */
struct virtio_pci_env fake_guest_env(struct fake_guest *g, uint32_t slot)
{
	return (struct virtio_pci_env){
		.gm = &g->gm,
		.msi = { fake_msi, g },
		.pio = &g->bus.pio,
		.bus = &g->pci,
		.slot = slot,
		.port_base = (uint16_t)(FAKE_PORT_BASE + slot * 256),
		.msix_page = g->msix_pages[slot],
		.msix_gpa = gpa(FAKE_MSIX_GPA + slot * PAGE_SIZE),
	};
}

/** fake_ram() - the byte at @gpa; aborts if it is not RAM. */
uint8_t *fake_ram(struct fake_guest *g, uint64_t a)
{
	uint32_t index;

	if (!gmem_chunk_of(&g->gm, gpa(a), &index)) {
		abort();
	}
	return g->chunks[index] + (a & (GMEM_CHUNK_SIZE - 1));
}

/** fake_in() - IN of @size bytes. */
uint32_t fake_in(struct fake_guest *g, uint32_t port, uint32_t size)
{
	return (uint32_t)io_space_read(&g->bus.pio, port, size);
}

/** fake_out() - OUT of @size bytes. */
void fake_out(struct fake_guest *g, uint32_t port, uint32_t size, uint32_t v)
{
	io_space_write(&g->bus.pio, port, size, v);
}

static void fake_cfg_select(struct fake_guest *g, uint32_t slot,
			    uint32_t offset)
{
	fake_out(g, PCI_CONFIG_ADDRESS, 4,
		 PCI_CONFIG_ENABLE | slot << 11 | (offset & 0xfc));
}

/** fake_cfg_read() - read configuration space of 00:@slot.0. */
uint32_t fake_cfg_read(struct fake_guest *g, uint32_t slot, uint32_t offset,
		       uint32_t size)
{
	fake_cfg_select(g, slot, offset);
	return fake_in(g, PCI_CONFIG_DATA + (offset & 3), size);
}

/** fake_cfg_write() - write configuration space of 00:@slot.0. */
void fake_cfg_write(struct fake_guest *g, uint32_t slot, uint32_t offset,
		    uint32_t size, uint32_t v)
{
	fake_cfg_select(g, slot, offset);
	fake_out(g, PCI_CONFIG_DATA + (offset & 3), size, v);
}

static void fake_driver_take_cap(struct fake_driver *d, uint32_t at)
{
	struct fake_guest *g = d->g;
	uint16_t port =
		(uint16_t)(d->port + fake_cfg_read(g, d->slot, at + 8, 4));

	switch (fake_cfg_read(g, d->slot, at + 3, 1)) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		d->common = port;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		d->notify = port;
		d->notify_step =
			(uint16_t)fake_cfg_read(g, d->slot, at + 16, 4);
		break;
	case VIRTIO_PCI_CAP_ISR_CFG:
		d->isr = port;
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		d->device = port;
		break;
	case VIRTIO_PCI_CAP_PCI_CFG:
		d->pci_cfg = (uint8_t)at;
		break;
	default:
		abort();
	}
}

/* Table entry n: vector 0x40 + n at the LAPIC with id 0, not masked. */
static void fake_driver_program_msix(struct fake_driver *d)
{
	struct pci_msix_entry *t = (void *)d->g->msix_pages[d->slot];

	for (uint32_t i = 0; i <= d->queue_count; i++) {
		t[i] = (struct pci_msix_entry){ 0xfee00000, 0, 0x40 + i, 0 };
	}
	fake_cfg_write(d->g, d->slot, d->msix + PCI_MSIX_FLAGS, 2,
		       PCI_MSIX_FLAGS_ENABLE);
}

/** fake_driver_probe() - find the function's structures, switch it on. */
void fake_driver_probe(struct fake_driver *d, struct fake_guest *g,
		       uint32_t slot)
{
	uint32_t at;

	memset(d, 0, sizeof(*d));
	d->g = g;
	d->slot = slot;
	/* whoever asked for the size last may have left it like that */
	fake_cfg_write(g, slot, PCI_BASE_ADDRESS_0, 4, 0);
	d->port = (uint16_t)(fake_cfg_read(g, slot, PCI_BASE_ADDRESS_0, 4) &
			     PCI_BASE_ADDRESS_IO_MASK);
	at = fake_cfg_read(g, slot, PCI_CAPABILITY_LIST, 1);
	while (at != 0) {
		if (fake_cfg_read(g, slot, at, 1) == PCI_CAP_ID_MSIX) {
			d->msix = (uint8_t)at;
		} else {
			fake_driver_take_cap(d, at);
		}
		at = fake_cfg_read(g, slot, at + 1, 1);
	}
	fake_cfg_write(g, slot, PCI_COMMAND, 2,
		       PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			       PCI_COMMAND_MASTER);
	d->queue_count = (uint16_t)fake_in(
		g, d->common + VIRTIO_PCI_COMMON_NUM_QUEUES, 2);
	fake_driver_program_msix(d);
}

#define COMMON(d, field) ((uint32_t)(d)->common + VIRTIO_PCI_COMMON_##field)

/** fake_driver_negotiate() - reset, and up to FEATURES_OK. */
void fake_driver_negotiate(struct fake_driver *d, uint64_t features)
{
	struct fake_guest *g = d->g;

	fake_out(g, COMMON(d, DEVICE_STATUS), 1, 0);
	fake_out(g, COMMON(d, DEVICE_STATUS), 1, VIRTIO_STATUS_ACKNOWLEDGE);
	fake_out(g, COMMON(d, DEVICE_STATUS), 1,
		 VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	d->features = 0;
	for (uint32_t i = 0; i < 2; i++) {
		fake_out(g, COMMON(d, DEVICE_FEATURE_SELECT), 4, i);
		d->features |=
			(uint64_t)fake_in(g, COMMON(d, DEVICE_FEATURE), 4)
			<< (32 * i);
		fake_out(g, COMMON(d, DRIVER_FEATURE_SELECT), 4, i);
		fake_out(g, COMMON(d, DRIVER_FEATURE), 4,
			 (uint32_t)(features >> (32 * i)));
	}
	fake_out(g, COMMON(d, DEVICE_STATUS), 1,
		 VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
			 VIRTIO_STATUS_FEATURES_OK);
	fake_out(g, COMMON(d, CONFIG_MSIX_VECTOR), 2, 0);
}

static void fake_driver_out64(struct fake_driver *d, uint32_t port, uint64_t v)
{
	fake_out(d->g, port, 4, (uint32_t)v);
	fake_out(d->g, port + 4, 4, (uint32_t)(v >> 32));
}

/*
 * fake_driver_setup_queue() - rings of queue @q; where d->q[q] says if it does
 * (addresses not 0), else at a place of their own in low RAM.
 */
void fake_driver_setup_queue(struct fake_driver *d, uint16_t q)
{
	struct fake_queue *fq = &d->q[q];
	struct fake_guest *g = d->g;
	uint64_t base = 0x10000u + d->slot * 0x20000u + q * 0x4000u;

	fake_out(g, COMMON(d, QUEUE_SELECT), 2, q);
	if (fq->size == 0) {
		fq->size = (uint16_t)fake_in(g, COMMON(d, QUEUE_SIZE), 2);
	}
	if (fq->desc == 0) {
		fq->desc = base;
		fq->avail = base + 0x1000;
		fq->used = base + 0x2000;
		memset(fake_ram(g, base), 0, 0x4000);
	}
	fq->avail_idx = 0;
	fq->used_seen = 0;
	fake_out(g, COMMON(d, QUEUE_SIZE), 2, fq->size);
	fake_driver_out64(d, COMMON(d, QUEUE_DESC_LO), fq->desc);
	fake_driver_out64(d, COMMON(d, QUEUE_DRIVER_LO), fq->avail);
	fake_driver_out64(d, COMMON(d, QUEUE_DEVICE_LO), fq->used);
	fake_out(g, COMMON(d, QUEUE_MSIX_VECTOR), 2, q + 1u);
	fake_out(g, COMMON(d, QUEUE_ENABLE), 2, 1);
}

/** fake_driver_start() - reset and bring up with all queues, to DRIVER_OK. */
void fake_driver_start(struct fake_driver *d, uint64_t features)
{
	fake_driver_negotiate(d, features | VIRTIO_F_VERSION_1);
	memset(d->q, 0, sizeof(d->q));
	for (uint16_t q = 0; q < d->queue_count; q++) {
		fake_driver_setup_queue(d, q);
	}
	fake_out(d->g, COMMON(d, DEVICE_STATUS), 1,
		 VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
			 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
}

/** fake_driver_status() - the device status byte. */
uint8_t fake_driver_status(struct fake_driver *d)
{
	return (uint8_t)fake_in(d->g, COMMON(d, DEVICE_STATUS), 1);
}

/** fake_driver_is_broken() - has the device set DEVICE_NEEDS_RESET? */
bool fake_driver_is_broken(struct fake_driver *d)
{
	return (fake_driver_status(d) & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0;
}

/** fake_driver_kick() - ring the doorbell of queue @q. */
void fake_driver_kick(struct fake_driver *d, uint16_t q)
{
	fake_out(d->g, d->notify + (uint32_t)q * d->notify_step, 2, q);
}

/** fake_queue_desc_at() - write entry @i of the table at GPA @table. */
void fake_queue_desc_at(struct fake_driver *d, uint64_t table, uint16_t i,
			struct virtq_desc v)
{
	if (gmem_write(&d->g->gm, gpa(table + i * sizeof(v)), &v, sizeof(v)) !=
	    OK) {
		abort();
	}
}

/** fake_queue_desc() - write descriptor @i of queue @q. */
void fake_queue_desc(struct fake_driver *d, uint16_t q, uint16_t i,
		     struct virtq_desc v)
{
	fake_queue_desc_at(d, d->q[q].desc, i, v);
}

static void fake_put16(struct fake_driver *d, uint64_t a, uint16_t v)
{
	if (gmem_write(&d->g->gm, gpa(a), &v, sizeof(v)) != OK) {
		abort();
	}
}

/** fake_queue_offer() - make the chain at @head available; no kick. */
void fake_queue_offer(struct fake_driver *d, uint16_t q, uint16_t head)
{
	struct fake_queue *fq = &d->q[q];

	fake_put16(d, fq->avail + 4 + 2u * (fq->avail_idx % fq->size), head);
	fq->avail_idx++;
	fake_put16(d, fq->avail + 2, fq->avail_idx);
}

/** fake_queue_used() - take the next used element; false if there is none. */
bool fake_queue_used(struct fake_driver *d, uint16_t q,
		     struct virtq_used_elem *e)
{
	struct fake_queue *fq = &d->q[q];
	uint16_t idx;

	if (gmem_read(&d->g->gm, gpa(fq->used + 2), &idx, sizeof(idx)) != OK ||
	    idx == fq->used_seen) {
		return false;
	}
	if (gmem_read(&d->g->gm,
		      gpa(fq->used + 4 + 8u * (fq->used_seen % fq->size)), e,
		      sizeof(*e)) != OK) {
		return false;
	}
	fq->used_seen++;
	return true;
}
