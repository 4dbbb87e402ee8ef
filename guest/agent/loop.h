/*
 * loop.h - the agent's one event loop: file descriptors and timers.
 *
 * Invariants
 *  1. One thread; handlers never block.
 *  2. Events are taken one at a time, so a handler may remove and free any
 *     source, its own included, without leaving a stale event behind.
 */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop_source {
	int fd; /* -1: not in use */
	bool is_added;
	void (*ready)(struct loop_source *s, uint32_t events);
};

struct loop_timer {
	uint64_t due_ms;
	bool is_armed;
	struct loop_timer *next;
	void (*fire)(struct loop_timer *t);
};

/** loop_init() - create the epoll instance; 0, or -1 with errno. */
int loop_init(void);
/** loop_add() - watch @s->fd for @events (EPOLLIN…); 0, or -1 with errno. */
int loop_add(struct loop_source *s, uint32_t events);
/** loop_change() - watch for other @events; 0 pauses the source. */
void loop_change(struct loop_source *s, uint32_t events);
/** loop_close() - stop watching and close the descriptor, if any. */
void loop_close(struct loop_source *s);
/** loop_arm() - call @t->fire once after @delay_ms; re-arming moves it. */
void loop_arm(struct loop_timer *t, uint64_t delay_ms);
/** loop_disarm() - forget the timer. */
void loop_disarm(struct loop_timer *t);
/** loop_once() - wait for one event or timer and handle it. */
void loop_once(void);

#endif
