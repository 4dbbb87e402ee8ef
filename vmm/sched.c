/*
 * sched.c - picking, putting, waking: what the CPUs' loops call.
 *
 * The files: sched_queue.c says who is due (virtual time), sched_quota.c who
 * may not (cpu.max), sched_group.c holds the tree and its settings; limits.c
 * has cgroup v2's files as text.
 *
 * CPUs. A CPU that has no vCPU is *free*: between its put and its pick, or
 * asleep after a pick that found nothing. Who wakes something gives it to a
 * free CPU, which needs a kick only if it sleeps, else to the CPU whose vCPU is
 * furthest ahead of it, by more than a grain.
 *
 * Time. The next event that is nobody's turn's end (a vCPU's wake-up time, a
 * throttled group's period) is *one* CPU's business: the one that saw it first
 * ends its turn then. A CPU that goes to sleep takes it over, so that those
 * that have work are left alone.
 */
#include "sched_internal.h"

#include <bh/assert.h>
#include <bh/string.h>

static const struct sched_params sched_defaults = {
	.slice_us = 5000,
	.slice_alone_us = 250000,
	.wake_gran_us = 500,
	.quota_grain_us = 20,
};

#define SCHED_SLICE_US_MAX 20000u /* keeps virtual time within 63 bits */

void sched_tune(struct sched *s, const struct sched_params *p)
{
	const struct sched_params *d = &sched_defaults;
	uint32_t slice = p->slice_us != 0 ? p->slice_us : d->slice_us;

	slice = slice < SCHED_SLICE_US_MAX ? slice : SCHED_SLICE_US_MAX;
	s->slice = sched_us_to_ticks(s, slice);
	s->slice_alone = sched_us_to_ticks(s, p->slice_alone_us != 0
						      ? p->slice_alone_us
						      : d->slice_alone_us);
	s->wake_gran = sched_us_to_ticks(
		s, p->wake_gran_us != 0 ? p->wake_gran_us : d->wake_gran_us);
	s->quota_grain = sched_us_to_ticks(s, p->quota_grain_us != 0
						      ? p->quota_grain_us
						      : d->quota_grain_us);
}

void sched_init(struct sched *s, const struct sched_ops *ops, void *ctx,
		uint32_t cpu_count, uint32_t tsc_khz, uint64_t now)
{
	static const struct sched_params none;

	ASSERT(cpu_count >= 1 && cpu_count <= SCHED_CPU_MAX && tsc_khz > 0);
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->ctx = ctx;
	s->cpu_count = cpu_count;
	s->tsc_khz = tsc_khz;
	s->all_cpus = cpu_count == 64 ? UINT64_MAX : BIT(cpu_count) - 1;
	s->refill_at = SCHED_NEVER;
	s->timer_at = SCHED_NEVER;
	s->event_at = SCHED_NEVER;
	sched_tune(s, &none);
	s->root.se.group = &s->root;
	s->root.se.node.mask = s->all_cpus;
	s->root.se.weight = SCHED_WEIGHT_DEFAULT;
	sched_quota_init(s, &s->root.q, now);
	sched_psi_init(&s->root.psi, tsc_khz, now);
}

void sched_kick(struct sched *s, uint32_t cpu)
{
	s->ops->kick(s->ctx, cpu);
}

/* @v adds to what runs and waits in its groups up to, not with, @end. Each
 * switch does this twice; the numbers are constants. */
static inline __attribute__((always_inline)) void
sched_count(struct sched_vcpu *v, uint32_t running, uint32_t waiting,
	    const struct sched_group *end, uint64_t now)
{
	for (struct sched_group *g = v->se.parent; g != end; g = g->se.parent) {
		g->running += running;
		g->waiting += waiting;
		sched_psi_set(&g->psi, g->waiting, g->running, now);
	}
}

/* @v, WAITING or RUNNING, does not count any more. */
static void sched_uncount(struct sched_vcpu *v, uint64_t now)
{
	if (v->counts_as_running) {
		v->counts_as_running = false;
		sched_count(v, -1u, 0, NULL, now);
	} else {
		sched_count(v, 0, -1u, NULL, now);
	}
}

/* @v, or nobody, runs on @c instead of who was put there last. Between the put
 * and this, that one counts as running: mostly it runs again, or another of
 * its group does. */
static void sched_count_switch(struct sched *s, struct sched_cpu *c,
			       struct sched_vcpu *v, uint64_t now)
{
	const struct sched_group *end = NULL;
	struct sched_vcpu *last = c->last;

	c->last = NULL;
	if (v != NULL && v->counts_as_running) {
		v = NULL;
	}
	if (last != NULL &&
	    (last->state != SCHED_VCPU_WAITING || !last->counts_as_running)) {
		last = NULL;
	}
	if (v != NULL && last != NULL) {
		/* One for the other: nothing changes where both count. */
		end = v->se.parent == last->se.parent ? v->se.parent : &s->root;
	}
	if (last != NULL) {
		last->counts_as_running = false;
		sched_count(last, -1u, 1, end, now);
	}
	if (v != NULL) {
		v->counts_as_running = true;
		sched_count(v, 1, -1u, end, now);
	}
}

/* CPU @cpu, which runs a vCPU, shall come back before its turn's end. */
static void sched_call_back(struct sched *s, uint32_t cpu, uint64_t now)
{
	s->cpu[cpu].turn_end = now;
	s->alone_cpus &= ~BIT(cpu);
	sched_kick(s, cpu);
}

/* The allowed CPU whose vCPU is furthest ahead of @v, by more than a grain, or
 * which is in the long turn of one that was alone. Those that come back anyway
 * do not count: they will look at @v then. */
static uint32_t sched_furthest(struct sched *s, const struct sched_vcpu *v,
			       uint64_t now)
{
	uint32_t found = SCHED_CPU_MAX;
	int64_t most = (int64_t)s->wake_gran;

	for (uint64_t m = v->se.node.mask; m != 0; m &= m - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(m);
		const struct sched_cpu *c = &s->cpu[i];
		int64_t lead;

		if (c->current == NULL || c->turn_end <= now) {
			continue;
		}
		lead = sched_queue_lead(c->current, v, now);
		if (lead > most ||
		    (found == SCHED_CPU_MAX && (s->alone_cpus & BIT(i)) != 0)) {
			most = lead > most ? lead : most;
			found = i;
		}
	}
	return found;
}

/* @cpu, free, shall look at what waits; the next to wake gets another one. */
static void sched_claim(struct sched *s, uint32_t cpu)
{
	s->free_cpus &= ~BIT(cpu);
	if (s->cpu[cpu].is_asleep) {
		s->cpu[cpu].is_asleep = false;
		sched_kick(s, cpu);
	}
}

void sched_call_cpu(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	uint64_t free = s->free_cpus & v->se.node.mask;
	uint32_t cpu = v->cpu;

	if (free != 0) {
		if ((free & BIT(cpu)) == 0) {
			cpu = (uint32_t)__builtin_ctzll(free);
		}
		sched_claim(s, cpu);
		return;
	}
	cpu = sched_furthest(s, v, now);
	if (cpu != SCHED_CPU_MAX) {
		sched_call_back(s, cpu, now);
	}
}

static void sched_next_timer(struct sched *s)
{
	const struct sched_node *n = sched_tree_first(&s->timers, UINT64_MAX);

	s->timer_at = n != NULL ? n->key : SCHED_NEVER;
}

static void sched_clear_timer(struct sched *s, struct sched_vcpu *v)
{
	if (v->has_timer) {
		v->has_timer = false;
		sched_tree_erase(&s->timers, &v->timer);
		sched_next_timer(s);
	}
}

/* Those in a long turn have been alone: what they ran since counts now that
 * somebody comes to compare with. */
static void sched_charge_alone(struct sched *s, uint64_t now)
{
	for (uint64_t m = s->alone_cpus; m != 0; m &= m - 1) {
		struct sched_vcpu *r = s->cpu[__builtin_ctzll(m)].current;

		if ((int64_t)(now - r->since) > (int64_t)s->slice) {
			sched_queue_charge(s, r, now);
		}
	}
}

void sched_start_waiting(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	sched_clear_timer(s, v);
	if (s->freeze_count > 0 && sched_group_is_frozen(s, v->se.parent)) {
		v->state = SCHED_VCPU_PARKED;
		return;
	}
	sched_charge_alone(s, now);
	if (v->se.parent->limited_levels != 0) {
		sched_quota_begin(s, v, now);
	}
	v->state = SCHED_VCPU_WAITING;
	v->since = now;
	sched_queue_activate(s, v);
	sched_count(v, 0, 1, NULL, now);
	if (s->throttled != NULL && sched_quota_hold(s, v)) {
		return;
	}
	sched_queue_enter(s, v);
	sched_call_cpu(s, v, now);
}

void sched_stop_waiting(struct sched *s, struct sched_vcpu *v,
			enum sched_vcpu_state state, uint64_t now)
{
	if ((int64_t)(now - v->since) > 0) {
		v->run_delay += now - v->since;
	}
	sched_queue_leave(s, v);
	sched_queue_deactivate(s, v);
	sched_uncount(v, now);
	v->state = state;
}

static void sched_wake_locked(struct sched *s, struct sched_vcpu *v,
			      uint64_t now)
{
	if (v->state == SCHED_VCPU_RUNNING) {
		v->is_woken = true;
	} else if (v->state == SCHED_VCPU_BLOCKED) {
		sched_start_waiting(s, v, now);
	}
}

void sched_wake(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	spin_lock(&s->lock);
	sched_wake_locked(s, v, now);
	spin_unlock(&s->lock);
}

bool sched_block(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	bool is_done = true;

	spin_lock(&s->lock);
	sched_clear_timer(s, v);
	switch (v->state) {
	case SCHED_VCPU_RUNNING:
		is_done = false;
		sched_kick(s, v->cpu);
		break;
	case SCHED_VCPU_WAITING:
		sched_stop_waiting(s, v, SCHED_VCPU_BLOCKED, now);
		break;
	case SCHED_VCPU_PARKED:
		v->state = SCHED_VCPU_BLOCKED;
		break;
	case SCHED_VCPU_BLOCKED:
		break;
	}
	spin_unlock(&s->lock);
	return is_done;
}

/* Wake those whose time came, which may have @cpu if nothing else will. Out of
 * line, as all that a pick seldom does: it keeps the registers few that each
 * pick saves. */
static __attribute__((noinline)) void sched_expire(struct sched *s,
						   uint32_t cpu, uint64_t now)
{
	if (!sched_tree_has(&s->root.tree, BIT(cpu))) {
		s->free_cpus |= BIT(cpu);
	}
	while (s->timer_at <= now) {
		struct sched_node *n = sched_tree_first(&s->timers, UINT64_MAX);

		sched_start_waiting(
			s, CONTAINER_OF(n, struct sched_vcpu, timer), now);
	}
	if (s->refill_at <= now) {
		sched_quota_refill_due(s, now);
	}
	if (s->restricted_count > 0 && s->level_at <= now) {
		sched_level(s, now, false);
	}
}

/* The end of @cpu's turn if that would be @end without the events. */
static uint64_t sched_bound(struct sched *s, uint32_t cpu, uint64_t end,
			    bool is_idle)
{
	uint64_t event =
		s->timer_at < s->refill_at ? s->timer_at : s->refill_at;

	if (is_idle || s->event_cpu == cpu || event < s->event_at) {
		s->event_cpu = cpu;
		s->event_at = event;
		end = event < end ? event : end;
	}
	return end;
}

/* After a pick something still waits that another CPU may run: a free one, if
 * it was pushed off by one that may run only here, or by a change of masks; or
 * one in the long turn of one that was alone. That one does the same when it
 * picks, so one is enough. */
static __attribute__((noinline)) void sched_offer(struct sched *s, uint64_t now)
{
	uint64_t cpus = s->free_cpus;
	const struct sched_node *n;

	if (!sched_tree_has(&s->root.tree, cpus)) {
		cpus = s->alone_cpus;
	}
	n = sched_tree_first(&s->root.tree, cpus);
	cpus &= n->mask;
	if ((cpus & s->free_cpus) != 0) {
		sched_claim(s, (uint32_t)__builtin_ctzll(cpus));
	} else {
		sched_call_back(s, (uint32_t)__builtin_ctzll(cpus), now);
	}
}

/* @v leaves the queues and runs on @cpu. */
static void sched_start(struct sched *s, struct sched_vcpu *v, uint32_t cpu,
			uint64_t now, struct sched_turn *turn)
{
	struct sched_cpu *c = &s->cpu[cpu];
	uint64_t slice;

	sched_queue_leave(s, v);
	turn->is_alone = !sched_tree_has(&s->root.tree, BIT(cpu));
	slice = s->slice;
	if (turn->is_alone) {
		slice = s->slice_alone;
		s->alone_cpus |= BIT(cpu);
	}
	if (v->se.parent->limited_levels != 0) {
		slice = sched_quota_reserve(s, v, now, slice);
	}
	sched_queue_take(s, v, cpu, slice);
	if ((int64_t)(now - v->since) > 0) {
		v->run_delay += now - v->since;
	}
	v->state = SCHED_VCPU_RUNNING;
	v->cpu = cpu;
	v->since = now;
	v->used = 0;
	v->is_woken = false;
	v->picks++;
	sched_count_switch(s, c, v, now);
	c->current = v;
	c->hint = NULL;
	turn->end = sched_bound(s, cpu, now + slice, false);
	c->turn_end = turn->end;
}

struct sched_vcpu *sched_pick(struct sched *s, uint32_t cpu, uint64_t now,
			      struct sched_turn *turn)
{
	struct sched_cpu *c = &s->cpu[cpu];
	struct sched_vcpu *v;

	spin_lock(&s->lock);
	c->is_asleep = false;
	if (s->timer_at <= now || s->refill_at <= now ||
	    (s->restricted_count > 0 && s->level_at <= now)) {
		sched_expire(s, cpu, now);
	}
	do {
		v = sched_queue_first(s, cpu);
	} while (v != NULL && v->se.parent->limited_levels != 0 &&
		 !sched_quota_check(s, v, now));
	if (v != NULL) {
		s->free_cpus &= ~BIT(cpu);
		sched_start(s, v, cpu, now, turn);
	} else {
		sched_count_switch(s, c, NULL, now);
		s->free_cpus |= BIT(cpu);
		c->is_asleep = true;
		c->hint = NULL;
		turn->is_alone = true;
		turn->end = sched_bound(s, cpu, SCHED_NEVER, true);
	}
	if (sched_tree_has(&s->root.tree, s->free_cpus | s->alone_cpus)) {
		sched_offer(s, now);
	}
	spin_unlock(&s->lock);
	return v;
}

/* @v has run on @c; its state is what it asks for. */
static void sched_stop(struct sched *s, struct sched_cpu *c,
		       struct sched_vcpu *v, uint64_t now, uint64_t wake_at)
{
	if (v->is_woken && wake_at != SCHED_RUNNABLE) {
		wake_at = SCHED_RUNNABLE;
	}
	if (wake_at == SCHED_RUNNABLE &&
	    (s->freeze_count == 0 || !sched_group_is_frozen(s, v->se.parent))) {
		v->state = SCHED_VCPU_WAITING;
		c->last = v;
		if (s->throttled == NULL || !sched_quota_is_throttled(s, v)) {
			sched_queue_enter(s, v);
		}
		return;
	}
	sched_queue_deactivate(s, v);
	sched_uncount(v, now);
	v->state = wake_at == SCHED_RUNNABLE ? SCHED_VCPU_PARKED
					     : SCHED_VCPU_BLOCKED;
	if (wake_at != SCHED_RUNNABLE && wake_at != SCHED_NEVER) {
		v->timer.key = wake_at;
		v->timer.mask = UINT64_MAX;
		v->has_timer = true;
		sched_tree_insert(&s->timers, &v->timer);
		sched_next_timer(s);
	}
}

void sched_put(struct sched *s, struct sched_vcpu *v, uint64_t now,
	       uint64_t wake_at)
{
	struct sched_cpu *c = &s->cpu[v->cpu];

	spin_lock(&s->lock);
	ASSERT(v->state == SCHED_VCPU_RUNNING && c->current == v);
	sched_queue_charge(s, v, now);
	if (v->prepaid > 0) {
		sched_queue_refund(v);
	}
	c->current = NULL;
	s->alone_cpus &= ~BIT(v->cpu);
	if (wake_at != SCHED_RUNNABLE && !v->is_woken) {
		s->free_cpus |= BIT(v->cpu);
	}
	if (v->reserved_levels != 0) {
		sched_quota_settle(s, v, now);
	}
	v->since = now;
	sched_stop(s, c, v, now, wake_at);
	spin_unlock(&s->lock);
}

static bool sched_can_follow(const struct sched *s, const struct sched_vcpu *v,
			     const struct sched_vcpu *to)
{
	return to != v && to->state == SCHED_VCPU_WAITING &&
	       to->se.tree != NULL && to->se.parent == v->se.parent &&
	       (to->se.node.mask & BIT(v->cpu)) != 0 &&
	       sched_queue_is_near(s, to);
}

/* The one of @v's group that has waited longest; or NULL. */
static struct sched_vcpu *sched_follower(const struct sched *s,
					 const struct sched_vcpu *v)
{
	struct sched_vcpu *found = NULL;

	SCHED_EACH_VCPU(to, v->se.parent)
	{
		if (sched_can_follow(s, v, to) &&
		    (found == NULL || sched_before(to->since, found->since))) {
			found = to;
		}
	}
	return found;
}

bool sched_yield_any(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	struct sched_vcpu *found = NULL;

	spin_lock(&s->lock);
	if (v->state == SCHED_VCPU_RUNNING) {
		sched_queue_charge(s, v, now);
		found = sched_follower(s, v);
		s->cpu[v->cpu].hint = found;
	}
	spin_unlock(&s->lock);
	return found != NULL;
}

bool sched_yield_to(struct sched *s, struct sched_vcpu *v,
		    struct sched_vcpu *to, uint64_t now)
{
	bool is_good = false;

	spin_lock(&s->lock);
	if (v->state == SCHED_VCPU_RUNNING) {
		sched_queue_charge(s, v, now);
		is_good = sched_can_follow(s, v, to);
		s->cpu[v->cpu].hint = is_good ? to : NULL;
	}
	spin_unlock(&s->lock);
	return is_good;
}
