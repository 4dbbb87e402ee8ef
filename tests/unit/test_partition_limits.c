/* test_partition_limits.c - limits and groups change while partitions run. */
#include "life_fake.h"

/* ---- limits ---- */

static enum status update(enum limit_key key, const char *value)
{
	static struct limit_change c;

	c.keys = (uint32_t)BIT(key);
	strcpy(c.values[key].text, value);
	return ops_update(0, &c, &why);
}

static void test_update(void **state)
{
	(void)state;
	create_good("p");
	bring(PARTITION_RUNNING);
	applied = 0;
	assert_int_equal(update(LIMIT_CPU_WEIGHT, "250"), OK);
	assert_int_equal(update(LIMIT_CPU_MAX, "25000 100000"), OK);
	assert_int_equal(update(LIMIT_CPU_MAX_BURST, "5000"), OK);
	assert_int_equal(update(LIMIT_CPUSET_CPUS, "1"), OK);
	assert_int_equal(applied, 4);
	assert_int_equal(part(0)->config.limits.cpu_weight, 250);
	assert_int_equal(part(0)->config.limits.cpus, 2);
	assert_int_equal(update(LIMIT_CPU_WEIGHT, "0"), ERR_RANGE);
	assert_string_equal(why.key, "cpu.weight");
	assert_non_null(strstr(why.text, "\"0\" is not a value"));
	assert_int_equal(update(LIMIT_CPU_MAX, "1"), ERR_INVALID);
	assert_int_equal(update(LIMIT_CPUSET_CPUS, "2-3"), ERR_INVALID);
	assert_non_null(strstr(why.text, "none of these CPUs"));
	assert_int_equal(update(LIMIT_CPU_MAX, "4000"), ERR_INVALID);
	assert_non_null(strstr(why.text, "cpu.max.burst is larger"));
	assert_int_equal(part(0)->config.limits.cpu_quota_us, 25000);
	assert_int_equal(applied, 4);
}

static void test_update_memory(void **state)
{
	(void)state;
	create_good("p");
	bring(PARTITION_RUNNING);
	assert_int_equal(update(LIMIT_MEMORY_MAX, "64M"), OK); /* the same */
	assert_int_equal(update(LIMIT_MEMORY_MAX, "128M"), ERR_STATE);
	assert_non_null(strstr(why.text, "fixed until it ends"));
	assert_string_equal(why.key, "memory.max");
	end(0, END_REASON_POWEROFF);
	assert_int_equal(update(LIMIT_MEMORY_MAX, "128M"), OK);
	assert_int_equal(part(0)->life.promised, MIB(128));
	assert_int_equal(update(LIMIT_MEMORY_MAX, "max"), ERR_INVALID);
	assert_int_equal(update(LIMIT_MEMORY_MAX, "33M"), ERR_INVALID);
	assert_int_equal(update(LIMIT_MEMORY_MAX, "2G"), ERR_NOMEM);
	assert_int_equal(why.need, GIB(2));
	assert_true(why.free > MIB(1000) && why.free < GIB(1));
	/* all that is free and its own can be had */
	assert_int_equal(update(LIMIT_MEMORY_MAX, "1022M"), OK);
	assert_int_equal(update(LIMIT_MEMORY_MAX, "64M"), OK);
}

/* ---- groups ---- */

static enum status group_change(const char *path, enum limit_key key,
				const char *value)
{
	static struct limit_change c;

	c.keys = (uint32_t)BIT(key);
	strcpy(c.values[key].text, value);
	return group_tree_find(partition_groups(), path) == GROUP_NONE
		       ? ops_group_create(path, &c, &why)
		       : ops_group_update(path, &c, &why);
}

#define IN_GROUP SPEC(",\"io.bulkhead.group\":\"t/a\"")

static void test_groups_bind(void **state)
{
	static struct group_view g;

	(void)state;
	assert_int_equal(group_change("t", LIMIT_MEMORY_MAX, "150M"), OK);
	assert_int_equal(create("x", IN_GROUP), ERR_INVALID);
	assert_non_null(strstr(why.text, "no group \"t/a\""));
	assert_int_equal(group_change("t/a", LIMIT_CPU_WEIGHT, "50"), OK);
	assert_int_equal(create("x", IN_GROUP), OK);
	assert_int_equal(create("y", IN_GROUP), OK);
	assert_int_equal(create("z", IN_GROUP), ERR_INVALID);
	assert_non_null(strstr(why.text, "group t has not that much memory "
					 "left: 64M needed, 22M free"));
	bring(PARTITION_RUNNING);
	assert_true(ops_group(0, &g));
	assert_string_equal(g.path, "t");
	assert_int_equal(g.partition_count, 0);
	assert_int_equal(g.memory_promised, MIB(128));
	assert_int_equal(g.memory_current, MIB(64));
	assert_int_equal(g.cpu.steal_us, 1000);
	assert_int_equal(g.cpu.nr_periods, 7);
	assert_true(ops_group(1, &g));
	assert_string_equal(g.path, "t/a");
	assert_int_equal(g.partition_count, 2);
	assert_false(ops_group(2, &g));
	assert_int_equal(group_change("t", LIMIT_MEMORY_MAX, "127M"), ERR_BUSY);
	assert_int_equal(why.need, MIB(128));
	assert_int_equal(ops_group_delete("t", &why), ERR_BUSY);
	assert_int_equal(ops_group_delete("t/a", &why), ERR_BUSY);
	end(0, END_REASON_POWEROFF);
	assert_int_equal(update(LIMIT_MEMORY_MAX, "88M"), ERR_LIMIT);
	assert_non_null(strstr(why.text, "group t has not"));
	assert_int_equal(why.need, MIB(88));
	assert_int_equal(why.free, MIB(86));
	assert_int_equal(part(0)->life.promised, MIB(64));
	assert_int_equal(update(LIMIT_MEMORY_MAX, "86M"), OK);
	assert_int_equal(ops_delete(0, false, &why), OK);
	assert_int_equal(ops_delete(0, false, &why), OK);
	assert_int_equal(ops_group_delete("t/a", &why), OK);
	assert_int_equal(ops_group_delete("t", &why), OK);
}

static void test_group_mistakes(void **state)
{
	(void)state;
	assert_int_equal(group_change("a/b", LIMIT_CPU_WEIGHT, "1"), ERR_NOENT);
	assert_int_equal(group_change("A", LIMIT_CPU_WEIGHT, "1"), ERR_INVALID);
	/* with a limit that is refused no group comes into being */
	assert_int_equal(group_change("a", LIMIT_CPU_WEIGHT, "0"), ERR_RANGE);
	assert_string_equal(why.key, "cpu.weight");
	assert_int_equal(ops_group_delete("a", &why), ERR_NOENT);
	assert_int_equal(ops_group_delete("", &why), ERR_DENIED);
	assert_int_equal(group_change("", LIMIT_CPU_WEIGHT, "5"), ERR_DENIED);
	assert_int_equal(group_change("a", LIMIT_CPU_WEIGHT, "5"), OK);
	assert_int_equal(ops_group_create("a",
					  &(struct limit_change){ .keys = 0 },
					  &why),
			 ERR_EXIST);
	assert_int_equal(ops_group_delete("a", &why), OK);
}

static void test_groups_of_the_boot_volume(void **state)
{
	(void)state;
	partition_life_load_groups();
	groups_json = "{\"groups\":{\"t\":{\"groups\":{\"a\":{}}}}}";
	partition_life_load_groups();
	assert_int_equal(create("x", IN_GROUP), OK);
	assert_int_equal(ops_delete(0, false, &why), OK);
	/* one with mistakes changes nothing */
	groups_json = "{\"groups\":{\"u\":{\"cpu.weight\":0}}}";
	partition_life_load_groups();
	assert_int_equal(create("x", IN_GROUP), OK);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_update),
		T(test_update_memory),
		T(test_groups_bind),
		T(test_group_mistakes),
		T(test_groups_of_the_boot_volume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
