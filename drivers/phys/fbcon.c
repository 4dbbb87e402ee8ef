/*
 * fbcon.c - a text console on the firmware's linear framebuffer.
 *
 * text[] is what the screen should show, a ring of rows so that scrolling moves
 * nothing; shown[] is what it does show. Painting compares the two and writes
 * the cells that differ. The framebuffer is never read: that takes a
 * microsecond a word on real machines.
 *
 * Invariants
 *  1. cols <= FBCON_COL_MAX, rows <= FBCON_ROW_MAX, and every cell lies within
 *     the framebuffer (checked once, in fbcon_init()).
 *  2. x <= cols, y < rows, top < rows, next < cols * rows.
 * Locks: none; the console's owner serialises the calls.
 */
#include "fbcon.h"
#include "font8x16.h"
#include <bh/string.h>

#define GLYPH_WIDTH  8u
#define GLYPH_HEIGHT 16u
#define PIXEL_SIZE   4u
#define TAB_STOP     8u

#define ESC     0x1b
#define INK_R   0xd8u
#define INK_G   0xd8u
#define INK_B   0xd0u
#define PAPER_R 0x10u
#define PAPER_G 0x18u
#define PAPER_B 0x28u

static uint32_t fbcon_pixel(uint32_t format, uint32_t r, uint32_t g, uint32_t b)
{
	return format == BOOT_PIXEL_RGBX ? r | g << 8 | b << 16
					 : b | g << 8 | r << 16;
}

/* Does every line of the picture lie within its bytes? */
static bool fbcon_geometry_is_sane(const struct boot_framebuffer *fb)
{
	uint64_t bytes = (uint64_t)fb->stride * fb->height * PIXEL_SIZE;

	return fb->width >= GLYPH_WIDTH && fb->height >= GLYPH_HEIGHT &&
	       fb->stride >= fb->width && fb->stride <= UINT16_MAX &&
	       fb->height <= UINT16_MAX && bytes <= fb->size;
}

static void fbcon_clear_screen(struct fbcon *c,
			       const struct boot_framebuffer *fb)
{
	for (uint32_t y = 0; y < fb->height; y++) {
		uint8_t *line = c->pixels + (size_t)y * c->stride;

		for (uint32_t x = 0; x < fb->width; x++) {
			memcpy(line + (size_t)x * PIXEL_SIZE, &c->bg,
			       PIXEL_SIZE);
		}
	}
}

/**
 * fbcon_init() - a cleared console on @fb.
 * @c:	    where its state goes
 * @fb:	    geometry as the firmware told it
 * @pixels: where @fb->base is mapped, @fb->size bytes, writable
 * Return: OK; ERR_NOENT if there is no framebuffer; ERR_INVALID if its figures
 *	   contradict each other. After an error the other functions do nothing.
 */
enum status fbcon_init(struct fbcon *c, const struct boot_framebuffer *fb,
		       void *pixels)
{
	uint32_t cols = fb->width / GLYPH_WIDTH;
	uint32_t rows = fb->height / GLYPH_HEIGHT;

	memset(c, 0, offsetof(struct fbcon, text));
	if (fb->format == BOOT_PIXEL_NONE || pixels == NULL) {
		return ERR_NOENT;
	}
	if ((fb->format != BOOT_PIXEL_RGBX && fb->format != BOOT_PIXEL_BGRX) ||
	    !fbcon_geometry_is_sane(fb)) {
		return ERR_INVALID;
	}
	c->pixels = pixels;
	c->stride = fb->stride * PIXEL_SIZE;
	c->fg = fbcon_pixel(fb->format, INK_R, INK_G, INK_B);
	c->bg = fbcon_pixel(fb->format, PAPER_R, PAPER_G, PAPER_B);
	c->cols = cols < FBCON_COL_MAX ? cols : FBCON_COL_MAX;
	c->rows = rows < FBCON_ROW_MAX ? rows : FBCON_ROW_MAX;
	memset(c->text, ' ', sizeof(c->text));
	memset(c->shown, ' ', sizeof(c->shown));
	fbcon_clear_screen(c, fb);
	return OK;
}

/* The wanted text of screen row @y. */
static char *fbcon_row(struct fbcon *c, uint32_t y)
{
	uint32_t row = c->top + y;

	return c->text[row < c->rows ? row : row - c->rows];
}

static void fbcon_newline(struct fbcon *c)
{
	c->x = 0;
	if (c->y + 1 < c->rows) {
		c->y++;
		return;
	}
	c->top = c->top + 1 < c->rows ? c->top + 1 : 0;
	memset(fbcon_row(c, c->y), ' ', c->cols);
}

static void fbcon_put_glyph(struct fbcon *c, char ch)
{
	if (c->x == c->cols) {
		fbcon_newline(c);
	}
	fbcon_row(c, c->y)[c->x++] = ch;
}

static void fbcon_put_text(struct fbcon *c, uint8_t ch)
{
	switch (ch) {
	case '\n':
		fbcon_newline(c);
		break;
	case '\r':
		c->x = 0;
		break;
	case '\t':
		do {
			fbcon_put_glyph(c, ' ');
		} while (c->x % TAB_STOP != 0 && c->x < c->cols);
		break;
	case '\b':
		c->x -= c->x > 0;
		break;
	case ESC:
		c->state = FBCON_ESC;
		break;
	default:
		if (ch >= FONT8X16_FIRST && ch < FONT8X16_BOX) {
			fbcon_put_glyph(c, (char)ch);
		} else if (ch >= 0xc0) { /* UTF-8: one box a character */
			fbcon_put_glyph(c, (char)FONT8X16_BOX);
		}
		break;
	}
}

/* One byte; escape sequences are swallowed up to their last byte. */
static void fbcon_put(struct fbcon *c, uint8_t ch)
{
	switch (c->state) {
	case FBCON_ESC:
		c->state = ch == '[' ? FBCON_CSI : FBCON_TEXT;
		break;
	case FBCON_CSI:
		if (ch < 0x20 || ch >= 0x7f) { /* broken off: it is text */
			c->state = FBCON_TEXT;
			fbcon_put_text(c, ch);
		} else if (ch >= 0x40) {
			c->state = FBCON_TEXT;
		}
		break;
	default:
		fbcon_put_text(c, ch);
		break;
	}
}

/**
 * fbcon_write() - put text into the shadow. Paints nothing.
 * @con: a struct fbcon (as the log's sinks pass their context)
 * Return: @len, always.
 */
size_t fbcon_write(void *con, const uint8_t *src, size_t len)
{
	struct fbcon *c = con;

	if (c->pixels == NULL) {
		return len;
	}
	for (size_t i = 0; i < len; i++) {
		fbcon_put(c, src[i]);
	}
	c->is_dirty = c->is_dirty || len > 0;
	return len;
}

static void fbcon_paint(struct fbcon *c, uint32_t x, uint32_t y, char ch)
{
	const uint8_t *glyph = font8x16[(uint8_t)ch - FONT8X16_FIRST];
	uint8_t *dst = c->pixels + (size_t)y * GLYPH_HEIGHT * c->stride +
		       (size_t)x * GLYPH_WIDTH * PIXEL_SIZE;

	for (uint32_t line = 0; line < GLYPH_HEIGHT; line++) {
		uint32_t pixels[GLYPH_WIDTH];

		for (uint32_t i = 0; i < GLYPH_WIDTH; i++) {
			bool is_ink = (glyph[line] & 0x80u >> i) != 0;

			pixels[i] = is_ink ? c->fg : c->bg;
		}
		memcpy(dst, pixels, sizeof(pixels));
		dst += c->stride;
	}
}

/* Paint the next cell if it differs; false if it does and *@budget is 0. */
static bool fbcon_refresh_cell(struct fbcon *c, uint32_t *budget)
{
	uint32_t x = c->next % c->cols;
	uint32_t y = c->next / c->cols;
	char wanted = fbcon_row(c, y)[x];

	if (wanted != c->shown[y][x]) {
		if (*budget == 0) {
			return false;
		}
		(*budget)--;
		fbcon_paint(c, x, y, wanted);
		c->shown[y][x] = wanted;
	}
	c->next = c->next + 1 < c->cols * c->rows ? c->next + 1 : 0;
	return true;
}

/**
 * fbcon_poll() - paint up to @max cells that differ from the screen, going on
 * where the last call stopped.
 * Return: true if more may differ.
 */
bool fbcon_poll(struct fbcon *c, uint32_t max)
{
	uint32_t cell_count = c->cols * c->rows;

	if (c->pixels == NULL || !c->is_dirty) {
		return false;
	}
	for (uint32_t i = 0; i < cell_count; i++) {
		if (!fbcon_refresh_cell(c, &max)) {
			return true;
		}
	}
	c->is_dirty = false;
	return false;
}

/**
 * fbcon_write_sync() - put text and paint everything. For panics.
 * @con: a struct fbcon
 */
void fbcon_write_sync(void *con, const uint8_t *src, size_t len)
{
	struct fbcon *c = con;

	if (c->pixels != NULL) {
		fbcon_write(c, src, len);
		fbcon_poll(c, UINT32_MAX);
	}
}
