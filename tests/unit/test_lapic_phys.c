/* test_lapic_phys.c - the local APIC driver, as MSRs and as a register page. */
#include "drivers/phys/lapic_phys.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/x86_msr.h>

#define BASE_ON (0xfee00000ull | APIC_BASE_BSP | APIC_BASE_ENABLE)

static struct lapic_phys l;
static uint32_t page[1024]; /* the register page, by word */
static uint32_t icr_busy_reads;
static uint32_t count_step; /* of the count-down timer, a look */

static uint64_t page_read(void *ctx, uintptr_t reg, uint32_t size)
{
	size_t at = (reg - (uintptr_t)page) / 4;

	(void)ctx;
	assert_int_equal(size, 4);
	assert_true(at < ARRAY_COUNT(page) && reg % 16 == 0);
	if (at == 0x300 / 4 && icr_busy_reads > 0) {
		icr_busy_reads--;
		return page[at] | 1u << 12;
	}
	if (at == 0x390 / 4) {
		return page[0x380 / 4] - count_step;
	}
	return page[at];
}

static void page_write(void *ctx, uintptr_t reg, uint32_t size, uint64_t value)
{
	(void)ctx;
	assert_int_equal(size, 4);
	assert_true(reg % 16 == 0);
	page[(reg - (uintptr_t)page) / 4] = (uint32_t)value;
}

static const struct fake_io page_io = { .mmio_read = page_read,
					.mmio_write = page_write };

static void set_features(bool x2apic, bool deadline, bool apic)
{
	uint32_t r[4] = { 0, 0, 0, 0 };

	r[2] = (x2apic ? 1u << 21 : 0) | (deadline ? 1u << 24 : 0);
	r[3] = apic ? 1u << 9 : 0;
	fake_cpu_set_cpuid(1, 0, r);
}

static int setup(void **state)
{
	static const uint32_t x2apic_msrs[] = {
		MSR_IA32_X2APIC_TPR,        MSR_IA32_X2APIC_EOI,
		MSR_IA32_X2APIC_SIVR,       MSR_IA32_X2APIC_ICR,
		MSR_IA32_X2APIC_LVT_TIMER,  MSR_IA32_X2APIC_LVT_LINT0,
		MSR_IA32_X2APIC_LVT_LINT1,  MSR_IA32_X2APIC_LVT_ERROR,
		MSR_IA32_X2APIC_LVT_PMI,    MSR_IA32_X2APIC_LVT_THERMAL,
		MSR_IA32_X2APIC_INIT_COUNT, MSR_IA32_X2APIC_CUR_COUNT,
		MSR_IA32_X2APIC_DIV_CONF,   MSR_IA32_TSC_DEADLINE,
	};

	(void)state;
	fake_cpu_reset();
	for (size_t i = 0; i < ARRAY_COUNT(x2apic_msrs); i++) {
		fake_cpu_set_msr(x2apic_msrs[i], 0);
	}
	fake_cpu_set_msr(MSR_IA32_APIC_BASE, BASE_ON);
	fake_cpu_set_msr(MSR_IA32_X2APIC_APICID, 0x123);
	/* entries 0..5: no CMCI, so a write to it would be #GP: abort */
	fake_cpu_set_msr(MSR_IA32_X2APIC_VERSION, 5u << 16 | 0x15);
	memset(page, 0, sizeof(page));
	page[0x20 / 4] = 7u << 24;
	page[0x30 / 4] = 3u << 16 | 0x14;
	icr_busy_reads = 0;
	count_step = 0;
	fake_io_set(&page_io);
	set_features(true, true, true);
	return 0;
}

static uint64_t msr(uint32_t number)
{
	return fake_cpu_msr(number)->value;
}

static void test_x2apic_is_turned_on(void **state)
{
	(void)state;
	assert_true(lapic_phys_has_x2apic());
	assert_int_equal(lapic_phys_init(&l, NULL, 0xff), OK);
	assert_true(l.is_x2apic);
	assert_int_equal(l.id, 0x123);
	assert_int_equal(msr(MSR_IA32_APIC_BASE), BASE_ON | APIC_BASE_X2APIC);
	assert_int_equal(msr(MSR_IA32_X2APIC_SIVR), 0x1ff);
	assert_int_equal(msr(MSR_IA32_X2APIC_LVT_TIMER), 0x10000);
	assert_int_equal(msr(MSR_IA32_X2APIC_LVT_LINT0), 0x10000);
	assert_int_equal(msr(MSR_IA32_X2APIC_LVT_THERMAL), 0x10000);
}

static void test_x2apic_stays_on(void **state)
{
	(void)state;
	fake_cpu_set_msr(MSR_IA32_APIC_BASE, BASE_ON | APIC_BASE_X2APIC);
	assert_int_equal(lapic_phys_init(&l, NULL, 0xff), OK);
	/* never written: no path may go through "off" */
	assert_int_equal(fake_cpu_msr(MSR_IA32_APIC_BASE)->write_count, 0);
}

static void test_page_is_used_without_x2apic(void **state)
{
	(void)state;
	set_features(false, true, true);
	assert_int_equal(lapic_phys_init(&l, page, 0xef), OK);
	assert_false(l.is_x2apic);
	assert_int_equal(l.id, 7);
	assert_int_equal(page[0xf0 / 4], 0x1ef);
	assert_int_equal(page[0x320 / 4], 0x10000);
	assert_int_equal(page[0x350 / 4], 0x10000);
	assert_int_equal(page[0x340 / 4], 0); /* entry 4 does not exist */
	page[0xb0 / 4] = 1;
	lapic_phys_eoi(&l);
	assert_int_equal(page[0xb0 / 4], 0);
}

static void test_refusals(void **state)
{
	(void)state;
	set_features(false, true, true);
	assert_int_equal(lapic_phys_init(&l, NULL, 0xff), ERR_INVALID);
	set_features(true, true, false);
	assert_int_equal(lapic_phys_init(&l, page, 0xff), ERR_HARDWARE);
	set_features(true, true, true);
	fake_cpu_msr(MSR_IA32_APIC_BASE)->is_read_only = true;
	assert_int_equal(lapic_phys_init(&l, page, 0xff), ERR_HARDWARE);
}

static void test_deadline_timer(void **state)
{
	(void)state;
	assert_int_equal(lapic_phys_init(&l, NULL, 0xff), OK);
	assert_int_equal(lapic_phys_timer_init(&l, 0x40, 1000, true), OK);
	assert_true(l.has_deadline);
	assert_int_equal(msr(MSR_IA32_X2APIC_LVT_TIMER), 0x40 | 1u << 18);
	lapic_phys_timer_arm(&l, 123456789);
	assert_int_equal(msr(MSR_IA32_TSC_DEADLINE), 123456789);
	lapic_phys_timer_arm(&l, 0); /* 0 would disarm: it is in the past */
	assert_int_equal(msr(MSR_IA32_TSC_DEADLINE), 1);
	lapic_phys_timer_stop(&l);
	assert_int_equal(msr(MSR_IA32_TSC_DEADLINE), 0);
}

static void test_count_down_timer(void **state)
{
	(void)state;
	set_features(false, true, true);
	assert_int_equal(lapic_phys_init(&l, page, 0xff), OK);
	/* 2 ms of a 1 MHz TSC are 2,000 ticks; the timer counts 1,000 */
	count_step = 1000;
	assert_int_equal(lapic_phys_timer_init(&l, 0x40, 1000, false), OK);
	assert_in_range(l.timer_khz, 495, 505);
	assert_int_equal(page[0x320 / 4], 0x40);
	assert_int_equal(page[0x3e0 / 4], 0xb);
	lapic_phys_timer_arm(&l, fake_cpu.tsc + 10001);
	assert_in_range(page[0x380 / 4], 4900, 5100);
	lapic_phys_timer_arm(&l, 1); /* long past: at once */
	assert_int_equal(page[0x380 / 4], 1);
	lapic_phys_timer_arm(&l, UINT64_MAX);
	assert_int_equal(page[0x380 / 4], UINT32_MAX);
	lapic_phys_timer_stop(&l);
	assert_int_equal(page[0x380 / 4], 0);
}

static void test_dead_timer(void **state)
{
	(void)state;
	assert_int_equal(lapic_phys_init(&l, NULL, 0xff), OK);
	fake_cpu_set_msr(MSR_IA32_X2APIC_CUR_COUNT, UINT32_MAX);
	assert_int_equal(lapic_phys_timer_init(&l, 0x40, 1000, false),
			 ERR_TIMEOUT);
	assert_int_equal(lapic_phys_timer_init(&l, 15, 1000, true), ERR_RANGE);
	assert_int_equal(lapic_phys_timer_init(&l, 0x40, 0, true), ERR_RANGE);
}

static void test_ipi_x2apic(void **state)
{
	(void)state;
	assert_int_equal(lapic_phys_init(&l, NULL, 0xff), OK);
	assert_int_equal(lapic_phys_send_ipi(&l, 0x1234, 0x51), OK);
	assert_int_equal(msr(MSR_IA32_X2APIC_ICR), 0x123400004051);
	assert_int_equal(lapic_phys_send_nmi(&l, 2), OK);
	assert_int_equal(msr(MSR_IA32_X2APIC_ICR), 0x200004400);
	assert_int_equal(lapic_phys_send_init(&l, 2), OK);
	assert_int_equal(msr(MSR_IA32_X2APIC_ICR), 0x200004500);
	assert_int_equal(lapic_phys_send_startup(&l, 2, 0x8), OK);
	assert_int_equal(msr(MSR_IA32_X2APIC_ICR), 0x200004608);
}

static void test_ipi_page(void **state)
{
	(void)state;
	set_features(false, true, true);
	assert_int_equal(lapic_phys_init(&l, page, 0xff), OK);
	icr_busy_reads = 10;
	assert_int_equal(lapic_phys_send_nmi(&l, 3), OK);
	assert_int_equal(page[0x310 / 4], 3u << 24);
	assert_int_equal(page[0x300 / 4], 0x4400);
	assert_int_equal(lapic_phys_send_ipi(&l, 0xff, 0x51), ERR_RANGE);
	assert_int_equal(lapic_phys_send_ipi(&l, 256, 0x51), ERR_RANGE);
	icr_busy_reads = UINT32_MAX;
	assert_int_equal(lapic_phys_send_ipi(&l, 3, 0x51), ERR_TIMEOUT);
	assert_int_equal(page[0x300 / 4], 0x4400); /* nothing was sent */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_x2apic_is_turned_on, setup),
		cmocka_unit_test_setup(test_x2apic_stays_on, setup),
		cmocka_unit_test_setup(test_page_is_used_without_x2apic, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_deadline_timer, setup),
		cmocka_unit_test_setup(test_count_down_timer, setup),
		cmocka_unit_test_setup(test_dead_timer, setup),
		cmocka_unit_test_setup(test_ipi_x2apic, setup),
		cmocka_unit_test_setup(test_ipi_page, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
