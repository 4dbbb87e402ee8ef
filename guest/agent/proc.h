/*
 * proc.h - one process that the agent started in a container: the container's
 * first one or an exec's, with its streams.
 *
 * States and who makes the transition:
 *	SETUP	 proc_spawn()		building, see child.h
 *	READY	 the child's READY	waiting for START
 *	STARTING proc_start()		executing
 *	RUNNING	 its socket closed	execve() succeeded
 *	EXITED	 proc_reaped()		status known, output being drained
 *	DONE	 after the drain	container_on_exit() was called
 *
 * SETUP and STARTING have a time limit; a process that exceeds it is killed
 * (proc_late()) and ends like any other whose set-up failed.
 */
#ifndef AGENT_PROC_H
#define AGENT_PROC_H

#include "child.h"
#include "loop.h"
#include <stdbool.h>
#include <stdint.h>

#define PROC_STDIN_MAX 65536u
#define PROC_SETUP_MS  20000u

struct container;
struct proc;

enum proc_state {
	PROC_NONE,
	PROC_SETUP,
	PROC_READY,
	PROC_STARTING,
	PROC_RUNNING,
	PROC_EXITED,
	PROC_DONE
};

struct proc_stream {
	struct loop_source source;
	struct proc *proc;
	bool is_stderr;
	size_t cut_len; /* beginning of a UTF-8 character, not complete yet */
	char cut[4];
};

struct proc {
	enum proc_state state;
	struct container *owner;
	char exec_id[16]; /* "": the container's first process */
	pid_t pid;
	int pidfd;
	bool has_terminal;
	bool has_failed; /* the child said why it gave up */
	int exit_code;
	int signal;
	struct loop_source sync;
	struct loop_timer limit; /* SETUP and STARTING may take so long */
	struct proc_stream out;  /* the terminal's master, if there is one */
	struct proc_stream err;
	struct loop_source in;
	bool is_in_eof; /* close stdin when the queue is empty */
	size_t in_len;
	char *in_queue;
};

/** proc_init() - an unused process of @owner. */
void proc_init(struct proc *p, struct container *owner);
/**
 * proc_spawn() - clone the process and let it build itself.
 * @flags: CLONE_NEW* of the clone
 * Return: 0 (then a call of container_on_… follows), or -1.
 */
int proc_spawn(struct proc *p, struct child_plan *plan, int flags,
	       struct agent_error *e);
/** proc_start() - let a READY process execute. */
void proc_start(struct proc *p);
/** proc_reaped() - @p ended with @status of waitid(2)'s si_code/si_status. */
void proc_reaped(struct proc *p, int code, int status);
/** proc_input() - queue bytes for stdin; 0 or -1 (queue full, or closed). */
int proc_input(struct proc *p, const char *data, size_t len, bool is_eof,
	       struct agent_error *e);
/** proc_resume() - the connection has room: read paused streams again. */
void proc_resume(struct proc *p);
/** proc_close() - give everything back (the process must be reaped). */
void proc_close(struct proc *p);

/* What a process tells its container (container.c) */
void container_on_ready(struct proc *p);
void container_on_failed(struct proc *p, const struct agent_error *e);
void container_on_running(struct proc *p);
void container_on_exit(struct proc *p);
/** @return false: the connection has no room, keep the bytes in the pipe */
bool container_may_read(struct proc *p);
void container_on_output(struct proc_stream *s, const char *data, size_t len);

#endif
