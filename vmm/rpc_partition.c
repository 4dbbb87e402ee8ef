/*
 * rpc_partition.c - the methods partition.*: look at one, start, stop, type.
 */
#include "rpc_internal.h"
#include "why.h"
#include <bh/string.h>

#define RPC_STOP_TIMEOUT_MS     10000
#define RPC_STOP_TIMEOUT_MAX_MS 600000

/** partition_state_word() - see partition_ops.h. */
const char *partition_state_word(enum partition_state state)
{
	static const char *const words[] = {
#define X(code, word) word,
		PARTITION_STATE_LIST(X)
#undef X
	};

	return (uint32_t)state < ARRAY_COUNT(words) ? words[state] : "?";
}

/** rpc_partition_list() - every partition at a glance. */
void rpc_partition_list(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	uint32_t count = s->partitions->count(s->ctx);
	struct json_writer w;

	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_write_key(&w, "partitions");
	json_write_open(&w, '[');
	for (uint32_t i = 0; i < count; i++) {
		struct partition_view v = { 0 };

		s->partitions->view(s->ctx, i, &v);
		json_write_open(&w, '{');
		json_put_string(&w, "name", v.name);
		json_put_u64(&w, "id", i);
		json_put_string(&w, "state", partition_state_word(v.state));
		json_put_string(&w, "reason", end_reason_word(v.reason));
		json_put_u64(&w, "vcpus", v.vcpu_count);
		json_put_u64(&w, "memory", v.memory_bytes);
		json_put_bool(&w, "agent", v.agent_ready);
		json_put_u64(&w, "exits", v.exit_count);
		json_put_u64(&w, "uptime_us", v.uptime_us);
		json_write_close(&w, '}');
	}
	json_write_close(&w, ']');
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}

/* Reply to an order: {} or why it cannot be. */
static void rpc_partition_reply(struct rpc_request *rq, uint32_t index,
				enum status st)
{
	struct rpc_server *s = rq->server;
	struct partition_view v = { 0 };

	if (st == OK) {
		rpc_reply_empty(rq->call);
		return;
	}
	s->partitions->view(s->ctx, index, &v);
	rpc_reply_error(rq->call,
			st == ERR_STATE   ? RPC_ERR_STATE
			: st == ERR_NOMEM ? RPC_ERR_LIMIT
					  : RPC_ERR_INTERNAL,
			"%s: partition %s is %s: %s; machine.log may say more",
			rq->method, v.name, partition_state_word(v.state),
			status_text(st));
}

/** rpc_partition_start() - start one that is created or has ended. */
void rpc_partition_start(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	uint32_t i;

	if (rpc_param_partition(rq, &i)) {
		rpc_partition_reply(rq, i, s->partitions->start(s->ctx, i));
	}
}

/** rpc_partition_stop() - ask the guest to end; kill it after a while. */
void rpc_partition_stop(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	uint64_t timeout;
	uint32_t i;

	if (!rpc_param_partition(rq, &i) ||
	    !rpc_param_u64(rq, "timeout_ms", RPC_STOP_TIMEOUT_MS, &timeout)) {
		return;
	}
	if (timeout > RPC_STOP_TIMEOUT_MAX_MS) {
		rpc_reply_error(rq->call, RPC_ERR_PARAMS,
				"%s: timeout_ms is at most %d", rq->method,
				RPC_STOP_TIMEOUT_MAX_MS);
		return;
	}
	rpc_partition_reply(rq, i,
			    s->partitions->stop(s->ctx, i, (uint32_t)timeout));
}

/** rpc_partition_kill() - end it now. */
void rpc_partition_kill(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	uint32_t i;

	if (rpc_param_partition(rq, &i)) {
		rpc_partition_reply(rq, i, s->partitions->kill(s->ctx, i));
	}
}

/** rpc_partition_reset() - end it now and start it again. */
void rpc_partition_reset(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	uint32_t i;

	if (rpc_param_partition(rq, &i)) {
		rpc_partition_reply(rq, i, s->partitions->reset(s->ctx, i));
	}
}

static void rpc_device_stats(struct json_writer *w,
			     const struct device_stats *d)
{
	json_write_open(w, '{');
	json_put_string(w, "name", d->name);
	json_put_u64(w, "kicks", d->kick_count);
	json_put_u64(w, "requests", d->request_count);
	json_put_u64(w, "bytes_in", d->bytes_in);
	json_put_u64(w, "bytes_out", d->bytes_out);
	json_put_u64(w, "irqs", d->irq_count);
	json_put_u64(w, "errors", d->error_count);
	json_write_close(w, '}');
}

/** rpc_partition_stats() - the files of cgroup v2, and the devices. */
void rpc_partition_stats(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	struct partition_stats *st = &s->stats;
	struct json_writer w;
	uint32_t i;

	if (!rpc_param_partition(rq, &i)) {
		return;
	}
	*st = (struct partition_stats){ 0 };
	s->partitions->stats(s->ctx, i, st);
	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_write_key(&w, "cpu.stat");
	json_write_open(&w, '{');
	json_put_u64(&w, "usage_usec", st->usage_us);
	json_put_u64(&w, "user_usec", st->guest_us);
	json_put_u64(&w, "system_usec", st->root_us);
	json_write_close(&w, '}');
	json_write_key(&w, "cpu.max");
	if (st->cpu_quota_us == 0) {
		json_write_format(&w, "max %lu", st->cpu_period_us);
	} else {
		json_write_format(&w, "%lu %lu", st->cpu_quota_us,
				  st->cpu_period_us);
	}
	json_put_u64(&w, "cpu.weight", st->cpu_weight);
	json_put_u64(&w, "memory.max", st->memory_max);
	json_put_u64(&w, "memory.current", st->memory_current);
	json_put_u64(&w, "memory.overhead", st->memory_overhead);
	json_put_u64(&w, "exits", st->exit_count);
	json_put_u64(&w, "irqs", st->irq_count);
	json_write_key(&w, "devices");
	json_write_open(&w, '[');
	for (uint32_t d = 0; d < st->device_count && d < PARTITION_DEVICE_MAX;
	     d++) {
		rpc_device_stats(&w, &st->devices[d]);
	}
	json_write_close(&w, ']');
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}

/** rpc_partition_exits() - VM exits by reason, with their time in root mode. */
void rpc_partition_exits(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	struct json_writer w;
	uint64_t total = 0;
	uint32_t i, count;

	if (!rpc_param_partition(rq, &i)) {
		return;
	}
	count = s->partitions->exits(s->ctx, i, s->exits, PARTITION_EXIT_MAX);
	if (count > PARTITION_EXIT_MAX) {
		count = PARTITION_EXIT_MAX;
	}
	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_write_key(&w, "reasons");
	json_write_open(&w, '[');
	for (uint32_t n = 0; n < count; n++) {
		json_write_open(&w, '{');
		json_put_string(&w, "reason", s->exits[n].reason);
		json_put_u64(&w, "count", s->exits[n].count);
		json_put_u64(&w, "root_tsc", s->exits[n].root_tsc);
		json_write_close(&w, '}');
		total += s->exits[n].count;
	}
	json_write_close(&w, ']');
	json_put_u64(&w, "total", total);
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}

/** rpc_partition_why() - how it ended. */
void rpc_partition_why(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	const struct why_record *r;
	struct partition_view v = { 0 };
	struct json_writer w;
	uint32_t i;

	if (!rpc_param_partition(rq, &i)) {
		return;
	}
	r = s->partitions->why(s->ctx, i);
	s->partitions->view(s->ctx, i, &v);
	if (r == NULL || r->reason == END_REASON_NONE) {
		rpc_reply_error(rq->call, RPC_ERR_STATE,
				"partition %s has not ended: it is %s", v.name,
				partition_state_word(v.state));
		return;
	}
	rpc_reply_begin(rq->call, &w);
	why_write_json(&w, v.name, r, s->partitions->exit_name);
	rpc_reply_end(rq->call, &w);
}

/** rpc_partition_console() - a piece of its console. */
void rpc_partition_console(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	uint32_t i;

	if (rpc_param_partition(rq, &i)) {
		rpc_reply_ring(rq, s->partitions->console(s->ctx, i));
	}
}

/** rpc_partition_write() - type on its console. */
void rpc_partition_write(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	json_ref data = json_member(&s->doc, rq->params, "data");
	size_t n, done = 0, total = 0;
	struct json_text t;
	char piece[128];
	uint32_t i;

	if (!rpc_param_partition(rq, &i)) {
		return;
	}
	if (!json_text_open(&s->doc, data, &t)) {
		rpc_reply_error(rq->call, RPC_ERR_PARAMS,
				"%s: params.data is missing or no string",
				rq->method);
		return;
	}
	while ((n = json_text_read(&t, piece, sizeof(piece))) > 0) {
		if (done == total) {
			done += s->partitions->console_write(s->ctx, i, piece,
							     n);
		}
		total += n;
	}
	if (done < total) {
		rpc_reply_error(rq->call, RPC_ERR_BUSY,
				"the console took %zu of %zu bytes: the guest "
				"does not read it",
				done, total);
		return;
	}
	rpc_reply_empty(rq->call);
}

/** rpc_partition_cpuid() - the CPUID leaves that the guest sees. */
void rpc_partition_cpuid(struct rpc_request *rq)
{
	struct rpc_server *s = rq->server;
	struct cpuid_row row;
	struct json_writer w;
	uint32_t i;

	if (!rpc_param_partition(rq, &i)) {
		return;
	}
	rpc_reply_begin(rq->call, &w);
	json_write_open(&w, '{');
	json_write_key(&w, "leaves");
	json_write_open(&w, '[');
	for (uint32_t n = 0;
	     !w.overflow && s->partitions->cpuid(s->ctx, i, n, &row); n++) {
		json_write_open(&w, '{');
		json_put_hex(&w, "leaf", row.leaf);
		json_put_hex(&w, "subleaf", row.subleaf);
		json_put_hex(&w, "eax", row.eax);
		json_put_hex(&w, "ebx", row.ebx);
		json_put_hex(&w, "ecx", row.ecx);
		json_put_hex(&w, "edx", row.edx);
		json_write_close(&w, '}');
	}
	json_write_close(&w, ']');
	json_write_close(&w, '}');
	rpc_reply_end(rq->call, &w);
}
