/*
 * rpc_internal.h - what the rpc*.c files share; for no one else.
 */
#ifndef VMM_RPC_INTERNAL_H
#define VMM_RPC_INTERNAL_H

#include "rpc.h"

/*
 * One request while its handler runs. A handler answers in one of three ways:
 * it writes its result with rpc_result(), none means {}; it calls rpc_refuse();
 * or it sets is_answered, keeps the call and replies later.
 */
struct rpc_request {
	struct rpc_server *server;
	struct rpc_session *session;
	struct rpc_call *call;
	const char *method; /* the table's string */
	json_ref params;    /* an object, or JSON_NONE; in the server's doc */
	uint32_t index;     /* the partition, if the method takes a "name" */
	bool is_answered;
	struct json_writer w; /* see rpc_result() */
};

void rpc_dispatch(struct rpc_request *rq, json_ref method);
struct json_writer *rpc_result(struct rpc_request *rq);
void rpc_refuse(struct rpc_request *rq, int32_t code, const char *fmt, ...)
	printf_like(3, 4);
void rpc_reply_agent(struct rpc_call *call, const struct agent_reply *reply);
void rpc_send_line(struct rpc_session *ss, struct json_writer *w);

/* Handlers of rpc_container.c. */
void rpc_container(struct rpc_request *rq);
void rpc_subscribe(struct rpc_request *rq);

#endif
