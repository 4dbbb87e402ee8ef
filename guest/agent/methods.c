/* methods.c - parameters in, results out; see methods.h. */
#define _GNU_SOURCE
#include "methods.h"
#include "cgroup.h"
#include "container.h"
#include "log.h"
#include "ns.h"
#include "power.h"
#include "run_config.h"
#include "signals.h"
#include "utf8.h"
#include "util.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define METHODS_LOG_CHUNK 4096 /* escaped it must fit into RPC_LINE_MAX */
#define METHODS_ARGS_TEXT 256  /* of args in container.list */

static json_t *methods_default; /* container.run's config.json */

json_t *methods_info(void)
{
	struct utsname uts;
	struct sysinfo info = { 0 };
	(void)uname(&uts);
	(void)sysinfo(&info);
	return json_pack("{s:i, s:s, s:s, s:o, s:i, s:I}", "version",
			 RPC_VERSION, "kernel", uts.release, "cgroup", "v2",
			 "controllers", cgroup_controllers(), "cpus",
			 get_nprocs(), "memory",
			 (json_int_t)info.totalram * info.mem_unit);
}

static enum rpc_verdict methods_ping(struct rpc_call *call, json_t *params,
				     struct agent_error *e)
{
	(void)call;
	(void)params;
	(void)e;
	return RPC_REPLIED;
}

static enum rpc_verdict
methods_agent_info(struct rpc_call *call, json_t *params, struct agent_error *e)
{
	(void)params;
	(void)e;
	call->result = methods_info();
	return RPC_REPLIED;
}

static enum rpc_verdict methods_poweroff(struct rpc_call *call, json_t *params,
					 struct agent_error *e)
{
	(void)call;
	(void)params;
	(void)e;
	power_off();
	return RPC_REPLIED;
}

/* The container that @params name; NULL with @e. */
static struct container *methods_container(json_t *params,
					   struct agent_error *e)
{
	const char *id = json_string_value(json_object_get(params, "id"));
	if (id == NULL) {
		error_path(e, RPC_ERR_PARAMS, "/params/id",
			   "\"id\" must be a string");
		return NULL;
	}
	return container_find(id, e);
}

static enum rpc_verdict methods_create(struct rpc_call *call, json_t *params,
				       struct agent_error *e)
{
	const char *id = json_string_value(json_object_get(params, "id"));
	json_t *config = json_object_get(params, "config");
	if (id == NULL || !json_is_object(config)) {
		return error_path(e, RPC_ERR_PARAMS, "/params",
				  "\"id\" and \"config\" are needed");
	}
	return container_create(call, id, config, false, e);
}

static enum rpc_verdict methods_run(struct rpc_call *call, json_t *params,
				    struct agent_error *e)
{
	static unsigned serial;
	char name[16];
	const char *id = json_string_value(json_object_get(params, "id"));
	auto_json json_t *config = run_config(methods_default, params, e);
	if (config == NULL) {
		return RPC_FAILED;
	}
	if (id == NULL) {
		(void)snprintf(name, sizeof(name), "c%u", ++serial);
		id = name;
	}
	if (json_object_get(params, "hostname") == NULL) {
		json_object_set_new(config, "hostname", json_string(id));
	}
	return container_create(call, id, config, true, e);
}

static enum rpc_verdict methods_start(struct rpc_call *call, json_t *params,
				      struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	return c == NULL ? RPC_FAILED : container_start(call, c, e);
}

static enum rpc_verdict methods_state(struct rpc_call *call, json_t *params,
				      struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	call->result = container_state(c);
	return RPC_REPLIED;
}

static json_t *methods_args_text(const struct container *c)
{
	char text[METHODS_ARGS_TEXT] = "";
	size_t len = 0;
	const char *const *args = c->spec->process.args;
	for (size_t i = 0; args[i] != NULL && len < sizeof(text) - 1; i++) {
		int n = snprintf(text + len, sizeof(text) - len, "%s%s",
				 i > 0 ? " " : "", args[i]);
		len += n > 0 ? (size_t)n : 0;
	}
	char clean[3 * METHODS_ARGS_TEXT];
	size_t out = utf8_clean(text, strlen(text), clean, NULL);
	return json_stringn(clean, out);
}

static enum rpc_verdict methods_list(struct rpc_call *call, json_t *params,
				     struct agent_error *e)
{
	(void)params;
	(void)e;
	json_t *list = json_array();
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		struct container *c = container_at(i);
		if (c != NULL) {
			json_t *o = container_state(c);
			json_object_set_new(o, "args", methods_args_text(c));
			json_array_append_new(list, o);
		}
	}
	call->result = json_pack("{s:o}", "containers", list);
	return RPC_REPLIED;
}

static enum rpc_verdict methods_exec(struct rpc_call *call, json_t *params,
				     struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	json_t *given = json_object_get(params, "process");
	if (given != NULL) {
		return container_exec(call, c, given, e);
	}
	auto_json json_t *process = run_process(c->spec->config, params, e);
	return process == NULL ? RPC_FAILED
			       : container_exec(call, c, process, e);
}

static enum rpc_verdict methods_kill(struct rpc_call *call, json_t *params,
				     struct agent_error *e)
{
	(void)call;
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	json_t *given = json_object_get(params, "signal");
	int number = given == NULL ? signals_of("TERM")
		     : json_is_integer(given)
			     ? signals_check(json_integer_value(given))
			     : signals_of(json_string_value(given));
	if (number < 0) {
		return error_path(e, RPC_ERR_PARAMS, "/params/signal",
				  "no such signal; a name such as TERM or a "
				  "number");
	}
	bool is_all = json_is_true(json_object_get(params, "all"));
	return container_kill(c, number, is_all, e) < 0 ? RPC_FAILED
							: RPC_REPLIED;
}

static enum rpc_verdict methods_delete(struct rpc_call *call, json_t *params,
				       struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	bool is_forced = json_is_true(json_object_get(params, "force"));
	return container_delete(call, c, is_forced, e);
}

static enum rpc_verdict methods_logs(struct rpc_call *call, json_t *params,
				     struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	json_t *given = json_object_get(params, "offset");
	if (given != NULL &&
	    (!json_is_integer(given) || json_integer_value(given) < 0)) {
		return error_path(e, RPC_ERR_PARAMS, "/params/offset",
				  "\"offset\" must be a number from 0 on");
	}
	char raw[METHODS_LOG_CHUNK];
	char text[3 * METHODS_LOG_CHUNK];
	uint64_t pos = (uint64_t)json_integer_value(given);
	uint64_t lost;
	size_t used;
	size_t n = out_ring_read(&c->log, &pos, raw, sizeof(raw), &lost);
	uint64_t start = pos - n;
	size_t len = utf8_clean(raw, n, text, &used);
	if (len == 0 && n > 0) {
		len = utf8_clean(raw, n, text, NULL); /* cut for good */
		used = n;
	}
	call->result = json_pack(
		"{s:o, s:I, s:I, s:I}", "data", json_stringn(text, len),
		"offset", (json_int_t)start, "next",
		(json_int_t)start + (json_int_t)used, "lost", (json_int_t)lost);
	return RPC_REPLIED;
}

static enum rpc_verdict methods_attach(struct rpc_call *call, json_t *params,
				       struct agent_error *e)
{
	(void)call;
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	c->is_attached = true;
	return RPC_REPLIED;
}

static enum rpc_verdict methods_stdin(struct rpc_call *call, json_t *params,
				      struct agent_error *e)
{
	(void)call;
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	json_t *data = json_object_get(params, "data");
	bool is_eof = json_is_true(json_object_get(params, "eof"));
	if (data != NULL && !json_is_string(data)) {
		return error_path(e, RPC_ERR_PARAMS, "/params/data",
				  "\"data\" must be a string");
	}
	struct proc *p = container_proc(
		c, json_string_value(json_object_get(params, "exec")));
	if (p == NULL) {
		return error_set(e, RPC_ERR_NOENT, "no such exec");
	}
	const char *text = data != NULL ? json_string_value(data) : "";
	return proc_input(p, text, json_string_length(data), is_eof, e) < 0
		       ? RPC_FAILED
		       : RPC_REPLIED;
}

static enum rpc_verdict methods_stats(struct rpc_call *call, json_t *params,
				      struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	call->result = cgroup_stats(c->id);
	return RPC_REPLIED;
}

static enum rpc_verdict
methods_namespaces(struct rpc_call *call, json_t *params, struct agent_error *e)
{
	struct container *c = methods_container(params, e);
	if (c == NULL) {
		return RPC_FAILED;
	}
	if (c->init.pid == 0) {
		return error_set(e, RPC_ERR_STATE,
				 "container \"%s\" is stopped: its namespaces "
				 "are gone",
				 c->id);
	}
	call->result = json_pack("{s:o}", "namespaces", ns_list(c->init.pid));
	return RPC_REPLIED;
}

/* clang-format off */
static const struct rpc_method methods_table[] = {
	{ "agent.ping",           methods_ping },
	{ "agent.info",           methods_agent_info },
	{ "agent.poweroff",       methods_poweroff },
	{ "container.create",     methods_create },
	{ "container.run",        methods_run },
	{ "container.start",      methods_start },
	{ "container.state",      methods_state },
	{ "container.list",       methods_list },
	{ "container.exec",       methods_exec },
	{ "container.kill",       methods_kill },
	{ "container.delete",     methods_delete },
	{ "container.logs",       methods_logs },
	{ "container.attach",     methods_attach },
	{ "container.stdin",      methods_stdin },
	{ "container.stats",      methods_stats },
	{ "container.namespaces", methods_namespaces },
};
/* clang-format on */

int methods_init(const char *default_config)
{
	json_error_t error;
	methods_default =
		json_load_file(default_config, JSON_REJECT_DUPLICATES, &error);
	if (methods_default == NULL) {
		log_error("%s:%d: %s", default_config, error.line, error.text);
		return -1;
	}
	rpc_init(methods_table, ARRAY_COUNT(methods_table));
	return 0;
}
