/*
 * container.h - the life of containers, in OCI's words.
 *
 *	creating  container_create()	the first process builds itself
 *	created	  it is ready		reply to create, event "created"
 *	running	  container_start()	reply to start, event "started"
 *	stopped	  it ended		event "exited"
 *	(gone)	  container_delete()	event "deleted"
 *
 * A container whose creation fails, or whose start in container.run fails,
 * goes by itself: the error reply is all that is left of it.
 */
#ifndef AGENT_CONTAINER_H
#define AGENT_CONTAINER_H

#include "out_ring.h"
#include "proc.h"
#include "rpc.h"

#define CONTAINER_MAX      32
#define CONTAINER_EXEC_MAX 16

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_STOPPED
};

struct container_exec {
	struct proc proc;
	json_t *document; /* owns the strings of process */
	struct spec_process process;
	struct rpc_call *call;
};

struct container {
	char id[RPC_NAME_MAX + 1];
	enum container_status status;
	struct spec *spec;
	struct proc init;
	struct container_exec *execs[CONTAINER_EXEC_MAX];
	unsigned exec_serial;
	bool is_run;      /* start as soon as created, go if that fails */
	bool is_attached; /* output is forwarded */
	bool is_oom;
	bool is_doomed; /* goes when its process has gone */
	int oom_watch;  /* inotify's number for memory.events */
	uint64_t oom_kills;
	struct rpc_call *call;      /* create, run or start under way */
	struct rpc_call *delete;    /* delete with force under way */
	struct agent_error failure; /* why it is doomed; code 0: not known */
	struct out_ring log;
};

/** container_init() - before the first container. 0 or -1. */
int container_init(void);
/** container_find() - by name; NULL and an error if there is none. */
struct container *container_find(const char *id, struct agent_error *e);
/** container_at() - slot @index of CONTAINER_MAX; NULL: empty. */
struct container *container_at(size_t index);
/** container_create() - begin; the answer to @call comes later. */
enum rpc_verdict container_create(struct rpc_call *call, const char *id,
				  json_t *config, bool is_run,
				  struct agent_error *e);
/** container_start() - begin; the answer to @call comes later. */
enum rpc_verdict container_start(struct rpc_call *call, struct container *c,
				 struct agent_error *e);
/** container_exec() - one more process; @document: an OCI process object. */
enum rpc_verdict container_exec(struct rpc_call *call, struct container *c,
				json_t *document, struct agent_error *e);
/** container_delete() - now, or with force after its processes' end. */
enum rpc_verdict container_delete(struct rpc_call *call, struct container *c,
				  bool is_forced, struct agent_error *e);
/** container_kill() - a signal to the first process, or to all. */
int container_kill(struct container *c, int signal, bool is_all,
		   struct agent_error *e);
/** container_state() - the OCI state document. */
json_t *container_state(const struct container *c);
/** container_proc() - the first process (NULL, "") or an exec's, or NULL. */
struct proc *container_proc(struct container *c, const char *exec_id);
/** container_reaped() - was @pid one of ours? It ended so. */
bool container_reaped(pid_t pid, int code, int status);
/** container_is_any_alive() - is a process of a container left? */
bool container_is_any_alive(void);
/** container_resume_all() - the connection has room again, or is gone. */
void container_resume_all(void);
/** container_detach_all() - nobody listens any more. */
void container_detach_all(void);

#endif
