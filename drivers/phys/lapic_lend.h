/*
 * lapic_lend.h - lend a CPU's own local APIC to a guest (docs/adr/0009).
 */
#ifndef DRIVERS_PHYS_LAPIC_LEND_H
#define DRIVERS_PHYS_LAPIC_LEND_H

#include "lapic_phys.h"

#include <bh/apic_state.h>

/** lapic_can_lend() - x2APIC mode with a TSC-deadline timer is needed. */
bool lapic_can_lend(const struct lapic_phys *l);
/** lapic_lend() - the VMM's timer stops; the registers become @s. */
void lapic_lend(struct lapic_phys *l, const struct apic_state *s);
/** lapic_raise() - while it is lent: request the vectors of @irr. */
void lapic_raise(const uint32_t irr[APIC_STATE_WORDS]);
/** lapic_take_back() - @out: what the guest left; the VMM's timer is stopped.
 *  All interrupts that were requested or in service are gone from the APIC. */
void lapic_take_back(struct lapic_phys *l, struct apic_state *out);

#endif
