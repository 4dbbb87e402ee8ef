/* tsc_calibrate.h - how fast the TSC runs, and who says so. */
#ifndef DRIVERS_PHYS_TSC_CALIBRATE_H
#define DRIVERS_PHYS_TSC_CALIBRATE_H

#include <bh/status.h>
#include <stdbool.h>

/* clang-format off */
#define TSC_SOURCE_LIST(X)                    \
	X(NONE,    "nothing")                 \
	X(PIT,     "PIT")                     \
	X(PMTIMER, "ACPI PM timer")           \
	X(HPET,    "HPET")                    \
	X(CPUID,   "CPUID leaf 15h/16h")
/* clang-format on */

enum tsc_source {
#define X(name, text) TSC_SOURCE_##name,
	TSC_SOURCE_LIST(X)
#undef X
};

/* The devices to measure against; the PIT is where it is on every PC. */
struct tsc_rulers {
	uint16_t pmtimer_port; /* of the ACPI PM timer; 0: none known */
	volatile void *hpet;   /* its registers; NULL: none known */
};

struct tsc_rate {
	uint64_t khz;           /* the one to use */
	uint64_t device_khz;    /* as measured; 0: no device counts */
	uint64_t check_khz;     /* as a second device says; 0: there is none */
	uint64_t cpuid_khz;     /* as the CPU claims; 0: no claim */
	enum tsc_source source; /* where khz comes from */
	enum tsc_source device; /* where device_khz comes from */
	enum tsc_source check;  /* where check_khz comes from */
	bool is_disputed;       /* no two devices agree */
};

/**
 * tsc_calibrate() - find the frequency of the TSC.
 *
 * Devices are measured until two agree within 1 %; if none do, the first that
 * counts is taken. The CPU's own claim is taken when it is within 1 % of that
 * (it is exact then), or when no device counts.
 * Return: OK; ERR_TIMEOUT if neither a device nor CPUID tells.
 */
must_check enum status tsc_calibrate(const struct tsc_rulers *rulers,
				     struct tsc_rate *out);
/** tsc_source_text() - a source in words. */
const char *tsc_source_text(enum tsc_source s);

#endif
