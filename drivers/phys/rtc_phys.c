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

/* The fields of one look at the chip, as its registers stand. */
enum { SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY, FIELD_COUNT };

struct rtc_look {
	uint8_t field[FIELD_COUNT];
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
	const uint8_t regs[FIELD_COUNT] = { 0x00, 0x02, 0x04,       0x07,
					    0x08, 0x09, century_reg };
	struct rtc_look l = { 0 };

	for (uint32_t i = 0; i < FIELD_COUNT; i++) {
		if (i != CENTURY || century_reg != 0) {
			l.field[i] = cmos_read(regs[i]);
		}
	}
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

static enum status rtc_decode(struct rtc_look l, uint8_t reg_b,
			      uint64_t *seconds)
{
	bool is_12_hours = (reg_b & B_24_HOURS) == 0;
	bool is_pm = is_12_hours && (l.field[HOURS] & HOUR_PM) != 0;
	uint32_t v[FIELD_COUNT];
	uint32_t year;

	l.field[HOURS] &= (uint8_t)(is_pm ? ~HOUR_PM : 0xff);
	for (uint32_t i = 0; i < FIELD_COUNT; i++) {
		v[i] = (reg_b & B_BINARY) != 0 ? l.field[i]
					       : from_bcd(l.field[i]);
	}
	if (is_12_hours) {
		v[HOURS] = v[HOURS] % 12 + (is_pm ? 12 : 0);
	}
	year = v[CENTURY] >= 19 && v[CENTURY] <= 22
		       ? v[CENTURY] * 100 + v[YEAR]
		       : v[YEAR] + (v[YEAR] >= 70 ? 1900 : 2000);
	if (v[SECONDS] > 60 || v[MINUTES] > 59 || v[HOURS] > 23 || v[DAY] < 1 ||
	    v[DAY] > 31 || v[MONTH] < 1 || v[MONTH] > 12 || v[YEAR] > 99 ||
	    year < 1970) {
		return ERR_HARDWARE;
	}
	*seconds = days_since_1970(year, v[MONTH], v[DAY]) * 86400 +
		   v[HOURS] * 3600ull + v[MINUTES] * 60ull + v[SECONDS];
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
	struct rtc_look before = { 0 };

	for (uint32_t i = 0; i <= LOOK_MAX; i++) {
		struct rtc_look now;

		if (!rtc_wait_update()) {
			return ERR_TIMEOUT;
		}
		now = rtc_look(century_reg);
		if (i > 0 && memcmp(&before, &now, sizeof(now)) == 0) {
			return rtc_decode(now, cmos_read(REG_B), seconds);
		}
		before = now;
	}
	return ERR_TIMEOUT;
}
