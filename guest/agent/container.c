/* container.c - creating, starting, ending; see container.h for the states. */
#define _GNU_SOURCE
#include "container.h"
#include "cgroup.h"
#include "conn.h"
#include "events.h"
#include "filter.h"
#include "log.h"
#include "ns.h"
#include "rootfs.h"
#include "util.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct container *containers[CONTAINER_MAX];
static scmp_filter_ctx container_filter; /* filter_base(), made once */

int container_init(void)
{
	container_filter = filter_base();
	return container_filter != NULL && events_init() == 0 ? 0 : -1;
}

struct container *container_at(size_t index)
{
	return containers[index];
}

static struct container *container_lookup(const char *id)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		if (containers[i] != NULL &&
		    strcmp(containers[i]->id, id) == 0) {
			return containers[i];
		}
	}
	return NULL;
}

struct container *container_find(const char *id, struct agent_error *e)
{
	struct container *c = container_lookup(id);
	if (c == NULL) {
		error_set(e, RPC_ERR_NOENT, "no container \"%.63s\"", id);
	}
	return c;
}

static const char *container_status_word(const struct container *c)
{
	static const char *const words[] = {
		[CONTAINER_CREATING] = "creating",
		[CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_STOPPED] = "stopped",
	};
	return words[c->status];
}

json_t *container_state(const struct container *c)
{
	char bundle[128];
	rootfs_path(bundle, sizeof(bundle), c->id, "");
	json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s}", "ociVersion",
			      c->spec->version, "id", c->id, "status",
			      container_status_word(c), "pid", (int)c->init.pid,
			      "bundle", bundle);
	if (c->status == CONTAINER_STOPPED) {
		json_object_set_new(o, "exitCode",
				    json_integer(c->init.exit_code));
		json_object_set_new(o, "signal", json_integer(c->init.signal));
		json_object_set_new(o, "oomKilled", json_boolean(c->is_oom));
	}
	return o;
}

static void container_answer(struct rpc_call **call, json_t *result)
{
	if (*call != NULL) {
		rpc_reply(*call, result);
		*call = NULL;
	} else {
		json_decref(result);
	}
}

static void container_refuse(struct rpc_call **call,
			     const struct agent_error *e)
{
	if (*call != NULL) {
		rpc_fail(*call, e);
		*call = NULL;
	}
}

static void container_free(struct container *c)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		if (containers[i] == c) {
			containers[i] = NULL;
		}
	}
	events_unwatch(c);
	proc_close(&c->init);
	rootfs_remove(c->id);
	/* every process is reaped, so the group is empty */
	if (cgroup_remove(c->id) < 0) {
		log_error("cgroup of %s: %s", c->id, strerrorname_np(errno));
	}
	spec_free(c->spec);
	free(c);
}

static int container_slot(void)
{
	for (int i = 0; i < CONTAINER_MAX; i++) {
		if (containers[i] == NULL) {
			return i;
		}
	}
	return -1;
}

/* What the clone itself makes; the child makes the rest (child.c). */
static int container_clone_flags(const struct spec *s)
{
	int flags = 0;
	for (int i = 0; i < NS_COUNT; i++) {
		bool is_late = i == NS_CGROUP || i == NS_TIME;
		/* owned by a user namespace by path: only after joining it */
		bool is_joined_user = s->ns[NS_USER].path != NULL;
		if (!is_late && !is_joined_user &&
		    spec_has_new(s, (enum ns_kind)i)) {
			flags |= ns_table[i].flag;
		}
	}
	return flags;
}

static int container_open_joins(const struct spec *s, struct child_plan *plan,
				struct agent_error *e)
{
	for (int i = 0; i < NS_COUNT; i++) {
		plan->join[i] = -1;
	}
	for (int i = 0; i < NS_COUNT; i++) {
		if (s->ns[i].path == NULL) {
			continue;
		}
		plan->join[i] = ns_open((enum ns_kind)i, s->ns[i].path, e);
		if (plan->join[i] < 0) {
			return -1;
		}
	}
	return 0;
}

static void container_close_joins(struct child_plan *plan)
{
	for (int i = 0; i < NS_COUNT; i++) {
		util_close(&plan->join[i]);
	}
}

static int container_spawn(struct container *c, struct agent_error *e)
{
	struct child_plan plan = { .id = c->id,
				   .spec = c->spec,
				   .process = &c->spec->process,
				   .base_filter = container_filter,
				   .join_pidfd = -1 };
	int rc = container_open_joins(c->spec, &plan, e);
	if (rc == 0) {
		rc = proc_spawn(&c->init, &plan, container_clone_flags(c->spec),
				e);
	}
	container_close_joins(&plan);
	return rc;
}

static struct container *container_new(const char *id, struct spec *spec)
{
	struct container *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return NULL;
	}
	(void)snprintf(c->id, sizeof(c->id), "%s", id);
	c->spec = spec;
	c->oom_watch = -1;
	proc_init(&c->init, c);
	return c;
}

static int container_check_new(const char *id, struct agent_error *e)
{
	if (!util_name_ok(id)) {
		return error_path(e, RPC_ERR_PARAMS, "/id",
				  "a name is [a-z0-9][a-z0-9_.-]{0,62}");
	}
	if (container_lookup(id) != NULL) {
		return error_set(e, RPC_ERR_EXIST,
				 "container \"%s\" exists; delete it or take "
				 "another name",
				 id);
	}
	if (container_slot() < 0) {
		return error_set(e, RPC_ERR_LIMIT, "%d containers exist",
				 CONTAINER_MAX);
	}
	return 0;
}

enum rpc_verdict container_create(struct rpc_call *call, const char *id,
				  json_t *config, bool is_run,
				  struct agent_error *e)
{
	if (container_check_new(id, e) < 0) {
		return RPC_FAILED;
	}
	struct spec *spec = spec_decode(config, e);
	if (spec == NULL) {
		return RPC_FAILED;
	}
	struct container *c = container_new(id, spec);
	if (c == NULL) {
		spec_free(spec);
		return error_set(e, RPC_ERR_INTERNAL, "out of memory");
	}
	if (cgroup_create(id, spec, e) < 0) {
		goto undo_new;
	}
	if (rootfs_create(id, spec, e) < 0) {
		goto undo_cgroup;
	}
	events_watch(c);
	c->is_run = is_run;
	c->call = rpc_defer(call);
	containers[container_slot()] = c;
	if (container_spawn(c, e) < 0) {
		container_refuse(&c->call, e);
		container_free(c);
	}
	return RPC_DEFERRED;
undo_cgroup:
	(void)cgroup_remove(id);
undo_new:
	spec_free(spec);
	free(c);
	return RPC_FAILED;
}

enum rpc_verdict container_start(struct rpc_call *call, struct container *c,
				 struct agent_error *e)
{
	if (c->status != CONTAINER_CREATED || c->call != NULL) {
		return error_set(e, RPC_ERR_STATE,
				 "container \"%s\" is %s, not created", c->id,
				 container_status_word(c));
	}
	c->call = rpc_defer(call);
	proc_start(&c->init);
	return RPC_DEFERRED;
}

static struct container_exec *container_exec_of(struct proc *p)
{
	return CONTAINER_OF(p, struct container_exec, proc);
}

static bool container_is_init(const struct proc *p)
{
	return p == &p->owner->init;
}

void container_on_ready(struct proc *p)
{
	struct container *c = p->owner;
	if (!container_is_init(p)) {
		proc_start(p);
		return;
	}
	c->status = CONTAINER_CREATED;
	events_container(c, "created");
	if (c->is_run) {
		proc_start(p);
	} else {
		container_answer(&c->call, container_state(c));
	}
}

void container_on_running(struct proc *p)
{
	struct container *c = p->owner;
	if (!container_is_init(p)) {
		container_answer(&container_exec_of(p)->call,
				 json_pack("{s:s, s:i}", "exec", p->exec_id,
					   "pid", (int)p->pid));
		return;
	}
	c->status = CONTAINER_RUNNING;
	container_answer(&c->call, c->is_run ? container_state(c) : NULL);
	events_container(c, "started");
}

void container_on_failed(struct proc *p, const struct agent_error *e)
{
	struct container *c = p->owner;
	if (!container_is_init(p)) {
		container_refuse(&container_exec_of(p)->call, e);
		return;
	}
	if (c->status == CONTAINER_CREATING || c->is_run) {
		/* answered when it is gone, so that its name is free again;
		 * a limit on its CPU time must not draw that out */
		c->is_doomed = true;
		cgroup_unthrottle(c->id);
		c->failure = *e;
		return;
	}
	container_refuse(&c->call, e);
}

static void container_exec_free(struct container_exec *x)
{
	struct container *c = x->proc.owner;
	for (size_t i = 0; i < CONTAINER_EXEC_MAX; i++) {
		if (c->execs[i] == x) {
			c->execs[i] = NULL;
		}
	}
	proc_close(&x->proc);
	json_decref(x->document);
	free(x);
}

/* Ended without a word while somebody waits for an answer. */
static void container_lost_child(struct rpc_call **call, const struct proc *p)
{
	struct agent_error e;
	error_set(&e, RPC_ERR_INTERNAL,
		  "the process ended while it was set up (code %d, signal %d)",
		  p->exit_code, p->signal);
	container_refuse(call, &e);
}

static bool container_has_execs(const struct container *c)
{
	for (size_t i = 0; i < CONTAINER_EXEC_MAX; i++) {
		if (c->execs[i] != NULL) {
			return true;
		}
	}
	return false;
}

/* The last process is gone: finish what waited for that. */
static void container_settle(struct container *c)
{
	if (c->init.state != PROC_DONE || container_has_execs(c)) {
		return;
	}
	if (c->delete != NULL) {
		events_container(c, "deleted");
		container_answer(&c->delete, NULL);
		container_free(c);
	} else if (c->is_doomed) {
		container_free(c);
	}
}

void container_on_exit(struct proc *p)
{
	struct container *c = p->owner;
	if (!container_is_init(p)) {
		struct container_exec *x = container_exec_of(p);
		container_lost_child(&x->call, p);
		if (!p->has_failed) {
			events_exec(c, p);
		}
		container_exec_free(x);
		container_settle(c);
		return;
	}
	if (c->failure.code != 0) {
		container_refuse(&c->call, &c->failure);
	} else {
		container_lost_child(&c->call, p);
	}
	/* what joined the cgroup without the pid namespace goes too */
	cgroup_kill(c->id);
	c->is_doomed = c->is_doomed || c->status == CONTAINER_CREATING;
	c->status = CONTAINER_STOPPED;
	events_oom_check(c);
	if (!c->is_doomed) {
		events_container(c, "exited");
	}
	container_settle(c);
}

enum rpc_verdict container_exec(struct rpc_call *call, struct container *c,
				json_t *document, struct agent_error *e)
{
	size_t slot = 0;
	if (c->status != CONTAINER_RUNNING) {
		return error_set(e, RPC_ERR_STATE,
				 "container \"%s\" is %s, not running", c->id,
				 container_status_word(c));
	}
	while (slot < CONTAINER_EXEC_MAX && c->execs[slot] != NULL) {
		slot++;
	}
	if (slot == CONTAINER_EXEC_MAX) {
		return error_set(e, RPC_ERR_LIMIT, "%d execs are running",
				 CONTAINER_EXEC_MAX);
	}
	struct container_exec *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return error_set(e, RPC_ERR_INTERNAL, "out of memory");
	}
	x->document = json_incref(document);
	proc_init(&x->proc, c);
	if (spec_decode_process(document, &x->process, e) < 0) {
		container_exec_free(x);
		return RPC_FAILED;
	}
	(void)snprintf(x->proc.exec_id, sizeof(x->proc.exec_id), "e%u",
		       ++c->exec_serial);
	c->execs[slot] = x;
	struct child_plan plan = { .id = c->id,
				   .spec = c->spec,
				   .process = &x->process,
				   .base_filter = container_filter,
				   .join_pidfd = c->init.pidfd,
				   .join_flags = ns_own_flags(c->init.pid) };
	for (int i = 0; i < NS_COUNT; i++) {
		plan.join[i] = -1;
	}
	x->call = rpc_defer(call);
	if (proc_spawn(&x->proc, &plan, 0, e) < 0) {
		container_refuse(&x->call, e);
		container_exec_free(x);
	}
	return RPC_DEFERRED;
}

int container_kill(struct container *c, int signal, bool is_all,
		   struct agent_error *e)
{
	if (c->status == CONTAINER_STOPPED || c->init.pid == 0) {
		return error_set(e, RPC_ERR_STATE,
				 "container \"%s\" is stopped", c->id);
	}
	if (is_all) {
		cgroup_signal(c->id, signal);
		return 0;
	}
	return kill(c->init.pid, signal) < 0 ? error_sys(e, "kill") : 0;
}

enum rpc_verdict container_delete(struct rpc_call *call, struct container *c,
				  bool is_forced, struct agent_error *e)
{
	bool is_stopped =
		c->status == CONTAINER_STOPPED && !container_has_execs(c);
	if (!is_stopped && !is_forced) {
		return error_set(e, RPC_ERR_STATE,
				 "container \"%s\" is %s; kill it first, or "
				 "delete with force",
				 c->id, container_status_word(c));
	}
	if (c->delete != NULL) {
		return error_set(e, RPC_ERR_BUSY, "it is being deleted");
	}
	c->delete = rpc_defer(call);
	if (is_stopped) {
		container_settle(c);
	} else {
		cgroup_kill(c->id);
	}
	return RPC_DEFERRED;
}

struct proc *container_proc(struct container *c, const char *exec_id)
{
	if (exec_id == NULL || exec_id[0] == '\0') {
		return &c->init;
	}
	for (size_t i = 0; i < CONTAINER_EXEC_MAX; i++) {
		struct container_exec *x = c->execs[i];
		if (x != NULL && strcmp(x->proc.exec_id, exec_id) == 0) {
			return &x->proc;
		}
	}
	return NULL;
}

/* The process of @c with this pid, or NULL. */
static struct proc *container_proc_by_pid(struct container *c, pid_t pid)
{
	if (c->init.pid == pid) {
		return &c->init;
	}
	for (size_t i = 0; i < CONTAINER_EXEC_MAX; i++) {
		if (c->execs[i] != NULL && c->execs[i]->proc.pid == pid) {
			return &c->execs[i]->proc;
		}
	}
	return NULL;
}

bool container_reaped(pid_t pid, int code, int status)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		struct proc *p =
			containers[i] != NULL
				? container_proc_by_pid(containers[i], pid)
				: NULL;
		if (p != NULL) {
			proc_reaped(p, code, status);
			return true;
		}
	}
	return false;
}

bool container_is_any_alive(void)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		if (containers[i] != NULL && containers[i]->init.pid != 0) {
			return true;
		}
	}
	return false;
}

bool container_may_read(struct proc *p)
{
	return !p->owner->is_attached || conn_has_room();
}

void container_on_output(struct proc_stream *s, const char *data, size_t len)
{
	struct container *c = s->proc->owner;
	out_ring_write(&c->log, data, len);
	if (c->is_attached && conn_is_up()) {
		events_output(s, data, len);
	}
}

/* A resumed process may end, and with it the container: look it up anew. */
static void container_resume(size_t slot)
{
	for (size_t i = 0; i < CONTAINER_EXEC_MAX; i++) {
		struct container *c = containers[slot];
		if (c != NULL && c->execs[i] != NULL) {
			proc_resume(&c->execs[i]->proc);
		}
	}
	if (containers[slot] != NULL) {
		proc_resume(&containers[slot]->init);
	}
}

void container_resume_all(void)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		container_resume(i);
	}
}

void container_detach_all(void)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		if (containers[i] != NULL) {
			containers[i]->is_attached = false;
		}
	}
	container_resume_all();
}
