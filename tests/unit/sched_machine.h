/*
 * sched_machine.h - a scheduler to drive by hand: a tick is a nanosecond, kicks
 * are written down, a CPU is a call.
 */
#ifndef TESTS_UNIT_SCHED_MACHINE_H
#define TESTS_UNIT_SCHED_MACHINE_H

#include "tests/lib/unit.h"

#include "vmm/sched.h"

#include <bh/string.h>

#define KHZ 1000000u
#define US  1000ull
#define MS  1000000ull

static struct sched s;
static uint64_t kicked; /* CPUs, since last looked */
static struct sched_turn turn;

static void machine_kick(void *ctx, uint32_t cpu)
{
	assert_ptr_equal(ctx, &s);
	assert_true(cpu < s.cpu_count);
	kicked |= BIT(cpu);
}

static const struct sched_ops machine_ops = { .kick = machine_kick };

static inline uint64_t take_kicks(void)
{
	uint64_t k = kicked;

	kicked = 0;
	return k;
}

/* @cpus CPUs that sleep. */
static inline void begin(uint32_t cpus)
{
	sched_init(&s, &machine_ops, &s, cpus, KHZ, 0);
	kicked = 0;
	for (uint32_t i = 0; i < cpus; i++) {
		assert_null(sched_pick(&s, i, 0, &turn));
		assert_true(turn.end == SCHED_NEVER);
	}
}

static inline void add(struct sched_vcpu *v, struct sched_group *g)
{
	assert_int_equal(sched_vcpu_add(&s, v, g, 0), OK);
}

static inline void add_group(struct sched_group *g, struct sched_group *parent)
{
	assert_int_equal(sched_group_add(&s, g, parent, 0), OK);
}

/* A vCPU that wants to run, alone in a group under @parent. */
struct pair {
	struct sched_group g;
	struct sched_vcpu v;
};

static inline void add_pair(struct pair *p, struct sched_group *parent)
{
	add_group(&p->g, parent);
	add(&p->v, &p->g);
	sched_wake(&s, &p->v, 0);
}

static inline struct sched_vcpu *pick(uint32_t cpu, uint64_t now)
{
	return sched_pick(&s, cpu, now, &turn);
}

/* CPU 0 alone runs what wants to run, each turn to its end, from @now. */
static inline uint64_t run_until(uint64_t now, uint64_t end)
{
	while (now < end) {
		struct sched_vcpu *v = pick(0, now);

		now = turn.end < end ? turn.end : end;
		if (v != NULL) {
			sched_put(&s, v, now, SCHED_RUNNABLE);
		}
	}
	return now;
}

#endif
