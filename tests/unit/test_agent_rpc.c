/* test_agent_rpc.c - framing's other side, and the agent's small pure parts. */
#define _GNU_SOURCE
#include "guest/agent/conn.h"
#include "guest/agent/line.h"
#include "guest/agent/options.h"
#include "guest/agent/out_ring.h"
#include "guest/agent/rpc.h"
#include "guest/agent/run_config.h"
#include "guest/agent/utf8.h"
#include "guest/agent/util.h"
#include "tests/lib/unit.h"
#include <string.h>

/* A connection that keeps the last line. */
static char sent[RPC_LINE_MAX];
static int sent_count;
static uint32_t generation = 1;
static struct rpc_call *kept;

bool conn_is_up(void)
{
	return true;
}

uint32_t conn_generation(void)
{
	return generation;
}

void conn_send(const char *text, size_t len)
{
	assert_true(len < sizeof(sent));
	memcpy(sent, text, len);
	sent[len] = '\0';
	sent_count++;
}

static enum rpc_verdict echo(struct rpc_call *call, json_t *params,
			     struct agent_error *e)
{
	(void)e;
	call->result = json_incref(params);
	return RPC_REPLIED;
}

static enum rpc_verdict refuse(struct rpc_call *call, json_t *params,
			       struct agent_error *e)
{
	(void)call;
	(void)params;
	return error_path(e, RPC_ERR_PARAMS, "/x", "no %d", 7);
}

static enum rpc_verdict later(struct rpc_call *call, json_t *params,
			      struct agent_error *e)
{
	(void)params;
	(void)e;
	kept = rpc_defer(call);
	return RPC_DEFERRED;
}

static enum rpc_verdict huge(struct rpc_call *call, json_t *params,
			     struct agent_error *e)
{
	static char text[RPC_LINE_MAX];
	(void)params;
	(void)e;
	memset(text, 'x', sizeof(text) - 1);
	call->result = json_string(text);
	return RPC_REPLIED;
}

static void take(const char *line)
{
	static const struct rpc_method table[] = {
		{ "echo", echo },
		{ "fail", refuse },
		{ "later", later },
		{ "huge", huge },
	};
	char copy[256];
	rpc_init(table, ARRAY_COUNT(table));
	(void)strcpy(copy, line);
	sent[0] = '\0';
	conn_on_line(copy, strlen(copy));
}

static void test_reply(void **state)
{
	(void)state;
	take("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"echo\","
	     "\"params\":{\"a\":\"\\u0000\"}}");
	assert_string_equal(sent, "{\"jsonrpc\":\"2.0\",\"id\":5,"
				  "\"result\":{\"a\":\"\\u0000\"}}");
	take("{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"echo\"}");
	assert_string_equal(sent,
			    "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"result\":{}}");
}

static void test_error(void **state)
{
	(void)state;
	take("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"fail\"}");
	assert_string_equal(sent, "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":"
				  "{\"code\":-32602,\"message\":\"no 7\","
				  "\"data\":{\"path\":\"/x\"}}}");
	take("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"huge\"}");
	assert_non_null(strstr(sent, "-32603"));
}

static void test_junk(void **state)
{
	/* clang-format off */
	static const struct { const char *line, *code; } rows[] = {
		{ "{",                                             "-32700" },
		{ "\xff",                                          "-32700" },
		{ "[]",                                            "-32600" },
		{ "{\"id\":1.5,\"method\":\"echo\"}",              "-32600" },
		{ "{\"id\":1,\"method\":\"echo\"}",                "-32600" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"z\"}", "-32601" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\","
		  "\"params\":[]}",                                "-32602" },
	};
	/* clang-format on */
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		take(rows[i].line);
		assert_non_null(strstr(sent, rows[i].code));
	}
	int before = sent_count;
	take("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}");
	assert_int_equal(sent_count, before);
}

static void test_deferred(void **state)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"later\"}";
	(void)state;
	take(line);
	assert_string_equal(sent, "");
	rpc_reply(kept, NULL);
	assert_string_equal(sent,
			    "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}");
	/* the answer to a connection that is gone is dropped */
	take(line);
	generation++;
	rpc_reply(kept, json_object());
	assert_string_equal(sent, "");
}

static void test_calls_under_way_are_bounded(void **state)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"later\"}";
	struct rpc_call *calls[RPC_CALLS_MAX];
	struct agent_error e;
	(void)state;
	for (size_t i = 0; i < RPC_CALLS_MAX; i++) {
		take(line);
		assert_string_equal(sent, "");
		calls[i] = kept;
	}
	take(line);
	assert_non_null(strstr(sent, "-32005"));
	error_set(&e, RPC_ERR_STATE, "x");
	for (size_t i = 0; i < RPC_CALLS_MAX; i++) {
		rpc_fail(calls[i], &e);
	}
	assert_non_null(strstr(sent, "-32003"));
}

/* A refusal may quote what was cut inside a character: it is sent still. */
static enum rpc_verdict quote(struct rpc_call *call, json_t *params,
			      struct agent_error *e)
{
	(void)call;
	(void)params;
	return error_path(e, RPC_ERR_PARAMS, "/a\xe2\x82", "b\xc3");
}

static void test_error_with_cut_text(void **state)
{
	static const struct rpc_method table[] = { { "quote", quote } };
	char line[] = "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"quote\"}";
	(void)state;
	rpc_init(table, ARRAY_COUNT(table));
	conn_on_line(line, strlen(line));
	assert_string_equal(sent,
			    "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":"
			    "{\"code\":-32602,\"message\":\"b\xef\xbf\xbd\""
			    ",\"data\":{\"path\":\"/a\xef\xbf\xbd\xef\xbf"
			    "\xbd\"}}}");
}

/* Put @text into @r as far as it goes; the next event. */
static enum line_event feed(struct line_reader *r, const char *text, size_t len,
			    char **line, size_t *line_len)
{
	size_t room;
	char *space = line_space(r, &room);
	assert_true(len <= room);
	memcpy(space, text, len);
	line_added(r, len);
	return line_next(r, line, line_len);
}

static void test_lines(void **state)
{
	static struct line_reader r;
	char *line;
	size_t len;
	(void)state;
	line_reset(&r);
	assert_int_equal(feed(&r, "a", 1, &line, &len), LINE_NONE);
	assert_int_equal(feed(&r, "b\n\nc\nd", 6, &line, &len), LINE_TEXT);
	assert_string_equal(line, "ab");
	assert_int_equal(line_next(&r, &line, &len), LINE_TEXT);
	assert_string_equal(line, "c");
	assert_int_equal(line_next(&r, &line, &len), LINE_NONE);
	assert_int_equal(feed(&r, "\n", 1, &line, &len), LINE_TEXT);
	assert_string_equal(line, "d");
	assert_int_equal(line_next(&r, &line, &len), LINE_NONE);
}

static void test_long_lines(void **state)
{
	static char block[RPC_LINE_MAX];
	static struct line_reader r;
	char *line;
	size_t len;
	(void)state;
	memset(block, 'x', sizeof(block));
	line_reset(&r);
	/* the longest that fits, with its LF */
	block[RPC_LINE_MAX - 1] = '\n';
	assert_int_equal(feed(&r, block, RPC_LINE_MAX, &line, &len), LINE_TEXT);
	assert_int_equal(len, RPC_LINE_MAX - 1);
	assert_int_equal(line_next(&r, &line, &len), LINE_NONE);
	/* one more byte: dropped, said once, and the next line is whole */
	block[RPC_LINE_MAX - 1] = 'x';
	assert_int_equal(feed(&r, block, RPC_LINE_MAX, &line, &len), LINE_NONE);
	assert_int_equal(feed(&r, block, RPC_LINE_MAX, &line, &len), LINE_NONE);
	assert_int_equal(feed(&r, "x\nnext\n", 7, &line, &len), LINE_TOO_LONG);
	assert_int_equal(line_next(&r, &line, &len), LINE_TEXT);
	assert_string_equal(line, "next");
	assert_int_equal(line_next(&r, &line, &len), LINE_NONE);
}

static void test_utf8(void **state)
{
	/* clang-format off */
	static const struct { const char *in, *out; size_t used; } rows[] = {
		{ "abc", "abc", 3 },
		{ "\xc3\xa4", "\xc3\xa4", 2 },
		{ "a\xc3", "a", 1 },                       /* may go on */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 4 },
		{ "\xff" "b", "\xef\xbf\xbd" "b", 2 },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", 2 }, /* overlong */
		{ "\xed\xa0\x80",                          /* a surrogate */
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3 },
		{ "\xe2\x82" "x", "\xef\xbf\xbd\xef\xbf\xbd" "x", 3 },
	};
	/* clang-format on */
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char out[64];
		size_t used;
		size_t n =
			utf8_clean(rows[i].in, strlen(rows[i].in), out, &used);
		assert_int_equal(used, rows[i].used);
		assert_int_equal(n, strlen(rows[i].out));
		assert_memory_equal(out, rows[i].out, n);
	}
	char all[8];
	assert_int_equal(utf8_clean("\xc3", 1, all, NULL), 3);
}

static void test_ring(void **state)
{
	static struct out_ring r;
	static char block[OUT_RING_SIZE];
	char out[8];
	uint64_t pos = 0;
	uint64_t lost;
	(void)state;
	memset(block, 'x', sizeof(block));
	out_ring_write(&r, "abc", 3);
	assert_int_equal(out_ring_read(&r, &pos, out, 8, &lost), 3);
	assert_int_equal(lost, 0);
	out_ring_write(&r, block, sizeof(block));
	pos = 0;
	assert_int_equal(out_ring_read(&r, &pos, out, 8, &lost), 8);
	assert_int_equal(lost, 3);
	assert_int_equal(pos, 11);
	pos = UINT64_MAX;
	assert_int_equal(out_ring_read(&r, &pos, out, 8, &lost), 0);
	assert_int_equal(pos, 3 + OUT_RING_SIZE);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(util_name_ok("a"));
	assert_true(util_name_ok("0a_.-b"));
	assert_false(util_name_ok(""));
	assert_false(util_name_ok("-a"));
	assert_false(util_name_ok(".."));
	assert_false(util_name_ok("a/b"));
	assert_false(util_name_ok("A"));
	char longest[RPC_NAME_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	longest[RPC_NAME_MAX + 1] = '\0';
	assert_false(util_name_ok(longest));
	longest[RPC_NAME_MAX] = '\0';
	assert_true(util_name_ok(longest));
}

static void test_options(void **state)
{
	struct options o;
	char line[] = "quiet bulkhead.transport=/dev/ttyS1 x bulkhead.odd=1\n";
	char none[] = "";
	(void)state;
	options_parse(line, &o);
	assert_string_equal(o.transport, "/dev/ttyS1");
	options_parse(none, &o);
	assert_string_equal(o.transport, "vsock");
	assert_string_equal(o.cgroup, "v2");
}

static void test_run_config(void **state)
{
	struct agent_error e = { 0 };
	auto_json json_t *base = json_loads(
		"{\"process\":{\"env\":[\"A=1\"],\"cwd\":\"/\"}}", 0, NULL);
	auto_json json_t *params = json_loads(
		"{\"id\":\"x\",\"args\":[\"p\"],\"env\":[\"B=2\"],"
		"\"user\":\"3:4\",\"memory.max\":65536,\"cpu.max\":\"max\"}",
		0, NULL);
	auto_json json_t *want = json_loads(
		"{\"process\":{\"env\":[\"A=1\",\"B=2\"],\"cwd\":\"/\","
		"\"args\":[\"p\"],\"user\":{\"uid\":3,\"gid\":4}},\"linux\":"
		"{\"resources\":{\"unified\":{\"memory.max\":\"65536\","
		"\"cpu.max\":\"max\"}}}}",
		0, NULL);
	(void)state;
	auto_json json_t *got = run_config(base, params, &e);
	assert_true(json_equal(got, want));
	json_object_set_new(params, "privileged", json_true());
	assert_null(run_config(base, params, &e));
	assert_string_equal(e.path, "/params/privileged");
	auto_json json_t *empty = json_object();
	assert_null(run_config(base, empty, &e));
	assert_string_equal(e.path, "/params/args");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_reply),
		UNIT(test_error),
		UNIT(test_junk),
		UNIT(test_deferred),
		UNIT(test_calls_under_way_are_bounded),
		UNIT(test_error_with_cut_text),
		UNIT(test_lines),
		UNIT(test_long_lines),
		UNIT(test_utf8),
		UNIT(test_ring),
		UNIT(test_names),
		UNIT(test_options),
		UNIT(test_run_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
