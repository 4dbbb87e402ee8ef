/* test_apic_lend.c - a local APIC's state, from the page into a CPU and back.
 */
#include "drivers/phys/lapic_lend.h"
#include "drivers/virt/vlapic_lend.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/x86_msr.h>

#define DEADLINE_LVT (VLAPIC_DEADLINE | 0xec)
#define OWN_LVT      0x40040u
#define BASE_ON      (0xfee00000ull | APIC_BASE_BSP | APIC_BASE_ENABLE)

static _Alignas(4096) uint32_t page[1024];
static struct vlapic l;
static struct lapic_phys own;
static struct apic_state s;

static uint64_t no_tsc(void *ctx)
{
	(void)ctx;
	return 1000;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void ignore_kick(void *ctx, uint8_t vector)
{
	(void)ctx;
	(void)vector;
}

static bool ignore_timer(void *ctx)
{
	(void)ctx;
	return true;
}

static void ignore_ipi(void *ctx, const struct vlapic_message *m)
{
	(void)ctx;
	(void)m;
}

static void ignore_eoi(void *ctx, uint8_t vector)
{
	(void)ctx;
	(void)vector;
}

static const struct vlapic_ops ops = {
	.tsc = no_tsc,
	.send_ipi = ignore_ipi,
	.eoi = ignore_eoi,
	.nmi = ignore,
	.kick = ignore_kick,
	.timer_changed = ignore_timer,
	.notify = ignore,
};

static void write_apic(uint32_t msr, uint64_t value)
{
	assert_int_equal(vlapic_msr_write(&l, msr, value), OK);
}

static uint32_t reg(uint32_t offset)
{
	return page[offset / 4];
}

static void raise_level(uint8_t vector)
{
	const struct vlapic_message m = { .vector = vector, .is_level = true };

	assert_true(vlapic_deliver(&l, &m));
}

/* A CPU in x2APIC mode, and an enabled APIC in TSC-deadline mode. */
static int setup(void **state)
{
	static const uint32_t msrs[] = {
		MSR_IA32_X2APIC_TPR,       MSR_IA32_X2APIC_EOI,
		MSR_IA32_X2APIC_SIVR,      MSR_IA32_X2APIC_SELF_IPI,
		MSR_IA32_X2APIC_LVT_TIMER, MSR_IA32_TSC_DEADLINE,
		MSR_IA32_X2APIC_APICID,    MSR_IA32_X2APIC_LVT_LINT0,
	};
	const uint32_t cpuid[4] = { 0, 0, 1u << 21 | 1u << 24, 1u << 9 };

	(void)state;
	fake_cpu_reset();
	fake_cpu_set_cpuid(1, 0, cpuid);
	fake_cpu_set_msr(MSR_IA32_APIC_BASE, BASE_ON | APIC_BASE_X2APIC);
	fake_cpu_set_msr(MSR_IA32_X2APIC_VERSION, 1u << 16 | 0x15);
	for (size_t i = 0; i < ARRAY_COUNT(msrs); i++) {
		fake_cpu_set_msr(msrs[i], 0);
	}
	for (uint32_t i = 0; i < APIC_STATE_WORDS; i++) {
		fake_cpu_set_msr(MSR_IA32_X2APIC_ISR0 + i, 0);
		fake_cpu_set_msr(MSR_IA32_X2APIC_IRR0 + i, 0);
	}
	assert_int_equal(lapic_phys_init(&own, NULL, 0xff), OK);
	assert_int_equal(lapic_phys_timer_init(&own, 0x40, 50000, true), OK);
	vlapic_init(&l, page, 0, &ops, NULL);
	write_apic(MSR_IA32_X2APIC_SIVR, 0x1f0);
	write_apic(MSR_IA32_X2APIC_LVT_TIMER, DEADLINE_LVT);
	return 0;
}

static uint64_t msr(uint32_t number)
{
	return fake_cpu_msr(number)->value;
}

static void test_lend_moves_all(void **state)
{
	(void)state;
	write_apic(MSR_IA32_X2APIC_TPR, 0x20);
	write_apic(MSR_IA32_TSC_DEADLINE, 5000);
	vlapic_set_irr(&l, 0x31);
	vlapic_set_irr(&l, 0xfe);
	assert_true(vlapic_lend(&l, &s));
	assert_int_equal(s.irr[1], 1u << 17);
	assert_int_equal(s.irr[7], 1u << 30);
	assert_int_equal(s.deadline, 5000);
	assert_int_equal(vlapic_highest_irr(&l), -1);
	assert_true(vlapic_timer_deadline(&l) == VLAPIC_NO_DEADLINE);
	assert_true(lapic_can_lend(&own));
	lapic_lend(&own, &s);
	assert_int_equal(msr(MSR_IA32_X2APIC_TPR), 0x20);
	assert_int_equal(msr(MSR_IA32_X2APIC_SIVR), 0x1f0);
	assert_int_equal(msr(MSR_IA32_X2APIC_LVT_TIMER), DEADLINE_LVT);
	assert_int_equal(msr(MSR_IA32_TSC_DEADLINE), 5000);
	assert_int_equal(fake_cpu_msr(MSR_IA32_X2APIC_SELF_IPI)->write_count,
			 2);
	assert_int_equal(msr(MSR_IA32_X2APIC_SELF_IPI), 0xfe);
}

static void test_take_back_leaves_nothing(void **state)
{
	(void)state;
	assert_true(vlapic_lend(&l, &s));
	lapic_lend(&own, &s);
	/* what the guest did meanwhile: 0x31 and 0x92 in service, 0x10 and
	 * 0xec requested, its timer armed */
	fake_cpu_set_msr(MSR_IA32_X2APIC_ISR0 + 1, 1u << 17);
	fake_cpu_set_msr(MSR_IA32_X2APIC_ISR0 + 4, 1u << 18);
	fake_cpu_set_msr(MSR_IA32_X2APIC_IRR0, 1u << 16);
	fake_cpu_set_msr(MSR_IA32_X2APIC_IRR0 + 7, 1u << 12);
	fake_cpu_set_msr(MSR_IA32_TSC_DEADLINE, 7777);
	fake_cpu_set_msr(MSR_IA32_X2APIC_TPR, 0xf0);
	fake_cpu_msr(MSR_IA32_X2APIC_EOI)->write_count = 0;
	lapic_take_back(&own, &s);
	assert_int_equal(fake_cpu_msr(MSR_IA32_X2APIC_EOI)->write_count, 2);
	assert_int_equal(msr(MSR_IA32_X2APIC_TPR), 0);
	assert_int_equal(msr(MSR_IA32_X2APIC_SIVR), 0x1ff);
	assert_int_equal(msr(MSR_IA32_X2APIC_LVT_TIMER), OWN_LVT);
	assert_int_equal(msr(MSR_IA32_TSC_DEADLINE), 0);
	assert_int_equal(msr(MSR_IA32_X2APIC_IRR0), 0);
	vlapic_take_back(&l, &s);
	assert_int_equal(vlapic_highest_isr(&l), 0x92);
	assert_int_equal(vlapic_highest_irr(&l), 0xec);
	assert_int_equal(reg(VLAPIC_IRR), 1u << 16);
	assert_int_equal(reg(VLAPIC_TPR), 0xf0);
	assert_int_equal(reg(VLAPIC_PPR), 0xf0);
	assert_int_equal(vlapic_timer_deadline(&l), 7777);
	/* what is in service keeps it at home, until it is ended */
	assert_false(vlapic_lend(&l, &s));
	vlapic_eoi(&l);
	vlapic_eoi(&l);
	assert_true(vlapic_lend(&l, &s));
	assert_int_equal(s.irr[7], 1u << 12);
}

static uint64_t deadline_after(uint64_t deadline, uint64_t now, bool in_irr)
{
	assert_true(vlapic_lend(&l, &s));
	lapic_lend(&own, &s);
	fake_cpu_set_msr(MSR_IA32_TSC_DEADLINE, deadline);
	fake_cpu_set_msr(MSR_IA32_X2APIC_IRR0 + 7, in_irr ? 1u << 12 : 0);
	fake_cpu.tsc = now;
	lapic_take_back(&own, &s);
	return s.deadline;
}

static void test_a_timer_fires_once_or_late(void **state)
{
	(void)state;
	assert_int_equal(deadline_after(9000, 8000, false), 9000);
	assert_int_equal(deadline_after(9000, 9500, true), 0);
	assert_int_equal(deadline_after(9000, 9500, false), 9000); /* late */
	assert_int_equal(deadline_after(9000, 12000, false), 0);   /* Bochs */
	assert_int_equal(deadline_after(0, 100, false), 0);
}

static void test_stays_at_home(void **state)
{
	(void)state;
	raise_level(0x55);
	assert_false(vlapic_lend(&l, &s));
	assert_int_equal(vlapic_highest_irr(&l), 0x55); /* not lost */
	vlapic_ack(&l, 0x55);
	assert_false(vlapic_lend(&l, &s)); /* in service */
	vlapic_eoi(&l);
	assert_true(vlapic_lend(&l, &s));
	write_apic(MSR_IA32_X2APIC_SIVR, 0xff);
	assert_false(vlapic_lend(&l, &s)); /* disabled */
	write_apic(MSR_IA32_X2APIC_SIVR, 0x10f);
	assert_false(vlapic_lend(&l, &s)); /* no vector that a CPU takes */
	write_apic(MSR_IA32_X2APIC_SIVR, 0x1ff);
	write_apic(MSR_IA32_X2APIC_LVT_TIMER, VLAPIC_PERIODIC | 0x40);
	assert_false(vlapic_lend(&l, &s));
	write_apic(MSR_IA32_X2APIC_LVT_TIMER, VLAPIC_DEADLINE | 5);
	assert_false(vlapic_lend(&l, &s));
	write_apic(MSR_IA32_X2APIC_LVT_TIMER,
		   VLAPIC_DEADLINE | VLAPIC_LVT_MASKED);
	assert_true(vlapic_lend(&l, &s));
}

static void test_posted_by_other_cpus(void **state)
{
	uint32_t irr[APIC_STATE_WORDS];

	(void)state;
	vlapic_post(&l, 0x61, false);
	assert_true(vlapic_lend(&l, &s)); /* before it is lent */
	assert_int_equal(s.irr[3], 2);
	vlapic_post(&l, 0x62, false);
	assert_true(vlapic_take_irr(&l, irr)); /* meanwhile */
	assert_int_equal(irr[3], 4);
	vlapic_post(&l, 0x63, true);
	assert_false(vlapic_take_irr(&l, irr));
	assert_int_equal(vlapic_highest_irr(&l), 0x63);
	assert_false(vlapic_lend(&l, &s));
}

static void test_xapic_mode_stays_at_home(void **state)
{
	(void)state;
	vlapic_use_xapic(&l);
	vlapic_mmio_write(&l, VLAPIC_SVR, 4, 0x1f0);
	vlapic_mmio_write(&l, VLAPIC_LVT_TIMER, 4, DEADLINE_LVT);
	assert_false(vlapic_lend(&l, &s));
}

static void test_devices_meanwhile(void **state)
{
	uint32_t irr[APIC_STATE_WORDS];

	(void)state;
	assert_true(vlapic_lend(&l, &s));
	vlapic_set_irr(&l, 0x41);
	assert_true(vlapic_take_irr(&l, irr));
	assert_int_equal(irr[2], 2);
	assert_int_equal(vlapic_highest_irr(&l), -1);
	lapic_raise(irr);
	assert_int_equal(msr(MSR_IA32_X2APIC_SELF_IPI), 0x41);
	vlapic_set_irr(&l, 0x41);
	raise_level(0x60);
	assert_false(vlapic_take_irr(&l, irr));
	assert_int_equal(vlapic_highest_irr(&l), 0x60); /* all still there */
	assert_int_equal(reg(VLAPIC_IRR + 0x20), 2);
}

static void test_what_the_page_keeps(void **state)
{
	static const uint32_t kept[] = {
		MSR_IA32_APIC_BASE,        MSR_IA32_X2APIC_APICID,
		MSR_IA32_X2APIC_VERSION,   MSR_IA32_X2APIC_LDR,
		MSR_IA32_X2APIC_ESR,       MSR_IA32_X2APIC_ICR,
		MSR_IA32_X2APIC_LVT_ERROR, MSR_IA32_X2APIC_LVT_LINT0,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
		assert_false(vlapic_is_lent_msr(kept[i]));
	}
	for (uint32_t m = MSR_IA32_X2APIC_ISR0; m < MSR_IA32_X2APIC_ESR; m++) {
		assert_true(vlapic_is_lent_msr(m));
	}
	assert_true(vlapic_is_lent_msr(MSR_IA32_TSC_DEADLINE));
	assert_true(vlapic_is_lent_msr(MSR_IA32_X2APIC_LVT_TIMER));
	assert_true(vlapic_is_lent_msr(MSR_IA32_X2APIC_SIVR));
	assert_true(vlapic_is_lent_msr(MSR_IA32_X2APIC_TPR));
}

static void test_needs_x2apic_and_deadline(void **state)
{
	(void)state;
	own.is_x2apic = false;
	assert_false(lapic_can_lend(&own));
	own.is_x2apic = true;
	own.has_deadline = false;
	assert_false(lapic_can_lend(&own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lend_moves_all, setup),
		cmocka_unit_test_setup(test_take_back_leaves_nothing, setup),
		cmocka_unit_test_setup(test_a_timer_fires_once_or_late, setup),
		cmocka_unit_test_setup(test_stays_at_home, setup),
		cmocka_unit_test_setup(test_posted_by_other_cpus, setup),
		cmocka_unit_test_setup(test_xapic_mode_stays_at_home, setup),
		cmocka_unit_test_setup(test_devices_meanwhile, setup),
		cmocka_unit_test_setup(test_what_the_page_keeps, setup),
		cmocka_unit_test_setup(test_needs_x2apic_and_deadline, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
