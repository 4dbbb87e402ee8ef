/* test_fbcon.c - the screen console on a framebuffer of malloc'd bytes. */
#include "drivers/phys/fbcon.h"
#include "drivers/phys/font8x16.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <stdlib.h>

/* A font of our own: every row of a glyph is the character's code. */
static uint8_t font_row(char ch)
{
	return (uint8_t)ch;
}

#define GLYPH(c)                                               \
	{                                                      \
		c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c \
	}
#define GLYPH8(c)                                                 \
	GLYPH(c), GLYPH((c) + 1), GLYPH((c) + 2), GLYPH((c) + 3), \
		GLYPH((c) + 4), GLYPH((c) + 5), GLYPH((c) + 6), GLYPH((c) + 7)

const uint8_t font8x16[FONT8X16_COUNT][16] = {
	GLYPH8(0x20), GLYPH8(0x28), GLYPH8(0x30), GLYPH8(0x38),
	GLYPH8(0x40), GLYPH8(0x48), GLYPH8(0x50), GLYPH8(0x58),
	GLYPH8(0x60), GLYPH8(0x68), GLYPH8(0x70), GLYPH8(0x78),
};

#define COLS 10u
#define ROWS 4u

static struct fbcon con;
static uint32_t *pixels; /* exactly fb.size bytes, so that ASan sees more */
static struct boot_framebuffer fb;

static int setup(void **state)
{
	(void)state;
	/* odd edges: 3 pixels to the right, 5 below, 7 of padding a line */
	fb = (struct boot_framebuffer){ .width = COLS * 8 + 3,
					.height = ROWS * 16 + 5,
					.stride = COLS * 8 + 10,
					.format = BOOT_PIXEL_RGBX };
	fb.size = (uint64_t)fb.stride * fb.height * 4;
	pixels = malloc(fb.size);
	memset(pixels, 0x55, fb.size);
	assert_int_equal(fbcon_init(&con, &fb, pixels), OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(pixels);
	return 0;
}

static void put(const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(fbcon_write(&con, (const uint8_t *)text, len), len);
}

static bool is_painted(uint32_t x, uint32_t y, char ch)
{
	for (uint32_t line = 0; line < 16; line++) {
		const uint32_t *p =
			pixels + (size_t)(y * 16 + line) * fb.stride + x * 8;

		for (uint32_t i = 0; i < 8; i++) {
			bool ink = (font_row(ch) & 0x80u >> i) != 0;

			if (p[i] != (ink ? con.fg : con.bg)) {
				return false;
			}
		}
	}
	return true;
}

static void expect_cell(uint32_t x, uint32_t y, char want)
{
	/* a blank cell that was never painted is paper */
	if (con.shown[y][x] != want ||
	    (want != ' ' && !is_painted(x, y, want))) {
		fail_msg("cell %u,%u is not '%c'", x, y, want);
	}
}

/* What the screen shows must be these rows, blanks to the right of each. */
static void expect_screen(const char *const rows[ROWS])
{
	assert_false(fbcon_poll(&con, UINT32_MAX));
	for (uint32_t y = 0; y < ROWS; y++) {
		size_t len = strlen(rows[y]);

		for (uint32_t x = 0; x < COLS; x++) {
			expect_cell(x, y, x < len ? rows[y][x] : ' ');
		}
	}
}

static void test_init_clears(void **state)
{
	(void)state;
	assert_int_equal(con.cols, COLS);
	assert_int_equal(con.rows, ROWS);
	for (uint32_t y = 0; y < fb.height; y++) {
		for (uint32_t x = 0; x < fb.stride; x++) {
			/* the padding of a line is not ours */
			assert_int_equal(pixels[y * fb.stride + x],
					 x < fb.width ? con.bg : 0x55555555);
		}
	}
}

static void test_formats(void **state)
{
	uint32_t rgb_bg = con.bg;

	(void)state;
	fb.format = BOOT_PIXEL_BGRX;
	assert_int_equal(fbcon_init(&con, &fb, pixels), OK);
	assert_int_equal(con.bg & 0xff, rgb_bg >> 16 & 0xff);
	assert_int_equal(con.bg >> 16 & 0xff, rgb_bg & 0xff);
	assert_int_not_equal(con.bg, rgb_bg);
}

static void test_text_and_controls(void **state)
{
	static const char *const want[ROWS] = { "aXc", "1       2", "k", "" };

	(void)state;
	put("abc\b\bX\r\n1\t2\njunk\rk   \n");
	expect_screen(want);
}

static void test_wrap_and_scroll(void **state)
{
	static const char *const full[ROWS] = { "0123456789", "A", "b", "c" };
	static const char *const moved[ROWS] = { "b", "c", "d", "e" };

	(void)state;
	put("0123456789A\nb\nc"); /* the tenth column does not wrap by itself */
	expect_screen(full);
	put("\nd\ne");
	expect_screen(moved);
}

static void test_many_lines(void **state)
{
	static const char *const want[ROWS] = { "line 0998", "line 0999",
						"line 1000", "" };
	char text[16];

	(void)state;
	for (int i = 0; i <= 1000; i++) {
		fmt_print(text, sizeof(text), "line %04d\n", i);
		put(text);
	}
	expect_screen(want);
}

static void test_escape_sequences_are_swallowed(void **state)
{
	static const char *const want[ROWS] = { "abcd", "e", "", "" };

	(void)state;
	put("a\x1b[1;31mb\x1b[2Jc\x1b"
	    "Zd\x1b[3\ne"); /* the last one is broken off */
	expect_screen(want);
}

static void test_bytes_without_glyphs(void **state)
{
	static const char *const want[ROWS] = { "a\x7f"
						"b\x7f"
						"c",
						"", "", "" };

	(void)state;
	put("a\xc3\xa4"
	    "b\xe2\x82\xac"
	    "c\x01\x02\x7f");
	expect_screen(want);
}

static void test_poll_paints_a_few_at_a_time(void **state)
{
	static const char *const want[ROWS] = { "abcdef", "", "", "" };
	int rounds = 1;

	(void)state;
	put("abcdef");
	while (fbcon_poll(&con, 2)) {
		rounds++;
	}
	assert_in_range(rounds, 3, 4);
	expect_screen(want);
	assert_false(fbcon_poll(&con, 2)); /* nothing changed since */
}

static void test_unchanged_cells_are_not_painted(void **state)
{
	(void)state;
	put("ab");
	fbcon_poll(&con, UINT32_MAX);
	memset(pixels, 0, fb.size);
	put("\rax");
	fbcon_poll(&con, UINT32_MAX);
	assert_int_equal(pixels[0], 0); /* 'a' stayed */
	assert_true(is_painted(1, 0, 'x'));
}

static void test_sync(void **state)
{
	static const char *const want[ROWS] = { "panic", "", "", "" };

	(void)state;
	fbcon_write_sync(&con, (const uint8_t *)"panic", 5);
	assert_true(is_painted(4, 0, 'c'));
	expect_screen(want);
}

static void expect_refused(const struct boot_framebuffer *bad, enum status s)
{
	assert_int_equal(fbcon_init(&con, bad, pixels), s);
	put("nothing happens");
	assert_false(fbcon_poll(&con, UINT32_MAX));
	fbcon_write_sync(&con, (const uint8_t *)"x", 1);
}

static void test_bad_geometry(void **state)
{
	struct boot_framebuffer bad = fb;

	(void)state;
	bad.format = BOOT_PIXEL_NONE;
	expect_refused(&bad, ERR_NOENT);
	bad.format = 7;
	expect_refused(&bad, ERR_INVALID);
	bad = fb;
	bad.size--;
	expect_refused(&bad, ERR_INVALID);
	bad = fb;
	bad.stride = bad.width - 1;
	expect_refused(&bad, ERR_INVALID);
	bad = fb;
	bad.width = 7;
	expect_refused(&bad, ERR_INVALID);
	bad = fb;
	bad.height = 15;
	expect_refused(&bad, ERR_INVALID);
	bad = fb;
	bad.stride = UINT32_MAX;
	bad.height = UINT32_MAX;
	bad.size = UINT64_MAX;
	expect_refused(&bad, ERR_INVALID);
	assert_int_equal(fbcon_init(&con, &fb, NULL), ERR_NOENT);
}

static void test_huge_screen_is_used_in_part(void **state)
{
	struct boot_framebuffer huge = { .width = 3840,
					 .height = 2160,
					 .stride = 3840,
					 .size = 3840ull * 2160 * 4,
					 .format = BOOT_PIXEL_BGRX };
	void *big = malloc(huge.size);

	(void)state;
	assert_int_equal(fbcon_init(&con, &huge, big), OK);
	assert_int_equal(con.cols, FBCON_COL_MAX);
	assert_int_equal(con.rows, FBCON_ROW_MAX);
	for (int i = 0; i < 200; i++) {
		put("some line\n");
	}
	fbcon_poll(&con, UINT32_MAX);
	free(big);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_init_clears),
		CASE(test_formats),
		CASE(test_text_and_controls),
		CASE(test_wrap_and_scroll),
		CASE(test_many_lines),
		CASE(test_escape_sequences_are_swallowed),
		CASE(test_bytes_without_glyphs),
		CASE(test_poll_paints_a_few_at_a_time),
		CASE(test_unchanged_cells_are_not_painted),
		CASE(test_sync),
		CASE(test_bad_geometry),
		CASE(test_huge_screen_is_used_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
