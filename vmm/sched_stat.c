/*
 * sched_stat.c - what the groups have used, up to now.
 *
 * Counters are kept at picks and puts; who runs now has used more. So all that
 * run are charged before anything is read.
 */
#include "sched_internal.h"

static void stat_charge(struct sched *s, uint64_t now)
{
	for (uint32_t i = 0; i < s->cpu_count; i++) {
		if (s->cpu[i].current != NULL) {
			sched_queue_charge(s, s->cpu[i].current, now);
		}
	}
}

void sched_charge_all(struct sched *s, uint64_t now)
{
	spin_lock(&s->lock);
	stat_charge(s, now);
	SCHED_EACH_GROUP(g, &s->root)
	{
		sched_psi_update(&g->psi, now);
		sched_quota_refresh(s, g, now);
	}
	spin_unlock(&s->lock);
}

static void stat_quota(const struct sched *s, const struct sched_quota *q,
		       uint64_t now, struct sched_stat *out)
{
	uint64_t throttled = q->throttled;

	if (q->is_throttled && (int64_t)(now - q->throttled_since) > 0) {
		throttled += now - q->throttled_since;
	}
	out->nr_periods = q->nr_periods;
	out->nr_throttled = q->nr_throttled;
	out->throttled_usec = sched_ticks_to_us(s, throttled);
	out->nr_bursts = q->nr_bursts;
	out->burst_usec = sched_ticks_to_us(s, q->bursts);
}

static void stat_psi(const struct sched *s, const struct sched_psi *p,
		     struct sched_stat *out)
{
	for (uint32_t k = 0; k < SCHED_PSI_KINDS; k++) {
		for (uint32_t i = 0; i < SCHED_PSI_SPANS; i++) {
			out->psi_avg[k][i] = sched_psi_percent100(p, k, i);
		}
		out->psi_total[k] = sched_ticks_to_us(s, p->line[k].total);
	}
}

void sched_read_stat(struct sched *s, struct sched_group *g, uint64_t now,
		     struct sched_stat *out)
{
	uint64_t system;

	spin_lock(&s->lock);
	stat_charge(s, now);
	sched_quota_refresh(s, g, now);
	sched_psi_update(&g->psi, now);
	/* The caller's clock may have told more than ran. */
	system = g->system < g->usage ? g->system : g->usage;
	out->usage_usec = sched_ticks_to_us(s, g->usage);
	out->system_usec = sched_ticks_to_us(s, system);
	out->user_usec = out->usage_usec - out->system_usec;
	stat_quota(s, &g->q, now, out);
	stat_psi(s, &g->psi, out);
	if (sched_is_root(g)) {
		/* Not defined for the whole machine, says the documentation. */
		for (uint32_t i = 0; i < SCHED_PSI_SPANS; i++) {
			out->psi_avg[SCHED_PSI_FULL][i] = 0;
		}
		out->psi_total[SCHED_PSI_FULL] = 0;
	}
	out->vcpu_count = g->vcpu_count;
	out->is_frozen = sched_group_is_frozen(s, g) && g->running == 0;
	spin_unlock(&s->lock);
}

void sched_add_system(struct sched *s, struct sched_vcpu *v, uint64_t ticks)
{
	spin_lock(&s->lock);
	for (struct sched_group *g = v->se.parent; g != NULL;
	     g = g->se.parent) {
		g->system += ticks;
	}
	spin_unlock(&s->lock);
}

uint64_t sched_run_delay(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	uint64_t ticks;

	spin_lock(&s->lock);
	ticks = v->run_delay;
	if (v->state == SCHED_VCPU_WAITING && (int64_t)(now - v->since) > 0) {
		ticks += now - v->since;
	}
	spin_unlock(&s->lock);
	return ticks;
}

uint64_t sched_usage(struct sched *s, struct sched_vcpu *v, uint64_t now)
{
	uint64_t ticks;

	spin_lock(&s->lock);
	if (v->state == SCHED_VCPU_RUNNING) {
		sched_queue_charge(s, v, now);
	}
	ticks = v->usage;
	spin_unlock(&s->lock);
	return ticks;
}
