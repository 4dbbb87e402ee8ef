/*
 * vlapic_lend.h - hand the state of a virtual local APIC over to the
 * processor's own, and take it back (docs/adr/0009).
 */
#ifndef VIRT_VLAPIC_LEND_H
#define VIRT_VLAPIC_LEND_H

#include "vlapic.h"

#include <hv/apic_state.h>

/**
 * vlapic_lend() - move what is pending out of @l, if a processor's APIC in
 * x2APIC mode can go on from there unseen.
 * Return: false, and nothing has changed, while @l is disabled, has an
 *	   interrupt in service or a level-triggered one pending, or its timer
 *	   is not in TSC-deadline mode.
 */
bool vlapic_lend(struct vlapic *l, struct apic_state *out);
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
