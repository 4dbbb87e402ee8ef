/* test_config.c - a partition's config.json, good ones and every mistake. */
#include "config.h"
#include "nearest.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <string.h>

#define KERNEL    "\"vm\":{\"kernel\":{\"path\":\"guest/vmlinuz\"}}"
#define OCI       "\"ociVersion\":\"1.0.2\""
#define FILE_NAME "partitions/hello.json"

static struct config_parser parser;
static struct partition_config out;
static struct config_report report;
static uint64_t memory_left;
static const char *missing;

static bool file_exists(void *ctx, const char *path)
{
	(void)ctx;
	return missing == NULL || strcmp(path, missing) != 0;
}

static bool left(void *ctx, const char *group, struct config_room *room)
{
	(void)ctx;
	if (strcmp(group, "tenants/a") == 0) {
		str_copy(room->who, sizeof(room->who), "group tenants");
		room->left = MIB(64);
		return true;
	}
	room->left = memory_left;
	return group[0] == '\0';
}

static const struct config_checks checks = {
	.file_exists = file_exists,
	.memory_left = left,
	.cpus = 0xf,
};

static enum status parse_as(const char *file, const char *text)
{
	memory_left = GIB(4);
	return config_parse(&parser, file, text, strlen(text), &checks, &out,
			    &report);
}

static enum status parse(const char *text)
{
	return parse_as(FILE_NAME, text);
}

/* Exactly one mistake, at @path, its text and remedy contain these. */
static void one_mistake(const char *text, const char *path, const char *what,
			const char *remedy)
{
	assert_int_equal(parse(text), ERR_INVALID);
	if (report.total != 1 || strcmp(report.errors[0].path, path) != 0 ||
	    strstr(report.errors[0].text, what) == NULL ||
	    strstr(report.errors[0].text, "; ") == NULL ||
	    strstr(strstr(report.errors[0].text, "; "), remedy) == NULL) {
		fail_msg("%s\n%u: %s: %s", text, report.total,
			 report.errors[0].path, report.errors[0].text);
	}
}

static void test_smallest(void **state)
{
	(void)state;
	assert_int_equal(parse("{" OCI "," KERNEL "}"), OK);
	assert_string_equal(out.name, "hello");
	assert_string_equal(out.kernel, "guest/vmlinuz");
	assert_string_equal(out.initrd, "");
	assert_string_equal(out.cmdline, "");
	assert_int_equal(out.limits.memory_max, MIB(256));
	assert_int_equal(out.vcpu_count, 1);
	assert_int_equal(out.limits.cpu_weight, 100);
	assert_int_equal(out.limits.cpu_quota_us, 0);
	assert_int_equal(out.limits.cpu_period_us, 100000);
	assert_true(out.autostart);
	assert_false(out.has_process);
	assert_int_equal(out.restart, CONFIG_RESTART_NO);
	assert_int_equal(out.console, CONFIG_CONSOLE_HVC0);
	assert_int_equal(out.apic, CONFIG_APIC_X2APIC);
}

static void test_full(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{" OCI ",\"process\":{\"args\":[\"x\"]},"
		      "\"root\":{\"path\":\"rootfs\"},\"mounts\":[],"
		      "\"hostname\":\"h\",\"linux\":{\"anything\":1},"
		      "\"annotations\":{\"org.other\":\"kept\","
		      "\"io.bulkhead.memory.max\":\"1G\","
		      "\"io.bulkhead.vcpus\":\"1\","
		      "\"io.bulkhead.cpu.weight\":\"50\","
		      "\"io.bulkhead.cpu.max\":\"50000 100000\","
		      "\"io.bulkhead.autostart\":\"false\","
		      "\"io.bulkhead.restart\":\"on-failure\","
		      "\"io.bulkhead.apic\":\"xapic\","
		      "\"io.bulkhead.console\":\"ttyS0\"},"
		      "\"vm\":{\"hypervisor\":{\"path\":\"\","
		      "\"parameters\":[]},\"kernel\":{\"path\":\"/k\","
		      "\"initrd\":\"i.img\",\"parameters\":[\"quiet\","
		      "\"console=hvc0\"]},\"image\":{\"path\":\"d.img\","
		      "\"format\":\"raw\"}}}"),
		OK);
	assert_string_equal(out.kernel, "k");
	assert_string_equal(out.initrd, "i.img");
	assert_string_equal(out.image, "d.img");
	assert_string_equal(out.cmdline, "quiet console=hvc0");
	assert_int_equal(out.limits.memory_max, GIB(1));
	assert_int_equal(out.vcpu_count, 1);
	assert_int_equal(out.limits.cpu_weight, 50);
	assert_int_equal(out.limits.cpu_quota_us, 50000);
	assert_false(out.autostart);
	assert_true(out.has_process);
	assert_int_equal(out.restart, CONFIG_RESTART_ON_FAILURE);
	assert_int_equal(out.console, CONFIG_CONSOLE_TTYS0);
	assert_int_equal(out.apic, CONFIG_APIC_XAPIC);
}

static void test_syntax(void **state)
{
	char line[512];

	(void)state;
	assert_int_equal(parse("{\n \"vm\": {,}\n}"), ERR_INVALID);
	config_error_print(&report.errors[0], "c.json", line, sizeof(line));
	assert_non_null(strstr(line, "c.json:2:"));
	assert_non_null(strstr(line, "/vm"));
	one_mistake("[]", "/", "expected an object", "docs/config.md");
	one_mistake("", "/", "empty", "correct the text");
}

static void test_members(void **state)
{
	(void)state;
	one_mistake("{" OCI "}", "/", "vm is missing", "add");
	one_mistake("{" OCI "," KERNEL ",\"anotations\":{}}", "/anotations",
		    "unknown member", "\"annotations\"");
	one_mistake("{" OCI "," KERNEL ",\"solaris\":{}}", "/solaris",
		    "unknown member", "remove it");
	one_mistake("{" OCI "," KERNEL "," KERNEL "}", "/vm", "stands twice",
		    "keep one");
	one_mistake("{" KERNEL "}", "/", "ociVersion is missing", "1.0.2");
	one_mistake("{\"ociVersion\":\"2.0\"," KERNEL "}", "/ociVersion",
		    "not a version", "1.x");
	one_mistake("{" OCI ",\"vm\":[]}", "/vm", "expected an object", "");
	one_mistake("{" OCI ",\"vm\":{}}", "/vm", "vm.kernel is missing", "");
	one_mistake("{" OCI ",\"vm\":{\"kernal\":1,\"kernel\":{\"path\":"
		    "\"k\"}}}",
		    "/vm/kernal", "unknown", "\"kernel\"");
	one_mistake("{" OCI ",\"vm\":{\"hypervisor\":{\"path\":\"/qemu\"},"
		    "\"kernel\":{\"path\":\"k\"}}}",
		    "/vm/hypervisor/path", "cannot be chosen", "remove");
}

static void test_files(void **state)
{
	static const char *const bad[] = { "",     "../k",  "a/../k", "a//k",
					   "a\\b", "c:/k",  "a/",     "a b",
					   ".",    "a/./b", "\\u00e4" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		fmt_print(text, sizeof(text),
			  "{" OCI ",\"vm\":{\"kernel\":{\"path\":\"%s\"}}}",
			  i == 4 ? "a\\\\b" : bad[i]);
		one_mistake(text, "/vm/kernel/path", "not a usable file name",
			    "guest/vmlinuz");
	}
	missing = "guest/vmlinuz";
	one_mistake("{" OCI "," KERNEL "}", "/vm/kernel/path",
		    "\\bulkhead\\guest/vmlinuz is not there", "copy");
	missing = NULL;
	one_mistake("{" OCI ",\"vm\":{\"kernel\":{\"path\":\"k\"},\"image\":"
		    "{\"path\":\"d\",\"format\":\"qcow2\"}}}",
		    "/vm/image/format", "only raw", "qemu-img");
	one_mistake("{" OCI ",\"vm\":{\"kernel\":{\"path\":\"k\","
		    "\"parameters\":[\"a\",7]}}}",
		    "/vm/kernel/parameters/1", "expected a string", "");
	one_mistake("{" OCI ",\"vm\":{\"kernel\":{\"path\":\"k\","
		    "\"parameters\":[\"a\\nb\"]}}}",
		    "/vm/kernel/parameters/0", "not a kernel", "");
}

static void test_cmdline_limit(void **state)
{
	static char text[4096];
	size_t at;

	(void)state;
	at = fmt_print(text, sizeof(text),
		       "{" OCI ",\"vm\":{\"kernel\":{\"path\":\"k\","
		       "\"parameters\":[\"");
	memset(text + at, 'x', CONFIG_CMDLINE_MAX);
	str_copy(text + at + CONFIG_CMDLINE_MAX, 16, "\"]}}}");
	one_mistake(text, "/vm/kernel/parameters/0", "longer than", "leave");
	str_copy(text + at + CONFIG_CMDLINE_MAX - 1, 16, "\"]}}}");
	assert_int_equal(parse(text), OK);
	assert_int_equal(strlen(out.cmdline), CONFIG_CMDLINE_MAX - 1);
}

static void note(const char *name, const char *value, const char *what,
		 const char *remedy)
{
	char text[400], path[100];

	fmt_print(text, sizeof(text),
		  "{" OCI "," KERNEL ",\"annotations\":{\"%s\":%s}}", name,
		  value);
	fmt_print(path, sizeof(path), "/annotations/%s", name);
	one_mistake(text, path, what, remedy);
}

static void test_notes(void **state)
{
	(void)state;
	note("io.bulkhead.memory.mx", "\"1G\"", "unknown",
	     "io.bulkhead.memory.max");
	note("io.bulkhead.frobnicate", "\"1\"", "unknown", "docs/config.md");
	note("io.bulkhead.memory.max", "\"255M\"", "not a value", "2M");
	note("io.bulkhead.memory.max", "\"16M\"", "not a value", "32M");
	note("io.bulkhead.memory.max", "256", "expected a string", "");
	note("io.bulkhead.memory.max", "\"8G\"", "much memory", "4096M");
	note("io.bulkhead.memory.max", "\"99999999999G\"", "not a value", "");
	note("io.bulkhead.vcpus", "\"0\"", "not a value", "1 to 16");
	note("io.bulkhead.vcpus", "\"17\"", "not a value", "1 to 16");
	note("io.bulkhead.cpu.weight", "\"10001\"", "not a value", "10000");
	note("io.bulkhead.cpu.max", "\"50000 0\"", "not a value", "max");
	note("io.bulkhead.cpu.max", "\"1\"", "not a value", "max");
	note("io.bulkhead.cpu.max", "\"50000 \"", "not a value", "max");
	note("io.bulkhead.cpu.max.burst", "\"-1\"", "not a value", "0 to");
	note("io.bulkhead.cpuset.cpus", "\"1-\"", "not a value", "0-3,5");
	note("io.bulkhead.cpuset.cpus", "\"64\"", "not a value", "below 64");
	note("io.bulkhead.cpuset.cpus", "\"4-5\"", "none of these", "version");
	note("io.bulkhead.group", "\"Up/x\"", "not a value", "tenants/a");
	note("io.bulkhead.group", "\"a//b\"", "not a value", "tenants/a");
	note("io.bulkhead.group", "\"who\"", "no group \"who\"", "groups.json");
	note("io.bulkhead.restart", "\"on-failure:0\"", "not a value", "N");
	note("io.bulkhead.restart", "\"on-failure:\"", "not a value", "N");
	note("io.bulkhead.restart", "\"always:3\"", "not a value", "always");
	note("io.bulkhead.restart.delay", "\"0s\"", "not a value", "longest");
	note("io.bulkhead.restart.delay", "\"2s 1s\"", "not a value",
	     "longest");
	note("io.bulkhead.restart.delay", "\"61m\"", "not a value", "hour");
	note("io.bulkhead.restart.delay", "\"5\"", "not a value", "100ms");
	note("io.bulkhead.autostart", "\"yes\"", "not a value", "true");
	note("io.bulkhead.restart", "\"maybe\"", "not a value", "on-failure");
	note("io.bulkhead.console", "\"vga\"", "not a value", "hvc0");
	note("io.bulkhead.apic", "\"8259\"", "not a value", "xapic");
	note("io.bulkhead.apic", "true", "expected a string", "");
}

/* Parse with these annotations: the members of an object. */
static enum status notes(const char *members)
{
	static char text[1024];

	fmt_print(text, sizeof(text),
		  "{" OCI "," KERNEL ",\"annotations\":{%s}}", members);
	return parse(text);
}

static void test_cpus(void **state)
{
	(void)state;
	assert_int_equal(notes("\"io.bulkhead.vcpus\":\"16\","
			       "\"io.bulkhead.cpuset.cpus\":\"0-1,3\","
			       "\"io.bulkhead.vcpu.affinity\":"
			       "\"0=1,1=2-3,0,15=3\","
			       "\"io.bulkhead.cpu.max\":\"1600000 100000\","
			       "\"io.bulkhead.cpu.max.burst\":\"1600000\""),
			 OK);
	assert_int_equal(out.vcpu_count, 16);
	assert_int_equal(out.limits.cpus, 0xb);
	assert_int_equal(out.vcpu_cpus[0], 2);
	assert_int_equal(out.vcpu_cpus[1], 0xd);
	assert_int_equal(out.vcpu_cpus[15], 8);
	assert_int_equal(out.limits.cpu_burst_us, 1600000);
}

static void test_cpus_do_not_fit(void **state)
{
	static const char *const bad[] = { "0",       "=1",     "0=",
					   "0=1,",    "0=1,,2", "16=1",
					   "0=1,0=2", "a=1",    "0=1=2" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		fmt_print(text, sizeof(text), "\"%s\"", bad[i]);
		note("io.bulkhead.vcpu.affinity", text, "not a value",
		     "0=1,1=2-3");
	}
	note("io.bulkhead.vcpu.affinity", "\"1=0\"", "no vCPU 1",
	     "io.bulkhead.vcpus");
	note("io.bulkhead.vcpu.affinity", "\"0=4\"", "none of its CPUs",
	     "cpuset.cpus");
}

static void test_burst_is_bound_by_the_quota(void **state)
{
	(void)state;
	assert_int_equal(notes("\"io.bulkhead.cpu.max.burst\":\"50001\","
			       "\"io.bulkhead.cpu.max\":\"50000\""),
			 ERR_INVALID);
	assert_string_equal(report.errors[0].path,
			    "/annotations/io.bulkhead.cpu.max.burst");
	assert_non_null(strstr(report.errors[0].text, "at most 50000"));
	/* cgroup v2: without a quota there is nothing to compare with */
	assert_int_equal(notes("\"io.bulkhead.cpu.max.burst\":\"50001\""), OK);
}

static void test_group_memory(void **state)
{
	(void)state;
	assert_int_equal(notes("\"io.bulkhead.group\":\"tenants/a\","
			       "\"io.bulkhead.memory.max\":\"66M\""),
			 ERR_INVALID);
	assert_string_equal(report.errors[0].text,
			    "group tenants has not that much memory left: 66M "
			    "needed, 64M free; ask for at most 64M");
	assert_int_equal(notes("\"io.bulkhead.group\":\"tenants/a\""),
			 ERR_INVALID);
	assert_string_equal(report.errors[0].path, "/annotations");
	assert_int_equal(notes("\"io.bulkhead.group\":\"tenants/a\","
			       "\"io.bulkhead.memory.max\":\"64M\""),
			 OK);
	assert_string_equal(out.group, "tenants/a");
}

static void test_restart(void **state)
{
	(void)state;
	assert_int_equal(notes("\"io.bulkhead.restart\":\"on-failure:5\","
			       "\"io.bulkhead.restart.delay\":\"250ms 2m\""),
			 OK);
	assert_int_equal(out.restart, CONFIG_RESTART_ON_FAILURE);
	assert_int_equal(out.restart_limit, 5);
	assert_int_equal(out.restart_delay_ms, 250);
	assert_int_equal(out.restart_delay_max_ms, 120000);
	assert_int_equal(notes("\"io.bulkhead.restart\":\"always\","
			       "\"io.bulkhead.restart.delay\":\"3s\""),
			 OK);
	assert_int_equal(out.restart, CONFIG_RESTART_ALWAYS);
	assert_int_equal(out.restart_limit, 0);
	assert_int_equal(out.restart_delay_max_ms, 3000);
	assert_int_equal(notes(""), OK);
	assert_int_equal(out.restart_delay_ms, 100);
	assert_int_equal(out.restart_delay_max_ms, 60000);
	note("io.bulkhead.platform", "\"q35\"", "not a value", "minimal");
	note("io.bulkhead.boot", "\"elf\"", "not a value", "multiboot");
	note("io.bulkhead.boot.address", "\"0xa0000\"", "not a value",
	     "0x7c00");
	note("io.bulkhead.boot.entry", "\"0x7c00\"", "not a value",
	     "0x7c0:0x0");
	note("io.bulkhead.boot.entry", "\"0x10000:0\"", "not a value", "");
	note("io.bulkhead.boot.entry", "\"0:\"", "not a value", "");
	note("io.bulkhead.boot.drive", "\"256\"", "not a value", "0x80");
	note("io.bulkhead.exit-port", "\"0x10000\"", "not a value", "0xf4");
}

static void test_boot_notes(void **state)
{
	(void)state;
	assert_int_equal(parse("{" OCI "," KERNEL "}"), OK);
	assert_int_equal(out.boot, KERNEL_AUTO);
	assert_int_equal(out.platform, CONFIG_PLATFORM_MINIMAL);
	assert_int_equal(out.boot_address, 0x7c00);
	assert_int_equal(out.boot_entry, CONFIG_ENTRY_AT_ADDRESS);
	assert_int_equal(out.boot_drive, 0x80);
	assert_int_equal(out.exit_port, 0);
	assert_int_equal(parse("{" OCI "," KERNEL ",\"annotations\":{"
			       "\"io.bulkhead.boot\":\"flat\","
			       "\"io.bulkhead.boot.address\":\"0x10000\","
			       "\"io.bulkhead.boot.entry\":\"0x1000:0x20\","
			       "\"io.bulkhead.boot.drive\":\"0\","
			       "\"io.bulkhead.platform\":\"pc\","
			       "\"io.bulkhead.exit-port\":\"0xf4\"}}"),
			 OK);
	assert_int_equal(out.boot, KERNEL_FLAT);
	assert_int_equal(out.platform, CONFIG_PLATFORM_PC);
	assert_int_equal(out.boot_address, 0x10000);
	assert_int_equal(out.boot_entry, 0x10000020);
	assert_int_equal(out.boot_drive, 0);
	assert_int_equal(out.exit_port, 0xf4);
}

static void test_all_at_once(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"x\":1,\"vm\":{\"y\":1,\"kernel\":{}},"
			       "\"annotations\":{\"io.bulkhead.z\":\"\"}}"),
			 ERR_INVALID);
	assert_int_equal(report.total, 5);
	assert_int_equal(
		parse("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,"
		      "\"g\":1,\"h\":1,\"i\":1}"),
		ERR_INVALID);
	assert_int_equal(report.count, CONFIG_ERROR_MAX);
	assert_int_equal(report.total, 11);
}

static void test_name(void **state)
{
	(void)state;
	assert_int_equal(parse_as("web-1.json", "{" OCI "," KERNEL "}"), OK);
	assert_string_equal(out.name, "web-1");
	assert_int_equal(parse_as("p/Web.json", "{" OCI "," KERNEL "}"),
			 ERR_INVALID);
	assert_non_null(strstr(report.errors[0].text, "rename"));
	assert_int_equal(parse_as("p/.json", "{" OCI "," KERNEL "}"),
			 ERR_INVALID);
	assert_false(config_is_name("-a", 2));
	assert_false(config_is_name("a/b", 3));
	assert_true(config_is_name("a_b.c-9", 7));
}

static void test_untouched_on_error(void **state)
{
	(void)state;
	assert_int_equal(parse("{" OCI "," KERNEL "}"), OK);
	assert_int_equal(parse("{}"), ERR_INVALID);
	assert_string_equal(out.name, "hello");
}

static void test_too_long(void **state)
{
	static char text[CONFIG_TEXT_MAX + 64];

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "{" OCI "," KERNEL "}", strlen("{" OCI "," KERNEL "}"));
	one_mistake(text, "/", "longer than", "shorten");
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "start", "stop", "stats" };

	(void)state;
	assert_string_equal(nearest_word("strat", words, 3, sizeof(words[0])),
			    "start");
	assert_string_equal(nearest_word("stop", words, 3, sizeof(words[0])),
			    "stop");
	assert_string_equal(nearest_word("stat", words, 3, sizeof(words[0])),
			    "start");
	assert_null(nearest_word("frobnicate", words, 3, sizeof(words[0])));
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("abc", "abc"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_smallest),
		UNIT(test_full),
		UNIT(test_syntax),
		UNIT(test_members),
		UNIT(test_files),
		UNIT(test_cmdline_limit),
		UNIT(test_notes),
		UNIT(test_all_at_once),
		UNIT(test_cpus),
		UNIT(test_cpus_do_not_fit),
		UNIT(test_burst_is_bound_by_the_quota),
		UNIT(test_group_memory),
		UNIT(test_restart),
		UNIT(test_boot_notes),
		UNIT(test_name),
		UNIT(test_untouched_on_error),
		UNIT(test_too_long),
		UNIT(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
