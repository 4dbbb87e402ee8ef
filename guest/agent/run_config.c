/*
 * run_config.c - see run_config.h. Only places values; config.c judges the
 * result as it judges any other document.
 */
#define _GNU_SOURCE
#include "run_config.h"
#include "util.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum run_place {
	RUN_CALL,    /* the method's own: id, partition */
	RUN_PROCESS, /* process.<key> */
	RUN_ENV,     /* appended to process.env */
	RUN_USER,    /* "uid" or "uid:gid" or a number */
	RUN_TOP,     /* <key> */
	RUN_CGROUP   /* linux.resources.unified.<key> */
};

/* clang-format off */
static const struct { const char *key; enum run_place place; } run_keys[] = {
	{ "id",          RUN_CALL },
	{ "partition",   RUN_CALL },
	{ "args",        RUN_PROCESS },
	{ "cwd",         RUN_PROCESS },
	{ "terminal",    RUN_PROCESS },
	{ "consoleSize", RUN_PROCESS },
	{ "env",         RUN_ENV },
	{ "user",        RUN_USER },
	{ "hostname",    RUN_TOP },
	{ "memory.max",  RUN_CGROUP },
	{ "cpu.max",     RUN_CGROUP },
	{ "cpu.weight",  RUN_CGROUP },
	{ "cpuset.cpus", RUN_CGROUP },
	{ "pids.max",    RUN_CGROUP },
};
/* clang-format on */

static int run_user(json_t *process, json_t *value, struct agent_error *e)
{
	uint64_t uid = 0;
	uint64_t gid = 0;
	char text[48] = "";
	if (json_is_integer(value)) {
		(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
	} else if (json_is_string(value)) {
		(void)snprintf(text, sizeof(text), "%s",
			       json_string_value(value));
	}
	char *colon = strchr(text, ':');
	if (colon != NULL) {
		*colon++ = '\0';
	}
	if (!util_to_u64(text, &uid) ||
	    (colon != NULL && !util_to_u64(colon, &gid))) {
		return error_path(e, RPC_ERR_PARAMS, "/params/user",
				  "user must be \"uid\" or \"uid:gid\" in "
				  "numbers");
	}
	gid = colon != NULL ? gid : uid;
	json_object_set_new(process, "user",
			    json_pack("{s:I, s:I}", "uid", (json_int_t)uid,
				      "gid", (json_int_t)gid));
	return 0;
}

static int run_env(json_t *process, json_t *value, struct agent_error *e)
{
	auto_json json_t *env = json_array();
	if (!json_is_array(value)) {
		return error_path(e, RPC_ERR_PARAMS, "/params/env",
				  "env must be an array of \"NAME=value\"");
	}
	(void)json_array_extend(env, json_object_get(process, "env"));
	(void)json_array_extend(env, value);
	return json_object_set(process, "env", env);
}

/* The object at @key of @parent, made if it is missing. */
static json_t *run_member(json_t *parent, const char *key)
{
	json_t *o = json_object_get(parent, key);
	if (o == NULL) {
		o = json_object();
		json_object_set_new(parent, key, o);
	}
	return o;
}

static int run_cgroup(json_t *config, const char *key, json_t *value,
		      struct agent_error *e)
{
	char path[48];
	json_t *resources =
		run_member(run_member(config, "linux"), "resources");
	json_t *unified = run_member(resources, "unified");
	if (json_is_string(value)) {
		return json_object_set(unified, key, value);
	}
	(void)snprintf(path, sizeof(path), "/params/%s", key);
	if (!json_is_integer(value)) {
		return error_path(e, RPC_ERR_PARAMS, path,
				  "%s must be a string or an integer", key);
	}
	char text[32];
	(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
		       json_integer_value(value));
	return json_object_set_new(unified, key, json_string(text));
}

static int run_apply(json_t *config, const char *key, json_t *value,
		     struct agent_error *e)
{
	char path[64];
	json_t *process = run_member(config, "process");
	for (size_t i = 0; i < ARRAY_COUNT(run_keys); i++) {
		if (strcmp(run_keys[i].key, key) != 0) {
			continue;
		}
		switch (run_keys[i].place) {
		case RUN_CALL:
			return 0;
		case RUN_PROCESS:
			return json_object_set(process, key, value);
		case RUN_ENV:
			return run_env(process, value, e);
		case RUN_USER:
			return run_user(process, value, e);
		case RUN_TOP:
			return json_object_set(config, key, value);
		case RUN_CGROUP:
			return run_cgroup(config, key, value, e);
		}
	}
	(void)snprintf(path, sizeof(path), "/params/%.40s", key);
	return error_path(e, RPC_ERR_UNSUPPORTED, path, "%s: unknown parameter",
			  path);
}

json_t *run_config(json_t *base, json_t *params, struct agent_error *e)
{
	const char *key;
	json_t *value;
	json_t *config = json_deep_copy(base);
	json_object_foreach(params, key, value)
	{
		if (run_apply(config, key, value, e) < 0) {
			json_decref(config);
			return NULL;
		}
	}
	if (json_object_get(params, "args") == NULL) {
		error_path(e, RPC_ERR_PARAMS, "/params/args",
			   "\"args\" is missing: what shall run?");
		json_decref(config);
		return NULL;
	}
	return config;
}

json_t *run_process(json_t *base, json_t *params, struct agent_error *e)
{
	auto_json json_t *config =
		json_pack("{s:O}", "process", json_object_get(base, "process"));
	auto_json json_t *copy = json_deep_copy(config);
	json_object_set_new(json_object_get(copy, "process"), "terminal",
			    json_false());
	auto_json json_t *full = run_config(copy, params, e);
	if (full == NULL) {
		return NULL;
	}
	return json_incref(json_object_get(full, "process"));
}
