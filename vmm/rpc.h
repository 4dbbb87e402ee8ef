/*
 * rpc.h - the JSON-RPC server: every carrier's requests end up here.
 *
 * One server, several sessions (COM2, the shell). A session assembles lines,
 * a line is parsed strictly, its method looked up in a table, and the handler
 * replies at once, or keeps the call and the reply comes later.
 *
 * Invariants
 *  1. A request with an id gets exactly one reply, on the session it came from.
 *  2. At most RPC_CALLS_MAX calls of a session are under way.
 *  3. Junk never ends a session: it gets RPC_ERR_PARSE, and the next line is
 *     looked at afresh.
 * Context: the management context (one CPU at a time). send() must not call
 * back into the server.
 */
#ifndef VMM_RPC_H
#define VMM_RPC_H

#include "agent_link.h"
#include "json.h"
#include "top.h"
#include <hv/partition_ops.h>
#include <proto/rpc.h>

#define RPC_SESSION_MAX 4
#define RPC_TOKEN_MAX   2112 /* a whole config.json, and what is around it */
#define RPC_CHUNK_MAX   4096 /* bytes of a console or log in one reply */
#define RPC_ID_MAX      64   /* bytes of an id as it was written */

struct rpc_server;
struct rpc_session;

/* One request that is to be answered. */
struct rpc_call {
	struct rpc_session *session;
	bool in_use;
	bool is_notification; /* no id: do the work, send nothing */
	/* answered when a partition's stop has come to its end (rpc_poll) */
	bool waits_for_stop;
	uint32_t partition_id;
	uint32_t id_len;
	char id[RPC_ID_MAX]; /* raw JSON: a number or a string */
};

struct rpc_session_ops {
	/* One whole message, LF included. False: no room now, dropped. */
	bool (*send)(void *ctx, const char *text, size_t len);
};

struct rpc_session {
	struct rpc_server *server;         /* (c) */
	const struct rpc_session_ops *ops; /* (c) */
	void *ctx;                         /* (c) */
	bool is_subscribed;
	char subscription[RPC_NAME_MAX + 1]; /* "": every partition */
	uint64_t dropped_count; /* messages that send() had no room for */
	struct rpc_call calls[RPC_CALLS_MAX];
	uint32_t line_len;
	char line[RPC_LINE_MAX];
};

struct rpc_server {
	struct rpc_session *sessions[RPC_SESSION_MAX];
	uint32_t session_count;
	struct json_doc doc;
	jsmntok_t tokens[RPC_TOKEN_MAX];
	char out[RPC_LINE_MAX];    /* the message being composed */
	char params[RPC_LINE_MAX]; /* params passed on to an agent */
	char chunk[RPC_CHUNK_MAX]; /* bytes read from a ring */
	struct top top;            /* what machine.top compares with */
};

void rpc_server_init(struct rpc_server *s);
must_check enum status rpc_session_open(struct rpc_session *ss,
					struct rpc_server *s,
					const struct rpc_session_ops *ops,
					void *ctx);
void rpc_session_input(struct rpc_session *ss, const void *src, size_t len);
void rpc_session_line(struct rpc_session *ss, const char *text, size_t len);
void rpc_poll(struct rpc_server *s);
bool rpc_find_partition(const char *name, uint32_t *index);
void rpc_notify(struct rpc_server *s, const char *partition, const char *method,
		const char *params, size_t len);

#endif
