/* test_rpc.c - the JSON-RPC server over a machine of fakes. */
#include "tests/lib/unit.h"
/* keep the line above first: cmocka wants its headers in order */
#include "mgmt_fake.h"

static struct fake f;
static struct rpc_server server;
static struct rpc_session com2, other;
static char sent[65536], sent_other[65536];
static size_t sent_len;
static bool no_room;

static bool on_send(void *ctx, const char *text, size_t len)
{
	char *to = ctx;

	if (no_room) {
		return false;
	}
	assert_true(text[len - 1] == '\n');
	assert_true(len <= RPC_LINE_MAX);
	memcpy(to, text, len);
	to[len] = '\0';
	sent_len = len;
	return true;
}

static const struct rpc_session_ops ops = { .send = on_send };

static int setup(void **state)
{
	(void)state;
	fake_init(&f);
	f.server = &server;
	no_room = false;
	sent[0] = '\0';
	sent_other[0] = '\0';
	rpc_server_init(&server);
	assert_int_equal(rpc_session_open(&com2, &server, &ops, sent), OK);
	assert_int_equal(rpc_session_open(&other, &server, &ops, sent_other),
			 OK);
	fake_connect(&f);
	return 0;
}

static void say(const char *line)
{
	sent[0] = '\0';
	rpc_session_input(&com2, line, strlen(line));
	rpc_session_input(&com2, "\n", 1);
}

static void request(const char *method, const char *params)
{
	char line[1024];

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"%s\","
		 "\"params\":%s}",
		 method, params);
	say(line);
}

static void expect(const char *part)
{
	if (strstr(sent, part) == NULL) {
		fail_msg("\nno: %s\nin: %s", part, sent);
	}
}

/* An error of this code. */
static void expect_error(int code)
{
	char part[48];

	snprintf(part, sizeof(part), "\"error\":{\"code\":%d,", code);
	expect(part);
}

static void test_machine(void **state)
{
	(void)state;
	request("machine.info", "{}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"version\":"
	       "\"0.1-test\",\"protocol\":1,");
	expect("\"features\":{\"vpid\":\"used\",\"pml\":\"absent\"},");
	expect("\"acpi\":{\"hpet\":\"0xfed00000\",\"ecam\":\"none\"}}}\n");
	request("machine.mem", "{}");
	expect("\"free\":734003200,\"owners\":[{\"name\":\"vmm\"");
	request("machine.poweroff", "{}");
	expect("\"result\":{}");
	assert_true(f.powered_off);
	assert_false(f.rebooted);
	request("machine.reboot", "{}");
	expect("\"result\":{}");
	assert_true(f.rebooted);
}

static void test_mitigations(void **state)
{
	(void)state;
	request("machine.mitigations", "{}");
	expect("\"result\":{\"mode\":\"auto\",\"flaws\":[{\"name\":\"l1tf\","
	       "\"what\":\"data\",\"state\":\"on\",\"how\":\"a flush\","
	       "\"cost\":\"much\"},{\"name\":\"mds\",");
	request("machine.mitigations", "{\"name\":\"x\"}");
	expect_error(RPC_ERR_PARAMS);
}

static void test_log_before(void **state)
{
	(void)state;
	request("machine.log", "{\"previous\":true}");
	expect_error(RPC_ERR_NOENT);
	expect("there is no log of the run before: the box was empty");
	f.has_before = true;
	request("machine.log", "{\"previous\":true,\"offset\":0}");
	expect("{\"data\":\"the run before\\n\",\"offset\":0,\"next\":15,"
	       "\"lost\":0,\"run\":7,\"end\":\"panic\",\"text\":\"a "
	       "\\\"bug\\\"\"}");
	request("machine.log", "{\"previous\":false,\"offset\":0}");
	expect("first line");
	assert_null(strstr(sent, "\"run\""));
	request("machine.log", "{\"previous\":1}");
	expect_error(RPC_ERR_PARAMS);
	expect("params.previous is not true or false");
}

static void test_fault(void **state)
{
	(void)state;
	request("machine.fault", "{\"how\":\"bug\"}");
	expect_error(RPC_ERR_STATE);
	expect("fault-injection=on");
	f.can_fail = true;
	f.faults = 0;
	request("machine.fault", "{\"how\":\"silent\"}");
	expect("\"result\":{}");
	assert_int_equal(f.faults, 1u << MACHINE_FAULT_SILENT);
	request("machine.fault", "{\"how\":\"sideways\"}");
	expect_error(RPC_ERR_PARAMS);
	request("machine.fault", "{}");
	expect_error(RPC_ERR_PARAMS);
	assert_int_equal(f.faults, 1u << MACHINE_FAULT_SILENT);
}

static void test_log_pieces(void **state)
{
	(void)state;
	request("machine.log", "{\"offset\":0}");
	expect("{\"data\":\"first line\\nsecond line\\n");
	request("machine.log", "{\"offset\":999999999}");
	expect("\"data\":\"\",\"offset\":23,\"next\":23,\"lost\":0");
	request("machine.log", "{\"offset\":-1}");
	expect_error(RPC_ERR_PARAMS);
	for (int i = 0; i < 3000; i++) {
		ring_write(&f.log, "0123456789", 10);
	}
	request("machine.log", "{\"offset\":0}");
	expect("\"offset\":13639,\"next\":17735,\"lost\":13639");
	request("machine.log", "{}");
	expect("\"next\":30023,\"lost\":0");
}

static void test_log_does_not_tear(void **state)
{
	uint64_t start = f.log.head;

	(void)state;
	for (int i = 0; i < RPC_CHUNK_MAX - 1; i++) {
		ring_write(&f.log, "x", 1);
	}
	ring_write(&f.log, "\xc3\xa4y", 3);
	assert_int_equal(start, 23);
	request("machine.log", "{\"offset\":23}");
	expect("\"offset\":23,\"next\":4118,");
	request("machine.log", "{\"offset\":4118}");
	expect("\"data\":\"\xc3\xa4y\"");
}

static void test_list(void **state)
{
	(void)state;
	request("partition.list", "{}");
	expect("{\"name\":\"web\",\"id\":0,\"state\":\"running\",\"reason\":"
	       "\"none\",\"group\":\"\",\"vcpus\":1,\"memory\":268435456,"
	       "\"agent\":true,\"exits\":1234,\"uptime_us\":12345678,"
	       "\"restarts\":0}");
	expect("\"state\":\"failed\",\"reason\":\"triple-fault\"");
}

/* An error with this data.kind. */
static void expect_kind(int code, const char *kind)
{
	char part[64];

	expect_error(code);
	snprintf(part, sizeof(part), "\"data\":{\"kind\":\"%s\"", kind);
	expect(part);
}

static void test_orders(void **state)
{
	(void)state;
	request("partition.start", "{\"name\":\"web\"}");
	expect_kind(RPC_ERR_STATE, "state");
	expect("\"state\":\"running\"");
	request("partition.start", "{\"name\":\"batch\"}");
	expect("\"result\":{}");
	request("partition.stop", "{\"name\":\"web\",\"timeout_ms\":9e9}");
	expect_kind(RPC_ERR_PARAMS, "params");
	request("partition.stop", "{\"name\":\"web\",\"timeout_ms\":600001}");
	expect_error(RPC_ERR_PARAMS);
	request("partition.kill", "{\"name\":\"batch\"}");
	expect("\"result\":{}");
	request("partition.kill", "{\"name\":\"batch\"}");
	expect_kind(RPC_ERR_STATE, "state");
	request("partition.reset", "{\"name\":\"batch\"}");
	expect("\"result\":{}");
	request("partition.kill", "{\"name\":\"nobody\"}");
	expect_kind(RPC_ERR_NOENT, "not-found");
	expect("there are: web, batch");
	request("partition.kill", "{}");
	expect_error(RPC_ERR_PARAMS);
	request("partition.kill", "{\"name\":\"web\",\"now\":true}");
	expect_error(RPC_ERR_PARAMS);
	expect("does not take \\\"now\\\"; it takes: name");
	request("partition.list", "[]");
	expect_error(RPC_ERR_PARAMS);
}

static void test_pause(void **state)
{
	(void)state;
	request("partition.pause", "{\"name\":\"web\"}");
	expect("\"result\":{}");
	request("partition.state", "{\"name\":\"web\"}");
	expect("\"id\":\"web\",\"status\":\"paused\"");
	request("partition.pause", "{\"name\":\"web\"}");
	expect("\"result\":{}");
	request("partition.start", "{\"name\":\"web\"}");
	expect("\"state\":\"paused\"");
	request("partition.resume", "{\"name\":\"web\"}");
	expect("\"result\":{}");
	request("partition.pause", "{\"name\":\"batch\"}");
	expect_kind(RPC_ERR_STATE, "state");
	request("partition.resume", "{\"name\":\"batch\"}");
	expect_kind(RPC_ERR_STATE, "state");
	/* failed is no word of OCI's */
	request("partition.state", "{\"name\":\"batch\"}");
	expect("\"status\":\"stopped\"");
	expect("\"io.bulkhead.state\":\"failed\",\"io.bulkhead.reason\":"
	       "\"triple-fault\"");
}

static void test_stop(void **state)
{
	(void)state;
	request("partition.stop", "{\"name\":\"web\",\"timeout_ms\":300}");
	expect("\"result\":{\"stage\":\"agent\"}");
	assert_int_equal(f.stop_times.agent_ms, 200);
	assert_int_equal(f.stop_times.acpi_ms, 100);
	request("partition.list", "{}");
	expect("\"stopping\":\"agent\"");
	request("partition.stop",
		"{\"name\":\"web\",\"agent_ms\":0,\"acpi_ms\":7}");
	assert_int_equal(f.stop_times.agent_ms, 0);
	assert_int_equal(f.stop_times.acpi_ms, 7);
	request("partition.stop", "{\"name\":\"web\",\"wait\":1}");
	expect_error(RPC_ERR_PARAMS);
	request("partition.stop", "{\"name\":\"web\",\"acpi_ms\":600001}");
	expect_error(RPC_ERR_PARAMS);
	/* one that has ended is stopped already */
	request("partition.stop", "{\"name\":\"batch\",\"wait\":true}");
	expect("\"state\":\"failed\",\"reason\":\"triple-fault\",\"by\":"
	       "\"none\"");
}

static void test_stop_is_waited_for(void **state)
{
	(void)state;
	request("partition.stop", "{\"name\":\"web\",\"wait\":true}");
	assert_string_equal(sent, "");
	rpc_poll(&server);
	assert_string_equal(sent, "");
	fake_stop_end(&f, STOP_ACPI);
	rpc_poll(&server);
	expect("\"id\":5,\"result\":{\"state\":\"stopped\",\"reason\":"
	       "\"none\",\"by\":\"acpi\",\"stop_us\":1500000}");
	sent[0] = '\0';
	rpc_poll(&server);
	assert_string_equal(sent, "");
}

static void test_stop_of_one_that_goes(void **state)
{
	struct refusal why;

	(void)state;
	request("partition.stop", "{\"name\":\"web\",\"wait\":true}");
	assert_int_equal(ops_delete(0, true, &why), OK);
	/* "batch" has its index now, not its id */
	rpc_poll(&server);
	expect_kind(RPC_ERR_GONE, "gone");
}

static void test_create(void **state)
{
	static const char good[] =
		"{\"ociVersion\":\"1.0.2\", \"vm\":{\"kernel\":{\"path\":"
		"\"k\"}}}";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "{\"name\":\"new\",\"config\":%s}", good);
	request("partition.create", text);
	expect("\"result\":{}");
	assert_string_equal(f.created_text, good);
	request("partition.create", text);
	expect_kind(RPC_ERR_EXIST, "exists");
	request("partition.create", "{\"file\":\"partitions/more.json\"}");
	expect("\"result\":{}");
	assert_non_null(strstr(f.created_text, "esp"));
	assert_string_equal(f.name[3], "more");
	request("partition.create",
		"{\"name\":\"five\",\"file\":\"partitions/more.json\"}");
	expect_kind(RPC_ERR_LIMIT, "limit");
	request("partition.delete", "{\"name\":\"new\"}");
	expect("\"result\":{}");
	request("partition.delete", "{\"name\":\"new\"}");
	expect_kind(RPC_ERR_NOENT, "not-found");
	request("partition.delete", "{\"name\":\"web\"}");
	expect_kind(RPC_ERR_STATE, "state");
	request("partition.delete", "{\"name\":\"web\",\"force\":\"y\"}");
	expect_kind(RPC_ERR_PARAMS, "params");
	request("partition.delete", "{\"name\":\"web\",\"force\":true}");
	expect("\"result\":{}");
	request("partition.list", "{}");
	assert_null(strstr(sent, "\"web\""));
}

static void test_create_mistakes(void **state)
{
	(void)state;
	request("partition.create", "{}");
	expect_error(RPC_ERR_PARAMS);
	request("partition.create", "{\"name\":\"Web\",\"config\":{}}");
	expect_error(RPC_ERR_PARAMS);
	request("partition.create", "{\"name\":\"a\"}");
	expect("either params.config");
	request("partition.create", "{\"name\":\"a\",\"config\":7}");
	expect("either params.config");
	request("partition.create",
		"{\"name\":\"a\",\"config\":{},\"file\":\"x\"}");
	expect("either params.config");
	request("partition.create", "{\"file\":\"partitions/no.json\"}");
	expect_kind(RPC_ERR_NOENT, "not-found");
	request("partition.create", "{\"file\":7,\"name\":\"a\"}");
	expect_kind(RPC_ERR_NOENT, "not-found");
	request("partition.create", "{\"name\":\"a\",\"config\":{\"vm\":{}}}");
	expect_kind(RPC_ERR_PARAMS, "config");
	expect("\"errno\":\"EINVAL\",\"total\":2,\"errors\":[{\"path\":");
	expect("\"path\":\"/vm\",\"line\":1,\"column\":");
	assert_int_equal(f.partition_count, 2);
}

static void test_update(void **state)
{
	(void)state;
	request("partition.update",
		"{\"name\":\"web\",\"cpu.weight\":250,\"cpu.max\":"
		"\"25000 100000\",\"cpuset.cpus\":\"0-1\"}");
	expect("\"result\":{}");
	assert_int_equal(f.limits[0].cpu_weight, 250);
	assert_int_equal(f.limits[0].cpu_quota_us, 25000);
	assert_int_equal(f.limits[0].cpus, 3);
	request("partition.update", "{\"name\":\"web\",\"cpu.weight\":0}");
	expect_kind(RPC_ERR_PARAMS, "range");
	expect("\"errno\":\"ERANGE\",\"state\":\"running\",\"key\":"
	       "\"cpu.weight\"");
	request("partition.update", "{\"name\":\"web\",\"cpu.max\":\"0\"}");
	expect_kind(RPC_ERR_PARAMS, "invalid");
	expect("\"errno\":\"EINVAL\"");
	request("partition.update", "{\"name\":\"web\",\"memory.max\":\"1G\"}");
	expect_kind(RPC_ERR_LIMIT, "memory");
	expect("\"key\":\"memory.max\",\"need\":314572800,\"free\":"
	       "209715200");
	request("partition.update", "{\"name\":\"web\"}");
	expect("no limit is given");
	request("partition.update", "{\"name\":\"web\",\"cpu.max\":[]}");
	expect_kind(RPC_ERR_PARAMS, "params");
	request("partition.update", "{\"name\":\"web\",\"cpu.mx\":\"1\"}");
	expect("does not take \\\"cpu.mx\\\"; it takes: name cpu.weight");
}

static void test_groups(void **state)
{
	(void)state;
	request("group.list", "{}");
	expect("\"result\":{\"groups\":[]}");
	request("group.create", "{\"group\":\"t\",\"memory.max\":\"1G\"}");
	expect("\"result\":{}");
	request("group.create", "{\"group\":\"t\"}");
	expect_kind(RPC_ERR_EXIST, "exists");
	request("group.update", "{\"group\":\"t\",\"cpu.max\":\"5000 10000\"}");
	expect("\"result\":{}");
	request("group.list", "{}");
	expect("{\"group\":\"t\",\"partitions\":1,\"cpu.weight\":100,"
	       "\"cpu.max\":\"5000 10000\",\"cpu.max.burst\":0,"
	       "\"cpuset.cpus\":\"\",\"cpuset.cpus.effective\":\"0-1\","
	       "\"memory.max\":1073741824,\"memory.promised\":0,"
	       "\"memory.current\":67108864,\"cpu.stat\":{");
	request("group.update", "{\"group\":\"t\"}");
	expect("no limit is given");
	request("group.update", "{\"group\":\"u\",\"cpu.weight\":1}");
	expect_kind(RPC_ERR_NOENT, "not-found");
	request("group.delete", "{\"group\":\"t\"}");
	expect_kind(RPC_ERR_BUSY, "busy");
	request("group.delete", "{\"group\":7}");
	expect_error(RPC_ERR_PARAMS);
	request("group.delete", "{}");
	expect_error(RPC_ERR_PARAMS);
	f.group.partition_count = 0;
	request("group.delete", "{\"group\":\"t\"}");
	expect("\"result\":{}");
}

static void test_top(void **state)
{
	(void)state;
	request("machine.top", "{}");
	expect("\"interval_us\":10000000,\"cpus\":1,");
	f.now_us += 1000000;
	f.usage_us += 123456;
	f.exits += 5000;
	request("machine.top", "{}");
	expect("\"interval_us\":1000000,");
	expect("{\"name\":\"web\",\"state\":\"running\",\"group\":\"\","
	       "\"vcpus\":1,\"cpu\":12.3,\"steal\":0.0,\"throttled\":0.0,"
	       "\"memory.current\":67108864,\"memory.max\":268435456,"
	       "\"exits\":5000,\"reasons\":{\"CPUID\":5000}}");
	expect("\"exits\":0,\"reasons\":{}}");
}

static void test_figures(void **state)
{
	(void)state;
	request("partition.stats", "{\"name\":\"web\"}");
	expect("\"cpu.stat\":{\"usage_usec\":5000,\"user_usec\":4900,"
	       "\"system_usec\":100,\"nr_periods\":40,\"nr_throttled\":10,"
	       "\"throttled_usec\":70000,\"nr_bursts\":0,"
	       "\"burst_usec\":0},\"cpu.pressure\":{\"some\":"
	       "\"avg10=12.34 avg60=0.05 avg300=0.00 total=999\",\"full\":"
	       "\"avg10=0.00 avg60=0.00 avg300=0.00 total=0\"},"
	       "\"cpu.weight\":100,\"cpu.max\":\"max 100000\","
	       "\"cpu.max.burst\":0,\"cpuset.cpus\":\"\","
	       "\"cpuset.cpus.effective\":\"0-3\","
	       "\"memory.max\":268435456,\"memory.current\":67108864,"
	       "\"memory.stat\":{\"anon\":67108864,\"kernel\":102400,"
	       "\"sec_pagetables\":40960,\"vcpu\":20480,"
	       "\"devices\":40960},\"memory.overhead\":102400,"
	       "\"cgroup.freeze\":0,");
	expect("\"devices\":[{\"name\":\"virtio-blk\",\"kicks\":7,");
	f.has_root_us = false; /* the boot option exit-times is off */
	request("partition.stats", "{\"name\":\"web\"}");
	expect("{\"usage_usec\":5000,\"user_usec\":null,\"system_usec\":null,");
	request("partition.exits", "{\"name\":\"web\"}");
	expect("{\"reason\":\"CPUID\",\"count\":500,\"root_tsc\":60000}");
	expect("{\"reason\":\"HLT\",\"count\":34,\"root_tsc\":null}");
	expect("\"total\":534");
	request("partition.cpuid", "{\"name\":\"web\"}");
	expect("{\"leaf\":\"0x40000000\",\"subleaf\":\"0x0\",\"eax\":\"0x16\"");
	request("partition.why", "{\"name\":\"web\"}");
	expect_error(RPC_ERR_STATE);
	request("partition.why", "{\"name\":\"batch\"}");
	expect("\"reason\":\"triple-fault\",\"failure\":true");
}

static void test_console(void **state)
{
	(void)state;
	request("partition.console", "{\"name\":\"web\"}");
	expect("{\"data\":\"login: \",\"offset\":0,\"next\":7,\"lost\":0}");
	request("partition.console.write",
		"{\"name\":\"web\",\"data\":\"ls\\r\\u0003\"}");
	expect("\"result\":{}");
	assert_memory_equal(f.typed, "ls\r\x03", 4);
	f.typed_room = 5;
	request("partition.console.write",
		"{\"name\":\"web\",\"data\":\"more\"}");
	expect_error(RPC_ERR_BUSY);
	request("partition.console.write", "{\"name\":\"web\"}");
	expect_error(RPC_ERR_PARAMS);
}

static void test_envelope(void **state)
{
	(void)state;
	say("junk");
	expect("\"id\":null,\"error\":{\"code\":-32700,");
	say("[]");
	expect_error(RPC_ERR_REQUEST);
	say("{\"jsonrpc\":\"2.0\",\"id\":1}");
	expect_error(RPC_ERR_REQUEST);
	say("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"machine.info\"}");
	expect_error(RPC_ERR_REQUEST);
	say("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"machine.info\"}");
	expect_error(RPC_ERR_REQUEST);
	say("{\"jsonrpc\":\"2.0\",\"id\":"
	    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"method\":\"machine.info\"}");
	expect_error(RPC_ERR_REQUEST);
	say("{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":"
	    "\"machine.inof\"}");
	expect("\"id\":\"a\\\"b\",\"error\":{\"code\":-32601,");
	expect("did you mean machine.info");
	say("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"machine.mem\"}\r");
	expect("\"id\":2,\"result\"");
}

static void test_silence(void **state)
{
	(void)state;
	say("");
	say(" \r");
	/* an echoed reply must not start a quarrel */
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	say("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}");
	say("{\"jsonrpc\":\"2.0\",\"method\":\"machine.info\"}");
	assert_string_equal(sent, "");
}

static void test_long_line(void **state)
{
	static char big[RPC_LINE_MAX + 100];

	(void)state;
	memset(big, 'x', sizeof(big));
	rpc_session_input(&com2, big, sizeof(big));
	assert_string_equal(sent, "");
	rpc_session_input(&com2, "\n", 1);
	expect_error(RPC_ERR_PARSE);
	request("machine.mem", "{}");
	expect("\"result\"");
}

static void test_forward(void **state)
{
	char *line;

	(void)state;
	request("container.list", "{\"partition\":\"web\",\"x\":[1, 2],"
				  "\"part\\u0069tion\":\"z\"}");
	assert_string_equal(sent, "");
	line = strdup(f.to_agent);
	assert_non_null(strstr(line, "\"method\":\"container.list\","
				     "\"params\":{\"x\":[1, 2]}}"));
	free(line);
	fake_agent_step(&f);
	expect("\"id\":5,\"result\":{\"containers\":[{\"id\":\"c1\"");
	/* "batch" does not run: "web" is meant */
	request("container.state", "{\"id\":\"q\"}");
	fake_agent_step(&f);
	expect("\"id\":5,\"error\":{\"code\":-32001,\"message\":\"no such "
	       "thing\"}}");
}

static void test_forward_refused(void **state)
{
	(void)state;
	request("container.list", "{\"partition\":\"batch\"}");
	expect_error(RPC_ERR_STATE);
	request("container.list", "{\"partition\":\"nobody\"}");
	expect_error(RPC_ERR_NOENT);
	request("container.list", "{\"partition\":7}");
	expect_error(RPC_ERR_PARAMS);
	request("container.frob", "{}");
	expect_error(RPC_ERR_METHOD);
	f.state[1] = PARTITION_RUNNING;
	request("container.list", "{}");
	expect_error(RPC_ERR_PARAMS);
	agent_link_lost(&f.link, "gone");
	request("container.list", "{\"partition\":\"web\"}");
	expect_error(RPC_ERR_STATE);
}

static void test_forward_lost(void **state)
{
	(void)state;
	request("container.list", "{}");
	agent_link_lost(&f.link, "the partition ended");
	expect_error(RPC_ERR_GONE);
	expect("\"id\":5,");
}

static void test_calls_are_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < RPC_CALLS_MAX; i++) {
		request("container.list", "{}");
		assert_string_equal(sent, "");
	}
	request("machine.info", "{}");
	expect_error(RPC_ERR_LIMIT);
	fake_agent_step(&f);
	request("machine.info", "{}");
	expect("\"result\"");
}

static void test_subscribe(void **state)
{
	(void)state;
	fake_say(&f, "{\"method\":\"container.output\",\"params\":{}}");
	assert_string_equal(sent, "");
	request("subscribe", "{\"partition\":\"nobody\"}");
	expect_error(RPC_ERR_NOENT);
	request("subscribe", "{\"partition\":7}");
	expect_error(RPC_ERR_PARAMS);
	request("subscribe", "{\"partition\":\"web\"}");
	expect("\"result\":{}");
	fake_say(&f, "{\"method\":\"container.output\",\"params\":{\"id\":"
		     "\"c\",\"partition\":\"batch\",\"data\":\"x\"}}");
	assert_string_equal(sent, "{\"jsonrpc\":\"2.0\",\"method\":"
				  "\"container.output\",\"params\":{"
				  "\"partition\":\"web\",\"id\":\"c\","
				  "\"data\":\"x\"}}\n");
	assert_string_equal(sent_other, "");
	request("subscribe", "{\"partition\":\"batch\"}");
	sent[0] = '\0';
	fake_say(&f, "{\"method\":\"container.output\",\"params\":{}}");
	assert_string_equal(sent, "");
	request("subscribe", "{}");
	fake_say(&f, "{\"method\":\"container.output\",\"params\":{}}");
	expect("\"partition\":\"web\"");
	no_room = true;
	fake_say(&f, "{\"method\":\"container.output\",\"params\":{}}");
	assert_int_equal(com2.dropped_count, 1);
}

static void test_sessions_are_bounded(void **state)
{
	static struct rpc_session more[3];

	(void)state;
	assert_int_equal(rpc_session_open(&more[0], &server, &ops, sent), OK);
	assert_int_equal(rpc_session_open(&more[1], &server, &ops, sent), OK);
	assert_int_equal(rpc_session_open(&more[2], &server, &ops, sent),
			 ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_machine, setup),
		cmocka_unit_test_setup(test_log_before, setup),
		cmocka_unit_test_setup(test_mitigations, setup),
		cmocka_unit_test_setup(test_fault, setup),
		cmocka_unit_test_setup(test_log_pieces, setup),
		cmocka_unit_test_setup(test_log_does_not_tear, setup),
		cmocka_unit_test_setup(test_list, setup),
		cmocka_unit_test_setup(test_orders, setup),
		cmocka_unit_test_setup(test_pause, setup),
		cmocka_unit_test_setup(test_stop, setup),
		cmocka_unit_test_setup(test_stop_is_waited_for, setup),
		cmocka_unit_test_setup(test_stop_of_one_that_goes, setup),
		cmocka_unit_test_setup(test_create, setup),
		cmocka_unit_test_setup(test_create_mistakes, setup),
		cmocka_unit_test_setup(test_update, setup),
		cmocka_unit_test_setup(test_groups, setup),
		cmocka_unit_test_setup(test_top, setup),
		cmocka_unit_test_setup(test_figures, setup),
		cmocka_unit_test_setup(test_console, setup),
		cmocka_unit_test_setup(test_envelope, setup),
		cmocka_unit_test_setup(test_silence, setup),
		cmocka_unit_test_setup(test_long_line, setup),
		cmocka_unit_test_setup(test_forward, setup),
		cmocka_unit_test_setup(test_forward_refused, setup),
		cmocka_unit_test_setup(test_forward_lost, setup),
		cmocka_unit_test_setup(test_calls_are_bounded, setup),
		cmocka_unit_test_setup(test_subscribe, setup),
		cmocka_unit_test_setup(test_sessions_are_bounded, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
