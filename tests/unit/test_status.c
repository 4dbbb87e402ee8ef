/* test_status.c - every code has a name and a sentence. */
#include "tests/lib/unit.h"
#include <bh/status.h>
#include <bh/string.h>

static void test_every_code(void **state)
{
	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_true(strlen(status_name((enum status)i)) >= 2);
		assert_true(strlen(status_text((enum status)i)) > 0);
	}
	assert_string_equal(status_name(OK), "OK");
	assert_string_equal(status_name(ERR_HARDWARE), "ERR_HARDWARE");
	assert_string_equal(status_text(ERR_TIMEOUT), "timed out");
}

static void test_no_code(void **state)
{
	volatile int wild = STATUS_COUNT;

	(void)state;
	assert_string_equal(status_name((enum status)wild), "ERR_?");
	wild = -1;
	assert_string_equal(status_text((enum status)wild), "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_every_code),
		UNIT(test_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
