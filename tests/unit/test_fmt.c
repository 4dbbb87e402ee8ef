/* test_fmt.c - our printf gives what libc's gives, and stays in its bounds. */
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <limits.h>
#include <stdio.h>

/* Both printfs on the same arguments; text and length must be the same. */
#define SAME(...)                                                        \
	do {                                                             \
		char ours[256];                                          \
		char libc[256];                                          \
		size_t len = fmt_print(ours, sizeof(ours), __VA_ARGS__); \
		int n = snprintf(libc, sizeof(libc), __VA_ARGS__);       \
		assert_string_equal(ours, libc);                         \
		assert_int_equal(len, n);                                \
	} while (0)

static void test_signed(void **state)
{
	(void)state;
	SAME("%d %i", 0, -1);
	SAME("%d %d", INT_MAX, INT_MIN);
	SAME("%ld %lld", LONG_MIN, LLONG_MAX);
	SAME("[%5d] [%-5d] [%05d]", 42, 42, 42);
	SAME("[%5d] [%-5d] [%05d]", -42, -42, -42);
	SAME("[% d] [%+d] [% d]", 7, 7, -7);
	SAME("[%.3d] [%8.3d] [%-8.3d]", 5, 5, 5);
	SAME("[%.0d]", 0);
	SAME("%hhd %hd", (signed char)-3, (short)-300);
	SAME("%zd %jd", (ssize_t)-5, (intmax_t)-6);
}

static void test_unsigned(void **state)
{
	(void)state;
	SAME("%u %lu", UINT_MAX, ULONG_MAX);
	SAME("%x %X %llx", 0xabcdefu, 0xabcdefu, 0xfedcba9876543210ull);
	SAME("[%#x] [%#X] [%#x]", 255u, 255u, 0u);
	SAME("[%#010x] [%-#10x] [%10x]", 255u, 255u, 255u);
	SAME("[%016llx]", 0x1234ull);
	SAME("%zu %ju", (size_t)5, (uintmax_t)6);
	SAME("%hhu %hu", (unsigned char)250, (unsigned short)65000);
}

static void test_text(void **state)
{
	(void)state;
	SAME("%s|%10s|%-10s|", "abc", "abc", "abc");
	SAME("%.2s|%10.2s|%.0s|", "abc", "abc", "abc");
	SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
	SAME("100%%");
	SAME("%*d|%-*d|%*d|", 6, 1, 6, 2, -6, 3);
	SAME("%.*s|%.*s|", 2, "abc", -1, "abc");
	SAME("%p", (void *)&test_text);
}

static void test_null_is_shown(void **state)
{
	const char *volatile null = NULL;
	char text[32];

	(void)state;
	fmt_print(text, sizeof(text), "<%s>", null);
	assert_string_equal(text, "<(null)>");
	fmt_print(text, sizeof(text), "%p", (void *)null);
	assert_string_equal(text, "0x0");
}

static void test_precision_needs_no_nul(void **state)
{
	char bytes[3] = { 'a', 'b', 'c' }; /* ASan sees a read beyond */
	char text[8];

	(void)state;
	fmt_print(text, sizeof(text), "%.3s", bytes);
	assert_string_equal(text, "abc");
}

static void test_text_is_cut(void **state)
{
	char text[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(fmt_print(text, 4, "%d", 123456), 6);
	assert_string_equal(text, "123");
	assert_int_equal(text[4], 'z');
	assert_int_equal(fmt_print(text, 1, "abc"), 3);
	assert_string_equal(text, "");
	text[0] = 'k';
	assert_int_equal(fmt_print(text, 0, "abc"), 3);
	assert_int_equal(text[0], 'k');
	assert_int_equal(fmt_print(NULL, 0, "%s", "abc"), 3);
}

/* A wrong format, hidden from the compiler's own check. */
static size_t print_wrong(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = fmt_vprint(dst, size, fmt, ap);
	va_end(ap);
	return len;
}

static void test_wrong_formats(void **state)
{
	char text[64];

	(void)state;
	print_wrong(text, sizeof(text), "%y %n %");
	assert_string_equal(text, "%y %n %");
	print_wrong(text, sizeof(text), "%-08.3lq|%d", 5);
	assert_string_equal(text, "%-08.3lq|5");
	assert_true(print_wrong(text, sizeof(text), "%99999999d", 1) < 10000);
	assert_true(print_wrong(text, sizeof(text), "%.99999999d", 1) < 10000);
	assert_true(print_wrong(text, sizeof(text), "%*d", INT_MIN, 1) < 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_signed),
		UNIT(test_unsigned),
		UNIT(test_text),
		UNIT(test_null_is_shown),
		UNIT(test_precision_needs_no_nul),
		UNIT(test_text_is_cut),
		UNIT(test_wrong_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
