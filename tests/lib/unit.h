/*
 * unit.h - cmocka with the headers that it wants included first.
 *
 *	static void test_one_thing(void **state) { (void)state; ... }
 *	int main(void)
 *	{
 *		const struct CMUnitTest tests[] = { UNIT(test_one_thing) };
 *		return cmocka_run_group_tests(tests, NULL, NULL);
 *	}
 */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
/* clang-format on */

#define UNIT(test) cmocka_unit_test(test)

#endif
