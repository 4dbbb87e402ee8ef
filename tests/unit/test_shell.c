/* test_shell.c - the prompt: editing, every command, jobs and consoles. */
#include "tests/lib/unit.h"
/* keep the line above first: cmocka wants its headers in order */
#include "mgmt_fake.h"
#include "shell.h"

#define CTRL(c) ((c)&0x1f)

static struct fake f;
static struct rpc_server server;
static struct shell sh;
static char screen[65536];

static void on_write(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	strncat(screen, text, len);
}

static int setup(void **state)
{
	(void)state;
	fake_init(&f);
	f.server = &server;
	screen[0] = '\0';
	rpc_server_init(&server);
	assert_int_equal(shell_init(&sh, &server, on_write, NULL), OK);
	fake_connect(&f);
	shell_start(&sh);
	return 0;
}

static void type(const char *keys)
{
	shell_input(&sh, keys, strlen(keys));
}

/* The agent answers all that was asked, the shell sees it. */
static void settle(void)
{
	do {
		rpc_poll(&server);
		shell_poll(&sh);
	} while (fake_agent_step(&f));
	shell_poll(&sh);
}

static void command(const char *line)
{
	screen[0] = '\0';
	type(line);
	type("\r");
	settle();
}

static void expect(const char *part)
{
	if (strstr(screen, part) == NULL) {
		fail_msg("\nno: %s\nin: %s", part, screen);
	}
}

static void expect_prompt(void)
{
	size_t len = strlen(screen);

	assert_true(len >= 10);
	assert_string_equal(screen + len - 10, "bulkhead> ");
	assert_int_equal(sh.mode, SHELL_LINE);
}

static void test_editing(void **state)
{
	(void)state;
	command("mx\bem");
	expect("OWNER");
	command("nonsense words\x15mem");
	expect("OWNER");
	command("mem rubbish\x17");
	expect("OWNER");
	command("help\x03");
	expect("^C\r\n");
	expect_prompt();
	command("\x1b[A\x1b[A\x1b[B");
	expect("OWNER");
	command("");
	expect_prompt();
	type("\x1b[A\x1b[B\x1b[B\x1b[5~");
	assert_int_equal(sh.line_len, 0);
}

static void test_long_line(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		type("x");
	}
	assert_int_equal(sh.line_len, SHELL_LINE_MAX - 1);
	command("");
	expect("no such command");
	for (int i = 0; i < 200; i++) {
		type("x ");
	}
	command("");
	expect("more than 48 words");
	expect_prompt();
}

static void test_words(void **state)
{
	(void)state;
	command("strat web");
	expect("strat: no such command; did you mean start?");
	command("frobnicate");
	expect("type help");
	command("help \"ps");
	expect("is not closed");
	command("help 'p's");
	expect("usage: ps");
}

static void test_help(void **state)
{
	static const char *const names[] = {
		"help",  "ps",          "run",   "exec",     "console",
		"logs",  "stats",       "exits", "why",      "start",
		"stop",  "kill",        "reset", "mem",      "cpuid",
		"log",   "version",     "dmesg", "poweroff", "reboot",
		"fault", "mitigations",
	};
	char line[32];

	(void)state;
	command("help");
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		expect(names[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		snprintf(line, sizeof(line), "help %s", names[i]);
		command(line);
		expect("usage: ");
	}
	command("help nothing");
	expect("there is no command \"nothing\"");
}

static void test_ps(void **state)
{
	(void)state;
	command("ps");
	expect("PARTITION  STATE    REASON        VCPUS  MEMORY  AGENT  EXITS "
	       " UPTIME\r\n"
	       "web        running  none              1    256M  yes     1234 "
	       "  12.3s\r\n"
	       "batch      failed   triple-fault      2    256M  no      1234 "
	       "  12.3s\r\n");
	expect("in web\r\nCONTAINER  STATUS   PID  EXIT  ARGS\r\n"
	       "c1         running    7     -  /bin/sleep 9\r\n");
	expect_prompt();
	command("ps now");
	expect("usage: ps");
}

/* The agent of a paused partition is not asked: it could not answer. */
static void test_ps_paused(void **state)
{
	(void)state;
	command("pause web");
	command("ps");
	expect("web        paused  none              1    256M  yes");
	expect_prompt();
	assert_null(strstr(screen, "CONTAINER"));
	command("resume web");
	command("ps");
	expect("in web\r\nCONTAINER");
}

static void test_json_flag(void **state)
{
	(void)state;
	command("exits web --json");
	expect("\"result\":{\"reasons\":[{\"reason\":\"CPUID\"");
	assert_null(strstr(screen, "EXIT REASON"));
	command("why web --json");
	expect("\"error\":{\"code\":-32003,");
}

static void test_reports(void **state)
{
	(void)state;
	command("exits web");
	expect("EXIT REASON  COUNT  ROOT TSC\r\n"
	       "CPUID          500     60000\r\n");
	expect("534 exits");
	command("stats web");
	expect("cpu.stat usage_usec: 5000");
	expect("virtio-blk      7");
	command("stats web/c1");
	expect("memory.max: 67108864");
	command("cpuid web");
	expect("0x40000000");
	command("version");
	expect("features vpid: used");
	command("log");
	expect("first line\r\nsecond line");
	command("mitigations");
	expect("FLAW  STATE       WHAT IS DONE, OR WHY NOTHING\r\n"
	       "l1tf  on          a flush\r\n"
	       "mds   vulnerable  a flush\r\n");
	command("dmesg");
	expect("first line\r\nsecond line");
	command("dmesg --previous");
	expect("there is no log of the run before: the box was empty");
	f.has_before = true;
	command("dmesg --previous");
	expect("the run before\r\n");
	command("log --previous --json");
	expect("\"end\":\"panic\"");
	command("dmesg --later");
	expect("usage: dmesg [--previous]");
	command("fault bug");
	expect("fault-injection=on");
	command("fault");
	expect("usage: fault bug|");
	command("why batch");
	expect("partition batch: triple-fault");
	command("why web");
	expect("why: partition web has not ended");
	command("why");
	expect("usage: why PART");
	command("why nobody");
	expect("there are: web, batch");
}

static void test_orders(void **state)
{
	(void)state;
	command("start batch");
	expect("ok\r\n");
	command("start batch");
	expect("start: ");
	command("stop batch");
	expect("it had ended already\r\n");
	command("reset web");
	expect("ok\r\n");
	command("kill web/c1 TERM");
	expect("ok\r\n");
	command("kill web");
	expect("ok\r\n");
	command("poweroff");
	expect("powering off");
	assert_true(f.powered_off);
	assert_false(f.rebooted);
	command("reboot now");
	expect("takes nothing");
	assert_false(f.rebooted);
	command("reboot");
	expect("rebooting");
	assert_true(f.rebooted);
	command("version");
	expect("acpi hpet: 0xfed00000");
}

static void test_life(void **state)
{
	(void)state;
	command("create more partitions/more.json");
	expect("ok\r\n");
	command("create more partitions/more.json");
	expect("create: there is one; no\r\n");
	command("state more");
	expect("status: created");
	command("start more");
	command("pause more");
	expect("ok\r\n");
	command("ps");
	expect("more       paused");
	command("resume more");
	expect("ok\r\n");
	command("delete more");
	expect("delete: partition more is running");
	command("delete more --force");
	expect("ok\r\n");
	command("pause more");
	expect("no partition \"more\"");
}

static void test_stop_is_waited_for(void **state)
{
	(void)state;
	command("stop web 3");
	assert_int_equal(sh.mode, SHELL_WAIT);
	assert_int_equal(f.stop_times.agent_ms, 2000);
	assert_int_equal(f.stop_times.acpi_ms, 1000);
	fake_stop_end(&f, STOP_ACPI);
	settle();
	expect("ended by acpi after 1.5 s: none\r\n");
	expect_prompt();
	/* Ctrl-C: it goes on, and the late answer belongs to nobody */
	f.state[0] = PARTITION_RUNNING;
	command("stop web");
	type("\x03");
	expect_prompt();
	screen[0] = '\0';
	fake_stop_end(&f, STOP_KILL);
	settle();
	assert_string_equal(screen, "");
}

static void test_limits(void **state)
{
	(void)state;
	command("update web cpu.weight=200 \"cpu.max=25000 100000\"");
	expect("ok\r\n");
	assert_int_equal(f.limits[0].cpu_weight, 200);
	assert_int_equal(f.limits[0].cpu_quota_us, 25000);
	command("update web cpu.weight=0");
	expect("update: \"0\" is no cpu.weight; no");
	command("update web cpu.wight=1");
	expect("does not take \"cpu.wight\"");
	command("group");
	expect("GROUP  PARTITIONS  WEIGHT");
	command("group create t memory.max=512M");
	expect("ok\r\n");
	command("group");
	expect("t               1     100  max 100000  0-1         512M");
	command("group update t cpu.weight=7");
	expect("ok\r\n");
	assert_int_equal(f.group.limits.cpu_weight, 7);
	command("group delete u");
	expect("no group; no");
}

static void test_life_mistakes(void **state)
{
	static const char *const lines[] = {
		"create a",     "stop",         "stop web x",
		"stop web 601", "delete",       "delete web --forced",
		"update web",   "update web x", "update web =1",
		"group create", "group make t", "group create t x",
		"top 0",        "top 61",       "top x",
		"top 1 2",      "pause",        "state",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		command(lines[i]);
		expect("usage: ");
		expect_prompt();
	}
	assert_int_equal(f.partition_count, 2);
}

static void test_top(void **state)
{
	(void)state;
	command("top 2");
	assert_int_equal(sh.mode, SHELL_TOP);
	expect("\x1b[H\x1b[Jup 0.0 s, 1 CPU(s), 700M of 1024M free");
	screen[0] = '\0';
	f.now_us += 1999999;
	settle();
	assert_string_equal(screen, "");
	f.now_us += 1;
	f.usage_us += 500000;
	f.exits += 4000;
	type("x");
	settle();
	expect("the last 2.0 s; q leaves\r\n");
	expect("PARTITION  STATE    %CPU  %STEAL  %THROTTLED  MEMORY   MAX  "
	       "EXITS/S  MOST OF THEM\r\n");
	expect("web        running  25.0     0.0         0.0     64M  256M     "
	       "2000  CPUID 2000\r\n");
	type("q");
	expect_prompt();
	command("top --json");
	expect("\"result\":{\"uptime_us\":");
	expect_prompt();
	command("top");
	type("\x03");
	expect_prompt();
}

static void notify(const char *line)
{
	fake_say(&f, line);
	settle();
}

static void test_run(void **state)
{
	(void)state;
	command("run web --memory 64M --cpus 0.5 --pids 20 --hostname h -- "
		"/bin/sh -c 'echo hi'");
	assert_int_equal(sh.mode, SHELL_JOB);
	expect("early\r\n");
	notify("{\"method\":\"container.output\",\"params\":{\"id\":\"c2\","
	       "\"data\":\"hi\\n\\u001b\"}}");
	notify("{\"method\":\"container.output\",\"params\":{\"id\":\"c3\","
	       "\"data\":\"other\"}}");
	notify("{\"method\":\"container.event\",\"params\":{\"id\":\"c2\","
	       "\"event\":\"exited\",\"exitCode\":5}}");
	expect("hi\r\n?");
	expect("c2 exited with code 5\r\n");
	assert_null(strstr(screen, "other"));
	expect_prompt();
}

static void test_run_request(void **state)
{
	(void)state;
	type("run web --id x --memory 64M --cpus 1.25 --pids 20 -- a 'b c'\r");
	assert_non_null(strstr(f.to_agent,
			       "\"method\":\"container.run\",\"params\":{"
			       "\"args\":[\"a\",\"b c\"],\"id\":\"x\","
			       "\"memory.max\":\"64M\",\"cpu.max\":\"125000 "
			       "100000\",\"pids.max\":20}}"));
}

static void test_run_mistakes(void **state)
{
	static const char *const lines[] = {
		"run",
		"run web",
		"run web --",
		"run -- a",
		"run web --memory lots -- a",
		"run web --cpus 0 -- a",
		"run web --cpus 1x -- a",
		"run web --pids 0 -- a",
		"run web --frob 1 -- a",
		"run web --memory -- a",
		"exec c1 ls",
		"exec -- ls",
		"logs",
		"console",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		command(lines[i]);
		expect("usage: ");
		expect_prompt();
		assert_int_equal(f.to_agent_len, 0);
	}
	command("run nobody -- a");
	expect("no partition \"nobody\"");
	expect_prompt();
}

/* The container ends before it is attached: nothing is lost or shown twice. */
static void test_run_short_lived(void **state)
{
	(void)state;
	screen[0] = '\0';
	type("run web -- a\r");
	shell_poll(&sh);
	assert_true(fake_agent_step(&f)); /* run */
	fake_say(&f, "{\"method\":\"container.output\",\"params\":{\"id\":"
		     "\"c2\",\"data\":\"early\\n\"}}");
	fake_say(&f, "{\"method\":\"container.event\",\"params\":{\"id\":"
		     "\"c2\",\"event\":\"exited\",\"exitCode\":0}}");
	settle();
	expect("\nearly\r\nc2 exited with code 0\r\n");
	assert_null(strstr(strstr(screen, "early") + 1, "early"));
	expect_prompt();
}

static void test_run_killed(void **state)
{
	(void)state;
	command("run web -- a");
	type("\x03");
	settle();
	notify("{\"method\":\"container.event\",\"params\":{\"id\":\"c2\","
	       "\"event\":\"exited\",\"exitCode\":137}}");
	expect("c2 exited with code 137");
	expect_prompt();
}

static void test_run_input(void **state)
{
	char *line;

	(void)state;
	command("run web -- cat");
	type("hx\bi\r");
	line = fake_agent_line(&f);
	assert_non_null(line);
	assert_non_null(strstr(line, "\"method\":\"container.stdin\","
				     "\"params\":{\"data\":\"hi\\n\",\"id\":"
				     "\"c2\"}}"));
}

static void test_run_lost(void **state)
{
	(void)state;
	type("run web -- a\r");
	agent_link_lost(&f.link, "the partition was killed");
	shell_poll(&sh);
	expect("the partition was killed");
	expect_prompt();
}

/* The partition ends while the container runs: nobody waits for ever. */
static void test_run_gone(void **state)
{
	const char *other = "{\"why\":\"not mine\"}";

	(void)state;
	command("exec web/c1 -- ls /");
	assert_int_equal(sh.mode, SHELL_JOB);
	rpc_notify(f.server, "batch", "agent.gone", other, strlen(other));
	settle();
	assert_int_equal(sh.mode, SHELL_JOB);
	agent_link_lost(&f.link, "the partition ended");
	shell_poll(&sh);
	expect("c1: no longer there: the partition ended\r\n");
	assert_null(strstr(screen, "not mine"));
	expect_prompt();
}

static void test_exec(void **state)
{
	(void)state;
	command("exec web/c1 -- ls /");
	assert_int_equal(sh.mode, SHELL_JOB);
	notify("{\"method\":\"container.output\",\"params\":{\"id\":\"c1\","
	       "\"data\":\"not mine\"}}");
	notify("{\"method\":\"container.output\",\"params\":{\"id\":\"c1\","
	       "\"exec\":\"e1\",\"data\":\"bin\\n\"}}");
	notify("{\"method\":\"container.event\",\"params\":{\"id\":\"c1\","
	       "\"exec\":\"e1\",\"event\":\"exec-exited\",\"exitCode\":1}}");
	expect("bin\r\n");
	expect("c1 e1 exited with code 1");
	assert_null(strstr(screen, "not mine"));
	expect_prompt();
}

static void test_logs(void **state)
{
	(void)state;
	command("logs web/c1");
	expect("early\r\n");
	expect_prompt();
	command("logs nowhere/c1");
	expect("no partition \"nowhere\"");
}

static void test_console(void **state)
{
	(void)state;
	command("console web");
	assert_int_equal(sh.mode, SHELL_RAW);
	expect("Ctrl-] leaves\r\nlogin: ");
	screen[0] = '\0';
	ring_write(&f.console, "root\r\n\x1b[1m", 10);
	shell_poll(&sh);
	assert_string_equal(screen, "root\r\n\x1b[1m");
	type("ls\r\x03");
	assert_memory_equal(f.typed, "ls\r\x03", 4);
	type("\x1d");
	expect_prompt();
	command("console nobody");
	expect("no partition");
	expect_prompt();
}

static void test_wait_is_given_up(void **state)
{
	(void)state;
	type("logs web/c1\r");
	assert_int_equal(sh.mode, SHELL_WAIT);
	type("ignored\x03");
	expect("no longer waiting");
	expect_prompt();
	/* the late answer belongs to nobody */
	settle();
	assert_null(strstr(screen, "early"));
}

static void test_async_text(void **state)
{
	(void)state;
	type("hel");
	screen[0] = '\0';
	shell_print_async(&sh, "[web] ready\n", 12);
	expect("\r[web] ready\r\nbulkhead> hel");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(test_editing),
		T(test_long_line),
		T(test_words),
		T(test_help),
		T(test_ps),
		T(test_ps_paused),
		T(test_json_flag),
		T(test_reports),
		T(test_orders),
		T(test_life),
		T(test_stop_is_waited_for),
		T(test_limits),
		T(test_life_mistakes),
		T(test_top),
		T(test_run),
		T(test_run_request),
		T(test_run_mistakes),
		T(test_run_short_lived),
		T(test_run_killed),
		T(test_run_input),
		T(test_run_lost),
		T(test_run_gone),
		T(test_exec),
		T(test_logs),
		T(test_console),
		T(test_wait_is_given_up),
		T(test_async_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
