/*
 * pv_eoi.h - KVM's end of interrupt by memory, for a local APIC in software.
 */
#ifndef VMM_PV_EOI_H
#define VMM_PV_EOI_H

#include <bh/gmem.h>
#include <drivers/virt/vlapic.h>

struct pv_eoi {
	struct gmem *gm; /* (c) */
	uint64_t msr;    /* (v) as the guest wrote it */
	uint32_t *word;  /* (v) in guest memory; NULL: off */
	bool is_armed;   /* (v) the guest may end what is in service by it */
};

/** pv_eoi_init() - off, as after a reset. */
void pv_eoi_init(struct pv_eoi *p, struct gmem *gm);

/**
 * pv_eoi_msr_write() - WRMSR of MSR_KVM_PV_EOI_EN.
 * Return: OK; anything else means #GP(0), and nothing has changed.
 */
must_check enum status pv_eoi_msr_write(struct pv_eoi *p, uint64_t value);

/** pv_eoi_settle() - the rare part of pv_eoi_look(). */
void pv_eoi_settle(struct pv_eoi *p, struct vlapic *l);

/**
 * pv_eoi_look() - before anybody looks at @l, or changes it.
 *
 * If the guest has ended the interrupt meanwhile, so does @l now.
 */
static inline void pv_eoi_look(struct pv_eoi *p, struct vlapic *l)
{
	if (unlikely(p->is_armed)) {
		pv_eoi_settle(p, l);
	}
}

/**
 * pv_eoi_entry() - before an entry, after the event to inject was chosen.
 *
 * Lets the guest end what is in service without an exit, if that end has no
 * effect that anybody waits for: edge-triggered, and nothing is pending.
 */
void pv_eoi_entry(struct pv_eoi *p, struct vlapic *l);

#endif
