/*
 * lapic_phys.h - the local APIC of each physical CPU, for the VMM's own use.
 *
 * x2APIC where the CPU has it, else the register page. One struct a CPU.
 */
#ifndef DRIVERS_PHYS_LAPIC_PHYS_H
#define DRIVERS_PHYS_LAPIC_PHYS_H

#include <bh/status.h>
#include <stdbool.h>

#define LAPIC_PHYS_BASE 0xfee00000u /* of the register page, after reset */

struct lapic_phys {
	bool is_x2apic;       /* (c) registers are MSRs */
	bool has_deadline;    /* (c) the timer takes an absolute TSC value */
	uint32_t id;          /* (c) APIC ID of this CPU */
	volatile void *regs;  /* (c) the register page, if not x2APIC */
	uint32_t timer_khz;   /* (c) of the count-down timer; 0: not measured */
	uint32_t tsc_khz;     /* (c) 0: not known yet */
	uint8_t timer_vector; /* (c) */
	uint32_t svr;         /* (c) as the VMM has it, */
	uint32_t lvt_timer;   /* (c) ... when the APIC is not lent */
};

/** lapic_phys_has_x2apic() - does this CPU have x2APIC mode? */
bool lapic_phys_has_x2apic(void);
/**
 * lapic_phys_init() - take over this CPU's LAPIC: every local vector masked,
 * spurious vector set, task priority 0.
 * @regs: the register page, mapped uncached; may be NULL if x2APIC is there
 * Return: OK; ERR_HARDWARE if it cannot be enabled; ERR_INVALID if the page is
 *	   needed and missing.
 */
must_check enum status lapic_phys_init(struct lapic_phys *l,
				       volatile void *regs,
				       uint8_t spurious_vector);
/** lapic_phys_eoi() - the interrupt in service is done. */
void lapic_phys_eoi(struct lapic_phys *l);
/**
 * lapic_phys_timer_init() - one-shot timer on @vector, disarmed.
 * @want_deadline: use TSC-deadline mode if the CPU has it
 *
 * Without it the count-down rate is measured against the TSC (about 2 ms).
 * Return: OK; ERR_TIMEOUT if the timer does not count.
 */
must_check enum status lapic_phys_timer_init(struct lapic_phys *l,
					     uint8_t vector, uint32_t tsc_khz,
					     bool want_deadline);
/** lapic_phys_timer_arm() - interrupt once, when the TSC is at @deadline. */
void lapic_phys_timer_arm(struct lapic_phys *l, uint64_t deadline);
/** lapic_phys_timer_stop() - no interrupt from the timer until armed again. */
void lapic_phys_timer_stop(struct lapic_phys *l);
/**
 * lapic_phys_send_ipi() - fixed interrupt @vector to the CPU @apic_id.
 * Return: OK; ERR_TIMEOUT if the LAPIC stays busy; ERR_RANGE if the ID is
 *	   beyond what the mode can name.
 */
must_check enum status lapic_phys_send_ipi(struct lapic_phys *l,
					   uint32_t apic_id, uint8_t vector);
/** lapic_phys_send_nmi() - NMI to the CPU @apic_id; as lapic_phys_send_ipi().
 */
must_check enum status lapic_phys_send_nmi(struct lapic_phys *l,
					   uint32_t apic_id);
/** lapic_phys_send_init() - INIT to the CPU @apic_id. */
must_check enum status lapic_phys_send_init(struct lapic_phys *l,
					    uint32_t apic_id);
/** lapic_phys_send_startup() - SIPI: start at @page * 4096. */
must_check enum status lapic_phys_send_startup(struct lapic_phys *l,
					       uint32_t apic_id, uint8_t page);

#endif
