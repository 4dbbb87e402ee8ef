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
 * 3. Each iteration of a REP is an instruction, as it is a tick: this build
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

enum {
	REPORT_PERIOD = 500000000, /* ticks between writes while running */
	USER_EVENT_MAX = 16, /* processes of which the first start is noted */
	DETAIL_IN = 1 << 16, /* in the detail of an I/O exit: it was an IN */
};

static uint32_t mark_port = MARK_PORT_DEFAULT;
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
	return c->totals.op[0][OP_VMREAD] + c->totals.op[0][OP_VMWRITE];
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

static void exited(struct cpu *c, bool is_svm, uint32_t reason, uint64_t detail)
{
	c->totals.exits++;
	c->kind = count_kind(is_svm, reason, detail);
	count_sums[c->kind].count++;
	c->root_at_exit = root_insn(c);
	c->rip_at_exit = is_svm ? 0 : load64(c->state, BOCHS_CPU_RIP);
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
	exited(c, false, reason, detail);
	c->context = CONTEXT_ROOT_KERNEL;
}

/* svm_exited() - SVM has no stub: read the code in the VMCB instead (APM
 * vol. 2, "Layout of VMCB": EXITCODE at 70h, EXITINFO1 at 78h). */
static void svm_exited(struct cpu *c)
{
	uint64_t vmcb = load64(c->state, BOCHS_CPU_VMCB);
	if (vmcb == 0) {
		return;
	}
	const uint8_t *at = (const uint8_t *)(uintptr_t)vmcb;
	uint64_t code = load64(at, 0x70);
	uint64_t info = load64(at, 0x78);
	uint64_t detail = 0;
	if (code == SVM_IOIO) {
		detail = (info >> 16 & 0xffff) |
			 ((info & 1) != 0 ? DETAIL_IN : 0);
	} else if (code == SVM_MSR) {
		detail = cpu_gpr(c, 1) & 0xffffffff;
	}
	exited(c, true, (uint32_t)code, detail);
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
	uint32_t before = c->context;
	if ((before & 2) == 0 && (context & 2) != 0) {
		entered(c);
	}
	if ((before & 2) != 0 && (context & 2) == 0) {
		svm_exited(c);
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
	c->totals.insn[context]++;
	if (__builtin_expect(--rips_left == 0, 0)) {
		rips_sample(context, s);
	}
	uint16_t opcode;
	memcpy(&opcode, (const uint8_t *)insn + BOCHS_INSN_OPCODE,
	       sizeof(opcode));
	uint8_t op = bochs.op_of[opcode];
	if (__builtin_expect(op == OP_NONE, 1)) {
		return;
	}
	if (op == OP_VMXON && c->totals.op[context >> 1][op] == 0) {
		count_event("vmxon", 0, cpu);
	}
	c->totals.op[context >> 1][op]++;
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
	c->totals.interrupts[c->context >> 1]++;
}

/** count_on_exception() - an exception is raised, also one that exits. */
void count_on_exception(unsigned int cpu, unsigned int vector)
{
	struct cpu *c = &count_cpus[cpu];
	(void)vector;
	c->totals.exceptions[c->context >> 1]++;
}

/** count_start() - read the settings. */
void count_start(void)
{
	const char *port = getenv("BHCOUNT_PORT");
	if (port != NULL) {
		mark_port = (uint32_t)strtoul(port, NULL, 0);
	}
}
