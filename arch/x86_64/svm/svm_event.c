/*
 * svm_event.c - events into the guest: exceptions, interrupts, NMIs, timers.
 *
 * 1. v->event holds at most one event to inject on the next entry; EVENTINJ has
 *    the format that hv/vcpu.h names.
 * 2. An event whose delivery an exit interrupted is injected again first, but
 *    for software interrupts and exceptions: RIP is still at their instruction,
 *    which is executed again.
 * 3. An interrupt that the guest can take at the entry is injected. For another
 *    time it goes by V_IRQ: the processor delivers the vector when the guest
 *    can take it, without an exit; the local APIC learns of it at the next one.
 *    All accesses to that exit, so nobody can see the difference. Either way
 *    would do alone, but for emulators: Bochs looks at V_IRQ when the guest
 *    sets RFLAGS.IF, and never if that is set already; QEMU's TCG can
 *    deliver an injected interrupt twice, the second time whatever IF is, so
 *    all go by V_IRQ there. TCG's VMRUN also forgets the interrupt shadow: an
 *    interrupt between STI and HLT would let a guest sleep on it, so that
 *    instruction is executed first.
 * 4. NMIs are masked from their injection to the IRET, which exits; the next
 *    one follows when that has been executed.
 * 5. The CPU's local APIC timer counts to the earlier of slice end and APIC
 *    deadline.
 */
#include "../cpu_local.h"
#include "../exit_path.h"
#include "svm.h"

#define VECTOR_BP 3
#define VECTOR_OF 4

#define NMI_RETRY_TICKS 2000u /* to look again whether an NMI can go */
/* As long for an emulated instruction, twice as long for each of the next: */
#define SHADOW_TICKS   (1ull << 16)
#define SHADOW_ENTRIES 8

void svm_debug_reflect(struct vcpu *v, uint64_t dr6)
{
	union vmcb *b = svm_vmcb(v);

	(void)dr6;
	vmcb_set(b, dr7, b->dr7 & ~BIT(13));
}

bool svm_event_requeue(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);
	union vmcb *b = x->vmcb;
	uint64_t info = b->exitintinfo;
	uint32_t vector = EVENT_VECTOR(info);
	uint32_t type = EVENT_TYPE(info);

	if ((info & EVENT_VALID) == 0) {
		return false;
	}
	if (type == EVENT_SOFTWARE_INTERRUPT ||
	    (type == EVENT_HARDWARE_EXCEPTION &&
	     (vector == VECTOR_BP || vector == VECTOR_OF))) {
		return true;
	}
	if (type == EVENT_EXTERNAL_INTERRUPT && x->has_virq &&
	    vector == V_INTR_VECTOR_OF(b->v_intr)) {
		/* on its way: not announced any more, whatever V_IRQ says */
		vmcb_set(b, v_intr, b->v_intr & ~V_INTR_IRQ);
		svm_virq_taken(v);
	}
	if (type == EVENT_NMI) {
		x->has_nmi_mask = true; /* still, or again */
	}
	v->event = (uint32_t)(info &
			      (EVENT_VALID | EVENT_ERROR_CODE_VALID | 0x7ff));
	v->event_error_code = EXITINTINFO_ERROR_CODE(info);
	return true;
}

void svm_virq_taken(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);

	if ((x->vmcb->v_intr & V_INTR_IRQ) == 0) {
		x->has_virq = false;
		vcpu_ack_irq(v, V_INTR_VECTOR_OF(x->vmcb->v_intr));
		vcpu_request(v, VCPU_REQ_EVENT);
	} else if ((x->vmcb->rflags & RFLAGS_IF) != 0) {
		vcpu_request(v, VCPU_REQ_EVENT); /* perhaps it can now */
	}
}

/* Can the guest take an interrupt at this very entry? */
static bool svm_is_interruptible(const struct vcpu *v, const union vmcb *b)
{
	return !svm_caps.is_tcg && v->event == 0 &&
	       (b->interrupt_shadow & INTERRUPT_SHADOW) == 0 &&
	       (b->rflags & RFLAGS_IF) != 0;
}

/* On TCG: is the guest at an instruction that no interrupt comes before, though
 * VMRUN would let one? */
static bool svm_is_in_lost_shadow(struct svm_vcpu *x)
{
	const union vmcb *b = x->vmcb;

	if ((b->interrupt_shadow & INTERRUPT_SHADOW) != 0) {
		x->shadow_rip = b->rip;
		x->shadow_entries = 0;
	}
	return (b->rflags & RFLAGS_IF) != 0 && b->rip == x->shadow_rip &&
	       x->shadow_entries < SHADOW_ENTRIES;
}

static void svm_deliver_irq(struct vcpu *v, struct svm_vcpu *x)
{
	int vector = vcpu_next_irq(v);
	uint64_t v_intr = V_INTR_MASKING;

	if (svm_caps.is_tcg && vector >= 0 && svm_is_in_lost_shadow(x)) {
		vector = -1;
		cpu_timer_arm(exit_tsc() +
			      (SHADOW_TICKS << x->shadow_entries++));
		vcpu_request(v, VCPU_REQ_EVENT | VCPU_REQ_TIMER);
	}
	if (vector >= 0 && svm_is_interruptible(v, x->vmcb)) {
		vcpu_ack_irq(v, (uint32_t)vector);
		v->event =
			event_word(EVENT_EXTERNAL_INTERRUPT, (uint32_t)vector);
		vector = vcpu_next_irq(v);
		vcpu_irq_enters(v);
	}
	x->has_virq = vector >= 0;
	if (x->has_virq) {
		v_intr |= V_INTR_IRQ | V_INTR_IGN_TPR | V_INTR_PRIO(15) |
			  V_INTR_VECTOR(vector);
	}
	if (v_intr != x->vmcb->v_intr) {
		vmcb_set(x->vmcb, v_intr, v_intr);
	}
}

void svm_iret(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);
	union vmcb *b = x->vmcb;

	x->has_nmi_mask = false;
	x->awaits_iret = true;
	x->iret_rip = b->rip;
	x->iret_rsp = b->rsp;
	vmcb_set(b, intercept_misc1,
		 b->intercept_misc1 & ~(uint32_t)INTERCEPT1_IRET);
}

static void svm_deliver_nmi(struct vcpu *v, struct svm_vcpu *x)
{
	union vmcb *b = x->vmcb;

	if (x->awaits_iret &&
	    (b->rip != x->iret_rip || b->rsp != x->iret_rsp)) {
		x->awaits_iret = false;
	}
	if (x->has_nmi_mask) {
		return; /* until IRET */
	}
	if (x->awaits_iret || v->event != 0 ||
	    (b->interrupt_shadow & INTERRUPT_SHADOW) != 0) {
		vcpu_request(v, VCPU_REQ_TIMER);
		return;
	}
	v->nmi_pending = false;
	v->event = event_word(EVENT_NMI, VECTOR_NMI);
	x->has_nmi_mask = true;
	vmcb_set(b, intercept_misc1,
		 b->intercept_misc1 | (uint32_t)INTERCEPT1_IRET);
}

void svm_kick(struct vcpu *v, bool wants_loop)
{
	/* While the flag of all interrupts is 0 no NMI comes: whoever set it
	 * sees this before the entry. */
	vcpu_request(v, wants_loop ? VCPU_REQ_EVENT | VCPU_REQ_YIELD
				   : VCPU_REQ_EVENT);
}

static bool svm_program_timer(struct vcpu *v)
{
	uint64_t now = exit_tsc();
	uint64_t until =
		v->deadline < v->slice_end ? v->deadline : v->slice_end;

	if (unlikely(v->nmi_pending && !svm_of(v)->has_nmi_mask) &&
	    now + NMI_RETRY_TICKS < until) {
		until = now + NMI_RETRY_TICKS;
	}
	cpu_timer_arm(until);
	return v->deadline > now;
}

bool svm_timer_changed(struct vcpu *v)
{
	if (cpu_this()->loaded == v) {
		return svm_program_timer(v);
	}
	vcpu_request(v, VCPU_REQ_TIMER);
	return true;
}

void svm_irq_changed(struct vcpu *v, uint8_t vector)
{
	(void)vector;
	vcpu_request(v, VCPU_REQ_EVENT);
}

void svm_advance(struct vcpu *v, uint64_t rip, uint32_t length)
{
	union vmcb *b = svm_vmcb(v);

	svm_advance_rip(b, rip, length);
	if (unlikely((b->rflags & RFLAGS_TF) != 0)) {
		vmcb_set(b, dr6, b->dr6 | BIT(14));
		vcpu_inject(v, VECTOR_DB, false, 0);
	}
}

/* Serve v->requests and v->event. VMRUN has to follow: an interrupt that is
 * acknowledged here is only in the VMCB. */
static void svm_prepare_entry(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);
	union vmcb *b = x->vmcb;
	uint32_t req;

	if (unlikely(v->nmi_pending)) {
		svm_deliver_nmi(v, x);
	}
	/* What is posted meanwhile comes with an NMI, which asks again. */
	req = __atomic_fetch_and(&v->requests, VCPU_REQ_YIELD,
				 __ATOMIC_ACQUIRE);
	if ((req & (VCPU_REQ_FLUSH | VCPU_REQ_FLUSH_LINEAR)) != 0) {
		b->tlb_control = svm_plan_uses(&svm_plan, FLUSH_BY_ASID)
					 ? TLB_CONTROL_FLUSH_ASID
					 : TLB_CONTROL_FLUSH_ALL;
	}
	if ((req & VCPU_REQ_TIMER) != 0) {
		(void)svm_program_timer(v);
	}
	if ((req & VCPU_REQ_EVENT) != 0) {
		svm_deliver_irq(v, x);
	}
	if ((b->cr0 & CR0_PE) == 0) { /* real mode pushes no error code */
		v->event &= ~(uint32_t)EVENT_ERROR_CODE_VALID;
	}
	b->eventinj = v->event;
	if ((v->event & EVENT_ERROR_CODE_VALID) != 0) {
		b->eventinj |= EVENTINJ_ERROR_CODE(v->event_error_code);
	}
	v->event = 0;
}

uint32_t svm_go_on(struct vcpu *v, enum vm_verdict verdict)
{
	uint32_t result;

	if ((v->requests & VCPU_REQ_EVENT) != 0) {
		vcpu_take_mail(v); /* an INIT in it asks to leave */
	}
	result = exit_result(v, verdict);
	if (result == EXIT_RESUME) {
		svm_prepare_entry(v);
	}
	return result;
}
