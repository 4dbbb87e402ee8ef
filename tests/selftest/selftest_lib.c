/*
 * selftest_lib.c - vmm/lib as it is compiled into the VMM: its own memcpy and
 * friends, which hosted tests do not use.
 */
#include <bh/ring.h>
#include <bh/selftest.h>
#include <bh/status.h>
#include <bh/string.h>
#include <bh/sync.h>

#define AREA 96u

static uint8_t area_a[AREA];
static uint8_t area_b[AREA];

static void fill(uint8_t *p, uint8_t seed)
{
	for (uint32_t i = 0; i < AREA; i++) {
		p[i] = (uint8_t)(i * 7 + seed);
	}
}

/* Do @len bytes at @p hold what fill() put at @from with @seed? */
static bool is_filled(const uint8_t *p, uint32_t from, uint32_t len,
		      uint8_t seed)
{
	for (uint32_t i = 0; i < len; i++) {
		if (p[i] != (uint8_t)((from + i) * 7 + seed)) {
			return false;
		}
	}
	return true;
}

TEST(memcpy_every_length)
{
	for (uint32_t len = 0; len <= 64; len++) {
		fill(area_a, 1);
		fill(area_b, 99);
		memcpy(area_b + 3, area_a + 1, len);
		SELFTEST_EXPECT(is_filled(area_b, 0, 3, 99));
		SELFTEST_EXPECT(is_filled(area_b + 3, 1, len, 1));
		SELFTEST_EXPECT(is_filled(area_b + 3 + len, 3 + len,
					  AREA - 3 - len, 99));
	}
}

TEST(memmove_overlaps_both_ways)
{
	for (uint32_t len = 0; len <= 64; len++) {
		for (uint32_t to = 0; to <= 24; to++) {
			fill(area_a, 5);
			memmove(area_a + to, area_a + 12, len);
			SELFTEST_EXPECT(is_filled(area_a + to, 12, len, 5));
			SELFTEST_EXPECT(is_filled(area_a, 0, to, 5));
			SELFTEST_EXPECT(is_filled(area_a + to + len, to + len,
						  AREA - to - len, 5));
		}
	}
}

TEST(memset_every_length)
{
	for (uint32_t len = 0; len <= 64; len++) {
		fill(area_a, 3);
		memset(area_a + 5, 0xee, len);
		for (uint32_t i = 0; i < len; i++) {
			SELFTEST_EXPECT(area_a[5 + i] == 0xee);
		}
		SELFTEST_EXPECT(is_filled(area_a, 0, 5, 3));
		SELFTEST_EXPECT(is_filled(area_a + 5 + len, 5 + len,
					  AREA - 5 - len, 3));
	}
}

TEST(compare_and_length)
{
	SELFTEST_EXPECT(memcmp("abc", "abd", 3) < 0);
	SELFTEST_EXPECT(memcmp("ab\xff", "abd", 3) > 0);
	SELFTEST_EXPECT(memcmp("abc", "abd", 2) == 0);
	SELFTEST_EXPECT(strlen("") == 0 && strlen("bulkhead") == 8);
	SELFTEST_EXPECT(strnlen("bulkhead", 4) == 4);
	SELFTEST_EXPECT(strcmp("a", "ab") < 0 && strcmp("b", "ab") > 0);
	SELFTEST_EXPECT(strncmp("abx", "aby", 2) == 0);
}

TEST(format_numbers)
{
	char text[64];

	fmt_print(text, sizeof(text), "%d|%5u|%#llx|%-4s|%.2s", -7, 42u,
		  0xffffffff80000000ull, "ab", "xyz");
	SELFTEST_EXPECT(strcmp(text, "-7|   42|0xffffffff80000000|ab  |xy") ==
			0);
}

TEST(ring_keeps_the_newest_bytes)
{
	uint8_t buf[8];
	uint8_t out[8];
	struct ring r;
	uint64_t pos = 0;
	uint64_t lost = 0;

	ring_init(&r, buf, sizeof(buf));
	ring_write(&r, "0123456789", 10);
	SELFTEST_EXPECT(ring_read(&r, &pos, out, sizeof(out), &lost) == 8);
	SELFTEST_EXPECT(lost == 2 && memcmp(out, "23456789", 8) == 0);
}

TEST(spinlock_excludes)
{
	struct spinlock l = SPINLOCK_INIT;

	spin_lock(&l);
	SELFTEST_EXPECT(spin_is_locked(&l) && !spin_trylock(&l));
	spin_unlock(&l);
	SELFTEST_EXPECT(!spin_is_locked(&l) && spin_trylock(&l));
	spin_unlock(&l);
}

TEST(status_codes_have_words)
{
	SELFTEST_EXPECT(strcmp(status_name(ERR_FAULT), "ERR_FAULT") == 0);
	SELFTEST_EXPECT(strlen(status_text(ERR_TIMEOUT)) > 0);
}
