/* test_boot_path.c - paths grow and shrink by names; bad names change nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_path.h"

static const uint16_t name_hello[] = { 'h', 'e', 'l', 'l', 'o', 0 };
static const uint16_t name_a[] = { 'a', 0 };

static void push_and_pop(void **state)
{
	(void)state;
	struct boot_path p;
	boot_path_init(&p);
	assert_string_equal(p.text, "");
	assert_int_equal(boot_path_push(&p, name_hello), OK);
	assert_int_equal(boot_path_push(&p, name_a), OK);
	assert_string_equal(p.text, "hello/a");
	boot_path_pop(&p);
	assert_string_equal(p.text, "hello");
	boot_path_pop(&p);
	assert_string_equal(p.text, "");
	boot_path_pop(&p);
	assert_string_equal(p.text, "");
	assert_int_equal(p.len, 0);
}

static void bad_names(void **state)
{
	(void)state;
	static const uint16_t bad[][4] = {
		{ 0 },
		{ 'a', '/', 0 },
		{ 'a', 0x5c, 0 },
		{ 'a', 0x1f, 0 },
		{ 0xe9, 0 },
		{ 0x4e2d, 0 },
		{ 'x', 0x7f, 0 },
	};
	struct boot_path p;
	boot_path_init(&p);
	assert_int_equal(boot_path_push(&p, name_hello), OK);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(boot_path_push(&p, bad[i]), ERR_INVALID);
		assert_string_equal(p.text, "hello");
		assert_int_equal(p.len, 5);
	}
}

static void longest_path(void **state)
{
	(void)state;
	struct boot_path p;
	uint16_t name[BOOT_PATH_MAX + 8];
	for (size_t n = 1; n < BOOT_PATH_MAX + 8; n++) {
		for (size_t i = 0; i < n; i++) {
			name[i] = 'n';
		}
		name[n] = 0;
		boot_path_init(&p);
		enum status st = boot_path_push(&p, name);
		assert_int_equal(st, n < BOOT_PATH_MAX ? OK : ERR_TOO_BIG);
		assert_int_equal(strlen(p.text), n < BOOT_PATH_MAX ? n : 0);
	}
	/* the separator needs room as well */
	for (size_t n = BOOT_PATH_MAX - 4; n < BOOT_PATH_MAX; n++) {
		for (size_t i = 0; i < n; i++) {
			name[i] = 'n';
		}
		name[n] = 0;
		boot_path_init(&p);
		assert_int_equal(boot_path_push(&p, name), OK);
		enum status st = boot_path_push(&p, name_a);
		bool is_room = n + 2 < BOOT_PATH_MAX;
		assert_int_equal(st, is_room ? OK : ERR_TOO_BIG);
		assert_int_equal(strlen(p.text), is_room ? n + 2 : n);
	}
}

static void dots(void **state)
{
	(void)state;
	static const uint16_t one[] = { '.', 0 };
	static const uint16_t two[] = { '.', '.', 0 };
	static const uint16_t three[] = { '.', '.', '.', 0 };
	static const uint16_t hidden[] = { '.', 'a', 0 };
	assert_true(boot_path_is_dots(one));
	assert_true(boot_path_is_dots(two));
	assert_false(boot_path_is_dots(three));
	assert_false(boot_path_is_dots(hidden));
	assert_false(boot_path_is_dots(name_a));
}

static void equality_ignores_case(void **state)
{
	(void)state;
	static const uint16_t cfg[] = { 'B', 'O', 'O', 'T', '.', 'c', 0 };
	struct boot_path p;
	boot_path_init(&p);
	assert_true(boot_path_equals(&p, ""));
	assert_int_equal(boot_path_push(&p, cfg), OK);
	assert_true(boot_path_equals(&p, "boot.c"));
	assert_false(boot_path_equals(&p, "boot.cf"));
	assert_false(boot_path_equals(&p, "boot."));
	assert_false(boot_path_equals(&p, "coot.c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push_and_pop),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(longest_path),
		cmocka_unit_test(dots),
		cmocka_unit_test(equality_ignores_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
