/*
 * rpc_machine.c - the methods machine.*: what the whole machine is and does.
 */
#include "rpc_internal.h"

/** rpc_machine_info() - version, CPU, features, memory, uptime. */
void rpc_machine_info(struct rpc_request *rq)
{
	static const char *const states[] = {
		[MACHINE_FEATURE_USED] = "used",
		[MACHINE_FEATURE_OFF] = "off",
		[MACHINE_FEATURE_ABSENT] = "absent",
	};
	struct machine_info info = { 0 };
	struct json_writer w;

	rq->server->machine->info(rq->server->ctx, &info);
	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_put_string(&w, "version", info.version);
	json_put_u64(&w, "protocol", RPC_VERSION);
	json_put_string(&w, "backend", info.backend);
	json_put_string(&w, "cpu_vendor", info.cpu_vendor);
	json_put_string(&w, "cpu_brand", info.cpu_brand);
	json_put_u64(&w, "cpus", info.cpu_count);
	json_put_u64(&w, "memory", info.memory_bytes);
	json_put_u64(&w, "tsc_khz", info.tsc_khz);
	json_put_u64(&w, "uptime_us", info.uptime_us);
	json_write_key(&w, "features");
	json_write_open(&w, '{');
	for (uint32_t i = 0; i < info.feature_count && i < MACHINE_FEATURE_MAX;
	     i++) {
		json_put_string(&w, info.features[i].name,
				states[info.features[i].state]);
	}
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}

/** rpc_machine_mem() - who owns how much memory. */
void rpc_machine_mem(struct rpc_request *rq)
{
	struct machine_mem *mem = &rq->server->mem;
	struct json_writer w;

	*mem = (struct machine_mem){ 0 };
	rq->server->machine->mem(rq->server->ctx, mem);
	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_put_u64(&w, "total", mem->total_bytes);
	json_put_u64(&w, "free", mem->free_bytes);
	json_write_key(&w, "owners");
	json_write_open(&w, '[');
	for (uint32_t i = 0; i < mem->owner_count && i < MACHINE_MEM_MAX; i++) {
		json_write_open(&w, '{');
		json_put_string(&w, "name", mem->owners[i].name);
		json_put_string(&w, "what", mem->owners[i].what);
		json_put_u64(&w, "bytes", mem->owners[i].bytes);
		json_write_close(&w, '}');
	}
	json_write_close(&w, ']');
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}

/** rpc_machine_log() - a piece of the VMM's log. */
void rpc_machine_log(struct rpc_request *rq)
{
	rpc_reply_ring(rq, rq->server->machine->log(rq->server->ctx));
}

/** rpc_machine_poweroff() - reply first: there may be no later. */
void rpc_machine_poweroff(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;

	rpc_reply_empty(rq->call);
	s->machine->poweroff(s->ctx);
}
