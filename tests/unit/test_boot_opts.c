/* test_boot_opts.c - boot.cfg: values, comments, every kind of mistake. */
#include "boot_opts.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <string.h>

static struct boot_opts o;
static struct boot_opts_report report;

static enum status parse(const char *text)
{
	boot_opts_default(&o);
	return boot_opts_parse(&o, text, strlen(text), &report);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), OK);
	assert_true(o.vpid && o.apicv && o.ept_1g && o.shell && o.first_job);
	assert_false(o.selftest || o.console_echo || o.poweroff_at_end);
	assert_int_equal(o.populate, BOOT_POPULATE_EAGER);
	assert_int_equal(o.log, LOG_INFO);
}

static void test_values(void **state)
{
	(void)state;
	assert_int_equal(parse("# a comment\n\n vpid = off \r\n"
			       "preemption-timer=off # why\n"
			       "populate=lazy\nlog=debug\nselftest=on"),
			 OK);
	assert_false(o.vpid || o.preemption_timer);
	assert_true(o.selftest && o.apicv);
	assert_int_equal(o.populate, BOOT_POPULATE_LAZY);
	assert_int_equal(o.log, LOG_DEBUG);
}

static void test_panic(void **state)
{
	(void)state;
	assert_int_equal(parse("mitigations=full"), OK);
	assert_int_equal(o.mitigations, MITIGATIONS_FULL);
	assert_int_equal(parse(""), OK);
	assert_int_equal(o.mitigations, MITIGATIONS_AUTO);
	assert_int_equal(o.panic, BOOT_PANIC_STOP);
	assert_int_equal(parse("panic=reboot:12"), OK);
	assert_int_equal(o.panic, BOOT_PANIC_REBOOT);
	assert_int_equal(o.panic_seconds, 12);
	assert_int_equal(parse("panic=reboot:12\npanic=reboot"), OK);
	assert_int_equal(o.panic_seconds, 0);
	assert_int_equal(parse("panic=stop:1\npanic=reboot:\n"
			       "panic=reboot:x\npanic=reboot:3601\n"
			       "panic=:1\npanic=reboo:1\npanic=now\n"),
			 ERR_INVALID);
	assert_int_equal(report.total, 7);
	assert_int_equal(o.panic, BOOT_PANIC_STOP);
	assert_int_equal(o.panic_seconds, 0);
	assert_string_equal(report.errors[0].text,
			    "panic cannot be \"stop:1\"; write "
			    "panic=reboot:SECONDS, at most 3600");
	assert_string_equal(report.errors[6].text,
			    "panic cannot be \"now\"; write panic=stop or "
			    "reboot");
}

static void test_last_wins(void **state)
{
	(void)state;
	assert_int_equal(parse("vpid=off\nvpid=on\n"), OK);
	assert_true(o.vpid);
}

static void test_mistakes(void **state)
{
	char line[320];

	(void)state;
	assert_int_equal(parse("vpdi=off\n  ept-1g=maybe\nzzzzzzzz=1\n"
			       "shell\napicv=off\n=on\n"),
			 ERR_INVALID);
	assert_int_equal(report.total, 5);
	assert_int_equal(report.count, 5);
	assert_false(o.apicv);
	boot_opts_error_print(&report.errors[0], "boot.cfg", line,
			      sizeof(line));
	assert_string_equal(line, "boot.cfg:1:1: unknown option \"vpdi\"; did "
				  "you mean vpid?");
	boot_opts_error_print(&report.errors[1], "boot.cfg", line,
			      sizeof(line));
	assert_string_equal(line, "boot.cfg:2:10: ept-1g cannot be \"maybe\"; "
				  "write ept-1g=off or on");
	assert_non_null(strstr(report.errors[2].text, "docs/config.md"));
	assert_non_null(strstr(report.errors[3].text, "has no value"));
	assert_int_equal(report.errors[3].line, 4);
}

static void test_many_mistakes(void **state)
{
	(void)state;
	assert_int_equal(parse("a=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1\nh=1\ni=1\n"),
			 ERR_INVALID);
	assert_int_equal(report.count, BOOT_OPTS_ERROR_MAX);
	assert_int_equal(report.total, 9);
}

static void test_control_characters(void **state)
{
	(void)state;
	assert_int_equal(parse("vp\x1b[2J=on\n"), ERR_INVALID);
	assert_null(strchr(report.errors[0].text, 0x1b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_defaults),
		UNIT(test_values),
		UNIT(test_panic),
		UNIT(test_last_wins),
		UNIT(test_mistakes),
		UNIT(test_many_mistakes),
		UNIT(test_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
