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
	bool has_partition; /* the method takes a "name": this one's */
	uint32_t index;     /* ... then the partition */
	bool is_answered;
	struct json_writer w; /* see rpc_result() */
};

void rpc_dispatch(struct rpc_request *rq, json_ref method);
struct json_writer *rpc_result(struct rpc_request *rq);
void rpc_refuse(struct rpc_request *rq, int32_t code, const char *fmt, ...)
	printf_like(3, 4);
struct json_writer *rpc_refuse_begin(struct rpc_request *rq, int32_t code,
				     const char *kind, const char *message);
void rpc_refuse_end(struct rpc_request *rq);
void rpc_reply_agent(struct rpc_call *call, const struct agent_reply *reply);
void rpc_send_line(struct rpc_session *ss, struct json_writer *w);

/* rpc_methods.c: what handlers share. */
bool rpc_param_u64(struct rpc_request *rq, const char *key, uint64_t dflt,
		   uint64_t *out);
bool rpc_param_bool(struct rpc_request *rq, const char *key, bool *out);
bool rpc_param_limits(struct rpc_request *rq, struct limit_change *out);
void rpc_answer(struct rpc_request *rq, enum status st,
		const struct refusal *why);
void rpc_reply_ring(struct rpc_request *rq, const struct ring *ring,
		    const struct machine_log_before *of);

/* Handlers of rpc_partition.c. */
void rpc_partition_list(struct rpc_request *rq);
void rpc_partition_state(struct rpc_request *rq);
void rpc_partition_exits(struct rpc_request *rq);
void rpc_partition_why(struct rpc_request *rq);
void rpc_partition_console(struct rpc_request *rq);
void rpc_partition_write(struct rpc_request *rq);
void rpc_partition_cpuid(struct rpc_request *rq);

/* Handlers of rpc_life.c. */
void rpc_partition_create(struct rpc_request *rq);
void rpc_partition_start(struct rpc_request *rq);
void rpc_partition_pause(struct rpc_request *rq);
void rpc_partition_resume(struct rpc_request *rq);
void rpc_partition_stop(struct rpc_request *rq);
void rpc_partition_kill(struct rpc_request *rq);
void rpc_partition_reset(struct rpc_request *rq);
void rpc_partition_delete(struct rpc_request *rq);
void rpc_partition_update(struct rpc_request *rq);
void rpc_group_create(struct rpc_request *rq);
void rpc_group_update(struct rpc_request *rq);
void rpc_group_delete(struct rpc_request *rq);
void rpc_write_stop(struct json_writer *w, const struct partition_view *v);

/* Handlers of rpc_stats.c. */
void rpc_partition_stats(struct rpc_request *rq);
void rpc_group_list(struct rpc_request *rq);
void rpc_machine_top(struct rpc_request *rq);

/* Handlers of rpc_container.c. */
void rpc_container(struct rpc_request *rq);
void rpc_subscribe(struct rpc_request *rq);

#endif
