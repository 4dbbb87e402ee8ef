/*
 * test_entry_state.c - the three modes in which a vCPU can begin.
 */
#include "tests/lib/unit.h"

#include "arch/x86_64/entry_state.h"

#include <spec/x86.h>
#include <spec/x86_msr.h>

static void test_long(void **state)
{
	const struct vcpu_entry e = { .mode = VCPU_ENTRY_LONG64,
				      .cr3 = 0x2000,
				      .gdt_base = 0x1000,
				      .gdt_limit = 31,
				      .cs = 0x10,
				      .ds = 0x18 };
	struct entry_state s = entry_state_of(&e);

	(void)state;
	assert_int_equal(s.cr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG);
	assert_int_equal(s.cr3, 0x2000);
	assert_int_equal(s.cr4, CR4_PAE);
	assert_int_equal(s.efer, EFER_LME | EFER_LMA);
	assert_int_equal(s.cs.selector, 0x10);
	assert_int_equal(s.cs.rights, 0xa09b);
	assert_int_equal(s.data.selector, 0x18);
	assert_int_equal(s.gdt_base, 0x1000);
	assert_int_equal(s.gdt_limit, 31);
	assert_int_equal(entry_state_attributes(s.cs.rights), 0xa9b);
}

static void test_protected(void **state)
{
	const struct vcpu_entry e = { .mode = VCPU_ENTRY_PROT32,
				      .cr3 = 0x2000, /* not used */
				      .gdt_base = 0x500,
				      .gdt_limit = 23,
				      .cs = 8,
				      .ds = 16 };
	struct entry_state s = entry_state_of(&e);

	(void)state;
	assert_int_equal(s.cr0, CR0_PE | CR0_ET);
	assert_int_equal(s.cr3 | s.cr4 | s.efer, 0);
	assert_int_equal(s.cs.base | s.data.base, 0);
	assert_int_equal(s.cs.limit, 0xffffffff);
	assert_int_equal(s.cs.rights, 0xc09b);
	assert_int_equal(s.data.limit, 0xffffffff);
	assert_int_equal(s.data.rights, 0xc093);
	assert_int_equal(s.tr.limit, 0x67);
	assert_int_equal(s.tr.rights, 0x8b);
	assert_int_equal(s.gdt_base, 0x500);
	assert_int_equal(s.idt_limit, 0);
}

/* A SIPI with vector 9AH; SDM vol. 3, "Processor State After Reset". */
static void test_real(void **state)
{
	const struct vcpu_entry e = { .mode = VCPU_ENTRY_REAL, .cs = 0x9a00 };
	struct entry_state s = entry_state_of(&e);

	(void)state;
	assert_int_equal(s.cr0, CR0_ET);
	assert_int_equal(s.cr3 | s.cr4 | s.efer, 0);
	assert_int_equal(s.cs.selector, 0x9a00);
	assert_int_equal(s.cs.base, 0x9a000);
	assert_int_equal(s.cs.limit, 0xffff);
	assert_int_equal(s.cs.rights, 0x93);
	assert_int_equal(s.data.selector, 0);
	assert_int_equal(s.data.base, 0);
	assert_int_equal(s.ldtr.rights, 0x82);
	assert_int_equal(s.ldtr.limit, 0xffff);
	assert_int_equal(s.tr.rights, 0x8b);
	assert_int_equal(s.gdt_base, 0);
	assert_int_equal(s.gdt_limit, 0xffff);
	assert_int_equal(s.idt_limit, 0xffff);
}

static void test_real_segments(void **state)
{
	const struct vcpu_entry e = { .mode = VCPU_ENTRY_REAL,
				      .cs = 0xffff,
				      .ds = 0x7c0 };
	struct entry_state s = entry_state_of(&e);

	(void)state;
	assert_int_equal(s.cs.base, 0xffff0);
	assert_int_equal(s.data.base, 0x7c00);
	assert_int_equal(s.data.selector, 0x7c0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_long),
		UNIT(test_protected),
		UNIT(test_real),
		UNIT(test_real_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
