/*
 * sched_internal.h - what the scheduler's files share. The lock is held in all
 * of it.
 */
#ifndef VMM_SCHED_INTERNAL_H
#define VMM_SCHED_INTERNAL_H

#include "sched.h"

/* Virtual time is ticks of an entity of weight 100, with 8 bits of fraction. */
#define SCHED_VTIME_UNIT 256u
#define SCHED_SHARE_UNIT 1024u

/* An entity's group; NULL: it is a vCPU. */
static inline struct sched_entity *sched_entity_of(struct sched_node *n)
{
	return CONTAINER_OF(n, struct sched_entity, node);
}

static inline struct sched_vcpu *sched_vcpu_of(struct sched_entity *e)
{
	return CONTAINER_OF(e, struct sched_vcpu, se);
}

static inline bool sched_is_root(const struct sched_group *g)
{
	return g->se.parent == NULL;
}

/* sched_queue.c: virtual time, and who waits where. */

/** sched_queue_activate() - @v wants to run from now on; it is placed. */
void sched_queue_activate(struct sched *s, struct sched_vcpu *v);
void sched_queue_deactivate(struct sched *s, struct sched_vcpu *v);
/** sched_queue_enter() - @v, active, waits in its queues. */
void sched_queue_enter(struct sched *s, struct sched_vcpu *v);
/** sched_queue_leave() - and does not any more; nothing if it did not. */
void sched_queue_leave(struct sched *s, struct sched_vcpu *v);
/** sched_queue_first() - who has had least of its due, for @cpu; or NULL. */
struct sched_vcpu *sched_queue_first(struct sched *s, uint32_t cpu);
/** sched_queue_take() - @v, out of its queues, has @ticks on @cpu: the queues'
 *  time follows, and a turn of that length is paid. */
void sched_queue_take(struct sched *s, struct sched_vcpu *v, uint32_t cpu,
		      uint64_t ticks);
/** sched_queue_refund() - what was not charged meanwhile is given back. */
void sched_queue_refund(struct sched_vcpu *v);
/** sched_queue_charge() - @v, RUNNING, has run until @now. */
void sched_queue_charge(struct sched *s, struct sched_vcpu *v, uint64_t now);
/** sched_queue_lead() - how far is @r, RUNNING, ahead of @v, which waits? In
 *  ticks of @v. */
int64_t sched_queue_lead(const struct sched_vcpu *r, const struct sched_vcpu *v,
			 uint64_t now);
/** sched_queue_reshare() - @e's weight or its children changed; @cpu: where it
 *  ran last. */
void sched_queue_reshare(struct sched *s, struct sched_entity *e, uint32_t cpu);
/** sched_queue_restrict() - @change more vCPUs may not use all CPUs. */
void sched_queue_restrict(struct sched *s, int32_t change, uint64_t now);
/** sched_queue_set_key() - @e's virtual time is @key. */
static inline void sched_queue_set_key(struct sched_entity *e, uint64_t key)
{
	if (likely(e->tree == NULL)) {
		e->node.key = key;
		return;
	}
	sched_tree_erase(e->tree, &e->node);
	e->node.key = key;
	sched_tree_insert(e->tree, &e->node);
}
/** sched_queue_is_near() - @v is not much ahead of its queue. */
bool sched_queue_is_near(const struct sched *s, const struct sched_vcpu *v);

/* sched_level.c */

/** sched_level() - move the virtual times of the CPUs together; @is_final: all
 *  the way. */
void sched_level(struct sched *s, uint64_t now, bool is_final);

/* sched_quota.c: cpu.max. */

void sched_quota_init(struct sched *s, struct sched_quota *q, uint64_t now);
/** sched_quota_check() - may @v run at all? If not, the group that is out of
 *  time is throttled: all that wait below it leave their queues. */
bool sched_quota_check(struct sched *s, struct sched_vcpu *v, uint64_t now);
/** sched_quota_reserve() - take up to @ticks for @v from all pools above it;
 *  returns how many. */
uint64_t sched_quota_reserve(struct sched *s, struct sched_vcpu *v,
			     uint64_t now, uint64_t ticks);
/** sched_quota_settle() - @v is put: give back what it did not use. */
void sched_quota_settle(struct sched *s, struct sched_vcpu *v, uint64_t now);
/** sched_quota_refill_due() - end throttling whose time came. */
void sched_quota_refill_due(struct sched *s, uint64_t now);
/** sched_quota_is_throttled() - @v, or rather a group above it. */
bool sched_quota_is_throttled(const struct sched *s,
			      const struct sched_vcpu *v);
void sched_quota_unthrottle(struct sched *s, struct sched_group *g,
			    uint64_t now);
/** sched_quota_refresh() - new periods of @g until @now. */
void sched_quota_refresh(struct sched *s, struct sched_group *g, uint64_t now);
/** sched_quota_hold() - is @v, which comes to wait, throttled? Then siblings
 *  that reserved much are called back, to share it. */
bool sched_quota_hold(struct sched *s, struct sched_vcpu *v);
/** sched_quota_begin() - @v comes to wait: the periods before that, in which
 *  its groups may have been idle, are accounted. */
void sched_quota_begin(struct sched *s, struct sched_vcpu *v, uint64_t now);

/* sched_group.c: the tree of groups. */

/** sched_group_next() - the group after @g, parents first, below @top. */
struct sched_group *sched_group_next(const struct sched_group *top,
				     struct sched_group *g);
/** sched_group_next_vcpu() - the vCPU after @v (NULL: the first) below @top. */
struct sched_vcpu *sched_group_next_vcpu(struct sched_group *top,
					 struct sched_vcpu *v);
bool sched_group_is_frozen(const struct sched *s, const struct sched_group *g);
bool sched_group_is_below(const struct sched_vcpu *v,
			  const struct sched_group *g);

/* The groups below and with @top. */
#define SCHED_EACH_GROUP(g, top)                         \
	for (struct sched_group *g = (top); (g) != NULL; \
	     (g) = sched_group_next(top, g))
/* All vCPUs below @top. */
#define SCHED_EACH_VCPU_BELOW(v, top)                                 \
	for (struct sched_vcpu *v = sched_group_next_vcpu(top, NULL); \
	     v != NULL; v = sched_group_next_vcpu(top, v))
#define SCHED_EACH_VCPU(v, g)                                     \
	for (struct sched_vcpu *v = (g)->first_vcpu; (v) != NULL; \
	     (v) = (v)->next)

/* sched.c */

/** sched_start_waiting() - BLOCKED or PARKED to WAITING, or PARKED. */
void sched_start_waiting(struct sched *s, struct sched_vcpu *v, uint64_t now);
/** sched_stop_waiting() - WAITING to @state, BLOCKED or PARKED. */
void sched_stop_waiting(struct sched *s, struct sched_vcpu *v,
			enum sched_vcpu_state state, uint64_t now);
/** sched_call_cpu() - kick whoever should run @v, which waits. */
void sched_call_cpu(struct sched *s, struct sched_vcpu *v, uint64_t now);
void sched_kick(struct sched *s, uint32_t cpu);

static inline uint64_t sched_us_to_ticks(const struct sched *s, uint64_t us)
{
	return us / 1000 * s->tsc_khz + us % 1000 * s->tsc_khz / 1000;
}

static inline uint64_t sched_ticks_to_us(const struct sched *s, uint64_t ticks)
{
	return ticks / s->tsc_khz * 1000 +
	       ticks % s->tsc_khz * 1000 / s->tsc_khz;
}

#endif
