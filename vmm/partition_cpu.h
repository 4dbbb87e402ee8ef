/*
 * partition_cpu.h - CPU time of partitions and groups: between the orders of
 * management and what runs vCPUs.
 */
#ifndef VMM_PARTITION_CPU_H
#define VMM_PARTITION_CPU_H

#include <bh/attr.h>
#include <hv/limits.h>

struct partition;

/** partition_cpu_machine() - the CPUs that run vCPUs; bit n: CPU n. */
uint64_t partition_cpu_machine(void);

/** partition_cpu_mask() - cpuset.cpus.effective of @p. */
uint64_t partition_cpu_mask(const struct partition *p);

/**
 * partition_cpu_add() - a share for @p in its group, without limits yet.
 * Return: ERR_LIMIT: too deep.
 */
must_check enum status partition_cpu_add(struct partition *p);
/** partition_cpu_remove() - it goes; it has no vCPUs any more. */
void partition_cpu_remove(struct partition *p);
/** partition_cpu_add_vcpu() - vCPU @i of @p, which waits to be woken. */
must_check enum status partition_cpu_add_vcpu(struct partition *p, uint32_t i);
/** partition_cpu_remove_vcpu() - it goes; it is in no CPU's hands. */
void partition_cpu_remove_vcpu(struct partition *p, uint32_t i);

/** partition_cpu_apply() - its limits have changed. */
void partition_cpu_apply(struct partition *p);

/** partition_cpu_freeze() - its vCPUs get no CPU until they are thawed. */
void partition_cpu_freeze(struct partition *p, bool is_frozen);

/**
 * partition_cpu_stat() - cpu.stat since it was created, over all its starts;
 * steal_us of the vCPUs that it has now.
 * @pressure: cpu.pressure; NULL: not asked for
 */
void partition_cpu_stat(struct partition *p, struct cpu_stat *out,
			struct cpu_pressure *pressure);

/** group_cpu_apply() - group @i (group_tree.h) came, or its limits changed. */
void group_cpu_apply(uint32_t i);

/** group_cpu_stat() - cpu.stat of group @i since it was created; no steal_us.
 */
void group_cpu_stat(uint32_t i, struct cpu_stat *out);

/** group_cpu_remove() - group @i has gone; nothing is in it. */
void group_cpu_remove(uint32_t i);

#endif
