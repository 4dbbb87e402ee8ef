/*
 * vrtc.c - the clock chip of a PC, for kernels that ask it for the time.
 *
 * The time is the VMM's, in UTC, and cannot be set: what is written to the
 * fields of the time, of registers A to D, or of the century, is dropped, but
 * for register B's format bits. The chip makes no interrupts (alarm, update,
 * periodic). The rest is memory. MC146818A data sheet, "Address Map",
 * "Registers".
 *
 * Invariant: index < VRTC_REG_COUNT.
 */
#include "vrtc.h"

#define PORT_INDEX 0u
#define NMI_OFF                                                      \
	0x80u /* in the index: gates NMIs, which a guest has none of \
	       */

enum {
	REG_SECONDS = 0x00,
	REG_MINUTES = 0x02,
	REG_HOURS = 0x04,
	REG_WEEKDAY = 0x06,
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	REG_MEMORY = 0x0e,
};

#define A_UPDATING  0x80u
#define A_32_KHZ    0x26u /* divider and rate, as firmware sets them */
#define B_24_HOURS  0x02u
#define B_BINARY    0x04u
#define B_FORMAT    (B_24_HOURS | B_BINARY)
#define D_VALID     0x80u
#define HOUR_PM     0x80u
#define SECOND_US   1000000u
#define UPDATE_US   2228u /* before the second ends */
#define DAY_SECONDS 86400u
#define FIRST_DAY   4u /* 1970-01-01 was a Thursday; Sunday is 1 */

struct date {
	uint64_t year, month, day;
};

/* The date @days after 1970-01-01. Years begin in March here, so that the leap
 * day is their last, as in drivers/phys/rtc_phys.c. */
static struct date date_of(uint64_t days)
{
	uint64_t since = days + 719468; /* 0000-03-01 */
	uint64_t of_era = since % 146097;
	uint64_t year =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;

	return (struct date){
		.year = year + since / 146097 * 400 + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

static uint8_t vrtc_format(const struct vrtc *r, uint64_t n)
{
	return (uint8_t)((r->regs[REG_B] & B_BINARY) != 0
				 ? n
				 : n / 10 << 4 | n % 10);
}

static uint8_t vrtc_hours(const struct vrtc *r, uint32_t hours)
{
	uint32_t twelve = hours % 12 == 0 ? 12 : hours % 12;

	if ((r->regs[REG_B] & B_24_HOURS) != 0) {
		return vrtc_format(r, hours);
	}
	return (uint8_t)(vrtc_format(r, twelve) | (hours >= 12 ? HOUR_PM : 0));
}

static uint8_t vrtc_reg(const struct vrtc *r)
{
	uint64_t us = r->ops->now_us(r->ctx);
	uint64_t seconds = us / SECOND_US;
	uint64_t days = seconds / DAY_SECONDS;
	uint32_t of_day = (uint32_t)(seconds % DAY_SECONDS);

	switch (r->index) {
	case REG_SECONDS:
		return vrtc_format(r, of_day % 60);
	case REG_MINUTES:
		return vrtc_format(r, of_day / 60 % 60);
	case REG_HOURS:
		return vrtc_hours(r, of_day / 3600);
	case REG_WEEKDAY:
		return vrtc_format(r, (days + FIRST_DAY) % 7 + 1);
	case REG_DAY:
		return vrtc_format(r, date_of(days).day);
	case REG_MONTH:
		return vrtc_format(r, date_of(days).month);
	case REG_YEAR:
		return vrtc_format(r, date_of(days).year % 100);
	case VRTC_REG_CENTURY:
		return vrtc_format(r, date_of(days).year / 100);
	case REG_A:
		return (uint8_t)(A_32_KHZ |
				 (us % SECOND_US >= SECOND_US - UPDATE_US
					  ? A_UPDATING
					  : 0));
	case REG_C:
		return 0;
	case REG_D:
		return D_VALID;
	default:
		return r->regs[r->index];
	}
}

static uint64_t vrtc_read(void *dev, uint32_t offset, uint32_t size)
{
	const struct vrtc *r = dev;

	(void)size;
	return offset == PORT_INDEX ? 0xff : vrtc_reg(r);
}

static void vrtc_write(void *dev, uint32_t offset, uint32_t size,
		       uint64_t value)
{
	struct vrtc *r = dev;

	(void)size;
	if (offset == PORT_INDEX) {
		r->index = (uint8_t)(value & ~(uint64_t)NMI_OFF) &
			   (VRTC_REG_COUNT - 1);
	} else if (r->index == REG_B) {
		r->regs[REG_B] = (uint8_t)(value & B_FORMAT);
	} else if (r->index >= REG_MEMORY) {
		r->regs[r->index] = (uint8_t)value;
	}
}

static const struct vdev_ops vrtc_ops = { "rtc", vrtc_read, vrtc_write };

void vrtc_init(struct vrtc *r, const struct vrtc_ops *ops, void *ctx)
{
	*r = (struct vrtc){ .ops = ops, .ctx = ctx };
	r->regs[REG_B] = B_24_HOURS;
}

enum status vrtc_attach(struct vrtc *r, struct io_bus *bus)
{
	return io_space_add(&bus->pio, VRTC_PORT_BASE, VRTC_PORT_COUNT,
			    &vrtc_ops, r);
}
