/*
 * stop_plan.c - an orderly stop in stages: agent, power button, kill.
 *
 *	begin -> AGENT --agent_ms over--> ACPI --acpi_ms over--> KILL
 *
 * A stage that cannot work is skipped. Both times run from the beginning, so
 * the kill never comes later than agent_ms + acpi_ms, and not earlier if a
 * stage before it could begin.
 */
#include "stop_plan.h"

void stop_plan_begin(struct stop_plan *s, uint64_t now_us,
		     const struct stop_times *times)
{
	*s = (struct stop_plan){
		.is_active = true,
		.times = *times,
		.began_us = now_us,
	};
}

static uint64_t stop_agent_end(const struct stop_plan *s)
{
	return s->began_us + s->times.agent_ms * 1000ull;
}

uint64_t stop_plan_deadline(const struct stop_plan *s)
{
	return stop_agent_end(s) + s->times.acpi_ms * 1000ull;
}

enum stop_stage stop_plan_step(struct stop_plan *s, uint64_t now_us,
			       bool can_ask, bool can_press)
{
	if (!s->is_active || s->stage == STOP_KILL ||
	    (s->stage == STOP_AGENT && now_us < stop_agent_end(s)) ||
	    (s->stage == STOP_ACPI && now_us < stop_plan_deadline(s))) {
		return STOP_NONE;
	}
	if (s->stage == STOP_NONE && can_ask && s->times.agent_ms > 0) {
		s->stage = STOP_AGENT;
	} else if (s->stage < STOP_ACPI && can_press && s->times.acpi_ms > 0) {
		s->stage = STOP_ACPI;
	} else {
		s->stage = STOP_KILL;
	}
	return s->stage;
}

void stop_plan_end(struct stop_plan *s, uint64_t now_us)
{
	if (s->is_active) {
		s->is_active = false;
		s->by = s->stage;
		s->stage = STOP_NONE;
		s->took_us = now_us - s->began_us;
	}
}
