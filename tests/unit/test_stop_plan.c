/* test_stop_plan.c - which stage of a stop comes when. */
#include "tests/lib/unit.h"

#include "stop_plan.h"

#define MS 1000u

static struct stop_plan s;

static void begin(uint32_t agent_ms, uint32_t acpi_ms)
{
	const struct stop_times t = { agent_ms, acpi_ms };

	stop_plan_begin(&s, 5000 * MS, &t);
}

static enum stop_stage at(uint32_t ms, bool can_ask, bool can_press)
{
	return stop_plan_step(&s, (5000ull + ms) * MS, can_ask, can_press);
}

static void test_all_stages(void **state)
{
	(void)state;
	begin(200, 100);
	assert_int_equal(stop_plan_deadline(&s), 5300 * MS);
	assert_int_equal(at(0, true, true), STOP_AGENT);
	assert_int_equal(at(199, true, true), STOP_NONE);
	assert_int_equal(at(200, true, true), STOP_ACPI);
	assert_int_equal(at(299, true, true), STOP_NONE);
	assert_int_equal(at(300, true, true), STOP_KILL);
	assert_int_equal(at(900, true, true), STOP_NONE);
	stop_plan_end(&s, 5301 * MS);
	assert_int_equal(s.by, STOP_KILL);
	assert_int_equal(s.took_us, 301 * MS);
	assert_int_equal(s.stage, STOP_NONE);
}

static void test_what_worked_is_told(void **state)
{
	(void)state;
	begin(200, 100);
	assert_int_equal(at(0, true, true), STOP_AGENT);
	stop_plan_end(&s, 5050 * MS);
	assert_int_equal(s.by, STOP_AGENT);
	assert_int_equal(s.took_us, 50 * MS);
	assert_int_equal(at(300, true, true), STOP_NONE);
	/* an end of another kind later changes nothing */
	stop_plan_end(&s, 9000 * MS);
	assert_int_equal(s.took_us, 50 * MS);
	begin(200, 100);
	assert_int_equal(s.by, STOP_NONE);
}

static void test_without_an_agent(void **state)
{
	(void)state;
	begin(200, 100);
	assert_int_equal(at(0, false, true), STOP_ACPI);
	assert_int_equal(at(299, true, true), STOP_NONE); /* its time, too */
	assert_int_equal(at(300, true, true), STOP_KILL);
}

static void test_without_a_button(void **state)
{
	(void)state;
	begin(200, 100);
	assert_int_equal(at(0, true, false), STOP_AGENT);
	assert_int_equal(at(200, false, false), STOP_KILL);
}

static void test_with_nothing(void **state)
{
	(void)state;
	begin(200, 100);
	assert_int_equal(at(0, false, false), STOP_KILL);
	begin(0, 0);
	assert_int_equal(at(0, true, true), STOP_KILL);
	begin(0, 100);
	assert_int_equal(at(0, true, true), STOP_ACPI);
	begin(100, 0);
	assert_int_equal(at(0, true, true), STOP_AGENT);
	assert_int_equal(at(100, true, true), STOP_KILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_all_stages),       UNIT(test_what_worked_is_told),
		UNIT(test_without_an_agent), UNIT(test_without_a_button),
		UNIT(test_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
