/* test_guest_mtrr.c - memory type range registers that remember. */
#include "tests/lib/unit.h"

#include "vmm/guest_mtrr.h"

#include <spec/x86_msr.h>

static struct guest_mtrrs m;

static int setup(void **state)
{
	(void)state;
	guest_mtrrs_reset(&m, 40);
	return 0;
}

static uint64_t get(uint32_t msr)
{
	uint64_t v = 0;

	assert_int_equal(guest_mtrr_read(&m, msr, &v), OK);
	return v;
}

static void test_as_a_firmware_leaves_them(void **state)
{
	(void)state;
	assert_int_equal(get(MSR_IA32_MTRRCAP), 0x508);
	assert_int_equal(get(MSR_IA32_MTRR_DEF_TYPE), 0xc06);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(get(MSR_IA32_MTRR_PHYSBASE0 + i), 0);
	}
	assert_int_equal(get(MSR_IA32_MTRR_FIX64K_00000), 0x0606060606060606);
	assert_int_equal(get(MSR_IA32_MTRR_FIX16K_A0000), 0x0606060606060606);
	assert_int_equal(get(MSR_IA32_MTRR_FIX4K_F8000), 0x0606060606060606);
}

/* Each register is its own. */
static void test_they_remember(void **state)
{
	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268,
					  0x269, 0x26a, 0x26b, 0x26c,
					  0x26d, 0x26e, 0x26f };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		assert_int_equal(guest_mtrr_write(&m, fixed[i], i % 2 + 4), OK);
	}
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(guest_mtrr_write(&m, 0x200 + i, i << 12), OK);
	}
	assert_int_equal(guest_mtrr_write(&m, 0x2ff, 0), OK);
	for (uint32_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		assert_int_equal(get(fixed[i]), i % 2 + 4);
	}
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(get(0x200 + i), i << 12);
	}
	assert_int_equal(get(0x2ff), 0);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} bad[] = {
		{ 0x2ff, 2 }, /* no such type */
		{ 0x2ff, 7 },
		{ 0x2ff, BIT(8) | 6 },
		{ 0x2ff, BIT(12) | 6 },
		{ 0x200, 2 },
		{ 0x200, BIT(8) },
		{ 0x200, BIT(40) }, /* beyond the address's width */
		{ 0x201, BIT(10) },
		{ 0x201, 6 },
		{ 0x201, BIT(40) },
		{ 0x250, 0x0606060606060306 },
		{ 0x26f, BIT(63) },
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
		uint64_t before = get(bad[i].msr);

		assert_int_equal(guest_mtrr_write(&m, bad[i].msr, bad[i].value),
				 ERR_INVALID);
		assert_int_equal(get(bad[i].msr), before);
	}
	assert_int_equal(guest_mtrr_write(&m, 0x20e, BIT(39) | 6), OK);
	assert_int_equal(guest_mtrr_write(&m, 0x20f, BIT(39) | BIT(11)), OK);
}

static void test_no_others(void **state)
{
	static const uint32_t none[] = { 0x1ff, 0x210, 0x24f, 0x251,
					 0x257, 0x25a, 0x267, 0x270,
					 0x2fe, 0x300, 0,     UINT32_MAX };
	uint64_t v;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(none); i++) {
		assert_int_equal(guest_mtrr_read(&m, none[i], &v), ERR_DENIED);
		assert_int_equal(guest_mtrr_write(&m, none[i], 0), ERR_DENIED);
	}
	assert_int_equal(guest_mtrr_write(&m, MSR_IA32_MTRRCAP, 0x508),
			 ERR_DENIED);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_as_a_firmware_leaves_them),
		T(test_they_remember),
		T(test_what_is_refused),
		T(test_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
