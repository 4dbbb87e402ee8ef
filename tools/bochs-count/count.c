/* SPDX-License-Identifier: MIT */
/*
 * Counting.
 *
 * count_on_instruction() runs before each emulated instruction, so it does as
 * little as it can: one counter by context (root or guest, CPL 3 or not) and
 * a table look-up that finds the few opcodes counted by kind.
 *
 * 1. An instruction is counted where it starts: the CPUID that causes an exit
 *    is the guest's, the VMRESUME that ends the exit is the VMM's.
 * 2. Instructions in root mode are charged to the last exit of that CPU, from
 *    the exit to the next entry. What precedes the first exit, and root mode
 *    between an entry that failed and the next one, is charged to none.
 * 3. VT-x calls a stub at each exit. SVM has none: the first instruction after
 *    it is seen to be the VMM's, and the VMCB tells the rest. A guest that was
 *    left before its first instruction is noticed by the VMRUN before it.
 * 4. Each iteration of a REP is an instruction, as it is a tick: this build
 *    of Bochs has its debugger in, which dispatches each iteration anew.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bochs_count.h"

struct cpu count_cpus[CPU_MAX];
struct exit_kind count_kinds[EXIT_KIND_MAX];
struct exit_sum count_sums[EXIT_KIND_MAX];
uint32_t count_order[EXIT_KIND_MAX];
uint32_t count_kinds_used;
struct event count_events[EVENT_MAX];
uint32_t count_events_used;
uint64_t count_events_lost;

const char *const count_op_names[OP_COUNT] = {
#define X(id, symbol, name) [OP_##id] = name,
	OP_LIST(X)
#undef X
};

/* Basic exit reasons of VT-x with a detail (SDM vol. 3, "VMX Basic Exit
 * Reasons"), and exit codes of SVM (APM vol. 2, "SVM Intercept Codes"). */
enum {
	VMX_CPUID = 10,
	VMX_CR_ACCESS = 28,
	VMX_IO = 30,
	VMX_RDMSR = 31,
	VMX_WRMSR = 32,
	SVM_CPUID = 0x72,
	SVM_IOIO = 0x7b,
	SVM_MSR = 0x7c,
};

/* Offsets in the VMCB (APM vol. 2, "Layout of VMCB"), what EXITINFO1 says of
 * a port access, EXITCODE after a VMRUN that failed, and the bit of EFER. */
enum {
	VMCB_EXITCODE = 0x70,
	VMCB_EXITINFO1 = 0x78,
	VMCB_RIP = 0x578,
	VMCB_RAX = 0x5f8,
	IOIO_IN = 1 << 0,
	IOIO_SIZE_SHIFT = 4, /* 1, 2 or 4 bytes */
	IOIO_SIZE_MASK = 7,
	MSR_EFER = (int)0xc0000080,
	EFER_SVME = 1 << 12,
};
#define VMEXIT_INVALID UINT64_MAX

enum {
	REPORT_PERIOD = 500000000, /* ticks between writes while running */
	USER_EVENT_MAX = 16, /* processes of which the first start is noted */
	DETAIL_IN = 1 << 16, /* in the detail of an I/O exit: it was an IN */
};
/* In the detail of SVM's MSR exit, which has one code for both: a WRMSR. */
#define DETAIL_WRITE (1ull << 32)

static uint32_t mark_port = MARK_PORT_DEFAULT;
static uint64_t watched[WATCH_MAX];
static uint32_t watch_count;
static uint64_t next_report;
static uint64_t user_cr3[2][USER_EVENT_MAX];
static uint32_t user_count[2];
static struct cpu *last_cpu = &count_cpus[0];

static uint64_t load64(const uint8_t *base, size_t offset)
{
	uint64_t v;
	memcpy(&v, base + offset, sizeof(v));
	return v;
}

static uint64_t cpu_gpr(const struct cpu *c, unsigned int n)
{
	return load64(c->state, BOCHS_CPU_GPR + 8 * n);
}

/** count_ticks() - Bochs' clock: instructions, and what HLT skipped. */
uint64_t count_ticks(void)
{
	uint32_t left;
	uint32_t period;
	memcpy(&left, bochs.clock + BOCHS_CLOCK_LEFT, sizeof(left));
	memcpy(&period, bochs.clock + BOCHS_CLOCK_PERIOD, sizeof(period));
	return load64(bochs.clock, BOCHS_CLOCK_TOTAL) + (period - left);
}

static void totals_add(struct totals *sum, const struct totals *t)
{
	const uint64_t *from = (const uint64_t *)t;
	uint64_t *to = (uint64_t *)sum;
	for (size_t i = 0; i < sizeof(*t) / sizeof(uint64_t); i++) {
		to[i] += from[i];
	}
}

/**
 * count_event() - note all totals of this moment under a name.
 * @name:  a string that stays
 * @value: number that belongs to it
 * @cpu:   who caused it
 */
void count_event(const char *name, uint64_t value, uint32_t cpu)
{
	if (count_events_used == EVENT_MAX) {
		count_events_lost++;
		return;
	}
	struct exit_sum *sums = NULL;
	if (count_kinds_used != 0) {
		sums = calloc(count_kinds_used, sizeof(*sums));
		if (sums == NULL) {
			count_events_lost++;
			return;
		}
	}
	struct event *e = &count_events[count_events_used++];
	*e = (struct event){
		.name = name,
		.value = value,
		.cpu = cpu,
		.ticks = count_ticks(),
		.in_guest = (count_cpus[cpu].context & 2) != 0,
	};
	for (size_t i = 0; i < CPU_MAX; i++) {
		totals_add(&e->totals, &count_cpus[i].totals);
	}
	for (uint32_t i = 0; i < count_kinds_used; i++) {
		sums[i] = count_sums[count_order[i]];
	}
	e->sums = sums;
	e->kinds = count_kinds_used;
}

/* count_kind() - index of a kind of exit; the last one collects all others
 * when a hostile guest invents thousands. */
static uint32_t count_kind(bool is_svm, uint32_t reason, uint64_t detail)
{
	uint64_t hash = (detail * 31 + reason) * 0x9e3779b97f4a7c15;
	uint32_t at = (uint32_t)(hash >> 52) % EXIT_KIND_MAX;
	for (uint32_t i = 0; i < EXIT_KIND_MAX / 4; i++) {
		struct exit_kind *k = &count_kinds[at];
		if (!k->is_used) {
			*k = (struct exit_kind){ true,   is_svm,     reason,
						 detail, UINT64_MAX, 0 };
			count_order[count_kinds_used++] = at;
			return at;
		}
		if (k->reason == reason && k->detail == detail &&
		    k->is_svm == is_svm) {
			return at;
		}
		at = (at + 1) % EXIT_KIND_MAX;
	}
	return at;
}

static uint64_t root_insn(const struct cpu *c)
{
	return c->totals.insn[CONTEXT_ROOT_KERNEL] +
	       c->totals.insn[CONTEXT_ROOT_USER];
}

static uint64_t guest_insn(const struct cpu *c)
{
	return c->totals.insn[CONTEXT_GUEST_KERNEL] +
	       c->totals.insn[CONTEXT_GUEST_USER];
}

static uint64_t root_vmcs(const struct cpu *c)
{
	const uint64_t *op = c->totals.op[0];
	return op[OP_VMREAD] + op[OP_VMWRITE] + op[OP_VMLOAD] + op[OP_VMSAVE];
}

static uint64_t root_msr(const struct cpu *c)
{
	return c->totals.op[0][OP_RDMSR] + c->totals.op[0][OP_WRMSR];
}

/* charge() - the entry has come: settle the exit that was waiting for it. */
static void charge(struct cpu *c)
{
	struct exit_kind *kind = &count_kinds[c->kind];
	struct exit_sum *sum = &count_sums[c->kind];
	struct exit_sum one = {
		.count = 1,
		.root = root_insn(c) - c->root_at_exit,
		.vmcs = root_vmcs(c) - c->vmcs_at_exit,
		.msr = root_msr(c) - c->msr_at_exit,
	};
	sum->root += one.root;
	sum->vmcs += one.vmcs;
	sum->msr += one.msr;
	if (one.root < kind->root_min) {
		kind->root_min = one.root;
	}
	if (one.root > kind->root_max) {
		kind->root_max = one.root;
	}
	c->is_charging = false;
	report_trace(c, kind, &one);
}

static void entered(struct cpu *c)
{
	if (c->is_charging) {
		charge(c);
	}
	c->guest_at_entry = guest_insn(c);
	if (c->totals.entries++ == 0) {
		count_event("first-entry", 0, (uint32_t)(c - count_cpus));
		rips_on_event("first-entry", false);
	}
}

static void mark(struct cpu *c, uint64_t value)
{
	count_event("mark", value, (uint32_t)(c - count_cpus));
	rips_on_event("mark", false);
	report_write();
}

static void exited(struct cpu *c, bool is_svm, uint32_t reason, uint64_t detail,
		   uint64_t rip)
{
	c->totals.exits++;
	c->kind = count_kind(is_svm, reason, detail);
	count_sums[c->kind].count++;
	c->root_at_exit = root_insn(c);
	c->rip_at_exit = rip;
	c->vmcs_at_exit = root_vmcs(c);
	c->msr_at_exit = root_msr(c);
	c->is_charging = true;
	if (count_ticks() >= next_report) {
		next_report = count_ticks() + REPORT_PERIOD;
		report_write();
	}
}

/** count_on_vmexit() - VT-x leaves the guest (or an entry fails late). */
void count_on_vmexit(unsigned int cpu, uint32_t reason, uint64_t qualification)
{
	struct cpu *c = &count_cpus[cpu];
	uint64_t detail = 0;
	uint32_t port = (uint32_t)(qualification >> 16) & 0xffff;
	bool is_failed_entry = (reason >> 31) != 0;
	if ((c->context & 2) == 0 && !is_failed_entry) {
		entered(c); /* left again before the first instruction */
	}
	switch (reason & 0xffff) {
	case VMX_CPUID:
		detail = cpu_gpr(c, 0) & 0xffffffff;
		break;
	case VMX_CR_ACCESS:
		detail = qualification & 0x3f;
		break;
	case VMX_IO:
		detail = port | ((qualification & 8) != 0 ? DETAIL_IN : 0);
		break;
	case VMX_RDMSR:
	case VMX_WRMSR:
		detail = cpu_gpr(c, 1) & 0xffffffff;
		break;
	default:
		break;
	}
	if (!is_failed_entry) {
		c->context = CONTEXT_GUEST_KERNEL; /* seen as a change later */
	}
	if ((reason & 0xffff) == VMX_IO && detail == mark_port &&
	    !is_failed_entry) {
		uint64_t bits = 8 * ((qualification & 7) + 1);
		mark(c, cpu_gpr(c, 0) & ((1ull << bits) - 1));
	}
	exited(c, false, reason, detail, load64(c->state, BOCHS_CPU_RIP));
	c->context = CONTEXT_ROOT_KERNEL;
}

/* svm_vmcb() - the VMCB of the last VMRUN, VMLOAD or VMSAVE. */
static const uint8_t *svm_vmcb(const struct cpu *c)
{
	return (const uint8_t *)(uintptr_t)load64(c->state, BOCHS_CPU_VMCB);
}

/* svm_mark() - the exit is of a guest's write to the mark port. */
static void svm_mark(struct cpu *c, const uint8_t *vmcb)
{
	uint64_t size = load64(vmcb, VMCB_EXITINFO1) >> IOIO_SIZE_SHIFT;
	uint64_t bits = 8 * (size & IOIO_SIZE_MASK);
	mark(c, load64(vmcb, VMCB_RAX) & ((1ull << bits) - 1));
}

/* svm_exited() - the guest was left: the VMCB has how. The VMM has its own RAX
 * again already, the other registers are still the guest's. */
static void svm_exited(struct cpu *c, const uint8_t *vmcb)
{
	uint64_t code = load64(vmcb, VMCB_EXITCODE);
	uint64_t info = load64(vmcb, VMCB_EXITINFO1);
	uint64_t detail = 0;
	if (code == SVM_IOIO) {
		detail = (info >> 16 & 0xffff) |
			 ((info & IOIO_IN) != 0 ? DETAIL_IN : 0);
	} else if (code == SVM_MSR) {
		detail = (cpu_gpr(c, 1) & 0xffffffff) |
			 (info != 0 ? DETAIL_WRITE : 0);
	} else if (code == SVM_CPUID) {
		detail = load64(vmcb, VMCB_RAX) & 0xffffffff;
	}
	if (code == SVM_IOIO && detail == mark_port) {
		svm_mark(c, vmcb);
	}
	exited(c, true, (uint32_t)code, detail, load64(vmcb, VMCB_RIP));
}

/* svm_left() - an instruction of the VMM follows one of the guest, or VMRUN:
 * then the guest was left before its first, or not entered at all. */
static void svm_left(struct cpu *c, bool is_after_vmrun)
{
	const uint8_t *vmcb = svm_vmcb(c);
	if (vmcb == NULL) {
		return;
	}
	if (is_after_vmrun && load64(vmcb, VMCB_EXITCODE) != VMEXIT_INVALID) {
		entered(c);
	}
	svm_exited(c, vmcb);
}

/* first_user() - note when a new address space runs at CPL 3: /init is the
 * first one, without any help from the guest. */
static void first_user(struct cpu *c, uint32_t context)
{
	uint32_t guest = context >> 1;
	uint64_t cr3 = load64(c->state, BOCHS_CPU_CR3) >> 13;
	for (uint32_t i = 0; i < user_count[guest]; i++) {
		if (user_cr3[guest][i] == cr3) {
			return;
		}
	}
	if (user_count[guest] == USER_EVENT_MAX) {
		return;
	}
	user_cr3[guest][user_count[guest]++] = cr3;
	const char *name = guest != 0 ? "guest-user" : "root-user";
	count_event(name, user_count[guest], (uint32_t)(c - count_cpus));
	rips_on_event(name, true);
	report_write();
}

static void context_changed(struct cpu *c, uint32_t context)
{
	bool is_after_vmrun = c->context == CONTEXT_ENTERING;
	bool was_guest = (c->context & 2) != 0;
	bool is_guest = (context & 2) != 0;
	if (is_guest && (!was_guest || is_after_vmrun)) {
		entered(c);
	}
	if (was_guest && !is_guest) {
		svm_left(c, is_after_vmrun);
	}
	c->context = context;
	if ((context & 1) != 0) {
		first_user(c, context);
	}
}

static __attribute__((noinline)) void first_instruction(struct cpu *c,
							unsigned int cpu)
{
	c->state = (*bochs.cpu_array)[cpu];
}

/* operation() - an instruction that is counted by kind. */
static void operation(struct cpu *c, unsigned int cpu, uint8_t op)
{
	uint64_t *seen = &c->totals.op[c->context >> 1][op];
	if (op == OP_VMXON && *seen == 0) {
		count_event("vmxon", 0, cpu);
	}
	if (op == OP_WRMSR && !c->has_svme &&
	    (uint32_t)cpu_gpr(c, 1) == (uint32_t)MSR_EFER &&
	    (cpu_gpr(c, 0) & EFER_SVME) != 0) {
		c->has_svme = true;
		count_event("svme", 0, cpu);
	}
	++*seen;
	if (op == OP_VMRUN && (c->context & 2) == 0) {
		c->context = CONTEXT_ENTERING;
	}
}

/* watch() - is the instruction in root mode one of those that are waited for?
 * An event has its place among them as value, from 1 on. */
static void watch(const struct cpu *c, unsigned int cpu)
{
	uint64_t rip = load64(c->state, BOCHS_CPU_RIP);
	for (uint32_t i = 0; i < watch_count; i++) {
		if (rip == watched[i]) {
			count_event("at", i + 1, cpu);
		}
	}
}

/** count_on_instruction() - called before each emulated instruction. */
void count_on_instruction(unsigned int cpu, const void *insn)
{
	struct cpu *c = &count_cpus[cpu];
	if (__builtin_expect(c->state == NULL, 0)) {
		first_instruction(c, cpu);
	}
	const uint8_t *s = c->state;
	uint32_t context =
		(uint32_t)(s[BOCHS_CPU_VMX_GUEST] | s[BOCHS_CPU_SVM_GUEST])
			<< 1 |
		s[BOCHS_CPU_CPL] >> 1;
	if (__builtin_expect(context != c->context, 0)) {
		context_changed(c, context);
	}
	last_cpu = c;
	if (__builtin_expect(watch_count != 0, 0) && (context & 2) == 0) {
		watch(c, cpu);
	}
	c->totals.insn[context]++;
	if (__builtin_expect(--rips_left == 0, 0)) {
		rips_sample(context, s);
	}
	uint16_t opcode;
	memcpy(&opcode, (const uint8_t *)insn + BOCHS_INSN_OPCODE,
	       sizeof(opcode));
	uint8_t op = bochs.op_of[opcode];
	if (__builtin_expect(op != OP_NONE, 0)) {
		operation(c, cpu, op);
	}
}

/** count_on_outp() - a port write reaches Bochs' devices. */
void count_on_outp(uint16_t port, unsigned int len, unsigned int value)
{
	if (port == mark_port && last_cpu->state != NULL) {
		uint64_t mask = (1ull << (8 * (len & 7))) - 1;
		mark(last_cpu, value & mask);
	}
}

/** count_on_interrupt() - an external interrupt is delivered. */
void count_on_interrupt(unsigned int cpu, unsigned int vector)
{
	struct cpu *c = &count_cpus[cpu];
	(void)vector;
	c->totals.interrupts[(c->context & 2) != 0]++;
}

/** count_on_exception() - an exception is raised, also one that exits. */
void count_on_exception(unsigned int cpu, unsigned int vector)
{
	struct cpu *c = &count_cpus[cpu];
	(void)vector;
	if (c->context == CONTEXT_ENTERING && !c->state[BOCHS_CPU_SVM_GUEST]) {
		c->context = CONTEXT_ROOT_KERNEL; /* VMRUN's own exception */
	}
	c->totals.exceptions[(c->context & 2) != 0]++;
}

/** count_start() - read the settings. */
void count_start(void)
{
	const char *port = getenv("BHCOUNT_PORT");
	if (port != NULL) {
		mark_port = (uint32_t)strtoul(port, NULL, 0);
	}
	const char *watch_list = getenv("BHCOUNT_WATCH");
	while (watch_list != NULL && *watch_list != 0 &&
	       watch_count < WATCH_MAX) {
		char *end;
		watched[watch_count++] = strtoull(watch_list, &end, 16);
		watch_list = *end == ',' ? end + 1 : NULL;
	}
}
