/* selftest_phys.c - the (emulated) machine's own devices and instructions. */
#include "drivers/phys/pit.h"
#include "drivers/phys/rtc_phys.h"
#include "drivers/phys/tsc_calibrate.h"
#include "drivers/phys/uart16550.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <bh/selftest.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

TEST(tsc_is_monotonic)
{
	uint64_t last = time_tsc_ordered();

	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t now = time_tsc_ordered();

		SELFTEST_EXPECT(now > last);
		last = now;
	}
}

/* A processor measures the same twice. One that is a thread of a busy host
 * (QEMU, which its CPUID tells) sleeps at the start or the end of some
 * measurements: one pair of forty must agree. */
TEST(pit_measures_the_same_twice)
{
	uint32_t r[4];
	uint32_t pairs;
	uint64_t first;
	uint64_t second;
	bool is_same = false;

	cpu_cpuid(1, 0, r);
	pairs = (r[CPUID_ECX] & CPUID_1_ECX_HYPERVISOR) != 0 ? 40 : 1;
	for (uint32_t i = 0; i < pairs && !is_same; i++) {
		SELFTEST_EXPECT(pit_measure_tsc(&first) == OK);
		SELFTEST_EXPECT(pit_measure_tsc(&second) == OK);
		uint64_t gap = first > second ? first - second : second - first;

		is_same = gap < first / 50; /* 2 % */
	}
	SELFTEST_EXPECT(is_same);
}

TEST(tsc_rate_is_plausible)
{
	const struct tsc_rulers none = { 0 };
	struct tsc_rate rate;

	SELFTEST_EXPECT(tsc_calibrate(&none, &rate) == OK);
	SELFTEST_EXPECT(rate.khz > 1000 && rate.khz < 20000000);
}

TEST(uart_com1_answers)
{
	SELFTEST_EXPECT(uart16550_probe(UART16550_COM1));
}

TEST(uart_is_not_where_nothing_is)
{
	SELFTEST_EXPECT(!uart16550_probe(0x4300));
}

TEST(rtc_shows_this_century)
{
	uint64_t seconds;

	SELFTEST_EXPECT(rtc_phys_read(0, &seconds) == OK);
	SELFTEST_EXPECT(seconds > 946684800); /* 2000-01-01 */
}

TEST(cpuid_names_a_vendor)
{
	uint32_t r[4];

	cpu_cpuid(0, 0, r);
	SELFTEST_EXPECT(r[CPUID_EAX] >= 1 && r[CPUID_EBX] != 0);
}

TEST(msr_absent_is_survived)
{
	uint64_t v;

	/* Bochs reads absent MSRs as 0, silicon gives #GP: both must return. */
	if (cpu_rdmsr_safe(0x12345678, &v)) {
		SELFTEST_EXPECT(v == 0);
	}
	SELFTEST_EXPECT(cpu_rdmsr_safe(MSR_IA32_APIC_BASE, &v));
	SELFTEST_EXPECT(v == cpu_rdmsr(MSR_IA32_APIC_BASE));
}

TEST(irq_state_nests)
{
	irq_state_t outer = irq_save();
	irq_state_t inner = irq_save();

	SELFTEST_EXPECT(!irq_is_enabled() && !inner.was_enabled);
	irq_restore(inner);
	SELFTEST_EXPECT(!irq_is_enabled());
	irq_restore(outer);
	SELFTEST_EXPECT(irq_is_enabled() == outer.was_enabled);
}
