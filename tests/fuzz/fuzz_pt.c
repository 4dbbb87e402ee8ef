/*
 * fuzz_pt.c - the page-table walker against a flat array of what is mapped: it
 * loses nothing, moves nothing, invents nothing, and gives every frame back.
 *
 * Four bytes a step: what to do (map, drop a page, drop a range), first page,
 * how many, offset of the frames.
 */
#include "fake_phys.h"

#include <arch/pt_walk.h>
#include <stdlib.h>
#include <string.h>

#define ARENA    MIB(2)
#define OWNER    pmm_owner_of_partition(0)
#define WINDOW   4096u /* pages that the model knows: 8 regions of 2 MiB */
#define VA_BASE  (GIB(512) - WINDOW / 2 * PAGE_SIZE) /* two root entries */
#define LEAF     0x37ull
#define LARGE    BIT(7)
#define STEP_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pt_format format = {
	.name = "fuzz",
	.levels = 4,
	.present_mask = 7,
	.table_bits = 7,
	.large_bit = LARGE,
	.address_mask = 0x000ffffffffff000ull,
	.has_2m = true,
	.leaf_bits = { [PT_GUEST_RAM] = LEAF },
};
static struct boot_info machine = {
	.range_count = 1,
	.ranges = { { .base = MIB(1), .pages = 256, .kind = BOOT_RANGE_FREE } },
};
static uint64_t model[WINDOW]; /* physical address + 1; 0: not mapped */

static void require(bool is_so)
{
	if (!is_so) {
		abort();
	}
}

static uint64_t va_of(uint32_t page)
{
	return VA_BASE + page * PAGE_SIZE;
}

/* What the table says of @page, as the model writes it. */
static uint64_t look(const struct pt *pt, uint32_t page)
{
	uint32_t level = 0;
	uint64_t entry = pt_lookup(pt, va_of(page), &level);
	uint64_t inside = level == PT_LEVEL_2M ? va_of(page) % MIB(2) : 0;

	if (entry == 0) {
		return 0;
	}
	require(level <= PT_LEVEL_2M && (entry & 7) == 7);
	require(((entry & LARGE) != 0) == (level == PT_LEVEL_2M));
	return (entry & format.address_mask) + inside + 1;
}

static void step_map(struct pt *pt, uint32_t first, uint32_t count, uint64_t pa)
{
	enum status s = pt_map(pt, va_of(first), hpa(pa), count * PAGE_SIZE,
			       PT_GUEST_RAM);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t want = pa + i * PAGE_SIZE + 1;
		uint64_t got = look(pt, first + i);
		bool was_mapped = model[first + i] != 0;

		require(s != OK || (!was_mapped && got == want));
		require(was_mapped ? got == model[first + i]
				   : got == 0 || got == want);
		model[first + i] = got;
	}
}

static void step_unmap(struct pt *pt, uint32_t page)
{
	uint32_t level = PT_LEVEL_4K;

	(void)pt_lookup(pt, va_of(page), &level);
	pt_unmap_page(pt, va_of(page));
	if (level == PT_LEVEL_4K) {
		model[page] = 0;
	}
}

/* Of the model's pages those lose their frame whose whole leaf is inside. */
static void step_unmap_range(struct pt *pt, uint32_t first, uint32_t count)
{
	uint64_t from = va_of(first);
	uint64_t to = va_of(first + count);
	uint32_t tables = pt->table_count;
	bool is_any_left = false;

	for (uint32_t page = first; page < first + count; page++) {
		uint32_t level;
		bool has_leaf = pt_lookup(pt, va_of(page), &level) != 0;
		uint64_t span = level == PT_LEVEL_2M ? MIB(2) : PAGE_SIZE;
		uint64_t leaf = align_down(va_of(page), span);

		if (has_leaf && leaf >= from && leaf + span <= to) {
			model[page] = 0;
		} else if (has_leaf) {
			is_any_left = true;
		}
	}
	require(pt_unmap(pt, from, to - from) ==
		(is_any_left ? ERR_INVALID : OK));
	require(pt->table_count == tables);
	for (uint32_t page = first; page < first + count; page++) {
		require(look(pt, page) == model[page]);
	}
}

static void step(struct pt *pt, const uint8_t in[4])
{
	uint32_t first = ((uint32_t)in[1] << 4 | (in[0] >> 4)) % WINDOW;
	uint32_t count = (in[0] & 2) ? 512u + in[2] : in[2] % 16u + 1u;

	if (in[0] & 4) {
		first -= first % 512; /* so that large leaves are met */
	}
	if (count > WINDOW - first) {
		count = WINDOW - first;
	}
	if ((in[0] & 9) == 9) {
		step_unmap_range(pt, first, count);
	} else if ((in[0] & 8) != 0) {
		/* smaller leaves, the same addresses */
		require(pt_split(pt, va_of(first)) != ERR_NOENT ||
			model[first] == 0);
	} else if (in[0] & 1) {
		step_unmap(pt, first);
	} else {
		step_map(pt, first, count,
			 GIB(4) + MIB(2) * (in[3] & 0xf0) +
				 PAGE_SIZE * (in[3] & 0x0f));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool has_memory;
	uint64_t before;
	struct pt pt;

	if (!has_memory) {
		fake_phys_init(ARENA);
		require(pmm_init(&machine) == OK);
		has_memory = true;
	}
	before = pmm_count(FRAME_FREE);
	memset(model, 0, sizeof(model));
	require(pt_init(&pt, &format, OWNER) == OK);
	for (size_t i = 0; i + 4 <= size && i < 4 * STEP_MAX; i += 4) {
		step(&pt, &data[i]);
	}
	for (uint32_t page = 0; page < WINDOW; page++) {
		require(look(&pt, page) == model[page]);
	}
	require(pmm_count(OWNER) == pt.table_count * PAGE_SIZE);
	pt_destroy(&pt);
	require(pmm_count(OWNER) == 0 && pmm_count(FRAME_FREE) == before);
	return 0;
}
