/*
 * svm_dispatch.c - from a #VMEXIT to a neutral struct vm_exit, and back in.
 *
 * One table row an exit code says what kind it is and how the details are
 * captured. Exits that are the processor's own business (host interrupts, NMI,
 * IRET) end here; everything else goes to vmm/. A code without a row is
 * VM_EXIT_UNKNOWN: it stops the partition, it is never skipped.
 *
 * The length of an instruction comes from nRIP, or from EXITINFO2 (ports), or
 * from the instruction's bytes (svm_insn.c) where there is no nRIP.
 */
#include "../cpu_local.h"
#include "../exit_path.h"
#include "svm.h"
#include "svm_check.h"
#include "svm_insn.h"

#include <bh/nospec.h>

#define ODD_MAX 16u /* exits with odd bytes at one RIP */

typedef void svm_capture_fn(struct vcpu *v, struct vm_exit *e);

struct svm_exit_row {
	uint8_t kind; /* enum vm_exit_kind */
	bool is_known;
	svm_capture_fn *capture;
};

static bool svm_is_64_bit_code(const union vmcb *b)
{
	return svm_is_long_mode(b) && (b->cs.attributes & VMCB_ATTR_L) != 0;
}

static enum insn_mode svm_mode(const union vmcb *b)
{
	if (svm_is_64_bit_code(b)) {
		return INSN_MODE_64;
	}
	return (b->cs.attributes & VMCB_ATTR_DB) != 0 ? INSN_MODE_32
						      : INSN_MODE_16;
}

/* The guest gets what waits for it, at the same RIP. */
static void svm_try_again(struct vm_exit *e)
{
	e->kind = VM_EXIT_INTERRUPT;
	e->qualification = 0;
}

/*
 * The bytes at RIP are not what the exit tells: the guest has changed them, or
 * their mapping, behind our back. If they stay so they are an encoding that has
 * to be #UD, as QEMU's TCG lets some through (LOCK CPUID): no endless loop.
 */
static void svm_odd_bytes(struct vcpu *v, struct vm_exit *e)
{
	struct svm_vcpu *x = svm_of(v);

	svm_try_again(e);
	if (x->odd_rip != e->rip) {
		x->odd_rip = e->rip;
		x->odd_count = 0;
	}
	if (++x->odd_count == ODD_MAX) {
		x->odd_count = 0;
		e->kind = VM_EXIT_HIDDEN;
	}
}

static __attribute__((noinline)) bool
svm_fetch_insn(struct vcpu *v, struct vm_exit *e, struct svm_insn *out)
{
	const union vmcb *b = svm_vmcb(v);
	uint8_t bytes[INSN_MAX_LENGTH];
	size_t n = vcpu_fetch(v, bytes, sizeof(bytes));

	if (svm_insn_decode(bytes, n, svm_mode(b), e->reason, out) != OK) {
		svm_odd_bytes(v, e);
		return false;
	}
	e->insn_length = out->length;
	/* A processor with nRIP tells it though it was not asked. */
	if (svm_has_nrip(&svm_caps) && b->nrip != e->rip + out->length) {
		e->kind = VM_EXIT_UNKNOWN; /* with the bytes in its report */
		return false;
	}
	return true;
}

static void svm_capture_insn(struct vcpu *v, struct vm_exit *e)
{
	struct svm_insn insn;

	if (likely(svm_plan_uses(&svm_plan, NRIPS))) {
		e->insn_length = (uint32_t)(svm_vmcb(v)->nrip - e->rip);
	} else {
		(void)svm_fetch_insn(v, e, &insn);
	}
}

static void svm_capture_msr(struct vcpu *v, struct vm_exit *e)
{
	e->kind = svm_vmcb(v)->exitinfo1 != 0 ? VM_EXIT_MSR_WRITE
					      : VM_EXIT_MSR_READ;
	svm_capture_insn(v, e);
}

/* What a segment adds to an offset: in 64-bit code only FS and GS do. */
static uint64_t svm_segment_base(const union vmcb *b, uint8_t segment)
{
	const struct vmcb_segment *const segments[] = {
		&b->es, &b->cs, &b->ss, &b->ds, &b->fs, &b->gs
	};

	if (segment >= ARRAY_COUNT(segments) ||
	    (segment < INSN_SEGMENT_FS && svm_is_64_bit_code(b))) {
		return 0;
	}
	return segments[index_nospec(segment, ARRAY_COUNT(segments))]->base;
}

/*
 * The operand of INS or OUTS. QEMU's TCG has no decode assists, and tells no
 * address size either.
 */
static __attribute__((noinline)) void svm_capture_string(struct vcpu *v,
							 struct vm_exit *e)
{
	const union vmcb *b = svm_vmcb(v);
	struct svm_string s = {
		.segment = (uint8_t)IOIO_SEGMENT(b->exitinfo1),
		.address_size = (uint8_t)IOIO_ADDRESS_SIZE(b->exitinfo1),
	};
	uint8_t bytes[INSN_MAX_LENGTH];

	e->kind = VM_EXIT_STRING_PIO;
	if (!svm_plan_uses(&svm_plan, DECODE_ASSISTS) || s.address_size == 0) {
		size_t n = vcpu_fetch(v, bytes, sizeof(bytes));

		if (svm_insn_string(bytes, n, svm_mode(b), &s) != OK) {
			svm_odd_bytes(v, e);
			return;
		}
	}
	if (e->pio.is_in) {
		s.segment = INSN_SEGMENT_ES;
	}
	e->pio.is_rep = IOIO_IS_REP(b->exitinfo1) != 0;
	e->pio.address_size = s.address_size;
	e->pio.is_stack = s.segment == INSN_SEGMENT_SS;
	e->pio.base = svm_segment_base(b, s.segment);
}

static void svm_capture_io(struct vcpu *v, struct vm_exit *e)
{
	const union vmcb *b = svm_vmcb(v);
	uint64_t info = b->exitinfo1;

	e->insn_length = (uint32_t)(b->exitinfo2 - e->rip);
	e->qualification = info;
	e->pio.port = (uint16_t)IOIO_PORT(info);
	e->pio.size = (uint8_t)IOIO_SIZE(info);
	e->pio.is_in = IOIO_IS_IN(info) != 0;
	if (unlikely(IOIO_IS_STRING(info) != 0)) {
		svm_capture_string(v, e);
	}
}

static uint64_t svm_gpr(const struct vcpu *v, uint32_t n)
{
	return n == GPR_RSP ? svm_vmcb(v)->rsp : v->gpr[n];
}

/* The 16 bits that LMSW reads; false: it is a page fault. */
static bool svm_read_operand(struct vcpu *v, const struct svm_insn *i,
			     uint16_t *out)
{
	const union vmcb *b = svm_vmcb(v);
	const struct insn_address *a = &i->address;
	uint64_t at = (uint64_t)(int64_t)a->disp;

	if (!i->is_memory) {
		*out = (uint16_t)svm_gpr(v, i->gpr);
		return true;
	}
	at += a->base != INSN_NO_REG ? svm_gpr(v, a->base) : 0;
	at += a->index != INSN_NO_REG ? svm_gpr(v, a->index) << a->scale : 0;
	at += a->is_rip && svm_is_64_bit_code(b) ? b->rip + i->length : 0;
	at &= a->size == 8 ? ~0ull : BIT(8 * a->size) - 1;
	return vcpu_read(v, svm_segment_base(b, i->segment) + at, out,
			 sizeof(*out));
}

/* Rows of the sparse codes 000H to 018H: CRn read at n, written at 16 + n. */
static void svm_capture_cr(struct vcpu *v, struct vm_exit *e)
{
	const union vmcb *b = svm_vmcb(v);
	uint64_t cr0 = svm_reg_get(v, VREG_CR0);
	struct svm_insn insn;
	uint16_t word = 0;

	e->qualification = b->exitinfo1;
	e->cr.number = e->reason & 0xf;
	if (svm_plan_uses(&svm_plan, DECODE_ASSISTS) &&
	    svm_plan_uses(&svm_plan, NRIPS) &&
	    CR_INFO_IS_MOV(b->exitinfo1) != 0) {
		e->insn_length = (uint32_t)(b->nrip - e->rip);
		e->cr.gpr = (uint8_t)CR_INFO_GPR(b->exitinfo1);
		e->cr.value = svm_gpr(v, e->cr.gpr);
		return;
	}
	if (!svm_fetch_insn(v, e, &insn)) {
		return;
	}
	e->cr.gpr = insn.gpr;
	switch (insn.kind) {
	case SVM_INSN_MOV_TO_CR:
	case SVM_INSN_MOV_FROM_CR:
		e->cr.value = svm_gpr(v, insn.gpr);
		break;
	case SVM_INSN_CLTS:
		e->cr.value = cr0 & ~BIT(3);
		break;
	case SVM_INSN_LMSW: /* PE, MP, EM, TS; PE can be set, not cleared */
		if (!svm_read_operand(v, &insn, &word)) {
			svm_try_again(e);
		}
		e->cr.value = (cr0 & ~0xeull) | (cr0 & 1) | (word & 0xf);
		break;
	default: /* SMSW while CR0 is shadowed */
		e->kind = VM_EXIT_UNKNOWN;
		break;
	}
}

static void svm_capture_nested_fault(struct vcpu *v, struct vm_exit *e)
{
	const union vmcb *b = svm_vmcb(v);
	struct vm_exit_nested_fault *f = &e->nested_fault;
	uint64_t error = b->exitinfo1;

	e->qualification = error;
	e->insn_length = 0;
	f->gpa = gpa(b->exitinfo2);
	f->gva = gva(0);
	f->has_gva = false;
	f->is_write = (error & NPF_WRITE) != 0;
	f->is_fetch = (error & NPF_FETCH) != 0;
	f->is_read = !f->is_write && !f->is_fetch;
	f->in_walk = (error & NPF_WALK) != 0;
	f->is_mapped = (error & NPF_PRESENT) != 0;
	f->in_delivery = svm_event_requeue(v);
	if ((error & NPF_RESERVED) != 0) {
		e->kind = VM_EXIT_NPT_MISCONFIG;
	}
}

/* #MC is the machine's; #DB and #AC go back to the guest. */
static void svm_capture_exception(struct vcpu *v, struct vm_exit *e)
{
	const union vmcb *b = svm_vmcb(v);

	e->qualification = b->exitinfo1;
	e->exception.vector = (uint8_t)(e->reason - SVM_EXIT_EXCP_DB + 1);
	e->exception.has_error_code = e->exception.vector == VECTOR_AC;
	e->exception.error_code = (uint32_t)b->exitinfo1;
	e->exception.dr6 = 0; /* it is in the VMCB's already */
	e->exception.is_by_int1 = false;
	if (e->exception.vector == VECTOR_MC) {
		e->kind = VM_EXIT_UNKNOWN;
		__asm__ volatile("int $18"); /* the machine's handler */
		return;
	}
	(void)svm_event_requeue(v);
}

/*
 * The interrupt or NMI is still pending: let it in. The CPU's own timer, which
 * is what most are, is the guest's deadline or the end of its slice.
 */
static void svm_capture_interrupt(struct vcpu *v, struct vm_exit *e)
{
	struct cpu *cpu = cpu_this();
	uint64_t before = cpu->irq_count;
	uint64_t now;

	(void)svm_event_requeue(v);
	svm_irq_window();
	now = exit_tsc();
	e->qualification = cpu->irq_count != before ? cpu->irq_vector : 0;
	if (now >= v->deadline || now >= v->slice_end) {
		e->kind = VM_EXIT_DEADLINE;
	}
}

/*
 * QEMU's TCG ends a MOV to CR3 with reserved bits so, where a processor raises
 * #GP. VMRUN itself had no reason then.
 */
static void svm_capture_invalid(struct vcpu *v, struct vm_exit *e)
{
	const union vmcb *b = svm_vmcb(v);
	uint8_t bytes[INSN_MAX_LENGTH];
	struct svm_insn insn;
	char rule[80];

	if (svm_check(b, svm_caps.phys_bits, rule, sizeof(rule)) == 0 &&
	    svm_insn_decode(bytes, vcpu_fetch(v, bytes, sizeof(bytes)),
			    svm_mode(b), e->reason, &insn) == OK) {
		e->kind = VM_EXIT_PRIVILEGED;
	}
}

static void svm_capture_iret(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	svm_iret(v);
}

static void svm_capture_nothing(struct vcpu *v, struct vm_exit *e)
{
	e->qualification = svm_vmcb(v)->exitinfo1;
	(void)svm_event_requeue(v);
}

/* clang-format off */
#define ROW(code, kind_, capture_)                                             \
	[SVM_EXIT_##code] = { VM_EXIT_##kind_, true, svm_capture_##capture_ }

static const struct svm_exit_row svm_exit_rows[SVM_REASON_COUNT] = {
	ROW(CR0_READ,      CR_READ,      cr),
	ROW(CR8_READ,      CR_READ,      cr),
	ROW(CR4_WRITE,     CR_WRITE,     cr),
	ROW(CR8_WRITE,     CR_WRITE,     cr),
	ROW(CR0_WRITE,     CR_WRITE,     cr),
	ROW(EXCP_DB,       EXCEPTION,    exception),
	ROW(EXCP_AC,       EXCEPTION,    exception),
	ROW(EXCP_MC,       EXCEPTION,    exception),
	ROW(INTR,          INTERRUPT,    interrupt),
	ROW(NMI,           INTERRUPT,    interrupt),
	ROW(INIT,          INIT,         nothing),
	ROW(RDPMC,         PRIVILEGED,   insn),
	ROW(CPUID,         CPUID,        insn),
	ROW(RSM,           HIDDEN,       insn),
	ROW(IRET,          INTERRUPT,    iret),
	ROW(INVD,          CACHE,        insn),
	ROW(PAUSE,         PAUSE,        nothing),
	ROW(HLT,           HLT,          insn),
	ROW(INVLPGA,       HIDDEN,       insn),
	ROW(IOIO,          PIO,          io),
	ROW(MSR,           MSR_READ,     msr),
	ROW(TASK_SWITCH,   TASK_SWITCH,  nothing),
	ROW(SHUTDOWN,      TRIPLE_FAULT, nothing),
	ROW(VMRUN,         HIDDEN,       insn),
	ROW(VMMCALL,       VMCALL,       insn),
	ROW(VMLOAD,        HIDDEN,       insn),
	ROW(VMSAVE,        HIDDEN,       insn),
	ROW(STGI,          HIDDEN,       insn),
	ROW(CLGI,          HIDDEN,       insn),
	ROW(SKINIT,        HIDDEN,       insn),
	ROW(WBINVD,        CACHE,        insn),
	ROW(MONITOR,       HIDDEN,       insn),
	ROW(MWAIT,         HIDDEN,       insn),
	ROW(MWAIT_ARMED,   HIDDEN,       insn),
	ROW(XSETBV,        XSETBV,       insn),
	ROW(RDPRU,         HIDDEN,       insn),
	[SVM_REASON_NPF] = { VM_EXIT_NESTED_FAULT, true,
			     svm_capture_nested_fault },
	[SVM_REASON_INVALID] = { VM_EXIT_ENTRY_FAILED, true,
				 svm_capture_invalid },
};
/* clang-format on */

static uint32_t svm_clean; /* the clean bits of a VMCB that did not change */

/* What an exit leaves in the VMCB that the next entry must not do again. */
static inline void svm_exit_begin(struct vcpu *v, struct svm_vcpu *x)
{
	x->vmcb->tlb_control = TLB_CONTROL_NOTHING;
	x->vmcb->clean = svm_clean;
	if (unlikely(x->has_virq)) {
		svm_virq_taken(v);
	}
}

/* The end of every exit that is not hot: RIP, requests, statistics. */
static uint32_t svm_finish(struct vcpu *v, enum vm_verdict verdict)
{
	uint32_t result;

	if (unlikely(verdict == VM_AGAIN)) {
		verdict = vm_exit_handlers[v->exit.kind](v);
	}
	if (verdict == VM_ADVANCE || verdict == VM_BLOCK) {
		svm_advance(v, v->exit.rip, v->exit.insn_length);
	}
	result = svm_go_on(v, verdict);
	exit_account(v, v->exit.reason);
	return result;
}

/* Everything but the hot exits. */
static uint32_t svm_exit_cold(struct vcpu *v)
{
	struct vm_exit *e = &v->exit;
	const union vmcb *b = svm_vmcb(v);

	e->rip = b->rip;
	e->reason = svm_reason(b->exitcode);
	e->qualification = b->exitinfo1;
	if (unlikely(!svm_exit_rows[e->reason].is_known)) {
		e->kind = VM_EXIT_UNKNOWN;
		if (e->reason == SVM_REASON_OTHER) {
			e->qualification = b->exitcode;
		}
	} else {
		e->kind = svm_exit_rows[e->reason].kind;
		svm_exit_rows[e->reason].capture(v, e);
	}
	exit_trace(v, e->reason, e->rip, e->qualification);
	return svm_finish(v, vm_exit_handlers[e->kind](v));
}

/*
 * The exits that a running guest is made of. All are cold while every exit is
 * timed, and where the length of an instruction has to be fetched.
 */
static uint32_t hot_kinds[SVM_REASON_COUNT];

void svm_exit_init(void)
{
	static const struct vm_exit_head hot[] = {
		{ VM_EXIT_CPUID, SVM_EXIT_CPUID },
		{ VM_EXIT_VMCALL, SVM_EXIT_VMMCALL },
		{ VM_EXIT_MSR_READ, SVM_EXIT_MSR },
		{ VM_EXIT_PIO, SVM_EXIT_IOIO },
	};

	svm_clean = svm_plan_uses(&svm_plan, VMCB_CLEAN) ? VMCB_CLEAN_ALL : 0;
	for (uint32_t i = 0; i < ARRAY_COUNT(hot_kinds); i++) {
		hot_kinds[i] = EXIT_COLD;
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(hot); i++) {
		if (!vm_exit_times && svm_plan_uses(&svm_plan, NRIPS)) {
			hot_kinds[hot[i].reason] = hot[i].kind;
		}
	}
}

/**
 * svm_exit_hot() - the exit that just happened, if it is a hot one.
 *
 * The same steps as the cold path, for an exit that leaves nothing to do before
 * the next entry. Registers that C preserves are neither in v->gpr yet nor
 * reloaded then (svm_run.asm).
 * Return: 0 to go back in; else what svm_exit_rest() is to be called with.
 */
uint32_t svm_exit_hot(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);
	union vmcb *b = x->vmcb;
	struct vm_exit *e = &v->exit;
	uint64_t code = b->exitcode;
	uint32_t verdict;
	uint64_t rip;

	svm_exit_begin(v, x);
	if (unlikely(code >= ARRAY_COUNT(hot_kinds) ||
		     (int32_t)hot_kinds[code] < 0)) {
		return EXIT_REST_COLD;
	}
	rip = b->rip;
	e->rip = rip;
	e->head = (struct vm_exit_head){ hot_kinds[code], (uint32_t)code };
	if (code == SVM_EXIT_IOIO) {
		svm_capture_io(v, e);
		exit_trace(v, SVM_EXIT_IOIO, rip, e->qualification);
	} else {
		e->kind += code == SVM_EXIT_MSR && b->exitinfo1 != 0;
		e->insn_length = (uint32_t)(b->nrip - rip);
		exit_trace(v, (uint32_t)code, rip, 0);
	}
	verdict = vm_exit_handlers[e->kind](v);
	if (unlikely(verdict != VM_ADVANCE || vcpu_has_work(v) ||
		     (b->rflags & RFLAGS_TF) != 0)) {
		return EXIT_REST_FINISH + verdict;
	}
	svm_advance_rip(b, rip, e->insn_length);
	return 0;
}

_Static_assert(VM_EXIT_MSR_WRITE == VM_EXIT_MSR_READ + 1, "for svm_exit_hot()");

/**
 * svm_exit_rest() - what svm_exit_hot() left to do.
 * @what: EXIT_REST_COLD, or EXIT_REST_FINISH and a verdict
 * Return: EXIT_RESUME to go back in, else EXIT_LEAVE(verdict).
 */
uint32_t svm_exit_rest(struct vcpu *v, uint32_t what)
{
	if (what == EXIT_REST_COLD) {
		return svm_exit_cold(v);
	}
	return svm_finish(v, (enum vm_verdict)(what - EXIT_REST_FINISH));
}
