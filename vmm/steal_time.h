/*
 * steal_time.h - KVM's steal time of one vCPU, and the flags beside it.
 */
#ifndef VMM_STEAL_TIME_H
#define VMM_STEAL_TIME_H

#include <bh/gmem.h>
#include <spec/kvm_para.h>
#include <stdbool.h>

struct steal_time {
	struct gmem *gm;                /* (c) */
	uint64_t msr;                   /* (v) as the guest wrote it */
	struct kvm_pv_steal_time *page; /* (v) in guest memory; NULL: off */
	uint64_t steal_ns;              /* (v) what the guest was told */
	uint64_t seen_ns;               /* (v) run delay at the last look */
	uint32_t version;               /* (v) even */
};

/** steal_time_init() - off, as after a reset. */
void steal_time_init(struct steal_time *st, struct gmem *gm);

/**
 * steal_time_msr_write() - WRMSR of MSR_KVM_STEAL_TIME.
 * @run_delay_ns: as in steal_time_update(); stealing counts from here
 * Return: OK; anything else means #GP(0), and nothing has changed.
 */
must_check enum status steal_time_msr_write(struct steal_time *st,
					    uint64_t value,
					    uint64_t run_delay_ns);

/**
 * steal_time_update() - tell the guest.
 * @run_delay_ns: how long, ever, this vCPU was runnable without a CPU
 */
void steal_time_update(struct steal_time *st, uint64_t run_delay_ns);

/**
 * steal_time_enter() - the vCPU has a CPU again: not preempted any more.
 *
 * Context: the vCPU's own CPU, after it was loaded, before its first entry.
 * Return: true if another vCPU left it to us to flush this one's TLB: all of
 *	   its guest-virtual translations, before that entry.
 */
must_check bool steal_time_enter(struct steal_time *st, uint64_t run_delay_ns);

/** steal_time_leave() - its CPU is taken away, or it waits: preempted. From
 *  here on others need not interrupt it to have its TLB flushed. */
void steal_time_leave(struct steal_time *st);

#endif
