/*
 * vcpu.h - a virtual CPU, as backend and vmm/ share it.
 *
 * States
 *   STARTED  its partition runs; whether it waits, the scheduler knows
 *   STOPPED  its partition ended or is not started: it leaves its CPU at once
 *
 * Fields: (v) only the physical CPU that has it in hand; (a) atomic, any CPU.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <bh/status.h>
#include <hv/event_word.h>
#include <hv/vm.h>
#include <hv/vm_exit.h>
#include <hv/why_record.h>

/* The order of the architecture's register encoding. */
enum gpr {
	GPR_RAX,
	GPR_RCX,
	GPR_RDX,
	GPR_RBX,
	GPR_RSP,
	GPR_RBP,
	GPR_RSI,
	GPR_RDI,
	GPR_R8,
	GPR_R9,
	GPR_R10,
	GPR_R11,
	GPR_R12,
	GPR_R13,
	GPR_R14,
	GPR_R15,
	GPR_COUNT
};

enum vcpu_state { VCPU_STOPPED, VCPU_STARTED };

/* Bits of vcpu.requests: work to do before the next entry. */
#define VCPU_REQ_EVENT        BIT(0) /* look for interrupts and for mail */
#define VCPU_REQ_TIMER        BIT(1) /* a deadline changed: program the timer */
#define VCPU_REQ_YIELD        BIT(2) /* return to the CPU's loop */
#define VCPU_REQ_FLUSH        BIT(3) /* guest-physical mappings changed */
#define VCPU_REQ_FLUSH_LINEAR BIT(4) /* flush what the guest itself maps */

#define VCPU_TRACE        128 /* exits remembered, a power of two */
#define VCPU_EXIT_REASONS 176 /* reasons counted apart, any vendor */
#define VCPU_NO_DEADLINE  UINT64_MAX
#define VCPU_NO_CPU       UINT32_MAX

struct vcpu {
	uint64_t gpr[GPR_COUNT]; /* (v) GPR_RSP unused: the backend has it */
	/* Side by side: the hot path looks at both in one load. */
	uint32_t requests align_to(8); /* (a) */
	uint32_t event;      /* (v) to inject on the next entry: event_word.h */
	uint32_t state;      /* (a) enum vcpu_state */
	uint32_t cpu;        /* (a) that has it in hand, or NO_CPU */
	uint32_t id;         /* (c) */
	struct vm *vm;       /* (c) */
	void *arch;          /* (c) the backend's own */
	uint64_t slice_end;  /* (v) TSC when it must come back */
	uint64_t deadline;   /* (v) TSC of its APIC timer, or NO_DEADLINE */
	uint64_t xcr0;       /* (v) */
	struct vm_exit exit; /* (v) the one being handled */
	uint32_t event_error_code;  /* (v) of v->event */
	uint32_t event_insn_length; /* (v) for software events */
	bool nmi_pending;           /* (v) */
	bool has_if; /* (v) halted with interrupts on: one wakes it */
	/* The CPU's own local APIC: to be lent to it this slice, if its state
	 * allows; lent to it, now. */
	bool wants_apic; /* (v) */
	bool has_apic;   /* (v) only if wants_apic */
	/* The processor has its local APIC's registers, as MSRs, and delivers
	 * its interrupts: by its backend's offer, and its mode. */
	bool has_apicv; /* (c) */
	/* Statistics: the ring of the last exits, counts by reason. */
	uint32_t trace_at; /* byte offset of the oldest entry of trace[] */
	uint64_t root_tsc; /* ... in root mode; only with vm_exit_times */
	struct exit_trace_entry trace[VCPU_TRACE];
	uint64_t exit_counts[VCPU_EXIT_REASONS];
	uint64_t exit_tsc[VCPU_EXIT_REASONS]; /* only with vm_exit_times */
};

/* Boot option exit-times=on: measure root ticks by exit reason. Off by default:
 * a second RDTSC and its sums would be a tenth of a short exit. */
extern bool vm_exit_times;

/** vcpu_exit_total() - exits ever taken. */
static inline uint64_t vcpu_exit_total(const struct vcpu *v)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < VCPU_EXIT_REASONS; i++) {
		n += v->exit_counts[i];
	}
	return n;
}

#define VCPU_TRACE_MASK (sizeof(((struct vcpu *)NULL)->trace) - 1) /* bytes */
_Static_assert((VCPU_TRACE_MASK & (VCPU_TRACE_MASK + 1)) == 0,
	       "a power of two");

/** vcpu_exit_tsc() - the TSC at the last exit; 0: there was none. */
static inline uint64_t vcpu_exit_tsc(const struct vcpu *v)
{
	uint32_t last = (v->trace_at - sizeof(v->trace[0])) & VCPU_TRACE_MASK;
	const struct exit_trace_entry *t =
		(const void *)((const uint8_t *)(const void *)v->trace + last);

	return t->tsc;
}

/** vcpu_has_work() - is there anything to do before the next entry? */
static inline bool vcpu_has_work(const struct vcpu *v)
{
	/* requests and event in one load */
	return *(const uint64_t *)(const void *)&v->requests != 0;
}

/** vcpu_request() - ask the vCPU for @bits before its next entry. */
static inline void vcpu_request(struct vcpu *v, uint64_t bits)
{
	__atomic_fetch_or(&v->requests, (uint32_t)bits, __ATOMIC_RELEASE);
}

/** vcpu_inject() - an exception on the next entry, in the place of any event
 * that waits for it. */
static inline void vcpu_inject(struct vcpu *v, uint32_t vector,
			       bool has_error_code, uint32_t error_code)
{
	v->event = event_word(EVENT_HARDWARE_EXCEPTION, vector);
	if (has_error_code) {
		v->event |= (uint32_t)EVENT_ERROR_CODE_VALID;
	}
	v->event_error_code = error_code;
}

/*
 * What the backend's loop calls in vmm/ (vmm/exits.c, vmm/guest_cpu.c).
 */

/* Acts on v->exit. */
typedef enum vm_verdict vm_exit_fn(struct vcpu *v);
/* One handler a kind; never NULL. */
extern vm_exit_fn *const vm_exit_handlers[VM_EXIT_COUNT];
/**
 * vcpu_next_irq() - the vector the local APIC would deliver now, or -1.
 * Nothing changes; vcpu_ack_irq() follows when it is really delivered.
 */
int vcpu_next_irq(struct vcpu *v);
void vcpu_ack_irq(struct vcpu *v, uint32_t vector);
/** vcpu_irq_enters() - an interrupt that was acknowledged goes with this entry,
 * and what comes behind it was looked at. */
void vcpu_irq_enters(struct vcpu *v);
/** vcpu_highest_irr() - the highest requested vector; 0 if there is none. */
uint32_t vcpu_highest_irr(struct vcpu *v);
uint32_t vcpu_highest_isr(struct vcpu *v);
/** vcpu_take_mail() - with VCPU_REQ_EVENT, before an entry: what other CPUs
 * left for it goes into its local APIC and nmi_pending. */
void vcpu_take_mail(struct vcpu *v);

/*
 * Lending the CPU's own local APIC (docs/adr/0009; vmm/apic_loan.c).
 */

/** vcpu_apic_lend() - move its APIC's state to the CPU's; false: it cannot go.
 */
bool vcpu_apic_lend(struct vcpu *v);
/** vcpu_apic_raise() - raise what devices made pending meanwhile; false: it has
 *  to be taken back for that. */
bool vcpu_apic_raise(struct vcpu *v);
/** vcpu_apic_take_back() - all state is in the virtual APIC's page again. */
void vcpu_apic_take_back(struct vcpu *v);

/* A run of MSRs that guests reach without an exit. */
struct vm_open_msrs {
	uint32_t first, last;
	bool read, write;
};

/** vm_next_open_msrs() - the next run; start with *@iter = 0; false: no more.
 */
bool vm_next_open_msrs(uint32_t *iter, struct vm_open_msrs *out);

/** vcpu_fetch() - the bytes of the instruction at RIP, through the guest's own
 * page tables; may be fewer than @max. vmm/guest_cpu.c. */
size_t vcpu_fetch(struct vcpu *v, uint8_t *dst, size_t max);

/** vcpu_read() - @size bytes at linear address @at, as the guest would; false:
 * it gets a page fault instead. vmm/guest_cpu.c. */
bool vcpu_read(struct vcpu *v, uint64_t at, void *dst, size_t size);

/** cpu_nmi_came() - to be told of each NMI. Does not return if another CPU is
 * in panic. vmm/smp.c; from the NMI itself, too. Return: is it for this CPU's
 * loop, not only for the vCPU that runs? */
bool cpu_nmi_came(void);

/*
 * The CPU's own timer, where no preemption timer exists. vmm/platform.c.
 */

/** cpu_timer_arm() - interrupt this CPU at TSC @when (UINT64_MAX: never). */
void cpu_timer_arm(uint64_t when);

#endif
