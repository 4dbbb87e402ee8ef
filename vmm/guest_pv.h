/*
 * guest_pv.h - KVM's paravirtual interface of a running vCPU.
 */
#ifndef VMM_GUEST_PV_H
#define VMM_GUEST_PV_H

#include "guest_cpu.h"

/** guest_pv_init() - all of it off, as after a reset. */
void guest_pv_init(struct guest_cpu *g);

/** guest_pv_offer() - what CPUID shows of it. @has_apicv: as the vCPU's */
void guest_pv_offer(struct cpuid_config *c, bool has_apicv);

/** guest_pv_msrs() - MSR_HAS_* of what is offered. */
uint64_t guest_pv_msrs(bool has_apicv);

/**
 * guest_pv_msr_write() - WRMSR of a KVM MSR that is not of the local APIC.
 *
 * Takes the partition's lock: the page it names may not be populated yet.
 * Return: OK; anything else means #GP(0), and nothing has changed.
 */
must_check enum status guest_pv_msr_write(struct guest_cpu *g, uint32_t msr,
					  uint64_t value);
/** guest_pv_msr_read() - RDMSR of one; ERR_INVALID means #GP(0). */
must_check enum status guest_pv_msr_read(const struct guest_cpu *g,
					 uint32_t msr, uint64_t *value);

/**
 * guest_pv_call() - the hypercall that @g's kernel has in its registers; RAX
 * has the answer afterwards.
 */
void guest_pv_call(struct guest_cpu *g);

/** guest_pv_spins() - @g waits in a loop: a sibling that waits for a CPU may
 * have what it waits for. Return: true if that one was given its turn. */
bool guest_pv_spins(struct guest_cpu *g);

/** guest_pv_enter() - @g was loaded, and is about to be entered. */
void guest_pv_enter(struct guest_cpu *g);

/** guest_pv_leave() - @g, still loaded, gives its CPU back: it was preempted,
 * or waits. */
void guest_pv_leave(struct guest_cpu *g);

#endif
