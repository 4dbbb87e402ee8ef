/*
 * stop_plan.h - an orderly stop in stages: agent, power button, kill.
 */
#ifndef VMM_STOP_PLAN_H
#define VMM_STOP_PLAN_H

#include <hv/partition_ops.h>

struct stop_plan {
	bool is_active;
	enum stop_stage stage; /* the one under way; NONE before the first */
	struct stop_times times;
	uint64_t began_us;
	enum stop_stage by; /* of the last stop: the stage that worked */
	uint64_t took_us;
};

/** stop_plan_begin() - from now on; stop_plan_step() gives the first stage. */
void stop_plan_begin(struct stop_plan *s, uint64_t now_us,
		     const struct stop_times *times);

/**
 * stop_plan_step() - is it time for the next stage?
 * @can_ask:   there is an agent that can be asked
 * @can_press: the guest listens to its power button
 *
 * A stage that cannot work, or has no time, is left out; the next one then has
 * its time, too.
 * Return: the stage that begins now; STOP_NONE: the present one goes on.
 */
enum stop_stage stop_plan_step(struct stop_plan *s, uint64_t now_us,
			       bool can_ask, bool can_press);

/** stop_plan_end() - the partition has ended, whatever made it. */
void stop_plan_end(struct stop_plan *s, uint64_t now_us);

/** stop_plan_deadline() - when it will have been killed. */
uint64_t stop_plan_deadline(const struct stop_plan *s);

#endif
