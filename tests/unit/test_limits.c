/* test_limits.c - values of cgroup v2's files: good ones and every mistake. */
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <hv/limits.h>

static struct limits l;

static int setup(void **state)
{
	(void)state;
	limits_default(&l);
	return 0;
}

static enum status set(enum limit_key key, const char *v)
{
	return limits_set(&l, key, v, strlen(v));
}

static void shows(enum limit_key key, const char *text)
{
	char have[LIMITS_TEXT_MAX];

	assert_int_equal(limits_print(&l, key, have, sizeof(have)),
			 strlen(text));
	assert_string_equal(have, text);
}

static void test_defaults(void **state)
{
	(void)state;
	shows(LIMIT_CPU_WEIGHT, "100");
	shows(LIMIT_CPU_MAX, "max 100000");
	shows(LIMIT_CPU_MAX_BURST, "0");
	shows(LIMIT_CPUSET_CPUS, "");
	shows(LIMIT_MEMORY_MAX, "max");
}

static void test_words(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < LIMIT_COUNT; i++) {
		assert_int_equal(limits_find(limits_word(i)), i);
		assert_true(strlen(limits_form(i)) > 0);
	}
	assert_int_equal(limits_find("cpu.wight"), LIMIT_COUNT);
	assert_int_equal(limits_find(""), LIMIT_COUNT);
}

static void test_weight(void **state)
{
	(void)state;
	assert_int_equal(set(LIMIT_CPU_WEIGHT, "1"), OK);
	assert_int_equal(set(LIMIT_CPU_WEIGHT, "10000"), OK);
	assert_int_equal(set(LIMIT_CPU_WEIGHT, "0"), ERR_RANGE);
	assert_int_equal(set(LIMIT_CPU_WEIGHT, "10001"), ERR_RANGE);
	assert_int_equal(set(LIMIT_CPU_WEIGHT, ""), ERR_INVALID);
	assert_int_equal(set(LIMIT_CPU_WEIGHT, "-1"), ERR_INVALID);
	assert_int_equal(set(LIMIT_CPU_WEIGHT, "default"), ERR_INVALID);
	shows(LIMIT_CPU_WEIGHT, "10000");
}

static void test_cpu_max(void **state)
{
	static const char *const bad[] = { "",
					   " ",
					   "0",
					   "999",
					   "max 0",
					   "max 999",
					   "max 1000001",
					   "50000 ",
					   "x",
					   "50000 100000 1",
					   "maxx",
					   "ma",
					   "17592186044416" };

	(void)state;
	assert_int_equal(set(LIMIT_CPU_MAX, "50000 200000"), OK);
	shows(LIMIT_CPU_MAX, "50000 200000");
	assert_int_equal(set(LIMIT_CPU_MAX, "1000 1000000"), OK);
	assert_int_equal(set(LIMIT_CPU_MAX, "1600000 100000"), OK);
	assert_int_equal(set(LIMIT_CPU_MAX, "17592186044415 1000"), OK);
	/* a period that is not given stays */
	assert_int_equal(set(LIMIT_CPU_MAX, "2000"), OK);
	shows(LIMIT_CPU_MAX, "2000 1000");
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(set(LIMIT_CPU_MAX, bad[i]), ERR_INVALID);
		shows(LIMIT_CPU_MAX, "2000 1000");
	}
	assert_int_equal(set(LIMIT_CPU_MAX, "max"), OK);
	shows(LIMIT_CPU_MAX, "max 1000");
}

static void test_burst(void **state)
{
	(void)state;
	assert_int_equal(set(LIMIT_CPU_MAX_BURST, "60000"), OK);
	assert_int_equal(limits_check(&l), OK); /* no quota */
	assert_int_equal(set(LIMIT_CPU_MAX, "50000"), OK);
	assert_int_equal(limits_check(&l), ERR_INVALID);
	assert_int_equal(set(LIMIT_CPU_MAX_BURST, "50000"), OK);
	assert_int_equal(limits_check(&l), OK);
	assert_int_equal(set(LIMIT_CPU_MAX_BURST, "-1"), ERR_INVALID);
	assert_int_equal(set(LIMIT_CPU_MAX_BURST, "max"), ERR_INVALID);
	assert_int_equal(set(LIMIT_CPU_MAX, "17592186044415"), OK);
	assert_int_equal(limits_check(&l), ERR_INVALID); /* the sum */
}

static void test_cpus(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{ "", "" },           { "0", "0" },
		{ "0-3,5", "0-3,5" }, { "5,3,0-1,2", "0-3,5" },
		{ "63", "63" },       { "0-63", "0-63" },
		{ "1-1,1", "1" },
	};
	static const char *const bad[] = { ",",  "1,", ",1", "1,,2", "3-1",
					   "-1", "1-", "a",  "1 2",  "1-2-3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		assert_int_equal(set(LIMIT_CPUSET_CPUS, good[i].in), OK);
		shows(LIMIT_CPUSET_CPUS, good[i].out);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(set(LIMIT_CPUSET_CPUS, bad[i]), ERR_INVALID);
		shows(LIMIT_CPUSET_CPUS, "1");
	}
	assert_int_equal(set(LIMIT_CPUSET_CPUS, "0,64"), ERR_RANGE);
	assert_int_equal(set(LIMIT_CPUSET_CPUS, "0-18446744073709551615"),
			 ERR_RANGE);
}

static void test_cpus_need_room(void **state)
{
	char text[6];

	(void)state;
	assert_int_equal(limits_cpus_print(0x5555, text, sizeof(text)), 18);
	assert_string_equal(text, "0,2,4");
	assert_int_equal(limits_cpus_print(1, text, 0), 1);
}

static void test_memory(void **state)
{
	(void)state;
	assert_int_equal(set(LIMIT_MEMORY_MAX, "512M"), OK);
	shows(LIMIT_MEMORY_MAX, "536870912");
	assert_int_equal(set(LIMIT_MEMORY_MAX, "4097"), OK);
	shows(LIMIT_MEMORY_MAX, "4096");
	assert_int_equal(set(LIMIT_MEMORY_MAX, "lots"), ERR_INVALID);
	assert_int_equal(set(LIMIT_MEMORY_MAX, "99999999999999G"), ERR_INVALID);
	assert_int_equal(set(LIMIT_MEMORY_MAX, "max"), OK);
	shows(LIMIT_MEMORY_MAX, "max");
}

static void change(struct limit_change *c, enum limit_key key, const char *v)
{
	c->keys |= (uint32_t)BIT(key);
	assert_true(str_copy(c->values[key].text, LIMITS_TEXT_MAX, v));
}

static void test_all_or_nothing(void **state)
{
	static struct limit_change c;
	enum limit_key bad;

	(void)state;
	change(&c, LIMIT_CPU_WEIGHT, "200");
	change(&c, LIMIT_MEMORY_MAX, "x");
	assert_int_equal(limits_apply(&l, &c, &bad), ERR_INVALID);
	assert_int_equal(bad, LIMIT_MEMORY_MAX);
	shows(LIMIT_CPU_WEIGHT, "100");
	change(&c, LIMIT_MEMORY_MAX, "1G");
	change(&c, LIMIT_CPU_MAX_BURST, "3000");
	change(&c, LIMIT_CPU_MAX, "2000");
	assert_int_equal(limits_apply(&l, &c, &bad), ERR_INVALID);
	assert_int_equal(bad, LIMIT_CPU_MAX_BURST);
	shows(LIMIT_CPU_MAX, "max 100000");
	/* together they fit, whatever the order */
	change(&c, LIMIT_CPU_MAX, "3000");
	assert_int_equal(limits_apply(&l, &c, &bad), OK);
	shows(LIMIT_CPU_WEIGHT, "200");
	shows(LIMIT_CPU_MAX, "3000 100000");
	shows(LIMIT_CPU_MAX_BURST, "3000");
	shows(LIMIT_MEMORY_MAX, "1073741824");
}

static void test_errno(void **state)
{
	(void)state;
	assert_string_equal(limits_errno(ERR_INVALID), "EINVAL");
	assert_string_equal(limits_errno(ERR_RANGE), "ERANGE");
	assert_string_equal(limits_errno(ERR_BUSY), "EBUSY");
	assert_string_equal(limits_errno(ERR_HARDWARE), "");
	assert_string_equal(limits_errno(STATUS_COUNT), "");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(test_defaults),       T(test_words),  T(test_weight),
		T(test_cpu_max),        T(test_burst),  T(test_cpus),
		T(test_cpus_need_room), T(test_memory), T(test_all_or_nothing),
		T(test_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
