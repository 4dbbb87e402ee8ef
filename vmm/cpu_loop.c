/*
 * cpu_loop.c - the loop of a physical CPU: which vCPU runs, and idling.
 *
 * Each CPU: ask the scheduler (sched.c), load that vCPU, run it until its turn
 * is over, it waits, or somebody calls; repeat. CPU 0 also lets the management
 * look around each time. With nothing to run a CPU sleeps until a time that the
 * scheduler names, or until an NMI.
 *
 * Invariants
 *  1. v->cpu is this CPU from before the vCPU is loaded until after its state
 *     has been saved; who finds NO_CPU there wakes it through the scheduler.
 *  2. On a machine with several CPUs a vCPU that is not in hand is not loaded
 *     anywhere: whoever picks it next may be another CPU.
 *  3. A vCPU that nobody else waits for its CPU may get the CPU's own local
 *     APIC (docs/adr/0009).
 *  4. Between two turns a CPU may still be in the address space of the first;
 *     before it sleeps, and before the management looks around, it leaves.
 */
#include "cpu_loop.h"

#include "guest_pv.h"
#include "management.h"
#include "partition.h"
#include "platform.h"
#include "smp.h"

#include <arch/cpu.h>
#include <arch/host_space.h>
#include <arch/irq.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <bh/assert.h>
#include <bh/sync.h>

#define SLICE_CONSOLE_US 5000u /* to come back and move console bytes */
#define IDLE_POLL_US     2000u /* CPU 0: consoles while everything sleeps */

#define MANAGEMENT_US 1000u /* between two looks that nobody asked for */
/* Guests make others' CPUs call the management: not more often than that, or
 * those on CPU 0 would never get on. */
#define MANAGEMENT_GAP_US 200u

static struct {
	uint32_t is_called; /* (a) */
	uint64_t gap_end;   /* (a) TSC: no call makes CPU 0 look before */
	uint64_t next;      /* CPU 0's: it looks then in any case */
	uint64_t due;       /* CPU 0's: it comes back for it then, after next */
} management;

static struct sched sched;
static bool can_lend; /* the backend can lend a vCPU the local APIC */
static struct guest_cpu *current[MACHINE_CPU_MAX]; /* each CPU its own */

/* A CPU that calls itself has a guest to come out of, or is about to pick. */
static void loop_kick(void *ctx, uint32_t cpu)
{
	(void)ctx;
	if (cpu != cpu_index()) {
		smp_call_loop(cpu);
	} else if (current[cpu] != NULL) {
		vcpu_request(&current[cpu]->v, VCPU_REQ_YIELD);
	}
}

static const struct sched_ops loop_ops = { loop_kick };

void cpu_loop_init(void)
{
	struct backend_offers offers;

	backend()->offers(&offers);
	can_lend = offers.has_direct_apic;
	sched_init(&sched, &loop_ops, NULL, smp_cpu_count(),
		   (uint32_t)platform_tsc_khz(), time_tsc());
}

struct sched *cpu_loop_sched(void)
{
	return &sched;
}

struct guest_cpu *cpu_loop_current(void)
{
	return current[cpu_index()];
}

void cpu_loop_wake(struct guest_cpu *g)
{
	sched_wake(&sched, &g->sched, time_tsc());
}

void cpu_loop_call_management(void)
{
	struct guest_cpu *g = cpu_loop_current();

	atomic_store32(&management.is_called, 1);
	if (cpu_index() == 0) {
		if (g != NULL) {
			vcpu_request(&g->v, VCPU_REQ_YIELD);
		}
	} else if (time_tsc() >= atomic_load64(&management.gap_end)) {
		smp_call_loop(0);
	}
}

void cpu_loop_manage_at(uint64_t when)
{
	management.due = when < management.due ? when : management.due;
}

/* Is it time? Somebody called, a UART did, or a while has passed. */
static bool management_is_due(uint64_t now)
{
	return platform_has_input() || now >= management.next ||
	       (now >= management.gap_end &&
		atomic_load32(&management.is_called) != 0);
}

static void loop_manage(void)
{
	uint64_t now;

	if (!management_is_due(time_tsc())) {
		return;
	}
	(void)atomic_swap32(&management.is_called, 0);
	(void)host_space_enter(NULL);
	management.due = SCHED_NEVER;
	management_poll();
	now = time_tsc();
	management.next = now + platform_us_to_tsc(MANAGEMENT_US);
	if (management.due < management.next) {
		management.due = management.next;
	}
	atomic_store64(&management.gap_end,
		       now + platform_us_to_tsc(MANAGEMENT_GAP_US));
}

static struct guest_cpu *loop_guest(struct sched_vcpu *v)
{
	return (struct guest_cpu *)((uint8_t *)v -
				    __builtin_offsetof(struct guest_cpu,
						       sched));
}

/* When @g, which is in nobody's hands any more, is to run again. */
static uint64_t loop_wake_time(struct guest_cpu *g, enum vm_verdict verdict)
{
	if (g->v.state == VCPU_STOPPED) {
		return SCHED_NEVER;
	}
	if (verdict != VM_BLOCK) {
		return SCHED_RUNNABLE;
	}
	/* A notice from before v->cpu changed is here; one from after that
	 * finds NO_CPU and wakes (guest_cpu_notify()). */
	if ((__atomic_load_n(&g->v.requests, __ATOMIC_SEQ_CST) &
	     VCPU_REQ_EVENT) != 0 ||
	    vlapic_has_mail(&g->lapic) ||
	    __atomic_load_n(&g->is_kicked, __ATOMIC_SEQ_CST) != 0) {
		return SCHED_RUNNABLE;
	}
	return g->v.deadline; /* NO_DEADLINE is SCHED_NEVER */
}

_Static_assert(VCPU_NO_DEADLINE == SCHED_NEVER, "for loop_wake_time()");

/* The vCPU in hand goes back to the scheduler. */
static void loop_put(struct guest_cpu *g, uint32_t cpu, enum vm_verdict verdict)
{
	if (g->v.state == VCPU_STOPPED || smp_cpu_count() > 1) {
		backend()->vcpu_unload();
	}
	current[cpu] = NULL;
	__atomic_store_n(&g->v.cpu, VCPU_NO_CPU, __ATOMIC_SEQ_CST);
	sched_put(&sched, &g->sched, time_tsc(), loop_wake_time(g, verdict));
}

/* CPU 0 comes back earlier, if consoles have bytes to be moved, and for calls
 * that are not heard before the gap's end. */
static uint64_t loop_stay_end(const struct sched_turn *turn)
{
	uint64_t now = time_tsc();
	uint64_t soon = now + platform_us_to_tsc(SLICE_CONSOLE_US);
	uint64_t end = turn->end < management.due ? turn->end : management.due;

	if (!platform_is_quiet() && soon < end) {
		end = soon;
	}
	/* other CPUs may still call; this one has not */
	if ((smp_cpu_count() > 1 ||
	     atomic_load32(&management.is_called) != 0) &&
	    now < management.gap_end && management.gap_end < end) {
		end = management.gap_end;
	}
	return end;
}

/* One stay in the guest. */
static enum vm_verdict loop_stay(struct guest_cpu *g, uint32_t cpu,
				 const struct sched_turn *turn)
{
	enum vm_verdict verdict;

	g->v.slice_end = cpu == 0 ? loop_stay_end(turn) : turn->end;
	g->v.wants_apic = turn->is_alone && can_lend;
	verdict = backend()->run(&g->v);
	if (g->v.state == VCPU_STOPPED) {
		partition_note_regs(g);
	}
	return verdict;
}

/* With exit-times: the part of its time that was the VMM's. */
static void loop_account(struct guest_cpu *g)
{
	uint64_t ticks = g->v.root_tsc - g->told_tsc;

	if (ticks != 0) {
		g->told_tsc += ticks;
		sched_add_system(&sched, &g->sched, ticks);
	}
}

/*
 * Management may end the partition and wait until its vCPUs are in nobody's
 * hands, so it is not called in here.
 */
static void loop_run(struct guest_cpu *g, uint32_t cpu,
		     const struct sched_turn *turn)
{
	enum vm_verdict verdict = VM_BLOCK;

	__atomic_store_n(&g->v.cpu, cpu, __ATOMIC_SEQ_CST);
	current[cpu] = g;
	if (g->v.state != VCPU_STOPPED && guest_cpu_ready(g)) {
		backend()->vcpu_load(&g->v);
		guest_pv_enter(g);
		/* A call from before found nothing loaded to bring back; one
		 * from now on does. */
		verdict = smp_loop_is_called() ? VM_YIELD
					       : loop_stay(g, cpu, turn);
		guest_pv_leave(g);
		loop_account(g);
	}
	loop_put(g, cpu, verdict);
}

static void loop_idle(uint64_t until, uint64_t nmis_seen)
{
	uint64_t poll = time_tsc() + platform_us_to_tsc(IDLE_POLL_US);

	backend()->apic_take_back();
	(void)host_space_enter(NULL);
	if (cpu_index() == 0) {
		poll = atomic_load32(&management.is_called) != 0
			       ? management.gap_end
			       : poll;
		until = poll < until ? poll : until;
		until = management.due < until ? management.due : until;
	}
	platform_timer_arm(until);
	irq_wait(nmis_seen);
}

void cpu_loop(void)
{
	uint32_t cpu = cpu_index();

	for (;;) {
		uint64_t nmis = irq_nmi_count();
		struct sched_turn turn;
		struct sched_vcpu *v;

		smp_loop_begins();
		if (cpu == 0) {
			loop_manage();
		}
		v = sched_pick(&sched, cpu, time_tsc(), &turn);
		if (v != NULL) {
			loop_run(loop_guest(v), cpu, &turn);
		} else {
			loop_idle(turn.end, nmis);
		}
	}
}
