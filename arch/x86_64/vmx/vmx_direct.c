/*
 * vmx_direct.c - a vCPU that is alone on its CPU gets the CPU's own local APIC.
 *
 * Its timer, EOI, TPR and self-IPI then reach the processor without an exit,
 * and interrupts reach its IDT: neither external-interrupt exiting nor any APIC
 * virtualization is on. The VMM keeps the CPU by NMIs, which exit always, and
 * by the preemption timer. Everything else about the APIC still exits; the
 * handler takes it back first, and the next entry may lend it again.
 *
 * vmm/ decides what moves (vcpu_apic_lend(), vcpu_apic_take_back()); here is
 * only what VT-x must be told. Why, and what a guest can do with it:
 * docs/adr/0009-lent-local-apic.md.
 */
#include "../cpu_local.h"
#include "vmx.h"

#define DIRECT_PROC_OFF                                \
	(PROC_USE_TPR_SHADOW | PROC_CR8_LOAD_EXITING | \
	 PROC_CR8_STORE_EXITING | PROC_INTERRUPT_WINDOW_EXITING)
/* v->has_apic is what it is to be. */
static void vmx_direct_write(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	uint32_t pin = vmx_plan.pin;

	x->has_window = false;
	x->proc = (x->proc & PROC_NMI_WINDOW_EXITING) | vmx_plan.proc;
	if (v->has_apic) {
		pin &= ~(uint32_t)PIN_EXTERNAL_INTERRUPT_EXITING;
		x->proc &= ~(uint32_t)DIRECT_PROC_OFF;
	}
	vmwrite(VMCS_PIN_BASED_VM_EXECUTION_CONTROLS, pin);
	vmwrite(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, x->proc);
	vmwrite(VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
		vmx_secondary_controls(v));
	vmwrite(VMCS_ADDRESS_OF_MSR_BITMAPS, vmx_msr_bitmap(v).v);
}

void vmx_direct_update(struct vcpu *v, bool has_new)
{
	if (!v->has_apic) {
		if (vcpu_apic_lend(v)) {
			v->has_apic = true;
			vmx_direct_write(v);
			/* its deadline is not ours any more */
			vcpu_request(v, VCPU_REQ_TIMER);
		}
	} else if (!v->wants_apic || (has_new && !vcpu_apic_raise(v))) {
		vmx_apic_take_back();
	}
}

void vmx_apic_take_back(void)
{
	struct vcpu *v = cpu_this()->loaded;

	if (v == NULL || !v->has_apic) {
		return;
	}
	v->has_apic = false;
	vmx_direct_write(v);
	vcpu_apic_take_back(v);
	if (v->has_apicv) {
		vmwrite(VMCS_GUEST_INTERRUPT_STATUS,
			vcpu_highest_isr(v) << 8 | vcpu_highest_irr(v));
	}
	vcpu_request(v, VCPU_REQ_EVENT | VCPU_REQ_TIMER);
}
