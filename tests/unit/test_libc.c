/*
 * test_libc.c - the VMM's own memcpy and friends, compared with libc's. They
 * are included here under other names, because hosted code has libc's.
 */
#include "tests/lib/unit.h"
#include <string.h>

#define memcpy  bh_memcpy
#define memmove bh_memmove
#define memset  bh_memset
#define memcmp  bh_memcmp
#define strlen  bh_strlen
#define strnlen bh_strnlen
#define strcmp  bh_strcmp
#define strncmp bh_strncmp
/* NOLINTBEGIN(bugprone-suspicious-include): under other names, see above */
#include "arch/x86_64/mem.c"
#include "vmm/lib/libc.c"
/* NOLINTEND(bugprone-suspicious-include) */
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp

#define AREA 320u

static uint8_t ours[AREA];
static uint8_t libc[AREA];

static void fill_both(void)
{
	for (size_t i = 0; i < AREA; i++) {
		ours[i] = libc[i] = (uint8_t)(i * 31 + 7);
	}
}

static void test_memcpy(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 128; len++) {
		for (size_t to = 160; to < 170; to++) {
			fill_both();
			assert_ptr_equal(bh_memcpy(ours + to, ours + 3, len),
					 ours + to);
			memcpy(libc + to, libc + 3, len);
			assert_memory_equal(ours, libc, AREA);
		}
	}
}

/* Around the size from which vector registers are used, and odd tails. */
static void test_memcpy_bulk(void **state)
{
	static uint8_t from[70000];
	static uint8_t to[70000];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++) {
		from[i] = (uint8_t)(i * 31 + i / 256);
	}
	for (size_t len = 65530; len <= 65570; len++) {
		memset(to, 0xee, sizeof(to));
		bh_memcpy(to + 1, from + 3, len);
		assert_memory_equal(to + 1, from + 3, len);
		assert_int_equal(to[0], 0xee);
		assert_int_equal(to[len + 1], 0xee);
	}
}

static void test_memmove(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 96; len++) {
		for (size_t to = 0; to < 128; to++) {
			fill_both();
			assert_ptr_equal(bh_memmove(ours + to, ours + 64, len),
					 ours + to);
			memmove(libc + to, libc + 64, len);
			assert_memory_equal(ours, libc, AREA);
		}
	}
}

static void test_memset(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 96; len++) {
		fill_both();
		assert_ptr_equal(bh_memset(ours + 5, 0x1a5, len), ours + 5);
		memset(libc + 5, 0xa5, len);
		assert_memory_equal(ours, libc, AREA);
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void test_compare(void **state)
{
	static const char *const words[] = { "",    "a",    "ab",    "abc",
					     "abd", "\xff", "b",     "abc\x80",
					     "A",   "abcd", "ab\x7f" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		for (size_t k = 0; k < ARRAY_COUNT(words); k++) {
			const char *a = words[i];
			const char *b = words[k];

			assert_int_equal(bh_strcmp(a, b), sign(strcmp(a, b)));
			for (size_t n = 0; n < 6; n++) {
				assert_int_equal(bh_strncmp(a, b, n),
						 sign(strncmp(a, b, n)));
			}
		}
		assert_int_equal(bh_strlen(words[i]), strlen(words[i]));
		assert_int_equal(bh_strnlen(words[i], 2), strnlen(words[i], 2));
	}
	assert_int_equal(bh_memcmp("a\0b", "a\0c", 3), -1);
	assert_int_equal(bh_memcmp("a\0c", "a\0b", 3), 1);
	assert_int_equal(bh_memcmp("a\0c", "a\0b", 2), 0);
	assert_int_equal(bh_memcmp("x", "y", 0), 0);
}

static void test_strnlen_reads_no_further(void **state)
{
	char bytes[4] = { 'a', 'b', 'c', 'd' }; /* ASan sees a read beyond */

	(void)state;
	assert_int_equal(bh_strnlen(bytes, 4), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_memcpy),  UNIT(test_memcpy_bulk),
		UNIT(test_memmove), UNIT(test_memset),
		UNIT(test_compare), UNIT(test_strnlen_reads_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
