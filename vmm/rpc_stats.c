/*
 * rpc_stats.c - use and limits, as cgroup v2's interface files show them:
 * partition.stats, group.list, machine.top.
 */
#include "rpc_internal.h"

#include <bh/string.h>

/* The limits, each under its file's name. Numbers are numbers. */
static void rpc_write_limits(struct json_writer *w, const struct limits *l,
			     uint64_t effective)
{
	char text[LIMITS_TEXT_MAX];

	limits_print(l, LIMIT_CPU_MAX, text, sizeof(text));
	json_print(w, "'cpu.weight':%u,'cpu.max':'%s','cpu.max.burst':%lu",
		   l->cpu_weight, text, l->cpu_burst_us);
	limits_print(l, LIMIT_CPUSET_CPUS, text, sizeof(text));
	json_print(w, "'cpuset.cpus':'%s'", text);
	limits_cpus_print(effective, text, sizeof(text));
	json_print(w, "'cpuset.cpus.effective':'%s'", text);
	if (l->memory_max == LIMITS_NO_MEMORY) {
		json_print(w, "'memory.max':'max'");
	} else {
		json_print(w, "'memory.max':%lu", l->memory_max);
	}
}

/* cpu.stat; null: not measured. */
static void rpc_write_cpu_stat(struct json_writer *w, const struct cpu_stat *st)
{
	json_print(w, "'cpu.stat':{'usage_usec':%lu", st->usage_us);
	if (st->has_root_us) {
		json_print(w, "'user_usec':%lu,'system_usec':%lu",
			   st->usage_us - st->root_us, st->root_us);
	} else {
		json_print(w, "'user_usec':null,'system_usec':null");
	}
	json_print(w,
		   "'nr_periods':%lu,'nr_throttled':%lu,'throttled_usec':%lu,"
		   "'nr_bursts':%lu,'burst_usec':%lu}",
		   st->nr_periods, st->nr_throttled, st->throttled_us,
		   st->nr_bursts, st->burst_us);
}

/* A line of cpu.pressure as the file has it. */
static void rpc_write_pressure(struct json_writer *w, const char *name,
			       const struct pressure_line *l)
{
	char text[96];

	fmt_print(text, sizeof(text),
		  "avg10=%u.%02u avg60=%u.%02u avg300=%u.%02u total=%lu",
		  l->avg10 / 100, l->avg10 % 100, l->avg60 / 100,
		  l->avg60 % 100, l->avg300 / 100, l->avg300 % 100,
		  l->total_us);
	json_print(w, "'%s':'%s'", name, text);
}

static void rpc_write_devices(struct json_writer *w,
			      const struct partition_stats *st)
{
	json_print(w, "'devices':[");
	for (uint32_t i = 0; i < st->device_count; i++) {
		const struct device_stats *d = &st->devices[i];

		json_print(w,
			   "{'name':'%s','kicks':%lu,'requests':%lu,"
			   "'bytes_in':%lu,'bytes_out':%lu,'irqs':%lu,"
			   "'errors':%lu}",
			   d->name, d->kick_count, d->request_count,
			   d->bytes_in, d->bytes_out, d->irq_count,
			   d->error_count);
	}
	json_print(w, "]");
}

/** rpc_partition_stats() - the files of cgroup v2, and the devices. */
void rpc_partition_stats(struct rpc_request *rq)
{
	static struct partition_stats st; /* management context */
	struct json_writer *w = rpc_result(rq);

	memset(&st, 0, sizeof(st));
	ops_stats(rq->index, &st);
	json_print(w, "{");
	rpc_write_cpu_stat(w, &st.cpu);
	json_print(w, "'cpu.pressure':{");
	rpc_write_pressure(w, "some", &st.pressure.some);
	rpc_write_pressure(w, "full", &st.pressure.full);
	json_print(w, "}");
	rpc_write_limits(w, &st.limits, st.cpus_effective);
	json_print(w,
		   "'memory.current':%lu,'memory.stat':{'anon':%lu,"
		   "'kernel':%lu,'sec_pagetables':%lu,'vcpu':%lu,"
		   "'devices':%lu},'memory.overhead':%lu,'cgroup.freeze':%u,"
		   "'steal_usec':%lu,'exits':%lu,'irqs':%lu,"
		   "'unclaimed':{'pio':%lu,'mmio':%lu}",
		   st.memory_current, st.memory.anon, st.memory.kernel,
		   st.memory.sec_pagetables, st.memory.vcpu, st.memory.devices,
		   st.memory.kernel, st.is_frozen, st.cpu.steal_us,
		   st.exit_count, st.irq_count, st.unclaimed_pio,
		   st.unclaimed_mmio);
	rpc_write_devices(w, &st);
	json_print(w, "}");
}

/** rpc_group_list() - the groups with their limits and what is used. */
void rpc_group_list(struct rpc_request *rq)
{
	static struct group_view g; /* management context */
	struct json_writer *w = rpc_result(rq);

	json_print(w, "{'groups':[");
	for (uint32_t n = 0; ops_group(n, &g); n++) {
		json_print(w, "{'group':'%s','partitions':%u", g.path,
			   g.partition_count);
		rpc_write_limits(w, &g.limits, g.cpus_effective);
		json_print(w, "'memory.promised':%lu,'memory.current':%lu",
			   g.memory_promised, g.memory_current);
		rpc_write_cpu_stat(w, &g.cpu);
		json_print(w, "}");
	}
	json_print(w, "]}");
}

/* ---- machine.top ---- */

static void rpc_write_top(struct json_writer *w, const struct top_row *r)
{
	struct partition_view v = { 0 };

	ops_view(r->index, &v);
	json_print(w,
		   "{'name':'%s','state':'%s','group':'%s','vcpus':%u,"
		   "'cpu':%u.%u,'steal':%u.%u,'throttled':%u.%u,"
		   "'memory.current':%lu,'memory.max':%lu,'exits':%lu,"
		   "'reasons':{",
		   v.name, partition_state_word(v.state), v.group, v.vcpu_count,
		   r->cpu_permille / 10, r->cpu_permille % 10,
		   r->steal_permille / 10, r->steal_permille % 10,
		   r->throttled_permille / 10, r->throttled_permille % 10,
		   r->memory_current, v.memory_bytes, r->exits_per_s);
	for (uint32_t i = 0; i < TOP_REASON_MAX && r->reasons[i].per_s > 0;
	     i++) {
		json_print(w, "'%s':%lu", r->reasons[i].name,
			   r->reasons[i].per_s);
	}
	json_print(w, "}}");
}

/**
 * rpc_machine_top() - what runs, in percent of one CPU and events a second,
 * since the last question (but for at least half a second; at first: since the
 * machine's start).
 */
void rpc_machine_top(struct rpc_request *rq)
{
	static struct machine_info m; /* management context */
	static struct machine_mem mem;
	struct json_writer *w = rpc_result(rq);
	struct top *t = &rq->server->top;
	struct top_row row;

	top_look(t);
	ops_machine_info(&m);
	ops_machine_mem(&mem);
	json_print(w,
		   "{'uptime_us':%lu,'interval_us':%lu,'cpus':%u,"
		   "'memory.total':%lu,'memory.free':%lu,'partitions':[",
		   m.uptime_us, top_interval_us(t), m.cpu_count,
		   mem.total_bytes, mem.free_bytes);
	for (uint32_t i = 0; i < ops_count(); i++) {
		top_row(t, i, &row);
		rpc_write_top(w, &row);
	}
	json_print(w, "]}");
}
