/*
 * events.c - see events.h.
 *
 * Not every death by SIGKILL is an OOM kill, and not every OOM kill ends the
 * container: what counts is by how much memory.events' oom_kill has grown.
 */
#define _GNU_SOURCE
#include "events.h"
#include "cgroup.h"
#include "rpc.h"
#include "utf8.h"
#include "util.h"
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

static void events_ready(struct loop_source *s, uint32_t events);
static struct loop_source events_source = { .fd = -1, .ready = events_ready };

int events_init(void)
{
	events_source.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return events_source.fd < 0 ? -1 : loop_add(&events_source, EPOLLIN);
}

void events_watch(struct container *c)
{
	char path[160];
	(void)snprintf(path, sizeof(path),
		       CGROUP_CONTAINERS "/%s/memory.events", c->id);
	c->oom_watch = inotify_add_watch(events_source.fd, path, IN_MODIFY);
}

void events_unwatch(struct container *c)
{
	if (c->oom_watch >= 0) {
		(void)inotify_rm_watch(events_source.fd, c->oom_watch);
		c->oom_watch = -1;
	}
}

void events_oom_check(struct container *c)
{
	uint64_t kills = cgroup_oom_kills(c->id);
	if (kills > c->oom_kills) {
		c->oom_kills = kills;
		c->is_oom = true;
		events_container(c, "oom");
	}
}

static void events_ready(struct loop_source *s, uint32_t events)
{
	union {
		struct inotify_event event;
		char buf[1024];
	} u;
	(void)events;
	ssize_t n = read(s->fd, &u, sizeof(u));
	/* whichever it was: looking at all of them is cheap and misses none */
	for (size_t i = 0; n > 0 && i < CONTAINER_MAX; i++) {
		if (container_at(i) != NULL) {
			events_oom_check(container_at(i));
		}
	}
}

void events_container(struct container *c, const char *event)
{
	json_t *o = json_pack("{s:s, s:s}", "id", c->id, "event", event);
	if (strcmp(event, "exited") == 0) {
		json_object_set_new(o, "exitCode",
				    json_integer(c->init.exit_code));
		json_object_set_new(o, "signal", json_integer(c->init.signal));
		json_object_set_new(o, "oomKilled", json_boolean(c->is_oom));
		json_object_set_new(o, "stats", cgroup_stats(c->id));
	}
	rpc_notify("container.event", o);
}

void events_exec(struct container *c, const struct proc *p)
{
	rpc_notify("container.event",
		   json_pack("{s:s, s:s, s:s, s:i, s:i}", "id", c->id, "exec",
			     p->exec_id, "event", "exec-exited", "exitCode",
			     p->exit_code, "signal", p->signal));
}

void events_output(struct proc_stream *s, const char *data, size_t len)
{
	char raw[RPC_OUTPUT_CHUNK + sizeof(s->cut)];
	char text[3 * sizeof(raw)];
	size_t used;
	struct proc *p = s->proc;
	memcpy(raw, s->cut, s->cut_len);
	memcpy(raw + s->cut_len, data, len);
	len += s->cut_len;
	size_t out = utf8_clean(raw, len, text, &used);
	s->cut_len = len - used;
	memcpy(s->cut, raw + used, s->cut_len);
	if (out == 0) {
		return;
	}
	json_t *o = json_pack("{s:s, s:s}", "id", p->owner->id, "stream",
			      s->is_stderr ? "stderr" : "stdout");
	if (p->exec_id[0] != '\0') {
		json_object_set_new(o, "exec", json_string(p->exec_id));
	}
	json_object_set_new(o, "data", json_stringn(text, out));
	rpc_notify("container.output", o);
}
