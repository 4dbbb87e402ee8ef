/* test_boot_memmap.c - the invariants of boot_memmap.h, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_memmap.h"

#include <stdlib.h>

#define DESC_SIZE    48u /* firmware's descriptors are larger than ours */
#define DESC_MAX     700u
#define WB           0x8ull
#define RUNTIME      (1ull << 63)
#define CONVENTIONAL 7u
#define LOADER_DATA  2u

static uint8_t map[DESC_MAX * DESC_SIZE];
static uint32_t desc_count;
static struct boot_claim claims[8];
static uint32_t claim_count;
static struct boot_range out[BOOT_RANGE_MAX];
static uint32_t out_count;

static int reset(void **state)
{
	(void)state;
	memset(map, 0xee, sizeof(map));
	desc_count = claim_count = out_count = 0;
	return 0;
}

static void add(uint32_t type, uint64_t base, uint64_t pages, uint64_t attr)
{
	struct boot_memmap_desc d = { type, 0, base, 0, pages, attr };
	memcpy(map + desc_count * DESC_SIZE, &d, sizeof(d));
	desc_count++;
}

static void claim(uint64_t base, uint64_t pages, uint32_t kind)
{
	claims[claim_count++] = (struct boot_claim){ base, pages, kind };
}

static enum status build(void)
{
	uint32_t max = desc_count + claim_count;
	struct boot_memmap_span *spans = calloc(max + 1, sizeof(*spans));
	uint64_t *bounds = calloc(2 * max + 1, sizeof(*bounds));
	struct boot_memmap_input in = { .map = map,
					.map_size = desc_count * DESC_SIZE,
					.desc_size = DESC_SIZE,
					.claims = claims,
					.claim_count = claim_count,
					.span_max = max,
					.spans = spans,
					.bounds = bounds };
	enum status st = boot_memmap_build(&in, out, &out_count);
	free(spans);
	free(bounds);
	for (uint32_t i = 0; st == OK && i < out_count; i++) {
		assert_true(out[i].pages > 0);
		assert_int_equal(out[i].base % PAGE_SIZE, 0);
		if (i > 0) {
			assert_true(out[i].base >=
				    out[i - 1].base +
					    out[i - 1].pages * PAGE_SIZE);
		}
	}
	return st;
}

static void range_is(uint32_t i, uint64_t base, uint64_t pages, uint32_t kind)
{
	assert_true(i < out_count);
	assert_int_equal(out[i].base, base);
	assert_int_equal(out[i].pages, pages);
	assert_int_equal(out[i].kind, kind);
}

static void kinds(void **state)
{
	(void)state;
	static const uint8_t want[16] = { 6, 1, 1, 1, 1, 6, 6, 1,
					  6, 5, 6, 7, 7, 6, 6, 6 };
	for (uint32_t t = 0; t < 16; t++) {
		assert_int_equal(boot_memmap_kind(t, WB), want[t]);
	}
	assert_int_equal(boot_memmap_kind(0x80000000, WB), BOOT_RANGE_RESERVED);
	assert_int_equal(boot_memmap_kind(UINT32_MAX, WB), BOOT_RANGE_RESERVED);
	/* plain RAM only */
	assert_int_equal(boot_memmap_kind(7, 0), BOOT_RANGE_RESERVED);
	assert_int_equal(boot_memmap_kind(7, WB | RUNTIME),
			 BOOT_RANGE_RESERVED);
	assert_int_equal(boot_memmap_kind(7, WB | 0x8000), BOOT_RANGE_RESERVED);
	assert_int_equal(boot_memmap_kind(7, WB | 0x40000),
			 BOOT_RANGE_RESERVED);
	assert_int_equal(boot_memmap_kind(7, WB | 0x10000), BOOT_RANGE_FREE);
}

static void sorted_and_merged(void **state)
{
	(void)state;
	add(CONVENTIONAL, 0x300000, 0x100, WB);
	add(4, 0x200000, 0x100, WB);
	add(0, 0x500000, 1, 0);
	add(1, 0x100000, 0x100, WB);
	assert_int_equal(build(), OK);
	assert_int_equal(out_count, 2);
	range_is(0, 0x100000, 0x300, BOOT_RANGE_FREE);
	range_is(1, 0x500000, 1, BOOT_RANGE_RESERVED);
}

static void overlaps_take_the_less_usable(void **state)
{
	(void)state;
	add(CONVENTIONAL, 0x100000, 0x100, WB);
	add(0, 0x140000, 0x10, 0);
	add(9, 0x148000, 0x10, WB);
	assert_int_equal(build(), OK);
	assert_int_equal(out_count, 4);
	range_is(0, 0x100000, 0x40, BOOT_RANGE_FREE);
	range_is(1, 0x140000, 0x10, BOOT_RANGE_RESERVED);
	range_is(2, 0x150000, 0x8, BOOT_RANGE_ACPI);
	range_is(3, 0x158000, 0xa8, BOOT_RANGE_FREE);
}

static void empty_wild_and_unaligned(void **state)
{
	(void)state;
	add(CONVENTIONAL, 0x100000, 0, WB);
	add(CONVENTIONAL, UINT64_MAX & ~0xfffull, 5, WB);
	add(CONVENTIONAL, 1ull << 52, 5, WB);
	add(0, (1ull << 52) - 0x2000, UINT64_MAX, 0);
	add(CONVENTIONAL, 0x200800, 3, WB); /* only two whole pages */
	add(0, 0x400800, 1, 0);             /* grows to two */
	assert_int_equal(build(), OK);
	assert_int_equal(out_count, 3);
	range_is(0, 0x201000, 2, BOOT_RANGE_FREE);
	range_is(1, 0x400000, 2, BOOT_RANGE_RESERVED);
	range_is(2, (1ull << 52) - 0x2000, 2, BOOT_RANGE_RESERVED);
}

static void claims_are_carved_out(void **state)
{
	(void)state;
	add(CONVENTIONAL, 0x100000, 0x100, WB);
	add(LOADER_DATA, 0x200000, 0x20, WB);
	claim(0x200000, 4, BOOT_RANGE_IMAGE);
	claim(0x204000, 2, BOOT_RANGE_FILE);
	claim(0x206000, 2, BOOT_RANGE_FILE);
	claim(0x210000, 1, BOOT_RANGE_BOOT);
	assert_int_equal(build(), OK);
	range_is(0, 0x100000, 0x100, BOOT_RANGE_FREE);
	range_is(1, 0x200000, 4, BOOT_RANGE_IMAGE);
	range_is(2, 0x204000, 4, BOOT_RANGE_FILE);
	range_is(3, 0x208000, 8, BOOT_RANGE_FREE);
	range_is(4, 0x210000, 1, BOOT_RANGE_BOOT);
	range_is(5, 0x211000, 0xf, BOOT_RANGE_FREE);
	assert_int_equal(out_count, 6);
}

static void reserved_goes_first_when_full(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		add(i % 2 ? 0 : CONVENTIONAL, 0x100000 + i * 0x10000ull, 8, WB);
	}
	claim(0x101000, 1, BOOT_RANGE_FILE);
	assert_int_equal(build(), OK);
	uint32_t free_count = 0;
	for (uint32_t i = 0; i < out_count; i++) {
		free_count += out[i].kind == BOOT_RANGE_FREE;
	}
	assert_int_equal(free_count, 151); /* one was cut in two */
	assert_true(out_count <= BOOT_RANGE_MAX);
}

static void smallest_free_goes_next(void **state)
{
	(void)state;
	add(LOADER_DATA, 0x100000, 1, WB);
	claim(0x100000, 1, BOOT_RANGE_FILE);
	for (uint32_t i = 0; i < 600; i++) {
		add(CONVENTIONAL, 0x1000000 + i * 0x1000000ull,
		    i % 2 ? 1 : 10 + i, WB);
	}
	assert_int_equal(build(), OK);
	assert_int_equal(out_count, BOOT_RANGE_MAX);
	range_is(0, 0x100000, 1, BOOT_RANGE_FILE);
	assert_int_equal(out[BOOT_RANGE_MAX - 1].pages, 10 + 598);
}

static void bad_calls(void **state)
{
	(void)state;
	struct boot_memmap_span span;
	uint64_t bounds[2];
	struct boot_memmap_input in = { .map = map,
					.map_size = 2 * DESC_SIZE,
					.desc_size = 39,
					.span_max = 1,
					.spans = &span,
					.bounds = bounds };
	assert_int_equal(boot_memmap_build(&in, out, &out_count), ERR_INVALID);
	in.desc_size = 0;
	assert_int_equal(boot_memmap_build(&in, out, &out_count), ERR_INVALID);
	in.desc_size = DESC_SIZE;
	assert_int_equal(boot_memmap_build(&in, out, &out_count), ERR_LIMIT);
	assert_int_equal(out_count, 0);
	in.map_size = 0;
	assert_int_equal(boot_memmap_build(&in, out, &out_count), OK);
	assert_int_equal(out_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(kinds, reset),
		cmocka_unit_test_setup(sorted_and_merged, reset),
		cmocka_unit_test_setup(overlaps_take_the_less_usable, reset),
		cmocka_unit_test_setup(empty_wild_and_unaligned, reset),
		cmocka_unit_test_setup(claims_are_carved_out, reset),
		cmocka_unit_test_setup(reserved_goes_first_when_full, reset),
		cmocka_unit_test_setup(smallest_free_goes_next, reset),
		cmocka_unit_test_setup(bad_calls, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
