/*
 * pmtimer.c - the ACPI power management timer, as a ruler for the TSC.
 *
 * It counts at 3.579545 MHz, 24 or 32 bits wide; the low 24 bits are looked at
 * always, which is enough for the 10 ms measured here. (ACPI specification,
 * "Power Management Timer".)
 */
#include "pmtimer.h"
#include <arch/io.h>
#include <arch/time.h>

#define TIMER_MASK    0xffffffu
#define MEASURE_MS    10u
#define MEASURE_COUNT (PMTIMER_HZ / 1000u * MEASURE_MS)
#define WAIT_TICKS    200000000u /* 10 ms of a TSC of 20 GHz */
#define WAIT_READS    20000000u  /* should the TSC stand still */

/**
 * pmtimer_measure_tsc() - TSC ticks in 10 ms of the timer at @port give @khz.
 * Return: OK; ERR_TIMEOUT if it does not count (bounded: 200 M ticks);
 *	   ERR_NOENT if @port is 0.
 */
enum status pmtimer_measure_tsc(uint16_t port, uint64_t *khz)
{
	uint32_t first;
	uint64_t start;
	uint64_t now;

	if (port == 0) {
		return ERR_NOENT;
	}
	first = io_in32(port);
	start = time_tsc_ordered();
	for (uint32_t i = 0; i < WAIT_READS; i++) {
		uint32_t count = (io_in32(port) - first) & TIMER_MASK;

		now = time_tsc_ordered();
		if (count >= MEASURE_COUNT) {
			*khz = (now - start) * PMTIMER_HZ / count / 1000;
			return *khz != 0 ? OK : ERR_TIMEOUT;
		}
		if (now - start > WAIT_TICKS) {
			break;
		}
	}
	return ERR_TIMEOUT;
}
