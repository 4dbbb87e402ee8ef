/* test_nospec.c - masks for indices: in bounds they change nothing, out of
 * bounds the result is harmless, whatever the index. */
#include "tests/lib/unit.h"

#include <bh/nospec.h>

static const uint64_t counts[] = {
	0, 1, 2, 3, 4, 7, 8, 9, 64, 80, 1000, UINT32_MAX, GIB(4), UINT64_MAX,
};

static void test_in_bounds_is_unchanged(void **state)
{
	(void)state;
	for (size_t i = 1; i < ARRAY_COUNT(counts); i++) {
		const uint64_t n = counts[i];
		const uint64_t in[] = { 0, n / 2, n - 1 };

		for (size_t k = 0; k < ARRAY_COUNT(in); k++) {
			assert_int_equal(nospec_mask(in[k], n), UINT64_MAX);
			assert_int_equal(index_nospec(in[k], n), in[k]);
			assert_int_equal(in[k] & nospec_span(n), in[k]);
		}
	}
}

static void test_out_of_bounds_is_zero(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		const uint64_t n = counts[i];
		const uint64_t out[] = { n, n + 1, n + BIT(31), n + BIT(63),
					 UINT64_MAX };

		for (size_t k = 0; k < ARRAY_COUNT(out); k++) {
			if (out[k] >= n) {
				assert_int_equal(nospec_mask(out[k], n), 0);
				assert_int_equal(index_nospec(out[k], n), 0);
			}
		}
	}
}

/* The smallest power of two that is not below the count, less one. */
static void test_span(void **state)
{
	(void)state;
	assert_int_equal(nospec_span(0), 0);
	for (uint64_t n = 1; n < 5000; n++) {
		uint64_t span = nospec_span(n);

		assert_true((span & (span + 1)) == 0);
		assert_true(span >= n - 1 && (span + 1) / 2 < n);
	}
	assert_int_equal(nospec_span(GIB(4)), UINT32_MAX);
	assert_int_equal(nospec_span(UINT64_MAX), UINT64_MAX);
}

static void test_low32(void **state)
{
	(void)state;
	assert_int_equal(nospec_low32(0), 0);
	assert_int_equal(nospec_low32(GIB(3) - 1), GIB(3) - 1);
	assert_int_equal(nospec_low32(0xfedcba9876543210ull), 0x76543210);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_bounds_is_unchanged),
		cmocka_unit_test(test_out_of_bounds_is_zero),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_low32),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
