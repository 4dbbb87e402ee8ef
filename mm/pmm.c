/*
 * pmm.c - page frames and their one owner.
 *
 * The whole state is one byte a frame: its owner. Allocation is a next-fit scan
 * over those bytes, which is simple, has no metadata that could disagree with
 * itself, and is off every hot path (a partition's RAM is taken in 2 MiB
 * pieces, once).
 *
 * Invariants
 *  1. owners[f] is FRAME_NOT_RAM unless f is usable RAM; that never changes.
 *  2. counts[o] is the number of frames with owner o.
 *  3. A free frame is zero: all of them are cleared at start-up, and each when
 *     it is given back. So no owner sees another's data, and handing out is
 *     quick: starting a partition costs no scrubbing.
 * Lock: pmm_lock, a leaf.
 */
#include <bh/pmm.h>

#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>
#include <bh/sync.h>

static struct spinlock pmm_lock = SPINLOCK_INIT;
static frame_owner_t *owners;
static uint64_t frame_count;
static uint64_t next_fit; /* frame number where the last search ended */
static uint64_t counts[256];

static void pmm_mark(uint64_t first, uint64_t count, frame_owner_t owner)
{
	for (uint64_t f = first; f < first + count; f++) {
		counts[owners[f]]--;
		owners[f] = owner;
	}
	counts[owner] += count;
}

static bool pmm_is_ram_kind(uint32_t kind)
{
	return kind == BOOT_RANGE_FREE || kind == BOOT_RANGE_BOOT ||
	       kind == BOOT_RANGE_IMAGE || kind == BOOT_RANGE_FILE;
}

static uint64_t pmm_top_frame(const struct boot_info *bi)
{
	uint64_t top = 0;

	for (uint32_t i = 0; i < bi->range_count; i++) {
		const struct boot_range *r = &bi->ranges[i];
		uint64_t end = r->base / PAGE_SIZE + r->pages;

		if (pmm_is_ram_kind(r->kind) && end > top) {
			top = end;
		}
	}
	return top;
}

/* Page 0 stays unused: a zero address never is a valid frame. */
static uint64_t pmm_place_table(const struct boot_info *bi, uint64_t bytes)
{
	for (uint32_t i = 0; i < bi->range_count; i++) {
		const struct boot_range *r = &bi->ranges[i];

		if (r->kind == BOOT_RANGE_FREE && r->base >= MIB(1) &&
		    r->pages * PAGE_SIZE >= bytes) {
			return r->base;
		}
	}
	return 0;
}

/* What the firmware left in free memory is nobody's business. */
static void pmm_scrub_free(void)
{
	for (uint64_t f = 0; f < frame_count;) {
		uint64_t run = 0;

		while (f + run < frame_count && owners[f + run] == FRAME_FREE) {
			run++;
		}
		if (run > 0) {
			frames_zero(phys_to_virt(hpa(f * PAGE_SIZE)),
				    run * PAGE_SIZE);
		}
		f += run + 1;
	}
}

enum status pmm_init(const struct boot_info *bi)
{
	uint64_t bytes;
	uint64_t at;

	frame_count = pmm_top_frame(bi);
	bytes = align_up(frame_count, PAGE_SIZE);
	at = pmm_place_table(bi, bytes);
	if (at == 0) {
		return ERR_NOMEM;
	}
	owners = phys_to_virt(hpa(at));
	memset(owners, FRAME_NOT_RAM, frame_count);
	counts[FRAME_NOT_RAM] = frame_count;
	for (uint32_t i = 0; i < bi->range_count; i++) {
		const struct boot_range *r = &bi->ranges[i];

		if (pmm_is_ram_kind(r->kind)) {
			pmm_mark(r->base / PAGE_SIZE, r->pages,
				 r->kind == BOOT_RANGE_FREE    ? FRAME_FREE
				 : r->kind == BOOT_RANGE_IMAGE ? FRAME_VMM
							       : FRAME_BOOT);
		}
	}
	pmm_mark(at / PAGE_SIZE, bytes / PAGE_SIZE, FRAME_VMM);
	if (owners[0] == FRAME_FREE) {
		pmm_mark(0, 1, FRAME_VMM);
	}
	pmm_scrub_free();
	return OK;
}

void pmm_release_boot(const struct boot_info *bi)
{
	spin_lock(&pmm_lock);
	for (uint32_t i = 0; i < bi->range_count; i++) {
		const struct boot_range *r = &bi->ranges[i];

		if (r->kind == BOOT_RANGE_BOOT) {
			frames_zero(phys_to_virt(hpa(r->base)),
				    r->pages * PAGE_SIZE);
			pmm_mark(r->base / PAGE_SIZE, r->pages, FRAME_FREE);
		}
	}
	spin_unlock(&pmm_lock);
}

/* First frame of a free run of @want frames in [@from, @to), or @to. */
static uint64_t pmm_find(uint64_t from, uint64_t to, uint64_t want,
			 uint64_t align)
{
	uint64_t f = align_up(from, align);

	while (f < to && to - f >= want) {
		uint64_t run = 0;

		while (run < want && owners[f + run] == FRAME_FREE) {
			run++;
		}
		if (run == want) {
			return f;
		}
		f = align_up(f + run + 1, align);
	}
	return to;
}

enum status pmm_alloc(frame_owner_t owner, uint64_t size, uint64_t align,
		      hpa_t *out)
{
	uint64_t want = size / PAGE_SIZE;
	uint64_t frames_align = align / PAGE_SIZE;
	uint64_t f;

	ASSERT(size != 0 && size % PAGE_SIZE == 0 && align >= PAGE_SIZE);
	spin_lock(&pmm_lock);
	f = pmm_find(next_fit, frame_count, want, frames_align);
	if (f == frame_count) {
		f = pmm_find(0, frame_count, want, frames_align);
	}
	if (f == frame_count) {
		spin_unlock(&pmm_lock);
		return ERR_NOMEM;
	}
	pmm_mark(f, want, owner);
	next_fit = f + want;
	spin_unlock(&pmm_lock);
	*out = hpa(f * PAGE_SIZE);
	return OK;
}

static void pmm_check_owner(frame_owner_t owner, hpa_t base, uint64_t size)
{
	uint64_t first = base.v / PAGE_SIZE;
	uint64_t count = size / PAGE_SIZE;

	ASSERT(base.v % PAGE_SIZE == 0 && size % PAGE_SIZE == 0);
	ASSERT(first + count <= frame_count);
	for (uint64_t f = first; f < first + count; f++) {
		ASSERT(owners[f] == owner);
	}
}

void pmm_free(frame_owner_t owner, hpa_t base, uint64_t size)
{
	pmm_check_owner(owner, base, size);
	frames_zero(phys_to_virt(base), size);
	pmm_free_clean(owner, base, size);
}

void pmm_free_clean(frame_owner_t owner, hpa_t base, uint64_t size)
{
	uint64_t first = base.v / PAGE_SIZE;
	uint64_t count = size / PAGE_SIZE;

	pmm_check_owner(owner, base, size);
	spin_lock(&pmm_lock);
	pmm_mark(first, count, FRAME_FREE);
	if (first < next_fit) {
		next_fit = first;
	}
	spin_unlock(&pmm_lock);
}

uint64_t pmm_count(frame_owner_t owner)
{
	return counts[owner] * PAGE_SIZE;
}

uint64_t pmm_total(void)
{
	return (frame_count - counts[FRAME_NOT_RAM]) * PAGE_SIZE;
}

frame_owner_t pmm_owner_of(hpa_t a)
{
	uint64_t f = a.v / PAGE_SIZE;

	return f < frame_count ? owners[f] : FRAME_NOT_RAM;
}
