/*
 * vmx_exit.c - from a VM exit to a neutral struct vm_exit, and back in.
 *
 * One table row an exit reason says what kind it is and how the details are
 * captured. Exits that are the processor's own business (windows, NMI, host
 * interrupts, re-injection) end here; everything else goes to vmm/. A reason
 * without a row is VM_EXIT_UNKNOWN: it stops the partition, it is never
 * skipped.
 *
 * The hot path (CPUID, MSR, port, HLT) reads reason, RIP, length and what its
 * kind needs, and nothing else.
 */
#include "../cpu_local.h"
#include "../exit_path.h"
#include "../trap.h"
#include "vmx.h"

#include <arch/cpu.h>
#include <bh/log.h>

typedef void vmx_capture_fn(struct vcpu *v, struct vm_exit *e);

struct vmx_exit_row {
	uint8_t kind; /* enum vm_exit_kind */
	bool is_known;
	vmx_capture_fn *capture;
};

#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_AC  17
#define VECTOR_MC  18

static void vmx_capture_insn(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->insn_length = vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
}

static bool vmx_is_64_bit_code(void)
{
	return (vmread(VMCS_GUEST_IA32_EFER) & EFER_LMA) != 0 &&
	       (vmread32(VMCS_GUEST_CS_ACCESS_RIGHTS) & BIT(13)) != 0;
}

/* What CS.L and CS.D say an instruction without prefixes has. */
static uint8_t vmx_code_address_size(void)
{
	if (vmx_is_64_bit_code()) {
		return 8;
	}
	return (vmread32(VMCS_GUEST_CS_ACCESS_RIGHTS) & BIT(14)) != 0 ? 4 : 2;
}

/*
 * The operand of INS or OUTS. Not by the guest-linear address: the SDM leaves
 * that undefined for an unusable segment, and a 64-bit program's ES and DS are.
 */
static __attribute__((noinline)) void vmx_capture_string(struct vm_exit *e)
{
	uint32_t segment = e->pio.is_in ? VMCS_SEG_ES : VMCS_SEG_DS;
	uint32_t info;

	e->kind = VM_EXIT_STRING_PIO;
	e->pio.is_rep = IO_IS_REP(e->qualification) != 0;
	if ((vmx_caps.basic & VMX_BASIC_INS_OUTS_INFO) != 0) {
		info = vmread32(VMCS_VM_EXIT_INSTRUCTION_INFORMATION);
		e->pio.address_size = (uint8_t)STRING_ADDRESS_SIZE(info);
		/* Not defined for INS, which always stores by ES. */
		segment = e->pio.is_in ? segment : STRING_SEGMENT(info);
	} else {
		e->pio.address_size = vmx_code_address_size();
	}
	e->pio.is_stack = segment == VMCS_SEG_SS;
	e->pio.base = 0;
	if (segment == VMCS_SEG_FS || segment == VMCS_SEG_GS ||
	    !vmx_is_64_bit_code()) {
		e->pio.base = vmread(VMCS_GUEST_BASE(segment));
	}
}

static inline __attribute__((always_inline)) void capture_io(struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	e->insn_length = vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	e->qualification = q;
	e->pio.port = (uint16_t)IO_PORT(q);
	e->pio.size = (uint8_t)IO_SIZE(q);
	e->pio.is_in = IO_IS_IN(q) != 0;
	if (unlikely(IO_IS_STRING(q) != 0)) {
		vmx_capture_string(e);
	}
}

static void vmx_capture_io(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	capture_io(e);
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
		e->kind = VM_EXIT_CR_READ;
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

/* SDM vol. 3, "NMI unblocking due to IRET": the IRET did not complete. */
static void vmx_block_nmi(void)
{
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) |
			GUEST_INTERRUPTIBILITY_NMI);
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
		vmx_block_nmi();
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
		vcpu_request(v, cpu_nmi_came() ? VCPU_REQ_EVENT | VCPU_REQ_YIELD
					       : VCPU_REQ_EVENT);
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
	e->exception.error_code =
		vmread32(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE);
	e->exception.dr6 = vector == VECTOR_DB ? e->qualification : 0;
	e->exception.is_by_int1 =
		EVENT_TYPE(info) == EVENT_PRIVILEGED_SOFTWARE_EXCEPTION;
	if (e->exception.is_by_int1) {
		v->event_insn_length =
			vmread32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	}
	if (!vmx_capture_vectoring(v) && (info & EVENT_NMI_UNBLOCKING) != 0) {
		vmx_block_nmi();
	}
}

static void vmx_capture_interrupt(struct vcpu *v, struct vm_exit *e)
{
	uint32_t info = vmread32(VMCS_VM_EXIT_INTERRUPTION_INFORMATION);

	(void)v;
	e->qualification = EVENT_VECTOR(info);
	trap_irq(EVENT_VECTOR(info));
}

static void vmx_capture_nothing(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	(void)e;
}

static void vmx_capture_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vcpu_request(v, VCPU_REQ_EVENT);
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
	ROW(PAUSE,                        PAUSE,         nothing),
	ROW(ENTRY_FAILURE_MACHINE_CHECK,  ENTRY_FAILED,  qualification),
	ROW(VIRTUALIZED_EOI,              APIC_EOI,      eoi),
	ROW(EPT_VIOLATION,                NESTED_FAULT,  ept_violation),
	ROW(EPT_MISCONFIGURATION,         NPT_MISCONFIG, ept_violation),
	ROW(INVEPT,                       HIDDEN,        insn),
	ROW(VMX_PREEMPTION_TIMER_EXPIRED, DEADLINE,      nothing),
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

/* 32-bit code that ran over the end of 4 GiB was interrupted there, and RIP was
 * saved with its carry (Bochs 2.7), with which no entry is possible (SDM,
 * Checks on Guest RIP, RFLAGS, and SSP): EIP wraps. */
static bool vmx_wrap_rip(void)
{
	uint64_t rip = vmread(VMCS_GUEST_RIP);

	if (rip >> 32 == 0 ||
	    (vmread32(VMCS_GUEST_CS_ACCESS_RIGHTS) & VMCS_AR_L) != 0) {
		return false;
	}
	vmwrite(VMCS_GUEST_RIP, (uint32_t)rip);
	return true;
}

static void vmx_capture(struct vcpu *v, struct vm_exit *e, uint32_t raw)
{
	uint32_t reason = EXIT_REASON_BASIC(raw);

	e->reason = reason;
	e->qualification = 0;
	if (unlikely((raw & EXIT_REASON_ENTRY_FAILURE) != 0)) {
		e->kind = VM_EXIT_ENTRY_FAILED;
		e->qualification = vmread(VMCS_EXIT_QUALIFICATION);
		if (reason == EXIT_REASON_ENTRY_FAILURE_GUEST_STATE &&
		    vmx_wrap_rip()) {
			e->kind = VM_EXIT_INTERRUPT; /* and in again */
		}
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

/* The end of every exit that is not hot: RIP, requests, statistics. */
static uint32_t vmx_finish(struct vcpu *v, enum vm_verdict verdict)
{
	uint32_t result;

	if (unlikely(verdict == VM_AGAIN)) {
		verdict = vm_exit_handlers[v->exit.kind](v);
	}
	if (verdict == VM_ADVANCE || verdict == VM_BLOCK) {
		(void)vmx_advance(v->exit.rip, v->exit.insn_length);
	}
	result = exit_result(v, verdict);
	if (result == EXIT_RESUME && (vcpu_has_work(v) || !v->has_apicv)) {
		vmx_prepare_entry(v);
	}
	exit_account(v, v->exit.reason);
	return result;
}

/* Everything but the hot exits. */
static uint32_t vmx_exit_cold(struct vcpu *v, uint32_t raw)
{
	struct vm_exit *e = &v->exit;

	e->rip = vmread(VMCS_GUEST_RIP);
	vmx_capture(v, e, raw);
	exit_trace(v, e->reason % VCPU_EXIT_REASONS, e->rip, e->qualification);
	if (!vmx_plan.has_save_preemption_timer) {
		vcpu_request(v, VCPU_REQ_TIMER);
	}
	return vmx_finish(v, vm_exit_handlers[e->kind](v));
}

/*
 * The exits that a running guest is made of: instructions that are emulated at
 * once, and its timer.
 * Rows of all other reasons are COLD; all are while every exit is timed, or
 * while the timer has to be programmed at every entry.
 */
static struct vm_exit_head hot_heads[64];

void vmx_exit_init(void)
{
	static const struct vm_exit_head hot[] = {
		{ VM_EXIT_CPUID, EXIT_REASON_CPUID },
		{ VM_EXIT_VMCALL, EXIT_REASON_VMCALL },
		{ VM_EXIT_MSR_READ, EXIT_REASON_RDMSR },
		{ VM_EXIT_MSR_WRITE, EXIT_REASON_WRMSR },
		{ VM_EXIT_PIO, EXIT_REASON_IO_INSTRUCTION },
		{ VM_EXIT_DEADLINE, EXIT_REASON_VMX_PREEMPTION_TIMER_EXPIRED },
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(hot_heads); i++) {
		hot_heads[i].kind = EXIT_COLD;
	}
	if (vm_exit_times || !vmx_plan.has_save_preemption_timer) {
		return;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(hot); i++) {
		hot_heads[hot[i].reason] = hot[i];
	}
}

/**
 * vmx_exit_hot() - the exit that just happened, if it is a hot one.
 *
 * The same steps as the cold path, for an exit that leaves nothing to do before
 * the next entry. Registers that C preserves are neither in v->gpr yet
 * nor reloaded then (vmx_run.asm).
 * Return: 0 to go back in; else what vmx_exit_rest() is to be called with.
 */
uint32_t vmx_exit_hot(struct vcpu *v)
{
	uint32_t raw = vmread32(VMCS_EXIT_REASON);
	struct vm_exit *e = &v->exit;
	struct vm_exit_head head;
	uint32_t verdict;
	uint64_t rip;

	if (unlikely(raw >= ARRAY_COUNT(hot_heads))) {
		return EXIT_REST_COLD;
	}
	head = hot_heads[raw];
	if (unlikely((int32_t)head.kind < 0)) {
		return EXIT_REST_COLD;
	}
	e->head = head;
	rip = vmread(VMCS_GUEST_RIP);
	e->rip = rip;
	if (raw == EXIT_REASON_IO_INSTRUCTION) {
		capture_io(e);
		/* read back: one register less for every exit to preserve */
		exit_trace(v, raw, rip,
			   *(volatile uint64_t *)&e->qualification);
	} else {
		vmx_capture_insn(v, e);
		exit_trace(v, raw, rip, 0);
	}
	verdict = vm_exit_handlers[e->kind](v);
	if (unlikely(verdict != VM_ADVANCE || vcpu_has_work(v))) {
		return verdict == VM_RETRY && !vcpu_has_work(v) && v->has_apicv
			       ? 0
			       : EXIT_REST_FINISH + verdict;
	}
	return likely(vmx_advance(rip, e->insn_length))
		       ? 0
		       : EXIT_REST_FINISH + VM_RETRY;
}

/**
 * vmx_exit_rest() - what vmx_exit_hot() left to do.
 * @what: EXIT_REST_COLD, or EXIT_REST_FINISH and a verdict
 * Return: EXIT_RESUME to go back in, else EXIT_LEAVE(verdict).
 */
uint32_t vmx_exit_rest(struct vcpu *v, uint32_t what)
{
	if (what == EXIT_REST_COLD) {
		return vmx_exit_cold(v, vmread32(VMCS_EXIT_REASON));
	}
	return vmx_finish(v, (enum vm_verdict)(what - EXIT_REST_FINISH));
}
