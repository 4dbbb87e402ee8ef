/*
 * sched_level.c - keeps the root's queue together when masks tear it apart.
 *
 * Where not all may use all CPUs, virtual time passes faster on some: five that
 * are pinned to one CPU have a fifth of it each, while others have a CPU each.
 * The CPUs fall into *clusters* of their own virtual times. This is as it
 * should be as long as it lasts: who may use a CPU of the slow cluster, but is
 * ahead of it, has more elsewhere. But when the load changes, he would have to
 * wait there until the slow cluster has caught up with all that passed.
 *
 * So ten times a second the clusters are moved together: each is raised until
 * it is behind the next one by no more than that one went ahead since the last
 * time. Differences inside a cluster, which are what shares are made of, stay.
 * Who belongs to a cluster: all that may run only there, and of the others
 * those whose virtual time is nearer to it than to the next one.
 *
 * A CPU that nobody used in the meantime belongs to the fastest.
 */
#include "sched_internal.h"

#define LEVEL_PER_SECOND 10u

/* The CPUs in the order of their virtual time, and what to raise them by. */
struct level {
	uint32_t count;
	uint8_t cpu[SCHED_CPU_MAX];
	uint64_t vtime[SCHED_CPU_MAX]; /* of them, before */
	uint64_t low[SCHED_CPU_MAX];   /* mask of those up to this one */
	uint64_t raise[SCHED_CPU_MAX]; /* those up to this one, by so much */
	uint64_t step;                 /* progress of the fastest */
};

/* Those that are in use, sorted. The others follow the fastest. */
static void level_sort(struct sched *s, struct level *l)
{
	l->count = 0;
	l->step = s->slice * SCHED_VTIME_UNIT;
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		struct sched_cpu *c = &s->cpu[i];
		uint64_t step = c->vtime - c->level_vtime;
		uint32_t at = l->count;

		if (c->current == NULL && step == 0) {
			continue;
		}
		l->step = step > l->step ? step : l->step;
		while (at > 0 && sched_before(c->vtime, l->vtime[at - 1])) {
			l->vtime[at] = l->vtime[at - 1];
			l->cpu[at] = l->cpu[at - 1];
			at--;
		}
		l->vtime[at] = c->vtime;
		l->cpu[at] = (uint8_t)i;
		l->count++;
	}
}

/* How much to raise whom; true if anyone at all. */
static bool level_plan(struct level *l, bool is_final)
{
	uint64_t mask = 0;
	bool any = false;

	for (uint32_t k = 0; k + 1 < l->count; k++) {
		uint64_t gap = l->vtime[k + 1] - l->vtime[k];

		mask |= BIT(l->cpu[k]);
		l->low[k] = mask;
		l->raise[k] = is_final            ? gap
			      : gap > 2 * l->step ? gap - l->step
						  : 0;
		any = any || l->raise[k] > 0;
	}
	return any;
}

static void level_entity(const struct level *l, struct sched_entity *e)
{
	uint64_t raise = 0;

	if (e->active == 0 || !e->is_top) {
		return;
	}
	for (uint32_t k = 0; k + 1 < l->count; k++) {
		uint64_t middle =
			l->vtime[k] + (l->vtime[k + 1] - l->vtime[k]) / 2;

		if ((e->node.mask & ~l->low[k]) == 0 ||
		    sched_before(e->node.key, middle)) {
			raise += l->raise[k];
		}
	}
	if (raise > 0) {
		sched_queue_set_key(e, e->node.key + raise);
	}
}

static void level_cpus(struct sched *s, const struct level *l)
{
	uint64_t raise = 0;
	uint64_t top = l->vtime[l->count - 1];

	for (uint32_t i = 0; i < s->cpu_count; i++) {
		if (s->cpu[i].current == NULL &&
		    s->cpu[i].vtime == s->cpu[i].level_vtime) {
			s->cpu[i].vtime = top;
		}
	}
	for (uint32_t k = l->count; k-- > 0;) {
		raise += k + 1 < l->count ? l->raise[k] : 0;
		s->cpu[l->cpu[k]].vtime = l->vtime[k] + raise;
	}
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		s->cpu[i].level_vtime = s->cpu[i].vtime;
	}
}

static void level_entities(struct sched *s, const struct level *l)
{
	SCHED_EACH_GROUP(g, &s->root)
	{
		if (!sched_is_root(g)) {
			level_entity(l, &g->se);
		}
	}
	SCHED_EACH_VCPU_BELOW(v, &s->root)
	{
		level_entity(l, &v->se);
	}
}

void sched_level(struct sched *s, uint64_t now, bool is_final)
{
	struct level l;

	s->level_at = now + (uint64_t)s->tsc_khz * 1000 / LEVEL_PER_SECOND;
	level_sort(s, &l);
	if (l.count == 0) {
		return;
	}
	if (level_plan(&l, is_final)) {
		level_entities(s, &l);
	}
	level_cpus(s, &l);
}
