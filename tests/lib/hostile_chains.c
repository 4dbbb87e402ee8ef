/* hostile_chains.c - rows V01 to V07 of the catalogue of hostile guests. */
#include "hostile_chains.h"

#include <string.h>

#define NEXT     VIRTQ_DESC_F_NEXT
#define WRITE    VIRTQ_DESC_F_WRITE
#define INDIRECT VIRTQ_DESC_F_INDIRECT
#define TABLE    (FAKE_DATA + 0x10000) /* indirect table of the bad chain */
#define LOW_END  (FAKE_LOW_CHUNKS * GMEM_CHUNK_SIZE)
#define SIZE_ANY 0xfffe /* stands for the queue's size */

/*
 * Up to three descriptors of the queue and two of an indirect table. A row
 * with idx_step moves avail->idx by it instead of offering `head`.
 */
struct hostile_row {
	const char *name;
	struct virtq_desc d[3];
	struct virtq_desc t[2];
	uint16_t head;
	uint16_t idx_step;
	bool without_indirect; /* feature not negotiated */
};

/* clang-format off */
#define OK16 { FAKE_DATA, 16, 0, 0 }
static const struct hostile_row rows[] = {
	{ "V01 self loop", .d = { { FAKE_DATA, 16, NEXT, 0 } } },
	{ "V01 self loop, writable",
	  .d = { { FAKE_DATA, 16, NEXT | WRITE, 0 } } },
	{ "V01 loop of empty descriptors", .d = { { FAKE_DATA, 0, NEXT, 0 } } },
	{ "V01 cycle of two", .d = { { FAKE_DATA, 16, NEXT, 1 },
				     { FAKE_DATA, 16, NEXT, 0 } } },
	{ "V01 cycle in an indirect table",
	  .d = { { TABLE, 32, INDIRECT, 0 } },
	  .t = { { FAKE_DATA, 16, NEXT, 1 }, { FAKE_DATA, 16, NEXT, 0 } } },
	{ "V01 table that names itself",
	  .d = { { TABLE, 32, INDIRECT, 0 } },
	  .t = { { TABLE, 32, INDIRECT, 0 } } },
	{ "V02 next = size", .d = { { FAKE_DATA, 16, NEXT, SIZE_ANY } } },
	{ "V02 next = 65535", .d = { { FAKE_DATA, 16, NEXT, 0xffff } } },
	{ "V02 next beyond the table",
	  .d = { { TABLE, 32, INDIRECT, 0 } },
	  .t = { { FAKE_DATA, 16, NEXT, 2 } } },
	{ "V02 head = size", .d = { OK16 }, .head = SIZE_ANY },
	{ "V02 head = 65535", .d = { OK16 }, .head = 0xffff },
	{ "V03 idx jumps", .d = { OK16 }, .idx_step = 0x4000 },
	{ "V03 idx jumps by size + 1", .d = { OK16 }, .idx_step = SIZE_ANY },
	{ "V03 idx goes back", .d = { OK16 }, .idx_step = 0xffff },
	{ "V04 first byte after RAM", .d = { { LOW_END, 16, 0, 0 } } },
	{ "V04 nothing at all after RAM", .d = { { LOW_END, 0, 0, 0 } } },
	{ "V04 spans end of RAM", .d = { { LOW_END - 8, 16, 0, 0 } } },
	{ "V04 spans end of RAM, writable",
	  .d = { { LOW_END - 8, 16, WRITE, 0 } } },
	{ "V04 spans both regions", .d = { { LOW_END - 8, 0xffffffff, 0, 0 } } },
	{ "V04 wraps", .d = { { UINT64_MAX - 7, 16, 0, 0 } } },
	{ "V04 wraps, writable", .d = { { UINT64_MAX - 7, 16, WRITE, 0 } } },
	{ "V04 LAPIC", .d = { { 0xfee00000, 16, WRITE, 0 } } },
	{ "V04 own MSI-X page", .d = { { FAKE_MSIX_GPA, 16, WRITE, 0 } } },
	{ "V04 second buffer is wild", .d = { { FAKE_DATA, 16, NEXT, 1 },
					      { 1ull << 46, 16, 0, 0 } } },
	{ "V05 length 2^32 - 1", .d = { { FAKE_DATA, 0xffffffff, WRITE, 0 } } },
	{ "V06 writable before readable",
	  .d = { { FAKE_DATA, 16, NEXT | WRITE, 1 }, OK16 } },
	{ "V06 same in an indirect table",
	  .d = { { TABLE, 32, INDIRECT, 0 } },
	  .t = { { FAKE_DATA, 16, NEXT | WRITE, 1 }, OK16 } },
	{ "V07 length 17", .d = { { TABLE, 17, INDIRECT, 0 } }, .t = { OK16 } },
	{ "V07 length 0", .d = { { TABLE, 0, INDIRECT, 0 } }, .t = { OK16 } },
	{ "V07 nested", .d = { { TABLE, 16, INDIRECT, 0 } },
	  .t = { { TABLE + 16, 16, INDIRECT, 0 }, OK16 } },
	{ "V07 INDIRECT and NEXT", .d = { { TABLE, 16, INDIRECT | NEXT, 1 },
					  OK16 }, .t = { OK16 } },
	{ "V07 not negotiated", .d = { { TABLE, 16, INDIRECT, 0 } },
	  .t = { OK16 }, .without_indirect = true },
	{ "V07 table outside RAM", .d = { { LOW_END, 16, INDIRECT, 0 } } },
	{ "V07 table spans end of RAM",
	  .d = { { LOW_END - 16, 32, INDIRECT, 0 } } },
	{ "V07 2^16 entries", .d = { { TABLE, 1u << 20, INDIRECT, 0 } },
	  .t = { OK16 } },
};
/* clang-format on */

static void hostile_build(const struct hostile_victim *v,
			  const struct hostile_row *r)
{
	struct fake_queue *fq = &v->d->q[v->q];
	uint16_t step = r->idx_step;
	uint16_t head = r->head == SIZE_ANY ? fq->size : r->head;

	for (uint16_t i = 0; i < 3; i++) {
		struct virtq_desc d = r->d[i];

		d.next = d.next == SIZE_ANY ? fq->size : d.next;
		fake_queue_desc(v->d, v->q, i, d);
	}
	for (uint16_t i = 0; i < 2; i++) {
		fake_queue_desc_at(v->d, TABLE, i, r->t[i]);
	}
	if (step != 0) {
		step = step == SIZE_ANY ? (uint16_t)(fq->size + 1) : step;
		fq->avail_idx = (uint16_t)(fq->avail_idx + step - 1);
	}
	fake_queue_offer(v->d, v->q, head);
}

static bool hostile_ram_untouched(struct fake_guest *g)
{
	static const uint8_t zero[PAGE_SIZE];

	for (uint64_t at = 0; at < 0x10000; at += PAGE_SIZE) {
		if (memcmp(fake_ram(g, FAKE_DATA + at), zero, PAGE_SIZE)) {
			return false;
		}
	}
	return memcmp(fake_ram(g, LOW_END - PAGE_SIZE), zero, PAGE_SIZE) == 0 &&
	       memcmp(fake_ram(g, GMEM_HIGH_BASE), zero, PAGE_SIZE) == 0;
}

static bool hostile_row_ok(const struct hostile_victim *v,
			   const struct hostile_row *r)
{
	uint64_t features = v->features | VIRTIO_F_EVENT_IDX;
	struct fake_guest *g = v->d->g;
	struct virtq_used_elem e;
	uint32_t msi;

	if (!r->without_indirect) {
		features |= VIRTIO_F_INDIRECT_DESC;
	}
	fake_driver_start(v->d, features);
	hostile_build(v, r);
	msi = g->msi_count;
	v->poke(v);
	if (!fake_driver_is_broken(v->d) || g->msi_count != msi + 1 ||
	    g->msi_data != 0x40 || fake_queue_used(v->d, v->q, &e) ||
	    !hostile_ram_untouched(g)) {
		return false;
	}
	/* dead until reset: nothing more happens, and it says so once */
	v->poke(v);
	fake_driver_kick(v->d, v->q);
	return g->msi_count == msi + 1 && !fake_queue_used(v->d, v->q, &e) &&
	       (fake_in(g, v->d->isr, 1) & 2);
}

const char *hostile_chains_run(const struct hostile_victim *v)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (!hostile_row_ok(v, &rows[i])) {
			return rows[i].name;
		}
	}
	fake_driver_start(v->d, v->features);
	return fake_driver_is_broken(v->d) ? "reset does not help" : NULL;
}

void hostile_kick(const struct hostile_victim *v)
{
	fake_driver_kick(v->d, v->q);
}
