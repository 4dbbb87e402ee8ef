/*
 * sched_quota.c - cpu.max: so much time in each period, and no more.
 *
 * A group with a quota has a pool of time. A vCPU that is picked *reserves* its
 * slice in the pools of all groups above it, and gives back at its put what it
 * did not use. So the pool never promises more than there is, on any number of
 * CPUs, and nobody has to look at the others while they run. What a CPU overran
 * (it takes a moment to leave a guest) makes the pool negative: it is missing
 * in the next period.
 *
 * A reservation ends with the period at the latest, so that each period holds
 * by itself. At a period's start the pool gets the quota; what was left is
 * lost, but for cpu.max.burst and what was too little for a turn.
 *
 * A pool without time throttles its group when a vCPU below it is due: all that
 * wait below leave the queues, until the next period, or until a reservation
 * comes back. Periods of a group follow each other from its first on; they are
 * caught up with when somebody looks.
 */
#include "sched_internal.h"

void sched_quota_init(struct sched *s, struct sched_quota *q, uint64_t now)
{
	*q = (struct sched_quota){
		.quota_us = SCHED_QUOTA_NONE,
		.period_us = SCHED_PERIOD_DEFAULT,
		.period = sched_us_to_ticks(s, SCHED_PERIOD_DEFAULT),
		.period_start = now,
	};
}

static uint64_t quota_end(const struct sched_quota *q)
{
	return q->period_start + q->period;
}

bool sched_quota_is_throttled(const struct sched *s, const struct sched_vcpu *v)
{
	if (s->throttled == NULL) {
		return false;
	}
	for (const struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		if (g->q.is_throttled) {
			return true;
		}
	}
	return false;
}

/* When the first throttled group gets time again. */
static void quota_next_refill(struct sched *s)
{
	s->refill_at = SCHED_NEVER;
	for (struct sched_group *g = s->throttled; g != NULL; g = g->q.next) {
		uint64_t at = quota_end(&g->q);

		s->refill_at = at < s->refill_at ? at : s->refill_at;
	}
}

/* The CPU that runs something below @g with the longest reservation. */
static uint32_t quota_longest(const struct sched *s,
			      const struct sched_group *g)
{
	uint32_t found = SCHED_CPU_MAX;
	uint64_t most = s->slice;

	for (uint32_t i = 0; i < s->cpu_count; i++) {
		const struct sched_vcpu *v = s->cpu[i].current;

		if (v != NULL && (v->reserved_levels & 1u << g->depth) != 0 &&
		    v->reserved > most && sched_group_is_below(v, g)) {
			most = v->reserved;
			found = i;
		}
	}
	return found;
}

/* Something waits for time of @g that a sibling reserved: that one has to come
 * back and share. */
static void quota_call_back(struct sched *s, const struct sched_group *g)
{
	uint32_t cpu = quota_longest(s, g);

	if (cpu != SCHED_CPU_MAX) {
		sched_kick(s, cpu);
	}
}

static void quota_throttle(struct sched *s, struct sched_group *g, uint64_t now)
{
	struct sched_quota *q = &g->q;

	q->is_throttled = true;
	q->was_throttled = true;
	q->throttled_since = now;
	q->prev = NULL;
	q->next = s->throttled;
	if (q->next != NULL) {
		q->next->q.prev = g;
	}
	s->throttled = g;
	if (quota_end(q) < s->refill_at) {
		s->refill_at = quota_end(q);
	}
	SCHED_EACH_GROUP(below, g)
	{
		SCHED_EACH_VCPU(v, below)
		{
			sched_queue_leave(s, v);
		}
	}
	quota_call_back(s, g);
}

/* All that wait below @g and are not held by another group wait in queues. */
static void quota_requeue(struct sched *s, struct sched_group *g, uint64_t now)
{
	SCHED_EACH_VCPU_BELOW(v, g)
	{
		if (v->state == SCHED_VCPU_WAITING &&
		    !sched_quota_is_throttled(s, v)) {
			sched_queue_enter(s, v);
			sched_call_cpu(s, v, now);
		}
	}
}

void sched_quota_unthrottle(struct sched *s, struct sched_group *g,
			    uint64_t now)
{
	struct sched_quota *q = &g->q;

	if (!q->is_throttled) {
		return;
	}
	q->is_throttled = false;
	if ((int64_t)(now - q->throttled_since) > 0) {
		q->throttled += now - q->throttled_since;
	}
	if (q->prev != NULL) {
		q->prev->q.next = q->next;
	} else {
		s->throttled = q->next;
	}
	if (q->next != NULL) {
		q->next->q.prev = q->prev;
	}
	quota_next_refill(s);
	quota_requeue(s, g, now);
}

/* The statistics of @count periods that ended, the first of them in use. */
static void quota_count(struct sched_group *g, uint64_t count)
{
	struct sched_quota *q = &g->q;
	bool is_active = g->se.active > 0;

	q->nr_periods += is_active ? count : q->used > 0;
	q->nr_throttled += q->was_throttled;
	if (q->used > q->quota && q->burst > 0) {
		uint64_t more = q->used - q->quota;

		q->nr_bursts++;
		q->bursts += more < q->burst ? more : q->burst;
	}
	q->used = 0;
	q->was_throttled = q->is_throttled;
}

void sched_quota_refresh(struct sched *s, struct sched_group *g, uint64_t now)
{
	struct sched_quota *q = &g->q;
	uint64_t count;
	int64_t most;

	if (q->quota == 0 || (int64_t)(now - quota_end(q)) < 0) {
		return;
	}
	count = (now - q->period_start) / q->period;
	q->period_start += count * q->period;
	quota_count(g, count);
	most = (int64_t)(q->quota + q->burst);
	/* A rest that was too short for a turn is not lost. */
	if (q->pool > 0 && (uint64_t)q->pool < s->quota_grain) {
		most += q->pool;
	}
	if (count > (uint64_t)(most - q->pool) / q->quota) {
		q->pool = most;
	} else {
		q->pool += (int64_t)(count * q->quota);
		q->pool = q->pool < most ? q->pool : most;
	}
	if (q->pool >= (int64_t)s->quota_grain) {
		q->was_throttled = false;
		sched_quota_unthrottle(s, g, now);
	} else {
		quota_next_refill(s);
	}
}

void sched_quota_refill_due(struct sched *s, uint64_t now)
{
	struct sched_group *g = s->throttled;

	if (s->refill_at > now) {
		return;
	}
	while (g != NULL) {
		struct sched_group *next = g->q.next;

		sched_quota_refresh(s, g, now);
		g = next;
	}
	quota_next_refill(s);
}

bool sched_quota_check(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	for (struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		if (g->q.quota == 0) {
			continue;
		}
		sched_quota_refresh(s, g, now);
		if (g->q.pool < (int64_t)s->quota_grain) {
			quota_throttle(s, g, now);
			return false;
		}
	}
	return true;
}

/* What @v may take from the pool of @g at most. */
static uint64_t quota_offer(const struct sched *s, const struct sched_group *g,
			    uint64_t now)
{
	const struct sched_quota *q = &g->q;
	uint64_t offer = (uint64_t)q->pool;
	uint64_t rest = quota_end(q) - now;
	uint64_t least = s->slice / 8 < offer ? s->slice / 8 : offer;

	if (g->se.active > 1) {
		/* Leave some for the others, but no crumbs. */
		offer /= g->se.active;
		offer = offer > s->slice ? s->slice : offer;
		offer = offer < least ? least : offer;
	}
	return offer < rest ? offer : rest;
}

uint64_t sched_quota_reserve(struct sched *s, struct sched_vcpu *v,
			     uint64_t now, uint64_t ticks)
{
	v->reserved_levels = v->se.parent->limited_levels;
	for (const struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		if (g->q.quota != 0) {
			uint64_t offer = quota_offer(s, g, now);

			ticks = offer < ticks ? offer : ticks;
		}
	}
	v->reserved = ticks;
	for (struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		if (g->q.quota != 0) {
			g->q.pool -= (int64_t)ticks;
		}
	}
	return ticks;
}

void sched_quota_settle(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	for (struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		if ((v->reserved_levels & 1u << g->depth) == 0) {
			continue;
		}
		g->q.pool += (int64_t)v->reserved - (int64_t)v->used;
		if (g->q.pool >= (int64_t)s->quota_grain) {
			sched_quota_unthrottle(s, g, now);
		}
	}
	v->reserved_levels = 0;
}

bool sched_quota_hold(struct sched *s, struct sched_vcpu *v)
{
	bool is_held = false;

	for (const struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		if (g->q.is_throttled) {
			quota_call_back(s, g);
			is_held = true;
		}
	}
	return is_held;
}

void sched_quota_begin(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	for (struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		sched_quota_refresh(s, g, now);
	}
}
