/*
 * pit.c - the 8254 timer's channel 2, as a ruler for the TSC.
 *
 * Channel 2 counts down once (mode 0) while its gate, bit 0 of port 0x61, is
 * open; bit 5 of that port shows its output, which rises at zero. No interrupt
 * is involved. (8254 data sheet, "Mode 0: Interrupt on Terminal Count".)
 */
#include "pit.h"
#include <arch/io.h>
#include <arch/time.h>

/* clang-format off */
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PORT_B       0x61

#define COMMAND_CH2_MODE0 0xb0 /* low byte, then high byte */
#define PORT_B_GATE2   0x01
#define PORT_B_SPEAKER 0x02
#define PORT_B_OUT2    0x20
/* clang-format on */

#define MEASURE_MS    10u
#define MEASURE_COUNT ((uint64_t)PIT_HZ / 1000u * MEASURE_MS)
#define WAIT_TICKS    200000000u /* 10 ms of a TSC of 20 GHz */
#define WAIT_READS    20000000u  /* should the TSC stand still */

/* Wait for the output; OK with the TSC when it rose. */
static enum status pit_wait_output(uint64_t start, uint64_t *end)
{
	for (uint32_t i = 0; i < WAIT_READS; i++) {
		uint8_t port_b = io_in8(PORT_B);

		*end = time_tsc_ordered();
		if ((port_b & PORT_B_OUT2) != 0) {
			return OK;
		}
		if (*end - start > WAIT_TICKS) {
			break;
		}
	}
	return ERR_TIMEOUT;
}

/**
 * pit_measure_tsc() - TSC ticks in 10 ms of the PIT give @khz.
 *
 * An output that is high at once belongs to no counter (a port that reads
 * 0xff), so that is a dead PIT too.
 * Return: OK; ERR_TIMEOUT if the PIT does not count (bounded: 200 M ticks).
 */
enum status pit_measure_tsc(uint64_t *khz)
{
	uint8_t saved = io_in8(PORT_B);
	uint64_t start;
	uint64_t end = 0;
	enum status s = ERR_TIMEOUT;

	io_out8(PORT_B, (uint8_t)((saved & ~PORT_B_SPEAKER) | PORT_B_GATE2));
	io_out8(PIT_COMMAND, COMMAND_CH2_MODE0);
	io_out8(PIT_CHANNEL2, (uint8_t)MEASURE_COUNT);
	io_out8(PIT_CHANNEL2, (uint8_t)(MEASURE_COUNT >> 8));
	start = time_tsc_ordered();
	if ((io_in8(PORT_B) & PORT_B_OUT2) == 0) {
		s = pit_wait_output(start, &end);
	}
	io_out8(PORT_B, saved);
	if (s != OK || end == start) {
		return ERR_TIMEOUT;
	}
	/* ticks / (count / PIT_HZ) seconds, in kHz */
	*khz = (end - start) * PIT_HZ / MEASURE_COUNT / 1000;
	return *khz != 0 ? OK : ERR_TIMEOUT;
}
