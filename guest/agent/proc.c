/* proc.c - clone, streams, end; see proc.h. */
#define _GNU_SOURCE
#include "proc.h"
#include "cgroup.h"
#include "log.h"
#include "ns.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void proc_sync_ready(struct loop_source *s, uint32_t events);
static void proc_stream_ready(struct loop_source *s, uint32_t events);
static void proc_in_ready(struct loop_source *s, uint32_t events);
static void proc_late(struct loop_timer *t);

static void proc_stream_init(struct proc_stream *s, struct proc *p,
			     bool is_stderr)
{
	*s = (struct proc_stream){ .proc = p,
				   .is_stderr = is_stderr,
				   .source = { .fd = -1,
					       .ready = proc_stream_ready } };
}

void proc_init(struct proc *p, struct container *owner)
{
	*p = (struct proc){ .owner = owner,
			    .pidfd = -1,
			    .limit = { .fire = proc_late } };
	p->sync = (struct loop_source){ .fd = -1, .ready = proc_sync_ready };
	p->in = (struct loop_source){ .fd = -1, .ready = proc_in_ready };
	proc_stream_init(&p->out, p, false);
	proc_stream_init(&p->err, p, true);
}

static int proc_pipe(int *theirs, struct loop_source *ours, bool is_input,
		     uid_t uid, gid_t gid)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -1;
	}
	*theirs = fds[is_input ? 0 : 1];
	ours->fd = fds[is_input ? 1 : 0];
	/* so that /dev/stdout can be opened by the container's root */
	(void)fchown(*theirs, uid, gid);
	return fcntl(ours->fd, F_SETFL, O_NONBLOCK);
}

static int proc_pipes(struct proc *p, struct child_plan *plan)
{
	const struct spec *s = plan->spec;
	uid_t uid =
		spec_outside(s->uid_maps, s->uid_map_count, plan->process->uid);
	gid_t gid =
		spec_outside(s->gid_maps, s->gid_map_count, plan->process->gid);
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return -1;
	}
	plan->sync_fd = pair[1];
	p->sync.fd = pair[0];
	if (fcntl(p->sync.fd, F_SETFL, O_NONBLOCK) < 0) {
		return -1;
	}
	if (p->has_terminal) {
		return 0;
	}
	return proc_pipe(&plan->stdio[0], &p->in, true, uid, gid) < 0 ||
			       proc_pipe(&plan->stdio[1], &p->out.source, false,
					 uid, gid) < 0 ||
			       proc_pipe(&plan->stdio[2], &p->err.source, false,
					 uid, gid) < 0
		       ? -1
		       : 0;
}

static void proc_close_theirs(struct child_plan *plan)
{
	for (int i = 0; i < 3; i++) {
		util_close(&plan->stdio[i]);
	}
	util_close(&plan->sync_fd);
}

static int proc_set_time(const struct spec *s, struct agent_error *e)
{
	if (unshare(CLONE_NEWTIME) < 0) {
		return error_sys(e, "new time namespace");
	}
	if (s->has_time_offsets &&
	    util_writef("/proc/self/timens_offsets",
			"monotonic %lld %u\nboottime %lld %u\n",
			(long long)s->monotonic_secs, s->monotonic_nanosecs,
			(long long)s->boottime_secs,
			s->boottime_nanosecs) < 0) {
		return error_sys(e, "/linux/timeOffsets");
	}
	return 0;
}

/*
 * Pid and time namespaces are entered by children only: put the agent's
 * children there, clone, and take it back.
 */
static int proc_enter(const struct child_plan *plan, struct agent_error *e)
{
	const struct spec *s = plan->spec;
	if (plan->join_pidfd >= 0) {
		int flags = plan->join_flags & CLONE_NEWPID;
		return flags != 0 && setns(plan->join_pidfd, flags) < 0
			       ? error_sys(e, "pid namespace")
			       : 0;
	}
	if (plan->join[NS_PID] >= 0 &&
	    setns(plan->join[NS_PID], CLONE_NEWPID) < 0) {
		return error_sys(e, "joining a pid namespace");
	}
	if (plan->join[NS_TIME] >= 0 &&
	    setns(plan->join[NS_TIME], CLONE_NEWTIME) < 0) {
		return error_sys(e, "joining a time namespace");
	}
	return spec_has_new(s, NS_TIME) ? proc_set_time(s, e) : 0;
}

static void proc_leave(const struct child_plan *plan)
{
	static int own_pid = -1;
	static int own_time = -1;
	if (own_pid < 0) {
		own_pid = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		own_time = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	}
	bool had_pid = plan->join[NS_PID] >= 0 || plan->join_pidfd >= 0;
	bool had_time =
		plan->join[NS_TIME] >= 0 || plan->spec->ns[NS_TIME].is_wanted;
	if ((had_pid && setns(own_pid, CLONE_NEWPID) < 0) ||
	    (had_time && setns(own_time, CLONE_NEWTIME) < 0)) {
		log_error("own namespaces: %s", strerrorname_np(errno));
	}
}

static int proc_clone(struct proc *p, const struct child_plan *plan, int flags,
		      struct agent_error *e)
{
	auto_close int cgroup = cgroup_open(plan->id);
	if (cgroup < 0) {
		return error_sys(e, "cgroup %s", plan->id);
	}
	struct clone_args args = {
		.flags = (uint64_t)(unsigned)flags | CLONE_PIDFD |
			 CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)&p->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	int rc = proc_enter(plan, e);
	if (rc == 0) {
		long pid = syscall(SYS_clone3, &args, sizeof(args));
		if (pid == 0) {
			child_run(plan);
		}
		p->pid = (pid_t)pid;
		rc = pid < 0 ? error_sys(e, "clone3") : 0;
	}
	proc_leave(plan);
	return rc;
}

static void proc_say(struct proc *p, enum child_word word)
{
	struct child_message message = { .word = word };
	(void)send(p->sync.fd, &message, sizeof(message), MSG_NOSIGNAL);
}

static int proc_settle(struct proc *p, const struct child_plan *plan,
		       struct agent_error *e)
{
	char path[64];
	const struct spec_process *process = plan->process;
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj",
		       (int)p->pid);
	if (util_writef(path, "%d", process->oom_score_adj) < 0) {
		return error_sys(e, "oom_score_adj");
	}
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		if (process->rlimits[i].is_set &&
		    prlimit(p->pid, (enum __rlimit_resource)i,
			    &process->rlimits[i].limit, NULL) < 0) {
			return error_sys(e, "resource limit %d", i);
		}
	}
	return plan->join_pidfd < 0 ? ns_map_ids(plan->spec, p->pid, e) : 0;
}

int proc_spawn(struct proc *p, struct child_plan *plan, int flags,
	       struct agent_error *e)
{
	p->has_terminal = plan->process->has_terminal;
	plan->sync_fd = -1;
	for (int i = 0; i < 3; i++) {
		plan->stdio[i] = -1;
	}
	int rc = proc_pipes(p, plan) < 0 ? error_sys(e, "pipes")
					 : proc_clone(p, plan, flags, e);
	proc_close_theirs(plan);
	if (rc < 0) {
		proc_close(p);
		return -1;
	}
	p->state = PROC_SETUP;
	if (loop_add(&p->sync, EPOLLIN) < 0 || proc_settle(p, plan, e) < 0) {
		/* closing the socket ends the child; proc_reaped() follows */
		loop_close(&p->sync);
		p->has_failed = true;
		container_on_failed(p, e);
		return 0;
	}
	if (!p->has_terminal) {
		(void)loop_add(&p->out.source, EPOLLIN);
		(void)loop_add(&p->err.source, EPOLLIN);
	}
	loop_arm(&p->limit, PROC_SETUP_MS);
	proc_say(p, CHILD_MAPPED);
	return 0;
}

void proc_start(struct proc *p)
{
	p->state = PROC_STARTING;
	loop_arm(&p->limit, PROC_SETUP_MS);
	proc_say(p, CHILD_START);
}

/* Its program should run by now, or its end have been seen. */
static void proc_late(struct loop_timer *t)
{
	struct proc *p = CONTAINER_OF(t, struct proc, limit);
	struct agent_error e;
	error_set(&e, RPC_ERR_SYSTEM,
		  "the process was not set up within %u s and was killed; "
		  "raise cpu.max, or take away mounts",
		  PROC_SETUP_MS / 1000);
	e.sys_errno = ETIMEDOUT;
	loop_close(&p->sync);
	p->has_failed = true;
	(void)kill(p->pid, SIGKILL);
	container_on_failed(p, &e);
}

static void proc_take_master(struct proc *p, int fd)
{
	if (fd < 0) {
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	p->out.source.fd = fd;
	(void)loop_add(&p->out.source, EPOLLIN);
	p->in.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static ssize_t proc_receive(struct proc *p, struct child_message *message,
			    int *passed)
{
	struct iovec iov = { message, sizeof(*message) };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	ssize_t n = recvmsg(p->sync.fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	*passed = -1;
	if (c != NULL && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(passed, CMSG_DATA(c), sizeof(int));
	}
	return n;
}

static void proc_sync_ready(struct loop_source *s, uint32_t events)
{
	struct proc *p = CONTAINER_OF(s, struct proc, sync);
	struct child_message message;
	int passed;
	(void)events;
	ssize_t n = proc_receive(p, &message, &passed);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n == (ssize_t)sizeof(message) && message.word == CHILD_READY &&
	    p->state == PROC_SETUP) {
		loop_disarm(&p->limit);
		p->state = PROC_READY;
		proc_take_master(p, passed);
		container_on_ready(p);
		return;
	}
	util_close(&passed);
	loop_disarm(&p->limit);
	loop_close(s);
	if (n == (ssize_t)sizeof(message) && message.word == CHILD_FAILED) {
		p->has_failed = true;
		container_on_failed(p, &message.error);
	} else if (p->state == PROC_STARTING) {
		p->state = PROC_RUNNING;
		container_on_running(p);
	}
	/* otherwise it died silently; proc_reaped() says so */
}

/* Read once; false when there is nothing more for now. */
static bool proc_stream_read(struct proc_stream *s)
{
	char buf[RPC_OUTPUT_CHUNK];
	if (s->source.fd < 0 || !container_may_read(s->proc)) {
		loop_change(&s->source, 0);
		return false;
	}
	ssize_t n = read(s->source.fd, buf, sizeof(buf));
	if (n > 0) {
		container_on_output(s, buf, (size_t)n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return false;
	}
	loop_close(&s->source); /* EOF, or EIO: the terminal's last user left */
	return false;
}

/* After the end: take what is left in the pipes, unless it must wait. */
static void proc_drain(struct proc *p)
{
	struct proc_stream *const streams[] = { &p->out, &p->err };
	for (size_t i = 0; i < ARRAY_COUNT(streams); i++) {
		while (proc_stream_read(streams[i])) {
		}
		if (streams[i]->source.fd >= 0 && !container_may_read(p)) {
			return; /* proc_resume() comes back */
		}
		loop_close(&streams[i]->source);
	}
	loop_close(&p->in);
	loop_close(&p->sync);
	p->state = PROC_DONE;
	container_on_exit(p);
}

static void proc_stream_ready(struct loop_source *source, uint32_t events)
{
	struct proc_stream *s =
		CONTAINER_OF(source, struct proc_stream, source);
	(void)events;
	(void)proc_stream_read(s);
}

void proc_resume(struct proc *p)
{
	loop_change(&p->out.source, EPOLLIN);
	loop_change(&p->err.source, EPOLLIN);
	if (p->state == PROC_EXITED) {
		proc_drain(p);
	}
}

void proc_reaped(struct proc *p, int code, int status)
{
	p->exit_code = code == CLD_EXITED ? status : 128 + status;
	p->signal = code == CLD_EXITED ? 0 : status;
	p->pid = 0;
	loop_disarm(&p->limit);
	util_close(&p->pidfd);
	/* a message may have come with the end; it is the better explanation */
	if (p->sync.fd >= 0) {
		proc_sync_ready(&p->sync, EPOLLIN);
	}
	p->state = PROC_EXITED;
	proc_drain(p);
}

static void proc_in_ready(struct loop_source *s, uint32_t events)
{
	struct proc *p = CONTAINER_OF(s, struct proc, in);
	ssize_t n = p->in_len > 0 ? write(s->fd, p->in_queue, p->in_len) : 0;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n < 0) {
		loop_close(s);
		return;
	}
	p->in_len -= (size_t)n;
	if (p->in_len > 0) {
		memmove(p->in_queue, p->in_queue + n, p->in_len);
		return;
	}
	loop_change(s, 0);
	if (p->is_in_eof) {
		loop_close(s);
	}
}

int proc_input(struct proc *p, const char *data, size_t len, bool is_eof,
	       struct agent_error *e)
{
	if (p->in.fd < 0 || p->is_in_eof) {
		return error_set(e, RPC_ERR_STATE, "stdin is closed");
	}
	size_t need = len + (is_eof && p->has_terminal ? 1 : 0);
	if (need > PROC_STDIN_MAX - p->in_len) {
		return error_set(e, RPC_ERR_BUSY,
				 "stdin's queue of %u bytes is full; try "
				 "again when the program has read",
				 PROC_STDIN_MAX);
	}
	if (p->in_queue == NULL) {
		p->in_queue = malloc(PROC_STDIN_MAX);
		if (p->in_queue == NULL) {
			return error_set(e, RPC_ERR_INTERNAL, "out of memory");
		}
	}
	memcpy(p->in_queue + p->in_len, data, len);
	p->in_len += len;
	if (is_eof && p->has_terminal) {
		p->in_queue[p->in_len++] = 4; /* ^D ends a terminal's input */
	} else {
		p->is_in_eof = is_eof;
	}
	loop_change(&p->in, EPOLLOUT);
	return 0;
}

void proc_close(struct proc *p)
{
	loop_disarm(&p->limit);
	loop_close(&p->sync);
	loop_close(&p->in);
	loop_close(&p->out.source);
	loop_close(&p->err.source);
	util_close(&p->pidfd);
	free(p->in_queue);
	p->in_queue = NULL;
}
