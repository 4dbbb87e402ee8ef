/*
 * vmx_exit.c - from a VM exit to a neutral struct vm_exit, and back in.
 *
 * One table row an exit reason says what kind it is and how the details are
 * captured. Exits that are the processor's own business (windows, NMI, host
 * interrupts, re-injection) end here; everything else goes to vmm/. A reason
 * without a row is VM_EXIT_UNKNOWN: it stops the partition, it is never skipped.
 *
 * The hot path (CPUID, MSR, port, HLT) reads reason, RIP, length and what its
 * kind needs, and nothing else.
 */
#include "../cpu_local.h"
#include "../trap.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <arch/time.h>
#include <bh/log.h>

typedef void vmx_capture_fn(struct vcpu *v, struct vm_exit *e);

struct vmx_exit_row {
	uint8_t kind; /* enum vm_exit_kind */
	bool is_known;
	vmx_capture_fn *capture;
};

#define VECTOR_DB 1
#define VECTOR_NMI 2
#define VECTOR_AC 17
#define VECTOR_MC 18

static inline uint64_t vmx_rdtsc(void)
{
	uint32_t lo;
	uint32_t hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static void vmx_capture_insn(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->insn_length = vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
}

static void vmx_capture_io(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	(void)v;
	e->insn_length = vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	e->qualification = q;
	e->pio.port = (uint16_t)IO_PORT(q);
	e->pio.size = (uint8_t)IO_SIZE(q);
	e->pio.is_in = IO_IS_IN(q) != 0;
	e->pio.is_string = IO_IS_STRING(q) != 0;
	e->pio.is_rep = IO_IS_REP(q) != 0;
}

static uint64_t vmx_gpr(struct vcpu *v, uint32_t n)
{
	return n == GPR_RSP ? vmread(VMCS_GUEST_RSP) : v->gpr[n];
}

static void vmx_capture_cr(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);
	uint64_t cr0;

	e->insn_length = vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	e->qualification = q;
	e->cr.number = (uint8_t)CR_ACCESS_NUMBER(q);
	e->cr.gpr = (uint8_t)CR_ACCESS_REGISTER(q);
	switch (CR_ACCESS_TYPE(q)) {
	case CR_ACCESS_MOV_TO_CR:
		e->cr.value = vmx_gpr(v, e->cr.gpr);
		break;
	case CR_ACCESS_MOV_FROM_CR:
		e->kind = VM_EXIT_CR8_READ;
		break;
	case CR_ACCESS_CLTS:
		e->cr.number = 0;
		e->cr.value = vmx_reg_get(v, VREG_CR0) & ~BIT(3);
		break;
	default: /* LMSW: PE, MP, EM, TS; PE can be set, not cleared */
		cr0 = vmx_reg_get(v, VREG_CR0);
		e->cr.number = 0;
		e->cr.value = (cr0 & ~0xeull) | (cr0 & 1) |
			      (CR_ACCESS_LMSW_SOURCE(q) & 0xf);
		break;
	}
}

/* An exit in the middle of an event's delivery: deliver it again later. */
static bool vmx_capture_vectoring(struct vcpu *v)
{
	uint32_t info = vmread32(VMCS_IDT_VECTORING_INFORMATION_FIELD);

	if ((info & EVENT_VALID) == 0) {
		return false;
	}
	vmx_event_requeue(v, info);
	return true;
}

static void vmx_capture_ept_violation(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);
	struct vm_exit_nested_fault *f = &e->nested_fault;

	e->qualification = q;
	e->insn_length = 0; /* not defined for EPT violations */
	f->gpa = gpa(vmread(VMCS_GUEST_PHYSICAL_ADDRESS));
	f->gva = gva(vmread(VMCS_GUEST_LINEAR_ADDRESS));
	f->is_read = (q & EPT_VIOLATION_READ) != 0;
	f->is_write = (q & EPT_VIOLATION_WRITE) != 0;
	f->is_fetch = (q & EPT_VIOLATION_FETCH) != 0;
	f->has_gva = (q & EPT_VIOLATION_LINEAR_VALID) != 0;
	f->in_walk = f->has_gva && (q & EPT_VIOLATION_TRANSLATION) == 0;
	f->is_mapped = (q & (EPT_VIOLATION_READABLE | EPT_VIOLATION_WRITABLE |
			     EPT_VIOLATION_EXECUTABLE)) != 0;
	f->in_delivery = vmx_capture_vectoring(v);
	if (!f->in_delivery && (q & EPT_VIOLATION_NMI_UNBLOCKING) != 0) {
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) |
				GUEST_INTERRUPTIBILITY_NMI);
	}
}

/* NMI and #MC are the machine's; #DB and #AC go back to the guest. */
static void vmx_capture_exception(struct vcpu *v, struct vm_exit *e)
{
	uint32_t info = vmread32(VMCS_VM_EXIT_INTERRUPTION_INFORMATION);
	uint32_t vector = EVENT_VECTOR(info);

	e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
	e->exception.vector = (uint8_t)vector;
	if (EVENT_TYPE(info) == EVENT_NMI) {
		cpu_this()->nmi_count++;
		vmx_nmi_unblock();
		(void)vmx_capture_vectoring(v);
		e->kind = VM_EXIT_INTERRUPT;
		return;
	}
	if (vector == VECTOR_MC) {
		e->kind = VM_EXIT_UNKNOWN;
		__asm__ volatile("int $18"); /* the machine's handler */
		return;
	}
	e->exception.has_error_code = (info & EVENT_ERROR_CODE_VALID) != 0;
	e->exception.error_code = vmread32(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE);
	e->exception.dr6 = vector == VECTOR_DB ? e->qualification : 0;
	if (EVENT_TYPE(info) == EVENT_PRIVILEGED_SOFTWARE_EXCEPTION) {
		v->event_insn_length =
			vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	}
	(void)vmx_capture_vectoring(v);
}

static void vmx_capture_interrupt(struct vcpu *v, struct vm_exit *e)
{
	uint32_t info = vmread32(VMCS_VM_EXIT_INTERRUPTION_INFORMATION);

	(void)v;
	e->qualification = EVENT_VECTOR(info);
	trap_irq(EVENT_VECTOR(info));
}

static void vmx_capture_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vcpu_request(v, VCPU_REQ_EVENT);
}

static void vmx_capture_deadline(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vcpu_request(v, VCPU_REQ_TIMER);
}

static void vmx_capture_apic_write(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
	e->apic_offset = APIC_ACCESS_OFFSET(e->qualification);
}

static void vmx_capture_eoi(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
	e->eoi_vector = (uint8_t)e->qualification;
}

static void vmx_capture_qualification(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
}

/* clang-format off */
#define ROW(reason, kind_, capture_)                                           \
	[EXIT_REASON_##reason] = { VM_EXIT_##kind_, true, vmx_capture_##capture_ }

static const struct vmx_exit_row vmx_exit_rows[EXIT_REASON_COUNT] = {
	ROW(EXCEPTION_OR_NMI,             EXCEPTION,     exception),
	ROW(EXTERNAL_INTERRUPT,           INTERRUPT,     interrupt),
	ROW(TRIPLE_FAULT,                 TRIPLE_FAULT,  qualification),
	ROW(INIT_SIGNAL,                  INIT,          qualification),
	ROW(INTERRUPT_WINDOW,             INTERRUPT,     window),
	ROW(NMI_WINDOW,                   INTERRUPT,     window),
	ROW(TASK_SWITCH,                  TASK_SWITCH,   qualification),
	ROW(CPUID,                        CPUID,         insn),
	ROW(GETSEC,                       HIDDEN,        insn),
	ROW(HLT,                          HLT,           insn),
	ROW(INVD,                         CACHE,         insn),
	ROW(RDPMC,                        PRIVILEGED,    insn),
	ROW(RSM,                          HIDDEN,        insn),
	ROW(VMCALL,                       VMCALL,        insn),
	ROW(VMCLEAR,                      HIDDEN,        insn),
	ROW(VMLAUNCH,                     HIDDEN,        insn),
	ROW(VMPTRLD,                      HIDDEN,        insn),
	ROW(VMPTRST,                      HIDDEN,        insn),
	ROW(VMREAD,                       HIDDEN,        insn),
	ROW(VMRESUME,                     HIDDEN,        insn),
	ROW(VMWRITE,                      HIDDEN,        insn),
	ROW(VMXOFF,                       HIDDEN,        insn),
	ROW(VMXON,                        HIDDEN,        insn),
	ROW(CONTROL_REGISTER_ACCESSES,    CR_WRITE,      cr),
	ROW(IO_INSTRUCTION,               PIO,           io),
	ROW(RDMSR,                        MSR_READ,      insn),
	ROW(WRMSR,                        MSR_WRITE,     insn),
	ROW(ENTRY_FAILURE_GUEST_STATE,    ENTRY_FAILED,  qualification),
	ROW(ENTRY_FAILURE_MSR_LOADING,    ENTRY_FAILED,  qualification),
	ROW(MWAIT,                        HIDDEN,        insn),
	ROW(MONITOR,                      HIDDEN,        insn),
	ROW(PAUSE,                        INTERRUPT,     insn),
	ROW(ENTRY_FAILURE_MACHINE_CHECK,  ENTRY_FAILED,  qualification),
	ROW(VIRTUALIZED_EOI,              APIC_EOI,      eoi),
	ROW(EPT_VIOLATION,                NESTED_FAULT,  ept_violation),
	ROW(EPT_MISCONFIGURATION,         NPT_MISCONFIG, ept_violation),
	ROW(INVEPT,                       HIDDEN,        insn),
	ROW(VMX_PREEMPTION_TIMER_EXPIRED, DEADLINE,      deadline),
	ROW(INVVPID,                      HIDDEN,        insn),
	ROW(WBINVD_OR_WBNOINVD,           CACHE,         insn),
	ROW(XSETBV,                       XSETBV,        insn),
	ROW(APIC_WRITE,                   APIC_WRITE,    apic_write),
	ROW(INVPCID,                      HIDDEN,        insn),
	ROW(VMFUNC,                       HIDDEN,        insn),
	ROW(ENCLS,                        HIDDEN,        insn),
	ROW(XSAVES,                       HIDDEN,        insn),
	ROW(XRSTORS,                      HIDDEN,        insn),
	ROW(UMWAIT,                       HIDDEN,        insn),
	ROW(TPAUSE,                       HIDDEN,        insn),
};
/* clang-format on */

static void vmx_capture(struct vcpu *v, struct vm_exit *e, uint32_t raw)
{
	uint32_t reason = EXIT_REASON_BASIC(raw);

	e->reason = reason;
	e->qualification = 0;
	if (unlikely((raw & EXIT_REASON_ENTRY_FAILURE) != 0)) {
		e->kind = VM_EXIT_ENTRY_FAILED;
		e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
		return;
	}
	if (unlikely(reason >= EXIT_REASON_COUNT ||
		     !vmx_exit_rows[reason].is_known)) {
		e->kind = VM_EXIT_UNKNOWN;
		e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
		return;
	}
	e->kind = vmx_exit_rows[reason].kind;
	vmx_exit_rows[reason].capture(v, e);
}

static void vmx_trace(struct vcpu *v, uint64_t now)
{
	struct exit_trace_entry *t =
		&v->trace[v->exit_count++ % WHY_TRACE_MAX];

	v->guest_tsc += now - v->last_entry;
	t->tsc = now;
	t->rip = v->exit.rip;
	t->qualification = v->exit.qualification;
	t->reason = v->exit.reason;
	t->vcpu = v->id;
}

static void vmx_account(struct vcpu *v, uint64_t start)
{
	uint32_t reason = v->exit.reason % VCPU_EXIT_REASONS;
	uint64_t now = vmx_rdtsc();

	v->exit_counts[reason]++;
	v->exit_tsc[reason] += now - start;
	v->root_tsc += now - start;
	v->last_entry = now;
}

/**
 * vmx_exit() - handle the exit that just happened; called by vmx_run.asm.
 * Return: 0 to go back in, else VMX_LEAVE(verdict).
 */
uint32_t vmx_exit(struct vcpu *v)
{
	uint64_t start = vmx_rdtsc();
	enum vm_verdict verdict;
	uint32_t leave = 0;

	v->exit.rip = vmread(VMCS_GUEST_RIP);
	vmx_capture(v, &v->exit, vmread32(VMCS_EXIT_REASON));
	vmx_trace(v, start);
	if (unlikely(!vmx_plan.has_save_preemption_timer)) {
		vcpu_request(v, VCPU_REQ_TIMER);
	}
	verdict = vm_exit_dispatch(v);
	switch (verdict) {
	case VM_ADVANCE:
		vmx_advance(v);
		break;
	case VM_BLOCK:
		vmx_advance(v);
		leave = VMX_LEAVE(verdict);
		break;
	case VM_RETRY:
		break;
	default:
		leave = VMX_LEAVE(verdict);
		break;
	}
	if (unlikely((v->requests & VCPU_REQ_YIELD) != 0) && leave == 0) {
		leave = VMX_LEAVE(VM_YIELD);
	}
	if (leave == 0 && unlikely((v->requests | v->event) != 0 ||
				   v->nmi_pending)) {
		vmx_prepare_entry(v);
	}
	vmx_account(v, start);
	return leave;
}
