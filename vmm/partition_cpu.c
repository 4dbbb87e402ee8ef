/*
 * partition_cpu.c - CPU time of partitions and groups, over the scheduler.
 *
 * Each partition is a leaf group of the scheduler that holds its vCPUs, below
 * the scheduler's group of its group in the tree (group_tree.h). Limits were
 * checked when they were set: what the scheduler refuses here is our own bug.
 * Context: management, but partition_cpu_freeze(), which an exit may call.
 */
#include "partition_cpu.h"

#include "cpu_loop.h"
#include "management.h"
#include "partition.h"
#include "partition_group.h"
#include "platform.h"
#include "smp.h"

#include <arch/time.h>
#include <bh/assert.h>

/* The scheduler's group of each group of the tree. */
static struct sched_group groups[GROUP_MAX];
static bool is_known[GROUP_MAX]; /* to the scheduler */

uint64_t partition_cpu_machine(void)
{
	uint32_t n = smp_cpu_count();

	return n < 64 ? BIT(n) - 1 : UINT64_MAX;
}

uint64_t partition_cpu_mask(const struct partition *p)
{
	uint64_t cpus = group_tree_cpus(partition_groups(), p->life.group,
					partition_cpu_machine());
	uint64_t own = p->config.limits.cpus & cpus;

	return own != 0 ? own : cpus;
}

static void cpu_must(enum status s, const char *what)
{
	if (s != OK) {
		panic("the scheduler refuses %s that was checked: %s", what,
		      status_text(s));
	}
}

/* What limits.c lets through the scheduler takes. */
_Static_assert(SCHED_WEIGHT_MAX == LIMITS_WEIGHT_MAX &&
		       SCHED_QUOTA_MIN == LIMITS_US_MIN &&
		       SCHED_PERIOD_MIN == LIMITS_US_MIN &&
		       SCHED_PERIOD_MAX == LIMITS_PERIOD_MAX &&
		       SCHED_QUOTA_MAX == LIMITS_QUOTA_MAX &&
		       SCHED_CPU_MAX == LIMITS_CPU_MAX,
	       "the same bounds");

static void cpu_set_limits(struct sched_group *g, const struct limits *l)
{
	struct sched *s = cpu_loop_sched();
	uint64_t now = time_tsc();
	struct sched_max max = { .quota_us = l->cpu_quota_us != 0
						     ? l->cpu_quota_us
						     : SCHED_QUOTA_NONE,
				 .period_us = l->cpu_period_us,
				 .burst_us = l->cpu_burst_us };

	cpu_must(sched_set_weight(s, g, l->cpu_weight, now), "a cpu.weight");
	cpu_must(sched_set_max(s, g, max, now), "a cpu.max");
	sched_set_cpus(s, g, l->cpus & partition_cpu_machine(), now);
}

/* ---- partitions ---- */

static struct sched_group *cpu_group_of(uint32_t i)
{
	return i == GROUP_ROOT ? NULL : &groups[i];
}

enum status partition_cpu_add(struct partition *p)
{
	return sched_group_add(cpu_loop_sched(), &p->cpu_group,
			       cpu_group_of(p->life.group), time_tsc());
}

void partition_cpu_remove(struct partition *p)
{
	cpu_must(sched_group_remove(cpu_loop_sched(), &p->cpu_group),
		 "the end of a group");
}

enum status partition_cpu_add_vcpu(struct partition *p, uint32_t i)
{
	struct guest_cpu *g = p->vcpus[i];
	enum status s = sched_vcpu_add(cpu_loop_sched(), &g->sched,
				       &p->cpu_group, time_tsc());

	if (s == OK) {
		sched_set_affinity(cpu_loop_sched(), &g->sched,
				   p->config.vcpu_cpus[i] &
					   partition_cpu_machine(),
				   time_tsc());
	}
	return s;
}

void partition_cpu_remove_vcpu(struct partition *p, uint32_t i)
{
	cpu_must(sched_vcpu_remove(cpu_loop_sched(), &p->vcpus[i]->sched,
				   time_tsc()),
		 "the end of a vCPU");
}

void partition_cpu_apply(struct partition *p)
{
	cpu_set_limits(&p->cpu_group, &p->config.limits);
}

void partition_cpu_freeze(struct partition *p, bool is_frozen)
{
	sched_set_freeze(cpu_loop_sched(), &p->cpu_group, is_frozen,
			 time_tsc());
}

void partition_cpu_stat(struct partition *p, struct cpu_stat *out,
			struct cpu_pressure *pressure)
{
	struct sched *s = cpu_loop_sched();
	uint64_t now = time_tsc();
	uint64_t delay = 0;

	*out = (struct cpu_stat){ .has_root_us = vm_exit_times };
	sched_read_stat(s, &p->cpu_group, now, out, pressure);
	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		delay += sched_run_delay(s, &p->vcpus[i]->sched, now);
	}
	out->steal_us = platform_tsc_to_us(delay);
}

/* ---- groups ---- */

void group_cpu_apply(uint32_t i)
{
	const struct group *g = &partition_groups()->groups[i];

	if (!is_known[i]) {
		cpu_must(sched_group_add(cpu_loop_sched(), &groups[i],
					 cpu_group_of(g->parent), time_tsc()),
			 "a group");
		is_known[i] = true;
	}
	cpu_set_limits(&groups[i], &g->limits);
}

void group_cpu_stat(uint32_t i, struct cpu_stat *out)
{
	*out = (struct cpu_stat){ .has_root_us = vm_exit_times };
	sched_read_stat(cpu_loop_sched(), &groups[i], time_tsc(), out, NULL);
}

void group_cpu_remove(uint32_t i)
{
	cpu_must(sched_group_remove(cpu_loop_sched(), &groups[i]),
		 "the end of a group");
	is_known[i] = false;
}
