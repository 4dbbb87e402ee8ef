/*
 * fuzz_agent_rpc.c - the bytes that come to the agent: lines, then requests.
 *
 * The stream comes in pieces. Each line has at most one reply, each reply is
 * one line of JSON-RPC that fits. The line reader is compared with a model
 * that has the whole stream at once.
 */
#include "agent_fuzz.h"
#include "guest/agent/line.h"
#include "guest/agent/rpc.h"

static unsigned reply_count;
static struct rpc_call *kept[RPC_CALLS_MAX];
static size_t kept_count;

bool conn_is_up(void)
{
	return true;
}

uint32_t conn_generation(void)
{
	return 1;
}

void conn_send(const char *text, size_t len)
{
	auto_json json_t *o = json_loadb(text, len, FUZZ_JSON, NULL);
	REQUIRE(o != NULL && len < RPC_LINE_MAX);
	REQUIRE(memchr(text, '\n', len) == NULL);
	REQUIRE(json_object_get(o, "id") != NULL);
	REQUIRE((json_object_get(o, "result") != NULL) !=
		(json_object_get(o, "error") != NULL));
	reply_count++;
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
	const char *key;
	json_t *value;
	call->result = json_incref(params);
	json_object_foreach(params, key, value)
	{
		return error_path(e, RPC_ERR_PARAMS, "/x", "%.40s", key);
	}
	return error_set(e, RPC_ERR_PARAMS, "no");
}

static enum rpc_verdict later(struct rpc_call *call, json_t *params,
			      struct agent_error *e)
{
	(void)params;
	(void)e;
	REQUIRE(kept_count < RPC_CALLS_MAX);
	kept[kept_count++] = rpc_defer(call);
	return RPC_DEFERRED;
}

static void answer_kept(void)
{
	struct agent_error e;
	for (size_t i = 0; i < kept_count; i++) {
		if (i % 2 == 0) {
			rpc_reply(kept[i], NULL);
			continue;
		}
		error_set(&e, RPC_ERR_STATE, "no");
		rpc_fail(kept[i], &e);
	}
	kept_count = 0;
}

/* What the reader must give next for the stream from *@at on. */
static enum line_event model_next(const char *data, size_t size, size_t *at,
				  const char **text, size_t *len)
{
	while (*at < size) {
		const char *lf = memchr(data + *at, '\n', size - *at);
		if (lf == NULL) {
			break;
		}
		*text = data + *at;
		*len = (size_t)(lf - *text);
		*at += *len + 1;
		if (*len >= RPC_LINE_MAX) {
			return LINE_TOO_LONG;
		}
		if (*len > 0) {
			return LINE_TEXT;
		}
	}
	return LINE_NONE;
}

/* One event that is as it must be: at most one reply to it. */
static void take_event(enum line_event what, char *text, size_t len)
{
	unsigned before = reply_count;
	if (what == LINE_TOO_LONG) {
		conn_on_too_long();
		REQUIRE(reply_count == before + 1);
		return;
	}
	REQUIRE(text[len] == '\0');
	conn_on_line(text, len);
	REQUIRE(reply_count <= before + 1);
}

/* All lines that are complete; @at is where the model stands. */
static void take_lines(struct line_reader *r, const char *data, size_t size,
		       size_t *at)
{
	char *text;
	size_t len;
	const char *want;
	size_t want_len;
	enum line_event what;
	while ((what = line_next(r, &text, &len)) != LINE_NONE) {
		REQUIRE(what == model_next(data, size, at, &want, &want_len));
		REQUIRE(what == LINE_TOO_LONG ||
			(len == want_len && memcmp(text, want, len) == 0));
		take_event(what, text, len);
	}
	REQUIRE(model_next(data, size, at, &want, &want_len) == LINE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rpc_method table[] = {
		{ "echo", echo },
		{ "fail", refuse },
		{ "later", later },
	};
	/* each byte of input may stand for many: long lines come cheap */
	static char stream[3 * RPC_LINE_MAX];
	static struct line_reader r;
	size_t len = 0;
	size_t piece = size > 0 ? 1 + data[0] * 37u : 1;
	size_t repeat = size > 1 ? 1 + (data[1] & 0x0f) * 97u : 1;
	for (size_t i = 2; i < size; i++) {
		size_t n = data[i] == '~' ? repeat : 1;
		while (n-- > 0 && len < sizeof(stream)) {
			stream[len++] = (char)data[i];
		}
	}
	rpc_init(table, ARRAY_COUNT(table));
	line_reset(&r);
	size_t at = 0;
	for (size_t done = 0; done < len;) {
		size_t room;
		char *space = line_space(&r, &room);
		size_t n = len - done < piece ? len - done : piece;
		n = n < room ? n : room;
		REQUIRE(n > 0);
		memcpy(space, stream + done, n);
		line_added(&r, n);
		done += n;
		take_lines(&r, stream, done, &at);
		if (kept_count == RPC_CALLS_MAX) {
			answer_kept();
		}
	}
	answer_kept();
	return 0;
}
