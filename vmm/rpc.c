/*
 * rpc.c - the JSON-RPC server: lines in, calls, replies out.
 *
 * The way of a request: rpc_session_input gathers a line; rpc_session_line
 * parses it and checks its envelope (JSON-RPC 2.0, "Request object"); the
 * method's row in rpc_methods names the handler and the parameters it takes;
 * the handler ends with one rpc_reply_*(). Handlers are in rpc_machine.c,
 * rpc_partition.c and rpc_container.c.
 */
#include "rpc.h"
#include "nearest.h"
#include "rpc_internal.h"
#include <bh/string.h>

struct rpc_method {
	const char *name;
	rpc_handler_fn *handler;
	const char *params; /* names, blanks between; NULL: any */
};

static const struct rpc_method rpc_methods[] = {
#define X(method, handler, params) { method, rpc_##handler, params },
	RPC_METHOD_LIST(X)
#undef X
};

static const char *const rpc_method_names[] = {
#define X(method, handler, params) method,
	RPC_METHOD_LIST(X)
#undef X
};

/** rpc_server_init() - a server over the two tables; no session yet. */
void rpc_server_init(struct rpc_server *s, const struct partition_ops *parts,
		     const struct machine_ops *machine, void *ctx)
{
	s->partitions = parts;
	s->machine = machine;
	s->ctx = ctx;
	s->session_count = 0;
	json_doc_init(&s->doc, s->tokens, RPC_TOKEN_MAX);
}

/**
 * rpc_session_open() - add a carrier.
 * @ss: stays in place for ever
 * Return: OK; ERR_LIMIT if there are RPC_SESSION_MAX already.
 */
enum status rpc_session_open(struct rpc_session *ss, struct rpc_server *s,
			     const struct rpc_session_ops *ops, void *ctx)
{
	if (s->session_count == RPC_SESSION_MAX) {
		return ERR_LIMIT;
	}
	memset(ss, 0, offsetof(struct rpc_session, line));
	ss->server = s;
	ss->ops = ops;
	ss->ctx = ctx;
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		ss->calls[i].session = ss;
	}
	s->sessions[s->session_count++] = ss;
	return OK;
}

static void rpc_send(struct rpc_session *ss, const char *text, size_t len)
{
	if (!ss->ops->send(ss->ctx, text, len)) {
		ss->dropped_count++;
	}
}

/** rpc_reply_begin() - write the envelope up to the result's value. */
void rpc_reply_begin(struct rpc_call *call, struct json_writer *w)
{
	struct rpc_server *s = call->session->server;

	/* one byte is kept for the LF */
	json_write_init(w, s->out, sizeof(s->out) - 1);
	json_write_open(w, '{');
	json_put_string(w, "jsonrpc", "2.0");
	json_write_key(w, "id");
	json_write_raw(w, call->id, call->id_len);
	json_write_key(w, "result");
}

/** rpc_reply_end() - close the envelope, send, free the call. */
void rpc_reply_end(struct rpc_call *call, struct json_writer *w)
{
	struct rpc_session *ss = call->session;

	json_write_close(w, '}');
	if (!json_write_ok(w)) {
		rpc_reply_error(call, RPC_ERR_LIMIT,
				"the answer is longer than a line may be; ask "
				"for less");
		return;
	}
	w->buf[w->len++] = '\n';
	call->in_use = false;
	if (!call->is_notification) {
		rpc_send(ss, w->buf, w->len);
	}
}

/** rpc_reply_empty() - success, nothing to tell: {}. */
void rpc_reply_empty(struct rpc_call *call)
{
	struct json_writer w;

	rpc_reply_begin(call, &w);
	json_write_open(&w, '{');
	json_write_close(&w, '}');
	rpc_reply_end(call, &w);
}

/**
 * rpc_reply_error() - failure: what, where, why; what to do.
 * @code: one of RPC_ERR_
 */
void rpc_reply_error(struct rpc_call *call, int32_t code, const char *fmt, ...)
{
	struct rpc_server *s = call->session->server;
	char message[320];
	struct json_writer w;
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(message, sizeof(message), fmt, ap);
	va_end(ap);
	json_write_init(&w, s->out, sizeof(s->out) - 1);
	json_write_open(&w, '{');
	json_put_string(&w, "jsonrpc", "2.0");
	json_write_key(&w, "id");
	json_write_raw(&w, call->id, call->id_len);
	json_write_key(&w, "error");
	json_write_open(&w, '{');
	json_write_key(&w, "code");
	json_write_i64(&w, code);
	json_put_string(&w, "message", message);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	w.buf[w.len++] = '\n';
	call->in_use = false;
	if (!call->is_notification) {
		rpc_send(call->session, w.buf, w.len);
	}
}

/** rpc_reply_agent() - pass an agent's answer on, result or error as it is. */
void rpc_reply_agent(struct rpc_call *call, const struct agent_reply *reply)
{
	struct rpc_server *s = call->session->server;
	struct json_writer w;

	json_write_init(&w, s->out, sizeof(s->out) - 1);
	json_write_open(&w, '{');
	json_put_string(&w, "jsonrpc", "2.0");
	json_write_key(&w, "id");
	json_write_raw(&w, call->id, call->id_len);
	json_write_key(&w, reply->code == 0 ? "result" : "error");
	json_write_raw(&w, reply->body, reply->len);
	rpc_reply_end(call, &w);
}

/** rpc_server_find() - the index of the partition called @name. */
bool rpc_server_find(struct rpc_server *s, const char *name, uint32_t *index)
{
	uint32_t count = s->partitions->count(s->ctx);
	struct partition_view v;

	for (uint32_t i = 0; i < count; i++) {
		s->partitions->view(s->ctx, i, &v);
		if (strcmp(v.name, name) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

/* No partition is called so: say which there are. */
static void rpc_no_partition(struct rpc_request *rq, const char *name)
{
	struct rpc_server *s = rq->server;
	uint32_t count = s->partitions->count(s->ctx);
	struct partition_view v;
	char list[160] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < count && at < sizeof(list); i++) {
		s->partitions->view(s->ctx, i, &v);
		at += fmt_print(list + at, sizeof(list) - at, "%s%s",
				i == 0 ? "" : ", ", v.name);
	}
	rpc_reply_error(rq->call, RPC_ERR_NOENT,
			"no partition \"%s\"; there %s: %s", name,
			count == 1 ? "is" : "are", count == 0 ? "none" : list);
}

/** rpc_param_partition() - the partition that params.name names. */
bool rpc_param_partition(struct rpc_request *rq, uint32_t *index)
{
	json_ref r = json_member(&rq->server->doc, rq->params, "name");
	char name[RPC_NAME_MAX + 1];

	if (json_string(&rq->server->doc, r, name, sizeof(name), NULL) ==
	    ERR_INVALID) {
		rpc_reply_error(rq->call, RPC_ERR_PARAMS,
				"%s: params.name is missing or no string; name "
				"a partition",
				rq->method);
		return false;
	}
	if (!rpc_server_find(rq->server, name, index)) {
		rpc_no_partition(rq, name);
		return false;
	}
	return true;
}

/** rpc_param_u64() - an optional number. */
bool rpc_param_u64(struct rpc_request *rq, const char *key, uint64_t dflt,
		   uint64_t *out)
{
	json_ref r = json_member(&rq->server->doc, rq->params, key);

	*out = dflt;
	if (r == JSON_NONE || json_u64(&rq->server->doc, r, out)) {
		return true;
	}
	rpc_reply_error(rq->call, RPC_ERR_PARAMS,
			"%s: params.%s is not a whole number from 0 on",
			rq->method, key);
	return false;
}

/* Bytes at the end of @p that begin a UTF-8 character but do not end it. */
static size_t rpc_torn_tail(const char *p, size_t len)
{
	for (size_t back = 1; back <= 3 && back < len; back++) {
		uint8_t c = (uint8_t)p[len - back];

		if (c >= 0xc0) {
			size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

			return need > back ? back : 0;
		}
		if (c < 0x80) {
			return 0;
		}
	}
	return 0;
}

/**
 * rpc_reply_ring() - reply with a piece of a log or a console.
 *
 * params.offset says from where; without it the last RPC_CHUNK_MAX bytes. A
 * character that the chunk's end would tear is left for the next reply.
 */
void rpc_reply_ring(struct rpc_request *rq, const struct ring *ring)
{
	char *chunk = rq->server->chunk;
	uint64_t tail = ring_tail(ring), pos, lost = 0;
	uint64_t dflt = ring->head - tail > RPC_CHUNK_MAX
				? ring->head - RPC_CHUNK_MAX
				: tail;
	struct json_writer w;
	size_t len, torn;

	if (!rpc_param_u64(rq, "offset", dflt, &pos)) {
		return;
	}
	pos = pos > ring->head ? ring->head : pos;
	len = ring_read(ring, &pos, chunk, RPC_CHUNK_MAX, &lost);
	torn = len == RPC_CHUNK_MAX ? rpc_torn_tail(chunk, len) : 0;
	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_write_key(&w, "data");
	json_write_bytes(&w, chunk, len - torn);
	json_put_u64(&w, "offset", pos - len);
	json_put_u64(&w, "next", pos - torn);
	json_put_u64(&w, "lost", lost);
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}

/** rpc_copy_members() - the members of @obj, as they are, but for @skip. */
void rpc_copy_members(struct json_writer *w, const struct json_doc *d,
		      json_ref obj, const char *skip)
{
	for (json_ref k = json_first(d, obj); k >= 0; k = json_next(d, k)) {
		size_t len;
		const char *raw;

		if (json_string_is(d, k, skip)) {
			continue;
		}
		raw = json_raw(d, k, &len);
		json_write_raw_key(w, raw, len);
		raw = json_raw(d, json_value(d, k), &len);
		json_write_raw(w, raw, len);
	}
}

/* Is @key (a token) one of the blank-separated @names? */
static bool rpc_is_listed(const struct json_doc *d, json_ref key,
			  const char *names)
{
	char name[RPC_NAME_MAX + 1];
	size_t len;

	if (json_string(d, key, name, sizeof(name), &len) != OK || len == 0) {
		return false;
	}
	for (const char *p = names; *p != '\0';) {
		size_t n = 0;

		while (p[n] != '\0' && p[n] != ' ') {
			n++;
		}
		if (n == len && memcmp(p, name, n) == 0) {
			return true;
		}
		p += n + (p[n] == ' ');
	}
	return false;
}

static bool rpc_check_params(struct rpc_request *rq, const struct rpc_method *m)
{
	const struct json_doc *d = &rq->server->doc;
	enum json_kind kind = json_kind(d, rq->params);
	char name[32];

	if (kind != JSON_OBJECT && kind != JSON_ABSENT) {
		rpc_reply_error(rq->call, RPC_ERR_PARAMS,
				"%s: params has to be an object", m->name);
		return false;
	}
	if (m->params == NULL) {
		return true;
	}
	for (json_ref k = json_first(d, rq->params); k >= 0;
	     k = json_next(d, k)) {
		if (!rpc_is_listed(d, k, m->params)) {
			(void)!json_string(d, k, name, sizeof(name), NULL);
			rpc_reply_error(rq->call, RPC_ERR_PARAMS,
					"%s does not take \"%s\"; it takes: %s",
					m->name, name,
					m->params[0] ? m->params : "nothing");
			return false;
		}
	}
	return true;
}

static const struct rpc_method *rpc_find(const struct json_doc *d,
					 json_ref method)
{
	for (uint32_t i = 0; i < ARRAY_COUNT(rpc_methods); i++) {
		if (json_string_is(d, method, rpc_methods[i].name)) {
			return &rpc_methods[i];
		}
	}
	return NULL;
}

static void rpc_dispatch(struct rpc_request *rq, json_ref method)
{
	const struct rpc_method *m = rpc_find(&rq->server->doc, method);
	char name[NEAREST_WORD_MAX];
	const char *near;

	if (m != NULL) {
		rq->method = m->name;
		if (rpc_check_params(rq, m)) {
			m->handler(rq);
		}
		return;
	}
	(void)!json_string(&rq->server->doc, method, name, sizeof(name), NULL);
	near = nearest_word(name, rpc_method_names,
			    ARRAY_COUNT(rpc_method_names));
	rpc_reply_error(rq->call, RPC_ERR_METHOD,
			"no method \"%s\"%s%s; docs/protocol.md lists them",
			name, near != NULL ? "; did you mean " : "",
			near != NULL ? near : "");
}

/* A free call of the session with the request's id; NULL: @spare is used. */
static struct rpc_call *rpc_call_take(struct rpc_session *ss)
{
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		if (!ss->calls[i].in_use) {
			ss->calls[i].in_use = true;
			return &ss->calls[i];
		}
	}
	return NULL;
}

/* Copy the id as it was written. False: it cannot be one. */
static bool rpc_call_id(struct rpc_call *call, const struct json_doc *d,
			json_ref id)
{
	enum json_kind kind = json_kind(d, id);
	size_t len;
	const char *raw = json_raw(d, id, &len);

	call->is_notification = kind == JSON_ABSENT;
	call->id_len = 4;
	memcpy(call->id, "null", 4);
	if (kind == JSON_ABSENT) {
		return true;
	}
	if ((kind != JSON_NUMBER && kind != JSON_STRING) || len > RPC_ID_MAX) {
		return false;
	}
	memcpy(call->id, raw, len);
	call->id_len = (uint32_t)len;
	return true;
}

/* The envelope of a parsed line. */
static void rpc_request(struct rpc_session *ss)
{
	struct rpc_server *s = ss->server;
	struct rpc_call spare = { .session = ss };
	struct rpc_request rq = { .server = s, .session = ss };
	json_ref method = json_member(&s->doc, 0, "method");
	bool good_id =
		rpc_call_id(&spare, &s->doc, json_member(&s->doc, 0, "id"));

	if (method == JSON_NONE && (json_member(&s->doc, 0, "result") >= 0 ||
				    json_member(&s->doc, 0, "error") >= 0)) {
		return; /* an echo of our own reply: never answer it */
	}
	if (!good_id || json_kind(&s->doc, method) != JSON_STRING ||
	    !json_string_is(&s->doc, json_member(&s->doc, 0, "jsonrpc"),
			    "2.0")) {
		spare.is_notification = false;
		rpc_reply_error(&spare, RPC_ERR_REQUEST,
				"not a request: \"jsonrpc\":\"2.0\", "
				"\"method\" and an \"id\" (number, or string "
				"of at most 62 bytes) are needed");
		return;
	}
	rq.call = rpc_call_take(ss);
	if (rq.call == NULL) {
		rpc_reply_error(&spare, RPC_ERR_LIMIT,
				"%d calls are under way; wait for a reply",
				RPC_CALLS_MAX);
		return;
	}
	rq.call->is_notification = spare.is_notification;
	rq.call->id_len = spare.id_len;
	memcpy(rq.call->id, spare.id, spare.id_len);
	rq.params = json_member(&s->doc, 0, "params");
	rpc_dispatch(&rq, method);
}

/**
 * rpc_session_line() - one line of a carrier, without its LF.
 * @text: must stay as it is until the return
 */
void rpc_session_line(struct rpc_session *ss, const char *text, size_t len)
{
	struct rpc_server *s = ss->server;
	struct rpc_call spare = { .session = ss, .id = "null", .id_len = 4 };
	struct json_error err;
	size_t blanks = 0;

	while (blanks < len && (text[blanks] == ' ' || text[blanks] == '\r' ||
				text[blanks] == '\t')) {
		blanks++;
	}
	if (blanks == len) {
		return;
	}
	if (json_parse(&s->doc, text, len, &err) != OK) {
		rpc_reply_error(&spare, RPC_ERR_PARSE,
				"not JSON: byte %zu (%s): %s", err.offset,
				err.path, err.what);
	} else if (json_kind(&s->doc, 0) != JSON_OBJECT) {
		rpc_reply_error(&spare, RPC_ERR_REQUEST,
				"batches are not taken: send one object a "
				"line");
	} else {
		rpc_request(ss);
	}
}

/** rpc_session_input() - bytes of a carrier that has no lines (COM2). */
void rpc_session_input(struct rpc_session *ss, const void *src, size_t len)
{
	struct rpc_call spare = { .session = ss, .id = "null", .id_len = 4 };
	const char *p = src;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n' && ss->is_skipping) {
			ss->is_skipping = false;
			ss->line_len = 0;
			rpc_reply_error(&spare, RPC_ERR_PARSE,
					"a line may have %d bytes at most",
					RPC_LINE_MAX);
		} else if (p[i] == '\n') {
			size_t line_len = ss->line_len;

			ss->line_len = 0;
			rpc_session_line(ss, ss->line, line_len);
		} else if (ss->line_len < RPC_LINE_MAX - 1) {
			ss->line[ss->line_len++] = p[i];
		} else {
			ss->is_skipping = true;
		}
	}
}
