/*
 * fbcon.h - a text console on the firmware's linear framebuffer.
 *
 * Text goes into a shadow of the screen; fbcon_poll() paints a few cells that
 * changed, so a burst of lines is painted once and nobody waits for pixels.
 */
#ifndef DRIVERS_PHYS_FBCON_H
#define DRIVERS_PHYS_FBCON_H

#include <bh/boot_info.h>
#include <bh/status.h>
#include <stdbool.h>

#define FBCON_COL_MAX 256u
#define FBCON_ROW_MAX 128u

/* What the console is swallowing: an escape sequence has no effect here. */
enum fbcon_state { FBCON_TEXT, FBCON_ESC, FBCON_CSI };

struct fbcon {
	uint8_t *pixels; /* (c) mapped framebuffer; NULL: not initialised */
	uint32_t stride; /* (c) bytes from a line to the next */
	uint32_t fg;     /* (c) pixel value of ink */
	uint32_t bg;     /* (c) pixel value of paper */
	uint32_t cols;   /* (c) */
	uint32_t rows;   /* (c) */
	uint32_t x;      /* cursor column; cols: the next character wraps */
	uint32_t y;      /* cursor row */
	uint32_t top;    /* row of text[] that is the first of the screen */
	uint32_t next;   /* cell where painting goes on */
	bool is_dirty;   /* some cell may differ from the screen */
	enum fbcon_state state;
	char text[FBCON_ROW_MAX][FBCON_COL_MAX];  /* wanted; a ring of rows */
	char shown[FBCON_ROW_MAX][FBCON_COL_MAX]; /* painted, in screen order */
};

/**
 * fbcon_init() - a cleared console on @fb.
 * @c:	    where its state goes
 * @fb:	    geometry as the firmware told it
 * @pixels: where @fb->base is mapped, @fb->size bytes, writable
 * Return: OK; ERR_NOENT if there is no framebuffer; ERR_INVALID if its figures
 *	   contradict each other. After an error the other functions do nothing.
 */
must_check enum status
fbcon_init(struct fbcon *c, const struct boot_framebuffer *fb, void *pixels);
/** fbcon_write() - put text into the shadow; takes all of it. */
size_t fbcon_write(void *con, const uint8_t *src, size_t len);
/** fbcon_poll() - paint up to @max cells; true if more differ. */
bool fbcon_poll(struct fbcon *c, uint32_t max);
/** fbcon_write_sync() - put text and paint everything. For panics. */
void fbcon_write_sync(void *con, const uint8_t *src, size_t len);

#endif
