/* tsc_calibrate.h - how fast the TSC runs, and who says so. */
#ifndef DRIVERS_PHYS_TSC_CALIBRATE_H
#define DRIVERS_PHYS_TSC_CALIBRATE_H

#include <bh/status.h>

/* clang-format off */
#define TSC_SOURCE_LIST(X)                    \
	X(NONE,    "nothing")                 \
	X(PIT,     "PIT")                     \
	X(PMTIMER, "ACPI PM timer")           \
	X(CPUID,   "CPUID leaf 15h/16h")
/* clang-format on */

enum tsc_source {
#define X(name, text) TSC_SOURCE_##name,
	TSC_SOURCE_LIST(X)
#undef X
};

struct tsc_rate {
	uint64_t khz;           /* the one to use */
	uint64_t device_khz;    /* as measured; 0: no device counts */
	uint64_t cpuid_khz;     /* as the CPU claims; 0: no claim */
	enum tsc_source source; /* where khz comes from */
};

/**
 * tsc_calibrate() - find the frequency of the TSC.
 * @pmtimer_port: the ACPI PM timer's port; 0: none known
 *
 * Devices are measured; the CPU's own claim is taken when it is within 1 % (it
 * is exact then), or when no device counts.
 * Return: OK; ERR_TIMEOUT if neither a device nor CPUID tells.
 */
must_check enum status tsc_calibrate(uint16_t pmtimer_port,
				     struct tsc_rate *out);
/** tsc_source_text() - a source in words. */
const char *tsc_source_text(enum tsc_source s);

#endif
