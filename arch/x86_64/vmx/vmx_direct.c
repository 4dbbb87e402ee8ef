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
#define DIRECT_PROC2_OFF                                                     \
	(PROC2_VIRTUALIZE_X2APIC_MODE | PROC2_APIC_REGISTER_VIRTUALIZATION | \
	 PROC2_VIRTUAL_INTERRUPT_DELIVERY)

static void vmx_direct_write(struct vmx_vcpu *x, bool on)
{
	uint32_t pin = vmx_plan.pin;
	uint32_t proc2 = vmx_plan.proc2;

	x->has_window = false;
	x->proc = (x->proc & PROC_NMI_WINDOW_EXITING) | vmx_plan.proc;
	if (on) {
		pin &= ~(uint32_t)PIN_EXTERNAL_INTERRUPT_EXITING;
		x->proc &= ~(uint32_t)DIRECT_PROC_OFF;
		proc2 &= ~(uint32_t)DIRECT_PROC2_OFF;
	}
	vmwrite(VMCS_PIN_BASED_VM_EXECUTION_CONTROLS, pin);
	vmwrite(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, x->proc);
	vmwrite(VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, proc2);
	vmwrite(VMCS_ADDRESS_OF_MSR_BITMAPS, vmx_msr_bitmap(on).v);
}

void vmx_direct_update(struct vcpu *v, bool has_new)
{
	if (!v->has_apic) {
		if (vcpu_apic_lend(v)) {
			v->has_apic = true;
			vmx_direct_write(vmx_of(v), true);
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
	vmx_direct_write(vmx_of(v), false);
	vcpu_apic_take_back(v);
	if (vmx_plan.has_apicv) {
		vmwrite(VMCS_GUEST_INTERRUPT_STATUS,
			vcpu_highest_isr(v) << 8 | vcpu_highest_irr(v));
	}
	vcpu_request(v, VCPU_REQ_EVENT | VCPU_REQ_TIMER);
}
