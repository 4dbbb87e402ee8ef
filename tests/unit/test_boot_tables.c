/* test_boot_tables.c - walk the tables as the processor would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_tables.h"

#include <spec/elf64.h>
#include <stdbool.h>
#include <stdlib.h>

#define LINK     0xffffffff801ff000ull
#define IMAGE    0x12345000ull
#define PRESENT  1ull
#define WRITABLE 2ull
#define LARGE    0x80ull
#define NX       (1ull << 63)
#define ADDRESS  0x000ffffffffff000ull

static const struct boot_elf elf = {
	.entry = LINK,
	.base = LINK,
	.size = 0x5000,
	.segment_count = 3,
	.segments = {
		{ LINK, 0x1001, 1, NULL, ELF_PF_R | ELF_PF_X },
		{ LINK + 0x3000, 0x1000, 1, NULL, ELF_PF_R },
		{ LINK + 0x4000, 0x10, 1, NULL, ELF_PF_R | ELF_PF_W },
	},
};

static struct boot_tables t;

static enum status build(const struct boot_range *r, uint32_t n, uint64_t pages)
{
	t = (struct boot_tables){ .pages = pages };
	t.pool = aligned_alloc(PAGE_SIZE, (pages + 1) * PAGE_SIZE);
	memset(t.pool, 0xee, (pages + 1) * PAGE_SIZE);
	return boot_tables_build(&t, r, n, &elf, IMAGE);
}

/* The leaf that maps @virt, or 0; *@page_size says how much it maps. */
static uint64_t leaf(uint64_t virt, uint64_t *page_size)
{
	uint64_t *table = t.root;
	for (uint32_t shift = 39;; shift -= 9) {
		uint64_t e = table[virt >> shift & 511];
		*page_size = 1ull << shift;
		if (!(e & PRESENT)) {
			return 0;
		}
		if (shift == 12 || (e & LARGE)) {
			return e;
		}
		assert_true(e & WRITABLE); /* only leaves restrict */
		assert_false(e & NX);
		table = (uint64_t *)(uintptr_t)(e & ADDRESS);
	}
}

static void identity_at(uint64_t at, bool is_mapped)
{
	uint64_t size;
	uint64_t e = leaf(at, &size);
	if (!is_mapped) {
		assert_int_equal(e, 0);
		return;
	}
	assert_int_equal(size, MIB(2));
	assert_int_equal(e & ADDRESS, align_down(at, MIB(2)));
	assert_true(e & WRITABLE);
	assert_false(e & NX);
}

static void image_at(uint64_t off, uint64_t bits)
{
	uint64_t size;
	uint64_t e = leaf(LINK + off, &size);
	if (bits == 0) {
		assert_int_equal(e, 0);
		return;
	}
	assert_int_equal(size, PAGE_SIZE);
	assert_int_equal(e & ADDRESS, IMAGE + off);
	assert_int_equal(e & (NX | WRITABLE), bits & (NX | WRITABLE));
}

static void low_identity_and_image(void **state)
{
	(void)state;
	uint64_t pages = boot_tables_pages(NULL, 0, &elf);
	assert_int_equal(build(NULL, 0, pages), OK);
	assert_true(t.used <= pages);
	identity_at(0, true);
	identity_at(0xfee00000, true);
	identity_at(GIB(4) - 1, true);
	identity_at(GIB(4), false);
	image_at(0, PRESENT);            /* text: read, execute */
	image_at(0x1000, PRESENT);       /* its second page, across 2 MiB */
	image_at(0x2000, 0);             /* gap */
	image_at(0x3000, NX);            /* read only */
	image_at(0x4000, NX | WRITABLE); /* data */
	image_at(0x5000, 0);
	free(t.pool);
}

static void high_ram(void **state)
{
	(void)state;
	const struct boot_range r[] = {
		{ MIB(1), 0x100, BOOT_RANGE_FREE, 7 },
		{ GIB(4), GIB(1) / PAGE_SIZE, BOOT_RANGE_FREE, 7 },
		{ GIB(5), 0x10, BOOT_RANGE_RESERVED, 0 },
		{ GIB(6) + MIB(3), 1, BOOT_RANGE_ACPI, 9 },
		{ GIB(600), 2, BOOT_RANGE_FILE, 2 },
		{ GIB(700), 0x100, BOOT_RANGE_MMIO, 11 },
		{ 1ull << 47, 0x100, BOOT_RANGE_FREE, 7 },
	};
	uint64_t pages = boot_tables_pages(r, ARRAY_COUNT(r), &elf);
	assert_int_equal(build(r, ARRAY_COUNT(r), pages), OK);
	identity_at(GIB(4), true);
	identity_at(GIB(5) - 1, true);
	identity_at(GIB(5), false);
	identity_at(GIB(6), false);
	identity_at(GIB(6) + MIB(2), true);
	identity_at(GIB(6) + MIB(4), false);
	identity_at(GIB(600), true);
	identity_at(GIB(700), false);
	free(t.pool);
}

/* The estimate must hold for any sorted map, however scattered. */
static void estimate_is_an_upper_bound(void **state)
{
	(void)state;
	struct boot_range r[64];
	uint64_t seed = 1;
	for (uint32_t round = 0; round < 50; round++) {
		uint64_t at = 0;
		for (uint32_t i = 0; i < ARRAY_COUNT(r); i++) {
			seed = seed * 6364136223846793005ull + 1;
			at += (seed >> 33) % GIB(24) & ~0xfffull;
			uint64_t n = 1 + (seed >> 40) % 100000;
			r[i] = (struct boot_range){ at, n,
						    1 + (uint32_t)(seed % 7),
						    7 };
			at += n * PAGE_SIZE;
		}
		uint64_t pages = boot_tables_pages(r, ARRAY_COUNT(r), &elf);
		assert_int_equal(build(r, ARRAY_COUNT(r), pages), OK);
		assert_true(t.used <= pages);
		assert_true(pages - t.used < 8);
		free(t.pool);
	}
}

static void small_pools_are_refused(void **state)
{
	(void)state;
	const struct boot_range r = { GIB(8), 1, BOOT_RANGE_FREE, 7 };
	assert_int_equal(build(&r, 1, boot_tables_pages(&r, 1, &elf)), OK);
	uint64_t used = t.used;
	free(t.pool);
	for (uint64_t pages = 0; pages < used; pages++) {
		assert_int_equal(build(&r, 1, pages), ERR_NOMEM);
		assert_int_equal(t.used, pages);
		free(t.pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(low_identity_and_image),
		cmocka_unit_test(high_ram),
		cmocka_unit_test(estimate_is_an_upper_bound),
		cmocka_unit_test(small_pools_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
