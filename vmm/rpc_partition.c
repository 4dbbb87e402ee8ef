/*
 * rpc_partition.c - partition.*: what a partition is, how it ended, its
 * console.
 */
#include "rpc_internal.h"
#include "why.h"

/** rpc_partition_list() - all partitions at a glance. */
void rpc_partition_list(struct rpc_request *rq)
{
	struct json_writer *w = rpc_result(rq);

	json_print(w, "{'partitions':[");
	for (uint32_t i = 0; i < ops_count(); i++) {
		struct partition_view v = { 0 };

		ops_view(i, &v);
		json_print(w,
			   "{'name':'%s','id':%u,'state':'%s','reason':'%s',"
			   "'group':'%s','vcpus':%u,'memory':%lu,'agent':%s,"
			   "'exits':%lu,'uptime_us':%lu,'restarts':%u",
			   v.name, v.id, partition_state_word(v.state),
			   end_reason_word(v.reason), v.group, v.vcpu_count,
			   v.memory_bytes, v.agent_ready ? "true" : "false",
			   v.exit_count, v.uptime_us, v.restart_count);
		if (v.restart_in_us != 0) {
			json_print(w, "'restart_in_us':%lu", v.restart_in_us);
		}
		if (v.stop_stage != STOP_NONE) {
			json_print(w, "'stopping':'%s'",
				   stop_stage_word(v.stop_stage));
		}
		json_print(w, "}");
	}
	json_print(w, "]}");
}

/** rpc_partition_state() - OCI runtime spec, "State". */
void rpc_partition_state(struct rpc_request *rq)
{
	struct json_writer *w = rpc_result(rq);
	struct partition_view v = { 0 };

	ops_view(rq->index, &v);
	json_print(w,
		   "{'ociVersion':'1.0.2','id':'%s','status':'%s',"
		   "'bundle':'/bulkhead','annotations':{"
		   "'io.bulkhead.state':'%s','io.bulkhead.reason':'%s',"
		   "'io.bulkhead.group':'%s'}}",
		   v.name, partition_state_oci(v.state),
		   partition_state_word(v.state), end_reason_word(v.reason),
		   v.group);
}

/** rpc_partition_exits() - VM exits by reason. */
void rpc_partition_exits(struct rpc_request *rq)
{
	struct json_writer *w = rpc_result(rq);
	struct exit_count row;
	uint64_t total = 0;

	json_print(w, "{'reasons':[");
	for (uint32_t n = 0; ops_exits(rq->index, n, &row); n++) {
		if (row.count == 0) {
			continue;
		}
		json_print(w,
			   "{'reason':'%s','count':%lu,'root_tsc':", row.reason,
			   row.count);
		if (row.root_tsc != 0) {
			json_print(w, "%lu}", row.root_tsc);
		} else {
			json_print(w, "null}"); /* not measured */
		}
		total += row.count;
	}
	json_print(w, "],'total':%lu}", total);
}

/** rpc_partition_why() - how it ended. */
void rpc_partition_why(struct rpc_request *rq)
{
	const struct why_record *r = ops_why(rq->index);
	struct partition_view v = { 0 };

	ops_view(rq->index, &v);
	if (r == NULL) {
		rpc_refuse(rq, RPC_ERR_STATE,
			   "partition %s has not ended: it is %s", v.name,
			   partition_state_word(v.state));
		return;
	}
	why_write_json(rpc_result(rq), v.name, r);
}

/** rpc_partition_console() - what the guest has written. */
void rpc_partition_console(struct rpc_request *rq)
{
	rpc_reply_ring(rq, ops_console(rq->index), NULL);
}

/** rpc_partition_write() - type on the console. */
void rpc_partition_write(struct rpc_request *rq)
{
	const struct json_doc *d = &rq->server->doc;
	size_t n, done = 0, total = 0;
	struct json_text t;
	char piece[128];

	if (!json_text_open(d, json_member(d, rq->params, "data"), &t)) {
		rpc_refuse(rq, RPC_ERR_PARAMS,
			   "%s: params.data is missing or no string",
			   rq->method);
		return;
	}
	while ((n = json_text_read(&t, piece, sizeof(piece))) > 0) {
		if (done == total) {
			done += ops_console_write(rq->index, piece, n);
		}
		total += n;
	}
	if (done < total) {
		rpc_refuse(rq, RPC_ERR_BUSY,
			   "the console took %zu of %zu bytes: the guest does "
			   "not read it",
			   done, total);
	}
}

/** rpc_partition_cpuid() - the CPUID leaves that the guest sees. */
void rpc_partition_cpuid(struct rpc_request *rq)
{
	struct json_writer *w = rpc_result(rq);
	struct cpuid_row row;

	json_print(w, "{'leaves':[");
	for (uint32_t n = 0; ops_cpuid(rq->index, n, &row); n++) {
		json_print(w,
			   "{'leaf':'0x%x','subleaf':'0x%x','eax':'0x%x',"
			   "'ebx':'0x%x','ecx':'0x%x','edx':'0x%x'}",
			   row.leaf, row.subleaf, row.eax, row.ebx, row.ecx,
			   row.edx);
	}
	json_print(w, "]}");
}
