/*
 * lapic_lend.c - lend a CPU's own local APIC to a guest.
 *
 * While it is lent, interrupts go straight to the guest's IDT, so the VMM must
 * not wait for any: its devices raise NMIs, its time slices come from the
 * VMX-preemption timer. Taking the APIC back must leave nothing of the guest in
 * it: an interrupt in service is ended, a requested one is let in with a table
 * of its own that only writes down the vector (irq_drain()).
 *
 * Context: the CPU whose APIC it is, interrupts off.
 */
#include "lapic_lend.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <bh/assert.h>
#include <bh/string.h>
#include <spec/x86_msr.h>

/* A round takes all there is; a second one is for an APIC that was slow. */
#define DRAIN_ROUNDS 1000u
/* How much later than its deadline the timer may show up in IRR. */
#define TIMER_LATE_TICKS 2000u
/* Meanwhile spurious interrupts have a vector that none else can have: an
 * emulator that takes the vector for a sign does not end others of it. */
#define SVR_NO_VECTOR (BIT(8) | 15)

bool lapic_can_lend(const struct lapic_phys *l)
{
	return l->is_x2apic && l->has_deadline;
}

static bool has_requests(void)
{
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		if ((uint32_t)cpu_rdmsr(MSR_IA32_X2APIC_IRR0 + i) != 0) {
			return true;
		}
	}
	return false;
}

/* Empty IRR into @irr. */
static void drain(uint32_t irr[APIC_STATE_WORDS])
{
	for (uint32_t i = 0; i < DRAIN_ROUNDS; i++) {
		if (!has_requests()) {
			return;
		}
		irq_drain(irr);
	}
	panic("local APIC: an interrupt stays requested");
}

void lapic_raise(const uint32_t irr[APIC_STATE_WORDS])
{
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		for (uint32_t w = irr[i]; w != 0; w &= w - 1) {
			cpu_wrmsr(MSR_IA32_X2APIC_SELF_IPI,
				  i * 32 + (uint32_t)__builtin_ctz(w));
		}
	}
}

void lapic_lend(struct lapic_phys *l, const struct apic_state *s)
{
	uint32_t ours[APIC_STATE_WORDS] = { 0 };

	lapic_phys_timer_stop(l);
	drain(ours); /* a timer that fired just now: it has done its work */
	cpu_wrmsr(MSR_IA32_X2APIC_SIVR, s->svr);
	cpu_wrmsr(MSR_IA32_X2APIC_LVT_TIMER, s->lvt_timer);
	cpu_wrmsr(MSR_IA32_X2APIC_TPR, s->tpr);
	lapic_raise(s->irr);
	if (s->deadline != 0) {
		cpu_wrmsr(MSR_IA32_TSC_DEADLINE, s->deadline);
	}
}

/* End what is in service: EOI takes the highest each time. */
static void take_isr(uint32_t isr[APIC_STATE_WORDS])
{
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		isr[i] = (uint32_t)cpu_rdmsr(MSR_IA32_X2APIC_ISR0 + i);
		for (uint32_t w = isr[i]; w != 0; w &= w - 1) {
			cpu_wrmsr(MSR_IA32_X2APIC_EOI, 0);
		}
	}
}

/*
 * Has the timer fired whose deadline was @deadline? A processor clears the
 * register then (SDM vol. 3, "TSC-Deadline Mode"); Bochs does not. A deadline
 * that passed a moment ago, of which IRR knows nothing, counts as armed: to
 * fire twice is harmless, to fire never is not.
 */
static bool has_fired(uint64_t deadline, const uint32_t *irr, uint8_t vector)
{
	uint64_t now = time_tsc();

	return now >= deadline && (now - deadline > TIMER_LATE_TICKS ||
				   (irr[vector / 32] & BIT(vector % 32)) != 0);
}

void lapic_take_back(struct lapic_phys *l, struct apic_state *out)
{
	memset(out, 0, sizeof(*out));
	out->deadline = cpu_rdmsr(MSR_IA32_TSC_DEADLINE);
	out->lvt_timer = (uint32_t)cpu_rdmsr(MSR_IA32_X2APIC_LVT_TIMER);
	cpu_wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	cpu_wrmsr(MSR_IA32_X2APIC_SIVR, SVR_NO_VECTOR);
	out->tpr = (uint32_t)cpu_rdmsr(MSR_IA32_X2APIC_TPR);
	take_isr(out->isr);
	cpu_wrmsr(MSR_IA32_X2APIC_TPR, 0);
	drain(out->irr);
	if (has_fired(out->deadline, out->irr, (uint8_t)out->lvt_timer)) {
		out->deadline = 0;
	}
	cpu_wrmsr(MSR_IA32_X2APIC_SIVR, l->svr);
	cpu_wrmsr(MSR_IA32_X2APIC_LVT_TIMER, l->lvt_timer);
}
