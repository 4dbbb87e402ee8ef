/*
 * hpet.c - the high precision event timer, as a ruler for the TSC.
 *
 * Its main counter counts up at a rate that its capabilities tell in
 * femtoseconds a tick: 10 MHz or more. Only the counter's low 32 bits are
 * looked at: all have them, one read is one moment, and they wrap after more
 * than the 10 ms measured here at any rate that is believed. No interrupt is
 * involved. (IA-PC HPET Specification, "Register Definitions".)
 *
 * The counter may stand still because nobody has switched it on; then it is
 * switched on for the time of the measurement. The legacy replacement route
 * stays as it was: it takes the PIT's place.
 */
#include "hpet.h"
#include <arch/io.h>
#include <arch/time.h>

/* clang-format off */
#define HPET_CAPABILITIES 0x00 /* low half: revision, timers, vendor */
#define HPET_PERIOD       0x04 /* high half: femtoseconds a tick */
#define HPET_CONFIG       0x10
#define HPET_COUNTER      0xf0

#define CONFIG_ENABLE     0x01u
#define CAPABILITIES_REVISION 0xffu /* never 0 */
/* clang-format on */

#define PERIOD_MAX_FS 100000000u /* the specification's bound: 10 MHz */
#define PERIOD_MIN_FS 100000u    /* 10 GHz: more is no timer */
#define FS_PER_MS     1000000000000ull
#define MEASURE_MS    10u
#define WAIT_TICKS    200000000u /* 10 ms of a TSC of 20 GHz */
#define WAIT_READS    20000000u  /* should the TSC stand still */

static uint32_t hpet_read(volatile void *regs, uint32_t offset)
{
	return mmio_read32((volatile uint8_t *)regs + offset);
}

static void hpet_write(volatile void *regs, uint32_t offset, uint32_t value)
{
	mmio_write32((volatile uint8_t *)regs + offset, value);
}

/* Femtoseconds a tick; 0 if no HPET answers. */
static uint32_t hpet_period(volatile void *regs)
{
	uint32_t low = hpet_read(regs, HPET_CAPABILITIES);
	uint32_t period = hpet_read(regs, HPET_PERIOD);

	if (low == UINT32_MAX || (low & CAPABILITIES_REVISION) == 0 ||
	    period < PERIOD_MIN_FS || period > PERIOD_MAX_FS) {
		return 0;
	}
	return period;
}

/* As hpet_measure_tsc(), of a counter that is switched on. */
static enum status hpet_run(volatile void *regs, uint32_t period, uint64_t *khz)
{
	uint32_t wanted = (uint32_t)(MEASURE_MS * FS_PER_MS / period);
	uint32_t first = hpet_read(regs, HPET_COUNTER);
	uint64_t start = time_tsc_ordered();

	for (uint32_t i = 0; i < WAIT_READS; i++) {
		uint32_t count = hpet_read(regs, HPET_COUNTER) - first;
		uint64_t gone = time_tsc_ordered() - start;

		if (count >= wanted) {
			uint64_t ns = (uint64_t)count * period / 1000000;

			*khz = gone * 1000000 / ns;
			return *khz != 0 ? OK : ERR_TIMEOUT;
		}
		if (gone > WAIT_TICKS) {
			break;
		}
	}
	return ERR_TIMEOUT;
}

/**
 * hpet_measure_tsc() - TSC ticks in 10 ms of the main counter give @khz.
 * @regs: its registers, mapped uncached; NULL: none
 * Return: OK; ERR_NOENT if no HPET answers there; ERR_TIMEOUT if it does not
 *	   count (bounded: 200 M ticks).
 */
enum status hpet_measure_tsc(volatile void *regs, uint64_t *khz)
{
	uint32_t period = regs != NULL ? hpet_period(regs) : 0;
	uint32_t config;
	enum status s;

	if (period == 0) {
		return ERR_NOENT;
	}
	config = hpet_read(regs, HPET_CONFIG);
	if ((config & CONFIG_ENABLE) == 0) {
		hpet_write(regs, HPET_CONFIG, config | CONFIG_ENABLE);
	}
	s = hpet_run(regs, period, khz);
	if ((config & CONFIG_ENABLE) == 0) {
		hpet_write(regs, HPET_CONFIG, config);
	}
	return s;
}
