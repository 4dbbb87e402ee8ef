/*
 * link.c - the connection to COM2 and one JSON-RPC call on it.
 *
 * COM2 is a serial line: whatever an earlier bhk left half-said may still be in
 * it. So a connection begins with an empty line, ids carry the process id, and
 * a reply to somebody else's id is skipped.
 */
#include "bhk.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int bhk_open_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int bhk_open_tcp(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	const char *colon = strrchr(where, ':');
	char host[256];
	int fd = -1;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC,
			    a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static int bhk_open_tty(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd >= 0 && tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL | CREAD;
		cfsetspeed(&t, B115200);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

/**
 * bhk_connect() - open b->where.
 * @why: on failure one line that says what is wrong and what to do
 * Return: BHK_OK or BHK_NO_LINK.
 */
int bhk_connect(struct bhk *b, char *why, size_t size)
{
	struct stat st;

	b->rx_len = 0;
	if (stat(b->where, &st) == 0) {
		b->fd = S_ISSOCK(st.st_mode) ? bhk_open_unix(b->where)
					     : bhk_open_tty(b->where);
	} else if (strchr(b->where, '/') == NULL &&
		   strchr(b->where, ':') != NULL) {
		b->fd = bhk_open_tcp(b->where);
	} else {
		snprintf(why, size,
			 "%s is not there: start the machine (make run), or "
			 "name its COM2 with --connect or $BHK_CONNECT",
			 b->where);
		return BHK_NO_LINK;
	}
	if (b->fd < 0) {
		snprintf(why, size,
			 "cannot open %s: %s; is the machine running, and "
			 "does no other bhk hold the line?",
			 b->where, strerror(errno));
		return BHK_NO_LINK;
	}
	if (write(b->fd, "\n", 1) != 1) {
		snprintf(why, size, "cannot write to %s: %s", b->where,
			 strerror(errno));
		return BHK_NO_LINK;
	}
	return BHK_OK;
}

static bool bhk_write(struct bhk *b, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(b->fd, text, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return false;
		}
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* A line as JSON out of rx, NULL if there is none; junk is skipped. */
static json_t *bhk_line(struct bhk *b)
{
	for (;;) {
		char *end = memchr(b->rx, '\n', b->rx_len);
		json_t *line;
		size_t len;

		if (end == NULL) {
			/* no line as long as that is ours */
			b->rx_len = b->rx_len == sizeof(b->rx) ? 0 : b->rx_len;
			return NULL;
		}
		len = (size_t)(end - b->rx);
		line = json_loadb(b->rx, len, 0, NULL);
		b->rx_len -= len + 1;
		memmove(b->rx, end + 1, b->rx_len);
		if (json_is_object(line)) {
			return line;
		}
		json_decref(line);
	}
}

static long long bhk_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Read more bytes. 1: some came; 0: time is up; -1: the line is dead. */
static int bhk_fill(struct bhk *b, int timeout_ms)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	int ready = poll(&p, 1, timeout_ms < 0 ? 0 : timeout_ms);
	ssize_t n;

	if (ready < 0) {
		return errno == EINTR ? 0 : -1;
	}
	if (ready == 0) {
		return 0;
	}
	n = read(b->fd, b->rx + b->rx_len, sizeof(b->rx) - b->rx_len);
	if (n <= 0) {
		return -1;
	}
	b->rx_len += (size_t)n;
	return 1;
}

/* Hand a notification on. True if @line was one. */
static bool bhk_is_notify(struct bhk *b, json_t *line)
{
	const char *method = json_string_value(json_object_get(line, "method"));

	if (method == NULL) {
		return false;
	}
	if (b->notify != NULL) {
		b->notify(b, method, json_object_get(line, "params"));
	}
	return true;
}

/**
 * bhk_wait() - take notifications for a while.
 * Return: BHK_OK when time is up or one came; BHK_PROTOCOL if the line died.
 */
int bhk_wait(struct bhk *b, int timeout_ms)
{
	json_t *line;
	int state = bhk_fill(b, timeout_ms);

	if (state < 0) {
		fprintf(stderr, "bhk: the line to the machine was closed\n");
		return BHK_PROTOCOL;
	}
	while ((line = bhk_line(b)) != NULL) {
		bhk_is_notify(b, line);
		json_decref(line);
	}
	return BHK_OK;
}

/* Wait for more bytes until @end; false, after a message, if none can come. */
static bool bhk_more(struct bhk *b, long long end)
{
	long long left = end - bhk_now_ms();
	int state = bhk_fill(b, left > 0 ? (int)left : 0);

	if (state < 0) {
		fprintf(stderr, "bhk: the line to the machine was closed\n");
		return false;
	}
	if (state == 0 && left <= 0) {
		fprintf(stderr, "bhk: no answer in time; try --timeout, or "
				"bhk doctor\n");
		return false;
	}
	return true;
}

/* The reply to @id, notifications served meanwhile; NULL after a message. */
static json_t *bhk_reply(struct bhk *b, const char *id)
{
	long long end = bhk_now_ms() + b->timeout_ms;

	for (;;) {
		json_t *line = bhk_line(b);
		const char *got;

		if (line == NULL && !bhk_more(b, end)) {
			return NULL;
		}
		got = json_string_value(json_object_get(line, "id"));
		if (line != NULL && !bhk_is_notify(b, line) && got != NULL &&
		    strcmp(got, id) == 0) {
			return line;
		}
		json_decref(line);
	}
}

/**
 * bhk_refused() - show an error reply; @reply is released.
 * Return: BHK_REFUSED.
 */
int bhk_refused(struct bhk *b, json_t *reply)
{
	json_t *error = json_object_get(reply, "error");
	json_t *data = json_object_get(error, "data");
	const char *text = json_string_value(json_object_get(error, "message"));
	const char *path = json_string_value(json_object_get(data, "path"));

	b->error_code = (int)json_integer_value(json_object_get(error, "code"));
	if (b->is_quiet) {
		json_decref(reply);
		return BHK_REFUSED;
	}
	if (b->want_json) {
		json_t *out = json_pack("{sO}", "error", error);

		bhk_json(out);
		json_decref(out);
	} else {
		fprintf(stderr, "bhk: ");
		bhk_text(stderr, text != NULL ? text : "an error");
		if (path != NULL) {
			fprintf(stderr, " at ");
			bhk_text(stderr, path);
		}
		fprintf(stderr, "\n");
	}
	json_decref(reply);
	return BHK_REFUSED;
}

/**
 * bhk_call() - one request and its reply.
 * @params: an object, released here; NULL: {}
 * @out:    the result (a new reference), NULL on failure; may be NULL
 *
 * Return: BHK_OK; BHK_REFUSED or BHK_PROTOCOL after a message.
 */
int bhk_call(struct bhk *b, const char *method, json_t *params, json_t **out)
{
	json_t *request, *reply, *result;
	char id[48];
	char *text;
	bool sent;

	if (out != NULL) {
		*out = NULL;
	}
	snprintf(id, sizeof(id), "bhk-%ld-%u", (long)getpid(), b->next_id++);
	request = json_pack("{ssssssso}", "jsonrpc", "2.0", "id", id, "method",
			    method, "params",
			    params != NULL ? params : json_object());
	text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (text == NULL) {
		fprintf(stderr, "bhk: the request is not UTF-8\n");
		return BHK_PROTOCOL;
	}
	sent = bhk_write(b, text, strlen(text)) && bhk_write(b, "\n", 1);
	free(text);
	if (!sent) {
		fprintf(stderr, "bhk: the line to the machine was closed\n");
		return BHK_PROTOCOL;
	}
	reply = bhk_reply(b, id);
	if (reply == NULL) {
		return BHK_PROTOCOL;
	}
	result = json_object_get(reply, "result");
	if (result == NULL) {
		return bhk_refused(b, reply);
	}
	if (out != NULL) {
		*out = json_incref(result);
	}
	json_decref(reply);
	return BHK_OK;
}
