/*
 * tsc_calibrate.c - how fast the TSC runs.
 *
 * Each device is measured three times and the middle value taken, because an
 * SMI in the middle of one run makes it useless. The CPU's claim (leaf 15h,
 * else the base frequency of leaf 16h) is exact on silicon, and wrong on some
 * emulators where the TSC counts instructions; so the claim must agree with a
 * device to be believed.
 */
#include "tsc_calibrate.h"
#include "pit.h"
#include "pmtimer.h"
#include <arch/cpu.h>
#include <stdbool.h>

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

/* The middle of three runs of one device; 0 if any of them fails. */
static uint64_t measure(enum tsc_source source, uint16_t port)
{
	uint64_t khz[RUNS];

	for (uint32_t i = 0; i < RUNS; i++) {
		enum status s = source == TSC_SOURCE_PIT
					? pit_measure_tsc(&khz[i])
					: pmtimer_measure_tsc(port, &khz[i]);

		if (s != OK) {
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

/**
 * tsc_calibrate() - find the frequency of the TSC.
 * @pmtimer_port: the ACPI PM timer's port; 0: none known
 * @out:	  the result, set in any case
 * Return: OK; ERR_TIMEOUT if neither a device nor CPUID tells.
 */
enum status tsc_calibrate(uint16_t pmtimer_port, struct tsc_rate *out)
{
	*out = (struct tsc_rate){ .source = TSC_SOURCE_PMTIMER };
	out->cpuid_khz = cpuid_khz();
	if (pmtimer_port != 0) {
		out->device_khz = measure(TSC_SOURCE_PMTIMER, pmtimer_port);
	}
	if (out->device_khz == 0) {
		out->source = TSC_SOURCE_PIT;
		out->device_khz = measure(TSC_SOURCE_PIT, 0);
	}
	out->khz = out->device_khz;
	if (out->cpuid_khz != 0 &&
	    (out->device_khz == 0 || agree(out->cpuid_khz, out->device_khz))) {
		out->khz = out->cpuid_khz;
		out->source = TSC_SOURCE_CPUID;
	}
	if (out->khz == 0) {
		out->source = TSC_SOURCE_NONE;
		return ERR_TIMEOUT;
	}
	return OK;
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
