/* test_pmm.c - page frames: one owner each, zeroed between owners, bounds. */
#include "tests/lib/unit.h"

#include "fake_panic.h"
#include "fake_phys.h"

#include <bh/pmm.h>
#include <string.h>

#define ARENA MIB(16)
#define ALICE pmm_owner_of_partition(0)
#define BOB   pmm_owner_of_partition(1)

#define IMAGE_BASE MIB(8)
#define BOOT_BASE  MIB(9)
#define FILE_BASE  MIB(10)
#define HOLE_BASE  0x9f000ull
#define HOLE_PAGES 0x61u

static struct boot_info machine = {
	.range_count = 7,
	/* clang-format off */
	.ranges = {
		{ .base = 0,          .pages = 0x9f,       .kind = BOOT_RANGE_FREE },
		{ .base = HOLE_BASE,  .pages = HOLE_PAGES, .kind = BOOT_RANGE_RESERVED },
		{ .base = MIB(1),     .pages = 7 * 256,    .kind = BOOT_RANGE_FREE },
		{ .base = IMAGE_BASE, .pages = 256,        .kind = BOOT_RANGE_IMAGE },
		{ .base = BOOT_BASE,  .pages = 256,        .kind = BOOT_RANGE_BOOT },
		{ .base = FILE_BASE,  .pages = 256,        .kind = BOOT_RANGE_FILE },
		{ .base = MIB(11),    .pages = 5 * 256,    .kind = BOOT_RANGE_FREE },
	},
	/* clang-format on */
};

static int setup(void **state)
{
	(void)state;
	fake_phys_init(ARENA);
	return pmm_init(&machine) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fake_phys_done();
	return 0;
}

static bool is_zero(hpa_t base, uint64_t size)
{
	const uint8_t *p = phys_to_virt(base);

	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

static hpa_t take(frame_owner_t owner, uint64_t size, uint64_t align)
{
	hpa_t at = hpa(0);

	assert_int_equal(pmm_alloc(owner, size, align, &at), OK);
	assert_int_equal(at.v % align, 0);
	return at;
}

/* Before the others: it runs without the group's memory. */
static void test_init_needs_a_range_for_its_table(void **state)
{
	struct boot_info *bi = &(struct boot_info){
		.range_count = 2,
		.ranges = { { .base = 0,
			      .pages = 256,
			      .kind = BOOT_RANGE_FREE },
			    { .base = MIB(1),
			      .pages = 256,
			      .kind = BOOT_RANGE_RESERVED } },
	};

	(void)state;
	assert_int_equal(pmm_init(bi), ERR_NOMEM); /* only below 1 MiB */
	bi->ranges[1].pages = 1;
	bi->ranges[1].kind = BOOT_RANGE_FREE;
	bi->range_count = 3;
	bi->ranges[2] = (struct boot_range){ .base = GIB(1),
					     .pages = 1,
					     .kind = BOOT_RANGE_FREE };
	assert_int_equal(pmm_init(bi), ERR_NOMEM); /* none large enough */
}

static void test_every_frame_has_the_owner_of_its_range(void **state)
{
	uint64_t owned = 0;

	(void)state;
	assert_int_equal(pmm_total(), ARENA - HOLE_PAGES * PAGE_SIZE);
	assert_int_equal(pmm_owner_of(hpa(0)), FRAME_VMM); /* never given */
	assert_int_equal(pmm_owner_of(hpa(PAGE_SIZE)), FRAME_FREE);
	assert_int_equal(pmm_owner_of(hpa(HOLE_BASE)), FRAME_NOT_RAM);
	assert_int_equal(pmm_owner_of(hpa(MIB(1) - 1)), FRAME_NOT_RAM);
	assert_int_equal(pmm_owner_of(hpa(MIB(1))), FRAME_VMM); /* the table */
	assert_int_equal(pmm_owner_of(hpa(IMAGE_BASE)), FRAME_VMM);
	assert_int_equal(pmm_owner_of(hpa(BOOT_BASE)), FRAME_BOOT);
	assert_int_equal(pmm_owner_of(hpa(FILE_BASE + 12)), FRAME_BOOT);
	assert_int_equal(pmm_owner_of(hpa(ARENA - 1)), FRAME_FREE);
	assert_int_equal(pmm_owner_of(hpa(ARENA)), FRAME_NOT_RAM);
	assert_int_equal(pmm_owner_of(hpa(UINT64_MAX)), FRAME_NOT_RAM);
	for (uint32_t o = 0; o < FRAME_NOT_RAM; o++) {
		owned += pmm_count((frame_owner_t)o);
	}
	assert_int_equal(owned, pmm_total());
}

static void test_release_boot_frees_and_clears_only_that(void **state)
{
	uint64_t before = pmm_count(FRAME_FREE);

	(void)state;
	pmm_release_boot(&machine);
	assert_int_equal(pmm_count(FRAME_FREE), before + MIB(1));
	assert_int_equal(pmm_owner_of(hpa(BOOT_BASE)), FRAME_FREE);
	assert_int_equal(pmm_owner_of(hpa(FILE_BASE)), FRAME_BOOT);
	assert_int_equal(*(uint8_t *)phys_to_virt(hpa(FILE_BASE)), 0xa5);
	assert_int_equal(*(uint8_t *)phys_to_virt(hpa(IMAGE_BASE)), 0xa5);
}

static void test_frames_are_given_and_taken_back(void **state)
{
	uint64_t before = pmm_count(FRAME_FREE);
	hpa_t a = take(ALICE, 3 * PAGE_SIZE, PAGE_SIZE);
	hpa_t b = take(BOB, PAGE_SIZE, PAGE_SIZE);

	(void)state;
	assert_int_equal(pmm_count(ALICE), 3 * PAGE_SIZE);
	assert_int_equal(pmm_count(BOB), PAGE_SIZE);
	assert_int_equal(pmm_count(FRAME_FREE), before - 4 * PAGE_SIZE);
	for (uint64_t i = 0; i < 3; i++) {
		hpa_t frame = hpa(a.v + i * PAGE_SIZE);

		assert_int_equal(pmm_owner_of(frame), ALICE);
		assert_int_not_equal(frame.v, b.v);
	}
	pmm_free(ALICE, hpa(a.v + PAGE_SIZE), PAGE_SIZE); /* a part is fine */
	pmm_free(ALICE, a, PAGE_SIZE);
	pmm_free(ALICE, hpa(a.v + 2 * PAGE_SIZE), PAGE_SIZE);
	pmm_free(BOB, b, PAGE_SIZE);
	assert_int_equal(pmm_count(ALICE), 0);
	assert_int_equal(pmm_count(FRAME_FREE), before);
}

static void test_nobody_sees_what_another_wrote(void **state)
{
	hpa_t a = take(ALICE, MIB(1), PAGE_SIZE);
	hpa_t b;

	(void)state;
	assert_true(
		is_zero(a, MIB(1))); /* not the firmware's leavings either */
	memset(phys_to_virt(a), 0x5a, MIB(1));
	pmm_free(ALICE, a, MIB(1));
	b = take(BOB, MIB(1), PAGE_SIZE);
	assert_int_equal(b.v, a.v); /* the very same frames */
	assert_true(is_zero(b, MIB(1)));
	pmm_free(BOB, b, MIB(1));
}

static void test_alignment(void **state)
{
	hpa_t odd = take(ALICE, PAGE_SIZE, PAGE_SIZE);
	hpa_t large = take(ALICE, MIB(2), MIB(2));
	hpa_t small = take(ALICE, PAGE_SIZE, MIB(1));

	(void)state;
	pmm_free(ALICE, small, PAGE_SIZE);
	pmm_free(ALICE, large, MIB(2));
	pmm_free(ALICE, odd, PAGE_SIZE);
}

static void test_all_frames_can_be_had_and_no_other(void **state)
{
	uint64_t before = pmm_count(FRAME_FREE);
	static hpa_t got[ARENA / PAGE_SIZE];
	uint64_t n = 0;
	hpa_t more = hpa(77);

	(void)state;
	while (pmm_alloc(ALICE, PAGE_SIZE, PAGE_SIZE, &got[n]) == OK) {
		assert_int_not_equal(got[n].v, 0);
		assert_true(got[n].v < HOLE_BASE || got[n].v >= MIB(1));
		assert_int_equal(pmm_owner_of(got[n]), ALICE);
		n++;
	}
	assert_int_equal(n * PAGE_SIZE, before);
	assert_int_equal(pmm_count(ALICE), before);
	assert_int_equal(pmm_count(FRAME_FREE), 0);
	assert_int_equal(pmm_alloc(BOB, PAGE_SIZE, PAGE_SIZE, &more),
			 ERR_NOMEM);
	assert_int_equal(more.v, 77);
	assert_int_equal(pmm_count(BOB), 0);
	/* One comes free anywhere: the search finds it. */
	pmm_free(ALICE, got[n / 2], PAGE_SIZE);
	assert_int_equal(take(BOB, PAGE_SIZE, PAGE_SIZE).v, got[n / 2].v);
	pmm_free(BOB, got[n / 2], PAGE_SIZE);
	for (uint64_t i = 0; i < n; i++) {
		if (i != n / 2) {
			pmm_free(ALICE, got[i], PAGE_SIZE);
		}
	}
	assert_int_equal(pmm_count(FRAME_FREE), before);
}

static void test_no_run_is_long_enough(void **state)
{
	uint64_t before = pmm_count(FRAME_FREE);
	hpa_t at = hpa(77);

	(void)state;
	assert_true(before > MIB(8)); /* free, but not in one piece */
	assert_int_equal(pmm_alloc(ALICE, MIB(8), PAGE_SIZE, &at), ERR_NOMEM);
	assert_int_equal(pmm_alloc(ALICE, PAGE_SIZE, GIB(1), &at), ERR_NOMEM);
	assert_int_equal(pmm_alloc(ALICE, GIB(64), PAGE_SIZE, &at), ERR_NOMEM);
	assert_int_equal(at.v, 77);
	assert_int_equal(pmm_count(FRAME_FREE), before);
	assert_int_equal(pmm_count(ALICE), 0);
}

static void test_search_starts_over_at_the_front(void **state)
{
	hpa_t low = take(ALICE, MIB(6), MIB(1)); /* each fits in one place */
	hpa_t top = take(ALICE, MIB(5), MIB(1));
	hpa_t small;

	(void)state;
	assert_int_equal(low.v, MIB(2));
	assert_int_equal(top.v + MIB(5), ARENA); /* nothing behind it */
	small = take(ALICE, PAGE_SIZE, PAGE_SIZE);
	assert_true(small.v < top.v);
	pmm_free(ALICE, small, PAGE_SIZE);
	pmm_free(ALICE, top, MIB(5));
	pmm_free(ALICE, low, MIB(6));
}

static void test_wrong_frees_panic(void **state)
{
	hpa_t a = take(ALICE, 2 * PAGE_SIZE, PAGE_SIZE);
	hpa_t last = hpa(align_down(UINT64_MAX, PAGE_SIZE));

	(void)state;
	FAKE_EXPECT_PANIC(pmm_free(BOB, a, PAGE_SIZE));
	FAKE_EXPECT_PANIC(pmm_free(ALICE, a, 3 * PAGE_SIZE));
	FAKE_EXPECT_PANIC(pmm_free(ALICE, hpa(a.v + 1), PAGE_SIZE));
	FAKE_EXPECT_PANIC(pmm_free(ALICE, a, PAGE_SIZE + 1));
	FAKE_EXPECT_PANIC(pmm_free(ALICE, hpa(HOLE_BASE), PAGE_SIZE));
	FAKE_EXPECT_PANIC(pmm_free(ALICE, hpa(ARENA), PAGE_SIZE));
	FAKE_EXPECT_PANIC(pmm_free(ALICE, last, 2 * PAGE_SIZE));
	assert_int_equal(pmm_count(ALICE), 2 * PAGE_SIZE); /* nothing changed */
	pmm_free(ALICE, a, 2 * PAGE_SIZE);
	FAKE_EXPECT_PANIC(pmm_free(ALICE, a, PAGE_SIZE)); /* a second time */
	FAKE_EXPECT_PANIC(pmm_free(ALICE, a, 2 * PAGE_SIZE));
}

static void test_wrong_allocations_panic(void **state)
{
	hpa_t at;

	(void)state;
	FAKE_EXPECT_PANIC((void)!pmm_alloc(ALICE, 0, PAGE_SIZE, &at));
	FAKE_EXPECT_PANIC((void)!pmm_alloc(ALICE, 100, PAGE_SIZE, &at));
	FAKE_EXPECT_PANIC((void)!pmm_alloc(ALICE, PAGE_SIZE, 16, &at));
}

int main(void)
{
	const struct CMUnitTest early[] = {
		UNIT(test_init_needs_a_range_for_its_table),
	};
	const struct CMUnitTest tests[] = {
		UNIT(test_every_frame_has_the_owner_of_its_range),
		UNIT(test_release_boot_frees_and_clears_only_that),
		UNIT(test_frames_are_given_and_taken_back),
		UNIT(test_nobody_sees_what_another_wrote),
		UNIT(test_alignment),
		UNIT(test_all_frames_can_be_had_and_no_other),
		UNIT(test_no_run_is_long_enough),
		UNIT(test_search_starts_over_at_the_front),
		UNIT(test_wrong_frees_panic),
		UNIT(test_wrong_allocations_panic),
	};
	int failed = cmocka_run_group_tests(early, NULL, NULL);

	return failed + cmocka_run_group_tests(tests, setup, teardown);
}
