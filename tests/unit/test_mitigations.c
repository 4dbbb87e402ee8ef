/*
 * test_mitigations.c - the table of flaws over made-up machines, and the writes
 * that come of it.
 */
#include "mitigations.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>
#include <string.h>

#define UCODE_2018                                                           \
	(CPUID_7_EDX_IBRS_IBPB | CPUID_7_EDX_STIBP | CPUID_7_EDX_L1D_FLUSH | \
	 CPUID_7_EDX_SSBD)
#define CASCADE_LAKE_CAPS                                         \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_MDS_NO | \
	 ARCH_CAP_SKIP_L1DFL | ARCH_CAP_TSX_CTRL)
#define ICE_LAKE_CAPS                                                     \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_SKIP_L1DFL |     \
	 ARCH_CAP_MDS_NO | ARCH_CAP_IF_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO | \
	 ARCH_CAP_FB_CLEAR | ARCH_CAP_GDS_CTRL)

/* A machine, and the actions that it needs. */
struct machine {
	const char *name;
	struct cpu_facts facts;
	uint32_t actions;
	const char *open; /* flaws that stay open, blanks around */
};

/* clang-format off */
static const struct machine machines[] = {
	{ "Skylake-SP, no microcode",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x55, .leaf7_ebx = CPUID_7_EBX_RTM },
	  MITIGATE_NX_LARGE,
	  " l1tf mds taa spectre-v1 spectre-v2 spectre-v2-guest rsb bhi "
	  "retbleed gds " },
	{ "Skylake-SP, microcode of 2019, Hyper-Threading",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x55, .leaf7_ebx = CPUID_7_EBX_RTM,
	    .leaf7_edx = UCODE_2018 | CPUID_7_EDX_MD_CLEAR, .has_smt = true },
	  MITIGATE_L1D_FLUSH | MITIGATE_IBRS_SWITCH | MITIGATE_IBPB |
	  MITIGATE_RSB | MITIGATE_NX_LARGE,
	  " spectre-v1 bhi gds smt " },
	{ "Skylake client, L1D flush but no MD_CLEAR",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x5e, .leaf7_edx = UCODE_2018 },
	  MITIGATE_L1D_FLUSH | MITIGATE_IBRS_SWITCH | MITIGATE_IBPB |
	  MITIGATE_RSB | MITIGATE_NX_LARGE,
	  " mds spectre-v1 bhi gds srbds " },
	{ "Cascade Lake",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x55, .leaf7_ebx = CPUID_7_EBX_RTM,
	    .leaf7_edx = UCODE_2018 | CPUID_7_EDX_MD_CLEAR |
			 CPUID_7_EDX_ARCH_CAP,
	    .arch_cap = CASCADE_LAKE_CAPS, .has_smt = true },
	  MITIGATE_IBRS_ALWAYS | MITIGATE_IBPB | MITIGATE_RSB |
	  MITIGATE_TSX_OFF | MITIGATE_NX_LARGE,
	  " spectre-v1 bhi gds " },
	{ "an early Cascade Lake: MDS, and TSX without its switch",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x55, .leaf7_ebx = CPUID_7_EBX_RTM,
	    .leaf7_edx = UCODE_2018 | CPUID_7_EDX_MD_CLEAR,
	    .arch_cap = ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL },
	  MITIGATE_IBRS_ALWAYS | MITIGATE_IBPB | MITIGATE_RSB | MITIGATE_VERW |
	  MITIGATE_NX_LARGE,
	  " spectre-v1 bhi gds " },
	{ "Ice Lake",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x6a,
	    .leaf7_edx = UCODE_2018 | CPUID_7_EDX_MD_CLEAR |
			 CPUID_7_EDX_ARCH_CAP,
	    .leaf7_2_edx = CPUID_72_EDX_BHI_CTRL,
	    .arch_cap = ICE_LAKE_CAPS, .has_smt = true },
	  MITIGATE_IBRS_ALWAYS | MITIGATE_IBPB | MITIGATE_RSB |
	  MITIGATE_BHI_DIS,
	  " spectre-v1 " },
	{ "Tremont: RFDS",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x86,
	    .leaf7_edx = UCODE_2018,
	    .arch_cap = ARCH_CAP_RDCL_NO | ARCH_CAP_MDS_NO |
			ARCH_CAP_IF_PSCHANGE_MC_NO | ARCH_CAP_IBRS_ALL |
			ARCH_CAP_BHI_NO | ARCH_CAP_RFDS_CLEAR },
	  MITIGATE_IBRS_ALWAYS | MITIGATE_IBPB | MITIGATE_RSB | MITIGATE_VERW,
	  " spectre-v1 " },
	{ "Zen 2",
	  { .vendor = CPU_VENDOR_AMD, .family = 0x17, .model = 0x31, .leaf88_ebx = CPUID_88_EBX_IBPB },
	  MITIGATE_IBPB | MITIGATE_RSB,
	  " spectre-v1 spectre-v2 retbleed srso " },
	{ "Zen 4",
	  { .vendor = CPU_VENDOR_AMD, .family = 0x19, .model = 0x11, .leaf88_ebx = CPUID_88_EBX_IBPB,
	    .leaf821_eax = CPUID_821_EAX_AUTO_IBRS |
			   CPUID_821_EAX_VERW_CLEAR, .has_smt = true },
	  MITIGATE_AUTO_IBRS | MITIGATE_IBPB | MITIGATE_RSB | MITIGATE_VERW,
	  " spectre-v1 srso " },
	{ "an emulator's AMD",
	  { .vendor = CPU_VENDOR_AMD, .family = 0xf, .model = 0x6b },
	  0, " spectre-v1 spectre-v2 spectre-v2-guest rsb " },
};
/* clang-format on */

static bool is_open(const struct machine *m, const char *name)
{
	char word[40];

	(void)fmt_print(word, sizeof(word), " %s ", name);
	return strstr(m->open, word) != NULL;
}

/* What stays open on @m is what the table of machines says. */
static void check_open(const struct machine *m)
{
	struct mitigation_row r;

	for (uint32_t n = 0;
	     mitigations_row(&m->facts, MITIGATIONS_AUTO, n, &r); n++) {
		if ((r.state == MITIGATION_VULNERABLE) != is_open(m, r.name)) {
			fail_msg("%s: %s is %s: %s", m->name, r.name,
				 mitigation_state_word(r.state), r.how);
		}
	}
}

static void test_machines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(machines); i++) {
		const struct machine *m = &machines[i];
		uint32_t actions =
			mitigations_actions(&m->facts, MITIGATIONS_AUTO);

		if (actions != m->actions) {
			fail_msg("%s: actions %#x, not %#x", m->name, actions,
				 m->actions);
		}
		check_open(m);
	}
}

/* Every row says something, in the space that it has. */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(machines); i++) {
		for (uint32_t mode = 0; mode < 3; mode++) {
			struct mitigation_row r;
			uint32_t n = 0;

			while (mitigations_row(&machines[i].facts, mode, n++,
					       &r)) {
				assert_true(r.what[0] != '\0');
				assert_true(r.cost[0] != '\0');
				assert_true(strlen(r.how) < 72);
				assert_true(
					(r.how[0] == '\0') ==
					(r.state == MITIGATION_NOT_AFFECTED));
			}
			assert_int_equal(n, 20);
		}
	}
}

static struct mitigation_row
row_of(const struct cpu_facts *f, enum mitigations_mode mode, const char *name)
{
	struct mitigation_row r;

	for (uint32_t n = 0; mitigations_row(f, mode, n, &r); n++) {
		if (strcmp(r.name, name) == 0) {
			return r;
		}
	}
	fail_msg("no row %s", name);
	return r;
}

static void test_off(void **state)
{
	const struct cpu_facts *skylake = &machines[1].facts;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(machines); i++) {
		assert_int_equal(mitigations_actions(&machines[i].facts,
						     MITIGATIONS_OFF),
				 0);
	}
	assert_int_equal(row_of(skylake, MITIGATIONS_OFF, "l1tf").state,
			 MITIGATION_OFF);
	/* what is not done by an action goes on */
	assert_int_equal(row_of(skylake, MITIGATIONS_OFF, "meltdown").state,
			 MITIGATION_DESIGN);
}

static void test_full(void **state)
{
	struct cpu_facts f = machines[5].facts; /* Ice Lake: needs little */
	uint32_t full = mitigations_actions(&f, MITIGATIONS_FULL);

	(void)state;
	/* what there is is used: the flush, which makes VERW needless */
	assert_true((full & MITIGATE_L1D_FLUSH) != 0);
	assert_true((full & MITIGATE_VERW) == 0);
	/* what needs no means of the processor is not forced */
	assert_true((full & MITIGATE_NX_LARGE) == 0);
	assert_int_equal(row_of(&f, MITIGATIONS_FULL, "l1tf").state,
			 MITIGATION_ON);
	/* and what is not there cannot be */
	assert_int_equal(
		mitigations_actions(&machines[9].facts, MITIGATIONS_FULL),
		MITIGATE_VERW | MITIGATE_RSB);
}

/* The row of MDS tells by what it is dealt with. */
static void test_l1d_flush_does_verw(void **state)
{
	struct mitigation_row r =
		row_of(&machines[1].facts, MITIGATIONS_AUTO, "mds");

	(void)state;
	assert_int_equal(r.state, MITIGATION_ON);
	assert_non_null(strstr(r.how, "flush of the L1 data cache"));
	r = row_of(&machines[4].facts, MITIGATIONS_AUTO, "mds");
	assert_non_null(strstr(r.how, "VERW"));
}

/* ---- from a processor ---- */

static void leaf(uint32_t n, uint32_t sub, uint32_t a, uint32_t b, uint32_t c,
		 uint32_t d)
{
	const uint32_t r[4] = { a, b, c, d };

	fake_cpu_set_cpuid(n, sub, r);
}

static int setup(void **state)
{
	(void)state;
	fake_cpu_reset();
	mitigate_init(0);
	return 0;
}

static void test_read_intel(void **state)
{
	struct cpu_facts f;

	(void)state;
	leaf(0, 0, 0x1b, 0x756e6547, 0x6c65746e, 0x49656e69);
	leaf(1, 0, 0x000606a6, 0, 0, 0);
	leaf(7, 0, 2, CPUID_7_EBX_RTM, 0,
	     CPUID_7_EDX_ARCH_CAP | CPUID_7_EDX_MD_CLEAR);
	leaf(7, 2, 0, 0, 0, CPUID_72_EDX_BHI_CTRL);
	leaf(0xb, 0, 1, 2, 0x100, 0);
	mitigations_read(&f); /* it says that the MSR is there: it is not */
	assert_int_equal(f.arch_cap, 0);
	fake_cpu_set_msr(MSR_IA32_ARCH_CAPABILITIES, ICE_LAKE_CAPS);
	mitigations_read(&f);
	assert_int_equal(f.vendor, CPU_VENDOR_INTEL);
	assert_int_equal(f.family, 6);
	assert_int_equal(f.model, 0x6a);
	assert_int_equal(f.leaf7_ebx, CPUID_7_EBX_RTM);
	assert_int_equal(f.leaf7_2_edx, CPUID_72_EDX_BHI_CTRL);
	assert_int_equal(f.arch_cap, ICE_LAKE_CAPS);
	assert_true(f.has_smt);
}

static void test_read_amd(void **state)
{
	struct cpu_facts f;

	(void)state;
	leaf(0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65);
	leaf(1, 0, 0x00a10f11, 0, 0, 0);
	leaf(0x80000000, 0, 0x80000021, 0, 0, 0);
	leaf(0x80000008, 0, 0, CPUID_88_EBX_IBPB, 0, 0);
	leaf(0x80000021, 0, CPUID_821_EAX_AUTO_IBRS, 0, 6, 0);
	mitigations_read(&f);
	assert_int_equal(f.vendor, CPU_VENDOR_AMD);
	assert_int_equal(f.family, 0x19);
	assert_int_equal(f.model, 0x11);
	assert_int_equal(f.leaf88_ebx, CPUID_88_EBX_IBPB);
	assert_int_equal(f.leaf821_ecx, 6);
	assert_false(f.has_smt);
}

static void test_read_nothing(void **state)
{
	struct cpu_facts f;

	(void)state;
	mitigations_read(&f);
	assert_int_equal(f.vendor, CPU_VENDOR_OTHER);
	assert_int_equal(mitigations_actions(&f, MITIGATIONS_AUTO), 0);
}

/* ---- what arch/ writes ---- */

static void test_nothing_is_written_without_need(void **state)
{
	(void)state;
	assert_false(mitigate_is_guarded());
	mitigate_cpu_on(); /* the fake has no MSR: a write would abort */
	mitigate_partition_switch(0, 1);
	mitigate_partition_switch(1, 2);
}

static void test_cpu_on(void **state)
{
	(void)state;
	fake_cpu_set_msr(MSR_IA32_SPEC_CTRL, 0);
	fake_cpu_set_msr(MSR_IA32_TSX_CTRL, 0);
	fake_cpu_set_msr(MSR_IA32_EFER, EFER_LMA);
	mitigate_init(MITIGATE_IBRS_ALWAYS | MITIGATE_BHI_DIS |
		      MITIGATE_TSX_OFF);
	mitigate_cpu_on();
	assert_int_equal(fake_cpu_msr(MSR_IA32_SPEC_CTRL)->value,
			 SPEC_CTRL_IBRS | SPEC_CTRL_BHI_DIS_S);
	assert_int_equal(fake_cpu_msr(MSR_IA32_TSX_CTRL)->value, 3);
	assert_int_equal(fake_cpu_msr(MSR_IA32_EFER)->write_count, 0);
	mitigate_init(MITIGATE_AUTO_IBRS);
	mitigate_cpu_on();
	assert_int_equal(fake_cpu_msr(MSR_IA32_EFER)->value,
			 EFER_LMA | EFER_AIBRSE);
	assert_int_equal(fake_cpu_msr(MSR_IA32_SPEC_CTRL)->write_count, 1);
}

static void test_partition_switch(void **state)
{
	const struct fake_msr *m;

	(void)state;
	fake_cpu_set_msr(MSR_IA32_PRED_CMD, 0);
	m = fake_cpu_msr(MSR_IA32_PRED_CMD);
	mitigate_init(MITIGATE_IBPB | MITIGATE_RSB);
	assert_true(mitigate_is_guarded());
	mitigate_partition_switch(0, 1);
	assert_int_equal(m->write_count, 1);
	assert_int_equal(m->value, PRED_CMD_IBPB);
	mitigate_partition_switch(1, 1);
	assert_int_equal(m->write_count, 1);
	mitigate_partition_switch(1, 2);
	mitigate_partition_switch(2, 1);
	assert_int_equal(m->write_count, 3);
	mitigate_init(MITIGATE_RSB);
	mitigate_partition_switch(1, 2);
	assert_int_equal(m->write_count, 3);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(test_machines),
		T(test_rows),
		T(test_off),
		T(test_full),
		T(test_l1d_flush_does_verw),
		T(test_read_intel),
		T(test_read_amd),
		T(test_read_nothing),
		T(test_nothing_is_written_without_need),
		T(test_cpu_on),
		T(test_partition_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
