/* hpet.h - the high precision event timer, as a ruler for the TSC. */
#ifndef DRIVERS_PHYS_HPET_H
#define DRIVERS_PHYS_HPET_H

#include <bh/status.h>

#define HPET_SIZE 0x400u /* bytes of its registers */

/**
 * hpet_measure_tsc() - TSC ticks in 10 ms of the main counter give @khz.
 * @regs: its registers, mapped uncached; NULL: none
 * Return: OK; ERR_NOENT if no HPET answers there; ERR_TIMEOUT if it does not
 *	   count (bounded: 200 M ticks).
 */
must_check enum status hpet_measure_tsc(volatile void *regs, uint64_t *khz);

#endif
