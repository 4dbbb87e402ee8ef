/*
 * test_tsc_calibrate.c - measuring the TSC against a PIT, a PM timer and an
 * HPET that run on the fake TSC at a known rate.
 */
#include "drivers/phys/hpet.h"
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
	bool hpet_is_absent;
	bool hpet_is_dead;
	uint32_t hpet_capabilities;
	uint32_t hpet_period; /* femtoseconds a tick, as told */
	uint32_t hpet_config;
	uint32_t hpet_config_seen; /* while the counter was read */
	uint32_t pm_percent;       /* rate of the PM timer */
	uint32_t hpet_percent;
};

static struct model m;
static uint8_t hpet[HPET_SIZE];
static const struct tsc_rulers no_ruler;
static const struct tsc_rulers pm_only = { .pmtimer_port = PM_PORT };
static const struct tsc_rulers hpet_only = { .hpet = hpet };
static const struct tsc_rulers both = { PM_PORT, hpet };

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
			    : (0xfffff0 + fake_cpu.tsc * PMTIMER_HZ /
						  (m.khz * 1000) *
						  m.pm_percent / 100) &
				      0xffffff;
}

/* 10 ms before the end of what 32 bits hold */
static uint32_t hpet_counter(void)
{
	uint64_t ns = fake_cpu.tsc * 1000000 / m.khz;

	m.hpet_config_seen = m.hpet_config;
	if (m.hpet_is_dead || (m.hpet_config & 1) == 0) {
		return 0x1234;
	}
	return (uint32_t)(0xfffffff0 + ns * 10000 / (m.hpet_period / 100) *
					       m.hpet_percent / 100);
}

static uint64_t model_read(void *ctx, uintptr_t reg, uint32_t size)
{
	(void)ctx;
	assert_int_equal(size, 4);
	if (m.hpet_is_absent) {
		return UINT32_MAX;
	}
	switch (reg - (uintptr_t)hpet) {
	case 0x00:
		return m.hpet_capabilities;
	case 0x04:
		return m.hpet_period;
	case 0x10:
		return m.hpet_config;
	default:
		assert_int_equal(reg - (uintptr_t)hpet, 0xf0);
		return hpet_counter();
	}
}

static void model_write(void *ctx, uintptr_t reg, uint32_t size, uint64_t value)
{
	(void)ctx;
	assert_int_equal(size, 4);
	assert_int_equal(reg - (uintptr_t)hpet, 0x10); /* nothing else */
	m.hpet_config = (uint32_t)value;
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

static const struct fake_io model_io = { .in = model_in,
					 .out = model_out,
					 .mmio_read = model_read,
					 .mmio_write = model_write };

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	m.khz = 2400000;
	m.port_b = 0x02;
	m.hpet_capabilities = 0x8086a201;
	m.hpet_period = 69841279; /* 14.31818 MHz */
	m.hpet_config = 1;
	m.pm_percent = m.hpet_percent = 100;
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

static void test_hpet(void **state)
{
	uint64_t khz = 7;

	(void)state;
	assert_int_equal(hpet_measure_tsc(hpet, &khz), OK); /* it wraps, too */
	assert_in_range(khz, 2395000, 2405000);
	assert_int_equal(m.hpet_config, 1);
	m.hpet_period = 41666667; /* 24 MHz */
	assert_int_equal(hpet_measure_tsc(hpet, &khz), OK);
	assert_in_range(khz, 2395000, 2405000);
	m.hpet_period = 100000000; /* 10 MHz: the slowest that may be */
	m.khz = 50000;
	fake_cpu.tsc_step = 6;
	assert_int_equal(hpet_measure_tsc(hpet, &khz), OK);
	assert_in_range(khz, 49800, 50200);
}

static void test_hpet_that_is_switched_off(void **state)
{
	uint64_t khz;

	(void)state;
	m.hpet_config = 0x2; /* a legacy route that must stay as it is */
	assert_int_equal(hpet_measure_tsc(hpet, &khz), OK);
	assert_in_range(khz, 2395000, 2405000);
	assert_int_equal(m.hpet_config_seen, 0x3);
	assert_int_equal(m.hpet_config, 0x2);
	m.hpet_config = 0;
	m.hpet_is_dead = true;
	assert_int_equal(hpet_measure_tsc(hpet, &khz), ERR_TIMEOUT);
	assert_int_equal(m.hpet_config, 0);
}

static void test_hpet_dead_or_absent(void **state)
{
	static const uint32_t periods[] = { 0, 99999, 100000001, UINT32_MAX };
	uint64_t khz = 7;

	(void)state;
	assert_int_equal(hpet_measure_tsc(NULL, &khz), ERR_NOENT);
	m.hpet_is_absent = true;
	assert_int_equal(hpet_measure_tsc(hpet, &khz), ERR_NOENT);
	m.hpet_is_absent = false;
	m.hpet_capabilities = 0x8086a200; /* no revision: memory, not a timer */
	assert_int_equal(hpet_measure_tsc(hpet, &khz), ERR_NOENT);
	m.hpet_capabilities = 0x8086a201;
	for (size_t i = 0; i < ARRAY_COUNT(periods); i++) {
		m.hpet_period = periods[i];
		assert_int_equal(hpet_measure_tsc(hpet, &khz), ERR_NOENT);
	}
	m.hpet_period = 69841279;
	m.hpet_is_dead = true;
	assert_int_equal(hpet_measure_tsc(hpet, &khz), ERR_TIMEOUT);
	assert_true(fake_cpu.tsc < 210000000);
	fake_cpu.tsc_step = 0; /* and a TSC that stands still */
	assert_int_equal(hpet_measure_tsc(hpet, &khz), ERR_TIMEOUT);
	assert_int_equal(khz, 7);
}

static void test_hpet_stands_in(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.ports_are_absent = true; /* neither PIT nor PM timer */
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_HPET);
	assert_int_equal(r.check, TSC_SOURCE_NONE);
	assert_int_equal(r.check_khz, 0);
	assert_false(r.is_disputed);
	assert_in_range(r.khz, 2395000, 2405000);
	assert_string_equal(tsc_source_text(r.source), "HPET");
}

static void test_two_that_agree_leave_the_third_alone(void **state)
{
	struct tsc_rate r;

	(void)state;
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PMTIMER);
	assert_int_equal(r.check, TSC_SOURCE_HPET);
	assert_in_range(r.check_khz, 2395000, 2405000);
	assert_int_equal(m.command_count, 0); /* the PIT was not touched */
	assert_int_equal(tsc_calibrate(&hpet_only, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_HPET);
	assert_int_equal(r.check, TSC_SOURCE_PIT);
	assert_false(r.is_disputed);
}

static void test_the_third_decides(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.pm_percent = 150;
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_HPET);
	assert_int_equal(r.check, TSC_SOURCE_PIT);
	assert_in_range(r.khz, 2395000, 2405000);
	assert_false(r.is_disputed);
	m.pm_percent = 100;
	m.hpet_percent = 150;
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PMTIMER);
	assert_int_equal(r.check, TSC_SOURCE_PIT);
	assert_in_range(r.khz, 2395000, 2405000);
	assert_false(r.is_disputed);
}

static void test_no_two_agree(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.pm_percent = 50;
	m.hpet_percent = 150;
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PMTIMER); /* the first */
	assert_true(r.is_disputed);
	m.pit_is_dead = true;
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.check, TSC_SOURCE_HPET);
	assert_true(r.is_disputed);
	set_leaf15(2, 200, 24000000); /* agrees with neither */
	assert_int_equal(tsc_calibrate(&both, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PMTIMER);
}

static void test_device_is_trusted_over_cpuid(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.khz = 50000;
	fake_cpu.tsc_step = 6;
	set_leaf15(2, 292, 24000000); /* claims 3.504 GHz */
	assert_int_equal(tsc_calibrate(&pm_only, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PMTIMER);
	assert_int_equal(r.cpuid_khz, 3504000);
	assert_in_range(r.khz, 49800, 50200);
	assert_int_equal(tsc_calibrate(&no_ruler, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PIT);
	assert_in_range(r.khz, 49800, 50200);
}

static void test_cpuid_is_taken_when_it_agrees(void **state)
{
	struct tsc_rate r;

	(void)state;
	set_leaf15(2, 200, 24000000);
	assert_int_equal(tsc_calibrate(&pm_only, &r), OK);
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
	assert_int_equal(tsc_calibrate(&no_ruler, &r), OK);
	assert_int_equal(r.cpuid_khz, 2400000);
	assert_int_equal(r.source, TSC_SOURCE_CPUID);
}

static void test_dead_pmtimer_falls_back_to_pit(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.pm_is_dead = true;
	assert_int_equal(tsc_calibrate(&pm_only, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_PIT);
	assert_in_range(r.khz, 2395000, 2405000);
}

static void test_one_disturbed_run_does_not_count(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.smi_ticks = 100000000; /* an SMI of 40 ms in the first run */
	assert_int_equal(tsc_calibrate(&no_ruler, &r), OK);
	assert_in_range(r.khz, 2395000, 2405000);
}

static void test_nothing_tells(void **state)
{
	struct tsc_rate r;

	(void)state;
	m.ports_are_absent = true;
	assert_int_equal(tsc_calibrate(&pm_only, &r), ERR_TIMEOUT);
	assert_int_equal(r.source, TSC_SOURCE_NONE);
	set_leaf15(2, 200, 24000000);
	assert_int_equal(tsc_calibrate(&pm_only, &r), OK);
	assert_int_equal(r.source, TSC_SOURCE_CPUID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pit, setup),
		cmocka_unit_test_setup(test_pit_on_a_slow_clock, setup),
		cmocka_unit_test_setup(test_pit_dead, setup),
		cmocka_unit_test_setup(test_pmtimer, setup),
		cmocka_unit_test_setup(test_hpet, setup),
		cmocka_unit_test_setup(test_hpet_that_is_switched_off, setup),
		cmocka_unit_test_setup(test_hpet_dead_or_absent, setup),
		cmocka_unit_test_setup(test_hpet_stands_in, setup),
		cmocka_unit_test_setup(
			test_two_that_agree_leave_the_third_alone, setup),
		cmocka_unit_test_setup(test_the_third_decides, setup),
		cmocka_unit_test_setup(test_no_two_agree, setup),
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
