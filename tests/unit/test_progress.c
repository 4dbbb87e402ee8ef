/* test_progress.c - exits that are tried again: when it is too often. */
#include "tests/lib/unit.h"
#include "vmm/progress.h"

static void the_same_exit_is_stuck_in_the_end(void **state)
{
	struct progress p = { 0 };

	(void)state;
	for (uint32_t i = 0; i < PROGRESS_TRIES_MAX; i++) {
		assert_false(progress_is_stuck(&p, 0x1000, 0xfec00000, 5));
	}
	assert_true(progress_is_stuck(&p, 0x1000, 0xfec00000, 5));
}

static void any_difference_is_progress(void **state)
{
	struct progress p = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 10 * PROGRESS_TRIES_MAX; i++) {
		assert_false(progress_is_stuck(&p, 0x1000, 0xfec00000, i));
	}
	for (uint64_t i = 0; i < 10 * PROGRESS_TRIES_MAX; i++) {
		assert_false(progress_is_stuck(&p, i % 2, 0xfec00000, 1));
		assert_false(progress_is_stuck(&p, i % 2, i, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_exit_is_stuck_in_the_end),
		cmocka_unit_test(any_difference_is_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
