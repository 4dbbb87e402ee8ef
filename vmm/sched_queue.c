/*
 * sched_queue.c - virtual time: who has had least of its due.
 *
 * Each group's children that wait are in its tree by virtual time: time run
 * divided by weight. A group stands in its parent's tree as long as anything
 * in its own tree waits. The first of the root's tree, then of that one's tree,
 * and so on, is the one to run.
 *
 * CPUs allowed. All that waits in a tree other than the root's may use the same
 * CPUs. What may use fewer than its parent is *promoted*: it waits in the
 * root's tree, with the share of weight that it would have where it belongs,
 * and its parent's share is smaller by that. So whoever is allowed on few CPUs
 * gets there by its own virtual time, not when its group happens to be due
 * elsewhere.
 *
 * Time is paid for in advance, a slice at a pick, and what was not used is
 * refunded at the put. So a group that runs on one CPU already is less due for
 * a second one. Otherwise it would run in bursts, on all CPUs and then on none,
 * and its children could not share in proportion: each runs on one CPU at a
 * time.
 *
 * A queue's time is the latest virtual time picked from it. Lag is the distance
 * of an entity from it. When an entity wakes, it is bounded by two slices of
 * its own in both directions: who sleeps mostly is served at once, and who
 * slept for hours has no more credit than that. One that cannot use its weight
 * (10000, and one vCPU) falls behind as well; this is bounded when it is
 * picked. The root's queue has a time for each CPU if not all may use the same
 * CPUs: CPUs that do not share their load have nothing to do with each other.
 */
#include "sched_internal.h"

#define QUEUE_LAG_SLICES    2u      /* kept over a sleep */
#define QUEUE_CREDIT_SLICES 32u     /* of one that always wants to run */
#define QUEUE_DELTA_MAX     BIT(38) /* of ticks in a charge: no overflow */

/* Where the queue's time is that @e is measured by, on @cpu. */
static uint64_t *queue_vtime(struct sched *s, const struct sched_entity *e,
			     uint32_t cpu)
{
	if (!e->is_top) {
		return &e->parent->vtime;
	}
	return &s->cpu[s->restricted_count > 0 ? cpu : 0].vtime;
}

/* The same for an entity that comes: the slowest of the CPUs it may use. */
static uint64_t queue_vtime_min(struct sched *s, const struct sched_entity *e)
{
	uint64_t cpus = e->node.mask;
	uint32_t first = (uint32_t)__builtin_ctzll(cpus);
	uint64_t least = *queue_vtime(s, e, first);

	if (!e->is_top || s->restricted_count == 0) {
		return least;
	}
	for (cpus &= cpus - 1; cpus != 0; cpus &= cpus - 1) {
		uint64_t v = s->cpu[__builtin_ctzll(cpus)].vtime;

		least = sched_before(v, least) ? v : least;
	}
	return least;
}

/* The part of the root's weight that a promoted @e may have. */
static uint32_t queue_promoted_share(const struct sched_entity *e)
{
	uint64_t share = (uint64_t)e->weight * SCHED_SHARE_UNIT;

	while (!sched_is_root(e->parent)) {
		uint64_t total = e->parent->active_weight;

		e = &e->parent->se;
		share = total == 0 ? share : share * e->weight / total;
	}
	return share == 0 ? 1 : (uint32_t)share;
}

static uint32_t queue_share(const struct sched_entity *e)
{
	uint32_t share = e->is_promoted ? queue_promoted_share(e) : e->share;

	return share == 0 ? 1 : share;
}

/* @ticks of running, in virtual time of @e. */
static uint64_t queue_scale(const struct sched_entity *e, uint64_t ticks)
{
	const uint64_t unit = (uint64_t)SCHED_VTIME_UNIT *
			      SCHED_WEIGHT_DEFAULT * SCHED_SHARE_UNIT;

	return ticks * unit / queue_share(e);
}

/* How far from its queue's time @e may be. */
static uint64_t queue_lag_limit(const struct sched *s,
				const struct sched_entity *e, uint32_t slices)
{
	uint64_t n = e->active < s->cpu_count ? e->active : s->cpu_count;

	return queue_scale(e, s->slice * slices * (n == 0 ? 1 : n));
}

/* @e comes: where it was, but within the limits around its queue's time. While
 * it was away that went on, which is to its credit. */
static void queue_place(struct sched *s, struct sched_entity *e, uint32_t cpu)
{
	int64_t limit = (int64_t)queue_lag_limit(s, e, QUEUE_LAG_SLICES);
	int64_t passed = (int64_t)(*queue_vtime(s, e, cpu) - e->left_at);
	int64_t lag = e->lag;

	if (passed > 0) {
		lag = passed > 2 * limit ? -limit : lag - passed;
	}
	lag = lag > limit ? limit : lag;
	lag = lag < -limit ? -limit : lag;
	e->node.key = queue_vtime_min(s, e) + (uint64_t)lag;
}

/* What @e counts for in its parent's tree; 0: nothing of it may wait there. */
static uint32_t queue_new_share(const struct sched_entity *e)
{
	const struct sched_group *g = e->group;
	uint64_t share = (uint64_t)e->weight * SCHED_SHARE_UNIT;

	if (e->active == 0 || e->is_promoted) {
		return 0;
	}
	if (g == NULL || g->here_share == g->active_weight * SCHED_SHARE_UNIT) {
		return (uint32_t)share;
	}
	share = e->weight * g->here_share / g->active_weight;
	return share == 0 && g->here_share != 0 ? 1 : (uint32_t)share;
}

/* @e comes to or leaves the competition. */
static void queue_join(struct sched *s, struct sched_entity *e, bool joins,
		       uint32_t cpu)
{
	if (joins) {
		queue_place(s, e, cpu);
	} else {
		e->left_at = *queue_vtime(s, e, cpu);
		e->lag = (int64_t)(e->node.key - e->left_at);
	}
}

void sched_queue_reshare(struct sched *s, struct sched_entity *e, uint32_t cpu)
{
	while (e->parent != NULL) {
		uint32_t old = e->share;
		uint32_t share = queue_new_share(e);

		if (share == old) {
			return;
		}
		e->parent->here_share += (uint64_t)share - old;
		e->share = share;
		if (share == 0 || old == 0) {
			queue_join(s, e, old == 0, cpu);
		}
		e = &e->parent->se;
	}
}

/* Nothing is promoted: what is active has its weight as its share. */
static void queue_set_active(struct sched *s, struct sched_entity *e,
			     bool is_active, uint32_t cpu)
{
	uint32_t share = is_active ? e->weight * SCHED_SHARE_UNIT : 0;

	e->parent->here_share += (uint64_t)share - e->share;
	if (is_active) {
		e->share = share;
	}
	queue_join(s, e, is_active, cpu);
	e->share = share;
}

void sched_queue_activate(struct sched *s, struct sched_vcpu *v)
{
	bool is_simple = s->promoted_count == 0;

	for (struct sched_entity *e = &v->se; e->parent != NULL;
	     e = &e->parent->se) {
		if (e->active++ > 0) {
			continue;
		}
		e->parent->active_weight += e->weight;
		if (is_simple) {
			queue_set_active(s, e, true, v->cpu);
		}
	}
	if (is_simple) {
		return;
	}
	for (struct sched_entity *e = &v->se; e->parent != NULL;
	     e = &e->parent->se) {
		sched_queue_reshare(s, e, v->cpu);
		if (e->is_promoted && e->active == 1) {
			queue_join(s, e, true, v->cpu);
		}
	}
}

void sched_queue_deactivate(struct sched *s, struct sched_vcpu *v)
{
	bool is_simple = s->promoted_count == 0;

	for (struct sched_entity *e = &v->se; e->parent != NULL;
	     e = &e->parent->se) {
		if (e->is_promoted && e->active == 1) {
			queue_join(s, e, false, v->cpu);
		}
		if (--e->active > 0) {
			continue;
		}
		e->parent->active_weight -= e->weight;
		if (is_simple) {
			queue_set_active(s, e, false, v->cpu);
		}
	}
	if (is_simple) {
		return;
	}
	for (struct sched_entity *e = &v->se; e->parent != NULL;
	     e = &e->parent->se) {
		sched_queue_reshare(s, e, v->cpu);
	}
}

/* The root's queue had one time; now it has one for each CPU. */
static void queue_part(struct sched *s, uint64_t now)
{
	s->level_at = now;
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		s->cpu[i].vtime = s->cpu[0].vtime;
		s->cpu[i].level_vtime = s->cpu[0].vtime;
	}
}

/* And back: the latest. Who is behind follows when it is picked. */
static void queue_unite(struct sched *s, uint64_t now)
{
	uint64_t latest = s->cpu[0].vtime;

	sched_level(s, now, true);
	for (uint32_t i = 1; i < s->cpu_count; i++) {
		uint64_t vtime = s->cpu[i].vtime;

		latest = sched_before(latest, vtime) ? vtime : latest;
	}
	s->cpu[0].vtime = latest;
}

void sched_queue_restrict(struct sched *s, int32_t change, uint64_t now)
{
	bool was = s->restricted_count > 0;
	bool is = s->restricted_count + (uint32_t)change > 0;

	if (was && !is) {
		queue_unite(s, now);
	}
	s->restricted_count += (uint32_t)change;
	if (is && !was) {
		queue_part(s, now);
	}
}

void sched_queue_enter(struct sched *s, struct sched_vcpu *v)
{
	for (struct sched_entity *e = &v->se; e->tree == NULL;
	     e = &e->parent->se) {
		e->tree = e->is_top ? &s->root.tree : &e->parent->tree;
		sched_tree_insert(e->tree, &e->node);
		if (e->is_top) {
			return;
		}
	}
}

void sched_queue_leave(struct sched *s, struct sched_vcpu *v)
{
	struct sched_entity *e = &v->se;

	while (e->tree != NULL) {
		struct sched_tree *t = e->tree;

		sched_tree_erase(t, &e->node);
		e->tree = NULL;
		if (t == &s->root.tree || t->top != NULL) {
			return;
		}
		e = &e->parent->se;
	}
}

/* Should @e rather wait? It is a group whose child that was picked last still
 * runs, and is due again before those of it that wait. If @e got a second CPU
 * now, that child would find its group not due at its turn's end: the others
 * would gain by it. So @e may stay behind, but by no more than a turn. */
static bool queue_should_wait(const struct sched *s,
			      const struct sched_entity *e,
			      const struct sched_entity *next, uint64_t mask)
{
	const struct sched_entity *last, *first;

	if (e->group == NULL || e->group->running == 0 ||
	    e->group->last == NULL) {
		return false;
	}
	last = e->group->last;
	first = sched_entity_of(sched_tree_first(&e->group->tree, mask));
	return last->tree == NULL && last->active > 0 && last != first &&
	       sched_before(last->node.key, first->node.key) &&
	       sched_before(next->node.key,
			    e->node.key + queue_scale(e, s->slice));
}

#define QUEUE_TRIES 8u /* nodes looked at to find who need not step back */

/* @first is the first in its tree, but its group runs already: who is to go in
 * its place, if it should rather wait? */
static struct sched_entity *
queue_choose(const struct sched *s, struct sched_entity *first, uint64_t mask)
{
	struct sched_entity *e = first;
	struct sched_node *n = &first->node;

	for (uint32_t i = 0; i < QUEUE_TRIES; i++) {
		n = sched_tree_next(n);
		if (n == NULL) {
			return e;
		}
		if ((n->mask & mask) == 0) {
			continue;
		}
		if (!queue_should_wait(s, e, sched_entity_of(n), mask)) {
			return e;
		}
		e = sched_entity_of(n);
	}
	return first;
}

struct sched_vcpu *sched_queue_first(struct sched *s, uint32_t cpu)
{
	struct sched_vcpu *hint = s->cpu[cpu].hint;
	const struct sched_tree *t = &s->root.tree;
	struct sched_entity *e;

	if (!sched_tree_has(t, BIT(cpu))) {
		return NULL;
	}
	for (;; t = &e->group->tree) {
		e = sched_entity_of(sched_tree_first(t, BIT(cpu)));
		if (e->group != NULL && e->group->running != 0) {
			e = queue_choose(s, e, BIT(cpu));
		}
		if (e->group == NULL) {
			break;
		}
	}
	if (hint != NULL && hint->se.parent == e->parent &&
	    hint->se.tree != NULL && (hint->se.node.mask & BIT(cpu)) != 0) {
		return hint;
	}
	return sched_vcpu_of(e);
}

/* Virtual time among siblings is of no use to who has none. */
static struct sched_entity *queue_first_paying(struct sched_vcpu *v)
{
	struct sched_group *g = v->se.parent;

	return g->vcpu_count == 1 && !v->se.is_top ? &g->se : &v->se;
}

/* @key, of @e that is picked though it is far behind its queue's @vtime. */
static __attribute__((noinline)) uint64_t
queue_bound_credit(const struct sched *s, const struct sched_entity *e,
		   uint64_t vtime, uint64_t key)
{
	uint64_t least = vtime - queue_lag_limit(s, e, QUEUE_CREDIT_SLICES);

	return sched_before(key, least) ? least : key;
}

void sched_queue_take(struct sched *s, struct sched_vcpu *v, uint32_t cpu,
		      uint64_t ticks)
{
	v->prepaid = ticks < s->slice ? ticks : s->slice;
	for (struct sched_entity *e = queue_first_paying(v);;
	     e = &e->parent->se) {
		uint64_t *vtime = queue_vtime(s, e, cpu);
		uint64_t key = e->node.key;

		if (!sched_before(key, *vtime)) {
			*vtime = key;
		} else {
			key = queue_bound_credit(s, e, *vtime, key);
		}
		sched_queue_set_key(e, key + queue_scale(e, v->prepaid));
		if (e->is_top) {
			return;
		}
		e->parent->last = e;
	}
}

void sched_queue_refund(struct sched_vcpu *v)
{
	for (struct sched_entity *e = queue_first_paying(v);;
	     e = &e->parent->se) {
		sched_queue_set_key(e,
				    e->node.key - queue_scale(e, v->prepaid));
		if (e->is_top) {
			break;
		}
	}
	v->prepaid = 0;
}

/* The time of @e's queue follows the start of the last turn up to @key. */
static __attribute__((noinline)) void queue_follow(struct sched *s,
						   struct sched_entity *e,
						   uint32_t cpu, uint64_t key)
{
	uint64_t *vtime = queue_vtime(s, e, cpu);
	uint64_t start = key - queue_scale(e, s->slice);

	if (sched_before(*vtime, start)) {
		*vtime = start;
	}
}

/* @v has run @ticks more than a turn without being picked again, which it would
 * have been: nobody was due before it. The queues' time follows; for what a CPU
 * takes to come back from a guest it is not worth the while. */
static void queue_overrun(struct sched *s, struct sched_vcpu *v, uint64_t ticks)
{
	for (struct sched_entity *e = queue_first_paying(v);;
	     e = &e->parent->se) {
		/* a child of the root is top */
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		uint64_t key = e->node.key + queue_scale(e, ticks);

		if (ticks > s->wake_gran) {
			queue_follow(s, e, v->cpu, key);
		}
		sched_queue_set_key(e, key);
		if (e->is_top) {
			return;
		}
	}
}

void sched_queue_charge(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	struct sched_group *g = v->se.parent;
	uint64_t ticks = now - v->since;

	/* The clocks of two CPUs may differ by a little. */
	if ((int64_t)ticks <= 0) {
		return;
	}
	ticks = ticks < QUEUE_DELTA_MAX ? ticks : QUEUE_DELTA_MAX;
	v->since = now;
	v->usage += ticks;
	v->used += ticks;
	do {
		g->usage += ticks;
		g->q.used += ticks;
		g = g->se.parent;
	} while (g != NULL);
	if (ticks <= v->prepaid) {
		v->prepaid -= ticks;
	} else {
		queue_overrun(s, v, ticks - v->prepaid);
		v->prepaid = 0;
	}
}

/* The entity in the root's tree that stands for @v. */
static const struct sched_entity *queue_top(const struct sched_vcpu *v)
{
	const struct sched_entity *e = &v->se;

	while (!e->is_top) {
		e = &e->parent->se;
	}
	return e;
}

/* The child of @g on the way to @v; NULL: @v itself is not below @g. */
static const struct sched_entity *queue_child(const struct sched_group *g,
					      const struct sched_vcpu *v)
{
	const struct sched_entity *e = &v->se;

	while (e->parent != NULL && e->parent != g) {
		e = &e->parent->se;
	}
	return e->parent == NULL ? NULL : e;
}

int64_t sched_queue_lead(const struct sched_vcpu *r, const struct sched_vcpu *v,
			 uint64_t now)
{
	const struct sched_entity *er = queue_top(r);
	const struct sched_entity *ev = queue_top(v);
	uint64_t ticks = now - r->since;
	uint64_t unit;
	int64_t lead;

	while (er == ev && er->group != NULL) {
		er = queue_child(ev->group, r);
		ev = queue_child(ev->group, v);
	}
	if ((int64_t)ticks < 0 || ticks > QUEUE_DELTA_MAX) {
		ticks = 0;
	}
	lead = (int64_t)(er->node.key + queue_scale(er, ticks) -
			 queue_scale(er, r->prepaid) - ev->node.key);
	unit = queue_scale(ev, 1);
	return lead / (int64_t)(unit == 0 ? 1 : unit);
}

bool sched_queue_is_near(const struct sched *s, const struct sched_vcpu *v)
{
	const struct sched_entity *e = &v->se;

	return e->is_promoted ||
	       !sched_before(e->parent->vtime +
				     queue_lag_limit(s, e, QUEUE_LAG_SLICES),
			     e->node.key);
}
