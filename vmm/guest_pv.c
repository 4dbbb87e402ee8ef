/*
 * guest_pv.c - KVM's paravirtual interface of a running vCPU: what the pure
 * parts (pvclock.c, steal_time.c, pv_call.c) need of partition and scheduler.
 *
 * 1. Pages that the guest names are touched only while the CPU is in the
 *    partition's address space: with the vCPU loaded.
 * 2. A vCPU without a CPU is marked preempted before it is unloaded, and not
 *    any more before it is entered: what others leave for it then is done
 * first.
 * 3. is_kicked is set before the look at where the vCPU is; its CPU does it the
 *    other way round (cpu_loop.c): a kick ends the present HLT, or the next.
 */
#include "guest_pv.h"

#include "cpu_loop.h"
#include "partition.h"
#include "platform.h"
#include "pv_call.h"
#include "smp.h"

#include <arch/time.h>
#include <spec/x86.h>

static uint64_t run_delay_ns(struct guest_cpu *g)
{
	/* it runs: nobody changes it */
	return pvclock_ticks_to_ns(g->sched.run_delay, g->clock.mul,
				   g->clock.shift);
}

void guest_pv_init(struct guest_cpu *g)
{
	steal_time_init(&g->steal, &g->partition->vm.gmem);
	pv_eoi_init(&g->eoi, &g->partition->vm.gmem);
	__atomic_store_n(&g->is_kicked, 0, __ATOMIC_RELAXED);
}

void guest_pv_offer(struct cpuid_config *c, bool has_apicv)
{
	c->is_tsc_stable = smp_is_tsc_synced();
	c->has_kvmclock = true;
	c->has_steal_time = true;
	c->has_pv_eoi = !has_apicv; /* which needs no exit for it */
	c->has_pv_unhalt = true;
	c->has_pv_tlb_flush = true;
	c->has_pv_send_ipi = true;
	c->has_pv_sched_yield = true;
	c->has_msi_ext_dest_id = true;
}

uint64_t guest_pv_msrs(bool has_apicv)
{
	return MSR_HAS_KVMCLOCK | MSR_HAS_STEAL_TIME |
	       (has_apicv ? 0 : MSR_HAS_PV_EOI);
}

enum status guest_pv_msr_write(struct guest_cpu *g, uint32_t msr,
			       uint64_t value)
{
	struct partition *p = g->partition;
	enum status s;

	partition_lock_take(&p->lock);
	if (msr == MSR_KVM_PV_STEAL_TIME) {
		s = steal_time_msr_write(&g->steal, value, run_delay_ns(g));
	} else if (msr == MSR_KVM_PV_EOI) {
		pv_eoi_look(&g->eoi, &g->lapic);
		s = pv_eoi_msr_write(&g->eoi, value);
	} else {
		s = pvclock_msr_write(&g->clock, msr, value, guest_cpu_tsc(g));
	}
	partition_lock_drop(&p->lock);
	return s;
}

enum status guest_pv_msr_read(const struct guest_cpu *g, uint32_t msr,
			      uint64_t *value)
{
	if (msr == MSR_KVM_PV_STEAL_TIME) {
		*value = g->steal.msr;
		return OK;
	}
	if (msr == MSR_KVM_PV_EOI) {
		*value = g->eoi.msr;
		return OK;
	}
	return pvclock_msr_read(&g->clock, msr, value);
}

static bool is_64_bit_code(struct guest_cpu *g)
{
	return (backend()->reg_get(&g->v, VREG_EFER) & EFER_LMA) != 0 &&
	       (backend()->reg_get(&g->v, VREG_CS_RIGHTS) & BIT(13)) != 0;
}

static void kick(struct guest_cpu *to)
{
	__atomic_store_n(&to->is_kicked, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&to->v.cpu, __ATOMIC_SEQ_CST) == VCPU_NO_CPU) {
		cpu_loop_wake(to);
	}
}

/* Behind the hypercall it goes back to its CPU's loop. */
static void yield_to(struct guest_cpu *g, struct guest_cpu *to)
{
	if (sched_yield_to(cpu_loop_sched(), &g->sched, &to->sched,
			   time_tsc())) {
		vcpu_request(&g->v, VCPU_REQ_YIELD);
	}
}

void guest_pv_call(struct guest_cpu *g)
{
	struct partition *p = g->partition;
	uint64_t *r = g->v.gpr;
	const struct pv_call c = {
		.number = r[GPR_RAX],
		.arg = { r[GPR_RBX], r[GPR_RCX], r[GPR_RDX], r[GPR_RSI] },
		.is_64 = is_64_bit_code(g),
		.features = cpuid_lookup(&g->cpuid, KVM_LEAF_FEATURES, 0)->eax,
	};
	struct pv_call_result result = pv_call(&p->lapics, &g->lapic, &c);
	/* pv_call() has found it to be in the set of local APICs. */
	struct guest_cpu *to =
		p->vcpus[index_nospec(result.target, p->vcpu_count)];

	r[GPR_RAX] = (uint64_t)result.value;
	if (result.action == PV_CALL_KICK) {
		kick(to);
	} else if (result.action == PV_CALL_YIELD) {
		yield_to(g, to);
	}
}

bool guest_pv_spins(struct guest_cpu *g)
{
	return sched_yield_any(cpu_loop_sched(), &g->sched, time_tsc());
}

void guest_pv_enter(struct guest_cpu *g)
{
	if (g->steal.page != NULL &&
	    steal_time_enter(&g->steal, run_delay_ns(g))) {
		vcpu_request(&g->v, VCPU_REQ_FLUSH_LINEAR);
	}
}

void guest_pv_leave(struct guest_cpu *g)
{
	pv_eoi_look(&g->eoi, &g->lapic);
	steal_time_leave(&g->steal);
}
