/*
 * sched_sim.c - discrete events around the scheduler, and the ideal share.
 *
 * Each CPU has a time at which something happens there: its turn's end, the end
 * of what its vCPU wants to run, or a kick. Then it puts and picks, as the loop
 * of a CPU does. Between two such times nothing changes.
 */
#include "sched_sim.h"

#include <stdlib.h>
#include <string.h>

uint64_t sim_random(struct sim *m, uint64_t below)
{
	/* splitmix64 */
	uint64_t z = m->seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % below;
}

/* Without libm: -ln(u / 2^30) by halving down to 1..2, then a series. */
static double sim_minus_ln(uint32_t u)
{
	uint32_t bits = 31 - (uint32_t)__builtin_clz(u);
	double m = (double)u / (double)(1u << bits);
	double z = (m - 1) / (m + 1);
	double power = z, ln = 0;

	for (uint32_t i = 1; i < 16; i += 2) {
		ln += 2 * power / i;
		power *= z * z;
	}
	return (30.0 - bits) * 0.69314718055994531 - ln;
}

/* Exponential, with @mean; at least 1. */
static uint64_t sim_exponential(struct sim *m, uint64_t mean)
{
	uint32_t u = (uint32_t)sim_random(m, 1u << 30) + 1;

	return (uint64_t)(sim_minus_ln(u) * (double)mean) + 1;
}

static double sim_min(double a, double b)
{
	return a < b ? a : b;
}

static void sim_check(struct sim *m, bool good, const char *what)
{
	if (!good && m->broken == NULL) {
		m->broken = what;
	}
}

/* ---- sleepers: a heap by wake_at ---- */

static uint64_t heap_key(const struct sim *m, uint32_t at)
{
	return m->vcpus[m->heap[at]].wake_at;
}

static void heap_swap(struct sim *m, uint32_t a, uint32_t b)
{
	uint32_t x = m->heap[a];

	m->heap[a] = m->heap[b];
	m->heap[b] = x;
}

static void heap_push(struct sim *m, uint32_t vcpu)
{
	uint32_t at = m->heap_count++;

	m->heap[at] = vcpu;
	while (at > 0 && heap_key(m, at) < heap_key(m, (at - 1) / 2)) {
		heap_swap(m, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static uint32_t heap_pop(struct sim *m)
{
	uint32_t first = m->heap[0];
	uint32_t at = 0;

	m->heap[0] = m->heap[--m->heap_count];
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < m->heap_count &&
		    heap_key(m, child + 1) < heap_key(m, child)) {
			child++;
		}
		if (child >= m->heap_count ||
		    heap_key(m, at) <= heap_key(m, child)) {
			return first;
		}
		heap_swap(m, at, child);
		at = child;
	}
}

/* ---- the machine ---- */

static void sim_kick(void *ctx, uint32_t cpu)
{
	struct sim *m = ctx;
	uint64_t at = m->now + 1 + sim_random(m, m->exit_ns + 1);

	m->kicks++;
	if (at < m->cpu[cpu].next) {
		m->cpu[cpu].next = at;
	}
}

static const struct sched_ops sim_ops = { .kick = sim_kick };

struct sim *sim_new(uint32_t cpus, uint32_t vcpus, uint64_t seed)
{
	struct sim *m = calloc(1, sizeof(*m));

	m->seed = seed;
	m->exit_ns = 3 * SIM_US;
	m->vcpu_max = vcpus;
	m->groups = calloc(SIM_GROUP_MAX, sizeof(*m->groups));
	m->vcpus = calloc(vcpus, sizeof(*m->vcpus));
	m->heap = calloc(vcpus, sizeof(*m->heap));
	m->group_count = 1;
	sched_init(&m->s, &sim_ops, m, cpus, 1000000, 0);
	return m;
}

void sim_free(struct sim *m)
{
	free(m->groups);
	free(m->vcpus);
	free(m->heap);
	free(m);
}

static struct sched_group *sim_sched_group(struct sim *m, uint32_t group)
{
	return group == 0 ? &m->s.root : &m->groups[group].g;
}

uint32_t sim_group(struct sim *m, uint32_t parent, uint32_t weight)
{
	struct sim_group *g = &m->groups[m->group_count];

	g->parent = parent;
	if (sched_group_add(&m->s, &g->g, sim_sched_group(m, parent), m->now) !=
		    OK ||
	    sched_set_weight(&m->s, &g->g, weight, m->now) != OK) {
		abort();
	}
	return m->group_count++;
}

uint32_t sim_vcpu(struct sim *m, uint32_t group, uint64_t run, uint64_t sleep)
{
	struct sim_vcpu *v = &m->vcpus[m->vcpu_count];

	v->group = group;
	v->run = run;
	v->sleep = sleep;
	v->left = sleep == 0 ? SCHED_NEVER : sim_exponential(m, run);
	v->wake_at = m->now;
	v->woken = SCHED_NEVER;
	if (sched_vcpu_add(&m->s, &v->v, sim_sched_group(m, group), m->now) !=
	    OK) {
		abort();
	}
	heap_push(m, m->vcpu_count);
	return m->vcpu_count++;
}

/* The vCPU of @c leaves it. */
static void sim_put(struct sim *m, struct sim_cpu *c)
{
	struct sim_vcpu *v = c->current;
	uint64_t ran = m->now - c->started;
	uint64_t wake_at = SCHED_RUNNABLE;

	c->current = NULL;
	if (v->sleep != 0) {
		v->left = ran < v->left ? v->left - ran : 0;
	}
	if (v->left == 0) {
		v->left = sim_exponential(m, v->run);
		v->wake_at = m->now + sim_exponential(m, v->sleep);
		wake_at = v->wake_at;
		/* Half of them are woken by somebody else. */
		if (sim_random(m, 2) == 0) {
			wake_at = SCHED_NEVER;
			heap_push(m, (uint32_t)(v - m->vcpus));
		} else {
			v->woken = v->wake_at;
		}
	}
	sched_put(&m->s, &v->v, m->now, wake_at);
}

static void sim_note_latency(struct sim *m, struct sim_vcpu *v)
{
	uint64_t latency = m->now - v->woken;
	uint32_t slot =
		latency == 0 ? 0 : 63 - (uint32_t)__builtin_clzll(latency);

	m->latency[slot < SIM_LATENCY_SLOTS ? slot : SIM_LATENCY_SLOTS - 1]++;
	v->latency_max = latency > v->latency_max ? latency : v->latency_max;
	v->woken = SCHED_NEVER;
}

static void sim_pick(struct sim *m, uint32_t cpu)
{
	struct sim_cpu *c = &m->cpu[cpu];
	struct sched_turn turn;
	struct sched_vcpu *p;
	struct sim_vcpu *v;
	uint64_t delay;

	c->next = SCHED_NEVER;
	p = sched_pick(&m->s, cpu, m->now, &turn);
	if (p == NULL) {
		c->next = turn.end < c->next ? turn.end : c->next;
		return;
	}
	v = CONTAINER_OF(p, struct sim_vcpu, v);
	sim_check(m, (p->se.node.mask & BIT(cpu)) != 0, "a CPU not allowed");
	sim_check(m, turn.end > m->now, "a turn of no time");
	delay = p->run_delay - v->delay;
	v->delay = p->run_delay;
	v->wait_max = delay > v->wait_max ? delay : v->wait_max;
	if (v->woken <= m->now) {
		sim_note_latency(m, v);
	}
	c->current = v;
	c->started = m->now;
	m->switches++;
	/* A kick during the pick has set next already. */
	turn.end += sim_random(m, m->exit_ns + 1);
	turn.end = turn.end < c->next ? turn.end : c->next;
	c->next = v->left < turn.end - m->now ? m->now + v->left : turn.end;
}

/* The CPU at which something happens first. */
static uint32_t sim_next_cpu(const struct sim *m)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < m->s.cpu_count; i++) {
		first = m->cpu[i].next < m->cpu[first].next ? i : first;
	}
	return first;
}

void sim_run(struct sim *m, uint64_t ns)
{
	uint64_t end = m->now + ns;

	for (;;) {
		uint32_t cpu = sim_next_cpu(m);
		uint64_t at = m->cpu[cpu].next;
		uint64_t wake =
			m->heap_count > 0 ? heap_key(m, 0) : SCHED_NEVER;

		if ((at < wake ? at : wake) > end) {
			break;
		}
		m->events++;
		if (wake < at) {
			struct sim_vcpu *v = &m->vcpus[heap_pop(m)];

			m->now = wake > m->now ? wake : m->now;
			v->woken = m->now;
			sched_wake(&m->s, &v->v, m->now);
			continue;
		}
		m->now = at > m->now ? at : m->now;
		if (m->cpu[cpu].current != NULL) {
			sim_put(m, &m->cpu[cpu]);
		}
		sim_pick(m, cpu);
	}
	m->now = end;
}

/* ---- measured and ideal ---- */

void sim_mark(struct sim *m)
{
	sched_charge_all(&m->s, m->now);
	m->marked = m->now;
	for (uint32_t i = 1; i < m->group_count; i++) {
		m->groups[i].before = m->groups[i].g.usage;
	}
	for (uint32_t i = 0; i < m->vcpu_count; i++) {
		m->vcpus[i].got = (double)m->vcpus[i].v.usage;
		m->vcpus[i].latency_max = 0;
		m->vcpus[i].wait_max = 0;
	}
	memset(m->latency, 0, sizeof(m->latency));
}

static void sim_measure(struct sim *m)
{
	double time = (double)(m->now - m->marked);

	sched_charge_all(&m->s, m->now);
	for (uint32_t i = 0; i < m->group_count; i++) {
		struct sim_group *g = &m->groups[i];

		g->got = (double)(g->g.usage - g->before) / time;
		g->cap = 0;
		g->is_capped = false;
	}
	for (uint32_t i = 0; i < m->vcpu_count; i++) {
		struct sim_vcpu *v = &m->vcpus[i];

		v->got = ((double)v->v.usage - v->got) / time;
		v->cap = v->sleep == 0 ? 1.0 : v->got;
		v->is_capped = false;
		m->groups[v->group].cap += v->cap;
	}
	/* Children have higher numbers than their parents. */
	for (uint32_t i = m->group_count - 1; i > 0; i--) {
		struct sim_group *g = &m->groups[i];

		if (g->g.q.quota != 0) {
			g->cap = sim_min(g->cap, (double)g->g.q.quota /
							 (double)g->g.q.period);
		}
		m->groups[g->parent].cap += g->cap;
	}
}

/* One round over the children of @parent: those below their cap get @level a
 * unit of weight. True if one more has reached its cap. */
static bool sim_fill(struct sim *m, uint32_t parent, double level)
{
	bool changed = false;

	for (uint32_t i = 1; i < m->group_count; i++) {
		struct sim_group *g = &m->groups[i];

		if (g->parent == parent && !g->is_capped) {
			g->ideal = level * g->g.se.weight;
			g->is_capped = g->ideal >= g->cap;
			g->ideal = sim_min(g->ideal, g->cap);
			changed |= g->is_capped;
		}
	}
	for (uint32_t i = 0; i < m->vcpu_count; i++) {
		struct sim_vcpu *v = &m->vcpus[i];

		if (v->group == parent && !v->is_capped) {
			v->ideal = level * v->v.se.weight;
			v->is_capped = v->ideal >= v->cap;
			v->ideal = sim_min(v->ideal, v->cap);
			changed |= v->is_capped;
		}
	}
	return changed;
}

/* What is left for those below their cap, a unit of weight. */
static double sim_level(const struct sim *m, uint32_t parent)
{
	double left = m->groups[parent].ideal;
	double weight = 0;

	for (uint32_t i = 1; i < m->group_count; i++) {
		const struct sim_group *g = &m->groups[i];

		if (g->parent == parent) {
			left -= g->is_capped ? g->ideal : 0;
			weight += g->is_capped ? 0 : g->g.se.weight;
		}
	}
	for (uint32_t i = 0; i < m->vcpu_count; i++) {
		const struct sim_vcpu *v = &m->vcpus[i];

		if (v->group == parent) {
			left -= v->is_capped ? v->ideal : 0;
			weight += v->is_capped ? 0 : v->v.se.weight;
		}
	}
	return weight == 0 ? -1 : (left > 0 ? left : 0) / weight;
}

void sim_compare(struct sim *m, double cpus)
{
	sim_measure(m);
	m->groups[0].ideal = cpus;
	for (uint32_t i = 0; i < m->group_count; i++) {
		double level = sim_level(m, i);

		while (level >= 0 && sim_fill(m, i, level)) {
			level = sim_level(m, i);
		}
	}
}

double sim_error(const struct sim *m, double least, uint32_t *worst)
{
	double most = 0;

	*worst = 0;
	for (uint32_t i = 1; i < m->group_count; i++) {
		const struct sim_group *g = &m->groups[i];
		double off = g->got - g->ideal;
		double error = (off < 0 ? -off : off) / g->ideal;

		if (g->ideal >= least && error > most) {
			most = error;
			*worst = i;
		}
	}
	return most;
}
