/*
 * fuzz_agent_link.c - an agent that may say anything. Calls are under way, a
 * subscriber, the shell and a first job listen. Every call ends exactly once.
 */
#include "first_job.h"
#include "tests/unit/mgmt_fake.h"

static struct first_job job;
static uint32_t done_count;

static void on_done(void *ctx, const struct agent_reply *reply)
{
	(void)ctx;
	if (reply->body == NULL || reply->len == 0) {
		abort();
	}
	done_count++;
}

static void on_notify(void *ctx, const char *method, const char *params,
		      size_t len)
{
	fake_agent_notify(ctx, method, params, len);
	first_job_notify(&job, method, params, len);
}

static void on_ready(void *ctx, const char *params, size_t len)
{
	(void)ctx;
	(void)params;
	(void)len;
	first_job_ready(&job);
}

static bool on_send(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	return len > 0 && text[len - 1] == '\n';
}

static void show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == 0x1b) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct agent_link_ops ops = {
		.send = fake_agent_send,
		.ready = on_ready,
		.notify = on_notify,
		.closed = fake_agent_closed,
	};
	static const struct rpc_session_ops session_ops = { .send = on_send };
	static const struct partition_config config = {
		.name = "web",
		.has_process = true,
		.text = "{}",
		.text_len = 2,
	};
	static struct rpc_session com2;
	static struct rpc_server server;
	static struct fake f;
	uint32_t started = 0;

	fake_init(&f);
	f.server = &server;
	agent_link_init(&f.link, &ops, &f);
	rpc_server_init(&server);
	if (rpc_session_open(&com2, &server, &session_ops, NULL) != OK) {
		abort();
	}
	com2.is_subscribed = true;
	first_job_init(&job, &config, &f.link, show, NULL);
	done_count = 0;
	fake_connect(&f);
	for (int i = 0; i < 3; i++) {
		struct agent_part part = { "{}", 2 };

		started += agent_link_call(&f.link, "agent.ping", &part, 1,
					   on_done, NULL) == OK;
	}
	agent_link_input(&f.link, data, size);
	agent_link_poll(&f.link, 1);
	if (done_count > started) {
		abort();
	}
	agent_link_lost(&f.link, "end");
	if (done_count != started) {
		abort();
	}
	return 0;
}
