/*
 * time.h - the time stamp counter. Its frequency is measured by drivers/phys.
 */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include <bh/attr.h>

/** time_tsc() - the TSC, not ordered with loads before it (RDTSC). */
uint64_t time_tsc(void);
/** time_tsc_ordered() - the TSC after all earlier loads (LFENCE; RDTSC). */
uint64_t time_tsc_ordered(void);

#endif
