/*
 * rpc.h - JSON-RPC 2.0 over conn.h: calls, replies, notifications.
 *
 * A method answers at once (returns RPC_REPLIED with call->result), fails
 * (returns RPC_FAILED with the error filled in) or keeps the call by
 * rpc_defer() and answers later (returns RPC_DEFERRED). A call that was kept
 * gets exactly one rpc_reply() or rpc_fail(); if its connection is gone by
 * then, the answer is dropped.
 */
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include "error.h"
#include <stdint.h>

enum rpc_verdict { RPC_REPLIED, RPC_FAILED = -1, RPC_DEFERRED = 1 };

struct rpc_call {
	uint32_t generation; /* of the connection it came over */
	json_t *id;
	json_t *result; /* set by a method that returns RPC_REPLIED */
};

typedef enum rpc_verdict (*rpc_method_fn)(struct rpc_call *call, json_t *params,
					  struct agent_error *e);

struct rpc_method {
	const char *name;
	rpc_method_fn fn;
};

/** rpc_init() - serve the @count methods of @table. */
void rpc_init(const struct rpc_method *table, size_t count);
/** rpc_defer() - keep @call beyond the method's return; NULL: no memory. */
struct rpc_call *rpc_defer(struct rpc_call *call);
/** rpc_reply() - answer a kept call; takes @result (NULL: {}) and frees. */
void rpc_reply(struct rpc_call *call, json_t *result);
/** rpc_fail() - answer a kept call with an error and free it. */
void rpc_fail(struct rpc_call *call, const struct agent_error *e);
/** rpc_notify() - send a notification; takes @params. */
void rpc_notify(const char *method, json_t *params);

#endif
