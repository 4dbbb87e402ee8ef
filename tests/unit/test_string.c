/* test_string.c - bounded copies and numbers that are parsed whole. */
#include "tests/lib/unit.h"
#include <bh/string.h>

static void test_copy_fits(void **state)
{
	char dst[8];

	(void)state;
	assert_true(str_copy(dst, sizeof(dst), "1234567"));
	assert_string_equal(dst, "1234567");
	assert_true(str_copy(dst, sizeof(dst), ""));
	assert_string_equal(dst, "");
}

static void test_copy_is_cut(void **state)
{
	char dst[8] = "zzzzzzz";

	(void)state;
	assert_false(str_copy(dst, sizeof(dst), "12345678"));
	assert_string_equal(dst, "1234567");
	assert_false(str_copy(dst, 1, "x"));
	assert_string_equal(dst, "");
}

static void test_copy_into_nothing(void **state)
{
	char dst = 'k';

	(void)state;
	assert_false(str_copy(&dst, 0, "x"));
	assert_false(str_copy(&dst, 0, ""));
	assert_int_equal(dst, 'k');
}

struct number_row {
	const char *text;
	bool is_ok;
	uint64_t value;
};

static void test_u64(void **state)
{
	static const struct number_row rows[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "0xffffffffFFFFFFFF", true, UINT64_MAX },
		{ "0X1f", true, 31 },
		{ "", false, 0 },
		{ "0x", false, 0 },
		{ "x", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "12a", false, 0 },
		{ "0xg", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "0x10000000000000000", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint64_t v = 77;
		bool ok = str_to_u64(rows[i].text, strlen(rows[i].text), &v);

		assert_int_equal(ok, rows[i].is_ok);
		assert_int_equal(v, rows[i].is_ok ? rows[i].value : 77);
	}
}

static void test_u64_minds_its_length(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(str_to_u64("123junk", 3, &v));
	assert_int_equal(v, 123);
	assert_true(str_to_u64("0xjunk", 1, &v));
	assert_int_equal(v, 0);
}

static void test_size(void **state)
{
	static const struct number_row rows[] = {
		{ "64", true, 64 },          { "64K", true, 65536 },
		{ "64k", true, 65536 },      { "3M", true, 3 << 20 },
		{ "0x10m", true, 16 << 20 }, { "2G", true, 2ull << 30 },
		{ "2g", true, 2ull << 30 },  { "", false, 0 },
		{ "K", false, 0 },           { "1KK", false, 0 },
		{ "1T", false, 0 },          { "1.5G", false, 0 },
		{ "max", false, 0 },         { "17179869184G", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint64_t v = 77;
		bool ok = str_to_size(rows[i].text, strlen(rows[i].text), &v);

		assert_int_equal(ok, rows[i].is_ok);
		assert_int_equal(v, rows[i].is_ok ? rows[i].value : 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_copy_fits),
		UNIT(test_copy_is_cut),
		UNIT(test_copy_into_nothing),
		UNIT(test_u64),
		UNIT(test_u64_minds_its_length),
		UNIT(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
