/* test_pt.c - the page-table walker: leaf sizes, overlaps, failures, no leak.
 */
#include "tests/lib/unit.h"

#include "fake_panic.h"
#include "fake_phys.h"

#include <arch/pt_walk.h>

#define ARENA  MIB(4)
#define ALICE  pmm_owner_of_partition(0)
#define BOB    pmm_owner_of_partition(1)
#define RAM    0x37ull  /* the bits of a PT_GUEST_RAM leaf below */
#define SHARED 0x133ull /* and of PT_GUEST_SHARED */
#define LARGE  BIT(7)

static const struct pt_format with_all = {
	.name = "all sizes",
	.levels = 4,
	.present_mask = 7,
	.table_bits = 7,
	.large_bit = LARGE,
	.address_mask = 0x000ffffffffff000ull,
	.has_2m = true,
	.has_1g = true,
	.leaf_bits = { [PT_GUEST_RAM] = RAM, [PT_GUEST_SHARED] = SHARED },
};
static struct pt_format with_4k; /* the same, no large leaves */
static struct boot_info machine = {
	.range_count = 1,
	.ranges = { { .base = MIB(1),
		      .pages = 3 * 256,
		      .kind = BOOT_RANGE_FREE } },
};
static struct pt pt;
static uint64_t free_before;

static int setup_memory(void **state)
{
	(void)state;
	with_4k = with_all;
	with_4k.has_2m = false;
	with_4k.has_1g = false;
	fake_phys_init(ARENA);
	return pmm_init(&machine) == OK ? 0 : -1;
}

static int teardown_memory(void **state)
{
	(void)state;
	fake_phys_done();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	free_before = pmm_count(FRAME_FREE);
	return pt_init(&pt, &with_all, ALICE) == OK ? 0 : -1;
}

/* Every test ends here: each frame of the table comes back. */
static int teardown(void **state)
{
	(void)state;
	if (pmm_count(ALICE) != pt.table_count * PAGE_SIZE) {
		return -1; /* the owner pays for the tables, exactly */
	}
	pt_destroy(&pt);
	return pt.table_count == 0 && pmm_count(ALICE) == 0 &&
			       pmm_count(FRAME_FREE) == free_before
		       ? 0
		       : -1;
}

static void map(uint64_t va, uint64_t pa, uint64_t size)
{
	assert_int_equal(pt_map(&pt, va, hpa(pa), size, PT_GUEST_RAM), OK);
}

static void assert_leaf(uint64_t va, uint64_t entry, uint32_t level)
{
	uint32_t found = 99;

	assert_int_equal(pt_lookup(&pt, va, &found), entry);
	assert_int_equal(found, level);
}

static void assert_hole(uint64_t va)
{
	uint32_t level;

	assert_int_equal(pt_lookup(&pt, va, &level), 0);
}

static void test_empty_table(void **state)
{
	(void)state;
	assert_int_equal(pt.table_count, 1);
	assert_int_equal(pmm_owner_of(pt.root), ALICE);
	assert_hole(0);
	assert_hole(0x7ffffffff000ull);
	assert_hole(0xffff800000000000ull);
}

static void test_4k_leaf(void **state)
{
	(void)state;
	map(0x5000, 0xabc000, PAGE_SIZE);
	assert_leaf(0x5000, 0xabc000 | RAM, PT_LEVEL_4K);
	assert_leaf(0x5fff, 0xabc000 | RAM, PT_LEVEL_4K);
	assert_hole(0x4fff);
	assert_hole(0x6000);
	assert_hole(0x5000 + MIB(2));
	assert_hole(0x5000 + GIB(1));
	assert_hole(0x5000 + GIB(512));
	assert_int_equal(pt.table_count, 4);
}

static void test_2m_leaf(void **state)
{
	(void)state;
	map(MIB(2), MIB(6), MIB(2));
	assert_leaf(MIB(2), MIB(6) | RAM | LARGE, PT_LEVEL_2M);
	assert_leaf(MIB(4) - 1, MIB(6) | RAM | LARGE, PT_LEVEL_2M);
	assert_hole(MIB(2) - 1);
	assert_hole(MIB(4));
	assert_int_equal(pt.table_count, 3);
}

/* Large leaves lack some bits; pt_split() makes small ones that have them. */
static void test_split(void **state)
{
	static struct pt_format denied;
	uint32_t level;

	(void)state;
	denied = with_all;
	denied.large_denied = 4;
	pt.format = &denied;
	assert_int_equal(pt_map(&pt, 0, hpa(GIB(64)), GIB(2), PT_GUEST_RAM),
			 OK);
	assert_leaf(GIB(1), GIB(65) | (RAM & ~4ull) | LARGE, PT_LEVEL_1G);
	assert_int_equal(pt_split(&pt, GIB(1) + MIB(2) + 0x5123), OK);
	assert_int_equal(pt.table_count, 4); /* root, PDPT, PD, PT */
	assert_leaf(0, GIB(64) | (RAM & ~4ull) | LARGE, PT_LEVEL_1G);
	assert_leaf(GIB(1), GIB(65) | (RAM & ~4ull) | LARGE, PT_LEVEL_2M);
	assert_leaf(GIB(1) + MIB(2), (GIB(65) + MIB(2)) | RAM, PT_LEVEL_4K);
	assert_leaf(GIB(1) + MIB(4) - 1, (GIB(65) + MIB(4) - 4096) | RAM,
		    PT_LEVEL_4K);
	assert_int_equal(pt_split(&pt, GIB(1) + MIB(2)), OK);
	assert_int_equal(pt.table_count, 4); /* nothing to do */
	assert_int_equal(pt_split(&pt, GIB(3)), ERR_NOENT);
	assert_int_equal(pt_lookup(&pt, GIB(3), &level), 0);
}

/* With no frame left the large leaf stays as it was. */
static void test_split_without_memory(void **state)
{
	static hpa_t taken[3 * 256];
	uint32_t n = 0;

	(void)state;
	assert_int_equal(pt_map(&pt, 0, hpa(GIB(64)), GIB(1), PT_GUEST_RAM),
			 OK);
	while (pmm_alloc(BOB, PAGE_SIZE, PAGE_SIZE, &taken[n]) == OK) {
		n++;
	}
	assert_int_equal(pt_split(&pt, 0), ERR_NOMEM);
	assert_leaf(0, GIB(64) | RAM | LARGE, PT_LEVEL_1G);
	while (n > 0) {
		pmm_free(BOB, taken[--n], PAGE_SIZE);
	}
}

static void test_1g_leaf(void **state)
{
	(void)state;
	map(GIB(3), GIB(64), GIB(2));
	assert_leaf(GIB(3), GIB(64) | RAM | LARGE, PT_LEVEL_1G);
	assert_leaf(GIB(5) - 1, GIB(65) | RAM | LARGE, PT_LEVEL_1G);
	assert_hole(GIB(5));
	assert_int_equal(pt.table_count, 2);
}

static void test_largest_leaf_that_fits(void **state)
{
	(void)state;
	map(GIB(1) - MIB(2) - PAGE_SIZE, GIB(9) - MIB(2) - PAGE_SIZE,
	    PAGE_SIZE + MIB(2) + GIB(1) + MIB(2) + PAGE_SIZE);
	assert_leaf(GIB(1) - MIB(2) - PAGE_SIZE,
		    (GIB(9) - MIB(2) - PAGE_SIZE) | RAM, PT_LEVEL_4K);
	assert_leaf(GIB(1) - MIB(2), (GIB(9) - MIB(2)) | RAM | LARGE,
		    PT_LEVEL_2M);
	assert_leaf(GIB(1), GIB(9) | RAM | LARGE, PT_LEVEL_1G);
	assert_leaf(GIB(2), GIB(10) | RAM | LARGE, PT_LEVEL_2M);
	assert_leaf(GIB(2) + MIB(2), (GIB(10) + MIB(2)) | RAM, PT_LEVEL_4K);
	assert_hole(GIB(2) + MIB(2) + PAGE_SIZE);
}

static void test_leaf_needs_both_addresses_aligned(void **state)
{
	(void)state;
	map(GIB(1), MIB(2), GIB(1)); /* the frames lie on 2 MiB only */
	assert_leaf(GIB(1), MIB(2) | RAM | LARGE, PT_LEVEL_2M);
	map(MIB(2), MIB(2) + PAGE_SIZE, MIB(2)); /* on 4 KiB only */
	assert_leaf(MIB(2), (MIB(2) + PAGE_SIZE) | RAM, PT_LEVEL_4K);
	assert_leaf(MIB(4) - 1, MIB(4) | RAM, PT_LEVEL_4K);
}

static void test_format_without_large_leaves(void **state)
{
	struct pt small;

	(void)state;
	assert_int_equal(pt_init(&small, &with_4k, BOB), OK);
	assert_int_equal(
		pt_map(&small, GIB(1), hpa(GIB(1)), MIB(4), PT_GUEST_RAM), OK);
	for (uint64_t at = GIB(1); at < GIB(1) + MIB(4); at += PAGE_SIZE) {
		uint32_t level;

		assert_int_equal(pt_lookup(&small, at, &level), at | RAM);
		assert_int_equal(level, PT_LEVEL_4K);
	}
	assert_int_equal(small.table_count, 5);
	pt_destroy(&small);
	assert_int_equal(pmm_count(BOB), 0);
}

static void test_kinds_differ_in_their_bits(void **state)
{
	(void)state;
	assert_int_equal(
		pt_map(&pt, 0, hpa(MIB(1)), PAGE_SIZE, PT_GUEST_SHARED), OK);
	assert_leaf(0, MIB(1) | SHARED, PT_LEVEL_4K);
}

static void test_both_ends_of_the_address_space(void **state)
{
	(void)state;
	map(0, MIB(1), PAGE_SIZE);
	map(0xffffffffffffe000ull, MIB(2), PAGE_SIZE);
	map(0xffff800000000000ull, MIB(3), PAGE_SIZE);
	assert_leaf(0, MIB(1) | RAM, PT_LEVEL_4K);
	assert_leaf(0xffffffffffffe123ull, MIB(2) | RAM, PT_LEVEL_4K);
	assert_leaf(0xffff800000000000ull, MIB(3) | RAM, PT_LEVEL_4K);
	assert_int_equal(pt.table_count, 10);
}

static void test_nothing_is_mapped_twice(void **state)
{
	/* clang-format off */
	static const struct { uint64_t va, size; } again[] = {
		{ GIB(1), PAGE_SIZE },             /* 4 KiB on 4 KiB */
		{ GIB(1) - PAGE_SIZE, MIB(1) },    /* ... in the middle */
		{ GIB(1), MIB(2) },                /* 2 MiB over 4 KiB */
		{ GIB(1), GIB(1) },                /* 1 GiB over 4 KiB */
		{ GIB(2), PAGE_SIZE },             /* 4 KiB in 2 MiB */
		{ GIB(2), MIB(2) },                /* 2 MiB on 2 MiB */
		{ GIB(4), PAGE_SIZE },             /* 4 KiB in 1 GiB */
		{ GIB(5) - MIB(2), MIB(2) },       /* 2 MiB in 1 GiB */
	};
	/* clang-format on */

	(void)state;
	map(GIB(1), GIB(1), PAGE_SIZE);
	map(GIB(2), GIB(2), MIB(2));
	map(GIB(4), GIB(4), GIB(1));
	for (uint32_t i = 0; i < ARRAY_COUNT(again); i++) {
		assert_int_equal(pt_map(&pt, again[i].va, hpa(GIB(8)),
					again[i].size, PT_GUEST_RAM),
				 ERR_EXIST);
	}
	assert_leaf(GIB(1), GIB(1) | RAM, PT_LEVEL_4K);
	assert_leaf(GIB(2), GIB(2) | RAM | LARGE, PT_LEVEL_2M);
	assert_leaf(GIB(4), GIB(4) | RAM | LARGE, PT_LEVEL_1G);
}

static void test_unmap_drops_one_page(void **state)
{
	(void)state;
	map(0, MIB(1), 3 * PAGE_SIZE);
	pt_unmap_page(&pt, PAGE_SIZE);
	assert_leaf(0, MIB(1) | RAM, PT_LEVEL_4K);
	assert_hole(PAGE_SIZE);
	assert_leaf(2 * PAGE_SIZE, (MIB(1) + 2 * PAGE_SIZE) | RAM, PT_LEVEL_4K);
	pt_unmap_page(&pt, PAGE_SIZE); /* nothing there: nothing done */
	pt_unmap_page(&pt, GIB(700));
	map(PAGE_SIZE, MIB(3), PAGE_SIZE);
	assert_leaf(PAGE_SIZE, MIB(3) | RAM, PT_LEVEL_4K);
}

static void test_unmap_leaves_large_leaves_alone(void **state)
{
	(void)state;
	map(MIB(2), MIB(2), MIB(2));
	pt_unmap_page(&pt, MIB(2));
	assert_leaf(MIB(2), MIB(2) | RAM | LARGE, PT_LEVEL_2M);
}

static void test_unmap_range(void **state)
{
	uint64_t tables;

	(void)state;
	map(MIB(2) - PAGE_SIZE, MIB(4) - PAGE_SIZE,
	    MIB(4) + 2 * PAGE_SIZE); /* 4 KiB, two of 2 MiB, 4 KiB */
	tables = pt.table_count;
	assert_int_equal(pt_unmap(&pt, MIB(2), MIB(2)), OK);
	assert_leaf(MIB(2) - 1, (MIB(4) - PAGE_SIZE) | RAM, PT_LEVEL_4K);
	assert_hole(MIB(2));
	assert_hole(MIB(4) - 1);
	assert_leaf(MIB(4), MIB(6) | RAM | LARGE, PT_LEVEL_2M);
	assert_int_equal(pt_unmap(&pt, 0, MIB(8)), OK);
	assert_hole(MIB(2) - PAGE_SIZE);
	assert_hole(MIB(4));
	assert_hole(MIB(6));
	assert_int_equal(pt.table_count, tables);
	assert_int_equal(pt_unmap(&pt, 0, MIB(8)), OK); /* nothing is there */
	assert_int_equal(pt_unmap(&pt, GIB(700), GIB(2)), OK);
	assert_int_equal(pt_unmap(&pt, 0ull - GIB(4), GIB(4)), OK);
}

static void test_unmap_keeps_what_reaches_beyond(void **state)
{
	(void)state;
	map(GIB(1), GIB(1), GIB(1));
	map(MIB(2), MIB(2), MIB(2));
	map(MIB(4), MIB(4), PAGE_SIZE);
	assert_int_equal(pt_unmap(&pt, GIB(1), MIB(2)), ERR_INVALID);
	assert_int_equal(pt_unmap(&pt, GIB(2) - MIB(2), MIB(4)), ERR_INVALID);
	assert_leaf(GIB(1), GIB(1) | RAM | LARGE, PT_LEVEL_1G);
	assert_int_equal(pt_unmap(&pt, MIB(2), MIB(2) - PAGE_SIZE),
			 ERR_INVALID);
	assert_leaf(MIB(2), MIB(2) | RAM | LARGE, PT_LEVEL_2M);
	/* what lies inside goes all the same */
	assert_int_equal(pt_unmap(&pt, MIB(3), MIB(2)), ERR_INVALID);
	assert_leaf(MIB(2), MIB(2) | RAM | LARGE, PT_LEVEL_2M);
	assert_hole(MIB(4));
}

/* All but @left frames are Bob's; the list of them is in their first words. */
static uint64_t drain(uint64_t left)
{
	uint64_t last = 0;
	hpa_t at;

	while (pmm_count(FRAME_FREE) > left * PAGE_SIZE) {
		assert_int_equal(pmm_alloc(BOB, PAGE_SIZE, PAGE_SIZE, &at), OK);
		*(uint64_t *)phys_to_virt(at) = last;
		last = at.v;
	}
	return last;
}

static void give_back(uint64_t last)
{
	while (last != 0) {
		uint64_t next = *(uint64_t *)phys_to_virt(hpa(last));

		pmm_free(BOB, hpa(last), PAGE_SIZE);
		last = next;
	}
}

/* In tables that are there, with their sizes of leaves, and no new memory. */
static void test_map_again_after_unmap(void **state)
{
	uint64_t taken;
	enum status s;

	(void)state;
	map(MIB(2), MIB(2), MIB(1)); /* as the edge of a range does: 4 KiB */
	map(MIB(3), MIB(3), MIB(1));
	map(MIB(4), MIB(4), MIB(2));
	assert_int_equal(pt_unmap(&pt, MIB(2), MIB(4)), OK);
	taken = drain(0);
	s = pt_map(&pt, MIB(2), hpa(MIB(2)), MIB(4), PT_GUEST_RAM);
	give_back(taken);
	assert_int_equal(s, OK);
	assert_leaf(MIB(2), MIB(2) | RAM, PT_LEVEL_4K);
	assert_leaf(MIB(4) - 1, (MIB(4) - PAGE_SIZE) | RAM, PT_LEVEL_4K);
	assert_leaf(MIB(4), MIB(4) | RAM | LARGE, PT_LEVEL_2M);
	assert_int_equal(pt_map(&pt, MIB(2), hpa(0), MIB(2), PT_GUEST_RAM),
			 ERR_EXIST);
}

static void test_no_memory_for_a_table(void **state)
{
	(void)state;
	for (uint64_t left = 0; left < 3; left++) { /* a page takes three */
		uint64_t taken = drain(left);
		enum status s = pt_map(&pt, 0, hpa(0), PAGE_SIZE, PT_GUEST_RAM);

		give_back(taken);
		assert_int_equal(s, ERR_NOMEM);
		assert_hole(0);
		pt_destroy(&pt);
		assert_int_equal(pmm_count(FRAME_FREE), free_before);
		assert_int_equal(pt_init(&pt, &with_all, ALICE), OK);
	}
	map(0, 0, PAGE_SIZE);
}

static void test_no_memory_in_the_middle(void **state)
{
	uint64_t taken = drain(3);
	enum status s = pt_map(&pt, MIB(2) - PAGE_SIZE, hpa(MIB(1)),
			       2 * PAGE_SIZE, PT_GUEST_RAM);

	(void)state;
	give_back(taken);
	assert_int_equal(s, ERR_NOMEM);
	assert_leaf(MIB(2) - PAGE_SIZE, MIB(1) | RAM, PT_LEVEL_4K);
	assert_hole(MIB(2));
}

static void test_no_memory_for_the_root(void **state)
{
	uint64_t taken = drain(0);
	struct pt none;
	enum status s = pt_init(&none, &with_all, BOB);

	(void)state;
	give_back(taken);
	assert_int_equal(s, ERR_NOMEM);
	assert_int_equal(none.table_count, 0);
	pt_destroy(&none); /* harmless */
}

static void test_destroy_takes_large_and_small(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 6; i++) {
		map(i * GIB(512), GIB(1), GIB(1));
		map(i * GIB(512) + GIB(1), MIB(2), MIB(2));
		map(i * GIB(512) + GIB(2) - PAGE_SIZE, MIB(1), 2 * PAGE_SIZE);
	}
	assert_int_equal(pt.table_count, 1 + 6 * 5);
	pt_destroy(&pt);
	assert_int_equal(pmm_count(ALICE), 0);
	pt_destroy(&pt); /* a second time: nothing */
	assert_int_equal(pmm_count(FRAME_FREE), free_before);
}

static void test_wrong_requests_panic(void **state)
{
	(void)state;
#define MAP(va, pa, size, kind) (void)!pt_map(&pt, va, hpa(pa), size, kind)
	FAKE_EXPECT_PANIC(MAP(1, 0, PAGE_SIZE, PT_GUEST_RAM));
	FAKE_EXPECT_PANIC(MAP(0, 0x800, PAGE_SIZE, PT_GUEST_RAM));
	FAKE_EXPECT_PANIC(MAP(0, 0, 100, PT_GUEST_RAM));
	FAKE_EXPECT_PANIC(MAP(0, 0, PAGE_SIZE, PT_TEXT)); /* not here */
	FAKE_EXPECT_PANIC((void)!pt_unmap(&pt, 1, PAGE_SIZE));
	FAKE_EXPECT_PANIC((void)!pt_unmap(&pt, 0, 100));
#undef MAP
	assert_int_equal(pt.table_count, 1);
}

#define PT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PT_TEST(test_empty_table),
		PT_TEST(test_4k_leaf),
		PT_TEST(test_2m_leaf),
		PT_TEST(test_1g_leaf),
		PT_TEST(test_split),
		PT_TEST(test_split_without_memory),
		PT_TEST(test_largest_leaf_that_fits),
		PT_TEST(test_leaf_needs_both_addresses_aligned),
		PT_TEST(test_format_without_large_leaves),
		PT_TEST(test_kinds_differ_in_their_bits),
		PT_TEST(test_both_ends_of_the_address_space),
		PT_TEST(test_nothing_is_mapped_twice),
		PT_TEST(test_unmap_drops_one_page),
		PT_TEST(test_unmap_leaves_large_leaves_alone),
		PT_TEST(test_unmap_range),
		PT_TEST(test_unmap_keeps_what_reaches_beyond),
		PT_TEST(test_map_again_after_unmap),
		PT_TEST(test_no_memory_for_a_table),
		PT_TEST(test_no_memory_in_the_middle),
		PT_TEST(test_no_memory_for_the_root),
		PT_TEST(test_destroy_takes_large_and_small),
		PT_TEST(test_wrong_requests_panic),
	};

	return cmocka_run_group_tests(tests, setup_memory, teardown_memory);
}
