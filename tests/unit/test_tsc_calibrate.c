/*
 * test_tsc_calibrate.c - measuring the TSC against a PIT and a PM timer that
 * run on the fake TSC at a known rate.
 */
#include "drivers/phys/pit.h"
#include "drivers/phys/pmtimer.h"
#include "drivers/phys/tsc_calibrate.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>

#define PM_PORT 0xb008

struct model {
	uint64_t khz; /* of the TSC */
	bool pit_is_dead;
	bool pm_is_dead;
	bool ports_are_absent;
	uint64_t smi_ticks; /* lost in the middle of the first measurement */
	uint8_t port_b;
	uint8_t latch[2];
	uint32_t latch_count;
	uint64_t loaded_at;
	uint32_t command_count;
};

static struct model m;

static uint32_t pit_port_b(void)
{
	uint64_t count = m.latch[0] | (uint64_t)m.latch[1] << 8;
	uint64_t gone = (fake_cpu.tsc - m.loaded_at) * PIT_HZ / (m.khz * 1000);
	bool is_out = m.latch_count >= 2 && !m.pit_is_dead && gone >= count;

	if (m.smi_ticks != 0 && m.latch_count >= 2) {
		fake_cpu.tsc += m.smi_ticks;
		m.smi_ticks = 0;
	}
	return (m.port_b & 0x0fu) | (is_out ? 0x20u : 0);
}

static uint32_t model_in(void *ctx, uint16_t port, uint32_t size)
{
	(void)ctx;
	if (m.ports_are_absent) {
		return UINT32_MAX;
	}
	if (port == 0x61) {
		assert_int_equal(size, 1);
		return pit_port_b();
	}
	assert_int_equal(port, PM_PORT);
	assert_int_equal(size, 4);
	/* 24 bits wide, and about to wrap */
	return m.pm_is_dead ? 0x123456
			    : (0xfffff0 +
			       fake_cpu.tsc * PMTIMER_HZ / (m.khz * 1000)) &
				      0xffffff;
}

static void model_out(void *ctx, uint16_t port, uint32_t size, uint32_t value)
{
	(void)ctx;
	assert_int_equal(size, 1);
	if (port == 0x61) {
		m.port_b = (uint8_t)value;
	} else if (port == 0x43) {
		m.latch_count = 0;
		m.command_count++;
	} else {
		assert_int_equal(port, 0x42);
		m.latch[m.latch_count++ & 1] = (uint8_t)value;
		m.loaded_at = fake_cpu.tsc;
	}
}

static const struct fake_io model_io = { .in = model_in, .out = model_out };

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	m.khz = 2400000;
	m.port_b = 0x02;
	fake_cpu_reset();
	fake_cpu.tsc_step = 997;
	fake_io_set(&model_io);
	return 0;
}

static void set_leaf15(uint32_t denominator, uint32_t numerator, uint32_t hz)
{
	const uint32_t max[4] = { 0x16, 0, 0, 0 };
	const uint32_t r[4] = { denominator, numerator, hz, 0 };

	fake_cpu_set_cpuid(0, 0, max);
	fake_cpu_set_cpuid(0x15, 0, r);
}

static void test_pit(void **state)
{
	uint64_t khz;

	(void)state;
	assert_int_equal(pit_measure_tsc(&khz), OK);
	assert_in_range(khz, 2395000, 2405000);
	assert_int_equal(m.port_b, 0x02); /* as it was */
}

static void test_pit_on_a_slow_clock(void **state)
{
	uint64_t khz;

	(void)state;
	m.khz = 50000; /* Bochs at 50 MIPS */
	fake_cpu.tsc_step = 6;
	assert_int_equal(pit_measure_tsc(&khz), OK);
	assert_in_range(khz, 49800, 50200);
}

static void test_pit_dead(void **state)
{
	uint64_t khz = 7;

	(void)state;
	m.pit_is_dead = true;
	assert_int_equal(pit_measure_tsc(&khz), ERR_TIMEOUT);
	assert_true(fake_cpu.tsc < 210000000);
	assert_int_equal(khz, 7);
	setup(NULL);
	m.ports_are_absent = true; /* 0xff: the output is high at once */
	assert_int_equal(pit_measure_tsc(&khz), ERR_TIMEOUT);
}

static void test_pmtimer(void **state)
{
	uint64_t khz = 7;

	(void)state;
	assert_int_equal(pmtimer_measure_tsc(PM_PORT, &khz), OK);
	assert_in_range(khz, 2395000, 2405000);
	assert_int_equal(pmtimer_measure_tsc(0, &khz), ERR_NOENT);
	m.pm_is_dead = true;
	assert_int_equal(pmtimer_measure_tsc(PM_PORT, &khz), ERR_TIMEOUT);
}

static void test_device_is_trusted_over_cpuid(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.khz = 50000;
	fake_cpu.tsc_step = 6;
	set_leaf15(2, 292, 24000000); /* claims 3.504 GHz */
	assert_int_equal(tsc_calibrate(PM_PORT, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PMTIMER);
	assert_int_equal(r.cpuid_khz, 3504000);
	assert_in_range(r.khz, 49800, 50200);
	assert_int_equal(tsc_calibrate(0, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PIT);
	assert_in_range(r.khz, 49800, 50200);
}

static void test_cpuid_is_taken_when_it_agrees(void **state)
{
	struct tsc_rate r;

	(void)state;
	set_leaf15(2, 200, 24000000);
	assert_int_equal(tsc_calibrate(PM_PORT, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_CPUID);
	assert_int_equal(r.khz, 2400000);
	assert_string_equal(tsc_source_text(r.source), "CPUID leaf 15h/16h");
}

static void test_leaf16_and_nonsense(void **state)
{
	const uint32_t base[4] = { 2400, 0, 0, 0 };
	struct tsc_rate r;

	(void)state;
	set_leaf15(0, 200, 24000000); /* would divide by zero */
	fake_cpu_set_cpuid(0x16, 0, base);
	assert_int_equal(tsc_calibrate(0, &r), OK);
	assert_int_equal(r.cpuid_khz, 2400000);
	assert_int_equal(r.source, TSC_SOURCE_CPUID);
}

static void test_dead_pmtimer_falls_back_to_pit(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.pm_is_dead = true;
	assert_int_equal(tsc_calibrate(PM_PORT, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PIT);
	assert_in_range(r.khz, 2395000, 2405000);
}

static void test_one_disturbed_run_does_not_count(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.smi_ticks = 100000000; /* an SMI of 40 ms in the first run */
	assert_int_equal(tsc_calibrate(0, &r), OK);
	assert_in_range(r.khz, 2395000, 2405000);
}

static void test_nothing_tells(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.ports_are_absent = true;
	assert_int_equal(tsc_calibrate(PM_PORT, &r), ERR_TIMEOUT);
	assert_int_equal(r.source, TSC_SOURCE_NONE);
	set_leaf15(2, 200, 24000000);
	assert_int_equal(tsc_calibrate(PM_PORT, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_CPUID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pit, setup),
		cmocka_unit_test_setup(test_pit_on_a_slow_clock, setup),
		cmocka_unit_test_setup(test_pit_dead, setup),
		cmocka_unit_test_setup(test_pmtimer, setup),
		cmocka_unit_test_setup(test_device_is_trusted_over_cpuid,
				       setup),
		cmocka_unit_test_setup(test_cpuid_is_taken_when_it_agrees,
				       setup),
		cmocka_unit_test_setup(test_leaf16_and_nonsense, setup),
		cmocka_unit_test_setup(test_dead_pmtimer_falls_back_to_pit,
				       setup),
		cmocka_unit_test_setup(test_one_disturbed_run_does_not_count,
				       setup),
		cmocka_unit_test_setup(test_nothing_tells, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
