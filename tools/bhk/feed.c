/*
 * feed.c - bhk's own standard input becomes that of the program it runs.
 *
 * A piece is read when the one before was taken; what does not fit into the
 * program's queue is offered again a little later. Text travels as JSON, so a
 * character that is cut by the end of a piece waits for its rest, and input
 * that is not UTF-8 is an error. An end of file is passed on.
 */
#include "bhk.h"
#include <errno.h>
#include <poll.h>
#include <proto/rpc.h>
#include <string.h>
#include <unistd.h>

#define FEED_MS 100 /* how long to wait for bytes from either side */

/* Bytes of @p that are whole characters, as far as the end tells. */
static size_t feed_whole(const char *p, size_t len)
{
	size_t back = 0;

	while (back < 4 && back < len) {
		unsigned char c = (unsigned char)p[len - ++back];

		if (c < 0x80) {
			return len;
		}
		if (c >= 0xc0) {
			size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

			return back < need ? len - back : len;
		}
	}
	return len;
}

static void feed_read(struct bhk_feed *f)
{
	ssize_t n =
		read(STDIN_FILENO, f->text + f->len, sizeof(f->text) - f->len);

	if (n > 0) {
		f->len += (size_t)n;
	} else if (n == 0 || errno != EINTR) {
		f->is_eof = true;
	}
}

/* Offer what was read to the program. */
static int feed_send(struct bhk *b, struct bhk_feed *f)
{
	size_t len = f->is_eof ? f->len : feed_whole(f->text, f->len);
	json_t *data = json_stringn(f->text, len);
	json_t *params = bhk_target_params(b);
	int code;

	if (data == NULL) {
		fprintf(stderr, "bhk: the input is not UTF-8; no more of it is "
				"passed on\n");
		f->is_eof = true;
		f->len = 0;
		data = json_string("");
	}
	json_object_set_new(params, "data", data);
	if (b->is_exec) {
		json_object_set_new(params, "exec", json_string(b->exec));
	}
	if (f->is_eof) {
		json_object_set_new(params, "eof", json_true());
	}
	b->is_quiet = true;
	code = bhk_call(b, "container.stdin", params, NULL);
	b->is_quiet = false;
	if (code == BHK_REFUSED && b->error_code == RPC_ERR_BUSY) {
		f->is_full = true;
		return BHK_OK;
	}
	f->is_full = false;
	/* refused otherwise: the program has ended or closed its input */
	f->is_over = f->is_eof || code != BHK_OK;
	len = len < f->len ? len : f->len;
	f->len -= len;
	memmove(f->text, f->text + len, f->len);
	return code == BHK_PROTOCOL ? code : BHK_OK;
}

/**
 * bhk_feed() - wait a while for the machine or for input; serve both.
 * @f: zero before the first call
 *
 * Return: BHK_OK; BHK_PROTOCOL after a message if the line died.
 */
int bhk_feed(struct bhk *b, struct bhk_feed *f)
{
	struct pollfd p[2] = { { .fd = b->fd, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };
	bool wants_input = !f->is_over && !f->is_full && !f->is_eof;
	int ready = poll(p, wants_input ? 2 : 1, FEED_MS);

	if (ready > 0 && wants_input && p[1].revents != 0) {
		feed_read(f);
		return feed_send(b, f);
	}
	if (f->is_full && feed_send(b, f) != BHK_OK) {
		return BHK_PROTOCOL;
	}
	return bhk_wait(b, 0);
}
