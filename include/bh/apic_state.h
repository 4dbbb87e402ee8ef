/*
 * apic_state.h - what moves when a local APIC is lent to a guest and taken
 * back: from the virtual one's page into the processor's own, and the reverse.
 * Bits of vectors are in the order of the registers: vector n is bit n % 32 of
 * word n / 32.
 */
#ifndef BH_APIC_STATE_H
#define BH_APIC_STATE_H

#include <stdint.h>

#define APIC_STATE_WORDS 8u

struct apic_state {
	uint32_t irr[APIC_STATE_WORDS]; /* requested; none is level-triggered */
	uint32_t isr[APIC_STATE_WORDS]; /* in service; all 0 when it is lent */
	uint32_t tpr;
	uint32_t svr;       /* enabled, vector >= 16 */
	uint32_t lvt_timer; /* TSC-deadline mode */
	uint64_t deadline;  /* TSC; 0: not armed */
};

#endif
