/* test_pvclock.c - kvmclock's scale, page and protocol. */
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "vmm/pvclock.h"

#include <errno.h>
#include <linux/kvm_para.h>
#include <spec/kvm_para.h>
#include <string.h>

static struct gmem gm;
static struct pvclock c;

static int setup(void **state)
{
	(void)state;
	big_gmem_init(&gm, 4, 0);
	pvclock_init(&c, &gm, 1000000, 500, 1700000000123456789ull);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static void test_scale_is_exact_enough(void **state)
{
	static const uint32_t khz[] = { 1,       1000,       50000,   999999,
					1000000, 1000001,    2500000, 3500000,
					4294967, 4294967295u };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(khz); i++) {
		uint64_t ticks = (uint64_t)khz[i] * 1000 * 3600; /* an hour */
		uint64_t ns, error;
		uint32_t mul;
		int8_t shift;

		pvclock_scale(khz[i], &mul, &shift);
		ns = pvclock_ticks_to_ns(ticks, mul, shift);
		error = ns > 3600000000000ull ? ns - 3600000000000ull
					      : 3600000000000ull - ns;
		assert_true(error < 10000); /* 10 us in an hour */
		/* A guest may keep a delta of a day in 64 bits. */
		assert_true(shift < 21);
	}
	assert_int_equal(pvclock_ticks_to_ns(1000, 0x80000000, 1), 1000);
	assert_int_equal(pvclock_ticks_to_ns(4096, 0xffffffff, -12), 0);
}

static void test_page(void **state)
{
	struct pvclock_vcpu_time_info t;
	uint64_t v;

	(void)state;
	assert_int_equal(pvclock_msr_write(&c, MSR_KVM_PV_SYSTEM_TIME_NEW,
					   0x3001, 1000500),
			 OK);
	assert_int_equal(gmem_read(&gm, gpa(0x3000), &t, sizeof(t)), OK);
	assert_int_equal(t.version, 2);
	assert_int_equal(t.flags, PVCLOCK_TSC_STABLE_BIT);
	assert_int_equal(t.tsc_timestamp, 1000500);
	assert_in_range(t.system_time, 999999, 1000000);
	assert_int_equal(pvclock_msr_read(&c, MSR_KVM_PV_SYSTEM_TIME_NEW, &v),
			 OK);
	assert_int_equal(v, 0x3001);
	assert_int_equal(pvclock_msr_write(&c, MSR_KVM_PV_SYSTEM_TIME_NEW,
					   0x3001, 2000500),
			 OK);
	assert_int_equal(gmem_read(&gm, gpa(0x3000), &t, sizeof(t)), OK);
	assert_int_equal(t.version, 4);
	assert_in_range(t.system_time, 1999999, 2000000);
}

static void test_unstable(void **state)
{
	struct pvclock_vcpu_time_info t;

	(void)state;
	assert_int_equal(pvclock_msr_write(&c, MSR_KVM_PV_SYSTEM_TIME_NEW,
					   0x3041, 1000500),
			 OK);
	assert_int_equal(gmem_read(&gm, gpa(0x3040), &t, sizeof(t)), OK);
	assert_int_equal(t.flags, PVCLOCK_TSC_STABLE_BIT);
	pvclock_set_unstable(&c);
	assert_int_equal(pvclock_msr_write(&c, MSR_KVM_PV_SYSTEM_TIME_NEW,
					   0x3041, 1000500),
			 OK);
	assert_int_equal(gmem_read(&gm, gpa(0x3040), &t, sizeof(t)), OK);
	assert_int_equal(t.flags, 0);
}

static void test_off_stays_off(void **state)
{
	uint8_t page[32], zero[32] = { 0 };

	(void)state;
	assert_int_equal(
		pvclock_msr_write(&c, MSR_KVM_PV_SYSTEM_TIME_NEW, 0x3000, 1),
		OK);
	assert_int_equal(gmem_read(&gm, gpa(0x3000), page, 32), OK);
	assert_memory_equal(page, zero, 32);
}

static void test_wall_clock(void **state)
{
	struct pvclock_wall_clock w;

	(void)state;
	assert_int_equal(
		pvclock_msr_write(&c, MSR_KVM_PV_WALL_CLOCK_NEW, 0x2000, 9999),
		OK);
	assert_int_equal(gmem_read(&gm, gpa(0x2000), &w, sizeof(w)), OK);
	assert_int_equal(w.version, 2);
	assert_int_equal(w.sec, 1700000000);
	assert_int_equal(w.nsec, 123456789);
}

static void test_bad_addresses(void **state)
{
	static const uint64_t bad[] = {
		MIB(4) - 8, MIB(4), 0x3002, GIB(3), UINT64_MAX & ~3ull, GIB(4),
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(pvclock_msr_write(&c,
						   MSR_KVM_PV_SYSTEM_TIME_NEW,
						   bad[i] | 1, 1),
				 ERR_INVALID);
		assert_int_equal(pvclock_msr_write(&c,
						   MSR_KVM_PV_WALL_CLOCK_NEW,
						   bad[i], 1),
				 ERR_INVALID);
	}
	assert_int_equal(pvclock_msr_read(&c, MSR_KVM_PV_SYSTEM_TIME_NEW, &v),
			 OK);
	assert_int_equal(v, 0);
	assert_int_equal(pvclock_msr_read(&c, 0x4b564d02, &v), ERR_INVALID);
	assert_int_equal(pvclock_msr_write(&c, 0x4b564d02, 0, 0), ERR_INVALID);
	assert_int_equal(big_gmem_populated(&gm), 0);
}

/* Our numbers are the kernel's. */
static void test_numbers_match_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(MSR_KVM_PV_WALL_CLOCK_NEW, MSR_KVM_WALL_CLOCK_NEW);
	assert_int_equal(MSR_KVM_PV_SYSTEM_TIME_NEW, MSR_KVM_SYSTEM_TIME_NEW);
	assert_int_equal(KVM_LEAF_SIGNATURE, KVM_CPUID_SIGNATURE);
	assert_int_equal(KVM_LEAF_FEATURES, KVM_CPUID_FEATURES);
	assert_int_equal(KVM_PV_FEATURE_NOP_IO_DELAY,
			 1u << KVM_FEATURE_NOP_IO_DELAY);
	assert_int_equal(KVM_PV_FEATURE_CLOCKSOURCE2,
			 1u << KVM_FEATURE_CLOCKSOURCE2);
	assert_int_equal(KVM_PV_FEATURE_CLOCK_STABLE,
			 1u << KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
	assert_int_equal(KVM_PV_FEATURE_MSI_EXT_DEST_ID,
			 1u << KVM_FEATURE_MSI_EXT_DEST_ID);
	assert_int_equal(KVM_PV_FEATURE_STEAL_TIME,
			 1u << KVM_FEATURE_STEAL_TIME);
	assert_int_equal(MSR_KVM_PV_STEAL_TIME, MSR_KVM_STEAL_TIME);
	assert_int_equal(KVM_PV_STEAL_TIME_ENABLE, KVM_MSR_ENABLED);
	assert_int_equal(KVM_PV_STEAL_TIME_RESERVED, KVM_STEAL_RESERVED_MASK);
	assert_int_equal(KVM_PV_VCPU_PREEMPTED, KVM_VCPU_PREEMPTED);
	assert_int_equal(KVM_PV_VCPU_FLUSH_TLB, KVM_VCPU_FLUSH_TLB);
	assert_int_equal(sizeof(struct kvm_pv_steal_time),
			 sizeof(struct kvm_steal_time));
	assert_int_equal(offsetof(struct kvm_pv_steal_time, version),
			 offsetof(struct kvm_steal_time, version));
	assert_int_equal(offsetof(struct kvm_pv_steal_time, preempted),
			 offsetof(struct kvm_steal_time, preempted));
	assert_int_equal(MSR_KVM_PV_EOI, MSR_KVM_PV_EOI_EN);
	assert_int_equal(KVM_PV_EOI_ENABLE, KVM_MSR_ENABLED);
	assert_int_equal(KVM_PV_EOI_PENDING, KVM_PV_EOI_ENABLED);
	assert_int_equal(KVM_HYPERCALL_KICK_CPU, KVM_HC_KICK_CPU);
	assert_int_equal(KVM_HYPERCALL_SEND_IPI, KVM_HC_SEND_IPI);
	assert_int_equal(KVM_HYPERCALL_SCHED_YIELD, KVM_HC_SCHED_YIELD);
	assert_int_equal(-KVM_HYPERCALL_EPERM, KVM_EPERM);
	assert_int_equal(-KVM_HYPERCALL_EINVAL, KVM_EINVAL);
	assert_int_equal(-KVM_HYPERCALL_ENOSYS, KVM_ENOSYS);
	assert_int_equal(KVM_PV_FEATURE_PV_EOI, 1u << KVM_FEATURE_PV_EOI);
	assert_int_equal(KVM_PV_FEATURE_PV_UNHALT, 1u << KVM_FEATURE_PV_UNHALT);
	assert_int_equal(KVM_PV_FEATURE_PV_TLB_FLUSH,
			 1u << KVM_FEATURE_PV_TLB_FLUSH);
	assert_int_equal(KVM_PV_FEATURE_PV_SEND_IPI,
			 1u << KVM_FEATURE_PV_SEND_IPI);
	assert_int_equal(KVM_PV_FEATURE_PV_SCHED_YIELD,
			 1u << KVM_FEATURE_PV_SCHED_YIELD);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_scale_is_exact_enough),
		T(test_page),
		T(test_unstable),
		T(test_off_stays_off),
		T(test_wall_clock),
		T(test_bad_addresses),
		T(test_numbers_match_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
