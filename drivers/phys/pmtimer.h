/* pmtimer.h - the ACPI power management timer, as a ruler for the TSC. */
#ifndef DRIVERS_PHYS_PMTIMER_H
#define DRIVERS_PHYS_PMTIMER_H

#include <bh/status.h>

#define PMTIMER_HZ 3579545u

/**
 * pmtimer_measure_tsc() - TSC ticks in 10 ms of the timer at @port give @khz.
 * Return: OK; ERR_TIMEOUT if it does not count (bounded: 200 M ticks);
 *	   ERR_NOENT if @port is 0.
 */
must_check enum status pmtimer_measure_tsc(uint16_t port, uint64_t *khz);

#endif
