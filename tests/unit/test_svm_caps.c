/*
 * test_svm_caps.c - the negotiation: a plan never uses what is absent or
 * switched off, and a refusal names everything that is missing.
 *
 * The property is tried over all combinations of the feature bits that the
 * table knows, with random switches.
 */
#include "tests/lib/unit.h"

#include "arch/x86_64/svm/svm_caps.h"
#include "arch/x86_64/svm/svm_exit.h"

#include <string.h>

#define EDX_ALL (BIT(3) | BIT(26) | BIT(27))

/* A CPU that offers everything. */
static struct svm_caps full_caps(void)
{
	struct svm_caps c = {
		.max_ext_leaf = 0x8000001f,
		.ext_ecx = SVM_EXT_ECX_SVM,
		.ext_edx = EDX_ALL,
		.revision = 1,
		.asid_count = 32768,
		.features = 0xffffffff,
		.vm_cr = 0,
		.phys_bits = 48,
	};

	return c;
}

static bool names(const struct feature_notes *n, enum feature_note_kind kind,
		  const char *name)
{
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->rows[i].kind == kind && strstr(n->rows[i].name, name)) {
			return true;
		}
	}
	return false;
}

/* The bits by the APM's numbers, not by the table under test. */
static const struct {
	const char *title, *option;
	uint32_t features, ext_edx;
	uint32_t use; /* the bit of struct svm_plan's features */
} optional[] = {
#define P(name) SVM_FEATURE_MASK(name)
	{ "2 MiB", "ept-2m", 0, 1u << 3, P(PAGE_2M) },
	{ "1 GiB", "ept-1g", 0, 1u << 26, P(PAGE_1G) },
	{ "next RIP", "nrips", 1u << 3, 0, P(NRIPS) },
	{ "decode", "decode-assists", 1u << 7, 0, P(DECODE_ASSISTS) },
	{ "by ASID", "flush-by-asid", 1u << 6, 0, P(FLUSH_BY_ASID) },
	{ "clean", "vmcb-clean", 1u << 5, 0, P(VMCB_CLEAN) },
	{ "TSC ratio", "tsc-scaling", 1u << 4, 0, P(TSC_RATE) },
	{ "PAUSE filter", "pause-filter", 1u << 10, 0, P(PAUSE_FILTER) },
	{ "threshold", "pause-filter", 1u << 10 | 1u << 12, 0,
	  P(PAUSE_THRESHOLD) },
	{ "RDTSCP", "", 0, 1u << 27, P(RDTSCP) },
};

static bool flag_of(const struct svm_plan *p, size_t row)
{
	return (p->features & optional[row].use) != 0;
}

static bool is_offered(const struct svm_caps *c, size_t row)
{
	return (optional[row].features & ~c->features) == 0 &&
	       (optional[row].ext_edx & ~c->ext_edx) == 0;
}

static void test_difference(void **state)
{
	struct svm_caps a = full_caps();
	struct svm_caps b = full_caps();

	(void)state;
	assert_null(svm_caps_difference(&a, &b));
	b.asid_count--;
	assert_string_equal(svm_caps_difference(&a, &b), "asid_count");
	b = a;
	b.features ^= BIT(3);
	assert_string_equal(svm_caps_difference(&a, &b), "features");
}

static void test_full_cpu_gets_everything(void **state)
{
	struct svm_caps c = full_caps();
	struct feature_notes why;
	struct svm_plan p;

	(void)state;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), OK);
	for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
		assert_true(flag_of(&p, i));
	}
	assert_int_equal(p.asid_count, 32768);
	assert_false(p.clears_svmdis);
	/* what is left: offered, and of no use to us */
	assert_int_equal(p.notes.count, 4);
	assert_true(names(&p.notes, FEATURE_NOTE_UNUSED, "LBR"));
	assert_true(names(&p.notes, FEATURE_NOTE_UNUSED, "AVIC"));
	assert_true(names(&p.notes, FEATURE_NOTE_UNUSED, "VMSAVE"));
	assert_true(names(&p.notes, FEATURE_NOTE_UNUSED, "virtual GIF"));
}

/* QEMU's TCG has nested paging and hardly anything else. */
static void test_the_least(void **state)
{
	struct svm_caps c = full_caps();
	struct feature_notes why;
	struct svm_plan p;
	char line[200];

	(void)state;
	c.features = 1;
	c.ext_edx = 0;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), OK);
	for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
		assert_false(flag_of(&p, i));
		assert_true(names(&p.notes, FEATURE_NOTE_ABSENT,
				  optional[i].title));
	}
	assert_int_equal(p.features, SVM_FEATURE_MASK(NPT));
	(void)feature_note_print(&p.notes.rows[0], line, sizeof(line));
	assert_string_equal(line, "not offered: nested pages of 2 MiB: guest "
				  "memory is mapped in 4 KiB pages: more "
				  "memory, more misses");
}

static void test_switches(void **state)
{
	struct svm_caps c = full_caps();
	struct feature_notes why;
	struct svm_plan p;
	uint32_t off = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
		uint32_t one = svm_switch(optional[i].option);

		assert_int_equal(one != 0, optional[i].option[0] != 0);
		off |= one;
		assert_int_equal(svm_plan_make(&c, off, &p, &why), OK);
		assert_int_equal(flag_of(&p, i), one == 0);
		assert_int_equal(names(&p.notes, FEATURE_NOTE_SWITCHED_OFF,
				       optional[i].title),
				 one != 0);
		assert_int_equal(p.features & off, 0);
	}
	assert_int_equal(svm_switch("npt"), 0);
	assert_int_equal(svm_switch(""), 0);
	assert_int_equal(svm_switch("nrip"), 0);
	assert_int_equal(svm_switch("nrips"), SVM_FEATURE_MASK(NRIPS));
	/* the required one cannot be switched off */
	assert_int_equal(svm_plan_make(&c, ~0u, &p, &why), OK);
	assert_int_equal(p.features, SVM_FEATURE_MASK(NPT));
}

static void test_refusals_have_remedies(void **state)
{
	struct svm_caps c = { 0 };
	struct feature_notes why;
	struct svm_plan p;

	(void)state;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.count, 1);
	assert_non_null(strstr(why.rows[0].text, "no AMD-V"));
	c = full_caps();
	c.ext_ecx = 0;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.rows[0].text, "no AMD-V"));
	c = full_caps();
	c.max_ext_leaf = 0x80000008;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.count, 1);

	c = full_caps();
	c.vm_cr = BIT(4) | BIT(3); /* SVMDIS, LOCK */
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.count, 1);
	assert_int_equal(why.rows[0].bits, 0x18);
	assert_non_null(strstr(why.rows[0].text, "SVM Mode"));
	assert_non_null(strstr(why.rows[0].text, "power-cycle"));
	c.vm_cr = BIT(4);
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), OK);
	assert_true(p.clears_svmdis);
	c.vm_cr = BIT(3);
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), OK);
	assert_false(p.clears_svmdis);

	/* everything at once: each has its own line */
	c.vm_cr = BIT(4) | BIT(3);
	c.asid_count = 1;
	c.features = ~1u;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), ERR_UNSUPPORTED);
	assert_int_equal(why.count, 3);
	assert_true(names(&why, FEATURE_NOTE_MISSING, "VM_CR"));
	assert_true(names(&why, FEATURE_NOTE_MISSING, "ASIDs"));
	assert_true(names(&why, FEATURE_NOTE_MISSING, "nested paging"));
	c = full_caps();
	c.asid_count = 2;
	assert_int_equal(svm_plan_make(&c, 0, &p, &why), OK);
}

static enum machine_feature_state state_of(const struct machine_feature *rows,
					   uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			return rows[i].state;
		}
	}
	fail_msg("%s is not listed", name);
	return MACHINE_FEATURE_ABSENT;
}

static void test_list_for_the_operator(void **state)
{
	struct machine_feature rows[MACHINE_FEATURE_MAX];
	struct svm_caps c = full_caps();
	struct feature_notes why;
	struct svm_plan p;
	uint32_t off = svm_switch("pause-filter"), n;

	(void)state;
	c.features &= ~BIT(5);
	assert_int_equal(svm_plan_make(&c, off, &p, &why), OK);
	n = svm_features_list(&p, off, rows, ARRAY_COUNT(rows));
	assert_int_equal(n, 8); /* a row per switch */
	assert_int_equal(state_of(rows, n, "pause-filter"),
			 MACHINE_FEATURE_OFF);
	assert_int_equal(state_of(rows, n, "vmcb-clean"),
			 MACHINE_FEATURE_ABSENT);
	assert_int_equal(state_of(rows, n, "nrips"), MACHINE_FEATURE_USED);
	assert_int_equal(svm_features_list(&p, off, rows, 3), 3);
}

static uint32_t random_32(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)*seed;
}

/* Bits 0, 1, 3-7, 10, 12, 13, 15, 16 of 8000000AH:EDX. */
static uint32_t spread(uint32_t n)
{
	static const uint8_t bits[] = {
		0, 1, 3, 4, 5, 6, 7, 10, 12, 13, 15, 16
	};
	uint32_t v = 0;

	for (size_t i = 0; i < ARRAY_COUNT(bits); i++) {
		v |= (n >> i & 1) << bits[i];
	}
	return v;
}

static void assert_plan_is_allowed(const struct svm_caps *c, uint32_t off,
				   const struct svm_plan *p)
{
	for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
		uint32_t its = svm_switch(optional[i].option);

		if (flag_of(p, i)) {
			assert_true(is_offered(c, i));
			assert_true(its == 0 || (its & ~off) != 0);
		} else if (off == 0) {
			assert_false(is_offered(c, i));
		}
	}
	assert_int_equal(p->features & off & ~SVM_FEATURE_MASK(NPT), 0);
	assert_true(!svm_plan_uses(p, PAUSE_THRESHOLD) ||
		    svm_plan_uses(p, PAUSE_FILTER));
}

static void test_all_combinations(void **state)
{
	uint64_t seed = 0x1234567;

	(void)state;
	for (uint32_t n = 0; n < 1u << 17; n++) {
		struct svm_caps c = full_caps();
		uint32_t m = n >> 2; /* each four times */
		uint32_t off = (n & 3) == 0 ? 0 : random_32(&seed);
		bool is_refused = (m & 1) == 0; /* no nested paging */
		struct feature_notes why;
		struct svm_plan p;

		c.features = spread(m);
		c.ext_edx = (m >> 12 & 1) << 3 | (m >> 13 & 1) << 26 |
			    (m >> 14 & 1) << 27;
		assert_int_equal(svm_plan_make(&c, off, &p, &why),
				 is_refused ? ERR_UNSUPPORTED : OK);
		assert_int_equal(why.count, is_refused ? 1 : 0);
		if (!is_refused) {
			assert_plan_is_allowed(&c, off, &p);
		}
	}
}

static void test_exit_names(void **state)
{
	(void)state;
	assert_string_equal(svm_exit_name(svm_reason(0x72)), "CPUID");
	assert_string_equal(svm_exit_name(svm_reason(0x400)),
			    "nested page fault");
	assert_string_equal(svm_exit_name(svm_reason(~0ull)),
			    "VMRUN refused the guest's state");
	assert_string_equal(svm_exit_name(svm_reason(0x403)),
			    "an unknown exit");
	assert_string_equal(svm_exit_name(svm_reason(0x10000000072)),
			    "an unknown exit");
	assert_string_equal(svm_exit_name(svm_reason(0x75)), "?");
	assert_string_equal(svm_exit_name(SVM_REASON_COUNT), "?");
	/* codes between the tables are nobody's */
	assert_string_equal(svm_exit_name(svm_reason(0xa0)), "an unknown exit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_full_cpu_gets_everything),
		cmocka_unit_test(test_the_least),
		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_refusals_have_remedies),
		cmocka_unit_test(test_list_for_the_operator),
		cmocka_unit_test(test_all_combinations),
		cmocka_unit_test(test_exit_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
