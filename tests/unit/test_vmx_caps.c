/*
 * test_vmx_caps.c - the negotiation: a plan never enables what is absent, and a
 * refusal names everything that is missing.
 *
 * The property is tried over all combinations of 16 groups of capabilities,
 * and over random combinations of single bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx/vmx_caps.h"

#define ALL_1(allowed_0) (0xffffffff00000000ull | (allowed_0))

/* A CPU that offers everything and forces only the default1 bits. */
static struct vmx_caps full_caps(void)
{
	struct vmx_caps c = {
		.has_vmx = true,
		.feature_control = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX,
		.basic = 0x11 | 1024ull << 32 | 6ull << 50 |
			 VMX_BASIC_TRUE_CONTROLS,
		.pin = ALL_1(0x16),
		.proc = ALL_1(0x0401e172),
		.exit = ALL_1(0x00036dff),
		.entry = ALL_1(0x000011ff),
		.true_pin = ALL_1(0x16),
		.true_proc = ALL_1(0x04006172),
		.true_exit = ALL_1(0x00036dfb),
		.true_entry = ALL_1(0x000011fb),
		.proc2 = ALL_1(0),
		.misc = 5 | 7 << 6 | 4 << 16,
		.cr0_fixed0 = 0x80000021,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = 0x2000,
		.cr4_fixed1 = 0x3767ff,
		.ept_vpid = 0x00000f0106734141ull,
		.cpuid = 0xf,
		.phys_bits = 39,
		.linear_bits = 48,
	};

	return c;
}

static bool word_is_allowed(uint32_t word, uint64_t cap)
{
	return (VMX_ALLOWED_0(cap) & ~word) == 0 &&
	       (word & ~VMX_ALLOWED_1(cap)) == 0;
}

static bool names(const struct feature_notes *n, const char *name)
{
	for (uint32_t i = 0; i < n->count; i++) {
		if (strstr(n->rows[i].name, name)) {
			return true;
		}
	}
	return false;
}

static void assert_plan_is_allowed(const struct vmx_caps *c,
				   const struct vmx_plan *p)
{
	bool t = VMX_HAS_TRUE(c);

	assert_true(word_is_allowed(p->pin, t ? c->true_pin : c->pin));
	assert_true(word_is_allowed(p->proc, t ? c->true_proc : c->proc));
	assert_true(word_is_allowed(p->exit, t ? c->true_exit : c->exit));
	assert_true(word_is_allowed(p->entry, t ? c->true_entry : c->entry));
	assert_true(word_is_allowed(p->proc2, c->proc2));
	assert_int_equal(p->proc &
				 (PROC_CR3_LOAD_EXITING |
				  PROC_CR3_STORE_EXITING | PROC_INVLPG_EXITING |
				  PROC_MOV_DR_EXITING | PROC_PAUSE_EXITING),
			 0);
	assert_int_equal(p->has_vpid, (p->proc2 & PROC2_ENABLE_VPID) != 0);
	assert_int_equal(p->has_tpr_shadow,
			 (p->proc & PROC_USE_TPR_SHADOW) != 0);
	assert_int_equal(p->has_tpr_shadow,
			 (p->proc & PROC_CR8_LOAD_EXITING) == 0);
	assert_int_equal(p->has_apicv,
			 (p->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY) != 0);
	assert_true(!p->has_apicv || p->has_tpr_shadow);
	assert_int_equal((p->eptp_low & EPTP_AD) != 0, p->has_ept_ad);
	assert_true(!p->has_ept_ad || (c->ept_vpid & EPT_CAP_AD));
	assert_true(!p->has_ept_1g || (c->ept_vpid & EPT_CAP_1G));
	assert_true(!p->has_ept_2m || (c->ept_vpid & EPT_CAP_2M));
	assert_true(c->ept_vpid & (p->invept_type == INVEPT_SINGLE_CONTEXT
					   ? EPT_CAP_INVEPT_SINGLE
					   : EPT_CAP_INVEPT_ALL));
}

static void test_full_cpu_gets_everything(void **state)
{
	struct vmx_caps c = full_caps();
	struct vmx_switches s = { 0 };
	struct vmx_refusal why;
	struct vmx_plan p;

	(void)state;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), OK);
	assert_plan_is_allowed(&c, &p);
	assert_true(p.has_vpid && p.has_apicv && p.has_preemption_timer &&
		    p.has_save_preemption_timer && p.has_tsc_scaling &&
		    p.has_ept_1g && p.has_ept_2m && p.has_ept_ad &&
		    p.has_unrestricted_guest && p.has_rdtscp && p.has_invpcid &&
		    p.has_xsaves && p.has_hlt_state);
	assert_true(p.has_ple);
	assert_int_equal(p.preemption_timer_shift, 5);
	assert_int_equal(p.vmcs_revision, 0x11);
	assert_int_equal(p.eptp_low, 0x5e);
	assert_int_equal(p.guest_cr0_must_1, 0x20);
	assert_int_equal(p.notes.count, 0);
	/* decided per entry, so not in the plan's word */
	assert_int_equal(p.entry & ENTRY_IA32E_MODE_GUEST, 0);
	assert_int_equal(p.proc & (PROC_INTERRUPT_WINDOW_EXITING |
				   PROC_NMI_WINDOW_EXITING),
			 0);
	assert_true(p.proc & PROC_UNCONDITIONAL_IO_EXITING);
	assert_false(p.proc & PROC_USE_IO_BITMAPS);
}

static void test_switches(void **state)
{
	static const char *const options[] = {
		"vpid",    "apicv",  "preemption_timer", "tsc_scaling",
		"ept_1g",  "ept_2m", "ept_ad",           "rdtscp",
		"invpcid", "xsaves", "tpr_shadow",       "ple",
	};
	struct vmx_caps c = full_caps();
	struct vmx_switches s = { 0 };
	struct vmx_refusal why;
	struct vmx_plan p;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
		assert_int_equal(vmx_switches_set(&s, options[i],
						  strlen(options[i]), false),
				 OK);
		assert_int_equal(vmx_plan_make(&c, &s, &p, &why), OK);
		assert_plan_is_allowed(&c, &p);
		assert_true(p.notes.count >= i + 1);
	}
	assert_false(p.has_vpid || p.has_apicv || p.has_preemption_timer ||
		     p.has_save_preemption_timer || p.has_tsc_scaling ||
		     p.has_ept_1g || p.has_ept_2m || p.has_ept_ad ||
		     p.has_rdtscp || p.has_invpcid || p.has_xsaves ||
		     p.has_tpr_shadow || p.has_ple);
	assert_int_equal(vmx_switches_set(&s, "vpid", 4, true), OK);
	assert_int_equal(vmx_switches_set(&s, "ple", 3, true), OK);
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), OK);
	assert_true(p.has_vpid && p.has_ple);
	assert_int_equal(vmx_switches_set(&s, "ept", 3, false), ERR_NOENT);
	assert_int_equal(vmx_switches_set(&s, "vpidx", 5, false), ERR_NOENT);
	assert_int_equal(vmx_switches_set(&s, "", 0, false), ERR_NOENT);
}

static void test_refusals_have_remedies(void **state)
{
	struct vmx_switches s = { 0 };
	struct vmx_caps c = { 0 };
	struct vmx_refusal why;
	struct vmx_plan p;
	char line[256];

	(void)state;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.notes.count, 1);
	assert_non_null(strstr(why.notes.rows[0].text, "no VT-x"));

	c = full_caps();
	c.feature_control = FEATURE_CONTROL_LOCK;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.notes.count, 1);
	assert_non_null(strstr(why.notes.rows[0].text, "firmware"));
	c.feature_control |= FEATURE_CONTROL_VMX_IN_SMX;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.notes.rows[0].text, "SMX"));
	c.feature_control = 0;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), OK);
	assert_int_equal(vmx_feature_control(0), 5);
	assert_int_equal(vmx_feature_control(5), 5);
	assert_int_equal(vmx_feature_control(1), 1);

	/* no secondary controls: EPT, unrestricted and WBINVD are named too */
	c = full_caps();
	c.true_proc &= ~((uint64_t)PROC_ACTIVATE_SECONDARY_CONTROLS << 32);
	c.proc2 = 0;
	c.ept_vpid = 0;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_true(names(&why.notes, "activate secondary"));
	assert_true(names(&why.notes, "enable EPT"));
	assert_true(names(&why.notes, "page walks"));
	assert_true(names(&why.notes, "write-back EPT"));
	assert_true(names(&why.notes, "INVEPT"));
	assert_true(names(&why.notes, "unrestricted"));
	assert_true(names(&why.notes, "WBINVD"));
	assert_int_equal(why.notes.count, 7);
	assert_true(feature_note_print(&why.notes.rows[0], line, sizeof(line)) >
		    0);
	assert_string_equal(line, "missing: activate secondary controls: needs "
				  "EPT: Nehalem or newer (nested: let the "
				  "outer one offer it)");
}

static void test_formats_and_fixed_bits(void **state)
{
	struct vmx_switches s = { 0 };
	struct vmx_caps c = full_caps();
	struct vmx_refusal why;
	struct vmx_plan p;

	(void)state;
	c.basic = 0x11 | 8192ull << 32 | VMX_BASIC_TRUE_CONTROLS |
		  VMX_BASIC_32_BIT_ADDRESSES;
	/* CR0.CD forced, CR0.WP forbidden, CR4.LA57 forced, VMXE forbidden */
	c.cr0_fixed0 |= BIT(30);
	c.cr0_fixed1 &= ~BIT(16);
	c.cr4_fixed0 = BIT(12);
	c.cr4_fixed1 &= ~BIT(13);
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.notes.count, 7); /* 8192 & 0x1fff is 0 */
	assert_true(names(&why.notes, "memory type"));
	assert_true(names(&why.notes, "region size"));
	assert_true(names(&why.notes, "address width"));
	assert_true(names(&why.notes, "CR0 bits forced to 1"));
}

static void test_forced_controls(void **state)
{
	struct vmx_switches s = { 0 };
	struct vmx_caps c = full_caps();
	struct vmx_refusal why;
	struct vmx_plan p;

	(void)state;
	/* without TRUE MSRs CR3 exits cannot be turned off */
	c.basic &= ~VMX_BASIC_TRUE_CONTROLS;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.notes.count, 1);
	assert_true(names(&why.notes, "CR3-load"));
	/* with EPT some CPUs report them as free there: accepted */
	c.proc &= ~0x18000ull;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), OK);
	assert_plan_is_allowed(&c, &p);

	c = full_caps();
	c.true_proc |= PROC_RDTSC_EXITING;
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.notes.count, 1);
	assert_int_equal(why.notes.rows[0].bits, PROC_RDTSC_EXITING);
}

static void test_without_tpr_shadow(void **state)
{
	struct vmx_switches s = { 0 };
	struct vmx_caps c = full_caps();
	struct vmx_refusal why;
	struct vmx_plan p;

	(void)state;
	c.true_proc &= ~((uint64_t)PROC_USE_TPR_SHADOW << 32);
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), OK);
	assert_plan_is_allowed(&c, &p);
	assert_false(p.has_apicv);
	c.true_proc &= ~((uint64_t)PROC_CR8_LOAD_EXITING << 32);
	assert_int_equal(vmx_plan_make(&c, &s, &p, &why), ERR_UNSUPPORTED);
	assert_true(names(&why.notes, "CR8"));
}

/* The groups of the exhaustive test: which bits go, and is it fatal? */
struct group {
	size_t member;
	uint64_t mask;
	bool is_required;
	const char *name;
};

#define AT(member) offsetof(struct vmx_caps, member)
#define HIGH(bits) ((uint64_t)(bits) << 32)

static const struct group groups[] = {
	{ AT(true_pin), HIGH(PIN_ACTIVATE_VMX_PREEMPTION_TIMER), false,
	  "activate VMX-preemption timer" },
	{ AT(true_exit), HIGH(EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE), false,
	  "save VMX-preemption timer" },
	{ AT(true_proc), HIGH(PROC_USE_TPR_SHADOW), false, "use TPR shadow" },
	{ AT(proc2), HIGH(PROC2_VIRTUAL_INTERRUPT_DELIVERY), false, "APICv" },
	{ AT(proc2), HIGH(PROC2_ENABLE_VPID), false, "enable VPID" },
	{ AT(ept_vpid), VPID_CAP_SINGLE, false, NULL },
	{ AT(ept_vpid), VPID_CAP_ALL, false, NULL },
	{ AT(ept_vpid), EPT_CAP_1G, false, "1 GiB" },
	{ AT(ept_vpid), EPT_CAP_AD, false, "accessed" },
	{ AT(ept_vpid), EPT_CAP_INVEPT_SINGLE, false, NULL },
	{ AT(proc2), HIGH(PROC2_USE_TSC_SCALING), false, "TSC scaling" },
	{ AT(proc2), HIGH(PROC2_ENABLE_EPT), true, "enable EPT" },
	{ AT(proc2), HIGH(PROC2_UNRESTRICTED_GUEST), true, "unrestricted" },
	{ AT(true_pin), HIGH(PIN_VIRTUAL_NMIS), true, "virtual NMIs" },
	{ AT(true_exit), HIGH(EXIT_SAVE_IA32_PAT), true, "IA32_PAT" },
	{ AT(true_entry), HIGH(ENTRY_IA32E_MODE_GUEST), true, "IA-32e" },
};

static void try_combination(uint32_t missing)
{
	struct vmx_switches s = { 0 };
	struct vmx_caps c = full_caps();
	struct vmx_refusal why;
	struct vmx_plan p;
	bool is_refused = false;
	enum status status;

	for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
		if (missing & (1u << i)) {
			uint64_t *word = (uint64_t *)(void *)((char *)&c +
							      groups[i].member);

			*word &= ~groups[i].mask;
			is_refused |= groups[i].is_required;
		}
	}
	status = vmx_plan_make(&c, &s, &p, &why);
	assert_int_equal(status, is_refused ? ERR_UNSUPPORTED : OK);
	for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
		const struct feature_notes *n =
			groups[i].is_required ? &why.notes : &p.notes;

		if ((missing & (1u << i)) && groups[i].name) {
			assert_true(names(n, groups[i].name));
		}
	}
	if (!is_refused) {
		assert_plan_is_allowed(&c, &p);
	}
}

static void test_all_combinations(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1u << ARRAY_COUNT(groups); i++) {
		try_combination(i);
	}
}

static uint64_t random_64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Mostly ones: three draws or-ed leave one bit in eight clear. */
static uint64_t mostly_ones(uint64_t *seed)
{
	return random_64(seed) | random_64(seed) | random_64(seed);
}

static void test_random_capabilities(void **state)
{
	uint64_t seed = 0x1234567;
	uint32_t accepted = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct vmx_caps c = full_caps();
		struct vmx_switches s = { random_64(&seed) };
		struct vmx_refusal why;
		struct vmx_plan p;
		uint64_t always = i & 1 ? ~0ull : 0;

		c.true_pin &= mostly_ones(&seed) | always | HIGH(0x16) | 0x16;
		c.true_proc &= mostly_ones(&seed) | always | HIGH(0x4006172) |
			       0x4006172;
		c.proc2 &= mostly_ones(&seed) |
			   (i & 1 ? HIGH(PROC2_ENABLE_EPT |
					 PROC2_UNRESTRICTED_GUEST |
					 PROC2_WBINVD_EXITING)
				  : 0);
		c.ept_vpid &= mostly_ones(&seed) | (i & 1 ? 0x6104040 : 0);
		c.misc &= mostly_ones(&seed);
		c.cpuid = (uint32_t)random_64(&seed);
		if (vmx_plan_make(&c, &s, &p, &why) == OK) {
			assert_plan_is_allowed(&c, &p);
			assert_int_equal(why.notes.count, 0);
			accepted++;
		} else {
			assert_true(why.notes.count > 0);
			assert_true(why.notes.count <= FEATURE_NOTE_MAX);
		}
	}
	assert_true(accepted > 1000);
}

static uint32_t asked[64];
static uint32_t asked_count;

static uint64_t fake_rdmsr(uint32_t msr)
{
	struct vmx_caps c = full_caps();

	asked[asked_count++] = msr;
	switch (msr) {
#define X(member, number, condition) \
	case number:                 \
		return c.member;
		VMX_CAPS_MSR_LIST(X)
#undef X
	default:
		fail_msg("MSR 0x%x does not exist", msr);
		return 0;
	}
}

static uint64_t old_rdmsr(uint32_t msr)
{
	/* the first VMX CPUs: no TRUE MSRs, no secondary controls */
	assert_true(msr <= MSR_IA32_VMX_VMCS_ENUM);
	return msr == MSR_IA32_VMX_PROCBASED_CTLS ? 0x77b9fffe0401e172ull : 0;
}

static void test_read_and_compare(void **state)
{
	struct vmx_caps full = full_caps();
	struct vmx_caps c = full;

	(void)state;
#define X(member, number, condition) c.member = 1;
	VMX_CAPS_MSR_LIST(X)
#undef X
	vmx_caps_read(&c, fake_rdmsr);
	assert_int_equal(asked_count, 19);
	assert_null(vmx_caps_difference(&c, &full));
	c.feature_control = 0;
	assert_null(vmx_caps_difference(&c, &full));
	c.proc2 ^= HIGH(1);
	assert_string_equal(vmx_caps_difference(&c, &full), "proc2");
	c = full;
	c.phys_bits++;
	assert_string_equal(vmx_caps_difference(&c, &full), "phys_bits");

	vmx_caps_read(&c, old_rdmsr);
	assert_int_equal(c.true_pin | c.proc2 | c.ept_vpid, 0);

	c.has_vmx = false;
	asked_count = 0;
	vmx_caps_read(&c, fake_rdmsr);
	assert_int_equal(asked_count, 0);
	assert_int_equal(c.basic, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_cpu_gets_everything),
		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_refusals_have_remedies),
		cmocka_unit_test(test_formats_and_fixed_bits),
		cmocka_unit_test(test_forced_controls),
		cmocka_unit_test(test_without_tpr_shadow),
		cmocka_unit_test(test_all_combinations),
		cmocka_unit_test(test_random_capabilities),
		cmocka_unit_test(test_read_and_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
