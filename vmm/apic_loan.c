/*
 * apic_loan.c - a guest CPU's local APIC: the virtual one, or the CPU's own.
 *
 * Glue between drivers/virt/vlapic_lend.c and drivers/phys/lapic_lend.c; the
 * backend says when (docs/adr/0009). The TSC of such a guest is the machine's:
 * deadlines need no conversion.
 */
#include "guest_cpu.h"
#include "platform.h"

#include <bh/assert.h>
#include <drivers/phys/lapic_lend.h>
#include <drivers/virt/vlapic_lend.h>

bool vcpu_apic_lend(struct vcpu *v)
{
	struct lapic_phys *own = platform_lapic();
	struct apic_state s;

	pv_eoi_look(&guest_cpu_of(v)->eoi, &guest_cpu_of(v)->lapic);
	if (own == NULL || !lapic_can_lend(own) || v->vm->tsc_offset != 0 ||
	    !vlapic_lend(&guest_cpu_of(v)->lapic, &s)) {
		return false;
	}
	lapic_lend(own, &s);
	v->deadline = VCPU_NO_DEADLINE;
	return true;
}

bool vcpu_apic_raise(struct vcpu *v)
{
	uint32_t irr[APIC_STATE_WORDS];

	if (!vlapic_take_irr(&guest_cpu_of(v)->lapic, irr)) {
		return false;
	}
	lapic_raise(irr);
	return true;
}

void vcpu_apic_take_back(struct vcpu *v)
{
	struct apic_state s;

	lapic_take_back(platform_lapic(), &s);
	vlapic_take_back(&guest_cpu_of(v)->lapic, &s);
	v->deadline = s.deadline == 0 ? VCPU_NO_DEADLINE : s.deadline;
}

void guest_cpu_take_apic(struct guest_cpu *g)
{
	pv_eoi_look(&g->eoi, &g->lapic);
	if (!g->v.wants_apic) {
		return;
	}
	if (g->v.has_apic) {
		backend()->apic_take_back();
	}
	vcpu_request(&g->v, VCPU_REQ_EVENT);
}
