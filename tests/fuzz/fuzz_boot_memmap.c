/* fuzz_boot_memmap.c - any memory map gives sorted, disjoint ranges, and page
 * tables fit the estimate. */
#include "boot/boot_memmap.h"
#include "boot/boot_tables.h"

#include <stdlib.h>
#include <string.h>

#define SPAN_MAX        400u
#define TABLE_PAGES_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct boot_range *r, uint32_t count)
{
	uint64_t end = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (r[i].pages == 0 || r[i].base % PAGE_SIZE != 0 ||
		    r[i].base < end || r[i].kind < BOOT_RANGE_FREE ||
		    r[i].kind > BOOT_RANGE_MMIO) {
			abort();
		}
		end = r[i].base + r[i].pages * PAGE_SIZE;
	}
}

static void check_tables(const struct boot_range *r, uint32_t count)
{
	static const struct boot_elf elf = { .base = BOOT_ELF_LINK_MIN,
					     .size = PAGE_SIZE };
	struct boot_tables t = { .pages = boot_tables_pages(r, count, &elf) };
	if (t.pages > TABLE_PAGES_MAX) {
		return; /* terabytes: right, but slow */
	}
	t.pool = aligned_alloc(PAGE_SIZE, t.pages * PAGE_SIZE);
	if (boot_tables_build(&t, r, count, &elf, 0) != OK) {
		abort();
	}
	free(t.pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_memmap_span spans[SPAN_MAX];
	static uint64_t bounds[2 * SPAN_MAX];
	static struct boot_range out[BOOT_RANGE_MAX];
	static const struct boot_claim claim = { MIB(1), 3, BOOT_RANGE_IMAGE };
	uint32_t count = 0;
	struct boot_memmap_input in = { .map = data,
					.map_size = size,
					.desc_size = 40,
					.claims = &claim,
					.claim_count = 1,
					.span_max = SPAN_MAX,
					.spans = spans,
					.bounds = bounds };
	if (boot_memmap_build(&in, out, &count) == OK) {
		check_ranges(out, count);
		check_tables(out, count);
	}
	return 0;
}
