/* test_gmem.c - guest memory: bounds, chunks, lazy population. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "tests/lib/fake_guest.h"

#include <stdlib.h>
#include <string.h>

#define LOW_END  (FAKE_LOW_CHUNKS * GMEM_CHUNK_SIZE)
#define HIGH_END (GMEM_HIGH_BASE + FAKE_HIGH_CHUNKS * GMEM_CHUNK_SIZE)

static struct fake_guest g;

static int setup(void **state)
{
	(void)state;
	fake_guest_init(&g);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static void test_is_ram_is_exact(void **state)
{
	/* clang-format off */
	static const struct { uint64_t a, len; bool ok; } rows[] = {
		{ 0, 0, true },
		{ 0, LOW_END, true },
		{ 0, LOW_END + 1, false },
		{ LOW_END - 1, 1, true },
		{ LOW_END - 1, 2, false },
		{ LOW_END, 0, false },
		{ LOW_END, 1, false },
		{ 0xfee00000, 4, false },
		{ GMEM_HIGH_BASE - 1, 1, false },
		{ GMEM_HIGH_BASE - 1, 2, false },
		{ GMEM_HIGH_BASE, HIGH_END - GMEM_HIGH_BASE, true },
		{ HIGH_END - 1, 1, true },
		{ HIGH_END - 1, 2, false },
		{ HIGH_END, 0, false },
		{ 16, UINT64_MAX, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT64_MAX, false },
		{ 1, UINT64_MAX - 1, false },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(
			gmem_is_ram(&g.gm, gpa(rows[i].a), rows[i].len),
			rows[i].ok);
	}
}

static void test_chunk_and_gpa_are_inverse(void **state)
{
	uint32_t index;

	(void)state;
	for (uint32_t i = 0; i < FAKE_CHUNKS; i++) {
		gpa_t a = gmem_chunk_gpa(&g.gm, i);

		assert_true(gmem_chunk_of(&g.gm, a, &index));
		assert_int_equal(index, i);
	}
	assert_false(gmem_chunk_of(&g.gm, gpa(LOW_END), &index));
	assert_false(gmem_chunk_of(&g.gm, gpa(HIGH_END), &index));
}

static void test_copies_cross_chunks(void **state)
{
	uint8_t out[64];
	uint8_t in[64];
	gpa_t a = gpa(GMEM_CHUNK_SIZE - 20);

	(void)state;
	memset(out, 0x5a, sizeof(out));
	assert_int_equal(gmem_write(&g.gm, a, out, sizeof(out)), OK);
	assert_int_equal(g.chunks[0][GMEM_CHUNK_SIZE - 1], 0x5a);
	assert_int_equal(g.chunks[1][43], 0x5a);
	assert_int_equal(g.chunks[1][44], 0);
	assert_int_equal(gmem_read(&g.gm, a, in, sizeof(in)), OK);
	assert_memory_equal(in, out, sizeof(in));
}

static void test_refused_copy_moves_nothing(void **state)
{
	uint8_t buf[16];

	(void)state;
	memset(buf, 0x77, sizeof(buf));
	assert_int_equal(gmem_write(&g.gm, gpa(LOW_END - 8), buf, 16),
			 ERR_FAULT);
	assert_int_equal(*fake_ram(&g, LOW_END - 8), 0);
	assert_int_equal(gmem_read(&g.gm, gpa(UINT64_MAX - 3), buf, 16),
			 ERR_FAULT);
	assert_int_equal(buf[0], 0x77);
	assert_int_equal(gmem_write(&g.gm, gpa(0), buf, 0), OK);
}

static void test_map_stays_in_one_chunk(void **state)
{
	(void)state;
	assert_ptr_equal(gmem_map(&g.gm, gpa(8), 8), g.chunks[0] + 8);
	assert_non_null(gmem_map(&g.gm, gpa(0), GMEM_CHUNK_SIZE));
	assert_null(gmem_map(&g.gm, gpa(8), GMEM_CHUNK_SIZE));
	assert_null(gmem_map(&g.gm, gpa(0), SIZE_MAX));
	assert_null(gmem_map(&g.gm, gpa(LOW_END), 1));
	assert_ptr_equal(gmem_map(&g.gm, gpa(GMEM_HIGH_BASE), 1),
			 g.chunks[FAKE_LOW_CHUNKS]);
}

static uint32_t populate_left;

static enum status populate(struct gmem *gm, uint32_t index)
{
	if (populate_left == 0) {
		return ERR_NOMEM;
	}
	populate_left--;
	gm->chunks[index] = calloc(1, GMEM_CHUNK_SIZE);
	return OK;
}

static void test_lazy_chunks_come_when_touched(void **state)
{
	uint8_t buf[32] = { 1 };
	gpa_t edge = gpa(GMEM_CHUNK_SIZE - 16);

	(void)state;
	for (uint32_t i = 0; i < FAKE_CHUNKS; i++) {
		free(g.chunks[i]);
		g.chunks[i] = NULL;
	}
	g.gm.populate = populate;
	populate_left = 1;
	assert_int_equal(gmem_write(&g.gm, edge, buf, 32), ERR_NOMEM);
	assert_non_null(g.chunks[0]); /* but nothing was written to it */
	assert_int_equal(g.chunks[0][GMEM_CHUNK_SIZE - 16], 0);
	assert_null(gmem_map(&g.gm, gpa(GMEM_CHUNK_SIZE), 1));
	populate_left = 1;
	assert_int_equal(gmem_write(&g.gm, edge, buf, 32), OK);
	assert_int_equal(populate_left, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_is_ram_is_exact),
		TEST(test_chunk_and_gpa_are_inverse),
		TEST(test_copies_cross_chunks),
		TEST(test_refused_copy_moves_nothing),
		TEST(test_map_stays_in_one_chunk),
		TEST(test_lazy_chunks_come_when_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
