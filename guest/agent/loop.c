/* loop.c - epoll and a short list of timers; see loop.h. */
#define _GNU_SOURCE
#include "loop.h"
#include "util.h"
#include <errno.h>
#include <unistd.h>

static int loop_fd = -1;
static struct loop_timer *loop_timers; /* sorted by due_ms */

int loop_init(void)
{
	loop_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop_fd < 0 ? -1 : 0;
}

int loop_add(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };
	if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
		return -1;
	}
	s->is_added = true;
	return 0;
}

void loop_change(struct loop_source *s, uint32_t events)
{
	if (s->fd < 0) {
		return;
	}
	/* EPOLLHUP cannot be masked: a paused source leaves the set */
	if (events == 0) {
		if (s->is_added) {
			epoll_ctl(loop_fd, EPOLL_CTL_DEL, s->fd, NULL);
			s->is_added = false;
		}
		return;
	}
	if (!s->is_added) {
		(void)loop_add(s, events);
		return;
	}
	struct epoll_event ev = { .events = events, .data.ptr = s };
	epoll_ctl(loop_fd, EPOLL_CTL_MOD, s->fd, &ev);
}

void loop_close(struct loop_source *s)
{
	if (s->fd < 0) {
		return;
	}
	if (s->is_added) {
		epoll_ctl(loop_fd, EPOLL_CTL_DEL, s->fd, NULL);
	}
	close(s->fd);
	s->fd = -1;
	s->is_added = false;
}

void loop_disarm(struct loop_timer *t)
{
	if (!t->is_armed) {
		return;
	}
	struct loop_timer **at = &loop_timers;
	while (*at != NULL && *at != t) {
		at = &(*at)->next;
	}
	if (*at != NULL) {
		*at = t->next;
	}
	t->is_armed = false;
}

void loop_arm(struct loop_timer *t, uint64_t delay_ms)
{
	loop_disarm(t);
	t->due_ms = util_now_ms() + delay_ms;
	t->is_armed = true;
	struct loop_timer **at = &loop_timers;
	while (*at != NULL && (*at)->due_ms <= t->due_ms) {
		at = &(*at)->next;
	}
	t->next = *at;
	*at = t;
}

/* Milliseconds until the first timer, 0 if it is due, -1 if there is none. */
static int loop_wait_ms(void)
{
	if (loop_timers == NULL) {
		return -1;
	}
	uint64_t now = util_now_ms();
	if (loop_timers->due_ms <= now) {
		return 0;
	}
	uint64_t wait = loop_timers->due_ms - now;
	return wait > 60000 ? 60000 : (int)wait;
}

void loop_once(void)
{
	struct epoll_event ev;
	int n = epoll_wait(loop_fd, &ev, 1, loop_wait_ms());
	if (n == 1) {
		struct loop_source *s = ev.data.ptr;
		s->ready(s, ev.events);
	}
	struct loop_timer *t = loop_timers;
	if (t != NULL && t->due_ms <= util_now_ms()) {
		loop_timers = t->next;
		t->is_armed = false;
		t->fire(t);
	}
}
