/*
 * conn.c - bytes to and from the VMM; see conn.h.
 *
 * States: DOWN (a timer will try again) -> CONNECTING (vsock only) -> UP.
 *	conn_try() leaves DOWN, conn_opened() enters UP, conn_reset() goes back.
 */
#define _GNU_SOURCE
#include "conn.h"
#include "line.h"
#include "log.h"
#include "loop.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <proto/rpc.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define CONN_OUT_MAX      262144u
#define CONN_OUT_ROOM     131072u /* output notifications stop here */
#define CONN_RETRY_MIN_MS 20u
#define CONN_RETRY_MAX_MS 2000u

enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_UP };

static void conn_ready(struct loop_source *s, uint32_t events);
static void conn_try(struct loop_timer *t);

static struct {
	enum conn_state state;
	const char *transport;
	uint32_t generation;
	uint32_t retry_ms;
	bool was_full;
	size_t out_start; /* ring of bytes still to be written */
	size_t out_len;
	struct line_reader in;
	char out[CONN_OUT_MAX];
	struct loop_source source;
	struct loop_timer retry;
} conn = { .source = { .fd = -1, .ready = conn_ready },
	   .retry = { .fire = conn_try } };

static void conn_reset(const char *why)
{
	bool was_up = conn.state == CONN_UP;
	if (was_up) {
		log_notice("connection lost: %s", why);
	}
	loop_close(&conn.source);
	conn.state = CONN_DOWN;
	line_reset(&conn.in);
	conn.out_len = 0;
	conn.was_full = false;
	loop_arm(&conn.retry, conn.retry_ms);
	conn.retry_ms = conn.retry_ms * 2 > CONN_RETRY_MAX_MS
				? CONN_RETRY_MAX_MS
				: conn.retry_ms * 2;
	if (was_up) {
		conn_on_down();
	}
}

static void conn_opened(void)
{
	conn.state = CONN_UP;
	conn.generation++;
	conn.retry_ms = CONN_RETRY_MIN_MS;
	loop_change(&conn.source, EPOLLIN);
	log_info("connected through %s", conn.transport);
	conn_on_up();
}

static int conn_open_vsock(void)
{
	int fd =
		socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -1;
	}
	struct sockaddr_vm peer = { .svm_family = AF_VSOCK,
				    .svm_cid = VMADDR_CID_HOST,
				    .svm_port = RPC_VSOCK_PORT_AGENT };
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static int conn_open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return -1;
	}
	struct termios raw;
	if (tcgetattr(fd, &raw) == 0) {
		cfmakeraw(&raw);
		raw.c_cflag |= CLOCAL;
		(void)tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

static void conn_try(struct loop_timer *t)
{
	(void)t;
	bool is_vsock = strcmp(conn.transport, "vsock") == 0;
	conn.source.fd =
		is_vsock ? conn_open_vsock() : conn_open_device(conn.transport);
	if (conn.source.fd < 0) {
		conn_reset("open");
		return;
	}
	conn.state = CONN_CONNECTING;
	if (loop_add(&conn.source, is_vsock ? EPOLLOUT : EPOLLIN) < 0) {
		conn_reset("epoll");
		return;
	}
	if (!is_vsock) {
		conn_opened();
	}
}

/* @n new bytes have come: hand over complete lines. */
static void conn_take(size_t n)
{
	char *text;
	size_t len;
	uint32_t generation = conn.generation;
	enum line_event what;
	line_added(&conn.in, n);
	while ((what = line_next(&conn.in, &text, &len)) != LINE_NONE) {
		if (what == LINE_TOO_LONG) {
			conn_on_too_long();
		} else {
			conn_on_line(text, len);
		}
		if (conn.state != CONN_UP || conn.generation != generation) {
			return; /* the line's answer broke the connection */
		}
	}
}

static void conn_read(void)
{
	size_t room;
	char *space = line_space(&conn.in, &room);
	ssize_t n = read(conn.source.fd, space, room);
	if (n > 0) {
		conn_take((size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	conn_reset(n == 0 ? "closed by the VMM" : strerrorname_np(errno));
}

void conn_flush(void)
{
	while (conn.state == CONN_UP && conn.out_len > 0) {
		size_t part = CONN_OUT_MAX - conn.out_start;
		part = part < conn.out_len ? part : conn.out_len;
		ssize_t n =
			write(conn.source.fd, conn.out + conn.out_start, part);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			break;
		}
		if (n <= 0) {
			conn_reset(strerrorname_np(errno));
			return;
		}
		conn.out_start = (conn.out_start + (size_t)n) % CONN_OUT_MAX;
		conn.out_len -= (size_t)n;
	}
	if (conn.state == CONN_UP) {
		loop_change(&conn.source,
			    conn.out_len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
	}
}

static void conn_ready(struct loop_source *s, uint32_t events)
{
	if (conn.state == CONN_CONNECTING) {
		int error = 0;
		socklen_t len = sizeof(error);
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ||
		    error != 0) {
			conn_reset("connect");
			return;
		}
		conn_opened();
		return;
	}
	if ((events & EPOLLOUT) != 0) {
		conn_flush();
		if (conn.state == CONN_UP && conn.was_full && conn_has_room()) {
			conn.was_full = false;
			conn_on_room();
		}
	}
	if (conn.state != CONN_UP) {
		return;
	}
	if ((events & EPOLLIN) != 0) {
		conn_read();
	} else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		conn_reset("hung up");
	}
}

void conn_start(const char *transport)
{
	conn.transport = transport;
	conn.retry_ms = CONN_RETRY_MIN_MS;
	conn_try(&conn.retry);
}

bool conn_is_up(void)
{
	return conn.state == CONN_UP;
}

uint32_t conn_generation(void)
{
	return conn.generation;
}

bool conn_has_room(void)
{
	bool has_room = conn.out_len < CONN_OUT_ROOM;
	if (!has_room) {
		conn.was_full = true;
	}
	return has_room;
}

static void conn_put(const char *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t at = (conn.out_start + conn.out_len) % CONN_OUT_MAX;
		size_t part = CONN_OUT_MAX - at;
		part = part < len - done ? part : len - done;
		memcpy(conn.out + at, text + done, part);
		conn.out_len += part;
		done += part;
	}
}

void conn_send(const char *text, size_t len)
{
	if (conn.state != CONN_UP) {
		return;
	}
	if (len + 1 > CONN_OUT_MAX - conn.out_len) {
		conn_reset("the VMM does not read");
		return;
	}
	conn_put(text, len);
	conn_put("\n", 1);
	conn_flush();
}
