/*
 * vlapic_lend.c - a virtual local APIC's state leaves for the processor's own.
 *
 * While it is lent, the page keeps what the guest cannot reach without an exit
 * (SVR, LVTs, ICR, ids) and collects in IRR what devices raise; the rest of the
 * page is stale. The interrupts in service cannot be written into a processor,
 * so an APIC leaves only while it has none; and an EOI of the processor's is
 * not seen here, so level-triggered interrupts, whose end the I/O APIC has to
 * know of, keep it at home. So does xAPIC mode: the registers that are lent are
 * MSRs. What other CPUs post comes by IRR, too.
 */
#include "vlapic_lend.h"

#include <bh/string.h>

#define FIRST_VECTOR 16u

static uint32_t *word(const struct vlapic *l, uint32_t base, uint32_t i)
{
	return &l->page[(base + i * 0x10) / 4];
}

static bool has_bits(const struct vlapic *l, uint32_t base)
{
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		if (*word(l, base, i) != 0) {
			return true;
		}
	}
	return false;
}

static bool has_vector(uint32_t reg)
{
	return (reg & 0xff) >= FIRST_VECTOR;
}

/* Could a processor's registers take these values and act alike? */
static bool is_portable(const struct vlapic *l)
{
	uint32_t svr = *word(l, VLAPIC_SVR, 0);
	uint32_t lvt = *word(l, VLAPIC_LVT_TIMER, 0);

	return vlapic_is_x2apic(l) && (svr & VLAPIC_SVR_ENABLE) != 0 &&
	       has_vector(svr) &&
	       (lvt & VLAPIC_TIMER_MODE) == VLAPIC_DEADLINE &&
	       ((lvt & VLAPIC_LVT_MASKED) != 0 || has_vector(lvt));
}

bool vlapic_take_irr(struct vlapic *l, uint32_t irr[APIC_STATE_WORDS])
{
	const uint32_t *at = word(l, VLAPIC_IRR, 0);
	uint32_t words = 0; /* bit n: word n is not 0 */
	uint32_t level = 0;

	(void)vlapic_take_posted(l);
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		irr[i] = at[(size_t)i * 4];
		if (unlikely(irr[i] != 0)) {
			words |= 1u << i;
			level |= irr[i] & *word(l, VLAPIC_TMR, i);
		}
	}
	for (; words != 0 && level == 0; words &= words - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(words);

		irr[i] = __atomic_exchange_n(word(l, VLAPIC_IRR, i), 0,
					     __ATOMIC_ACQUIRE);
	}
	return level == 0;
}

bool vlapic_lend(struct vlapic *l, struct apic_state *out)
{
	if (!is_portable(l) || has_bits(l, VLAPIC_ISR) ||
	    !vlapic_take_irr(l, out->irr)) {
		return false;
	}
	memset(out->isr, 0, sizeof(out->isr));
	out->tpr = *word(l, VLAPIC_TPR, 0);
	out->svr = *word(l, VLAPIC_SVR, 0);
	out->lvt_timer = *word(l, VLAPIC_LVT_TIMER, 0);
	out->deadline = l->deadline == VLAPIC_NO_DEADLINE ? 0 : l->deadline;
	l->deadline = VLAPIC_NO_DEADLINE;
	return true;
}

void vlapic_take_back(struct vlapic *l, const struct apic_state *in)
{
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		__atomic_fetch_or(word(l, VLAPIC_IRR, i), in->irr[i],
				  __ATOMIC_RELEASE);
		*word(l, VLAPIC_ISR, i) = in->isr[i];
		/* all that the processor had was edge-triggered */
		*word(l, VLAPIC_TMR, i) &= ~(in->irr[i] | in->isr[i]);
	}
	*word(l, VLAPIC_TPR, 0) = in->tpr & 0xff;
	(void)vlapic_ppr(l);
	l->deadline = in->deadline == 0 ? VLAPIC_NO_DEADLINE : in->deadline;
}
