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
		       uint64_t now, struct cpu_stat *out)
{
	uint64_t throttled = q->throttled;

	if (q->is_throttled && (int64_t)(now - q->throttled_since) > 0) {
		throttled += now - q->throttled_since;
	}
	out->nr_periods = q->nr_periods;
	out->nr_throttled = q->nr_throttled;
	out->throttled_us = sched_ticks_to_us(s, throttled);
	out->nr_bursts = q->nr_bursts;
	out->burst_us = sched_ticks_to_us(s, q->bursts);
}

static struct pressure_line stat_pressure(const struct sched *s,
					  const struct sched_psi *p,
					  enum sched_psi_kind kind)
{
	return (struct pressure_line){
		.avg10 = sched_psi_percent100(p, kind, SCHED_PSI_10),
		.avg60 = sched_psi_percent100(p, kind, SCHED_PSI_60),
		.avg300 = sched_psi_percent100(p, kind, SCHED_PSI_300),
		.total_us = sched_ticks_to_us(s, p->line[kind].total),
	};
}

void sched_read_stat(struct sched *s, struct sched_group *g, uint64_t now,
		     struct cpu_stat *stat, struct cpu_pressure *pressure)
{
	spin_lock(&s->lock);
	stat_charge(s, now);
	sched_quota_refresh(s, g, now);
	stat->usage_us = sched_ticks_to_us(s, g->usage);
	/* The caller's clock may have told more than ran. */
	stat->root_us = sched_ticks_to_us(s, g->system < g->usage ? g->system
								  : g->usage);
	stat_quota(s, &g->q, now, stat);
	if (pressure != NULL) {
		sched_psi_update(&g->psi, now);
		pressure->some = stat_pressure(s, &g->psi, SCHED_PSI_SOME);
		pressure->full = stat_pressure(s, &g->psi, SCHED_PSI_FULL);
	}
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
