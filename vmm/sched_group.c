/*
 * sched_group.c - the tree of groups: adding, removing, settings.
 *
 * A setting that changes which CPUs are allowed takes everything below it out
 * of the queues, changes all masks, and puts it back: it is rare, and then
 * there is one way in and one way out.
 */
#include "sched_internal.h"

#include <bh/string.h>

struct sched_group *sched_group_next(const struct sched_group *top,
				     struct sched_group *g)
{
	if (g->first_child != NULL) {
		return g->first_child;
	}
	while (g != top && g->next_sibling == NULL) {
		g = g->se.parent;
	}
	return g == top ? NULL : g->next_sibling;
}

struct sched_vcpu *sched_group_next_vcpu(struct sched_group *top,
					 struct sched_vcpu *v)
{
	struct sched_group *g = v != NULL ? v->se.parent : top;

	v = v != NULL ? v->next : g->first_vcpu;
	while (v == NULL && g != NULL) {
		g = sched_group_next(top, g);
		v = g != NULL ? g->first_vcpu : NULL;
	}
	return v;
}

bool sched_group_is_frozen(const struct sched *s, const struct sched_group *g)
{
	if (s->freeze_count == 0) {
		return false;
	}
	for (; g != NULL; g = g->se.parent) {
		if (g->is_freeze_set) {
			return true;
		}
	}
	return false;
}

bool sched_group_is_below(const struct sched_vcpu *v,
			  const struct sched_group *g)
{
	const struct sched_group *up = v->se.parent;

	while (up != NULL && up != g) {
		up = up->se.parent;
	}
	return up != NULL;
}

/* The CPUs that @e gets of those it asks for. */
static void group_set_mask(struct sched *s, struct sched_entity *e,
			   uint64_t wanted)
{
	uint64_t above = e->parent->se.node.mask;
	uint64_t mask = wanted & above;

	e->node.mask = mask == 0 ? above : mask;
	s->promoted_count -= e->is_promoted;
	e->is_promoted = e->node.mask != above && !sched_is_root(e->parent);
	s->promoted_count += e->is_promoted;
	e->is_top = e->is_promoted || sched_is_root(e->parent);
}

static bool group_is_restricted(const struct sched *s,
				const struct sched_vcpu *v)
{
	return v->se.node.mask != s->all_cpus;
}

/* @e is about to be no child of its parent. */
static void group_forget(struct sched *s, struct sched_entity *e)
{
	s->promoted_count -= e->is_promoted;
	if (e->parent->last == e) {
		e->parent->last = NULL;
	}
}

enum status sched_group_add(struct sched *s, struct sched_group *g,
			    struct sched_group *parent, uint64_t now)
{
	enum status st = OK;

	spin_lock(&s->lock);
	parent = parent != NULL ? parent : &s->root;
	if (parent->depth >= SCHED_DEPTH_MAX) {
		st = ERR_LIMIT;
	} else if (parent->first_vcpu != NULL && !sched_is_root(parent)) {
		st = ERR_BUSY;
	} else {
		memset(g, 0, sizeof(*g));
		g->se.group = g;
		g->se.parent = parent;
		g->se.weight = SCHED_WEIGHT_DEFAULT;
		group_set_mask(s, &g->se, 0);
		g->depth = parent->depth + 1;
		g->limited_levels = parent->limited_levels;
		g->next_sibling = parent->first_child;
		parent->first_child = g;
		sched_quota_init(s, &g->q, now);
		sched_psi_init(&g->psi, s->tsc_khz, now);
	}
	spin_unlock(&s->lock);
	return st;
}

enum status sched_group_remove(struct sched *s, struct sched_group *g)
{
	struct sched_group **at;
	enum status st = ERR_BUSY;

	spin_lock(&s->lock);
	if (g->first_child == NULL && g->first_vcpu == NULL &&
	    !sched_is_root(g)) {
		at = &g->se.parent->first_child;
		while (*at != g) {
			at = &(*at)->next_sibling;
		}
		*at = g->next_sibling;
		group_forget(s, &g->se);
		sched_quota_unthrottle(s, g, g->q.throttled_since);
		s->freeze_count -= g->is_freeze_set;
		st = OK;
	}
	spin_unlock(&s->lock);
	return st;
}

enum status sched_vcpu_add(struct sched *s, struct sched_vcpu *v,
			   struct sched_group *g, uint64_t now)
{
	enum status st = ERR_BUSY;

	spin_lock(&s->lock);
	g = g != NULL ? g : &s->root;
	if (g->first_child == NULL || sched_is_root(g)) {
		memset(v, 0, sizeof(*v));
		v->se.parent = g;
		v->se.weight = SCHED_WEIGHT_DEFAULT;
		v->since = now;
		group_set_mask(s, &v->se, 0);
		v->cpu = (uint32_t)__builtin_ctzll(v->se.node.mask);
		v->next = g->first_vcpu;
		g->first_vcpu = v;
		for (; g != NULL; g = g->se.parent) {
			g->vcpu_count++;
		}
		sched_queue_restrict(s, group_is_restricted(s, v), now);
		st = OK;
	}
	spin_unlock(&s->lock);
	return st;
}

/* @v is about to be freed: nothing may point to it. */
static void group_unlink(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	struct sched_vcpu **at = &v->se.parent->first_vcpu;

	while (*at != v) {
		at = &(*at)->next;
	}
	*at = v->next;
	group_forget(s, &v->se);
	for (struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		g->vcpu_count--;
	}
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		struct sched_cpu *c = &s->cpu[i];

		c->hint = c->hint == v ? NULL : c->hint;
		c->last = c->last == v ? NULL : c->last;
	}
	sched_queue_restrict(s, -(int32_t)group_is_restricted(s, v), now);
}

enum status sched_vcpu_remove(struct sched *s, struct sched_vcpu *v,
			      uint64_t now)
{
	enum status st = ERR_BUSY;

	if (!sched_block(s, v, now)) {
		return ERR_BUSY;
	}
	spin_lock(&s->lock);
	/* Somebody may have woken it meanwhile; then it stays. */
	if (v->state == SCHED_VCPU_BLOCKED && !v->has_timer) {
		group_unlink(s, v, now);
		st = OK;
	}
	spin_unlock(&s->lock);
	return st;
}

enum status sched_set_weight(struct sched *s, struct sched_group *g,
			     uint64_t weight, uint64_t now)
{
	struct sched_entity *e = &g->se;

	if (weight < SCHED_WEIGHT_MIN || weight > SCHED_WEIGHT_MAX) {
		return ERR_RANGE;
	}
	if (sched_is_root(g)) {
		return ERR_NOENT;
	}
	spin_lock(&s->lock);
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		struct sched_vcpu *v = s->cpu[i].current;

		if (v != NULL && sched_group_is_below(v, e->parent)) {
			sched_queue_charge(s, v, now);
		}
	}
	if (e->active > 0) {
		e->parent->active_weight += weight - e->weight;
	}
	e->weight = (uint32_t)weight;
	for (; e->parent != NULL; e = &e->parent->se) {
		sched_queue_reshare(s, e,
				    (uint32_t)__builtin_ctzll(e->node.mask));
	}
	spin_unlock(&s->lock);
	return OK;
}

/* Whoever runs below @g comes back, and settles with what is set now. */
static void group_recall(struct sched *s, struct sched_group *g, uint64_t now)
{
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		struct sched_vcpu *v = s->cpu[i].current;

		if (v != NULL && sched_group_is_below(v, g)) {
			sched_queue_charge(s, v, now);
			v->reserved_levels &= ~(1u << g->depth);
			sched_kick(s, i);
		}
	}
}

static enum status group_check_max(const struct sched_max *m)
{
	if (m->period_us < SCHED_PERIOD_MIN ||
	    m->period_us > SCHED_PERIOD_MAX) {
		return ERR_INVALID;
	}
	if (m->quota_us == SCHED_QUOTA_NONE) {
		return m->burst_us <= SCHED_QUOTA_MAX ? OK : ERR_INVALID;
	}
	if (m->quota_us < SCHED_QUOTA_MIN || m->quota_us > SCHED_QUOTA_MAX) {
		return ERR_INVALID;
	}
	return m->burst_us <= m->quota_us &&
			       m->burst_us <= SCHED_QUOTA_MAX - m->quota_us
		       ? OK
		       : ERR_INVALID;
}

/* As group_check_max() said: all three are good. */
static void group_apply_max(struct sched *s, struct sched_group *g,
			    uint64_t now)
{
	struct sched_quota *q = &g->q;

	group_recall(s, g, now);
	q->period = sched_us_to_ticks(s, q->period_us);
	q->burst = sched_us_to_ticks(s, q->burst_us);
	q->quota = q->quota_us == SCHED_QUOTA_NONE
			   ? 0
			   : sched_us_to_ticks(s, q->quota_us);
	SCHED_EACH_GROUP(below, g)
	{
		below->limited_levels &= ~(1u << g->depth);
		below->limited_levels |= (q->quota != 0) << g->depth;
	}
	q->pool = (int64_t)q->quota;
	q->period_start = now;
	q->used = 0;
	q->was_throttled = false;
	sched_quota_unthrottle(s, g, now);
}

enum status sched_set_max(struct sched *s, struct sched_group *g,
			  struct sched_max max, uint64_t now)
{
	struct sched_quota *q = &g->q;
	enum status st;

	if (sched_is_root(g)) {
		return ERR_NOENT;
	}
	st = group_check_max(&max);
	if (st != OK) {
		return st;
	}
	spin_lock(&s->lock);
	if (q->quota_us != max.quota_us || q->period_us != max.period_us ||
	    q->burst_us != max.burst_us) {
		sched_quota_refresh(s, g, now);
		q->quota_us = max.quota_us;
		q->period_us = max.period_us;
		q->burst_us = max.burst_us;
		group_apply_max(s, g, now);
	}
	spin_unlock(&s->lock);
	return OK;
}

/* @v out of the queues and the sums: masks are about to change. */
static void group_unplug(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	if (v->state == SCHED_VCPU_RUNNING) {
		sched_queue_charge(s, v, now);
		sched_queue_deactivate(s, v);
	} else if (v->state == SCHED_VCPU_WAITING) {
		sched_queue_leave(s, v);
		sched_queue_deactivate(s, v);
	}
}

static void group_plug(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	if (v->state == SCHED_VCPU_RUNNING) {
		sched_queue_activate(s, v);
		if ((v->se.node.mask & BIT(v->cpu)) == 0) {
			sched_kick(s, v->cpu);
		}
	} else if (v->state == SCHED_VCPU_WAITING) {
		sched_queue_activate(s, v);
		if (!sched_quota_is_throttled(s, v)) {
			sched_queue_enter(s, v);
			sched_call_cpu(s, v, now);
		}
	}
}

static void group_set_vcpu_mask(struct sched *s, struct sched_vcpu *v,
				uint64_t now)
{
	int32_t was = group_is_restricted(s, v);

	group_set_mask(s, &v->se, v->affinity);
	sched_queue_restrict(s, (int32_t)group_is_restricted(s, v) - was, now);
	/* The CPU that it ran on last says where its lag is kept. */
	if (v->state != SCHED_VCPU_RUNNING &&
	    (v->se.node.mask & BIT(v->cpu)) == 0) {
		v->cpu = (uint32_t)__builtin_ctzll(v->se.node.mask);
	}
}

static void group_set_masks(struct sched *s, struct sched_group *top,
			    uint64_t now)
{
	SCHED_EACH_GROUP(g, top)
	{
		group_set_mask(s, &g->se, g->cpus);
		SCHED_EACH_VCPU(v, g)
		{
			group_set_vcpu_mask(s, v, now);
		}
	}
}

void sched_set_cpus(struct sched *s, struct sched_group *g, uint64_t cpus,
		    uint64_t now)
{
	if (sched_is_root(g)) {
		return;
	}
	spin_lock(&s->lock);
	g->cpus = cpus;
	SCHED_EACH_VCPU_BELOW(v, g)
	{
		group_unplug(s, v, now);
	}
	group_set_masks(s, g, now);
	SCHED_EACH_VCPU_BELOW(v, g)
	{
		group_plug(s, v, now);
	}
	spin_unlock(&s->lock);
}

void sched_set_affinity(struct sched *s, struct sched_vcpu *v, uint64_t cpus,
			uint64_t now)
{
	spin_lock(&s->lock);
	v->affinity = cpus;
	group_unplug(s, v, now);
	group_set_vcpu_mask(s, v, now);
	group_plug(s, v, now);
	spin_unlock(&s->lock);
}

/* @v's group, or one above it, was frozen or thawed. */
static void group_refreeze(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	bool is_frozen = sched_group_is_frozen(s, v->se.parent);

	if (is_frozen && v->state == SCHED_VCPU_WAITING) {
		sched_stop_waiting(s, v, SCHED_VCPU_PARKED, now);
	} else if (is_frozen && v->state == SCHED_VCPU_RUNNING) {
		sched_kick(s, v->cpu);
	} else if (!is_frozen && v->state == SCHED_VCPU_PARKED) {
		sched_start_waiting(s, v, now);
	}
}

void sched_set_freeze(struct sched *s, struct sched_group *g, bool freeze,
		      uint64_t now)
{
	if (sched_is_root(g)) {
		return;
	}
	spin_lock(&s->lock);
	s->freeze_count += (uint32_t)freeze - g->is_freeze_set;
	g->is_freeze_set = freeze;
	SCHED_EACH_VCPU_BELOW(v, g)
	{
		group_refreeze(s, v, now);
	}
	spin_unlock(&s->lock);
}
