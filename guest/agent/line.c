/* line.c - see line.h. */
#define _GNU_SOURCE
#include "line.h"
#include <string.h>

void line_reset(struct line_reader *r)
{
	r->is_skipping = false;
	r->len = 0;
	r->start = 0;
	r->scanned = 0;
}

char *line_space(struct line_reader *r, size_t *room)
{
	*room = sizeof(r->buf) - r->len;
	return r->buf + r->len;
}

void line_added(struct line_reader *r, size_t n)
{
	r->len += n;
}

/* No line is complete: make room behind what there is of the next one. */
static void line_compact(struct line_reader *r)
{
	r->len -= r->start;
	memmove(r->buf, r->buf + r->start, r->len);
	r->start = 0;
	if (r->is_skipping || r->len == sizeof(r->buf)) {
		r->is_skipping = true;
		r->len = 0;
	}
	r->scanned = r->len;
}

enum line_event line_next(struct line_reader *r, char **text, size_t *len)
{
	char *lf;
	while ((lf = memchr(r->buf + r->scanned, '\n', r->len - r->scanned)) !=
	       NULL) {
		*lf = '\0';
		*text = r->buf + r->start;
		*len = (size_t)(lf - *text);
		r->start += *len + 1;
		r->scanned = r->start;
		if (r->is_skipping) {
			r->is_skipping = false;
			return LINE_TOO_LONG;
		}
		if (*len > 0) {
			return LINE_TEXT;
		}
	}
	line_compact(r);
	return LINE_NONE;
}
