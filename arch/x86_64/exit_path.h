/*
 * exit_path.h - the part of a VM exit's way that both vendors share: the trace,
 * the accounts, and whether to go back in.
 *
 * A stay in the guest is a loop in assembly (vmx_run.asm, svm_run.asm): after
 * each exit it calls the backend's exit_hot(), for most also its exit_rest(),
 * and goes back in or returns a verdict. Inline: this is the hot path.
 */
#ifndef ARCH_X86_64_EXIT_PATH_H
#define ARCH_X86_64_EXIT_PATH_H

#include <arch/time.h>
#include <hv/backend.h>

/* What exit_rest() is called with, as exit_hot() returned it; 0: go back in. */
#define EXIT_REST_COLD   1u
#define EXIT_REST_FINISH 2u /* + enum vm_verdict */
/* What exit_rest() returns: back in (the assembly knows the number), or out. */
#define EXIT_RESUME               1u
#define EXIT_LEAVE(verdict)       (0x100u | (uint32_t)(verdict))
#define EXIT_LEAVE_VERDICT(value) ((enum vm_verdict)((value)&0xffu))
/* What the assembly returns when the entry instruction itself failed. */
#define EXIT_RUN_FAILED 0xffu

/* The head of an exit that is not hot, in a backend's table of hot ones. */
#define EXIT_COLD 0x80000000u

/** exit_tsc() - time_tsc() where each instruction counts. */
static inline uint64_t exit_tsc(void)
{
	uint32_t lo;
	uint32_t hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/*
 * A preemption timer counts in the guest only, and an event that faults in its
 * own delivery (#AC, #DB loops) hardly ever is there: so look at the clock
 * whenever the trace wraps, too. Nobody outstays the slice by more than that.
 */
static __attribute__((noinline)) void exit_check_clock(struct vcpu *v)
{
	if (time_tsc() >= v->slice_end) {
		vcpu_request(v, VCPU_REQ_YIELD);
	} else {
		(void)backend()->timer_changed(v);
	}
}

/** exit_trace() - into the ring of the last exits, and counted by @reason.
 * RDTSC's halves go in as they come. */
static inline void exit_trace(struct vcpu *v, uint32_t reason, uint64_t rip,
			      uint64_t qualification)
{
	uint32_t at = v->trace_at;
	struct exit_trace_entry *t = (void *)((uint8_t *)(void *)v->trace + at);
	uint32_t *tsc = (uint32_t *)(void *)&t->tsc;

	__asm__ volatile("rdtsc" : "=a"(tsc[0]), "=d"(tsc[1]));
	t->rip = rip;
	t->qualification = qualification;
	t->reason = reason;
	v->exit_counts[reason]++;
	at = (at + (uint32_t)sizeof(*t)) & VCPU_TRACE_MASK;
	v->trace_at = at;
	if (unlikely(at == 0)) {
		exit_check_clock(v);
	}
}

/** exit_account() - vm_exit_times: charge the ticks since the exit. */
static inline void exit_account(struct vcpu *v, uint32_t reason)
{
	uint64_t ticks;

	if (unlikely(vm_exit_times)) {
		ticks = time_tsc() - vcpu_exit_tsc(v);
		v->exit_tsc[reason % VCPU_EXIT_REASONS] += ticks;
		v->root_tsc += ticks;
	}
}

/** exit_result() - EXIT_RESUME or EXIT_LEAVE(), from a handler's @verdict and
 * from who wants the CPU. Who leaves anyway has done what was asked for. */
static inline uint32_t exit_result(struct vcpu *v, enum vm_verdict verdict)
{
	bool goes_on = verdict == VM_ADVANCE || verdict == VM_RETRY;

	if ((v->requests & VCPU_REQ_YIELD) == 0) {
		return goes_on ? EXIT_RESUME : EXIT_LEAVE(verdict);
	}
	/* what asked for it is looked at before the next entry */
	__atomic_fetch_and(&v->requests, ~(uint32_t)VCPU_REQ_YIELD,
			   __ATOMIC_ACQUIRE);
	return EXIT_LEAVE(goes_on ? VM_YIELD : verdict);
}

#endif
