/*
 * vmx_event.c - events into the guest: exceptions, interrupts, NMIs, timers.
 *
 * 1. v->event holds at most one event to inject on the next entry, in the
 *    format of the VM-entry interruption-information field.
 * 2. An event whose delivery an exit interrupted is injected again first; any
 *    new exception takes its place (the handler that raised it knows).
 * 3. With virtual-interrupt delivery the processor itself delivers what the
 *    virtual-APIC page and RVI say; without, one vector at a time is injected,
 *    and the interrupt window tells when the guest can take it.
 * 4. The preemption timer counts to the earlier of slice end and APIC deadline.
 *    It stands still in root mode, so it fires late, never early.
 */
#include "../cpu_local.h"
#include "../exit_path.h"
#include "vmx.h"

#include <bh/assert.h>
#include <spec/x86.h>

#define PENDING_DEBUG_BS BIT(14)
#define LINEAR_LOW_END   BIT(47) /* of 48-bit addresses: LA57 is hidden */
#define INTERRUPT_BLOCKING \
	(GUEST_INTERRUPTIBILITY_STI | GUEST_INTERRUPTIBILITY_MOV_SS)

/* SDM vol. 3, "Exceptions": an exiting #DB has not touched DR6 and DR7 yet. */
void vmx_debug_reflect(struct vcpu *v, uint64_t dr6)
{
	uint64_t now;

	(void)v;
	__asm__ volatile("mov %%dr6, %0" : "=r"(now));
	now = (now & ~0xfull) | (dr6 & (0xf | BIT(13) | BIT(14) | BIT(15)));
	__asm__ volatile("mov %0, %%dr6" : : "r"(now));
	vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~BIT(13));
}

void vmx_event_requeue(struct vcpu *v, uint32_t info)
{
	uint32_t type = EVENT_TYPE(info);

	v->event =
		info & ~(uint32_t)(EVENT_NMI_UNBLOCKING | EVENT_ENTRY_RESERVED);
	if ((info & EVENT_ERROR_CODE_VALID) != 0) {
		v->event_error_code = vmread32(VMCS_IDT_VECTORING_ERROR_CODE);
	}
	if (type == EVENT_SOFTWARE_INTERRUPT ||
	    type == EVENT_SOFTWARE_EXCEPTION ||
	    type == EVENT_PRIVILEGED_SOFTWARE_EXCEPTION) {
		v->event_insn_length =
			vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	}
	if (type == EVENT_NMI) {
		uint32_t s = vmread32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

		vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			s & ~GUEST_INTERRUPTIBILITY_NMI);
	}
}

bool vmx_advance_rare(uint64_t rip, uint32_t length, uint32_t blocking)
{
	uint64_t next = rip + length;
	bool is_whole = true;

	if ((vmread32(VMCS_GUEST_CS_ACCESS_RIGHTS) & VMCS_AR_L) == 0) {
		next &= 0xffffffffull; /* IP wraps at 4 GiB */
	} else if (next == LINEAR_LOW_END) {
		/* The fetch there would be #GP; but no entry takes that RIP,
		 * so the guest's handler sees the canonical address nearby. */
		next = 0 - next;
		is_whole = false;
		vcpu_inject(cpu_this()->loaded, VECTOR_GP, true, 0);
	}
	vmwrite(VMCS_GUEST_RIP, next);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		blocking & ~(uint32_t)INTERRUPT_BLOCKING);
	/* SDM vol. 3, "Information About NMI and Debug": an instruction that
	 * we emulate under TF ends in a single-step trap. */
	if ((vmread(VMCS_GUEST_RFLAGS) & RFLAGS_TF) != 0) {
		vmwrite(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_DEBUG_BS);
	}
	return is_whole;
}

static void vmx_write_event(struct vcpu *v)
{
	uint32_t type = EVENT_TYPE(v->event);

	if ((v->event & EVENT_ERROR_CODE_VALID) != 0 &&
	    (vmread(VMCS_GUEST_CR0) & CR0_PE) == 0) {
		v->event &= ~(uint32_t)EVENT_ERROR_CODE_VALID; /* real mode */
	}
	if ((v->event & EVENT_ERROR_CODE_VALID) != 0) {
		vmwrite(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE,
			v->event_error_code & 0xffff);
	}
	if (type >= EVENT_SOFTWARE_INTERRUPT && type != EVENT_OTHER) {
		vmwrite(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, v->event_insn_length);
	}
	vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFORMATION_FIELD, v->event);
	v->event = 0;
}

static void vmx_set_proc(struct vmx_vcpu *x, uint32_t bit, bool on)
{
	x->proc = on ? x->proc | bit : x->proc & ~bit;
	vmwrite(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, x->proc);
}

/* Can the guest take an interrupt at this very entry? */
static bool vmx_is_interruptible(struct vcpu *v)
{
	uint32_t blocking = vmread32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	return v->event == 0 && (blocking & INTERRUPT_BLOCKING) == 0 &&
	       (vmread(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0;
}

/*
 * SDM vol. 3, "Evaluation and Delivery of Virtual Interrupts": RVI follows what
 * the VMM adds to IRR; SVI is the processor's own after a reset.
 */
static void vmx_sync_virtual_interrupts(struct vcpu *v)
{
	uint32_t status = vmread32(VMCS_GUEST_INTERRUPT_STATUS);

	vmwrite(VMCS_GUEST_INTERRUPT_STATUS,
		(status & 0xff00) | vcpu_highest_irr(v));
}

static void vmx_deliver_irq(struct vcpu *v, struct vmx_vcpu *x)
{
	int vector = vcpu_next_irq(v);
	bool wants_window;

	if (vector >= 0 && vmx_is_interruptible(v)) {
		vcpu_ack_irq(v, (uint32_t)vector);
		v->event =
			event_word(EVENT_EXTERNAL_INTERRUPT, (uint32_t)vector);
		vector = vcpu_next_irq(v);
		vcpu_irq_enters(v);
	}
	wants_window = vector >= 0;
	if (wants_window != x->has_window) {
		x->has_window = wants_window;
		vmx_set_proc(x, PROC_INTERRUPT_WINDOW_EXITING, wants_window);
	}
}

static void vmx_deliver_nmi(struct vcpu *v, struct vmx_vcpu *x)
{
	uint32_t blocking = vmread32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	uint32_t any = INTERRUPT_BLOCKING | GUEST_INTERRUPTIBILITY_NMI;

	if (v->nmi_pending && v->event == 0 && (blocking & any) == 0) {
		v->nmi_pending = false;
		v->event = event_word(EVENT_NMI, VECTOR_NMI);
	}
	if (v->nmi_pending != x->has_nmi_window) {
		x->has_nmi_window = v->nmi_pending;
		vmx_set_proc(x, PROC_NMI_WINDOW_EXITING, v->nmi_pending);
	}
}

/* The next entry exits before the guest's first instruction. */
static void vmx_exit_at_once(void)
{
	if (vmx_plan.has_preemption_timer) {
		vmwrite(VMCS_VMX_PREEMPTION_TIMER_VALUE, 0);
	} else {
		cpu_timer_arm(0);
	}
}

void vmx_kick(struct vcpu *v, bool wants_loop)
{
	vcpu_request(v, wants_loop ? VCPU_REQ_EVENT | VCPU_REQ_YIELD
				   : VCPU_REQ_EVENT);
	vmx_exit_at_once();
}

/* Out of line: a call in the function below would cost every exit. */
static __attribute__((noinline)) bool
vmx_arm_cpu_timer(const struct vcpu *v, uint64_t until, uint64_t now)
{
	cpu_timer_arm(until);
	return v->deadline > now;
}

/* false: the vCPU's own deadline has passed */
static bool vmx_program_timer(struct vcpu *v)
{
	uint64_t until =
		v->deadline < v->slice_end ? v->deadline : v->slice_end;
	uint64_t now = exit_tsc();
	uint64_t ticks = until > now ? until - now : 0;

	if (unlikely(!vmx_plan.has_preemption_timer)) {
		return vmx_arm_cpu_timer(v, until, now);
	}
	/* The field has 32 bits: a wait that is longer ends early, and goes on
	 * then (exit_deadline()). */
	ticks = (ticks + vmx_plan.preemption_timer_slack) >>
		vmx_plan.preemption_timer_shift;
	vmwrite(VMCS_VMX_PREEMPTION_TIMER_VALUE, (uint32_t)ticks);
	return v->deadline > now;
}

bool vmx_timer_changed(struct vcpu *v)
{
	if (cpu_this()->loaded == v) {
		return vmx_program_timer(v);
	}
	vcpu_request(v, VCPU_REQ_TIMER);
	return true;
}

void vmx_irq_changed(struct vcpu *v, uint8_t vector)
{
	if (!v->has_apicv || cpu_this()->loaded != v || v->has_apic) {
		vcpu_request(v, VCPU_REQ_EVENT);
	} else if (vector == 0) {
		vmx_sync_virtual_interrupts(v);
	} else {
		uint32_t status = vmread32(VMCS_GUEST_INTERRUPT_STATUS);

		if ((status & 0xff) < vector) {
			vmwrite(VMCS_GUEST_INTERRUPT_STATUS,
				(status & 0xff00) | vector);
		}
	}
}

/* Without VPIDs every entry does. */
static void vmx_flush_linear(struct vcpu *v)
{
	if (vmx_plan.has_vpid &&
	    invvpid(vmx_plan.invvpid_type, vmx_of(v)->vpid) != OK) {
		panic("INVVPID failed");
	}
}

static void vmx_flush(struct vcpu *v)
{
	uint64_t eptp = v->vm->npt.root.v | vmx_plan.eptp_low;

	if (invept(vmx_plan.invept_type,
		   vmx_plan.invept_type == INVEPT_SINGLE_CONTEXT ? eptp : 0) !=
	    OK) {
		panic("INVEPT failed");
	}
	vmx_flush_linear(v);
}

void vmx_prepare_entry(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	uint32_t req = __atomic_fetch_and(&v->requests, VCPU_REQ_YIELD,
					  __ATOMIC_ACQUIRE);

	if ((req & VCPU_REQ_EVENT) != 0) {
		vcpu_take_mail(v);
	}
	if (v->wants_apic || v->has_apic) {
		vmx_direct_update(v, (req & VCPU_REQ_EVENT) != 0);
		/* What comes meanwhile comes with an NMI, which asks again. */
		req |= __atomic_fetch_and(&v->requests, VCPU_REQ_YIELD,
					  __ATOMIC_ACQUIRE);
	}
	if ((req & VCPU_REQ_FLUSH) != 0) {
		vmx_flush(v);
	} else if ((req & VCPU_REQ_FLUSH_LINEAR) != 0) {
		vmx_flush_linear(v);
	}
	if ((req & VCPU_REQ_TIMER) != 0) {
		(void)vmx_program_timer(v);
	}
	/* A kick until now may have been overwritten; one from now on comes
	 * with an NMI, which writes the timer itself. */
	if (unlikely(__atomic_load_n(&v->requests, __ATOMIC_RELAXED) != 0)) {
		vmx_exit_at_once();
	}
	if (unlikely(v->nmi_pending || x->has_nmi_window)) {
		vmx_deliver_nmi(v, x);
	}
	if (v->has_apic) {
		/* interrupts go their own way */
	} else if (!v->has_apicv) {
		vmx_deliver_irq(v, x);
	} else if ((req & VCPU_REQ_EVENT) != 0) {
		vmx_sync_virtual_interrupts(v);
	}
	if (v->event != 0) {
		vmx_write_event(v);
	}
}
