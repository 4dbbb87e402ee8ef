/* test_pv_call.c - hypercalls: IPIs to many, kick, yield, and wrong ones. */
#include "tests/lib/unit.h"

#include "tests/lib/apic_set.h"
#include "vmm/pv_call.h"

#include <spec/kvm_para.h>

#define ALL                                                      \
	(KVM_PV_FEATURE_PV_UNHALT | KVM_PV_FEATURE_PV_SEND_IPI | \
	 KVM_PV_FEATURE_PV_SCHED_YIELD)

static struct pv_call_result last;

static int setup(void **state)
{
	(void)state;
	apic_set_init(16);
	return 0;
}

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c,
		    uint64_t d)
{
	const struct pv_call x = { number, { a, b, c, d }, true, ALL };

	last = pv_call(&apic_set, &apics[3], &x);
	return last.value;
}

static int64_t ipi(uint64_t low, uint64_t high, uint64_t min, uint64_t icr)
{
	return call(KVM_HYPERCALL_SEND_IPI, low, high, min, icr);
}

static void test_send_ipi(void **state)
{
	(void)state;
	assert_int_equal(ipi(0x8009, 0, 0, 0x41), 3);
	assert_int_equal(apic_set_pending(0x41), 0x8009);
	assert_int_equal(apic_notifies[3], 0); /* the caller's own: at once */
	assert_int_equal(apic_notifies[0], 1);
	assert_int_equal(apic_notifies[15], 1);
	assert_int_equal(last.action, PV_CALL_NONE);
	/* the first bit is any id */
	assert_int_equal(ipi(5, 0, 11, 0x42), 2);
	assert_int_equal(apic_set_pending(0x42), 5u << 11);
	/* those that do not exist are not counted */
	assert_int_equal(ipi(UINT64_MAX, UINT64_MAX, 0, 0x43), 16);
	assert_int_equal(apic_set_pending(0x43), 0xffff);
	assert_int_equal(ipi(UINT64_MAX, UINT64_MAX, 15, 0x44), 1);
	assert_int_equal(ipi(UINT64_MAX, UINT64_MAX, 16, 0x45), 0);
	assert_int_equal(ipi(UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x45), 0);
	assert_int_equal(ipi(UINT64_MAX, UINT64_MAX, UINT64_MAX - 63, 0x45), 0);
	assert_int_equal(ipi(0, 0, 0, 0x45), 0);
	assert_int_equal(apic_set_pending(0x45), 0);
	/* a disabled one does not count either */
	assert_int_equal(
		vlapic_msr_write(&apics[2], MSR_IA32_X2APIC_SIVR, 0xff), OK);
	assert_int_equal(ipi(6, 0, 0, 0x46), 1);
	assert_int_equal(apic_set_pending(0x46), 2);
}

static void test_high_word(void **state)
{
	const struct pv_call narrow = {
		KVM_HYPERCALL_SEND_IPI | 1ull << 32,
		{ 2 | 1ull << 33, 1 | 1ull << 40, 1ull << 32, 0x42 },
		false,
		ALL,
	};

	(void)state;
	apic_set_init(64);
	assert_int_equal(ipi(1, 0, 0, 0x41), 1);
	assert_int_equal(ipi(1ull << 63, 1, 0, 0x41), 1); /* 64 is nobody */
	assert_int_equal(apic_set_pending(0x41), 1 | 1ull << 63);
	/* 32-bit code: the second word starts at 32, upper halves are void */
	last = pv_call(&apic_set, &apics[3], &narrow);
	assert_int_equal(last.value, 2);
	assert_int_equal(apic_set_pending(0x42), 2 | 1ull << 32);
}

static void test_nmi(void **state)
{
	(void)state;
	assert_int_equal(ipi(0xc, 0, 0, 0x400), 2);
	assert_int_equal(apic_nmis[3], 1);
	assert_int_equal(apic_set_signalled(VLAPIC_SIGNAL_NMI), 1u << 2);
}

static void test_bad_icr(void **state)
{
	static const uint64_t bad[] = {
		0x0f,       0,       0x800 | 0x41, 0x40041,
		0x80041,    0xc0041, 0x141,        0x241,
		0x341,      0x500,   0x608,        0x741,
		0x1041,     0x2041,  0x100041,     1ull << 32 | 0x41,
		UINT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(ipi(UINT64_MAX, UINT64_MAX, 0, bad[i]),
				 KVM_HYPERCALL_EINVAL);
	}
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(apic_notifies[i], 0);
		assert_int_equal(vlapic_highest_irr(&apics[i]), -1);
	}
	/* assert and trigger mode are no matter */
	assert_int_equal(ipi(1, 0, 0, 0xc041), 1);
	(void)apic_set_pending(0x41);
	assert_false(vlapic_is_level(&apics[0], 0x41));
}

static void test_kick_and_yield(void **state)
{
	(void)state;
	assert_int_equal(call(KVM_HYPERCALL_KICK_CPU, 99, 5, 0, 0), 0);
	assert_int_equal(last.action, PV_CALL_KICK);
	assert_int_equal(last.target, 5);
	assert_int_equal(call(KVM_HYPERCALL_SCHED_YIELD, 15, 1, 0, 0), 0);
	assert_int_equal(last.action, PV_CALL_YIELD);
	assert_int_equal(last.target, 15);
	/* itself, nobody */
	assert_int_equal(call(KVM_HYPERCALL_KICK_CPU, 0, 3, 0, 0), 0);
	assert_int_equal(last.action, PV_CALL_NONE);
	assert_int_equal(call(KVM_HYPERCALL_SCHED_YIELD, 16, 0, 0, 0), 0);
	assert_int_equal(last.action, PV_CALL_NONE);
	assert_int_equal(call(KVM_HYPERCALL_KICK_CPU, 0, UINT64_MAX, 0, 0), 0);
	assert_int_equal(last.action, PV_CALL_NONE);
}

static void test_unknown_and_not_offered(void **state)
{
	static const uint64_t numbers[] = { KVM_HYPERCALL_KICK_CPU,
					    KVM_HYPERCALL_SEND_IPI,
					    KVM_HYPERCALL_SCHED_YIELD };

	(void)state;
	for (uint64_t n = 0; n < 64; n++) {
		bool known = n == 5 || n == 10 || n == 11;

		assert_int_equal(call(n, 0, 0, 0, 0x41) != KVM_HYPERCALL_ENOSYS,
				 known);
	}
	assert_int_equal(call(UINT64_MAX, 1, 1, 1, 0x41), KVM_HYPERCALL_ENOSYS);
	assert_int_equal(call(1ull << 32 | 10, 1, 0, 0, 0x41),
			 KVM_HYPERCALL_ENOSYS);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		const struct pv_call x = {
			numbers[i], { 1, 1, 0, 0x41 }, true, 0
		};

		last = pv_call(&apic_set, &apics[3], &x);
		assert_int_equal(last.value, KVM_HYPERCALL_ENOSYS);
		assert_int_equal(last.action, PV_CALL_NONE);
	}
	assert_int_equal(apic_set_pending(0x41), 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_send_ipi),
		T(test_high_word),
		T(test_nmi),
		T(test_bad_icr),
		T(test_kick_and_yield),
		T(test_unknown_and_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
