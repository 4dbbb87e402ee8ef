/*
 * test_svm_check.c - a good VMCB has no finding; each rule broken alone has
 * one, with the field and its value.
 */
#include "tests/lib/unit.h"

#include "arch/x86_64/svm/svm_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHYS_BITS 40

/* 64-bit code at CPL 0, nested paging, nothing injected. */
static void good_vmcb(union vmcb *b)
{
	memset(b, 0, sizeof(*b));
	b->intercept_misc2 = 1; /* VMRUN */
	b->iopm_base_pa = 0x10000;
	b->msrpm_base_pa = 0x20000;
	b->guest_asid = 1;
	b->np_enable = 1;
	b->n_cr3 = 0x7fff000;
	b->cs.selector = 8;
	b->cs.attributes = 0x29b; /* present code, L */
	b->cs.limit = 0xffffffff;
	b->efer = 0x1d01; /* SVME NXE LMA LME SCE */
	b->cr0 = 0x80050033;
	b->cr3 = 0x1000;
	b->cr4 = 0x7006a0;
	b->dr6 = 0xffff0ff0;
	b->dr7 = 0x400;
	b->rflags = 2;
	b->g_pat = 0x0007040600070406;
}

static void test_good_ones(void **state)
{
	union vmcb *b = malloc(sizeof(*b));
	char text[400] = "junk";

	(void)state;
	good_vmcb(b);
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	/* 32-bit code in long mode; real mode; the caches off */
	b->cs.attributes = 0xc9b;
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	b->efer = 0x1000;
	b->cr0 = 0x60000010;
	b->cr4 = 0;
	b->cs.attributes = 0x9b;
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	/* L and D of a segment mean nothing in legacy mode */
	b->cs.attributes = 0x69b;
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	free(b);
}

static void test_good_events(void **state)
{
	static const uint64_t events[] = {
		0x80000020,              /* interrupt 20H */
		0x80000202,              /* NMI */
		0x80000b0d | 5ull << 32, /* #GP(5) */
		0x80000301,              /* #DB */
		0x80000303,              /* #BP */
		0x8000031f,              /* the last exception */
		0x80000480,              /* INT 80H */
		0x00000302,              /* not valid: not looked at */
		0x00000700,
	};
	union vmcb *b = malloc(sizeof(*b));
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(events); i++) {
		good_vmcb(b);
		b->eventinj = events[i];
		if (svm_check(b, PHYS_BITS, text, sizeof(text)) != 0) {
			fail_msg("event %zu: %s", i, text);
		}
	}
	/* BOUND is an instruction of other than 64-bit code */
	b->eventinj = 0x80000305;
	b->cs.attributes = 0xc9b;
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	free(b);
}

/* One change, and the start of the one sentence that it must give. */
#define BREAK(field, value, text)                                              \
	{                                                                      \
		offsetof(union vmcb, field), sizeof(((union vmcb *)0)->field), \
			value, #field, text                                    \
	}

static const struct {
	size_t offset, size;
	uint64_t value;
	const char *field, *text;
} broken[] = {
	BREAK(efer, 0x0d01, "SVME"),
	BREAK(efer, 0x1d03, "reserved"),
	BREAK(efer, 0x11d01, "reserved"),
	BREAK(efer, 0x401d01, "reserved"),
	BREAK(efer, 1ull << 63 | 0x1d01, "reserved"),
	BREAK(cr0, 0x180050033, "bits 63:32"),
	BREAK(cr0, 0xa0050033, "NW"),
	BREAK(cr0, 0x80050032, "PE"),
	BREAK(cr3, 1ull << 40, "physical"),
	BREAK(cr3, 1ull << 63, "physical"),
	BREAK(cr4, 0x7026a0, "reserved"), /* VMXE */
	BREAK(cr4, 0x7046a0, "reserved"),
	BREAK(cr4, 0x7086a0, "reserved"),
	BREAK(cr4, 0x7806a0, "reserved"),
	BREAK(cr4, 0x17006a0, "reserved"),
	BREAK(cr4, 0x1007006a0, "reserved"),
	BREAK(cr4, 0x700680, "PAE"),
	BREAK(cs.attributes, 0x69b, "D must be 0"),
	BREAK(dr6, 0x1ffff0ff0, "bits 63:32"),
	BREAK(dr7, 0x100000400, "bits 63:32"),
	BREAK(intercept_misc2, 0x2, "VMRUN"),
	BREAK(iopm_base_pa, 0xffffffe000, "12 KiB"),
	BREAK(iopm_base_pa, 1ull << 40, "12 KiB"),
	BREAK(iopm_base_pa, ~0xfffull, "12 KiB"),
	BREAK(msrpm_base_pa, 0xfffffff000, "8 KiB"),
	BREAK(msrpm_base_pa, ~0ull, "8 KiB"),
	BREAK(guest_asid, 0, "host's"),
	BREAK(eventinj, 0x80000120, "type"),
	BREAK(eventinj, 0x80000520, "type"),
	BREAK(eventinj, 0x80000620, "type"),
	BREAK(eventinj, 0x80000720, "type"),
	BREAK(eventinj, 0x80000302, "exception"),
	BREAK(eventinj, 0x80000305, "exception"), /* BOUND */
	BREAK(eventinj, 0x80000320, "exception"),
	BREAK(eventinj, 0x800003ff, "exception"),
	BREAK(n_cr3, 1ull << 40, "physical"),
	BREAK(g_pat, 0x0007040600070402, "types"),
	BREAK(g_pat, 0x0307040600070406, "types"),
	BREAK(g_pat, 0x0807040600070406, "types"),
	BREAK(g_pat, 0x0007048600070406, "types"),
};

static void test_each_rule_alone(void **state)
{
	union vmcb *b = malloc(sizeof(*b));
	char text[400], start[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
		good_vmcb(b);
		memcpy(&b->bytes[broken[i].offset], &broken[i].value,
		       broken[i].size);
		if (svm_check(b, PHYS_BITS, text, sizeof(text)) != 1) {
			fail_msg("row %zu: %s", i, text);
		}
		(void)snprintf(start, sizeof(start),
			       "%s = 0x%llx: ", broken[i].field,
			       (unsigned long long)broken[i].value);
		assert_memory_equal(text, start, strlen(start));
		assert_non_null(strstr(text + strlen(start), broken[i].text));
		assert_null(strchr(text, ';'));
	}
	free(b);
}

/* What lies at the bound is still good. */
static void test_bounds(void **state)
{
	union vmcb *b = malloc(sizeof(*b));
	char text[400];

	(void)state;
	good_vmcb(b);
	b->iopm_base_pa = 0xffffffd000;
	b->msrpm_base_pa = 0xffffffefff; /* the low 12 bits are ignored */
	b->n_cr3 = 0xfffffff000;
	b->cr3 = 0xfffffff000;
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	assert_int_equal(svm_check(b, PHYS_BITS - 1, text, sizeof(text)), 4);
	/* without nested paging its fields are not looked at */
	good_vmcb(b);
	b->np_enable = 0;
	b->n_cr3 = ~0ull;
	b->g_pat = ~0ull;
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	/* CET without WP */
	good_vmcb(b);
	b->cr4 |= BIT(23);
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 0);
	b->cr0 &= ~BIT(16);
	assert_int_equal(svm_check(b, PHYS_BITS, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "CET"));
	free(b);
}

static void test_all_at_once_and_cut_short(void **state)
{
	union vmcb *b = malloc(sizeof(*b));
	char *text = malloc(2000);
	uint32_t count;
	size_t len;

	(void)state;
	memset(b, 0, sizeof(*b));
	assert_int_equal(svm_check(b, PHYS_BITS, text, 2000), 3);
	assert_string_equal(text,
			    "efer = 0x0: SVME must be 1; intercept_misc2 = "
			    "0x0: VMRUN must be intercepted; guest_asid = "
			    "0x0: 0 is the host's");
	memset(b, 0xff, sizeof(*b));
	count = svm_check(b, PHYS_BITS, text, 2000);
	assert_in_range(count, 12, 20);
	len = strlen(text);
	for (size_t size = 0; size <= len + 1; size++) {
		char *cut = malloc(size != 0 ? size : 1);

		assert_int_equal(svm_check(b, PHYS_BITS, cut, size), count);
		if (size != 0) {
			assert_int_equal(strlen(cut), size - 1);
			assert_memory_equal(cut, text, size - 1);
		}
		free(cut);
	}
	free(text);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_good_ones),
		UNIT(test_good_events),
		UNIT(test_each_rule_alone),
		UNIT(test_bounds),
		UNIT(test_all_at_once_and_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
