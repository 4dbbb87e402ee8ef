/*
 * rpc_container.c - container.*: passed on to the agent of a partition.
 *
 * The VMM knows nothing of containers. It finds the partition, takes the member
 * "partition" out of the parameters, and hands the rest to the agent; the
 * answer goes back under the caller's own id. Notifications go the other way,
 * to those who subscribed, with the member "partition" put in; one that the
 * agent wrote itself is dropped, since it would be a lie about its sender.
 */
#include "rpc_internal.h"
#include <bh/string.h>

/* The only partition that runs and has an agent; false if not exactly one. */
static bool rpc_only_partition(struct rpc_server *s, uint32_t *index)
{
	uint32_t count = s->partitions->count(s->ctx), found = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct partition_view v = { 0 };

		s->partitions->view(s->ctx, i, &v);
		if (v.state == PARTITION_RUNNING) {
			*index = i;
			found++;
		}
	}
	return found == 1;
}

/* params.partition, or the only one; false after an error was replied. */
static bool rpc_container_target(struct rpc_request *rq, uint32_t *index)
{
	const struct json_doc *d = &rq->server->doc;
	json_ref r = json_member(d, rq->params, "partition");
	char name[RPC_NAME_MAX + 1];

	if (r == JSON_NONE) {
		if (rpc_only_partition(rq->server, index)) {
			return true;
		}
		rpc_reply_error(rq->call, RPC_ERR_PARAMS,
				"%s: not exactly one partition runs; name one "
				"in params.partition (see partition.list)",
				rq->method);
		return false;
	}
	if (json_string(d, r, name, sizeof(name), NULL) == ERR_INVALID) {
		rpc_reply_error(rq->call, RPC_ERR_PARAMS,
				"%s: params.partition is no string",
				rq->method);
		return false;
	}
	if (!rpc_server_find(rq->server, name, index)) {
		rpc_reply_error(rq->call, RPC_ERR_NOENT,
				"no partition \"%s\"; partition.list shows "
				"which there are",
				name);
		return false;
	}
	return true;
}

static void rpc_container_done(void *ctx, const struct agent_reply *reply)
{
	rpc_reply_agent(ctx, reply);
}

static void rpc_container_refused(struct rpc_request *rq, uint32_t index,
				  enum status st)
{
	struct partition_view v = { 0 };

	rq->server->partitions->view(rq->server->ctx, index, &v);
	if (st == ERR_STATE) {
		rpc_reply_error(rq->call, RPC_ERR_STATE,
				"partition %s is %s and its agent is not "
				"ready; start it, or read its console",
				v.name, partition_state_word(v.state));
	} else if (st == ERR_TOO_BIG) {
		rpc_reply_error(rq->call, RPC_ERR_LIMIT,
				"the request is longer than a line may be");
	} else {
		rpc_reply_error(rq->call, RPC_ERR_BUSY,
				"the agent of %s is busy: %s; try again later",
				v.name, status_text(st));
	}
}

/** rpc_container() - pass a call on to an agent. */
void rpc_container(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	struct agent_part part = { .p = s->params };
	struct agent_link *link;
	struct json_writer w;
	enum status st;
	uint32_t index;

	if (!rpc_container_target(rq, &index)) {
		return;
	}
	json_write_init(&w, s->params, sizeof(s->params));
	json_write_open(&w, '{');
	rpc_copy_members(&w, &s->doc, rq->params, "partition");
	json_write_close(&w, '}');
	if (!json_write_ok(&w)) {
		rpc_container_refused(rq, index, ERR_TOO_BIG);
		return;
	}
	part.len = w.len;
	link = s->partitions->agent_link(s->ctx, index);
	st = link == NULL ? ERR_STATE
			  : agent_link_call(link, rq->method, &part, 1,
					    rpc_container_done, rq->call);
	if (st != OK) {
		rpc_container_refused(rq, index, st);
	}
}

/** rpc_subscribe() - have container notifications sent to this session. */
void rpc_subscribe(struct rpc_request *rq)
{
	struct rpc_session *ss = rq->session;
	const struct json_doc *d = &rq->server->doc;
	json_ref r = json_member(d, rq->params, "partition");
	char name[RPC_NAME_MAX + 1] = "";
	uint32_t index;

	if (r != JSON_NONE &&
	    (json_string(d, r, name, sizeof(name), NULL) != OK ||
	     !rpc_server_find(rq->server, name, &index))) {
		rpc_reply_error(rq->call, RPC_ERR_NOENT,
				"no partition \"%s\"; partition.list shows "
				"which there are",
				name);
		return;
	}
	ss->is_subscribed = true;
	str_copy(ss->subscription, sizeof(ss->subscription), name);
	rpc_reply_empty(rq->call);
}

/**
 * rpc_notify() - forward a notification of an agent to the subscribers.
 * @partition: whose agent it came from
 * @params:    raw JSON of an object, checked by agent_link.c
 *
 * Not from within a handler: the server's document is used.
 */
void rpc_notify(struct rpc_server *s, const char *partition, const char *method,
		const char *params, size_t len)
{
	struct json_error err;
	struct json_writer w;

	if (json_parse(&s->doc, params, len, &err) != OK ||
	    json_kind(&s->doc, 0) != JSON_OBJECT) {
		return;
	}
	json_write_init(&w, s->out, sizeof(s->out) - 1);
	json_write_open(&w, '{');
	json_put_string(&w, "jsonrpc", "2.0");
	json_put_string(&w, "method", method);
	json_write_key(&w, "params");
	json_write_open(&w, '{');
	json_put_string(&w, "partition", partition);
	rpc_copy_members(&w, &s->doc, 0, "partition");
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	if (!json_write_ok(&w)) {
		return;
	}
	w.buf[w.len++] = '\n';
	for (uint32_t i = 0; i < s->session_count; i++) {
		struct rpc_session *ss = s->sessions[i];

		if (!ss->is_subscribed ||
		    (ss->subscription[0] != '\0' &&
		     strcmp(ss->subscription, partition) != 0)) {
			continue;
		}
		if (!ss->ops->send(ss->ctx, w.buf, w.len)) {
			ss->dropped_count++;
		}
	}
}
