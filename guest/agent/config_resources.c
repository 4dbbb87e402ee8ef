/*
 * config_resources.c - OCI `linux.resources` as cgroup v2 files.
 *
 * OCI's members are cgroup v1's; each becomes a line "file, value" in the
 * order in which they are written. `unified` names v2 files directly, from an
 * allow-list, and comes last: it wins.
 */
#define _GNU_SOURCE
#include "config.h"
#include "util.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int config_cgroup(struct config *c, const char *file, const char *fmt,
			 ...) __attribute__((format(printf, 3, 4)));

/* Add (or replace) what shall be written to @file. */
static int config_cgroup(struct config *c, const char *file, const char *fmt,
			 ...)
{
	struct spec *s = c->spec;
	size_t i = 0;
	while (i < s->cgroup_count && strcmp(s->cgroup[i].file, file) != 0) {
		i++;
	}
	if (i == SPEC_CGROUP_MAX) {
		return config_bad(c, "too many cgroup files");
	}
	struct spec_cgroup *g = &s->cgroup[i];
	(void)snprintf(g->file, sizeof(g->file), "%s", file);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(g->value, sizeof(g->value), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(g->value)) {
		return config_bad(c, "value is too long");
	}
	if (i == s->cgroup_count) {
		s->cgroup_count++;
	}
	return 0;
}

static int config_cgroup_limit(struct config *c, const char *file, int64_t v)
{
	return v < 0 ? config_cgroup(c, file, "max")
		     : config_cgroup(c, file, "%" PRId64, v);
}

struct config_memory {
	int64_t limit;
	int64_t reservation;
	int64_t swap;
	bool is_oom_off;
	bool ignored;
};

static int config_memory(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("limit", CONFIG_I64, struct config_memory, limit),
		CONFIG_AT("reservation", CONFIG_I64, struct config_memory,
			  reservation),
		CONFIG_AT("swap", CONFIG_I64, struct config_memory, swap),
		CONFIG_AT("useHierarchy", CONFIG_BOOL, struct config_memory,
			  ignored), /* v2 always does */
		CONFIG_NOT("disableOOMKiller"),
		CONFIG_NOT("kernel"),
		CONFIG_NOT("kernelTCP"),
		CONFIG_NOT("swappiness"),
		CONFIG_NOT("checkBeforeUpdate"),
	};
	struct config_memory m = { 0 };
	if (config_object(c, value, &m, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (m.limit != 0 && config_cgroup_limit(c, "memory.max", m.limit) < 0) {
		return -1;
	}
	if (m.reservation != 0 &&
	    config_cgroup_limit(c, "memory.low", m.reservation) < 0) {
		return -1;
	}
	if (m.swap == 0) {
		return 0;
	}
	/* v1: memory + swap; v2: swap alone */
	if (m.swap > 0 && (m.limit <= 0 || m.swap < m.limit)) {
		return config_bad(c, "\"swap\" includes \"limit\" and cannot "
				     "be below it");
	}
	return config_cgroup_limit(c, "memory.swap.max",
				   m.swap < 0 ? -1 : m.swap - m.limit);
}

struct config_cpu {
	int64_t shares;
	int64_t quota;
	int64_t period;
	int64_t burst;
	int64_t idle;
	const char *cpus;
	const char *mems;
};

static int config_cpu_apply(struct config *c, const struct config_cpu *u)
{
	int64_t period = u->period != 0 ? u->period : 100000;
	if (u->shares != 0) {
		if (u->shares < 2 || u->shares > 262144) {
			return config_bad(c, "\"shares\" must be between 2 "
					     "and 262144");
		}
		/* the kernel documentation's own mapping of the two ranges */
		if (config_cgroup(c, "cpu.weight", "%" PRId64,
				  1 + (u->shares - 2) * 9999 / 262142) < 0) {
			return -1;
		}
	}
	if (u->quota > 0 && config_cgroup(c, "cpu.max", "%" PRId64 " %" PRId64,
					  u->quota, period) < 0) {
		return -1;
	}
	if (u->quota <= 0 && (u->quota < 0 || u->period != 0) &&
	    config_cgroup(c, "cpu.max", "max %" PRId64, period) < 0) {
		return -1;
	}
	if (u->burst != 0 &&
	    config_cgroup(c, "cpu.max.burst", "%" PRId64, u->burst) < 0) {
		return -1;
	}
	if (u->idle != 0 &&
	    config_cgroup(c, "cpu.idle", "%" PRId64, u->idle) < 0) {
		return -1;
	}
	if (u->cpus != NULL && u->cpus[0] != '\0' &&
	    config_cgroup(c, "cpuset.cpus", "%s", u->cpus) < 0) {
		return -1;
	}
	if (u->mems != NULL && u->mems[0] != '\0' &&
	    config_cgroup(c, "cpuset.mems", "%s", u->mems) < 0) {
		return -1;
	}
	return 0;
}

static int config_cpu(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("shares", CONFIG_I64, struct config_cpu, shares),
		CONFIG_AT("quota", CONFIG_I64, struct config_cpu, quota),
		CONFIG_AT("period", CONFIG_I64, struct config_cpu, period),
		CONFIG_AT("burst", CONFIG_I64, struct config_cpu, burst),
		CONFIG_AT("idle", CONFIG_I64, struct config_cpu, idle),
		CONFIG_AT("cpus", CONFIG_STR, struct config_cpu, cpus),
		CONFIG_AT("mems", CONFIG_STR, struct config_cpu, mems),
		CONFIG_NOT("realtimeRuntime"),
		CONFIG_NOT("realtimePeriod"),
	};
	struct config_cpu u = { 0 };
	if (config_object(c, value, &u, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	static const char list[] = "0123456789,-";
	if ((u.cpus != NULL && strspn(u.cpus, list) != strlen(u.cpus)) ||
	    (u.mems != NULL && strspn(u.mems, list) != strlen(u.mems))) {
		return config_bad(c, "\"cpus\" and \"mems\" are lists such as "
				     "0-2,5");
	}
	return config_cpu_apply(c, &u);
}

struct config_pids {
	int64_t limit;
};

static int config_pids(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("limit", CONFIG_I64, struct config_pids, limit),
	};
	struct config_pids p = { 0 };
	if (config_object(c, value, &p, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	return config_cgroup_limit(c, "pids.max", p.limit > 0 ? p.limit : -1);
}

static int config_unified(struct config *c, json_t *value)
{
	static const char *const files[] = {
		"cpu.max",          "cpu.max.burst",   "cpu.weight",
		"cpu.idle",         "cpuset.cpus",     "cpuset.mems",
		"memory.max",       "memory.high",     "memory.low",
		"memory.min",       "memory.swap.max", "memory.oom.group",
		"memory.swap.high", "pids.max",
	};
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "KMGTP ,-";
	if (!json_is_object(value)) {
		return config_bad(c, "must be an object");
	}
	const char *key;
	json_t *member;
	size_t len = strlen(c->path);
	json_object_foreach(value, key, member)
	{
		(void)snprintf(c->path + len, sizeof(c->path) - len, "/%.40s",
			       key);
		size_t i = 0;
		while (i < ARRAY_COUNT(files) && strcmp(files[i], key) != 0) {
			i++;
		}
		if (i == ARRAY_COUNT(files)) {
			return config_no(c, "not a cgroup file that may be "
					    "set");
		}
		const char *text = json_string_value(member);
		if (text == NULL || text[0] == '\0' ||
		    strspn(text, allowed) != strlen(text)) {
			return config_bad(c, "must be a string as written to "
					     "the file");
		}
		if (config_cgroup(c, key, "%s", text) < 0) {
			return -1;
		}
	}
	c->path[len] = '\0';
	return 0;
}

int config_resources(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_CALL("memory", config_memory),
		CONFIG_CALL("cpu", config_cpu),
		CONFIG_CALL("pids", config_pids),
		CONFIG_CALL("devices", config_device_rules),
		{ "unified", CONFIG_SKIP, 0, NULL }, /* below: it comes last */
		CONFIG_NOT("blockIO"),
		CONFIG_NOT("hugepageLimits"),
		CONFIG_NOT("network"),
		CONFIG_NOT("rdma"),
	};
	static const struct config_field last[] = {
		CONFIG_CALL("unified", config_unified),
	};
	if (config_object(c, value, c->spec, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	json_t *unified = json_object_get(value, "unified");
	if (unified == NULL) {
		return 0;
	}
	auto_json json_t *only = json_pack("{s:O}", "unified", unified);
	return config_object(c, only, c->spec, last, ARRAY_COUNT(last));
}
