/* SPDX-License-Identifier: MIT */
/*
 * The instruction counter for Bochs: what its files share.
 *
 * patch.c finds out whether the process is the one Bochs build whose layout
 * is known and points Bochs' empty bx_instr_* stubs at count.c; count.c
 * counts; rips.c counts by RIP, if that is wanted; report.c writes what was
 * counted as JSON.
 *
 * Bochs emulates all CPUs in one thread, so there are no locks here.
 */
#ifndef TOOLS_BOCHS_COUNT_H
#define TOOLS_BOCHS_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The one Bochs this was checked with: change all of the following together,
 * see README.md, "Another version of Bochs". */
#define BOCHS_PACKAGE  "bochs 2.7+dfsg-4+deb12u1"
#define BOCHS_BUILD_ID "6e89e0c07c096ab305b68eb0bf69c4aeb788d10d"

/* Offsets in Bochs' CPU object, in an instruction and in the clock. */
enum {
	BOCHS_CPU_GPR =
		0x58, /* RAX RCX RDX RBX RSP RBP RSI RDI, 8 bytes each */
	BOCHS_CPU_RIP = 0x110, /* of the instruction being executed */
	BOCHS_CPU_CPL = 0x175,
	BOCHS_CPU_CR3 = 0x2a8,
	BOCHS_CPU_VMX_GUEST = 0x8fc1, /* bool */
	BOCHS_CPU_SVM_GUEST = 0x9260, /* bool */
	BOCHS_CPU_VMCB = 0x9270,      /* VMCB as a host pointer */
	BOCHS_INSN_OPCODE = 0x20,     /* index into BxOpcodesTable, 16 bits */
	BOCHS_OPCODE_SIZE = 0x28,     /* of an entry, the handler comes first */
	BOCHS_OPCODE_TABLE_SIZE = 0x1eed8,
	BOCHS_OPCODE_COUNT = BOCHS_OPCODE_TABLE_SIZE / BOCHS_OPCODE_SIZE,
	BOCHS_CLOCK_LEFT = 0x1638,   /* ticks until the next timer, 32 bits */
	BOCHS_CLOCK_PERIOD = 0x163c, /* that it counts down from, 32 bits */
	BOCHS_CLOCK_TOTAL = 0x1640,  /* ticks at the last timer, 64 bits */
};

/* Default port of the marks; BHCOUNT_PORT overrides it. */
#define MARK_PORT_DEFAULT 0xbe

enum { CPU_MAX = 16 };

/* Where an instruction was executed: bit 0 = CPL 3, bit 1 = guest. */
enum context {
	CONTEXT_ROOT_KERNEL,
	CONTEXT_ROOT_USER,
	CONTEXT_GUEST_KERNEL,
	CONTEXT_GUEST_USER,
	CONTEXT_COUNT,
	/* VMRUN was the last instruction: the next one tells where it led. */
	CONTEXT_ENTERING = CONTEXT_COUNT | CONTEXT_GUEST_KERNEL,
};

/* clang-format off */

/* Instructions that are counted by kind, in root and in guest mode:
 *  enum          handler in Bochs                        name in the report */
#define OP_LIST(X) \
	X(VMREAD,   "_ZN8BX_CPU_C11VMREAD_EqGqEP15bxInstruction_c",  "vmread") \
	X(VMWRITE,  "_ZN8BX_CPU_C12VMWRITE_GqEqEP15bxInstruction_c", "vmwrite") \
	X(VMENTER,  "_ZN8BX_CPU_C8VMLAUNCHEP15bxInstruction_c",      "vmenter") \
	X(VMRUN,    "_ZN8BX_CPU_C5VMRUNEP15bxInstruction_c",         "vmrun") \
	X(VMXON,    "_ZN8BX_CPU_C5VMXONEP15bxInstruction_c",         "vmxon") \
	X(VMPTRLD,  "_ZN8BX_CPU_C7VMPTRLDEP15bxInstruction_c",       "vmptrld") \
	X(VMCLEAR,  "_ZN8BX_CPU_C7VMCLEAREP15bxInstruction_c",       "vmclear") \
	X(INVEPT,   "_ZN8BX_CPU_C6INVEPTEP15bxInstruction_c",        "invept") \
	X(INVVPID,  "_ZN8BX_CPU_C7INVVPIDEP15bxInstruction_c",       "invvpid") \
	X(VMCALL,   "_ZN8BX_CPU_C6VMCALLEP15bxInstruction_c",        "vmcall") \
	X(VMMCALL,  "_ZN8BX_CPU_C7VMMCALLEP15bxInstruction_c",       "vmmcall") \
	X(VMLOAD,   "_ZN8BX_CPU_C6VMLOADEP15bxInstruction_c",        "vmload") \
	X(VMSAVE,   "_ZN8BX_CPU_C6VMSAVEEP15bxInstruction_c",        "vmsave") \
	X(STGI,     "_ZN8BX_CPU_C4STGIEP15bxInstruction_c",          "stgi") \
	X(CLGI,     "_ZN8BX_CPU_C4CLGIEP15bxInstruction_c",          "clgi") \
	X(INVLPGA,  "_ZN8BX_CPU_C7INVLPGAEP15bxInstruction_c",       "invlpga") \
	X(RDMSR,    "_ZN8BX_CPU_C5RDMSREP15bxInstruction_c",         "rdmsr") \
	X(WRMSR,    "_ZN8BX_CPU_C5WRMSREP15bxInstruction_c",         "wrmsr") \
	X(CPUID,    "_ZN8BX_CPU_C5CPUIDEP15bxInstruction_c",         "cpuid") \
	X(RDTSC,    "_ZN8BX_CPU_C5RDTSCEP15bxInstruction_c",         "rdtsc") \
	X(HLT,      "_ZN8BX_CPU_C3HLTEP15bxInstruction_c",           "hlt") \
	X(XSAVE,    "_ZN8BX_CPU_C5XSAVEEP15bxInstruction_c",         "xsave") \
	X(XRSTOR,   "_ZN8BX_CPU_C6XRSTOREP15bxInstruction_c",        "xrstor") \
	X(XSETBV,   "_ZN8BX_CPU_C6XSETBVEP15bxInstruction_c",        "xsetbv") \
	X(MOV_TO_CR3, "_ZN8BX_CPU_C9MOV_CR3RqEP15bxInstruction_c",   "mov_cr3")
/* clang-format on */

enum op {
	OP_NONE,
#define X(id, symbol, name) OP_##id,
	OP_LIST(X)
#undef X
		OP_COUNT,
};

/* What is charged to one kind of exit. */
struct exit_sum {
	uint64_t count; /* exits */
	uint64_t root;  /* instructions in root mode until the next entry */
	uint64_t vmcs;  /* VMREAD, VMWRITE, VMLOAD, VMSAVE among them */
	uint64_t msr;   /* RDMSR + WRMSR among them */
};

/* A kind of exit: basic reason plus what tells equals apart (a port, an MSR,
 * a CPUID leaf, a control register). */
struct exit_kind {
	bool is_used;
	bool is_svm;
	uint32_t reason;
	uint64_t detail;
	uint64_t root_min; /* of one exit */
	uint64_t root_max;
};

enum { EXIT_KIND_MAX = 4096 };

struct totals {
	uint64_t insn[CONTEXT_COUNT];
	uint64_t op[2][OP_COUNT]; /* [0] in root, [1] in the guest */
	uint64_t interrupts[2];
	uint64_t exceptions[2];
	uint64_t entries;
	uint64_t exits;
};

/* A moment: the totals of all CPUs up to then. */
struct event {
	const char *name;
	uint64_t value;
	uint64_t ticks;
	uint32_t cpu;
	bool in_guest;
	struct totals totals;
	uint32_t kinds; /* entries of sums[], in the order of exit_order */
	struct exit_sum *sums;
};

enum { EVENT_MAX = 512, WATCH_MAX = 8 };

struct cpu {
	const uint8_t *state; /* Bochs' CPU object */
	uint32_t context;     /* enum context of the last instruction */
	bool is_charging;     /* an exit waits for its entry */
	bool has_svme;        /* it has set EFER.SVME */
	uint32_t kind;        /* index of that exit's kind */
	uint64_t root_at_exit;
	uint64_t vmcs_at_exit;
	uint64_t msr_at_exit;
	uint64_t guest_at_entry;
	uint64_t rip_at_exit; /* RIP of the guest's instruction */
	struct totals totals;
};

/* count.c */
extern struct cpu count_cpus[CPU_MAX];
extern struct exit_kind count_kinds[EXIT_KIND_MAX];
extern struct exit_sum count_sums[EXIT_KIND_MAX];
extern uint32_t count_order[EXIT_KIND_MAX]; /* kinds as they appeared */
extern uint32_t count_kinds_used;
extern struct event count_events[EVENT_MAX];
extern uint32_t count_events_used;
extern uint64_t count_events_lost;

/* What Bochs exports, found by patch.c. */
struct bochs {
	void *const *const *cpu_array;     /* BX_CPU_C **bx_cpu_array */
	const uint8_t *clock;              /* bx_pc_system */
	uint8_t op_of[BOCHS_OPCODE_COUNT]; /* enum op by opcode index */
};
extern struct bochs bochs;

void count_start(void);
void count_event(const char *name, uint64_t value, uint32_t cpu);
void count_on_instruction(unsigned int cpu, const void *insn);
void count_on_vmexit(unsigned int cpu, uint32_t reason, uint64_t qualification);
void count_on_outp(uint16_t port, unsigned int len, unsigned int value);
void count_on_interrupt(unsigned int cpu, unsigned int vector);
void count_on_exception(unsigned int cpu, unsigned int vector);
uint64_t count_ticks(void);
extern const char *const count_op_names[OP_COUNT];

/* rips.c */
extern uint64_t rips_left; /* instructions until the next sample */
void rips_start(void);
void rips_sample(uint32_t context, const uint8_t *cpu_state);
void rips_on_event(const char *name, bool is_user);
void rips_end(void);

/* report.c */
void report_start(void);
FILE *report_open(const char *suffix);
void report_trace(const struct cpu *cpu, const struct exit_kind *kind,
		  const struct exit_sum *one);
void report_write(void);

#endif /* TOOLS_BOCHS_COUNT_H */
