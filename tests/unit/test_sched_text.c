/* test_sched_text.c - cgroup v2's files: names, formats, ranges, errors. */
#include "sched_machine.h"

#include "vmm/sched_text.h"

static struct pair a;
static char text[SCHED_TEXT_MAX];

static int setup(void **state)
{
	(void)state;
	begin(8);
	add_pair(&a, NULL);
	return 0;
}

static const char *read_of(struct sched_group *g, const char *name,
			   uint64_t now)
{
	assert_int_equal(sched_text_read(&s, g, name, text, sizeof(text), now),
			 OK);
	return text;
}

static enum status write_to(const char *name, const char *value)
{
	struct sched_text in = { value, strlen(value) };

	return sched_text_write(&s, &a.g, name, in, 0);
}

static void check(const char *name, const char *value, const char *after)
{
	assert_int_equal(write_to(name, value), OK);
	assert_string_equal(read_of(&a.g, name, 0), after);
}

static void test_names(void **state)
{
	static const char *const all[] = {
		"cgroup.events", "cgroup.freeze", "cpu.max",
		"cpu.max.burst", "cpu.pressure",  "cpu.stat",
		"cpu.weight",    "cpuset.cpus",   "cpuset.cpus.effective",
	};
	uint32_t i;

	(void)state;
	for (i = 0; i < ARRAY_COUNT(all); i++) {
		assert_string_equal(sched_text_name(&a.g, i), all[i]);
		(void)read_of(&a.g, all[i], 0);
	}
	assert_null(sched_text_name(&a.g, i));
	assert_string_equal(sched_text_name(&s.root, 0), "cpu.pressure");
	assert_string_equal(sched_text_name(&s.root, 2),
			    "cpuset.cpus.effective");
	assert_null(sched_text_name(&s.root, 3));
}

static void test_no_such_file(void **state)
{
	struct sched_text in = { "1", 1 };

	(void)state;
	assert_int_equal(sched_text_read(&s, &a.g, "cpu.shares", text, 100, 0),
			 ERR_NOENT);
	assert_int_equal(sched_text_read(&s, &s.root, "cpu.max", text, 100, 0),
			 ERR_NOENT);
	assert_int_equal(sched_text_write(&s, &s.root, "cpu.weight", in, 0),
			 ERR_NOENT);
	assert_int_equal(write_to("", "1"), ERR_NOENT);
	assert_int_equal(write_to("cpu.stat", "1"), ERR_DENIED);
	assert_int_equal(write_to("cgroup.events", "1"), ERR_DENIED);
	assert_int_equal(write_to("cpuset.cpus.effective", "1"), ERR_DENIED);
	assert_int_equal(write_to("cpu.pressure", "some 150000 1000000"),
			 ERR_UNSUPPORTED);
}

static void test_small_buffer(void **state)
{
	char small[8];

	(void)state;
	assert_int_equal(
		sched_text_read(&s, &a.g, "cpu.stat", small, sizeof(small), 0),
		ERR_TOO_BIG);
	assert_int_equal(strlen(small), 7);
	assert_int_equal(sched_text_read(&s, &a.g, "cpu.weight", NULL, 0, 0),
			 ERR_TOO_BIG);
	assert_int_equal(sched_text_read(&s, &a.g, "cpu.weight", small, 5, 0),
			 OK);
	assert_int_equal(sched_text_read(&s, &a.g, "cpu.weight", small, 4, 0),
			 ERR_TOO_BIG);
}

static void test_weight(void **state)
{
	(void)state;
	assert_string_equal(read_of(&a.g, "cpu.weight", 0), "100\n");
	check("cpu.weight", "1", "1\n");
	check("cpu.weight", "10000\n", "10000\n");
	check("cpu.weight", " 0x10 ", "16\n");
	assert_int_equal(write_to("cpu.weight", "0"), ERR_RANGE);
	assert_int_equal(write_to("cpu.weight", "10001"), ERR_RANGE);
	assert_int_equal(write_to("cpu.weight", "-1"), ERR_INVALID);
	assert_int_equal(write_to("cpu.weight", ""), ERR_INVALID);
	assert_int_equal(write_to("cpu.weight", "1 2"), ERR_INVALID);
	assert_int_equal(write_to("cpu.weight", "1.5"), ERR_INVALID);
	assert_int_equal(write_to("cpu.weight", "99999999999999999999"),
			 ERR_INVALID);
	assert_string_equal(read_of(&a.g, "cpu.weight", 0), "16\n");
}

static void test_max(void **state)
{
	(void)state;
	assert_string_equal(read_of(&a.g, "cpu.max", 0), "max 100000\n");
	check("cpu.max", "25000 100000", "25000 100000\n");
	/* one number: the quota */
	check("cpu.max", "30000\n", "30000 100000\n");
	check("cpu.max", "max 50000", "max 50000\n");
	check("cpu.max", "2000", "2000 50000\n");
	check("cpu.max", "max", "max 50000\n");
	check("cpu.max", "\t5000  20000 ", "5000 20000\n");
	check("cpu.max", "1000 1000", "1000 1000\n");
	check("cpu.max", "400000 1000000", "400000 1000000\n");
	assert_int_equal(write_to("cpu.max", ""), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "maximum"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "MAX"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "-1 100000"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "999"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "0"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "1000 999"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "1000 1000001"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "1000 max"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "1000 2000 3000"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "18446744073709551615"),
			 ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "0x2000"), ERR_INVALID);
	assert_string_equal(read_of(&a.g, "cpu.max", 0), "400000 1000000\n");
}

static void test_max_burst(void **state)
{
	(void)state;
	assert_string_equal(read_of(&a.g, "cpu.max.burst", 0), "0\n");
	assert_int_equal(write_to("cpu.max", "20000 100000"), OK);
	check("cpu.max.burst", "20000", "20000\n");
	assert_int_equal(write_to("cpu.max.burst", "20001"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max.burst", "max"), ERR_INVALID);
	assert_int_equal(write_to("cpu.max", "10000"), ERR_INVALID);
	check("cpu.max.burst", "0", "0\n");
}

static void test_cpus(void **state)
{
	(void)state;
	assert_string_equal(read_of(&a.g, "cpuset.cpus", 0), "\n");
	assert_string_equal(read_of(&a.g, "cpuset.cpus.effective", 0), "0-7\n");
	check("cpuset.cpus", "0-4,6,8-10", "0-4,6,8-10\n");
	assert_string_equal(read_of(&a.g, "cpuset.cpus.effective", 0),
			    "0-4,6\n");
	check("cpuset.cpus", "3,1,2", "1-3\n");
	check("cpuset.cpus", "63", "63\n");
	assert_string_equal(read_of(&a.g, "cpuset.cpus.effective", 0), "0-7\n");
	check("cpuset.cpus", "0-63\n", "0-63\n");
	check("cpuset.cpus", " 1 , 5 ", "1,5\n");
	check("cpuset.cpus", "\n", "\n");
	assert_int_equal(write_to("cpuset.cpus", "64"), ERR_RANGE);
	assert_int_equal(write_to("cpuset.cpus", "0-64"), ERR_RANGE);
	assert_int_equal(write_to("cpuset.cpus", "4-3"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "1,,2"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "1,"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "-1"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "1-"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "0x1"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "all"), ERR_INVALID);
	assert_int_equal(write_to("cpuset.cpus", "1-2-3"), ERR_INVALID);
	assert_string_equal(read_of(&a.g, "cpuset.cpus", 0), "\n");
}

static void test_freeze(void **state)
{
	(void)state;
	assert_string_equal(read_of(&a.g, "cgroup.freeze", 0), "0\n");
	assert_string_equal(read_of(&a.g, "cgroup.events", 0),
			    "populated 1\nfrozen 0\n");
	check("cgroup.freeze", "1", "1\n");
	assert_string_equal(read_of(&a.g, "cgroup.events", 0),
			    "populated 1\nfrozen 1\n");
	assert_int_equal(write_to("cgroup.freeze", "2"), ERR_RANGE);
	assert_int_equal(write_to("cgroup.freeze", "yes"), ERR_INVALID);
	check("cgroup.freeze", "0", "0\n");
	assert_int_equal(sched_vcpu_remove(&s, &a.v, 0), OK);
	assert_string_equal(read_of(&a.g, "cgroup.events", 0),
			    "populated 0\nfrozen 0\n");
}

static void test_stat(void **state)
{
	(void)state;
	assert_int_equal(write_to("cpu.max", "40000 100000"), OK);
	run_until(0, 350 * MS);
	sched_add_system(&s, &a.v, 30 * MS);
	assert_string_equal(read_of(&a.g, "cpu.stat", 350 * MS),
			    "usage_usec 160000\n"
			    "user_usec 130000\n"
			    "system_usec 30000\n"
			    "nr_periods 3\n"
			    "nr_throttled 3\n"
			    "throttled_usec 190000\n"
			    "nr_bursts 0\n"
			    "burst_usec 0\n");
	assert_string_equal(read_of(&s.root, "cpu.stat", 350 * MS),
			    "usage_usec 160000\n"
			    "user_usec 130000\n"
			    "system_usec 30000\n");
	/* Whoever runs now has used more already. */
	assert_ptr_equal(pick(0, 400 * MS), &a.v);
	(void)read_of(&a.g, "cpu.stat", 410 * MS);
	assert_memory_equal(text, "usage_usec 170000\n", 18);
	/* More than all is all. */
	sched_add_system(&s, &a.v, 9000 * MS);
	(void)read_of(&a.g, "cpu.stat", 410 * MS);
	assert_memory_equal(text, "usage_usec 170000\nuser_usec 0\n", 30);
}

static void test_pressure(void **state)
{
	struct pair b;

	(void)state;
	assert_string_equal(read_of(&a.g, "cpu.pressure", 0),
			    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
			    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	add_pair(&b, NULL);
	run_until(0, 4000 * MS);
	/* Each waits half of the time, somebody always. */
	assert_string_equal(
		read_of(&a.g, "cpu.pressure", 4000 * MS),
		"some avg10=16.48 avg60=3.22 avg300=0.66 total=2000000\n"
		"full avg10=16.48 avg60=3.22 avg300=0.66 total=2000000\n");
	assert_string_equal(
		read_of(&s.root, "cpu.pressure", 4000 * MS),
		"some avg10=32.96 avg60=6.44 avg300=1.32 total=4000000\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
}

static void test_parsers(void **state)
{
	uint64_t mask = 7, quota = 1, period = 2;
	char small[4];

	(void)state;
	/* No terminator is needed, and nothing behind is read. */
	assert_int_equal(
		sched_text_parse_cpus((struct sched_text){ "12,3x", 2 }, &mask),
		OK);
	assert_int_equal(mask, 1 << 12);
	assert_int_equal(
		sched_text_parse_cpus((struct sched_text){ "x", 1 }, &mask),
		ERR_INVALID);
	assert_int_equal(mask, 1 << 12);
	assert_int_equal(sched_text_parse_max((struct sched_text){ NULL, 0 },
					      &quota, &period),
			 ERR_INVALID);
	assert_int_equal(quota, 1);
	assert_int_equal(sched_text_parse_max((struct sched_text){ "max 5", 5 },
					      &quota, &period),
			 OK);
	assert_true(quota == SCHED_QUOTA_NONE);
	assert_int_equal(period, 5);
	assert_int_equal(sched_text_print_cpus(0x5555, small, sizeof(small)),
			 18);
	assert_string_equal(small, "0,2");
	assert_int_equal(sched_text_print_cpus(UINT64_MAX, text, sizeof(text)),
			 4);
	assert_string_equal(text, "0-63");
	assert_int_equal(sched_text_print_cpus(0, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_names, setup),
		cmocka_unit_test_setup(test_no_such_file, setup),
		cmocka_unit_test_setup(test_small_buffer, setup),
		cmocka_unit_test_setup(test_weight, setup),
		cmocka_unit_test_setup(test_max, setup),
		cmocka_unit_test_setup(test_max_burst, setup),
		cmocka_unit_test_setup(test_cpus, setup),
		cmocka_unit_test_setup(test_freeze, setup),
		cmocka_unit_test_setup(test_stat, setup),
		cmocka_unit_test_setup(test_pressure, setup),
		cmocka_unit_test_setup(test_parsers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
