/*
 * tsc_calibrate.c - how fast the TSC runs.
 *
 * Each device is measured three times and the middle value taken, because an
 * SMI in the middle of one run makes it useless. A device alone is believed; of
 * several, two that agree: a table may name what is no timer, and a timer may
 * tell a wrong rate of itself. The CPU's claim (leaf 15h,
 * else the base frequency of leaf 16h) is exact on silicon, and wrong on some
 * emulators where the TSC counts instructions; so the claim must agree with a
 * device to be believed.
 */
#include "tsc_calibrate.h"
#include "hpet.h"
#include "pit.h"
#include "pmtimer.h"
#include <arch/cpu.h>

#define RUNS               3u
#define TOLERANCE_DIVISOR  100u /* 1 % */
#define CPUID_TSC_CRYSTAL  0x15u
#define CPUID_CPU_BASE_MHZ 0x16u

static uint64_t median3(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t low = a < b ? a : b;
	uint64_t high = a < b ? b : a;

	if (c < low) {
		return low;
	}
	return c > high ? high : c;
}

static enum status measure_once(enum tsc_source source,
				const struct tsc_rulers *r, uint64_t *khz)
{
	switch (source) {
	case TSC_SOURCE_PMTIMER:
		return pmtimer_measure_tsc(r->pmtimer_port, khz);
	case TSC_SOURCE_HPET:
		return hpet_measure_tsc(r->hpet, khz);
	default:
		return pit_measure_tsc(khz);
	}
}

/* The middle of three runs of one device; 0 if any of them fails. */
static uint64_t measure(enum tsc_source source, const struct tsc_rulers *r)
{
	uint64_t khz[RUNS];

	for (uint32_t i = 0; i < RUNS; i++) {
		if (measure_once(source, r, &khz[i]) != OK) {
			return 0;
		}
	}
	return median3(khz[0], khz[1], khz[2]);
}

/* What the CPU says of itself; 0 if it does not. */
static uint64_t cpuid_khz(void)
{
	uint32_t r[4];
	uint32_t max_leaf;

	cpu_cpuid(0, 0, r);
	max_leaf = r[CPUID_EAX];
	if (max_leaf >= CPUID_TSC_CRYSTAL) {
		cpu_cpuid(CPUID_TSC_CRYSTAL, 0, r);
		if (r[CPUID_EAX] != 0 && r[CPUID_EBX] != 0 &&
		    r[CPUID_ECX] != 0) {
			return (uint64_t)r[CPUID_ECX] * r[CPUID_EBX] /
			       r[CPUID_EAX] / 1000;
		}
	}
	if (max_leaf >= CPUID_CPU_BASE_MHZ) {
		cpu_cpuid(CPUID_CPU_BASE_MHZ, 0, r);
		return (uint64_t)(r[CPUID_EAX] & 0xffff) * 1000;
	}
	return 0;
}

/* Are they within TOLERANCE of each other? */
static bool agree(uint64_t a, uint64_t b)
{
	uint64_t gap = a > b ? a - b : b - a;

	return gap <= b / TOLERANCE_DIVISOR;
}

/*
 * The first device that counts, and a second one to check it. If they do not
 * agree the third decides; if it agrees with none the first stays.
 */
static void calibrate_devices(const struct tsc_rulers *r, struct tsc_rate *out)
{
	static const enum tsc_source devices[] = {
		TSC_SOURCE_PMTIMER,
		TSC_SOURCE_HPET,
		TSC_SOURCE_PIT,
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(devices); i++) {
		uint64_t khz = measure(devices[i], r);

		if (khz == 0) {
			continue;
		}
		if (out->device_khz == 0) {
			out->device = devices[i];
			out->device_khz = khz;
			continue;
		}
		if (out->check_khz != 0 && agree(khz, out->check_khz)) {
			/* the first is the odd one out */
			out->device = out->check;
			out->device_khz = out->check_khz;
		}
		out->check = devices[i];
		out->check_khz = khz;
		out->is_disputed = !agree(khz, out->device_khz);
		if (!out->is_disputed) {
			return;
		}
	}
}

/**
 * tsc_calibrate() - find the frequency of the TSC.
 * @rulers: the devices to measure against
 * @out:    the result, set in any case
 * Return: OK; ERR_TIMEOUT if neither a device nor CPUID tells.
 */
enum status tsc_calibrate(const struct tsc_rulers *rulers, struct tsc_rate *out)
{
	*out = (struct tsc_rate){ .cpuid_khz = cpuid_khz() };
	calibrate_devices(rulers, out);
	out->khz = out->device_khz;
	out->source = out->device;
	if (out->cpuid_khz != 0 &&
	    (out->device_khz == 0 || agree(out->cpuid_khz, out->device_khz))) {
		out->khz = out->cpuid_khz;
		out->source = TSC_SOURCE_CPUID;
	}
	return out->khz != 0 ? OK : ERR_TIMEOUT;
}

/** tsc_source_text() - a source in words. */
const char *tsc_source_text(enum tsc_source s)
{
	static const char *const texts[] = {
#define X(name, text) [TSC_SOURCE_##name] = text,
		TSC_SOURCE_LIST(X)
#undef X
	};

	return s < ARRAY_COUNT(texts) ? texts[s] : "?";
}
