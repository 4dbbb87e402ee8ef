/* rtc_phys.h - the wall clock of the machine, from its CMOS chip. */
#ifndef DRIVERS_PHYS_RTC_PHYS_H
#define DRIVERS_PHYS_RTC_PHYS_H

#include <bh/status.h>
#include <stdbool.h>

/**
 * rtc_phys_read() - seconds since 1970-01-01 00:00:00 UTC.
 * @century_reg: CMOS index of the century as the FADT names it; 0: none, then
 *		 years 70..99 are 19xx, others 20xx
 *
 * The chip is taken to run in UTC.
 * Return: OK; ERR_TIMEOUT if no two looks agree (no chip); ERR_HARDWARE if its
 *	   fields are no date.
 */
must_check enum status rtc_phys_read(uint8_t century_reg, uint64_t *seconds);

#endif
