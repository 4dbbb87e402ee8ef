/*
 * rtc_phys.c - the wall clock of the machine, from its CMOS chip.
 *
 * The chip updates its fields once a second, and they must not be read across
 * an update: wait until none is in progress, read, and read again until two
 * looks agree (MC146818A data sheet, "Update Cycle").
 */
#include "rtc_phys.h"
#include <arch/io.h>
#include <bh/string.h>

/* clang-format off */
#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define REG_SECONDS 0x00
#define REG_MINUTES 0x02
#define REG_HOURS   0x04
#define REG_DAY     0x07
#define REG_MONTH   0x08
#define REG_YEAR    0x09
#define REG_A       0x0a
#define REG_B       0x0b

#define NMI_OFF     0x80 /* bit 7 of the index gates NMIs: leave them on */
#define A_UPDATING  0x80
#define B_24_HOURS  0x02
#define B_BINARY    0x04
#define HOUR_PM     0x80
/* clang-format on */

#define UPDATE_READS 1000000u /* an update takes 2 ms */
#define LOOK_MAX     5u

/* One look at the chip, as its registers stand. */
struct rtc_look {
	uint8_t seconds;
	uint8_t minutes;
	uint8_t hours;
	uint8_t day;
	uint8_t month;
	uint8_t year;
	uint8_t century;
};

static uint8_t cmos_read(uint8_t reg)
{
	io_out8(CMOS_INDEX, (uint8_t)(reg & ~NMI_OFF));
	return io_in8(CMOS_DATA);
}

static bool rtc_wait_update(void)
{
	for (uint32_t i = 0; i < UPDATE_READS; i++) {
		if ((cmos_read(REG_A) & A_UPDATING) == 0) {
			return true;
		}
	}
	return false;
}

static struct rtc_look rtc_look(uint8_t century_reg)
{
	struct rtc_look l;

	l.seconds = cmos_read(REG_SECONDS);
	l.minutes = cmos_read(REG_MINUTES);
	l.hours = cmos_read(REG_HOURS);
	l.day = cmos_read(REG_DAY);
	l.month = cmos_read(REG_MONTH);
	l.year = cmos_read(REG_YEAR);
	l.century = century_reg != 0 ? cmos_read(century_reg) : 0;
	return l;
}

static uint32_t from_bcd(uint8_t v)
{
	return (v >> 4) * 10u + (v & 0xfu);
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar. */
static uint64_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
	/* Years begin in March here, so that the leap day is their last. */
	uint64_t y = month <= 2 ? year - 1 : year;
	uint64_t m = month <= 2 ? month + 9 : month - 3;
	uint64_t leap_days = y / 4 - y / 100 + y / 400;

	return y * 365 + leap_days + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static enum status rtc_decode(const struct rtc_look *l, uint8_t reg_b,
			      uint64_t *seconds)
{
	bool is_pm = (reg_b & B_24_HOURS) == 0 && (l->hours & HOUR_PM) != 0;
	uint8_t hours = (uint8_t)(is_pm ? l->hours & ~HOUR_PM : l->hours);
	const uint8_t raw[] = { l->seconds, l->minutes, hours,     l->day,
				l->month,   l->year,    l->century };
	uint32_t v[ARRAY_COUNT(raw)];
	uint32_t year;

	for (uint32_t i = 0; i < ARRAY_COUNT(raw); i++) {
		v[i] = (reg_b & B_BINARY) != 0 ? raw[i] : from_bcd(raw[i]);
	}
	if ((reg_b & B_24_HOURS) == 0) {
		v[2] = v[2] % 12 + (is_pm ? 12 : 0);
	}
	year = v[6] >= 19 && v[6] <= 22 ? v[6] * 100 + v[5]
	       : v[5] >= 70             ? 1900 + v[5]
					: 2000 + v[5];
	if (v[0] > 60 || v[1] > 59 || v[2] > 23 || v[3] < 1 || v[3] > 31 ||
	    v[4] < 1 || v[4] > 12 || v[5] > 99 || year < 1970) {
		return ERR_HARDWARE;
	}
	*seconds = days_since_1970(year, v[4], v[3]) * 86400 + v[2] * 3600ull +
		   v[1] * 60ull + v[0];
	return OK;
}

/**
 * rtc_phys_read() - seconds since 1970-01-01 00:00:00 UTC.
 * @century_reg: CMOS index of the century as the FADT names it; 0: none, then
 *		 years 70..99 are 19xx, others 20xx
 * @seconds:	 set on success only
 *
 * The chip is taken to run in UTC.
 * Return: OK; ERR_TIMEOUT if no two looks agree (no chip); ERR_HARDWARE if its
 *	   fields are no date.
 */
enum status rtc_phys_read(uint8_t century_reg, uint64_t *seconds)
{
	struct rtc_look before;
	struct rtc_look now;

	for (uint32_t i = 0; i < LOOK_MAX; i++) {
		if (!rtc_wait_update()) {
			return ERR_TIMEOUT;
		}
		before = rtc_look(century_reg);
		if (!rtc_wait_update()) {
			return ERR_TIMEOUT;
		}
		now = rtc_look(century_reg);
		if (memcmp(&before, &now, sizeof(now)) == 0) {
			return rtc_decode(&now, cmos_read(REG_B), seconds);
		}
	}
	return ERR_TIMEOUT;
}
