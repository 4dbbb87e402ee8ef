/*
 * pv_call.h - KVM's hypercalls that are about other vCPUs.
 */
#ifndef VMM_PV_CALL_H
#define VMM_PV_CALL_H

#include <drivers/virt/vlapic.h>
#include <spec/kvm_para.h>

/* A call as the registers have it. */
struct pv_call {
	uint64_t number;
	uint64_t arg[4];
	bool is_64;        /* else only the lower halves count */
	uint32_t features; /* KVM_PV_FEATURE_*, as CPUID shows them */
};

enum pv_call_action {
	PV_CALL_NONE,
	PV_CALL_KICK,  /* wake vCPU @target, even if it cannot be interrupted */
	PV_CALL_YIELD, /* run vCPU @target rather than this one */
};

struct pv_call_result {
	int64_t value; /* for RAX */
	enum pv_call_action action;
	uint32_t target; /* its APIC id, which is in @set */
};

/** pv_call_may_exist() - the quick look: false is sure. */
static inline bool pv_call_may_exist(uint64_t number)
{
	return (uint32_t)number - KVM_HYPERCALL_KICK_CPU <=
	       KVM_HYPERCALL_SCHED_YIELD - KVM_HYPERCALL_KICK_CPU;
}

/**
 * pv_call() - carry out a hypercall.
 * @set:  the partition's local APICs
 * @here: the caller's
 *
 * What CPUID does not show is -KVM_ENOSYS, like what nobody knows.
 * Context: the caller's CPU, no lock taken. CPL is the caller's business.
 */
struct pv_call_result pv_call(struct vlapic_set *set, struct vlapic *here,
			      const struct pv_call *c);

#endif
