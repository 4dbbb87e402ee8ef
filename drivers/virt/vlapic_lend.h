/*
 * vlapic_lend.h - hand the state of a virtual local APIC over to the
 * processor's own, and take it back (docs/adr/0009).
 */
#ifndef VIRT_VLAPIC_LEND_H
#define VIRT_VLAPIC_LEND_H

#include "vlapic.h"

#include <bh/apic_state.h>
#include <bh/attr.h>
#include <spec/x86_msr.h>

/**
 * vlapic_lend() - move what is pending out of @l, if a processor's APIC in
 * x2APIC mode can go on from there unseen.
 * Return: false, and nothing has changed, while @l is disabled, has an
 *	   interrupt in service or a level-triggered one pending, or its timer
 *	   is not in TSC-deadline mode.
 */
bool vlapic_lend(struct vlapic *l, struct apic_state *out);
/* TPR, PPR, EOI, SVR; ISR, TMR and IRR; LVT timer, counts, self-IPI, divisor.
 */
#define VLAPIC_LENT_MSRS                                                     \
	(BIT(0x08) | BIT(0x0a) | BIT(0x0b) | BIT(0x0f) | 0xffffffull << 16 | \
	 BIT(0x32) | BIT(0x38) | BIT(0x39) | BIT(0x3e) | BIT(0x3f))

/** vlapic_is_lent_msr() - is the register @msr with the processor while the
 * APIC is lent, or does writing it change whether it can be? Else the page has
 * it. */
static inline bool vlapic_is_lent_msr(uint32_t msr)
{
	uint32_t n = msr - MSR_IA32_X2APIC_BASE;

	return (n < 64 && (VLAPIC_LENT_MSRS >> n & 1) != 0) ||
	       msr == MSR_IA32_TSC_DEADLINE;
}

/** vlapic_take_back() - the reverse; @in.svr and @in.lvt_timer do not count:
 *  those registers never left. */
void vlapic_take_back(struct vlapic *l, const struct apic_state *in);
/**
 * vlapic_take_irr() - while it is lent: what devices made pending meanwhile.
 * Return: false if a level-triggered interrupt is among it; nothing is moved
 *	   then, and @l must be taken back.
 */
bool vlapic_take_irr(struct vlapic *l, uint32_t irr[APIC_STATE_WORDS]);

#endif
