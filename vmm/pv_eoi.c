/*
 * pv_eoi.c - KVM's end of interrupt by memory, for a local APIC in software.
 *
 *	idle  --entry, an interrupt in service, nothing else due--> armed,
 *	      with the bit set in the guest's word
 *	armed --look, bit clear--> idle: the guest has ended it, without an exit
 *	armed --look, bit set----> idle: not yet; a usual EOI will do
 *
 * Whoever looks at or changes the APIC's state looks at the word first; other
 * exits have no need to. While it is armed nothing is pending, so an end that
 * is noticed late lets nothing in late.
 *
 * Only where EOIs exit: with virtual-interrupt delivery the processor does
 * them. The word is the guest's: whatever it writes there ends an interrupt of
 * its own at most.
 */
#include "pv_eoi.h"

#include <spec/kvm_para.h>

void pv_eoi_init(struct pv_eoi *p, struct gmem *gm)
{
	*p = (struct pv_eoi){ .gm = gm };
}

enum status pv_eoi_msr_write(struct pv_eoi *p, uint64_t value)
{
	uint32_t *word = NULL;

	if ((value & KVM_PV_EOI_RESERVED) != 0) {
		return ERR_INVALID;
	}
	if ((value & KVM_PV_EOI_ENABLE) != 0) {
		word = gmem_map(p->gm, gpa(value & ~KVM_PV_EOI_ENABLE),
				sizeof(*word));
		if (word == NULL) {
			return ERR_INVALID;
		}
	}
	p->msr = value;
	p->word = word;
	p->is_armed = false; /* settled at this exit */
	return OK;
}

void pv_eoi_settle(struct pv_eoi *p, struct vlapic *l)
{
	uint32_t old = __atomic_fetch_and(p->word, ~KVM_PV_EOI_PENDING,
					  __ATOMIC_ACQ_REL);

	p->is_armed = false;
	if ((old & KVM_PV_EOI_PENDING) == 0) {
		vlapic_eoi(l);
	}
}

void pv_eoi_entry(struct pv_eoi *p, struct vlapic *l)
{
	int isr;

	if (p->word == NULL || p->is_armed) {
		return;
	}
	isr = vlapic_highest_isr(l);
	if (isr < 0 || vlapic_is_level(l, (uint8_t)isr) ||
	    vlapic_highest_irr(l) >= 0) {
		return;
	}
	__atomic_fetch_or(p->word, KVM_PV_EOI_PENDING, __ATOMIC_ACQ_REL);
	p->is_armed = true;
}
