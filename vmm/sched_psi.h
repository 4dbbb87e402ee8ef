/*
 * sched_psi.h - pressure stall information of one group: cpu.pressure.
 *
 * some: share of time in which at least one vCPU wanted a CPU and had none.
 * full: ... in which none that wanted one had one.
 *
 * The averages are exponential, of windows of two seconds, over 10, 60 and 300
 * seconds. They need no timer: between two changes the state is constant, so
 * all windows that passed since are computed at the next change or read.
 * The owner serializes. Times are TSC ticks.
 */
#ifndef VMM_SCHED_PSI_H
#define VMM_SCHED_PSI_H

#include <bh/attr.h>
#include <stdbool.h>

enum sched_psi_kind { SCHED_PSI_SOME, SCHED_PSI_FULL, SCHED_PSI_KINDS };
enum sched_psi_span {
	SCHED_PSI_10,
	SCHED_PSI_60,
	SCHED_PSI_300,
	SCHED_PSI_SPANS
};

struct sched_psi_line {
	uint64_t total;                /* ticks */
	uint64_t before;               /* ... when the open window began */
	uint32_t avg[SCHED_PSI_SPANS]; /* percent, 16 bits of fraction */
};

struct sched_psi {
	uint64_t window; /* (c) ticks in a window */
	uint64_t window_end;
	uint64_t last;  /* all before is accounted */
	uint32_t state; /* bits of enum sched_psi_kind: since last */
	struct sched_psi_line line[SCHED_PSI_KINDS];
};

/** sched_psi_init() - no pressure so far. */
void sched_psi_init(struct sched_psi *p, uint32_t tsc_khz, uint64_t now);

/** sched_psi_update() - account the time up to @now with the present state. */
void sched_psi_update(struct sched_psi *p, uint64_t now);

/** sched_psi_accrue() - @ticks more with the present state, in this window. */
static inline void sched_psi_accrue(struct sched_psi *p, uint64_t ticks)
{
	for (uint32_t k = 0; k < SCHED_PSI_KINDS; k++) {
		if ((p->state & BIT(k)) != 0) {
			p->line[k].total += ticks;
		}
	}
	p->last += ticks;
}

/** sched_psi_set() - the state from @now on, by how many vCPUs do what. */
static inline void sched_psi_set(struct sched_psi *p, uint32_t waiting,
				 uint32_t running, uint64_t now)
{
	uint32_t state = waiting == 0 ? 0 : BIT(SCHED_PSI_SOME);
	uint64_t ticks = now - p->last;

	if (waiting != 0 && running == 0) {
		state |= BIT(SCHED_PSI_FULL);
	}
	if (p->state == state) {
		return;
	}
	/* Also false if the clock went back. Inline: each switch comes here. */
	if (ticks < p->window_end - p->last) {
		sched_psi_accrue(p, ticks);
	} else {
		sched_psi_update(p, now);
	}
	p->state = state;
}

/** sched_psi_percent100() - an average in hundredths of a percent. */
uint32_t sched_psi_percent100(const struct sched_psi *p,
			      enum sched_psi_kind kind,
			      enum sched_psi_span span);

#endif
