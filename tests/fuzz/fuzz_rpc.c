/*
 * fuzz_rpc.c - any bytes on COM2, and any keys at the prompt. The first byte
 * chooses; every reply has to be one line of JSON.
 */
#include "shell.h"
#include "tests/unit/mgmt_fake.h"

static bool on_send(void *ctx, const char *text, size_t len)
{
	static jsmntok_t tokens[4096];
	struct json_error err;
	struct json_doc d;

	(void)ctx;
	json_doc_init(&d, tokens, ARRAY_COUNT(tokens));
	if (len == 0 || len > RPC_LINE_MAX || text[len - 1] != '\n' ||
	    memchr(text, '\n', len - 1) != NULL ||
	    json_parse(&d, text, len, &err) != OK) {
		abort();
	}
	return true;
}

static void on_write(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	(void)text;
	(void)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rpc_session_ops ops = { .send = on_send };
	static struct rpc_session com2;
	static struct rpc_server server;
	static struct shell sh;
	static struct fake f;

	if (size == 0) {
		return 0;
	}
	fake_init(&f);
	f.server = &server;
	rpc_server_init(&server);
	if (rpc_session_open(&com2, &server, &ops, NULL) != OK ||
	    shell_init(&sh, &server, on_write, NULL) != OK) {
		abort();
	}
	fake_connect(&f);
	shell_start(&sh);
	for (size_t i = 1; i < size;) {
		size_t n = 1 + data[i] % 64;

		n = n < size - i ? n : size - i;
		if (data[0] & 1) {
			shell_input(&sh, data + i, n);
		} else {
			rpc_session_input(&com2, data + i, n);
		}
		while (fake_agent_step(&f)) {
		}
		shell_poll(&sh);
		i += n;
		/* the script's buffer is finite */
		f.to_agent_len = 0;
		f.to_agent_seen = 0;
		f.typed_len = 0;
	}
	return 0;
}
