/* events.h - notifications about containers, and the watch for OOM kills. */
#ifndef AGENT_EVENTS_H
#define AGENT_EVENTS_H

#include "container.h"

/** events_init() - the inotify instance; 0 or -1. */
int events_init(void);
/** events_watch() - watch memory.events of @c's cgroup. */
void events_watch(struct container *c);
/** events_unwatch() - stop it. */
void events_unwatch(struct container *c);
/** events_oom_check() - look now; sends "oom" if processes were killed. */
void events_oom_check(struct container *c);
/** events_container() - container.event of kind @event. */
void events_container(struct container *c, const char *event);
/** events_exec() - container.event "exec-exited". */
void events_exec(struct container *c, const struct proc *p);
/** events_output() - container.output. */
void events_output(struct proc_stream *s, const char *data, size_t len);

#endif
