/* test_restart_policy.c - what is started again, how often, how soon. */
#include "tests/lib/unit.h"

#include "restart_policy.h"

#include <hv/partition_ops.h>

/* The reasons' table lives beside the report, which names exits. */
const char *ops_exit_name(uint32_t reason)
{
	(void)reason;
	return "";
}

static struct partition_config c;
static struct restart_state s;
static uint64_t delay;

static int setup(void **state)
{
	(void)state;
	c = (struct partition_config){ .restart_delay_ms = 100,
				       .restart_delay_max_ms = 60000 };
	s = (struct restart_state){ 0 };
	return 0;
}

static bool ends(enum end_reason reason)
{
	return restart_policy(&c, &s, reason, 0, &delay);
}

static void test_which(void **state)
{
	static const struct {
		enum end_reason reason;
		bool on_failure, always;
	} rows[] = {
		{ END_REASON_POWEROFF, false, true },
		{ END_REASON_REBOOT, false, true },
		{ END_REASON_STOPPED, false, false },
		{ END_REASON_KILLED, false, false },
		{ END_REASON_GUEST_PANIC, true, true },
		{ END_REASON_TRIPLE_FAULT, true, true },
		{ END_REASON_OUT_OF_MEMORY, true, true },
		/* the file does not get better by trying */
		{ END_REASON_CONFIG_ERROR, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		c.restart = CONFIG_RESTART_NO;
		assert_false(ends(rows[i].reason));
		c.restart = CONFIG_RESTART_ON_FAILURE;
		assert_int_equal(ends(rows[i].reason), rows[i].on_failure);
		c.restart = CONFIG_RESTART_ALWAYS;
		assert_int_equal(ends(rows[i].reason), rows[i].always);
	}
}

static void test_backoff(void **state)
{
	static const uint32_t ms[] = {
		100,  200,   400,   800,   1600,  3200,
		6400, 12800, 25600, 51200, 60000, 60000
	};

	(void)state;
	c.restart = CONFIG_RESTART_ALWAYS;
	for (size_t i = 0; i < ARRAY_COUNT(ms); i++) {
		assert_true(ends(END_REASON_REBOOT));
		assert_int_equal(delay, ms[i] * 1000ull);
	}
	/* it ran well: from the beginning */
	assert_true(restart_policy(&c, &s, END_REASON_REBOOT, RESTART_WELL_US,
				   &delay));
	assert_int_equal(delay, 100000);
	assert_true(restart_policy(&c, &s, END_REASON_REBOOT,
				   RESTART_WELL_US - 1, &delay));
	assert_int_equal(delay, 200000);
	s.backoff = UINT32_MAX;
	assert_true(ends(END_REASON_REBOOT));
	assert_int_equal(delay, 60000000);
}

static void test_limit(void **state)
{
	(void)state;
	c.restart = CONFIG_RESTART_ON_FAILURE;
	c.restart_limit = 3;
	for (uint32_t i = 0; i < 3; i++) {
		assert_false(
			restart_is_given_up(&c, &s, END_REASON_TRIPLE_FAULT));
		assert_true(ends(END_REASON_TRIPLE_FAULT));
	}
	assert_int_equal(s.count, 3);
	assert_true(restart_is_given_up(&c, &s, END_REASON_TRIPLE_FAULT));
	assert_false(restart_is_given_up(&c, &s, END_REASON_POWEROFF));
	assert_false(ends(END_REASON_TRIPLE_FAULT));
	/* even if it ran well in between: the count is since a start */
	assert_false(restart_policy(&c, &s, END_REASON_TRIPLE_FAULT,
				    RESTART_WELL_US, &delay));
	s = (struct restart_state){ 0 };
	assert_true(ends(END_REASON_TRIPLE_FAULT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_which, setup),
		cmocka_unit_test_setup(test_backoff, setup),
		cmocka_unit_test_setup(test_limit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
