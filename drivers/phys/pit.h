/* pit.h - the 8254 timer's channel 2, as a ruler for the TSC. */
#ifndef DRIVERS_PHYS_PIT_H
#define DRIVERS_PHYS_PIT_H

#include <bh/status.h>

#define PIT_HZ 1193182u

/**
 * pit_measure_tsc() - TSC ticks in 10 ms of the PIT give @khz.
 * Return: OK; ERR_TIMEOUT if the PIT does not count (bounded: 200 M ticks).
 */
must_check enum status pit_measure_tsc(uint64_t *khz);

#endif
