/*
 * guest_cpu.h - a vCPU with everything that vmm/ emulates for it.
 */
#ifndef VMM_GUEST_CPU_H
#define VMM_GUEST_CPU_H

#include "ap_state.h"
#include "cpuid_policy.h"
#include "guest_mtrr.h"
#include "guest_walk.h"
#include "msr_policy.h"
#include "progress.h"
#include "pv_eoi.h"
#include "pvclock.h"
#include "sched.h"
#include "steal_time.h"

#include <drivers/virt/vlapic.h>
#include <hv/backend.h>

struct partition;

struct guest_cpu {
	struct vcpu v; /* must be first */
	struct partition *partition;
	struct sched_vcpu sched;
	struct vlapic lapic;
	struct guest_msrs msrs;
	struct pvclock clock;
	struct steal_time steal;
	struct pv_eoi eoi;
	struct cpuid_table cpuid;
	enum ap_state ap;         /* (v) */
	struct ap_step step;      /* (v) what signals asked for, not done yet */
	bool is_waiting;          /* (v) in HLT, until guest_cpu_ready() */
	uint32_t is_kicked;       /* (a) the present or the next HLT ends */
	uint64_t told_tsc;        /* (v) of v.root_tsc, to the scheduler */
	struct progress progress; /* (v) */
	struct guest_mtrrs mtrrs; /* (v) only with CONFIG_PLATFORM_PC */
};

static inline struct guest_cpu *guest_cpu_of(struct vcpu *v)
{
	return (struct guest_cpu *)v;
}

/** guest_cpu_cpl() - its privilege level; SS.DPL in every mode. */
static inline uint32_t guest_cpu_cpl(struct guest_cpu *g)
{
	return (uint32_t)(backend()->reg_get(&g->v, VREG_SS_RIGHTS) >> 5 & 3);
}

/**
 * guest_cpu_init() - @g as vCPU @id of @p, stopped.
 * Return: what the backend's vcpu_create() returns.
 */
must_check enum status guest_cpu_init(struct guest_cpu *g, struct partition *p,
				      uint32_t id);

/**
 * guest_cpu_reset() - registers, local APIC and MSRs for a start at @e.
 */
must_check enum status guest_cpu_reset(struct guest_cpu *g,
				       const struct vcpu_entry *e);

/** guest_cpu_tsc() - the guest's TSC now. */
uint64_t guest_cpu_tsc(const struct guest_cpu *g);

/**
 * guest_cpu_walk_regs() - what guest_walk() goes by. Return: WALK_USER at CPL
 * 3, else 0.
 */
uint32_t guest_cpu_walk_regs(struct guest_cpu *g, struct walk_regs *out);

/**
 * guest_cpu_fetch() - up to @max bytes of the instruction at RIP, by the
 * guest's own page tables. Return: bytes copied, up to the first page that it
 * may not execute now; 0 if it has changed its tables since.
 */
size_t guest_cpu_fetch(struct guest_cpu *g, uint8_t *dst, size_t max);

/** guest_cpu_take_apic() - the rare part of guest_cpu_apic() (apic_loan.c). */
void guest_cpu_take_apic(struct guest_cpu *g);

/**
 * guest_cpu_apic() - @g's virtual local APIC, for a look or a change; if the
 * CPU's own is lent to @g, it is taken back first, and lent again, if it then
 * still can be, at the next entry. What the guest ended by memory has ended.
 */
static inline struct vlapic *guest_cpu_apic(struct guest_cpu *g)
{
	if (unlikely(g->v.wants_apic | g->eoi.is_armed)) {
		guest_cpu_take_apic(g);
	}
	return &g->lapic;
}

/**
 * guest_cpu_poll_timer() - has its APIC timer come due? Then the interrupt is
 * pending after the call.
 */
void guest_cpu_poll_timer(struct guest_cpu *g);

/** guest_cpu_ends_halt() - does a halted vCPU have an interrupt to take, or was
 * it kicked? The kick is used up then. */
bool guest_cpu_ends_halt(struct guest_cpu *g);

/**
 * guest_cpu_ready() - a CPU, which has @g in hand, is about to load and run it:
 * what other CPUs asked for is done, INIT and SIPI too.
 * Return: false if it goes on waiting in HLT, or for a SIPI.
 */
bool guest_cpu_ready(struct guest_cpu *g);

/**
 * guest_cpu_notify() - make @g look at @requests (VCPU_REQ_*) soon: it leaves
 * the guest for it, or wakes. Context: any CPU.
 */
void guest_cpu_notify(struct guest_cpu *g, uint32_t requests);

#endif
