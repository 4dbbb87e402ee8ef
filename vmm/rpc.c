/*
 * rpc.c - the JSON-RPC server: lines in, calls, replies out.
 *
 * The way of a request: rpc_session_input gathers a line; rpc_session_line
 * parses it and checks its envelope (JSON-RPC 2.0, "Request object"); the
 * method's row in rpc_methods.c names the handler and the parameters it takes;
 * what the handler left is sent by rpc_request. A stop that is
 * waited for is answered by rpc_poll.
 */
#include "rpc.h"
#include "rpc_internal.h"
#include <bh/string.h>

/** rpc_server_init() - a server without sessions. */
void rpc_server_init(struct rpc_server *s)
{
	s->session_count = 0;
	json_doc_init(&s->doc, s->tokens, RPC_TOKEN_MAX);
	top_init(&s->top);
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
	s->sessions[s->session_count++] = ss;
	return OK;
}

/** rpc_send_line() - end the message in @w (LF) and send it. */
void rpc_send_line(struct rpc_session *ss, struct json_writer *w)
{
	w->buf[w->len++] = '\n';
	if (!ss->ops->send(ss->ctx, w->buf, w->len)) {
		ss->dropped_count++;
	}
}

/* Write a reply's envelope up to the value of @member. */
static void rpc_reply_begin(const struct rpc_call *call, struct json_writer *w,
			    const char *member)
{
	struct rpc_server *s = call->session->server;

	/* one byte is kept for the LF */
	json_write_init(w, s->out, sizeof(s->out) - 1);
	json_print(w, "{'jsonrpc':'2.0','id':");
	json_write_raw(w, call->id, call->id_len);
	json_print(w, "'%s':", member);
}

/* The word for a code: data.kind of an error. */
static const char *rpc_kind(int32_t code)
{
	static const struct {
		int32_t code;
		const char *kind;
	} rows[] = {
		{ RPC_ERR_PARSE, "parse" },
		{ RPC_ERR_REQUEST, "request" },
		{ RPC_ERR_METHOD, "method" },
		{ RPC_ERR_PARAMS, "params" },
		{ RPC_ERR_NOENT, "not-found" },
		{ RPC_ERR_EXIST, "exists" },
		{ RPC_ERR_STATE, "state" },
		{ RPC_ERR_UNSUPPORTED, "unsupported" },
		{ RPC_ERR_BUSY, "busy" },
		{ RPC_ERR_LIMIT, "limit" },
		{ RPC_ERR_GONE, "gone" },
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].code == code) {
			return rows[i].kind;
		}
	}
	return "internal";
}

/* Write the error that ends @call, up to the members of its data. */
static void rpc_error_begin(const struct rpc_call *call, struct json_writer *w,
			    int32_t code, const char *kind, const char *message)
{
	rpc_reply_begin(call, w, "error");
	json_print(w, "{'code':%d,'message':'%s','data':{'kind':'%s'", code,
		   message, kind);
}

/* The whole of an error without further data. */
static void rpc_reply_error(const struct rpc_call *call, struct json_writer *w,
			    int32_t code, const char *message)
{
	rpc_error_begin(call, w, code, rpc_kind(code), message);
	json_print(w, "}}");
}

/* Close the envelope, send, free the call. */
static void rpc_reply_end(struct rpc_call *call, struct json_writer *w)
{
	json_print(w, "}");
	if (w->overflow) {
		rpc_reply_error(call, w, RPC_ERR_LIMIT,
				"the answer is longer than a line may be; ask "
				"for less");
		json_print(w, "}");
	}
	call->in_use = false;
	if (!call->is_notification) {
		rpc_send_line(call->session, w);
	}
}

/** rpc_result() - where a handler writes its result; begins the reply. */
struct json_writer *rpc_result(struct rpc_request *rq)
{
	rpc_reply_begin(rq->call, &rq->w, "result");
	return &rq->w;
}

/**
 * rpc_refuse() - reply with a failure: what, where, why; what to do.
 * @code: one of RPC_ERR_; data.kind is its word
 */
void rpc_refuse(struct rpc_request *rq, int32_t code, const char *fmt, ...)
{
	char message[320];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(message, sizeof(message), fmt, ap);
	va_end(ap);
	rpc_reply_error(rq->call, &rq->w, code, message);
	rpc_reply_end(rq->call, &rq->w);
	rq->is_answered = true;
}

/**
 * rpc_refuse_begin() - as rpc_refuse(), with data of the caller's own: it
 * writes members into the returned writer and calls rpc_refuse_end().
 */
struct json_writer *rpc_refuse_begin(struct rpc_request *rq, int32_t code,
				     const char *kind, const char *message)
{
	rpc_error_begin(rq->call, &rq->w, code, kind, message);
	return &rq->w;
}

/** rpc_refuse_end() - send what rpc_refuse_begin() began. */
void rpc_refuse_end(struct rpc_request *rq)
{
	json_print(&rq->w, "}}");
	rpc_reply_end(rq->call, &rq->w);
	rq->is_answered = true;
}

/** rpc_reply_agent() - pass an agent's answer on, result or error as it is. */
void rpc_reply_agent(struct rpc_call *call, const struct agent_reply *reply)
{
	struct json_writer w;

	rpc_reply_begin(call, &w, reply->code == 0 ? "result" : "error");
	json_write_raw(&w, reply->body, reply->len);
	rpc_reply_end(call, &w);
}

/* Answer @call if the stop that it waits for has come to its end. */
static void rpc_poll_call(struct rpc_call *call)
{
	struct partition_view v = { 0 };
	struct json_writer w;
	uint32_t i = 0;

	for (; i < ops_count(); i++) {
		ops_view(i, &v);
		if (v.id == call->partition_id) {
			break;
		}
	}
	if (i == ops_count()) {
		rpc_reply_error(call, &w, RPC_ERR_GONE,
				"the partition was deleted meanwhile");
	} else if (v.stop_stage != STOP_NONE) {
		return;
	} else {
		rpc_reply_begin(call, &w, "result");
		rpc_write_stop(&w, &v);
	}
	call->waits_for_stop = false;
	rpc_reply_end(call, &w);
}

static void rpc_poll_session(struct rpc_session *ss)
{
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		if (ss->calls[i].in_use && ss->calls[i].waits_for_stop) {
			rpc_poll_call(&ss->calls[i]);
		}
	}
}

/** rpc_poll() - send the replies that waited for something; never waits. */
void rpc_poll(struct rpc_server *s)
{
	for (uint32_t i = 0; i < s->session_count; i++) {
		rpc_poll_session(s->sessions[i]);
	}
}

/* Copy the id as it was written. False: it cannot be one. */
static bool rpc_call_id(struct rpc_call *call, const struct json_doc *d,
			json_ref id)
{
	enum json_kind kind = json_kind(d, id);
	size_t len;
	const char *raw = json_raw(d, id, &len);

	call->is_notification = kind == JSON_ABSENT;
	if ((kind == JSON_NUMBER || kind == JSON_STRING) && len <= RPC_ID_MAX) {
		memcpy(call->id, raw, len);
		call->id_len = (uint32_t)len;
		return true;
	}
	return call->is_notification;
}

/* A parsed line: check its envelope, have its method called, reply. */
static void rpc_request(struct rpc_request *rq)
{
	struct rpc_session *ss = rq->session;
	struct rpc_call *spare = rq->call;
	const struct json_doc *d = &ss->server->doc;
	json_ref method = json_member(d, 0, "method");
	uint32_t free = 0;
	bool good_id;

	if (method == JSON_NONE && (json_member(d, 0, "result") >= 0 ||
				    json_member(d, 0, "error") >= 0)) {
		return; /* an echo of our own reply: never answer it */
	}
	good_id = rpc_call_id(spare, d, json_member(d, 0, "id"));
	if (!good_id || json_kind(d, method) != JSON_STRING ||
	    !json_string_is(d, json_member(d, 0, "jsonrpc"), "2.0")) {
		spare->is_notification = false;
		rpc_refuse(rq, RPC_ERR_REQUEST,
			   "not a request: \"jsonrpc\":\"2.0\", \"method\" and "
			   "an \"id\" (number, or string of at most 62 bytes) "
			   "are needed");
		return;
	}
	while (free < RPC_CALLS_MAX && ss->calls[free].in_use) {
		free++;
	}
	if (free == RPC_CALLS_MAX) {
		rpc_refuse(rq, RPC_ERR_LIMIT,
			   "%d calls are under way; wait for a reply",
			   RPC_CALLS_MAX);
		return;
	}
	rq->call = &ss->calls[free];
	*rq->call = *spare;
	rq->call->in_use = true;
	rq->params = json_member(d, 0, "params");
	rpc_dispatch(rq, method);
	if (!rq->is_answered) {
		if (rq->w.len == 0) {
			json_print(rpc_result(rq), "{}");
		}
		rpc_reply_end(rq->call, &rq->w);
	}
}

/**
 * rpc_session_line() - one line of a carrier, without its LF.
 * @text: must stay as it is until the return
 */
void rpc_session_line(struct rpc_session *ss, const char *text, size_t len)
{
	struct rpc_call spare = { .session = ss, .id = "null", .id_len = 4 };
	struct rpc_request rq = { .server = ss->server,
				  .session = ss,
				  .call = &spare };
	struct json_error err;
	size_t blanks = 0;

	while (blanks < len && (text[blanks] == ' ' || text[blanks] == '\r' ||
				text[blanks] == '\t')) {
		blanks++;
	}
	if (blanks == len) {
		return;
	}
	if (len >= RPC_LINE_MAX) {
		rpc_refuse(&rq, RPC_ERR_PARSE,
			   "a line may have %d bytes at most", RPC_LINE_MAX);
	} else if (json_parse(&ss->server->doc, text, len, &err) != OK) {
		rpc_refuse(&rq, RPC_ERR_PARSE, "not JSON: byte %zu (%s): %s",
			   err.offset, err.path, err.what);
	} else if (json_kind(&ss->server->doc, 0) != JSON_OBJECT) {
		rpc_refuse(&rq, RPC_ERR_REQUEST,
			   "batches are not taken: send one object a line");
	} else {
		rpc_request(&rq);
	}
}

/** rpc_session_input() - bytes of a carrier that has no lines (COM2). */
void rpc_session_input(struct rpc_session *ss, const void *src, size_t len)
{
	const char *p = src;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n') {
			size_t line_len = ss->line_len;

			ss->line_len = 0;
			rpc_session_line(ss, ss->line, line_len);
		} else if (ss->line_len < RPC_LINE_MAX) {
			/* a full buffer is a line that is too long */
			ss->line[ss->line_len++] = p[i];
		}
	}
}
