/*
 * apic_set.h - a partition's local APICs for hosted tests, with ops that count.
 *
 * ctx of each is the APIC itself; whose ICR is written is the one whose vCPU
 * "this CPU" has loaded.
 */
#ifndef TESTS_APIC_SET_H
#define TESTS_APIC_SET_H

#include "drivers/virt/vlapic.h"
#include "unit.h"

#include <spec/x86_msr.h>
#include <string.h>

#define APIC_SET_MAX 64u

static _Alignas(4096) uint32_t apic_pages[APIC_SET_MAX][1024];
static struct vlapic apics[APIC_SET_MAX];
static struct vlapic_set apic_set;
static uint32_t apic_notifies[APIC_SET_MAX], apic_kicks[APIC_SET_MAX];
static uint32_t apic_nmis[APIC_SET_MAX], apic_eois;

static inline uint32_t apic_who(void *ctx)
{
	return (uint32_t)((struct vlapic *)ctx - apics);
}

static uint64_t apic_on_tsc(void *ctx)
{
	(void)ctx;
	return 1000;
}

static void apic_on_ipi(void *ctx, const struct vlapic_message *m)
{
	(void)vlapic_route(&apic_set, ctx, m);
}

static void apic_on_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	(void)vector;
	apic_eois++;
}

static void apic_on_nmi(void *ctx)
{
	apic_nmis[apic_who(ctx)]++;
}

static void apic_on_kick(void *ctx, uint8_t vector)
{
	(void)vector;
	apic_kicks[apic_who(ctx)]++;
}

static bool apic_on_timer(void *ctx)
{
	(void)ctx;
	return true;
}

static void apic_on_notify(void *ctx)
{
	__atomic_fetch_add(&apic_notifies[apic_who(ctx)], 1, __ATOMIC_RELAXED);
}

static const struct vlapic_ops apic_ops = {
	.tsc = apic_on_tsc,
	.send_ipi = apic_on_ipi,
	.eoi = apic_on_eoi,
	.nmi = apic_on_nmi,
	.kick = apic_on_kick,
	.timer_changed = apic_on_timer,
	.notify = apic_on_notify,
};

/* @count of them, in x2APIC mode, enabled. */
static inline void apic_set_init(uint32_t count)
{
	memset(&apic_set, 0, sizeof(apic_set));
	memset(apic_notifies, 0, sizeof(apic_notifies));
	memset(apic_kicks, 0, sizeof(apic_kicks));
	memset(apic_nmis, 0, sizeof(apic_nmis));
	apic_eois = 0;
	for (uint32_t i = 0; i < count; i++) {
		vlapic_init(&apics[i], apic_pages[i], i, &apic_ops, &apics[i]);
		assert_int_equal(vlapic_msr_write(&apics[i],
						  MSR_IA32_X2APIC_SIVR, 0x1ff),
				 OK);
		vlapic_set_put(&apic_set, &apics[i]);
	}
}

/* Which have @vector pending, once each has looked into its mail? */
static inline uint64_t apic_set_pending(uint8_t vector)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < apic_set.count; i++) {
		uint32_t at = (VLAPIC_IRR + (vector >> 5) * 0x10) / 4;

		(void)vlapic_take_posted(&apics[i]);
		if ((apic_pages[i][at] >> (vector & 31) & 1) != 0) {
			mask |= 1ull << i;
		}
	}
	return mask;
}

/* Whose signals are just @expected? All are taken. */
static inline uint64_t apic_set_signalled(uint32_t expected)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < apic_set.count; i++) {
		if (vlapic_take_signals(&apics[i]) == expected) {
			mask |= 1ull << i;
		}
	}
	return mask;
}

#endif
