/* config_linux.c - the OCI `linux` object, and rules across members. */
#define _GNU_SOURCE
#include "config.h"
#include "util.h"
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct ns_info ns_table[NS_COUNT] = {
#define X(kind, word, file, flag) [NS_##kind] = { word, file, flag },
	NS_LIST(X)
#undef X
};
/* clang-format on */

struct config_ns {
	const char *type;
	const char *path;
};

static int config_namespace(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("type", CONFIG_STR, struct config_ns, type),
		CONFIG_AT("path", CONFIG_ABSPATH, struct config_ns, path),
	};
	struct config_ns n = { 0 };
	if (config_object(c, value, &n, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	for (int i = 0; n.type != NULL && i < NS_COUNT; i++) {
		if (strcmp(ns_table[i].word, n.type) != 0) {
			continue;
		}
		if (c->spec->ns[i].is_wanted) {
			return config_bad(c, "this type is given twice");
		}
		c->spec->ns[i] = (struct spec_ns){ true, n.path };
		return 0;
	}
	return config_no(c, "\"type\" must be one of cgroup, ipc, mount, "
			    "network, pid, time, user, uts");
}

static int config_namespaces(struct config *c, json_t *value)
{
	return config_array(c, value, NS_COUNT, config_namespace);
}

static int config_idmap(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("containerID", CONFIG_U32, struct spec_idmap,
			  container_id),
		CONFIG_AT("hostID", CONFIG_U32, struct spec_idmap, host_id),
		CONFIG_AT("size", CONFIG_U32, struct spec_idmap, size),
	};
	bool is_uid = strncmp(c->path, "/linux/uid", 10) == 0;
	struct spec_idmap m = { 0 };
	if (config_object(c, value, &m, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (m.size == 0 || m.size > UINT32_MAX - m.container_id ||
	    m.size > UINT32_MAX - m.host_id) {
		return config_bad(c, "\"size\" is 0 or too large");
	}
	struct spec *s = c->spec;
	if (is_uid) {
		s->uid_maps[s->uid_map_count++] = m;
	} else {
		s->gid_maps[s->gid_map_count++] = m;
	}
	return 0;
}

static int config_idmaps(struct config *c, json_t *value)
{
	return config_array(c, value, SPEC_IDMAP_MAX, config_idmap);
}

struct config_offset {
	int64_t secs;
	uint32_t nanosecs;
};

static int config_offset(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("secs", CONFIG_I64, struct config_offset, secs),
		CONFIG_AT("nanosecs", CONFIG_U32, struct config_offset,
			  nanosecs),
	};
	struct spec *s = c->spec;
	bool is_boot = strcmp(strrchr(c->path, '/'), "/boottime") == 0;
	struct config_offset o = { 0 };
	if (config_object(c, value, &o, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (o.nanosecs > 999999999) {
		return config_bad(c, "\"nanosecs\" must be below 10^9");
	}
	s->has_time_offsets = true;
	*(is_boot ? &s->boottime_secs : &s->monotonic_secs) = o.secs;
	*(is_boot ? &s->boottime_nanosecs : &s->monotonic_nanosecs) =
		o.nanosecs;
	return 0;
}

static int config_offsets(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_CALL("monotonic", config_offset),
		CONFIG_CALL("boottime", config_offset),
	};
	return config_object(c, value, c->spec, fields, ARRAY_COUNT(fields));
}

static int config_paths(struct config *c, json_t *value, const char **out,
			size_t *count)
{
	if (config_strings(c, value, out, SPEC_PATH_MAX, count) < 0) {
		return -1;
	}
	for (size_t i = 0; i < *count; i++) {
		if (!config_path_ok(out[i])) {
			return config_bad(c, "paths must be absolute, "
					     "without \"..\"");
		}
	}
	return 0;
}

static int config_masked(struct config *c, json_t *value)
{
	return config_paths(c, value, c->spec->masked_paths,
			    &c->spec->masked_path_count);
}

static int config_readonly(struct config *c, json_t *value)
{
	return config_paths(c, value, c->spec->readonly_paths,
			    &c->spec->readonly_path_count);
}

/* Which namespace makes a sysctl the container's own; -1: none. */
static int config_sysctl_ns(const char *key)
{
	/* clang-format off */
	static const struct { const char *prefix; int kind; } table[] = {
		{ "net.",            NS_NETWORK },
		{ "fs.mqueue.",      NS_IPC },
		{ "kernel.msg",      NS_IPC },
		{ "kernel.sem",      NS_IPC },
		{ "kernel.shm",      NS_IPC },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		size_t len = strlen(table[i].prefix);
		if (strncmp(key, table[i].prefix, len) == 0) {
			return table[i].kind;
		}
	}
	return -1;
}

static int config_sysctl(struct config *c, json_t *value)
{
	const char *key;
	json_t *member;
	struct spec *s = c->spec;
	if (!json_is_object(value)) {
		return config_bad(c, "must be an object");
	}
	json_object_foreach(value, key, member)
	{
		if (!json_is_string(member) ||
		    s->sysctl_count == SPEC_SYSCTL_MAX ||
		    strstr(key, "..") != NULL || strchr(key, '/') != NULL) {
			return config_bad(c, "must map names with dots to "
					     "strings (at most 32)");
		}
		s->sysctls[s->sysctl_count++] =
			(struct spec_sysctl){ key, json_string_value(member) };
	}
	return 0;
}

int config_linux(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_CALL("namespaces", config_namespaces),
		CONFIG_CALL("uidMappings", config_idmaps),
		CONFIG_CALL("gidMappings", config_idmaps),
		CONFIG_CALL("timeOffsets", config_offsets),
		CONFIG_CALL("devices", config_devices),
		CONFIG_CALL("resources", config_resources),
		CONFIG_CALL("seccomp", config_seccomp),
		CONFIG_CALL("rootfsPropagation", config_propagation),
		CONFIG_CALL("maskedPaths", config_masked),
		CONFIG_CALL("readonlyPaths", config_readonly),
		CONFIG_CALL("sysctl", config_sysctl),
		CONFIG_NOT("cgroupsPath"),
		CONFIG_NOT("mountLabel"),
		CONFIG_NOT("personality"),
		CONFIG_NOT("intelRdt"),
		CONFIG_NOT("netDevices"),
		CONFIG_NOT("memoryPolicy"),
	};
	return config_object(c, value, c->spec, fields, ARRAY_COUNT(fields));
}

static bool config_maps_root(const struct spec_idmap *m, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (m[i].container_id == 0) {
			return true;
		}
	}
	return false;
}

static int config_at(struct config *c, const char *path, const char *why)
{
	return error_path(c->error, RPC_ERR_PARAMS, path, "%s: %s", path, why);
}

static int config_check_sysctls(struct config *c)
{
	const struct spec *s = c->spec;
	for (size_t i = 0; i < s->sysctl_count; i++) {
		const char *key = s->sysctls[i].key;
		int kind = config_sysctl_ns(key);
		if (kind >= 0 && spec_has_new(s, (enum ns_kind)kind)) {
			continue;
		}
		(void)snprintf(c->path, sizeof(c->path), "/linux/sysctl/%.60s",
			       key);
		return config_no(c, "not namespaced, or its namespace is not "
				    "a new one");
	}
	return 0;
}

static int config_check_user(struct config *c)
{
	const struct spec *s = c->spec;
	bool has_maps = s->uid_map_count + s->gid_map_count > 0;
	if (spec_has_new(s, NS_USER)) {
		if (!config_maps_root(s->uid_maps, s->uid_map_count) ||
		    !config_maps_root(s->gid_maps, s->gid_map_count)) {
			return config_at(c, "/linux/uidMappings",
					 "a new user namespace needs uid and "
					 "gid mappings that map 0");
		}
	} else if (has_maps) {
		return config_at(c, "/linux/uidMappings",
				 "mappings need a new user namespace");
	}
	if (s->ns[NS_USER].path != NULL && spec_has_new(s, NS_PID)) {
		return error_path(c->error, RPC_ERR_UNSUPPORTED,
				  "/linux/namespaces",
				  "/linux/namespaces: with a user namespace "
				  "by path the pid namespace must be by path");
	}
	return 0;
}

int config_check(struct config *c)
{
	const struct spec *s = c->spec;
	if (s->version == NULL) {
		return config_at(c, "/ociVersion", "is missing");
	}
	if (!s->has_process) {
		return config_at(c, "/process", "is missing");
	}
	if (s->root_path == NULL) {
		return config_at(c, "/root/path", "is missing");
	}
	if (strcmp(s->root_path, "rootfs") != 0) {
		return error_path(c->error, RPC_ERR_UNSUPPORTED, "/root/path",
				  "/root/path: only \"rootfs\", the image on "
				  "the partition's disk");
	}
	if (!spec_has_new(s, NS_MOUNT)) {
		return error_path(c->error, RPC_ERR_UNSUPPORTED,
				  "/linux/namespaces",
				  "/linux/namespaces: a new mount namespace "
				  "is needed");
	}
	if ((s->hostname != NULL || s->domainname != NULL) &&
	    !spec_has_new(s, NS_UTS)) {
		return config_at(c, "/hostname", "needs a new uts namespace");
	}
	if (s->has_time_offsets && !spec_has_new(s, NS_TIME)) {
		return config_at(c, "/linux/timeOffsets",
				 "need a new time namespace");
	}
	return config_check_user(c) < 0 ? -1 : config_check_sysctls(c);
}
