/*
 * agent_link.c - the VMM's side of the conversation with one agent.
 *
 * Incoming bytes are gathered to lines in rx; a line is parsed strictly and is
 * a reply (it has an id) or a notification (it has a method). Outgoing bytes
 * are gathered in tx, because vsock takes them only as credit allows.
 *
 * Invariants
 *  1. A call that was accepted ends exactly once: by its reply, by a time-out
 *     or by the loss of the link.
 *  2. Nothing the agent sends makes the VMM keep more than rx, or do more than
 *     one parse a line. Unknown ids and methods are counted and dropped.
 *  3. A line in tx is whole: a call that does not fit is refused.
 */
#include "agent_link.h"
#include <bh/assert.h>
#include <bh/string.h>

/** agent_link_init() - a closed link. @ops and @ctx stay as long as @l. */
void agent_link_init(struct agent_link *l, const struct agent_link_ops *ops,
		     void *ctx)
{
	memset(l, 0, offsetof(struct agent_link, rx));
	l->ops = ops;
	l->ctx = ctx;
	l->state = AGENT_LINK_CLOSED;
	l->next_id = 1;
	json_doc_init(&l->doc, l->tokens, AGENT_LINK_TOKEN_MAX);
}

/** agent_link_is_ready() - may calls be made? */
bool agent_link_is_ready(const struct agent_link *l)
{
	return l->state == AGENT_LINK_READY;
}

/* End one call; its slot is free before the callback runs. */
static void agent_link_end(struct agent_link *l, struct agent_call *call,
			   const struct agent_reply *reply)
{
	agent_done_fn *done = call->done;
	void *ctx = call->ctx;
	bool nested = l->in_callback;

	call->id = 0;
	l->in_callback = true;
	done(ctx, reply);
	l->in_callback = nested;
}

static void agent_link_end_error(struct agent_link *l, struct agent_call *call,
				 int32_t code, const char *message)
{
	char body[160];
	struct json_writer w;
	struct agent_reply reply = { .code = code, .body = body };

	json_write_init(&w, body, sizeof(body));
	json_print(&w, "{'code':%d,'message':'%s'}", code, message);
	reply.len = w.len;
	agent_link_end(l, call, &reply);
}

/* Who waits for a container's end would wait for ever: there is none now. */
static void agent_link_tell_gone(struct agent_link *l, const char *why)
{
	char text[96];
	struct json_writer w;

	json_write_init(&w, text, sizeof(text));
	json_print(&w, "{'why':'%s'}", why);
	if (!w.overflow) {
		l->ops->notify(l->ctx, "agent.gone", text, w.len);
	}
}

/**
 * agent_link_lost() - the stream is gone: end all calls with RPC_ERR_GONE, then
 * notify of "agent.gone".
 * @why: a static sentence. Called by the owner; ops->closed is not called.
 *
 * Not from within a handler of rpc.c (rpc_notify()).
 */
void agent_link_lost(struct agent_link *l, const char *why)
{
	if (l->state == AGENT_LINK_CLOSED) {
		return;
	}
	l->state = AGENT_LINK_CLOSED;
	l->why = why;
	l->rx_len = 0;
	l->tx_len = 0;
	l->tx_head = 0;
	for (uint32_t i = 0; i < AGENT_LINK_CALL_MAX; i++) {
		if (l->calls[i].id != 0) {
			agent_link_end_error(l, &l->calls[i], RPC_ERR_GONE,
					     why);
		}
	}
	agent_link_tell_gone(l, why);
}

/* The agent broke the protocol. */
static void agent_link_breach(struct agent_link *l, const char *why)
{
	agent_link_lost(l, why);
	l->ops->closed(l->ctx, why);
}

/** agent_link_open() - the agent has connected; its first line is awaited. */
void agent_link_open(struct agent_link *l)
{
	agent_link_lost(l, "the agent connected anew");
	l->state = AGENT_LINK_WAIT_READY;
	l->why = NULL;
}

/* Send what vsock takes. send() may come back here through a poll. */
static void agent_link_flush(struct agent_link *l)
{
	if (l->is_flushing) {
		return;
	}
	l->is_flushing = true;
	while (l->tx_head < l->tx_len) {
		size_t left = l->tx_len - l->tx_head;
		size_t n = l->ops->send(l->ctx, l->tx + l->tx_head, left);

		if (n == 0 || n > left || l->state == AGENT_LINK_CLOSED) {
			break;
		}
		l->tx_head += (uint32_t)n;
	}
	l->is_flushing = false;
	if (l->tx_head == l->tx_len) {
		l->tx_head = 0;
		l->tx_len = 0;
	}
}

/* The call with this id; 0: a free one. */
static struct agent_call *agent_link_find(struct agent_link *l, uint64_t id)
{
	for (uint32_t i = 0; i < AGENT_LINK_CALL_MAX; i++) {
		if (l->calls[i].id == id) {
			return &l->calls[i];
		}
	}
	return NULL;
}

/* A line with an id: the end of a call, or nothing we know. */
static void agent_link_on_reply(struct agent_link *l, json_ref id)
{
	json_ref error = json_member(&l->doc, 0, "error");
	json_ref result = json_member(&l->doc, 0, "result");
	struct agent_reply reply = { 0 };
	struct agent_call *call;
	uint64_t number;
	int64_t code;

	if ((error == JSON_NONE) == (result == JSON_NONE)) {
		agent_link_breach(l, "the agent sent a reply with neither or "
				     "both of result and error");
		return;
	}
	call = json_u64(&l->doc, id, &number) && number != 0
		       ? agent_link_find(l, number)
		       : NULL;
	if (call == NULL) {
		l->stats.unknown_id_count++;
		return;
	}
	if (error != JSON_NONE) {
		reply.code = RPC_ERR_INTERNAL;
		if (json_i64(&l->doc, json_member(&l->doc, error, "code"),
			     &code) &&
		    code < 0 && code >= INT32_MIN) {
			reply.code = (int32_t)code;
		}
		if (json_kind(&l->doc, json_member(&l->doc, error,
						   "message")) != JSON_STRING) {
			agent_link_end_error(l, call, RPC_ERR_INTERNAL,
					     "the agent sent an error without "
					     "a message");
			return;
		}
	}
	reply.body = json_raw(&l->doc, error != JSON_NONE ? error : result,
			      &reply.len);
	agent_link_end(l, call, &reply);
}

/* A line without an id. The strings handed on point into rx. */
static void agent_link_on_notify(struct agent_link *l, json_ref method)
{
	static const char *const known[] = { "container.output",
					     "container.event" };
	json_ref params = json_member(&l->doc, 0, "params");
	bool is_ready = json_string_is(&l->doc, method, "agent.ready");
	const char *raw;
	size_t len;

	if (json_kind(&l->doc, params) != JSON_OBJECT) {
		agent_link_breach(l, "the agent sent a notification without "
				     "params");
		return;
	}
	raw = json_raw(&l->doc, params, &len);
	if (l->state == AGENT_LINK_WAIT_READY) {
		if (!is_ready) {
			agent_link_breach(l, "the agent's first line is not "
					     "agent.ready");
			return;
		}
		l->state = AGENT_LINK_READY;
		l->in_callback = true;
		l->ops->ready(l->ctx, raw, len);
		l->in_callback = false;
		return;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(known); i++) {
		if (json_string_is(&l->doc, method, known[i])) {
			l->in_callback = true;
			l->ops->notify(l->ctx, known[i], raw, len);
			l->in_callback = false;
			return;
		}
	}
	l->stats.unknown_method_count++;
}

static void agent_link_line(struct agent_link *l, const char *line, size_t len)
{
	struct json_error err;
	json_ref id, method;

	l->stats.line_count++;
	if (json_parse(&l->doc, line, len, &err) != OK ||
	    json_kind(&l->doc, 0) != JSON_OBJECT) {
		agent_link_breach(l, "the agent sent a line that is not a "
				     "JSON object");
		return;
	}
	id = json_member(&l->doc, 0, "id");
	method = json_member(&l->doc, 0, "method");
	if (json_kind(&l->doc, method) == JSON_STRING && id == JSON_NONE) {
		agent_link_on_notify(l, method);
	} else if (method == JSON_NONE && id != JSON_NONE &&
		   l->state == AGENT_LINK_READY) {
		agent_link_on_reply(l, id);
	} else {
		agent_link_breach(l, "the agent sent something that is neither "
				     "a reply nor a notification");
	}
}

/**
 * agent_link_input() - bytes that the agent sent.
 * Each whole line is acted upon at once; callbacks run from here.
 */
void agent_link_input(struct agent_link *l, const void *src, size_t len)
{
	const char *p = src;

	ASSERT(!l->in_callback);
	for (size_t i = 0; i < len && l->state != AGENT_LINK_CLOSED; i++) {
		if (p[i] == '\n') {
			uint32_t line_len = l->rx_len;

			l->rx_len = 0;
			agent_link_line(l, l->rx, line_len);
		} else if (l->rx_len < RPC_LINE_MAX - 1) {
			l->rx[l->rx_len++] = p[i];
		} else {
			agent_link_breach(l, "the agent sent a line that is "
					     "longer than 32 KiB");
		}
	}
}

/**
 * agent_link_poll() - send what is waiting and end calls that took too long.
 * @now_us: any monotonic clock, microseconds
 */
void agent_link_poll(struct agent_link *l, uint64_t now_us)
{
	l->now_us = now_us;
	if (l->state == AGENT_LINK_CLOSED) {
		return;
	}
	agent_link_flush(l);
	for (uint32_t i = 0; i < AGENT_LINK_CALL_MAX; i++) {
		struct agent_call *call = &l->calls[i];

		if (call->id != 0 && now_us >= call->deadline_us) {
			l->stats.timeout_count++;
			agent_link_end_error(l, call, RPC_ERR_GONE,
					     "the agent did not answer in 60 "
					     "s; see its console");
		}
	}
}

/* Copy into tx; line ends become blanks (JSON has them between values only). */
static void agent_link_put(struct agent_link *l, const char *src, size_t len)
{
	char *dst = l->tx + l->tx_len;

	memcpy(dst, src, len);
	for (size_t i = 0; i < len; i++) {
		if (dst[i] == '\n' || dst[i] == '\r' || dst[i] == '\t') {
			dst[i] = ' ';
		}
	}
	l->tx_len += (uint32_t)len;
}

/* Room for a line of @len bytes at the end of tx? Moves what is left there. */
static bool agent_link_room(struct agent_link *l, size_t len)
{
	if (len > RPC_LINE_MAX) {
		return false;
	}
	if (len > AGENT_LINK_TX_MAX - l->tx_len && l->tx_head > 0) {
		memmove(l->tx, l->tx + l->tx_head, l->tx_len - l->tx_head);
		l->tx_len -= l->tx_head;
		l->tx_head = 0;
	}
	return len <= AGENT_LINK_TX_MAX - l->tx_len;
}

/**
 * agent_link_call() - ask the agent for something.
 * @method: its name
 * @params: JSON of the params object in @part_count pieces (blanks and line
 *	    ends between values allowed); checked by the caller
 * @done:   called exactly once if OK is returned, never before the return
 *
 * Return: OK; ERR_STATE if the agent is not ready; ERR_LIMIT if too many calls
 *	   are under way; ERR_TOO_BIG if the line would exceed RPC_LINE_MAX;
 *	   ERR_BUSY if the agent does not take its bytes.
 */
enum status agent_link_call(struct agent_link *l, const char *method,
			    const struct agent_part *params,
			    uint32_t part_count, agent_done_fn *done, void *ctx)
{
	struct agent_call *call = agent_link_find(l, 0);
	struct json_writer w;
	char head[96];
	size_t total;

	if (l->state != AGENT_LINK_READY) {
		return ERR_STATE;
	}
	if (call == NULL) {
		return ERR_LIMIT;
	}
	l->next_id += l->next_id == 0;
	json_write_init(&w, head, sizeof(head));
	json_print(&w, "{'jsonrpc':'2.0','id':%u,'method':'%s','params':",
		   l->next_id, method);
	if (w.overflow) {
		return ERR_TOO_BIG;
	}
	total = w.len + 2;
	for (uint32_t i = 0; i < part_count; i++) {
		if (params[i].len > RPC_LINE_MAX - total) {
			return ERR_TOO_BIG;
		}
		total += params[i].len;
	}
	if (!agent_link_room(l, total)) {
		return ERR_BUSY;
	}
	agent_link_put(l, head, w.len);
	for (uint32_t i = 0; i < part_count; i++) {
		agent_link_put(l, params[i].p, params[i].len);
	}
	agent_link_put(l, "}", 1);
	l->tx[l->tx_len++] = '\n';
	*call = (struct agent_call){ .id = l->next_id++,
				     .deadline_us =
					     l->now_us + AGENT_LINK_TIMEOUT_US,
				     .done = done,
				     .ctx = ctx };
	agent_link_flush(l);
	return OK;
}
