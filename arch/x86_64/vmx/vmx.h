/*
 * vmx.h - the VT-x backend's own pieces, shared by the files of this folder.
 */
#ifndef VMX_H
#define VMX_H

#include "../guest_state.h"
#include "vmx_caps.h"
#include "vmx_insn.h"

#include <hv/backend.h>

/* The backend's part of a vCPU; one page, beside its VMCS. */
struct vmx_vcpu {
	hpa_t vmcs;
	hpa_t apic_page; /* virtual-APIC page */
	uint16_t vpid;   /* 0: VPIDs are not used */
	bool is_launched;
	uint32_t host_cpu; /* whose host state the VMCS has, + 1; 0: none */
	bool has_window;   /* interrupt-window exiting is on */
	bool has_nmi_window;
	uint32_t proc; /* cached PRIMARY_PROCESSOR_BASED… */
	uint64_t msr_star, msr_lstar, msr_cstar, msr_fmask;
	uint64_t msr_kernel_gs_base;
	uint64_t dr6, cr2;
	struct guest_state state; /* while it is not loaded */
};

/* One negotiated plan for the machine (vmx_cpu.c). */
extern struct vmx_caps vmx_caps;
extern struct vmx_plan vmx_plan;
extern struct pt_format vmx_ept_format;

static inline struct vmx_vcpu *vmx_of(const struct vcpu *v)
{
	return v->arch;
}

/* vmx_cpu.c */
enum status vmx_init(const struct backend_switches *off);
enum status vmx_cpu_on(void);
uint32_t vmx_features(struct machine_feature *rows, uint32_t max);
/** vmx_msr_bitmap() - the page of open MSRs, by what is done for @v's local
 * APIC. */
hpa_t vmx_msr_bitmap(const struct vcpu *v);

/* vmx_vcpu.c */
enum status vmx_vcpu_create(struct vcpu *v);
/** vmx_secondary_controls() - of @v as it is now; its local APIC lent, or not.
 */
uint32_t vmx_secondary_controls(const struct vcpu *v);
void vmx_vcpu_destroy(struct vcpu *v);
enum status vmx_vcpu_reset(struct vcpu *v, const struct vcpu_entry *e);

/* vmx_switch.c */
void vmx_vcpu_load(struct vcpu *v);
void vmx_vcpu_unload(void);
/** vmx_npt_forget() - all processors: INVEPT before the next vCPU. */
void vmx_npt_forget(void);
/** vmx_write_host_state() - HOST_* fields of the loaded VMCS, for this CPU. */
void vmx_write_host_state(const struct vcpu *v);

/* vmx_regs.c */
uint64_t vmx_reg_get(struct vcpu *v, enum vreg r);
void vmx_reg_set(struct vcpu *v, enum vreg r, uint64_t value);

/* vmx_event.c */
/** vmx_debug_reflect() - set DR6, clear DR7.GD, as a delivered #DB does. */
void vmx_debug_reflect(struct vcpu *v, uint64_t dr6);
/** vmx_event_requeue() - an exit interrupted a delivery: deliver again. */
void vmx_event_requeue(struct vcpu *v, uint32_t info);
/** vmx_timer_changed() - program the preemption timer for v->deadline; false:
 *  that has passed. */
bool vmx_timer_changed(struct vcpu *v);
/** vmx_irq_changed() - let the processor know of a new interrupt; @vector 0:
 *  of all that there may be. */
void vmx_irq_changed(struct vcpu *v, uint8_t vector);
/** vmx_prepare_entry() - serve v->requests and v->event before an entry. */
void vmx_prepare_entry(struct vcpu *v);
/** vmx_advance_rare() - vmx_advance() where more than RIP changes. */
bool vmx_advance_rare(uint64_t rip, uint32_t length, uint32_t blocking);

/**
 * vmx_advance() - move RIP behind the instruction of @length at @rip.
 *
 * Rare: the guest single-steps, blocks interrupts for this instruction, or IP
 * may wrap at 4 GiB, or leave the canonical addresses.
 * Return: true if the next entry is as it was; false if an event waits for it.
 */
static inline bool vmx_advance(uint64_t rip, uint32_t length)
{
	uint32_t blocking = vmread32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	uint32_t flags = vmread32(VMCS_GUEST_RFLAGS);

	if (unlikely((blocking | (flags & BIT(8))) != 0 ||
		     (uint32_t)rip > UINT32_MAX - 15)) {
		return vmx_advance_rare(rip, length, blocking);
	}
	vmwrite(VMCS_GUEST_RIP, rip + length);
	return true;
}

/** vmx_kick() - the next entry comes out of the guest at once. */
void vmx_kick(struct vcpu *v, bool wants_loop);

/* vmx_direct.c */
/**
 * vmx_direct_update() - before an entry: lend @v the local APIC or take it
 * back, as it wants and as its state allows; raise what devices have raised.
 * @has_new: its virtual APIC may have something to raise
 * What is left to do then is in v->requests.
 */
void vmx_direct_update(struct vcpu *v, bool has_new);
/** vmx_apic_take_back() - this CPU's local APIC is the VMM's again. */
void vmx_apic_take_back(void);

/* vmx_exit.c */
/** vmx_exit_init() - choose the hot exits, after negotiation. */
void vmx_exit_init(void);
uint32_t vmx_exit_hot(struct vcpu *v);
uint32_t vmx_exit_rest(struct vcpu *v, uint32_t what);

/* vmx_run.c */
enum vm_verdict vmx_run_loop(struct vcpu *v);
void vmx_explain(struct vcpu *v, char *dst, size_t size);

/* vmx_run.asm */
uint64_t vmx_run(struct vcpu *v, uint64_t is_launched);
uint64_t vmx_run_guarded(struct vcpu *v, uint64_t is_launched);
void vmx_nmi_unblock(void);
void vmx_set_host_rsp(uint64_t rsp);
extern char vmx_exit_point[], vmx_exit_point_guarded[];

/* vmx_msr_area.c */
must_check enum status vmx_msr_areas_init(void);
/** vmx_write_msr_areas() - into the current VMCS. */
void vmx_write_msr_areas(void);

#endif
