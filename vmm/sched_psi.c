/*
 * sched_psi.c - pressure stall information without a timer.
 *
 * At the end of a window each average moves towards the window's percentage:
 *	avg = avg * e^(-2/span) + percent * (1 - e^(-2/span))
 */
#include "sched_psi.h"

#define PSI_WINDOW_MS 2000u
#define PSI_ONE       65536u /* 1.0 */
#define PSI_FULL      (100u * PSI_ONE)

/* e^(-2/10), e^(-2/60), e^(-2/300), times 65536 */
static const uint32_t psi_decay[SCHED_PSI_SPANS] = {
	[SCHED_PSI_10] = 53656,
	[SCHED_PSI_60] = 63388,
	[SCHED_PSI_300] = 65101,
};

void sched_psi_init(struct sched_psi *p, uint32_t tsc_khz, uint64_t now)
{
	*p = (struct sched_psi){
		.window = (uint64_t)tsc_khz * PSI_WINDOW_MS,
		.last = now,
	};
	p->window_end = now + p->window;
}

/* @decay to the power of @n. */
static uint32_t psi_power(uint32_t decay, uint64_t n)
{
	uint64_t result = PSI_ONE;
	uint64_t base = decay;

	for (; n > 0 && result > 0; n >>= 1) {
		if ((n & 1) != 0) {
			result = (result * base + PSI_ONE / 2) / PSI_ONE;
		}
		base = (base * base + PSI_ONE / 2) / PSI_ONE;
	}
	return (uint32_t)result;
}

/* @count windows of @percent (16 bits of fraction) have ended. */
static void psi_average(struct sched_psi_line *l, uint32_t percent,
			uint64_t count)
{
	for (uint32_t i = 0; i < SCHED_PSI_SPANS; i++) {
		uint64_t keep = psi_power(psi_decay[i], count);

		l->avg[i] =
			(uint32_t)((l->avg[i] * keep +
				    percent * (PSI_ONE - keep) + PSI_ONE / 2) /
				   PSI_ONE);
	}
}

/* The open window ends; @more whole ones with the same state follow it. */
static void psi_close(struct sched_psi *p, uint64_t more)
{
	for (uint32_t k = 0; k < SCHED_PSI_KINDS; k++) {
		struct sched_psi_line *l = &p->line[k];
		bool is_on = (p->state & BIT(k)) != 0;
		uint64_t ticks = l->total - l->before;
		uint64_t percent = ticks * 100 / p->window * PSI_ONE;

		/* The remainder in two steps: no overflow at any clock. */
		percent += ticks * 100 % p->window * PSI_ONE / p->window;
		psi_average(l, (uint32_t)percent, 1);
		if (more > 0) {
			psi_average(l, is_on ? PSI_FULL : 0, more);
			l->total += is_on ? more * p->window : 0;
		}
		l->before = l->total;
	}
	p->last += more * p->window;
	p->window_end += (more + 1) * p->window;
}

void sched_psi_update(struct sched_psi *p, uint64_t now)
{
	/* The clocks of two CPUs may differ by a little. */
	if ((int64_t)(now - p->last) <= 0) {
		return;
	}
	if ((int64_t)(now - p->window_end) >= 0) {
		sched_psi_accrue(p, p->window_end - p->last);
		psi_close(p, (now - p->window_end) / p->window);
	}
	sched_psi_accrue(p, now - p->last);
}

uint32_t sched_psi_percent100(const struct sched_psi *p,
			      enum sched_psi_kind kind,
			      enum sched_psi_span span)
{
	return (uint32_t)((uint64_t)p->line[kind].avg[span] * 100 / PSI_ONE);
}
