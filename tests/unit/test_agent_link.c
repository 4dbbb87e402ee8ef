/* test_agent_link.c - the link to an agent, and agents that misbehave. */
#include "tests/lib/unit.h"
/* keep the line above first: cmocka wants its headers in order */
#include "mgmt_fake.h"
#include "tests/fake_arch/fake_panic.h"

static struct fake f;
static int32_t done_code;
static uint32_t done_count;
static char done_body[512];

static int setup(void **state)
{
	(void)state;
	fake_init(&f);
	done_count = 0;
	return 0;
}

static void on_done(void *ctx, const struct agent_reply *reply)
{
	(void)ctx;
	done_count++;
	done_code = reply->code;
	snprintf(done_body, sizeof(done_body), "%.*s", (int)reply->len,
		 reply->body);
}

static enum status call(const char *method, const char *params)
{
	struct agent_part part = { params, strlen(params) };

	return agent_link_call(&f.link, method, &part, 1, on_done, NULL);
}

static void test_ready_first(void **state)
{
	(void)state;
	assert_int_equal(call("agent.ping", "{}"), ERR_STATE);
	agent_link_open(&f.link);
	assert_int_equal(call("agent.ping", "{}"), ERR_STATE);
	fake_connect(&f);
	assert_true(agent_link_is_ready(&f.link));
	assert_int_equal(f.ready_count, 1);
}

static void test_call(void **state)
{
	(void)state;
	fake_connect(&f);
	assert_int_equal(call("container.list", "{\"a\":\n1}"), OK);
	assert_string_equal(f.to_agent,
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
			    "\"container.list\",\"params\":{\"a\": 1}}\n");
	assert_int_equal(done_count, 0);
	assert_true(fake_agent_step(&f));
	assert_int_equal(done_count, 1);
	assert_int_equal(done_code, 0);
	assert_non_null(strstr(done_body, "\"c1\""));
}

static void test_error_reply(void **state)
{
	(void)state;
	fake_connect(&f);
	assert_int_equal(call("container.state", "{}"), OK);
	fake_agent_step(&f);
	assert_int_equal(done_code, RPC_ERR_NOENT);
	assert_string_equal(done_body, "{\"code\":-32001,\"message\":\"no "
				       "such thing\"}");
}

static void test_odd_errors(void **state)
{
	(void)state;
	fake_connect(&f);
	assert_int_equal(call("a", "{}"), OK);
	fake_say(&f, "{\"id\":1,\"error\":{\"code\":0,\"message\":\"m\"}}");
	assert_int_equal(done_code, RPC_ERR_INTERNAL);
	assert_int_equal(call("a", "{}"), OK);
	fake_say(&f, "{\"id\":2,\"error\":7}");
	assert_int_equal(done_count, 2);
	assert_int_equal(done_code, RPC_ERR_INTERNAL);
	assert_true(agent_link_is_ready(&f.link));
}

static void test_out_of_order_and_unknown(void **state)
{
	(void)state;
	fake_connect(&f);
	assert_int_equal(call("a", "{}"), OK);
	assert_int_equal(call("b", "{}"), OK);
	fake_say(&f, "{\"id\":2,\"result\":\"two\"}");
	assert_string_equal(done_body, "\"two\"");
	fake_say(&f, "{\"id\":2,\"result\":\"again\"}");
	fake_say(&f, "{\"id\":\"1\",\"result\":\"x\"}");
	fake_say(&f, "{\"id\":0,\"result\":1}");
	fake_say(&f, "{\"id\":4294967297,\"result\":1}");
	assert_int_equal(done_count, 1);
	assert_int_equal(f.link.stats.unknown_id_count, 4);
	fake_say(&f, "{\"id\":1,\"result\":\"one\"}");
	assert_int_equal(done_count, 2);
}

static void test_notifications(void **state)
{
	(void)state;
	fake_connect(&f);
	fake_say(&f, "{\"method\":\"container.event\",\"params\":{\"id\":"
		     "\"x\"}}");
	assert_string_equal(f.last_method, "container.event");
	assert_string_equal(f.last_params, "{\"id\":\"x\"}");
	fake_say(&f, "{\"method\":\"who.knows\",\"params\":{}}");
	fake_say(&f, "{\"method\":\"agent.ready\",\"params\":{}}");
	assert_int_equal(f.notify_count, 1);
	assert_int_equal(f.link.stats.unknown_method_count, 2);
	assert_int_equal(f.ready_count, 1);
}

static void test_breaches(void **state)
{
	static const char *const lines[] = {
		"junk",
		"[]",
		"",
		"{}",
		"{\"id\":1}",
		"{\"id\":1,\"result\":1,\"error\":2}",
		"{\"id\":1,\"method\":\"x\"}",
		"{\"method\":7}",
		"{\"method\":\"container.event\"}",
		"{\"method\":\"container.event\",\"params\":[]}",
		"{\"result\":\"\xff\",\"id\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		fake_init(&f);
		done_count = 0;
		fake_connect(&f);
		assert_int_equal(call("a", "{}"), OK);
		fake_say(&f, lines[i]);
		if (f.link.state != AGENT_LINK_CLOSED || done_count != 1 ||
		    done_code != RPC_ERR_GONE || f.closed_why[0] == '\0') {
			fail_msg("survived: %s", lines[i]);
		}
		/* what still comes is not looked at */
		fake_say(&f, "{\"id\":1,\"result\":1}");
		assert_int_equal(done_count, 1);
	}
}

static void test_not_ready_breaches(void **state)
{
	(void)state;
	agent_link_open(&f.link);
	fake_say(&f, "{\"method\":\"container.event\",\"params\":{}}");
	assert_int_equal(f.link.state, AGENT_LINK_CLOSED);
	agent_link_open(&f.link);
	fake_say(&f, "{\"id\":1,\"result\":{}}");
	assert_int_equal(f.link.state, AGENT_LINK_CLOSED);
	assert_int_equal(f.ready_count, 0);
}

static void test_long_line(void **state)
{
	static char big[RPC_LINE_MAX];

	(void)state;
	memset(big, ' ', sizeof(big));
	fake_connect(&f);
	agent_link_input(&f.link, big, sizeof(big) - 1);
	assert_true(agent_link_is_ready(&f.link));
	agent_link_input(&f.link, big, 1);
	assert_int_equal(f.link.state, AGENT_LINK_CLOSED);
	assert_non_null(strstr(f.closed_why, "longer"));
}

static void test_limits(void **state)
{
	static char big[RPC_LINE_MAX];

	(void)state;
	fake_connect(&f);
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(call("a", big), ERR_TOO_BIG);
	for (int i = 0; i < AGENT_LINK_CALL_MAX; i++) {
		assert_int_equal(call("a", "{}"), OK);
	}
	assert_int_equal(call("a", "{}"), ERR_LIMIT);
	agent_link_lost(&f.link, "gone");
	assert_int_equal(done_count, AGENT_LINK_CALL_MAX);
	assert_int_equal(done_code, RPC_ERR_GONE);
	assert_string_equal(f.closed_why, "");
}

static void test_stuck_agent(void **state)
{
	static char big[12000];
	size_t calls = 0;

	(void)state;
	fake_connect(&f);
	f.is_stuck = true;
	memset(big, ' ', sizeof(big) - 1);
	memcpy(big, "{}", 2);
	while (call("a", big) == OK) {
		calls++;
	}
	assert_int_equal(calls, 3);
	assert_int_equal(call("a", big), ERR_BUSY);
	assert_int_equal(f.to_agent_len, 0);
	f.is_stuck = false;
	agent_link_poll(&f.link, 1);
	for (size_t i = 0; i < calls; i++) {
		assert_true(fake_agent_step(&f));
	}
	assert_int_equal(done_count, calls);
	assert_int_equal(call("a", big), OK);
}

static void test_timeout(void **state)
{
	(void)state;
	fake_connect(&f);
	agent_link_poll(&f.link, 1000);
	assert_int_equal(call("a", "{}"), OK);
	agent_link_poll(&f.link, 1000 + AGENT_LINK_TIMEOUT_US - 1);
	assert_int_equal(done_count, 0);
	agent_link_poll(&f.link, 1000 + AGENT_LINK_TIMEOUT_US);
	assert_int_equal(done_count, 1);
	assert_int_equal(done_code, RPC_ERR_GONE);
	fake_say(&f, "{\"id\":1,\"result\":{}}");
	assert_int_equal(done_count, 1);
	assert_int_equal(f.link.stats.timeout_count, 1);
}

static void test_reconnect(void **state)
{
	(void)state;
	fake_connect(&f);
	assert_int_equal(call("a", "{}"), OK);
	agent_link_input(&f.link, "{\"half", 6);
	fake_connect(&f);
	assert_int_equal(done_count, 1);
	assert_true(agent_link_is_ready(&f.link));
	assert_int_equal(f.ready_count, 2);
}

static size_t send_and_poll(void *ctx, const void *src, size_t len)
{
	size_t n = fake_agent_send(ctx, src, len);

	agent_link_poll(&f.link, 1); /* as a vsock that has room again does */
	return n;
}

static void test_send_may_lead_back(void **state)
{
	static const struct agent_link_ops ops = {
		.send = send_and_poll,
		.ready = fake_agent_ready,
		.notify = fake_agent_notify,
		.closed = fake_agent_closed,
	};
	char params[400];

	(void)state;
	agent_link_init(&f.link, &ops, &f);
	fake_connect(&f);
	memset(params, ' ', sizeof(params));
	strcpy(params + sizeof(params) - 3, "{}");
	assert_int_equal(call("a", params), OK);
	assert_int_equal(strlen(f.to_agent), 47 + sizeof(params));
	assert_true(fake_agent_step(&f));
	assert_int_equal(done_count, 1);
}

static void feed_from_callback(void *ctx, const struct agent_reply *reply)
{
	(void)ctx;
	(void)reply;
	agent_link_input(&f.link, "\n", 1);
}

static void test_feeding_from_callback_is_a_bug(void **state)
{
	struct agent_part part = { "{}", 2 };

	(void)state;
	fake_connect(&f);
	assert_int_equal(agent_link_call(&f.link, "a", &part, 1,
					 feed_from_callback, NULL),
			 OK);
	FAKE_EXPECT_PANIC(fake_say(&f, "{\"id\":1,\"result\":1}"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(test_ready_first),
		T(test_call),
		T(test_error_reply),
		T(test_odd_errors),
		T(test_out_of_order_and_unknown),
		T(test_notifications),
		T(test_breaches),
		T(test_not_ready_breaches),
		T(test_long_line),
		T(test_limits),
		T(test_stuck_agent),
		T(test_timeout),
		T(test_reconnect),
		T(test_send_may_lead_back),
		T(test_feeding_from_callback_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
