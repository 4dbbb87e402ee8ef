/*
 * virtio_fuzz.h - a hostile driver made of bytes, for the fuzzers of virtio.
 *
 * A fuzzer gives its device (struct fuzz_device) and calls fuzz_device_run():
 * the bytes become port accesses, configuration accesses, descriptors, ring
 * indices, plain writes to guest memory, and whatever the device adds. Each
 * 2 MiB chunk of guest memory lies between pages that fault, so a device that
 * leaves it by one byte dies.
 *
 * Checked after each step: a ring is mapped only while its queue is ready; a
 * live device is not broken; messages go to local APICs only; the guest's part
 * of the MSI-X page is as the guest wrote it; the step cost a bounded number of
 * calls of whatever is behind the device. At the end the device must work again
 * after a reset.
 */
#ifndef TESTS_FUZZ_VIRTIO_FUZZ_H
#define TESTS_FUZZ_VIRTIO_FUZZ_H

#include "tests/lib/fake_guest.h"

#include <spec/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FUZZ_SLOT     2
#define FUZZ_ARENA    FAKE_DATA /* 64 KiB that most addresses point into */
#define FUZZ_ABSENT   3u        /* a chunk that may be missing */
#define FUZZ_WORK_MAX 100000u   /* calls of the device's other side, a step */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

struct fuzz_device {
	struct virtio_pci *pci;
	/* a fresh device in FUZZ_SLOT */
	void (*init)(const struct virtio_pci_env *env);
	/* a step of the device's own; may be NULL */
	void (*step)(struct fuzz_input *in);
	/* after a reset, on an honest driver: does it still serve? */
	bool (*works)(void);
};

static struct fake_guest fuzz_guest;
static struct fake_driver fuzz_driver;
static uint8_t fuzz_msix[VIRTIO_PCI_MSIX_PBA]; /* as the guest wrote it */
static uint32_t fuzz_work;                     /* in this step */

static inline void fuzz_check(bool ok)
{
	if (!ok) {
		abort();
	}
}

/* The next @n bytes as a number; zeros when the input has ended. */
static inline uint64_t fuzz_take(struct fuzz_input *in, size_t n)
{
	uint64_t v = 0;

	n = n < in->left ? n : in->left;
	if (n > 0) {
		memcpy(&v, in->at, n);
	}
	in->at += n;
	in->left -= n;
	return v;
}

/* An address worth trying. */
static inline uint64_t fuzz_address(struct fuzz_input *in)
{
	uint8_t kind = (uint8_t)fuzz_take(in, 1);
	uint16_t low = (uint16_t)fuzz_take(in, 2);

	switch (kind & 7) {
	case 0: /* around the border of two chunks */
		return 2 * GMEM_CHUNK_SIZE + (int16_t)low;
	case 1: /* around the end of low RAM */
		return FAKE_LOW_CHUNKS * GMEM_CHUNK_SIZE + (int16_t)low;
	case 2: /* around high RAM */
		return GMEM_HIGH_BASE + (int16_t)low;
	case 3: /* the rings themselves */
		return 0x10000u + FUZZ_SLOT * 0x20000u + low;
	case 4: /* the chunk that may be missing */
		return FUZZ_ABSENT * GMEM_CHUNK_SIZE + low;
	case 5:
		return fuzz_take(in, 8);
	default:
		return FUZZ_ARENA + low;
	}
}

static inline uint32_t fuzz_size(uint8_t v)
{
	return 1u << v % 3;
}

/* ---- Memory ---- */

#define FUZZ_LOW_SIZE (FAKE_LOW_CHUNKS * GMEM_CHUNK_SIZE)

static uint8_t *fuzz_chunks[FAKE_CHUNKS];
static uint8_t *fuzz_linear; /* low memory in one piece, as a partition's is */

static inline uint8_t *fuzz_map(size_t size)
{
	size_t guard = PAGE_SIZE;
	uint8_t *p = mmap(NULL, size + 2 * guard, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fuzz_check(p != MAP_FAILED);
	fuzz_check(mprotect(p + guard, size, PROT_READ | PROT_WRITE) == 0);
	return p + guard;
}

/* Low memory in one piece instead of in chunks. */
static inline void fuzz_guest_linear(struct fake_guest *g)
{
	fuzz_check(madvise(fuzz_linear, FUZZ_LOW_SIZE, MADV_DONTNEED) == 0);
	for (uint32_t i = 0; i < FAKE_LOW_CHUNKS; i++) {
		g->chunks[i] = fuzz_linear + i * GMEM_CHUNK_SIZE;
	}
	g->gm.linear = fuzz_linear;
	g->gm.linear_size = FUZZ_LOW_SIZE;
}

/* A guest with zeroed memory and an empty bus. */
static inline void fuzz_guest_start(bool has_all, bool is_linear)
{
	struct fake_guest *g = &fuzz_guest;

	if (!fuzz_chunks[0]) {
		fake_guest_init(g);
		for (uint32_t i = 0; i < FAKE_CHUNKS; i++) {
			free(g->chunks[i]);
			fuzz_chunks[i] = fuzz_map(GMEM_CHUNK_SIZE);
		}
		fuzz_linear = fuzz_map(FUZZ_LOW_SIZE);
	}
	for (uint32_t i = 0; i < FAKE_CHUNKS; i++) {
		g->chunks[i] = fuzz_chunks[i];
		fuzz_check(madvise(fuzz_chunks[i], GMEM_CHUNK_SIZE,
				   MADV_DONTNEED) == 0);
	}
	g->gm.linear_size = 0;
	if (!has_all) {
		g->chunks[FUZZ_ABSENT] = NULL;
	} else if (is_linear) {
		fuzz_guest_linear(g);
	}
	io_space_init(&g->bus.pio);
	vpci_init(&g->pci);
	fuzz_check(vpci_register(&g->pci, &g->bus.pio) == OK);
	g->msi_count = 0;
}

/* ---- Steps ---- */

static inline void fuzz_put(uint64_t a, const void *src, size_t len)
{
	/* not RAM, or not present: then there is nothing to write */
	(void)!gmem_write(&fuzz_guest.gm, gpa(a), src, len);
}

static inline void fuzz_copy_msix(void)
{
	memcpy(fuzz_msix, fuzz_guest.msix_pages[FUZZ_SLOT], sizeof(fuzz_msix));
}

/* Up to four descriptors that follow one another, perhaps offered. */
static inline void fuzz_chain(struct fuzz_input *in)
{
	uint16_t q = (uint16_t)(fuzz_take(in, 1) % VIRTIO_PCI_QUEUE_MAX);
	uint8_t shape = (uint8_t)fuzz_take(in, 1);
	uint16_t head = (uint16_t)(fuzz_take(in, 1) & 15);
	struct fake_queue *fq = &fuzz_driver.q[q];
	uint64_t table = shape & 0x40 ? fuzz_address(in) : fq->desc;
	uint16_t count = (shape & 3) + 1;

	if (fq->size == 0) {
		return;
	}
	for (uint16_t i = 0; i < count; i++) {
		uint8_t flags = (uint8_t)fuzz_take(in, 1);
		uint16_t at = (uint16_t)(head + i);
		struct virtq_desc d = {
			.addr = fuzz_address(in),
			.len = (uint32_t)fuzz_take(in, flags & 0x80 ? 4 : 2),
			.flags = flags & 6,
			.next = (uint16_t)(flags & 0x20 ? fuzz_take(in, 2)
							: at + 1u),
		};

		d.flags |= i + 1 < count ? VIRTQ_DESC_F_NEXT : flags & 1;
		fuzz_put(table + at * sizeof(d), &d, sizeof(d));
	}
	if (shape & 0x80) {
		fake_queue_offer(&fuzz_driver, q, head);
	}
	if (shape & 0x20) {
		fake_driver_kick(&fuzz_driver, q);
	}
}

/* A word of a ring: an index, a flag, an entry, an event. */
static inline void fuzz_ring_word(struct fuzz_input *in)
{
	const struct fake_queue *fq =
		&fuzz_driver.q[fuzz_take(in, 1) % VIRTIO_PCI_QUEUE_MAX];
	uint8_t which = (uint8_t)fuzz_take(in, 1);
	uint16_t v = (uint16_t)fuzz_take(in, 2);
	uint64_t base = which & 0x80 ? fq->used : fq->avail;

	fuzz_put(base + 2u * (which & 0x7f), &v, sizeof(v));
}

static inline void fuzz_bytes(struct fuzz_input *in)
{
	uint64_t a = fuzz_address(in);
	uint8_t bytes[64];
	size_t n = fuzz_take(in, 1) % sizeof(bytes);

	for (size_t i = 0; i < n; i++) {
		bytes[i] = (uint8_t)fuzz_take(in, 1);
	}
	fuzz_put(a, bytes, n);
}

static inline void fuzz_bring_up(struct fuzz_input *in)
{
	static const uint64_t ring[4] = { 0, VIRTIO_F_EVENT_IDX,
					  VIRTIO_F_INDIRECT_DESC,
					  VIRTIO_F_EVENT_IDX |
						  VIRTIO_F_INDIRECT_DESC };

	fake_driver_probe(&fuzz_driver, &fuzz_guest, FUZZ_SLOT);
	fake_driver_start(&fuzz_driver, ring[fuzz_take(in, 1) & 3]);
	fuzz_copy_msix();
}

static inline void fuzz_config(struct fuzz_input *in, uint8_t op)
{
	uint32_t at = (uint32_t)fuzz_take(in, 1);

	/* mostly the capabilities, not the header */
	at = op & 0x80 ? 0x40 + at % 0xb0 : at;
	if (op & 0x40) {
		fake_cfg_write(&fuzz_guest, FUZZ_SLOT, at, fuzz_size(op >> 4),
			       (uint32_t)fuzz_take(in, 4));
	} else {
		fake_cfg_read(&fuzz_guest, FUZZ_SLOT, at, fuzz_size(op >> 4));
	}
}

static inline void fuzz_port(struct fuzz_input *in, uint8_t op)
{
	uint32_t port = fuzz_driver.port + (uint32_t)fuzz_take(in, 1);

	if (op & 0x40) {
		fake_out(&fuzz_guest, port, fuzz_size(op >> 4),
			 (uint32_t)fuzz_take(in, 4));
	} else {
		fake_in(&fuzz_guest, port, fuzz_size(op >> 4));
	}
}

static inline void fuzz_common(struct fuzz_input *in)
{
	static const struct {
		uint8_t at, size;
	} fields[] = {
#define X(name, at, size) { at, size },
		VIRTIO_PCI_COMMON_LIST(X)
#undef X
	};
	size_t i = fuzz_take(in, 1) % ARRAY_COUNT(fields);

	fake_out(&fuzz_guest, (uint32_t)fuzz_driver.common + fields[i].at,
		 fields[i].size, (uint32_t)fuzz_take(in, fields[i].size));
}

static inline void fuzz_msix_write(struct fuzz_input *in)
{
	uint32_t at = (uint32_t)fuzz_take(in, 1) & 0x5c;
	uint32_t v = (uint32_t)fuzz_take(in, 4);

	memcpy(fuzz_guest.msix_pages[FUZZ_SLOT] + at, &v, sizeof(v));
	fuzz_copy_msix();
}

static inline void fuzz_step(const struct fuzz_device *d, struct fuzz_input *in)
{
	uint8_t op = (uint8_t)fuzz_take(in, 1);

	switch (op & 15) {
	case 0:
		fuzz_common(in);
		break;
	case 1:
		fuzz_port(in, op);
		break;
	case 2:
		fuzz_config(in, op);
		break;
	case 3:
		fuzz_msix_write(in);
		break;
	case 4:
		fuzz_ring_word(in);
		break;
	case 5:
		fuzz_bytes(in);
		break;
	case 6:
		fake_driver_kick(&fuzz_driver, op >> 4 & 3);
		break;
	case 7:
		virtio_pci_poll_pending(d->pci);
		break;
	case 8:
		fuzz_bring_up(in);
		break;
	case 9:
	case 10:
	case 11:
		fuzz_chain(in);
		break;
	default:
		if (d->step) {
			d->step(in);
		}
		break;
	}
}

static inline void fuzz_check_state(const struct virtio_pci *p)
{
	const uint32_t stuck =
		VIRTIO_STATUS_DEVICE_NEEDS_RESET | VIRTIO_STATUS_FAILED;

	for (uint32_t q = 0; q < p->queue_count; q++) {
		const struct virtqueue *vq = &p->queues[q];

		fuzz_check(vq->is_ready ||
			   !(vq->desc || vq->avail || vq->used));
		fuzz_check(vq->size != 0 && vq->size <= vq->max_size &&
			   (vq->size & (vq->size - 1)) == 0);
		fuzz_check(!(vq->is_ready && vq->fault));
	}
	fuzz_check(!p->is_live || (p->status & stuck) == 0);
	fuzz_check(!(p->status & VIRTIO_STATUS_DRIVER_OK) ||
		   (p->status & VIRTIO_STATUS_FEATURES_OK));
	fuzz_check(fuzz_guest.msi_count == 0 ||
		   fuzz_guest.msi_address >> 20 == 0xfee);
	fuzz_check(memcmp(fuzz_guest.msix_pages[FUZZ_SLOT], fuzz_msix,
			  sizeof(fuzz_msix)) == 0);
	fuzz_check(fuzz_work <= FUZZ_WORK_MAX);
}

static inline int fuzz_device_run(const struct fuzz_device *d,
				  const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct virtio_pci_env env;
	uint64_t memory = fuzz_take(&in, 1);

	fuzz_guest_start((memory & 1) == 0, (memory & 2) != 0);
	env = fake_guest_env(&fuzz_guest, FUZZ_SLOT);
	d->init(&env);
	fuzz_bring_up(&in);
	while (in.left > 0) {
		fuzz_work = 0;
		fuzz_step(d, &in);
		fuzz_check_state(d->pci);
	}
	/* a reset, and it is as good as new */
	fake_driver_probe(&fuzz_driver, &fuzz_guest, FUZZ_SLOT);
	fake_driver_start(&fuzz_driver,
			  VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	fuzz_check(d->works());
	fuzz_check(!fake_driver_is_broken(&fuzz_driver));
	return 0;
}

/* Works: @count descriptors from 0 on queue @q; used with @len bytes? */
static inline bool fuzz_honest(uint16_t q, const struct virtq_desc *descs,
			       uint16_t count, uint32_t len)
{
	struct virtq_used_elem e;

	for (uint16_t i = 0; i < count; i++) {
		fake_queue_desc(&fuzz_driver, q, i, descs[i]);
	}
	fake_queue_offer(&fuzz_driver, q, 0);
	fake_driver_kick(&fuzz_driver, q);
	return fake_queue_used(&fuzz_driver, q, &e) && e.id == 0 &&
	       e.len == len;
}

#endif
