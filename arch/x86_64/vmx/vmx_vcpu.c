/*
 * vmx_vcpu.c - the VMCS of a vCPU: made, filled from tables, given back.
 *
 * Three parts, as the SDM has them: controls (from the negotiated plan), host
 * state (of the CPU that resets the vCPU; it stays there) and guest state.
 * Fields that are not written here are 0, and stay 0: the frame of a VMCS is
 * zeroed and VMCLEARed before its first use.
 */
#include "../cpu_local.h"
#include "../entry_state.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <bh/assert.h>
#include <bh/log.h>
#include <bh/string.h>
#include <hv/mitigation.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

#define RESET_PAT 0x0007040600070406ull
#define RESET_DR7 0x400ull
#define RESET_DR6 0xffff0ff0ull

/* #DB and #AC: a guest could loop in their delivery for ever without an exit
 * (CVE-2015-8104, CVE-2015-5307). #MC: the machine's own. */
#define EXCEPTIONS (BIT(1) | BIT(17) | BIT(18))

/* PAUSEs less than 128 ticks apart, for 4096: a loop that somebody waits in. */
#define PLE_GAP    128u
#define PLE_WINDOW 4096u

/* CR0 bits that are ours: NE must be 1, caching is not the guest's to stop. */
#define CR0_HOST_OWNED (CR0_NE | CR0_NW | CR0_CD)

static enum status vmx_alloc(struct vcpu *v, struct vmx_vcpu *x)
{
	frame_owner_t owner = v->vm->owner;
	enum status s = pmm_alloc(owner, PAGE_SIZE, PAGE_SIZE, &x->vmcs);

	if (s != OK) {
		return s;
	}
	s = pmm_alloc(owner, PAGE_SIZE, PAGE_SIZE, &x->apic_page);
	if (s != OK) {
		goto undo_vmcs;
	}
	s = guest_state_create(&x->state, owner, vmx_plan.has_rdtscp);
	if (s != OK) {
		goto undo_apic;
	}
	return OK;
undo_apic:
	pmm_free(owner, x->apic_page, PAGE_SIZE);
undo_vmcs:
	pmm_free(owner, x->vmcs, PAGE_SIZE);
	return s;
}

enum status vmx_vcpu_create(struct vcpu *v)
{
	struct vmx_vcpu *x;
	hpa_t frame;
	enum status s = pmm_alloc(v->vm->owner, PAGE_SIZE, PAGE_SIZE, &frame);

	_Static_assert(sizeof(struct vmx_vcpu) <= PAGE_SIZE, "one frame");
	if (s != OK) {
		return s;
	}
	x = phys_to_virt(frame);
	s = vmx_alloc(v, x);
	if (s != OK) {
		pmm_free(v->vm->owner, frame, PAGE_SIZE);
		return s;
	}
	x->vpid = vmx_plan.has_vpid ? (uint16_t)(v->vm->asid + v->id) : 0;
	v->arch = x;
	return OK;
}

void vmx_vcpu_destroy(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	frame_owner_t owner = v->vm->owner;

	if (cpu_this()->loaded == v) {
		vmx_vcpu_unload();
	}
	vmx_npt_forget();
	pmm_free(owner, x->vmcs, PAGE_SIZE);
	pmm_free(owner, x->apic_page, PAGE_SIZE);
	guest_state_destroy(&x->state, owner);
	pmm_free(owner, virt_to_phys(x), PAGE_SIZE);
	v->arch = NULL;
}

uint32_t vmx_secondary_controls(const struct vcpu *v)
{
	uint32_t off = 0;

	if (!v->vm->has_siblings) {
		off |= PROC2_PAUSE_LOOP_EXITING;
	}
	if (v->has_apic || !v->has_apicv) {
		off |= PROC2_VIRTUALIZE_X2APIC_MODE |
		       PROC2_APIC_REGISTER_VIRTUALIZATION |
		       PROC2_VIRTUAL_INTERRUPT_DELIVERY;
	}
	return vmx_plan.proc2 & ~off;
}

static void vmx_write_controls(struct vcpu *v, struct vmx_vcpu *x)
{
	uint64_t cr4_owned =
		~v->vm->cr4_allowed | CR4_VMXE | CR4_OSXSAVE | CR4_PKE;

	x->proc = vmx_plan.proc;
	vmwrite(VMCS_PIN_BASED_VM_EXECUTION_CONTROLS, vmx_plan.pin);
	vmwrite(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, x->proc);
	if (vmx_plan.has_ple && v->vm->has_siblings) {
		vmwrite(VMCS_PLE_GAP, PLE_GAP);
		vmwrite(VMCS_PLE_WINDOW, PLE_WINDOW);
	}
	vmwrite(VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
		vmx_secondary_controls(v));
	vmwrite(VMCS_VM_EXIT_CONTROLS, vmx_plan.exit);
	vmwrite(VMCS_EXCEPTION_BITMAP, EXCEPTIONS);
	vmwrite(VMCS_ADDRESS_OF_MSR_BITMAPS, vmx_msr_bitmap(v).v);
	vmwrite(VMCS_EPT_POINTER, v->vm->npt.root.v | vmx_plan.eptp_low);
	vmwrite(VMCS_TSC_OFFSET, v->vm->tsc_offset);
	vmwrite(VMCS_CR0_GUEST_HOST_MASK, CR0_HOST_OWNED | ~0xffffffffull);
	vmwrite(VMCS_CR4_GUEST_HOST_MASK, cr4_owned);
	vmwrite(VMCS_VMCS_LINK_POINTER, ~0ull);
	vmx_write_msr_areas();
	if (vmx_plan.has_vpid) {
		vmwrite(VMCS_VIRTUAL_PROCESSOR_IDENTIFIER, x->vpid);
	}
	if (vmx_plan.has_tpr_shadow) {
		vmwrite(VMCS_VIRTUAL_APIC_ADDRESS, x->apic_page.v);
	}
	if (vmx_plan.has_tsc_scaling) {
		vmwrite(VMCS_TSC_MULTIPLIER, BIT(48));
	}
}

void vmx_write_host_state(const struct vcpu *v)
{
	struct cpu *cpu = cpu_this();
	struct {
		uint16_t limit;
		uint64_t base;
	} packed_struct gdtr, idtr;
	uint64_t cr0;
	uint64_t cr4;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("sidt %0" : "=m"(idtr));
	vmwrite(VMCS_HOST_CR0, cr0);
	vmwrite(VMCS_HOST_CR3, host_space_cr3(&v->vm->space));
	vmwrite(VMCS_HOST_CR4, cr4);
	vmwrite(VMCS_HOST_CS_SELECTOR, CPU_CODE_SELECTOR);
	vmwrite(VMCS_HOST_SS_SELECTOR, CPU_DATA_SELECTOR);
	vmwrite(VMCS_HOST_DS_SELECTOR, CPU_DATA_SELECTOR);
	vmwrite(VMCS_HOST_ES_SELECTOR, CPU_DATA_SELECTOR);
	vmwrite(VMCS_HOST_TR_SELECTOR, CPU_TSS_SELECTOR);
	vmwrite(VMCS_HOST_GS_BASE, (uint64_t)cpu);
	vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&cpu->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, gdtr.base);
	vmwrite(VMCS_HOST_IDTR_BASE, idtr.base);
	vmwrite(VMCS_HOST_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER));
	vmwrite(VMCS_HOST_IA32_PAT, cpu_rdmsr(MSR_IA32_PAT));
	vmwrite(VMCS_HOST_RIP, mitigate_is_guarded()
				       ? (uint64_t)vmx_exit_point_guarded
				       : (uint64_t)vmx_exit_point);
}

static void vmx_write_segment(enum vmcs_segment seg,
			      const struct entry_segment *s)
{
	vmwrite(VMCS_GUEST_SELECTOR(seg), s->selector);
	vmwrite(VMCS_GUEST_BASE(seg), s->base);
	vmwrite(VMCS_GUEST_LIMIT(seg), s->limit);
	vmwrite(VMCS_GUEST_ACCESS_RIGHTS(seg), s->rights);
}

static void vmx_write_segments(const struct entry_state *s)
{
	static const enum vmcs_segment data[] = { VMCS_SEG_ES, VMCS_SEG_SS,
						  VMCS_SEG_DS, VMCS_SEG_FS,
						  VMCS_SEG_GS };

	vmx_write_segment(VMCS_SEG_CS, &s->cs);
	for (uint32_t i = 0; i < ARRAY_COUNT(data); i++) {
		vmx_write_segment(data[i], &s->data);
	}
	vmx_write_segment(VMCS_SEG_LDTR, &s->ldtr);
	vmx_write_segment(VMCS_SEG_TR, &s->tr);
	vmwrite(VMCS_GUEST_GDTR_BASE, s->gdt_base);
	vmwrite(VMCS_GUEST_GDTR_LIMIT, s->gdt_limit);
	vmwrite(VMCS_GUEST_IDTR_BASE, 0);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, s->idt_limit);
}

static void vmx_write_control_registers(const struct entry_state *s)
{
	uint32_t entry = vmx_plan.entry;

	if ((s->efer & EFER_LMA) != 0) {
		entry |= ENTRY_IA32E_MODE_GUEST;
	}
	vmwrite(VMCS_VM_ENTRY_CONTROLS, entry);
	vmwrite(VMCS_GUEST_CR0, s->cr0 | CR0_NE | vmx_plan.guest_cr0_must_1);
	vmwrite(VMCS_CR0_READ_SHADOW, s->cr0);
	vmwrite(VMCS_GUEST_CR3, s->cr3);
	vmwrite(VMCS_GUEST_CR4, s->cr4 | vmx_plan.cr4_must_1);
	vmwrite(VMCS_CR4_READ_SHADOW, s->cr4);
	vmwrite(VMCS_GUEST_IA32_EFER, s->efer);
}

static void vmx_write_registers(const struct vcpu *v,
				const struct vcpu_entry *e)
{
	vmwrite(VMCS_GUEST_IA32_PAT, RESET_PAT);
	vmwrite(VMCS_GUEST_IA32_DEBUGCTL, 0);
	vmwrite(VMCS_GUEST_DR7, RESET_DR7);
	vmwrite(VMCS_GUEST_RSP, e->gpr[GPR_RSP]);
	vmwrite(VMCS_GUEST_RIP, e->rip);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	vmwrite(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmwrite(VMCS_GUEST_IA32_SYSENTER_CS, 0);
	vmwrite(VMCS_GUEST_IA32_SYSENTER_ESP, 0);
	vmwrite(VMCS_GUEST_IA32_SYSENTER_EIP, 0);
	vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFORMATION_FIELD, 0);
	if (v->has_apicv) {
		vmwrite(VMCS_GUEST_INTERRUPT_STATUS, 0);
	}
}

enum status vmx_vcpu_reset(struct vcpu *v, const struct vcpu_entry *e)
{
	const struct entry_state s = entry_state_of(e);
	struct vmx_vcpu *x = vmx_of(v);

	if (e->mode != VCPU_ENTRY_LONG64 && !vmx_plan.has_unrestricted_guest) {
		log_error("VT-x: a guest that starts without paging needs "
			  "\"unrestricted guest\": Westmere or newer");
		return ERR_UNSUPPORTED;
	}
	if (cpu_this()->loaded == v) {
		vmx_vcpu_unload();
	}
	x->is_launched = false;
	x->host_cpu = 0;
	x->has_window = false;
	x->has_nmi_window = false;
	x->msr_star = x->msr_lstar = x->msr_cstar = x->msr_fmask = 0;
	x->msr_kernel_gs_base = 0;
	x->dr6 = RESET_DR6;
	x->cr2 = 0;
	guest_state_reset(&x->state);
	memset(phys_to_virt(x->vmcs), 0, PAGE_SIZE);
	*(uint32_t *)phys_to_virt(x->vmcs) = vmx_plan.vmcs_revision;
	if (vmclear(x->vmcs) != OK) {
		return ERR_HARDWARE;
	}
	v->xcr0 = 1;
	v->event = 0;
	v->nmi_pending = false;
	memcpy(v->gpr, e->gpr, sizeof(v->gpr));
	vmx_vcpu_load(v);
	vmx_write_controls(v, x);
	vmx_write_segments(&s);
	vmx_write_control_registers(&s);
	vmx_write_registers(v, e);
	vcpu_request(v, VCPU_REQ_EVENT | VCPU_REQ_TIMER | VCPU_REQ_FLUSH);
	return OK;
}
