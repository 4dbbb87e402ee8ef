/* test_msr_policy.c - every MSR is denied but those in the table (B40..B47). */
#include "tests/lib/unit.h"

#include "vmm/msr_policy.h"

#include <spec/kvm_para.h>
#include <spec/x86_msr.h>

#define ALL_FEATURES                                                      \
	(MSR_HAS_RDTSCP | MSR_HAS_SPEC_CTRL | MSR_HAS_ARCH_CAPABILITIES | \
	 MSR_HAS_XSAVES | MSR_HAS_KVMCLOCK | MSR_HAS_STEAL_TIME |         \
	 MSR_HAS_PV_EOI)

static struct {
	uint32_t calls;
	enum guest_msr_place place;
	uint32_t msr;
	uint64_t value;
} last;

static enum status place_read(void *ctx, enum guest_msr_place place,
			      uint32_t msr, uint64_t *value)
{
	(void)ctx;
	last.calls++;
	last.place = place;
	last.msr = msr;
	*value = 0x1234;
	return OK;
}

static enum status place_write(void *ctx, enum guest_msr_place place,
			       uint32_t msr, uint64_t value)
{
	(void)ctx;
	last.calls++;
	last.place = place;
	last.msr = msr;
	last.value = value;
	return OK;
}

static const struct guest_msr_ops ops = { place_read, place_write };
static struct guest_msrs g;

static int setup(void **state)
{
	const struct msr_host host = { UINT64_MAX, 0xabull << 32, UINT64_MAX };

	(void)state;
	last.calls = 0;
	guest_msrs_init(&g, &ops, NULL, ALL_FEATURES, &host);
	return 0;
}

static bool reads(uint32_t msr)
{
	uint64_t v;

	return guest_msr_read(&g, msr, &v) == OK;
}

static bool writes(uint32_t msr, uint64_t v)
{
	return guest_msr_write(&g, msr, v) == OK;
}

static uint64_t value(uint32_t msr)
{
	uint64_t v = 0;

	assert_int_equal(guest_msr_read(&g, msr, &v), OK);
	return v;
}

/* Nothing of the machine answers: count who does in the whole swept range. */
static void test_default_is_deny(void **state)
{
	uint32_t readable = 0, writable = 0;

	(void)state;
	for (uint32_t base = 0; base < 3; base++) {
		const uint32_t starts[] = { 0, 0x40000000, 0xc0000000 };

		for (uint32_t i = 0; i < 0x2100; i++) {
			readable += reads(starts[base] + i);
			writable += writes(starts[base] + i, 0);
		}
	}
	/* the rows of the table, and the 256 of x2APIC */
	assert_int_equal(readable, 256 + 24);
	assert_int_equal(writable, 256 + 23);
	assert_true(g.denied_count > 40000);
}

static void test_hidden_msrs(void **state)
{
	static const uint32_t hidden[] = {
		MSR_IA32_TSC_ADJUST,
		MSR_IA32_VMX_BASIC,
		MSR_IA32_VMX_EXIT_CTLS2,
		MSR_IA32_MTRRCAP,
		MSR_IA32_MTRR_DEF_TYPE,
		MSR_IA32_MCG_CAP,
		MSR_IA32_MC0_CTL,
		MSR_IA32_PERFEVTSEL0,
		MSR_IA32_DS_AREA,
		MSR_IA32_PERF_GLOBAL_CTRL,
		MSR_IA32_PEBS_ENABLE,
		MSR_IA32_RTIT_CTL,
		MSR_IA32_SMRR_PHYSBASE,
		MSR_IA32_TSX_CTRL,
		MSR_IA32_FLUSH_CMD,
		MSR_PLATFORM_INFO,
		MSR_RAPL_POWER_UNIT,
		MSR_PKG_POWER_LIMIT,
		MSR_IA32_PM_ENABLE,
		MSR_AMD_VM_CR,
		MSR_AMD_VM_HSAVE_PA,
		MSR_IA32_XFD,
		MSR_IA32_CLOCK_MODULATION,
		0x11,
		0x12,
		MSR_KVM_PV_SYSTEM_TIME_NEW + 1, /* asynchronous page faults */
		MSR_KVM_PV_EOI + 1,
		0x1fff,
		0x2000,
		0xbfffffff,
		0xc0002000,
		UINT32_MAX,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(hidden); i++) {
		assert_false(reads(hidden[i]));
		assert_false(writes(hidden[i], 0));
	}
	assert_int_equal(last.calls, 0);
}

static void test_features_gate_their_msrs(void **state)
{
	static const uint32_t msrs[] = {
		MSR_IA32_SPEC_CTRL, MSR_IA32_ARCH_CAPABILITIES,
		MSR_IA32_XSS,       MSR_KVM_PV_SYSTEM_TIME_NEW,
		MSR_IA32_TSC_AUX,   MSR_KVM_PV_STEAL_TIME,
		MSR_KVM_PV_EOI,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(msrs); i++) {
		assert_true(reads(msrs[i]));
	}
	g.features = 0;
	for (size_t i = 0; i < ARRAY_COUNT(msrs); i++) {
		assert_false(reads(msrs[i]));
		assert_false(writes(msrs[i], 0));
	}
	assert_false(writes(MSR_IA32_PRED_CMD, 1));
}

/* What kernels for PCs do not ask CPUID about. */
static void test_msrs_of_a_pc(void **state)
{
	static const uint32_t mtrrs[] = { 0x200, 0x20f, 0x250, 0x258,
					  0x259, 0x268, 0x26f, 0x2ff };

	(void)state;
	assert_false(reads(MSR_AMD_PERF_EVT_SEL_0));
	assert_false(writes(MSR_AMD_SYSCFG, 0));
	g.features |= MSR_HAS_PC;
	for (size_t i = 0; i < ARRAY_COUNT(mtrrs); i++) {
		assert_true(reads(mtrrs[i]));
		assert_true(writes(mtrrs[i], 6));
		assert_int_equal(last.place, GUEST_MSR_MTRR);
		assert_int_equal(last.msr, mtrrs[i]);
	}
	assert_true(reads(MSR_IA32_MTRRCAP));
	assert_false(writes(MSR_IA32_MTRRCAP, 0x508));
	for (uint32_t msr = MSR_AMD_PERF_EVT_SEL_0; msr <= MSR_AMD_PERF_CTR_3;
	     msr++) {
		assert_int_equal(value(msr), 0);
		assert_true(writes(msr, 0));
		assert_false(writes(msr, 1));
	}
	assert_int_equal(value(MSR_AMD_SYSCFG), 0);
	assert_false(reads(MSR_AMD_SYSCFG + 1));
}

static void test_fixed_values(void **state)
{
	const struct msr_host none = { 0, 0, 0 };

	(void)state;
	assert_int_equal(value(MSR_IA32_FEATURE_CONTROL), 1);
	assert_false(writes(MSR_IA32_FEATURE_CONTROL, 5));
	assert_int_equal(value(MSR_IA32_BIOS_SIGN_ID), 0xabull << 32);
	assert_true(writes(MSR_IA32_BIOS_SIGN_ID, 0));
	assert_int_equal(value(MSR_IA32_BIOS_SIGN_ID), 0xabull << 32);
	assert_true(writes(MSR_IA32_BIOS_UPDT_TRIG, 0xffff0000));
	assert_false(reads(MSR_IA32_BIOS_UPDT_TRIG));
	assert_int_equal(value(MSR_IA32_MISC_ENABLE), 0x1801);
	assert_int_equal(value(MSR_AMD_HWCR), 1u << 24);
	assert_true(writes(MSR_AMD_HWCR, UINT64_MAX));
	assert_int_equal(value(MSR_AMD_HWCR), 1u << 24);
	assert_int_equal(value(MSR_AMD_NB_CFG), 0);
	assert_true(writes(MSR_AMD_NB_CFG, 1ull << 46));
	assert_int_equal(value(MSR_AMD_INTERRUPT_PENDING), 0);
	assert_false(writes(MSR_AMD_INTERRUPT_PENDING, 0));
	assert_true(writes(MSR_IA32_MISC_ENABLE, UINT64_MAX));
	assert_int_equal(value(MSR_IA32_MISC_ENABLE), 0x1801);
	assert_true(writes(MSR_IA32_DEBUGCTL, 0));
	assert_false(writes(MSR_IA32_DEBUGCTL, DEBUGCTL_LBR));
	assert_false(writes(MSR_IA32_DEBUGCTL, 1 << 7)); /* BTS */
	assert_true(writes(MSR_IA32_XSS, 0));
	assert_false(writes(MSR_IA32_XSS, 1 << 8));
	assert_int_equal(last.calls, 0);
	/* Never a bit that announces another MSR. */
	assert_int_equal(
		value(MSR_IA32_ARCH_CAPABILITIES) &
			(ARCH_CAP_IBRS_ALL | 1 << 7 | 1 << 10 | 1 << 18),
		0);
	guest_msrs_init(&g, &ops, NULL, 0, &none);
	assert_int_equal(value(MSR_IA32_MISC_ENABLE), 0x1800);
	assert_true(value(MSR_IA32_BIOS_SIGN_ID) >= 0x2000014ull << 32);
}

static void test_places(void **state)
{
	/* clang-format off */
	static const struct { uint32_t msr; enum guest_msr_place place; }
	rows[] = {
		{ MSR_IA32_TIME_STAMP_COUNTER, GUEST_MSR_TSC },
		{ MSR_IA32_APIC_BASE, GUEST_MSR_APIC },
		{ MSR_IA32_TSC_DEADLINE, GUEST_MSR_APIC },
		{ MSR_IA32_X2APIC_BASE, GUEST_MSR_APIC },
		{ MSR_IA32_X2APIC_LAST, GUEST_MSR_APIC },
		{ MSR_IA32_EFER, GUEST_MSR_EFER },
		{ MSR_IA32_PAT, GUEST_MSR_PAT },
		{ MSR_IA32_SPEC_CTRL, GUEST_MSR_SPEC_CTRL },
		{ MSR_KVM_PV_WALL_CLOCK_NEW, GUEST_MSR_CLOCK },
		{ MSR_KVM_PV_SYSTEM_TIME_NEW, GUEST_MSR_CLOCK },
		{ MSR_KVM_PV_STEAL_TIME, GUEST_MSR_STEAL_TIME },
		{ MSR_KVM_PV_EOI, GUEST_MSR_PV_EOI },
		{ MSR_IA32_STAR, GUEST_MSR_REGISTER },
		{ MSR_IA32_CSTAR, GUEST_MSR_REGISTER },
		{ MSR_IA32_FMASK, GUEST_MSR_REGISTER },
		{ MSR_IA32_GS_BASE, GUEST_MSR_REGISTER },
		{ MSR_IA32_TSC_AUX, GUEST_MSR_REGISTER },
		{ MSR_IA32_SYSENTER_EIP, GUEST_MSR_REGISTER },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(value(rows[i].msr), 0x1234);
		assert_int_equal(last.place, rows[i].place);
		assert_int_equal(last.msr, rows[i].msr);
		assert_true(writes(rows[i].msr, 0));
		assert_int_equal(last.place, rows[i].place);
	}
}

static void test_non_canonical_addresses(void **state)
{
	static const uint32_t msrs[] = {
		MSR_IA32_LSTAR,          MSR_IA32_CSTAR,
		MSR_IA32_FS_BASE,        MSR_IA32_GS_BASE,
		MSR_IA32_KERNEL_GS_BASE, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(msrs); i++) {
		last.calls = 0;
		assert_false(writes(msrs[i], 0x800000000000));
		assert_false(writes(msrs[i], 0xffff7fffffffffff));
		assert_false(writes(msrs[i], 1ull << 63));
		assert_int_equal(last.calls, 0);
		assert_true(writes(msrs[i], 0x7fffffffffff));
		assert_true(writes(msrs[i], 0xffff800000000000));
	}
	/* SYSENTER_CS and STAR are no addresses. */
	assert_true(writes(MSR_IA32_STAR, 1ull << 63));
}

static void test_reserved_bits(void **state)
{
	(void)state;
	for (uint32_t bit = 0; bit < 64; bit++) {
		bool efer_ok = bit == 0 || bit == 8 || bit == 10 || bit == 11;

		assert_int_equal(writes(MSR_IA32_EFER, 1ull << bit), efer_ok);
		assert_int_equal(writes(MSR_IA32_SPEC_CTRL, 1ull << bit),
				 bit < 3);
		assert_int_equal(writes(MSR_IA32_PRED_CMD, 1ull << bit),
				 bit == 0);
		assert_int_equal(writes(MSR_KVM_PV_STEAL_TIME, 1ull << bit),
				 bit == 0 || bit > 5);
		assert_int_equal(writes(MSR_KVM_PV_EOI, 1ull << bit), bit != 1);
	}
	for (uint64_t type = 0; type < 256; type++) {
		bool ok = type == 0 || type == 1 || (type >= 4 && type <= 7);

		assert_int_equal(writes(MSR_IA32_PAT, type << 56), ok);
		assert_int_equal(writes(MSR_IA32_PAT, type), ok);
	}
}

static void test_open_list_is_sorted_and_harmless(void **state)
{
	struct msr_open o;
	uint32_t iter = 0, previous = 0, count = 0;

	(void)state;
	while (msr_policy_next_open(ALL_FEATURES, &iter, &o)) {
		assert_true(o.first <= o.last);
		assert_true(count == 0 || o.first > previous);
		previous = o.last;
		for (uint32_t m = o.first; m <= o.last; m++, count++) {
			/* in reach of the bitmap, never a control MSR */
			assert_true(m < 0x2000 ||
				    (m >= 0xc0000000 && m < 0xc0002000));
			assert_int_not_equal(m, MSR_IA32_EFER);
			assert_true(o.read);
			assert_int_equal(o.write,
					 m != MSR_IA32_TIME_STAMP_COUNTER);
		}
	}
	assert_int_equal(count, 1 + 3 + 4 + 3 + 1);
	iter = 0;
	while (msr_policy_next_open(0, &iter, &o)) {
		assert_int_not_equal(o.first, MSR_IA32_TSC_AUX);
	}
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_default_is_deny),
		T(test_hidden_msrs),
		T(test_msrs_of_a_pc),
		T(test_features_gate_their_msrs),
		T(test_fixed_values),
		T(test_places),
		T(test_non_canonical_addresses),
		T(test_reserved_bits),
		T(test_open_list_is_sorted_and_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
