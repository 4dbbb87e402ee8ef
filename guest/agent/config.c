/*
 * config.c - the top of config.json, and the table walker; see config.h.
 *
 * `vm` and `annotations` are known and belong to the VMM.
 */
#define _GNU_SOURCE
#include "config.h"
#include "caps.h"
#include "util.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int config_bad(struct config *c, const char *why)
{
	return error_path(c->error, RPC_ERR_PARAMS, c->path, "%s: %s", c->path,
			  why);
}

int config_no(struct config *c, const char *why)
{
	return error_path(c->error, RPC_ERR_UNSUPPORTED, c->path, "%s: %s",
			  c->path, why);
}

bool config_path_ok(const char *path)
{
	if (path[0] != '/' || strlen(path) >= 256) {
		return false;
	}
	for (const char *p = path; (p = strstr(p, "/..")) != NULL; p += 3) {
		if (p[3] == '/' || p[3] == '\0') {
			return false;
		}
	}
	return true;
}

/* Go down to member @key; the return value goes to config_pop(). */
static size_t config_push(struct config *c, const char *key)
{
	size_t len = strlen(c->path);
	(void)snprintf(c->path + len, sizeof(c->path) - len, "/%.40s", key);
	return len;
}

static void config_pop(struct config *c, size_t len)
{
	c->path[len] = '\0';
}

static bool config_is_empty(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return json_object_size(v) == 0;
	case JSON_ARRAY:
		return json_array_size(v) == 0;
	case JSON_STRING:
		return json_string_length(v) == 0;
	case JSON_INTEGER:
		return json_integer_value(v) == 0;
	case JSON_FALSE:
	case JSON_NULL:
		return true;
	default:
		return false;
	}
}

static int config_text(struct config *c, json_t *v, bool is_path,
		       const char **out)
{
	const char *s = json_string_value(v);
	if (s == NULL || strlen(s) != json_string_length(v)) {
		return config_bad(c, "must be a string without NUL");
	}
	if (is_path && !config_path_ok(s)) {
		return config_bad(c, "must be an absolute path without \"..\"");
	}
	*out = s;
	return 0;
}

int config_between(struct config *c, json_t *value, int64_t low, int64_t high,
		   int64_t *out)
{
	json_int_t n = json_integer_value(value);
	if (!json_is_integer(value)) {
		return config_bad(c, "must be an integer");
	}
	if (n < low || n > high) {
		return error_path(c->error, RPC_ERR_PARAMS, c->path,
				  "%s: must be between %" PRId64
				  " and %" PRId64,
				  c->path, low, high);
	}
	*out = n;
	return 0;
}

static int config_u32(struct config *c, json_t *value, uint32_t *out)
{
	int64_t n;
	if (config_between(c, value, 0, UINT32_MAX, &n) < 0) {
		return -1;
	}
	*out = (uint32_t)n;
	return 0;
}

static int config_field(struct config *c, json_t *v, void *base,
			const struct config_field *f)
{
	void *at = base != NULL ? (char *)base + f->offset : NULL;
	switch (f->kind) {
	case CONFIG_STR:
	case CONFIG_ABSPATH:
		return config_text(c, v, f->kind == CONFIG_ABSPATH, at);
	case CONFIG_BOOL:
		if (!json_is_boolean(v)) {
			return config_bad(c, "must be true or false");
		}
		*(bool *)at = json_is_true(v);
		return 0;
	case CONFIG_U32:
		return config_u32(c, v, at);
	case CONFIG_I64:
		return config_between(c, v, INT64_MIN, INT64_MAX, at);
	case CONFIG_FN:
		c->base = base;
		return f->fn(c, v);
	case CONFIG_EMPTY:
		return config_is_empty(v)
			       ? 0
			       : config_no(c, "not supported; remove it");
	case CONFIG_SKIP:
		return 0;
	}
	return -1;
}

int config_object(struct config *c, json_t *value, void *base,
		  const struct config_field *fields, size_t count)
{
	if (!json_is_object(value)) {
		return config_bad(c, "must be an object");
	}
	const char *key;
	json_t *member;
	json_object_foreach(value, key, member)
	{
		size_t i = 0;
		while (i < count && strcmp(fields[i].key, key) != 0) {
			i++;
		}
		size_t mark = config_push(c, key);
		if (i == count) {
			return config_no(c, "unknown member; remove it");
		}
		if (config_field(c, member, base, &fields[i]) < 0) {
			return -1;
		}
		config_pop(c, mark);
	}
	return 0;
}

/* @value has at most @max of @what; anything but an array has no size. */
static int config_check_size(struct config *c, json_t *value, size_t max,
			     const char *what)
{
	if (json_array_size(value) > max) {
		return error_path(c->error, RPC_ERR_LIMIT, c->path,
				  "%s: more than %zu %s", c->path, max, what);
	}
	return 0;
}

static size_t config_push_index(struct config *c, size_t i)
{
	char index[24];
	(void)snprintf(index, sizeof(index), "%zu", i);
	return config_push(c, index);
}

int config_array(struct config *c, json_t *value, size_t max,
		 int (*fn)(struct config *c, json_t *value))
{
	if (!json_is_array(value)) {
		return config_bad(c, "must be an array");
	}
	if (config_check_size(c, value, max, "elements") < 0) {
		return -1;
	}
	size_t i;
	json_t *element;
	json_array_foreach(value, i, element)
	{
		size_t mark = config_push_index(c, i);
		if (fn(c, element) < 0) {
			return -1;
		}
		config_pop(c, mark);
	}
	return 0;
}

int config_strings(struct config *c, json_t *value, const char **out,
		   size_t max, size_t *count)
{
	if (!json_is_array(value)) {
		return config_bad(c, "must be an array of strings");
	}
	if (config_check_size(c, value, max, "strings") < 0) {
		return -1;
	}
	size_t i;
	json_t *element;
	json_array_foreach(value, i, element)
	{
		size_t mark = config_push_index(c, i);
		if (config_text(c, element, false, &out[i]) < 0) {
			return -1;
		}
		config_pop(c, mark);
	}
	*count = json_array_size(value);
	return 0;
}

static int config_version(struct config *c, json_t *value)
{
	const char *s = json_string_value(value);
	if (s == NULL || strncmp(s, "1.", 2) != 0) {
		return config_bad(c, "must be a 1.x version of the OCI "
				     "runtime specification");
	}
	c->spec->version = s;
	return 0;
}

static int config_root(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("path", CONFIG_STR, struct spec, root_path),
		CONFIG_AT("readonly", CONFIG_BOOL, struct spec,
			  is_root_readonly),
	};
	return config_object(c, value, c->spec, fields, ARRAY_COUNT(fields));
}

static int config_mounts(struct config *c, json_t *value)
{
	return config_array(c, value, SPEC_MOUNT_MAX, config_mount);
}

static const struct config_field config_top[] = {
	CONFIG_CALL("ociVersion", config_version),
	CONFIG_AT("hostname", CONFIG_STR, struct spec, hostname),
	CONFIG_AT("domainname", CONFIG_STR, struct spec, domainname),
	CONFIG_CALL("root", config_root),
	CONFIG_CALL("process", config_process),
	CONFIG_CALL("mounts", config_mounts),
	CONFIG_CALL("linux", config_linux),
	CONFIG_NOT("hooks"),
	{ "annotations", CONFIG_SKIP, 0, NULL },
	{ "vm", CONFIG_SKIP, 0, NULL },
};

struct spec *spec_decode(json_t *config, struct agent_error *e)
{
	struct spec *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		error_set(e, RPC_ERR_INTERNAL, "out of memory");
		return NULL;
	}
	s->config = json_incref(config);
	struct config c = { .error = e, .spec = s };
	if (config_object(&c, config, s, config_top, ARRAY_COUNT(config_top)) <
		    0 ||
	    config_check(&c) < 0) {
		spec_free(s);
		return NULL;
	}
	return s;
}

void spec_free(struct spec *s)
{
	if (s == NULL) {
		return;
	}
	if (s->seccomp != NULL) {
		seccomp_release(s->seccomp);
	}
	json_decref(s->config);
	free(s);
}

bool spec_has_new(const struct spec *s, enum ns_kind kind)
{
	return s->ns[kind].is_wanted && s->ns[kind].path == NULL;
}

uint32_t spec_outside(const struct spec_idmap *maps, size_t count,
		      uint32_t container_id)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t offset = container_id - maps[i].container_id;
		if (offset < maps[i].size) {
			return maps[i].host_id + offset;
		}
	}
	return container_id;
}
