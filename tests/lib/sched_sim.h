/*
 * sched_sim.h - a machine of CPUs and vCPUs around vmm/sched.c, in virtual
 * time.
 *
 * Groups and vCPUs are numbers, in the order of their making; group 0 is the
 * root. A vCPU either always wants to run, or runs and sleeps for random times
 * (exponential, from a seed). A tick is a nanosecond. All is deterministic.
 *
 * The ideal to compare with: each group's share is divided among its children
 * in proportion to weight, nobody gets more than it can use (a CPU a vCPU,
 * cpu.max), and what one cannot use goes to the others by weight (weighted
 * max-min fairness, "water-filling"). What a sleeper can use is what it used.
 */
#ifndef TESTS_LIB_SCHED_SIM_H
#define TESTS_LIB_SCHED_SIM_H

#include "vmm/sched.h"

#define SIM_US 1000ull
#define SIM_MS 1000000ull
#define SIM_S  1000000000ull

#define SIM_GROUP_MAX     1024u
#define SIM_LATENCY_SLOTS 32u /* of 2^n ns */

struct sim_group {
	struct sched_group g;
	uint32_t parent;
	uint64_t before; /* usage at sim_mark() */
	double cap;      /* CPUs it can use */
	double ideal;    /* CPUs it should have had */
	double got;      /* CPUs it had since sim_mark() */
	bool is_capped;
};

struct sim_vcpu {
	struct sched_vcpu v;
	uint32_t group;
	uint64_t run, sleep; /* means; sleep 0: always wants to run */
	uint64_t left;       /* of the time that it wants to run now */
	uint64_t wake_at;    /* asleep; or SCHED_NEVER */
	uint64_t woken;      /* and has not run yet; or SCHED_NEVER */
	uint64_t delay;      /* steal time, when it was picked last */
	uint64_t latency_max, wait_max;
	double cap, ideal, got;
	bool is_capped;
};

struct sim_cpu {
	struct sim_vcpu *current;
	uint64_t next;    /* when something happens here */
	uint64_t started; /* the turn */
};

struct sim {
	struct sched s;
	uint64_t now, marked;
	uint64_t seed;
	uint64_t exit_ns; /* at most, to come back after a kick or a turn */
	uint32_t group_count, vcpu_count, vcpu_max;
	struct sim_group *groups;
	struct sim_vcpu *vcpus;
	struct sim_cpu cpu[SCHED_CPU_MAX];
	uint32_t *heap; /* sleepers by wake_at */
	uint32_t heap_count;
	uint64_t events, switches, kicks;
	uint64_t latency[SIM_LATENCY_SLOTS];
	const char *broken; /* an invariant that does not hold; or NULL */
};

/** sim_new() - @cpus without work, room for @vcpus. */
struct sim *sim_new(uint32_t cpus, uint32_t vcpus, uint64_t seed);
void sim_free(struct sim *m);

/** sim_random() - 0 to @below - 1. */
uint64_t sim_random(struct sim *m, uint64_t below);

/** sim_group() - a group under @parent; its number. */
uint32_t sim_group(struct sim *m, uint32_t parent, uint32_t weight);

/** sim_vcpu() - a vCPU in @group, which starts now; its number. */
uint32_t sim_vcpu(struct sim *m, uint32_t group, uint64_t run, uint64_t sleep);

/** sim_run() - let @ns pass. */
void sim_run(struct sim *m, uint64_t ns);

/** sim_mark() - measure from here on. */
void sim_mark(struct sim *m);

/** sim_compare() - got and ideal since sim_mark(), of @cpus CPUs. */
void sim_compare(struct sim *m, double cpus);

/** sim_error() - the worst error of a group, relative to its ideal; *@worst:
 *  which. Groups that should have had less than @least CPUs do not count. */
double sim_error(const struct sim *m, double least, uint32_t *worst);

#endif
