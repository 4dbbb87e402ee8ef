/*
 * cpu_loop.c - the loop of a physical CPU: which vCPU runs, and idling.
 *
 * Round robin over the runnable vCPUs of all partitions. A slice is long when
 * nobody else wants the CPU: its end then only lets the management look
 * around, and bytes for it raise an NMI anyway.
 *
 * A vCPU that nobody else shares the CPU with may get its local APIC
 * (docs/adr/0009).
 *
 * A halted vCPU runs again when its local APIC gets an interrupt or its timer
 * is due; with none runnable the CPU sleeps until the earliest such deadline.
 */
#include "cpu_loop.h"

#include "management.h"
#include "partition.h"
#include "platform.h"

#include <arch/irq.h>
#include <arch/time.h>

#define SLICE_SHARED_US 5000u   /* somebody else waits for the CPU */
#define SLICE_ALONE_US  250000u /* nobody does */
#define IDLE_POLL_US    2000u   /* consoles while everything sleeps */

static bool can_lend;      /* the backend can lend a vCPU the local APIC */
static uint32_t next_turn; /* counts turns; picks the next in the circle */

/* Wake @g if its timer came due; true if it wants to run. */
static bool loop_wake_one(struct guest_cpu *g, uint64_t *earliest)
{
	if (g->v.state == VCPU_HALTED) {
		guest_cpu_poll_timer(g);
	}
	if (g->v.state == VCPU_HALTED && g->v.nmi_pending) {
		g->v.state = VCPU_RUNNABLE;
	}
	if (g->v.state == VCPU_HALTED && g->v.deadline < *earliest) {
		*earliest = g->v.deadline;
	}
	return g->v.state == VCPU_RUNNABLE;
}

/* Wake those whose timer came due; the number that want to run. */
static uint32_t loop_wake(uint64_t *earliest)
{
	uint32_t count;
	struct partition **all = partition_table(&count);
	uint32_t runnable = 0;

	*earliest = UINT64_MAX;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < all[i]->vcpu_count; j++) {
			runnable += loop_wake_one(all[i]->vcpus[j], earliest);
		}
	}
	return runnable;
}

/* The vCPU of @p that is due after *@turn other runnable ones; NULL: none. */
static struct guest_cpu *loop_pick_of(struct partition *p, uint32_t *turn)
{
	for (uint32_t j = 0; j < p->vcpu_count; j++) {
		struct guest_cpu *g = p->vcpus[j];

		if (g->v.state == VCPU_RUNNABLE && (*turn)-- == 0) {
			return g;
		}
	}
	return NULL;
}

static struct guest_cpu *loop_pick(uint32_t runnable)
{
	uint32_t count;
	struct partition **all = partition_table(&count);
	uint32_t turn = next_turn++ % runnable;
	struct guest_cpu *g = NULL;

	for (uint32_t i = 0; i < count && g == NULL; i++) {
		g = loop_pick_of(all[i], &turn);
	}
	return g;
}

/* @earliest: deadline of those that sleep now, and may want the CPU then */
static void loop_run(struct guest_cpu *g, uint32_t runnable, uint64_t earliest)
{
	uint64_t slice = runnable > 1 ? SLICE_SHARED_US : SLICE_ALONE_US;
	uint64_t end;

	/* Console bytes wait: come back soon to move them. */
	if (!platform_is_quiet()) {
		slice = SLICE_SHARED_US;
	}
	end = time_tsc() + platform_us_to_tsc(slice);
	g->v.slice_end = end < earliest ? end : earliest;
	g->v.wants_apic = runnable == 1 && can_lend;
	backend()->vcpu_load(&g->v);
	(void)backend()->run(&g->v);
	if (g->v.state == VCPU_STOPPED) {
		partition_note_regs(g);
	}
}

static void loop_idle(uint64_t earliest)
{
	uint64_t poll = time_tsc() + platform_us_to_tsc(IDLE_POLL_US);

	backend()->apic_take_back();
	platform_timer_arm(earliest < poll ? earliest : poll);
	irq_wait(irq_nmi_count());
}

void cpu_loop(void)
{
	struct backend_offers offers;

	backend()->offers(&offers);
	can_lend = offers.has_direct_apic;
	for (;;) {
		uint64_t earliest;
		uint32_t runnable;
		struct guest_cpu *g;

		management_poll();
		runnable = loop_wake(&earliest);
		g = runnable > 0 ? loop_pick(runnable) : NULL;
		if (g != NULL) {
			loop_run(g, runnable, earliest);
		} else {
			loop_idle(earliest);
		}
	}
}
