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

/* The only partition that runs; false if not exactly one does. */
static bool rpc_only_partition(uint32_t *index)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < ops_count(); i++) {
		struct partition_view v = { 0 };

		ops_view(i, &v);
		if (v.state == PARTITION_RUNNING) {
			*index = i;
			found++;
		}
	}
	return found == 1;
}

/* params.partition in @name, "" if it is absent; false after an error. */
static bool rpc_param_partition(struct rpc_request *rq,
				char name[RPC_NAME_MAX + 1])
{
	const struct json_doc *d = &rq->server->doc;
	json_ref r = json_member(d, rq->params, "partition");

	name[0] = '\0';
	if (r == JSON_NONE) {
		return true;
	}
	if (json_string(d, r, name, RPC_NAME_MAX + 1, NULL) == ERR_INVALID) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: params.partition is no "
			   "string",
			   rq->method);
		return false;
	}
	if (!rpc_find_partition(name, &rq->index)) {
		rpc_refuse(rq, RPC_ERR_NOENT,
			   "no partition \"%s\"; partition.list shows which "
			   "there are",
			   name);
		return false;
	}
	return true;
}

static void rpc_container_done(void *ctx, const struct agent_reply *reply)
{
	rpc_reply_agent(ctx, reply);
}

/* The members of @obj, as they are, but for "partition". */
static void rpc_copy_members(struct json_writer *w, const struct json_doc *d,
			     json_ref obj)
{
	for (json_ref k = json_first(d, obj); k >= 0; k = json_next(d, k)) {
		size_t key_len, len;
		const char *key = json_raw(d, k, &key_len);
		const char *value = json_raw(d, json_value(d, k), &len);

		if (!json_string_is(d, k, "partition")) {
			json_write_raw(w, key, key_len);
			json_print(w, ":");
			json_write_raw(w, value, len);
		}
	}
}

/* Hand the request to the agent of rq->index. */
static enum status rpc_container_call(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	struct agent_link *link = ops_agent_link(rq->index);
	struct agent_part part = { .p = s->params };
	struct json_writer w;

	json_write_init(&w, s->params, sizeof(s->params));
	json_print(&w, "{");
	rpc_copy_members(&w, &s->doc, rq->params);
	json_print(&w, "}");
	if (w.overflow) {
		return ERR_TOO_BIG;
	}
	part.len = w.len;
	return link == NULL ? ERR_STATE
			    : agent_link_call(link, rq->method, &part, 1,
					      rpc_container_done, rq->call);
}

/** rpc_container() - pass a call on to an agent. */
void rpc_container(struct rpc_request *rq)
{
	struct partition_view v = { 0 };
	char name[RPC_NAME_MAX + 1];
	enum status st;

	if (!rpc_param_partition(rq, name)) {
		return;
	}
	if (name[0] == '\0' && !rpc_only_partition(&rq->index)) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: not exactly one partition runs; name one in "
			   "params.partition (see partition.list)",
			   rq->method);
		return;
	}
	st = rpc_container_call(rq);
	ops_view(rq->index, &v);
	if (st == OK) {
		rq->is_answered = true; /* by rpc_container_done */
	} else if (st == ERR_STATE) {
		rpc_refuse(rq, RPC_ERR_STATE,
			   "partition %s is %s and its agent is not ready; "
			   "start it, or read its console",
			   v.name, partition_state_word(v.state));
	} else if (st == ERR_TOO_BIG) {
		rpc_refuse(rq, RPC_ERR_LIMIT,
			   "the request is longer than a line may be");
	} else {
		rpc_refuse(rq, RPC_ERR_BUSY,
			   "the agent of %s is busy: %s; try again later",
			   v.name, status_text(st));
	}
}

/** rpc_subscribe() - have container notifications sent to this session. */
void rpc_subscribe(struct rpc_request *rq)
{
	char name[RPC_NAME_MAX + 1];

	if (rpc_param_partition(rq, name)) {
		rq->session->is_subscribed = true;
		str_copy(rq->session->subscription,
			 sizeof(rq->session->subscription), name);
	}
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
	json_print(&w,
		   "{'jsonrpc':'2.0','method':'%s','params':{'partition':'%s'",
		   method, partition);
	rpc_copy_members(&w, &s->doc, 0);
	json_print(&w, "}}");
	for (uint32_t i = 0; i < s->session_count && !w.overflow; i++) {
		struct rpc_session *ss = s->sessions[i];
		struct json_writer line = w;

		if (ss->is_subscribed &&
		    (ss->subscription[0] == '\0' ||
		     strcmp(ss->subscription, partition) == 0)) {
			rpc_send_line(ss, &line);
		}
	}
}
