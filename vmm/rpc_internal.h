/*
 * rpc_internal.h - what the rpc*.c files share; for no one else.
 */
#ifndef VMM_RPC_INTERNAL_H
#define VMM_RPC_INTERNAL_H

#include "rpc.h"

/* clang-format off */
/* X(method, handler, the parameters it takes; NULL: not looked at here) */
#define RPC_METHOD_LIST(X)                                                     \
	X("machine.info",            machine_info,      "")                    \
	X("machine.mem",             machine_mem,       "")                    \
	X("machine.log",             machine_log,       "offset")              \
	X("machine.poweroff",        machine_poweroff,  "")                    \
	X("partition.list",          partition_list,    "")                    \
	X("partition.start",         partition_start,   "name")                \
	X("partition.stop",          partition_stop,    "name timeout_ms")     \
	X("partition.kill",          partition_kill,    "name")                \
	X("partition.reset",         partition_reset,   "name")                \
	X("partition.stats",         partition_stats,   "name")                \
	X("partition.exits",         partition_exits,   "name")                \
	X("partition.why",           partition_why,     "name")                \
	X("partition.console",       partition_console, "name offset")         \
	X("partition.console.write", partition_write,   "name data")           \
	X("partition.cpuid",         partition_cpuid,   "name")                \
	X("container.create",        container,         NULL)                  \
	X("container.run",           container,         NULL)                  \
	X("container.start",         container,         NULL)                  \
	X("container.state",         container,         NULL)                  \
	X("container.list",          container,         NULL)                  \
	X("container.exec",          container,         NULL)                  \
	X("container.kill",          container,         NULL)                  \
	X("container.delete",        container,         NULL)                  \
	X("container.logs",          container,         NULL)                  \
	X("container.attach",        container,         NULL)                  \
	X("container.stdin",         container,         NULL)                  \
	X("container.stats",         container,         NULL)                  \
	X("container.namespaces",    container,         NULL)                  \
	X("agent.ping",              container,         NULL)                  \
	X("agent.info",              container,         NULL)                  \
	X("subscribe",               subscribe,         "partition")
/* clang-format on */

/* One request while its handler runs; doc is the server's. */
struct rpc_request {
	struct rpc_server *server;
	struct rpc_session *session;
	struct rpc_call *call;
	const char *method; /* the table's string */
	json_ref params;    /* an object, or JSON_NONE */
};

typedef void rpc_handler_fn(struct rpc_request *rq);

#define X(method, handler, params) void rpc_##handler(struct rpc_request *rq);
RPC_METHOD_LIST(X)
#undef X

/* A reply: begin, write one value into the writer, end. */
void rpc_reply_begin(struct rpc_call *call, struct json_writer *w);
void rpc_reply_end(struct rpc_call *call, struct json_writer *w);
void rpc_reply_empty(struct rpc_call *call);
void rpc_reply_error(struct rpc_call *call, int32_t code, const char *fmt, ...)
	printf_like(3, 4);
void rpc_reply_agent(struct rpc_call *call, const struct agent_reply *reply);

/* Parameters; false after an error was replied. */
bool rpc_param_partition(struct rpc_request *rq, uint32_t *index);
bool rpc_param_u64(struct rpc_request *rq, const char *key, uint64_t dflt,
		   uint64_t *out);
void rpc_reply_ring(struct rpc_request *rq, const struct ring *ring);
void rpc_copy_members(struct json_writer *w, const struct json_doc *d,
		      json_ref obj, const char *skip);

#endif
