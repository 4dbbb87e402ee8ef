/* test_group_tree.c - groups: paths, limits, promises, groups.json. */
#include "tests/lib/unit.h"

#include "group_tree.h"
#include <bh/string.h>
#include <string.h>

static struct group_tree t;
static struct config_parser parser;
static struct config_report report;

static uint32_t add(const char *path)
{
	uint32_t i = GROUP_NONE;

	assert_int_equal(group_tree_add(&t, path, &i), OK);
	assert_int_equal(group_tree_find(&t, path), i);
	return i;
}

static int setup(void **state)
{
	(void)state;
	group_tree_init(&t);
	return 0;
}

static enum status update(uint32_t i, enum limit_key key, const char *v)
{
	struct limit_change c = { .keys = (uint32_t)BIT(key) };
	enum limit_key bad;

	str_copy(c.values[key].text, LIMITS_TEXT_MAX, v);
	return group_tree_update(&t, i, &c, &bad);
}

static void test_paths(void **state)
{
	static const char *const bad[] = { "",  "/",   "/a", "a/",    "a//b",
					   "A", "a b", "..", "a/../b" };
	char path[CONFIG_GROUP_MAX];
	uint32_t i;

	(void)state;
	add("a");
	i = add("a/b");
	add("b");
	group_tree_path(&t, i, path);
	assert_string_equal(path, "a/b");
	group_tree_path(&t, GROUP_ROOT, path);
	assert_string_equal(path, "");
	assert_int_equal(group_tree_find(&t, ""), GROUP_ROOT);
	assert_int_equal(group_tree_find(&t, "a/c"), GROUP_NONE);
	assert_int_equal(group_tree_find(&t, "a/b/"), GROUP_NONE);
	assert_int_equal(group_tree_find(&t, "b/b"), GROUP_NONE);
	for (size_t n = 0; n < ARRAY_COUNT(bad); n++) {
		assert_int_equal(group_tree_add(&t, bad[n], &i), ERR_INVALID);
	}
	assert_int_equal(group_tree_add(&t, "a/b", &i), ERR_EXIST);
	assert_int_equal(group_tree_add(&t, "c/d", &i), ERR_NOENT);
}

static void test_long_paths(void **state)
{
	char path[CONFIG_GROUP_MAX + 8];
	uint32_t i;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[RPC_NAME_MAX + 1] = '\0';
	assert_int_equal(group_tree_add(&t, path, &i), ERR_INVALID);
	path[RPC_NAME_MAX] = '\0';
	add(path);
	path[RPC_NAME_MAX] = '/';
	path[RPC_NAME_MAX + 1] = 'x';
	path[CONFIG_GROUP_MAX] = '\0';
	assert_int_equal(group_tree_add(&t, path, &i), ERR_INVALID);
	path[CONFIG_GROUP_MAX - 1] = '\0';
	add(path);
}

static void test_depth_and_number(void **state)
{
	char path[CONFIG_GROUP_MAX] = "";
	uint32_t i;

	(void)state;
	for (uint32_t d = 0; d < GROUP_DEPTH_MAX; d++) {
		str_copy(path + strlen(path), 4, d > 0 ? "/g" : "g");
		add(path);
	}
	str_copy(path + strlen(path), 4, "/g");
	assert_int_equal(group_tree_add(&t, path, &i), ERR_LIMIT);
	for (uint32_t n = GROUP_DEPTH_MAX + 1; n < GROUP_MAX; n++) {
		fmt_print(path, sizeof(path), "n%u", n);
		add(path);
	}
	assert_int_equal(group_tree_add(&t, "full", &i), ERR_LIMIT);
	assert_int_equal(group_tree_remove(&t, group_tree_find(&t, path)), OK);
	add("full");
}

static void test_remove(void **state)
{
	uint32_t a = add("a"), b = add("a/b");

	(void)state;
	assert_int_equal(group_tree_remove(&t, GROUP_ROOT), ERR_DENIED);
	assert_int_equal(group_tree_remove(&t, a), ERR_BUSY);
	group_tree_join(&t, b);
	assert_int_equal(group_tree_remove(&t, b), ERR_BUSY);
	group_tree_leave(&t, b);
	assert_int_equal(group_tree_remove(&t, b), OK);
	assert_int_equal(group_tree_find(&t, "a/b"), GROUP_NONE);
	assert_int_equal(group_tree_remove(&t, a), OK);
	assert_int_equal(group_tree_find(&t, "a"), GROUP_NONE);
}

static void test_memory_binds_below(void **state)
{
	uint32_t a = add("a"), b = add("a/b"), c = add("a/c");
	struct group_refusal why;
	uint32_t limiting;

	(void)state;
	assert_int_equal(group_tree_room(&t, b, &limiting), LIMITS_NO_MEMORY);
	assert_int_equal(update(a, LIMIT_MEMORY_MAX, "1G"), OK);
	assert_int_equal(update(b, LIMIT_MEMORY_MAX, "2G"), OK);
	assert_int_equal(group_tree_charge(&t, b, MIB(600), &why), OK);
	assert_int_equal(group_tree_charge(&t, c, MIB(600), &why), ERR_LIMIT);
	assert_int_equal(why.group, a);
	assert_int_equal(why.need, MIB(600));
	assert_int_equal(why.free, MIB(424));
	assert_int_equal(t.groups[c].promised, 0);
	assert_int_equal(t.groups[a].promised, MIB(600));
	assert_int_equal(group_tree_charge(&t, c, MIB(424), &why), OK);
	assert_int_equal(group_tree_room(&t, a, &limiting), 0);
	/* below what is promised a limit cannot go */
	assert_int_equal(update(a, LIMIT_MEMORY_MAX, "1000M"), ERR_BUSY);
	assert_int_equal(t.groups[a].limits.memory_max, GIB(1));
	group_tree_uncharge(&t, b, MIB(600));
	assert_int_equal(update(a, LIMIT_MEMORY_MAX, "424M"), OK);
	assert_int_equal(t.groups[GROUP_ROOT].promised, MIB(424));
	group_tree_uncharge(&t, c, MIB(424));
	assert_int_equal(t.groups[GROUP_ROOT].promised, 0);
}

static void test_inner_limit_is_named(void **state)
{
	uint32_t a = add("a"), b = add("a/b");
	struct group_refusal why;

	(void)state;
	assert_int_equal(update(a, LIMIT_MEMORY_MAX, "1G"), OK);
	assert_int_equal(update(b, LIMIT_MEMORY_MAX, "64M"), OK);
	assert_int_equal(group_tree_charge(&t, b, MIB(65), &why), ERR_LIMIT);
	assert_int_equal(why.group, b);
	assert_int_equal(why.free, MIB(64));
}

static void test_updates(void **state)
{
	uint32_t a = add("a");

	(void)state;
	assert_int_equal(update(GROUP_ROOT, LIMIT_CPU_WEIGHT, "1"), ERR_DENIED);
	assert_int_equal(update(a, LIMIT_CPU_WEIGHT, "0"), ERR_RANGE);
	assert_int_equal(update(a, LIMIT_CPU_MAX, "0"), ERR_INVALID);
	assert_int_equal(update(a, LIMIT_CPU_MAX, "5000 10000"), OK);
	assert_int_equal(update(a, LIMIT_CPU_MAX_BURST, "5001"), ERR_INVALID);
	assert_int_equal(t.groups[a].limits.cpu_quota_us, 5000);
}

static void test_cpus(void **state)
{
	uint32_t a = add("a"), b = add("a/b"), c = add("c");

	(void)state;
	assert_int_equal(group_tree_cpus(&t, b, 0xff), 0xff);
	assert_int_equal(update(a, LIMIT_CPUSET_CPUS, "0-3"), OK);
	assert_int_equal(update(b, LIMIT_CPUSET_CPUS, "2-5"), OK);
	assert_int_equal(group_tree_cpus(&t, b, 0xff), 0x0c);
	/* none of its own is left: those of the group above */
	assert_int_equal(update(b, LIMIT_CPUSET_CPUS, "6"), OK);
	assert_int_equal(group_tree_cpus(&t, b, 0xff), 0x0f);
	assert_int_equal(update(c, LIMIT_CPUSET_CPUS, "8"), OK);
	assert_int_equal(group_tree_cpus(&t, c, 0xff), 0xff);
}

/* ---- groups.json ---- */

static enum status parse(const char *text)
{
	return group_tree_parse(&parser, text, strlen(text), &t, &report);
}

static void test_file(void **state)
{
	uint32_t i;

	(void)state;
	assert_int_equal(
		parse("{\"groups\":{\"tenants\":{\"memory.max\":\"1G\","
		      "\"cpu.weight\":200,\"groups\":{\"a\":{\"cpu.max\":"
		      "\"50000 100000\",\"cpu.max.burst\":\"1000\"},\"b\":{}}},"
		      "\"system\":{\"cpuset.cpus\":\"0\"}}}"),
		OK);
	i = group_tree_find(&t, "tenants");
	assert_int_equal(t.groups[i].limits.memory_max, GIB(1));
	assert_int_equal(t.groups[i].limits.cpu_weight, 200);
	assert_int_equal(t.groups[i].child_count, 2);
	i = group_tree_find(&t, "tenants/a");
	assert_int_equal(t.groups[i].limits.cpu_quota_us, 50000);
	assert_int_equal(t.groups[i].limits.cpu_burst_us, 1000);
	i = group_tree_find(&t, "system");
	assert_int_equal(t.groups[i].limits.cpus, 1);
	assert_int_not_equal(group_tree_find(&t, "tenants/b"), GROUP_NONE);
	assert_int_equal(parse("{\"groups\":{}}"), OK);
	assert_int_equal(group_tree_find(&t, "system"), GROUP_NONE);
}

static void mistake(const char *text, const char *path, const char *what)
{
	add("kept");
	assert_int_equal(parse(text), ERR_INVALID);
	if (report.total != 1 || strcmp(report.errors[0].path, path) != 0 ||
	    strstr(report.errors[0].text, what) == NULL ||
	    strstr(report.errors[0].text, "; ") == NULL) {
		fail_msg("%s\n%u: %s: %s", text, report.total,
			 report.errors[0].path, report.errors[0].text);
	}
	/* what was there before stays */
	assert_int_equal(group_tree_remove(&t, group_tree_find(&t, "kept")),
			 OK);
}

static void test_file_mistakes(void **state)
{
	(void)state;
	mistake("", "/", "empty");
	mistake("[]", "/", "expected {\"groups\"");
	mistake("{}", "/", "expected {\"groups\"");
	mistake("{\"groups\":{},\"x\":1}", "/", "nothing else");
	mistake("{\"groups\":[]}", "/", "expected");
	mistake("{\"groups\":{\"A\":{}}}", "/groups/A", "cannot name a group");
	mistake("{\"groups\":{\"a\":{},\"a\":{}}}", "/groups/a",
		"stands twice");
	mistake("{\"groups\":{\"a\":7}}", "/groups/a", "is an object");
	mistake("{\"groups\":{\"a\":{\"cpu.weight\":1,\"cpu.weight\":2}}}",
		"/groups/a/cpu.weight", "stands twice");
	mistake("{\"groups\":{\"a\":{\"groups\":{},\"groups\":{}}}}",
		"/groups/a/groups", "stands twice");
	mistake("{\"groups\":{\"a\":{\"groups\":1}}}", "/groups/a/groups",
		"groups is an object");
	mistake("{\"groups\":{\"a\":{\"cpu.wight\":1}}}", "/groups/a/cpu.wight",
		"unknown member");
	mistake("{\"groups\":{\"a\":{\"cpu.weight\":0}}}",
		"/groups/a/cpu.weight", "\"0\" is not a value of cpu.weight");
	mistake("{\"groups\":{\"a\":{\"groups\":{\"b\":{\"memory.max\":"
		"\"much\"}}}}}",
		"/groups/a/groups/b/memory.max", "\"much\" is not a value");
	mistake("{\"groups\":{\"a\":{\"memory.max\":{}}}}",
		"/groups/a/memory.max", "\"\" is not a value");
	mistake("{\"groups\":{\"a\":{\"cpu.max\":\"1000\","
		"\"cpu.max.burst\":\"1001\"}}}",
		"/groups/a", "larger than the quota");
}

static void test_file_too_deep(void **state)
{
	char text[1024];
	size_t at = 0;

	(void)state;
	for (uint32_t d = 0; d <= GROUP_DEPTH_MAX; d++) {
		at += fmt_print(text + at, sizeof(text) - at, "%s",
				"{\"groups\":{\"g\":");
	}
	at += fmt_print(text + at, sizeof(text) - at, "{}");
	for (uint32_t d = 0; d <= GROUP_DEPTH_MAX; d++) {
		at += fmt_print(text + at, sizeof(text) - at, "}}");
	}
	assert_int_equal(parse(text), ERR_INVALID);
	assert_int_equal(report.total, 1);
	assert_non_null(strstr(report.errors[0].text, "7 deep"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(test_paths),
		T(test_long_paths),
		T(test_depth_and_number),
		T(test_remove),
		T(test_memory_binds_below),
		T(test_inner_limit_is_named),
		T(test_updates),
		T(test_cpus),
		T(test_file),
		T(test_file_mistakes),
		T(test_file_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
