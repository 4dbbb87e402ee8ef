/*
 * line.h - lines out of a stream of bytes: the reader of the connection.
 *
 * Bytes come in at line_space(); each call of line_next() gives the next
 * complete line. One that does not fit is dropped up to its LF, and said once.
 */
#ifndef AGENT_LINE_H
#define AGENT_LINE_H

#include <proto/rpc.h>
#include <stdbool.h>
#include <stddef.h>

struct line_reader {
	bool is_skipping; /* inside a line that is too long */
	size_t len;       /* bytes in buf */
	size_t start;     /* of the first line not yet given out */
	size_t scanned;   /* no LF between start and here */
	char buf[RPC_LINE_MAX];
};

enum line_event {
	LINE_NONE, /* no complete line left */
	LINE_TEXT, /* a line, not empty */
	LINE_TOO_LONG
};

/** line_reset() - forget all: the stream begins anew. */
void line_reset(struct line_reader *r);
/** line_space() - where the next bytes go; *@room (never 0) of them. */
char *line_space(struct line_reader *r, size_t *room);
/** line_added() - @n bytes were put there; then line_next() until LINE_NONE. */
void line_added(struct line_reader *r, size_t n);
/**
 * line_next() - the next line.
 * @text: NUL-terminated, valid until the next call with @r
 */
enum line_event line_next(struct line_reader *r, char **text, size_t *len);

#endif
