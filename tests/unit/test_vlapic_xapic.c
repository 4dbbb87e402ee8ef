/* test_vlapic_xapic.c - modes of the local APIC, and its registers in memory.
 */
#include "tests/lib/unit.h"

#include "drivers/virt/vlapic.h"

#include <spec/x86_msr.h>
#include <string.h>

#define COUNT  8u
#define OFF    0xfee00000ull
#define XAPIC  (OFF | APIC_BASE_ENABLE)
#define X2APIC (XAPIC | APIC_BASE_X2APIC)
#define BSP    APIC_BASE_BSP

static _Alignas(4096) uint32_t pages[COUNT][1024];
static struct vlapic l[COUNT];
static struct vlapic_set set;
static uint32_t changes, eois, kicks;
static bool was_x2apic, can_follow;

static uint64_t on_tsc(void *ctx)
{
	(void)ctx;
	return 1000;
}

static void on_ipi(void *ctx, const struct vlapic_message *m)
{
	(void)vlapic_route(&set, ctx, m);
}

static void on_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	(void)vector;
	eois++;
}

static void on_event(void *ctx)
{
	(void)ctx;
}

static void on_kick(void *ctx, uint8_t vector)
{
	(void)ctx;
	(void)vector;
	kicks++;
}

static bool on_timer(void *ctx)
{
	(void)ctx;
	return true;
}

static bool on_change(void *ctx, uint32_t base)
{
	changes++;
	was_x2apic = vlapic_is_x2apic(ctx);
	assert_int_not_equal(base, ((struct vlapic *)ctx)->base);
	return can_follow;
}

static const struct vlapic_ops ops = {
	.tsc = on_tsc,
	.send_ipi = on_ipi,
	.eoi = on_eoi,
	.nmi = on_event,
	.kick = on_kick,
	.timer_changed = on_timer,
	.mode_changes = on_change,
	.notify = on_event,
};

static void put(uint32_t i, uint32_t offset, uint32_t value)
{
	vlapic_mmio_write(&l[i], offset, 4, value);
}

static uint32_t get(uint32_t i, uint32_t offset)
{
	return (uint32_t)vlapic_mmio_read(&l[i], offset, 4);
}

static int setup(void **state)
{
	(void)state;
	changes = eois = kicks = 0;
	can_follow = true;
	memset(&set, 0, sizeof(set));
	for (uint32_t i = 0; i < COUNT; i++) {
		vlapic_init(&l[i], pages[i], i, &ops, &l[i]);
		vlapic_use_xapic(&l[i]);
		put(i, VLAPIC_SVR, 0x1ff);
		vlapic_set_put(&set, &l[i]);
	}
	return 0;
}

static bool base(uint32_t i, uint64_t v)
{
	return vlapic_msr_write(&l[i], MSR_IA32_APIC_BASE, v) == OK;
}

static uint64_t base_of(uint32_t i)
{
	uint64_t v = 0;

	assert_int_equal(vlapic_msr_read(&l[i], MSR_IA32_APIC_BASE, &v), OK);
	return v;
}

static bool has_msrs(uint32_t i)
{
	uint64_t v;
	bool has = vlapic_msr_read(&l[i], MSR_IA32_X2APIC_TPR, &v) == OK;

	assert_int_equal(vlapic_msr_write(&l[i], MSR_IA32_X2APIC_TPR, 0),
			 has ? OK : ERR_INVALID);
	return has;
}

/* Which have @vector pending, once each has looked into its mail? */
static uint32_t pending(uint8_t vector)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < COUNT; i++) {
		(void)vlapic_take_posted(&l[i]);
		if ((pages[i][(VLAPIC_IRR + (vector >> 5) * 0x10) / 4] >>
			     (vector & 31) &
		     1) != 0) {
			mask |= 1u << i;
		}
	}
	return mask;
}

/* SDM vol. 3, "x2APIC State Transitions". */
static void test_transitions(void **state)
{
	static const uint64_t modes[] = { OFF, OFF | APIC_BASE_X2APIC, XAPIC,
					  X2APIC };
	static const bool legal[4][4] = {
		/* to: off, illegal, xAPIC, x2APIC */
		{ true, false, true, false },
		{ false, false, false, false },
		{ true, false, true, true },
		{ true, false, false, true },
	};

	(void)state;
	for (uint32_t from = 0; from < 4; from++) {
		for (uint32_t to = 0; to < 4 && from != 1; to++) {
			setup(NULL);
			assert_true(base(1, XAPIC));
			assert_true(from == 2 || base(1, modes[from]));
			changes = 0;
			assert_int_equal(base(1, modes[to]), legal[from][to]);
			assert_int_equal(changes,
					 legal[from][to] && from != to);
			assert_int_equal(base_of(1),
					 modes[legal[from][to] ? to : from]);
			assert_int_equal(has_msrs(1), base_of(1) == X2APIC);
			assert_int_equal(vlapic_is_xapic(&l[1]),
					 base_of(1) == XAPIC);
		}
	}
}

static void test_base_refuses(void **state)
{
	(void)state;
	assert_int_equal(base_of(0), XAPIC | BSP);
	assert_false(base(0, XAPIC));       /* another boot processor */
	assert_false(base(1, XAPIC | BSP)); /* two of them */
	assert_false(base(1, 0x10000800));  /* elsewhere */
	assert_false(base(1, XAPIC | 1ull << 36));
	assert_false(base(1, XAPIC | 1));
	assert_false(base(1, UINT64_MAX));
	assert_int_equal(changes, 0);
	assert_true(base(0, X2APIC | BSP));
	assert_false(was_x2apic); /* told before */
	assert_true(vlapic_is_x2apic(&l[0]));
}

static void test_off_and_on_is_a_reset(void **state)
{
	const struct vlapic_message nmi = { .mode = VLAPIC_NMI, .dest = 2 };
	const struct vlapic_message init = { .mode = VLAPIC_INIT, .dest = 2 };
	const struct vlapic_message all = { .vector = 0x77,
					    .dest = VLAPIC_BROADCAST };

	(void)state;
	put(2, VLAPIC_TPR, 0x20);
	put(2, VLAPIC_LVT_TIMER, 0x40);
	put(2, VLAPIC_TIMER_INIT, 100);
	vlapic_set_irr(&l[2], 0x55);
	assert_int_not_equal(vlapic_timer_deadline(&l[2]), VLAPIC_NO_DEADLINE);
	assert_true(base(2, OFF));
	assert_int_equal(vlapic_timer_deadline(&l[2]), VLAPIC_NO_DEADLINE);
	assert_int_equal(vlapic_deliverable(&l[2]), -1);
	/* nothing reaches it */
	assert_int_equal(vlapic_route(&set, NULL, &nmi), 0);
	assert_int_equal(vlapic_route(&set, NULL, &init), 0);
	assert_int_equal(vlapic_route(&set, &l[2], &nmi), 0);
	assert_int_equal(vlapic_route(&set, NULL, &all), COUNT - 1);
	assert_int_equal(vlapic_take_signals(&l[2]), 0);
	assert_true(vlapic_mmio_read(&l[2], VLAPIC_ID, 4) == UINT32_MAX);
	put(2, VLAPIC_SVR, 0x1ff);
	assert_true(base(2, XAPIC));
	assert_int_equal(get(2, VLAPIC_SVR), 0xff);
	assert_int_equal(get(2, VLAPIC_TPR), 0);
	assert_int_equal(get(2, VLAPIC_LVT_TIMER), VLAPIC_LVT_MASKED);
	assert_int_equal(pending(0x77) & 1u << 2, 0);
}

static void test_to_x2apic_keeps_state(void **state)
{
	uint64_t v;

	(void)state;
	put(3, VLAPIC_LDR, 0x08000000);
	put(3, VLAPIC_TPR, 0x30);
	put(3, VLAPIC_ICR2, 0x05000000);
	vlapic_set_irr(&l[3], 0x55);
	assert_true(base(3, X2APIC));
	assert_int_equal(vlapic_deliverable(&l[3]), 0x55);
	assert_int_equal(vlapic_tpr(&l[3]), 0x30);
	assert_int_equal(vlapic_msr_read(&l[3], MSR_IA32_X2APIC_APICID, &v),
			 OK);
	assert_int_equal(v, 3);
	assert_int_equal(vlapic_msr_read(&l[3], MSR_IA32_X2APIC_LDR, &v), OK);
	assert_int_equal(v, 8);
	assert_int_equal(vlapic_msr_read(&l[3], MSR_IA32_X2APIC_ICR, &v), OK);
	assert_int_equal(v, 0);
	/* its registers are in memory no more */
	assert_true(vlapic_mmio_read(&l[3], VLAPIC_ID, 8) == UINT64_MAX);
	put(3, VLAPIC_TPR, 0xff);
	assert_int_equal(vlapic_tpr(&l[3]), 0x30);
	/* INIT keeps the mode */
	vlapic_reset(&l[3]);
	assert_true(vlapic_is_x2apic(&l[3]));
	assert_int_equal(vlapic_msr_read(&l[3], MSR_IA32_X2APIC_LDR, &v), OK);
	assert_int_equal(v, 8);
	vlapic_reset(&l[2]);
	assert_true(vlapic_is_xapic(&l[2]));
}

static void test_registers_after_reset(void **state)
{
	(void)state;
	vlapic_reset(&l[5]);
	assert_int_equal(get(5, VLAPIC_ID), 5u << 24);
	assert_int_equal(get(5, VLAPIC_VERSION), 0x50014);
	assert_int_equal(get(5, VLAPIC_LDR), 0);
	assert_int_equal(get(5, VLAPIC_DFR), 0xffffffff);
	assert_int_equal(get(5, VLAPIC_SVR), 0xff);
	assert_int_equal(get(5, VLAPIC_LVT_LINT0), VLAPIC_LVT_MASKED);
	assert_int_equal(get(5, VLAPIC_EOI), 0);
	assert_int_equal(get(5, VLAPIC_ESR), 0);
}

/* Each register takes its own bits and drops the others. */
static void test_writable_bits(void **state)
{
	/* clang-format off */
	static const struct { uint32_t offset, ones, zeros; } rows[] = {
		{ VLAPIC_ID,          1u << 24,   1u << 24 },
		{ VLAPIC_VERSION,     0x50014,    0x50014 },
		{ VLAPIC_TPR,         0xff,       0 },
		{ VLAPIC_PPR,         0,          0 },
		{ VLAPIC_LDR,         0xff000000, 0 },
		{ VLAPIC_DFR,         0xffffffff, 0x0fffffff },
		{ VLAPIC_SVR,         0x3ff,      0 },
		{ VLAPIC_ISR,         0,          0 },
		{ VLAPIC_TMR + 0x70,  0,          0 },
		{ VLAPIC_IRR + 0x10,  0,          0 },
		{ VLAPIC_ICR2,        0xff000000, 0 },
		{ VLAPIC_LVT_THERMAL, 0x107ff,    0 },
		{ VLAPIC_LVT_PMI,     0x107ff,    0 },
		{ VLAPIC_LVT_LINT0,   0x1a7ff,    0 },
		{ VLAPIC_LVT_LINT1,   0x1a7ff,    0 },
		{ VLAPIC_LVT_ERROR,   0x100ff,    0 },
		{ VLAPIC_TIMER_INIT,  0xffffffff, 0 },
		{ VLAPIC_TIMER_DIV,   0xb,        0 },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		setup(NULL);
		put(1, rows[i].offset, 0xffffffff);
		assert_int_equal(get(1, rows[i].offset), rows[i].ones);
		setup(NULL);
		put(1, rows[i].offset, 0);
		assert_int_equal(get(1, rows[i].offset), rows[i].zeros);
		put(1, VLAPIC_ESR, 0);
		assert_int_equal(get(1, VLAPIC_ESR), 0);
	}
	/* the timer has no fourth mode */
	setup(NULL);
	put(1, VLAPIC_LVT_TIMER, VLAPIC_TIMER_MODE | 0x40);
	assert_int_equal(get(1, VLAPIC_LVT_TIMER), VLAPIC_LVT_MASKED);
	put(1, VLAPIC_LVT_TIMER, 0xfff9ff40);
	assert_int_equal(get(1, VLAPIC_LVT_TIMER), 0x10040);
}

static void test_reserved_registers(void **state)
{
	static const uint32_t reserved[] = { 0x000, 0x010, 0x040, 0x070, 0x090,
					     0x0c0, 0x290, 0x2f0, 0x3a0, 0x3d0,
					     0x3f0, 0x400, 0xff0 };

	(void)state;
	put(1, VLAPIC_LVT_ERROR, 0x42);
	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++) {
		assert_int_equal(get(1, reserved[i]), 0);
		put(1, VLAPIC_ESR, 0xffffffff); /* any value */
		assert_int_equal(get(1, VLAPIC_ESR), VLAPIC_ESR_REGISTER);
		put(1, VLAPIC_ESR, 0);
		put(1, reserved[i], 0xffffffff);
		put(1, VLAPIC_ESR, 0);
		assert_int_equal(get(1, VLAPIC_ESR), VLAPIC_ESR_REGISTER);
		assert_int_equal(get(1, reserved[i]), 0);
		put(1, VLAPIC_ESR, 0);
	}
	assert_int_equal(vlapic_highest_irr(&l[1]), 0x42);
}

static void test_other_widths(void **state)
{
	(void)state;
	/* parts of a register can be read, what lies between them is 0 */
	assert_int_equal(vlapic_mmio_read(&l[5], VLAPIC_ID + 3, 1), 5);
	assert_int_equal(vlapic_mmio_read(&l[5], VLAPIC_ID + 2, 2), 0x500);
	assert_int_equal(vlapic_mmio_read(&l[5], VLAPIC_ID, 8), 5u << 24);
	assert_int_equal(vlapic_mmio_read(&l[5], VLAPIC_ID + 4, 4), 0);
	assert_int_equal(vlapic_mmio_read(&l[5], VLAPIC_ID + 15, 8), 0);
	/* but only whole registers written */
	vlapic_mmio_write(&l[5], VLAPIC_TPR, 1, 0x20);
	vlapic_mmio_write(&l[5], VLAPIC_TPR, 2, 0x20);
	vlapic_mmio_write(&l[5], VLAPIC_TPR, 8, 0x20);
	vlapic_mmio_write(&l[5], VLAPIC_TPR + 4, 4, 0x20);
	vlapic_mmio_write(&l[5], VLAPIC_TPR + 1, 4, 0x20);
	assert_int_equal(get(5, VLAPIC_TPR), 0);
	vlapic_mmio_write(&l[5], 0xfffff000 | VLAPIC_TPR, 4, 0x20);
	assert_int_equal(get(5, VLAPIC_TPR), 0x20);
}

static void test_eoi_takes_any_value(void **state)
{
	(void)state;
	assert_true(vlapic_accept(&l[0], 0x51, true));
	vlapic_ack(&l[0], 0x51);
	assert_int_equal(get(0, VLAPIC_ISR + 0x20), 1u << 17);
	put(0, VLAPIC_EOI, 0xdeadbeef);
	assert_int_equal(vlapic_highest_isr(&l[0]), -1);
	assert_int_equal(eois, 1);
}

static void icr(uint32_t from, uint32_t dest, uint32_t low)
{
	put(from, VLAPIC_ICR2, dest << 24);
	put(from, VLAPIC_ICR, low);
}

static void test_icr(void **state)
{
	(void)state;
	icr(2, 4, 0x4041);
	assert_int_equal(pending(0x41), 1u << 4);
	assert_int_equal(get(2, VLAPIC_ICR), 0x4041);
	assert_int_equal(get(2, VLAPIC_ICR2), 4u << 24);
	icr(2, 0xff, 0x4042); /* 8 bits: a broadcast */
	assert_int_equal(pending(0x42), 0xff);
	icr(2, 0, 0xc4043);
	assert_int_equal(pending(0x43), 0xff & ~(1u << 2));
	icr(2, 0, 0x44044);
	assert_int_equal(pending(0x44), 1u << 2);
	/* the status and reserved bits cannot be written */
	icr(2, 2, 0xfff33000 | 0x45);
	assert_int_equal(get(2, VLAPIC_ICR), 0x45);
	assert_int_equal(pending(0x45), 1u << 2);
	/* the upper half alone sends nothing */
	put(2, VLAPIC_ICR2, 6u << 24);
	assert_int_equal(pending(0x45), 1u << 2);
	/* INIT, SIPI */
	icr(0, 1, 0xc500);
	icr(0, 1, 0x8500);
	icr(0, 1, 0x4608);
	assert_int_equal(vlapic_take_signals(&l[1]),
			 VLAPIC_SIGNAL_INIT | VLAPIC_SIGNAL_SIPI | 0x800);
	icr(2, 1, 0x4005);
	put(2, VLAPIC_ESR, 0);
	assert_int_equal(get(2, VLAPIC_ESR), VLAPIC_ESR_SEND_VECTOR);
}

static void test_logical_flat(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		put(i, VLAPIC_LDR, 1u << (24 + i));
	}
	icr(0, 0x29, 0x4841);
	assert_int_equal(pending(0x41), 0x29);
	icr(0, 0, 0x4842);
	assert_int_equal(pending(0x42), 0);
	icr(0, 0xff, 0x4842);
	assert_int_equal(pending(0x42), 0xff);
	icr(0, 0xf0, 0x4943); /* lowest priority: one of four */
	assert_int_equal(__builtin_popcount(pending(0x43)), 1);
	assert_int_equal(pending(0x43) & ~0xf0u, 0);
	/* an MSI, too */
	assert_int_equal(vlapic_route_msi(&set, NULL, 0xfee06004, 0x4044), 2);
	assert_int_equal(pending(0x44), 6);
}

static void test_logical_cluster(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		put(i, VLAPIC_DFR, 0);
		put(i, VLAPIC_LDR,
		    (i / 4) << 28 | 1u << (24 + i % 4)); /* two of four */
	}
	icr(0, 0x15, 0x4841); /* cluster 1, members 0 and 2 */
	assert_int_equal(pending(0x41), 1u << 4 | 1u << 6);
	icr(0, 0x25, 0x4842); /* no such cluster */
	assert_int_equal(pending(0x42), 0);
	icr(0, 0x0f, 0x4843);
	assert_int_equal(pending(0x43), 0x0f);
	/* a model that is neither: nobody */
	put(4, VLAPIC_DFR, 0x70000000);
	icr(0, 0x11, 0x4844);
	assert_int_equal(pending(0x44), 0);
}

/* Processors of both modes in one partition, as while an OS switches them. */
static void test_mixed_modes(void **state)
{
	(void)state;
	assert_true(base(1, X2APIC));
	icr(0, 1, 0x4041);
	assert_int_equal(pending(0x41), 2);
	assert_int_equal(vlapic_msr_write(&l[1], MSR_IA32_X2APIC_ICR,
					  5ull << 32 | 0x4042),
			 OK);
	assert_int_equal(pending(0x42), 1u << 5);
	put(6, VLAPIC_LDR, 0x02000000);
	assert_int_equal(vlapic_msr_write(&l[1], MSR_IA32_X2APIC_ICR,
					  0x102ull << 32 | 0x4843),
			 OK);
	assert_int_equal(pending(0x43), 1u << 1); /* 16 bits: no xAPIC */
}

/* Without a backend that can follow, the mode it has is the only one. */
static void test_fixed_mode(void **state)
{
	struct vlapic_ops fixed = ops;

	(void)state;
	fixed.mode_changes = NULL;
	vlapic_init(&l[0], pages[0], 0, &fixed, &l[0]);
	assert_false(base(0, XAPIC | BSP));
	assert_false(base(0, OFF | BSP));
	assert_true(base(0, X2APIC | BSP));
	can_follow = false;
	vlapic_use_xapic(&l[1]);
	assert_false(base(1, X2APIC));
	assert_false(base(1, OFF));
	assert_int_equal(base_of(1), XAPIC);
	vlapic_use_xapic(&l[0]);
	assert_false(base(0, X2APIC | BSP));
	assert_false(base(0, OFF | BSP));
	assert_true(base(0, XAPIC | BSP));
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_transitions),           T(test_base_refuses),
		T(test_off_and_on_is_a_reset), T(test_to_x2apic_keeps_state),
		T(test_registers_after_reset), T(test_writable_bits),
		T(test_reserved_registers),    T(test_other_widths),
		T(test_eoi_takes_any_value),   T(test_icr),
		T(test_logical_flat),          T(test_logical_cluster),
		T(test_mixed_modes),           T(test_fixed_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
