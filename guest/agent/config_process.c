/* config_process.c - the OCI `process` object: who runs, and with which rights.
 */
#define _GNU_SOURCE
#include "caps.h"
#include "config.h"
#include "util.h"
#include <stdio.h>
#include <string.h>

static int config_args(struct config *c, json_t *value)
{
	struct spec_process *p = c->base;
	size_t count = 0;
	if (config_strings(c, value, p->args, SPEC_ARG_MAX, &count) < 0) {
		return -1;
	}
	if (count == 0 || p->args[0][0] == '\0') {
		return config_bad(c, "must name a program");
	}
	return 0;
}

static int config_env(struct config *c, json_t *value)
{
	struct spec_process *p = c->base;
	size_t count = 0;
	return config_strings(c, value, p->env, SPEC_ENV_MAX, &count);
}

static int config_group(struct config *c, json_t *value)
{
	struct spec_process *p = c->base;
	int64_t n;
	if (config_between(c, value, 0, UINT32_MAX, &n) < 0) {
		return -1;
	}
	p->groups[p->group_count++] = (uint32_t)n;
	return 0;
}

static int config_groups(struct config *c, json_t *value)
{
	return config_array(c, value, SPEC_GROUP_MAX, config_group);
}

static int config_umask(struct config *c, json_t *value)
{
	struct spec_process *p = c->base;
	int64_t n;
	if (config_between(c, value, 0, 0777, &n) < 0) {
		return -1;
	}
	p->umask = (uint32_t)n;
	p->has_umask = true;
	return 0;
}

static int config_user(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("uid", CONFIG_U32, struct spec_process, uid),
		CONFIG_AT("gid", CONFIG_U32, struct spec_process, gid),
		CONFIG_CALL("umask", config_umask),
		CONFIG_CALL("additionalGids", config_groups),
		CONFIG_NOT("username"),
	};
	return config_object(c, value, c->base, fields, ARRAY_COUNT(fields));
}

struct config_size {
	uint32_t height;
	uint32_t width;
};

static int config_console_size(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("height", CONFIG_U32, struct config_size, height),
		CONFIG_AT("width", CONFIG_U32, struct config_size, width),
	};
	struct spec_process *p = c->base;
	struct config_size size = { 0 };
	if (config_object(c, value, &size, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (size.height > UINT16_MAX || size.width > UINT16_MAX) {
		return config_bad(c, "must be below 65536");
	}
	p->rows = (uint16_t)size.height;
	p->cols = (uint16_t)size.width;
	return 0;
}

/* One capability set; its number in enum caps_set comes by the key. */
static int config_cap_set(struct config *c, json_t *value)
{
	struct spec_process *p = c->base;
	const char *names[64];
	size_t count = 0;
	if (config_strings(c, value, names, ARRAY_COUNT(names), &count) < 0) {
		return -1;
	}
	int set = caps_set_of(strrchr(c->path, '/') + 1);
	for (size_t i = 0; i < count; i++) {
		int cap = caps_of(names[i]);
		if (cap < 0) {
			return config_no(c, "no such capability known here");
		}
		p->caps[set] |= (uint64_t)1 << cap;
	}
	return 0;
}

static int config_caps(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_CALL("bounding", config_cap_set),
		CONFIG_CALL("effective", config_cap_set),
		CONFIG_CALL("inheritable", config_cap_set),
		CONFIG_CALL("permitted", config_cap_set),
		CONFIG_CALL("ambient", config_cap_set),
	};
	struct spec_process *p = c->base;
	p->has_caps = true;
	if (config_object(c, value, p, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	/* capset(2) and prctl(2) would refuse these; say it with the path */
	if ((p->caps[CAPS_EFFECTIVE] & ~p->caps[CAPS_PERMITTED]) != 0) {
		return config_bad(c, "effective must be a subset of permitted");
	}
	if ((p->caps[CAPS_AMBIENT] &
	     ~(p->caps[CAPS_PERMITTED] & p->caps[CAPS_INHERITABLE])) != 0) {
		return config_bad(c, "ambient must be a subset of permitted "
				     "and of inheritable");
	}
	return 0;
}

/* clang-format off */
#define RLIMIT_LIST(X)                                                         \
	X(AS) X(CORE) X(CPU) X(DATA) X(FSIZE) X(LOCKS) X(MEMLOCK) X(MSGQUEUE)  \
	X(NICE) X(NOFILE) X(NPROC) X(RSS) X(RTPRIO) X(RTTIME) X(SIGPENDING)    \
	X(STACK)
/* clang-format on */

static int config_rlimit_of(const char *name)
{
	static const struct {
		const char *name;
		int resource;
	} table[] = {
#define X(n) { "RLIMIT_" #n, RLIMIT_##n },
		RLIMIT_LIST(X)
#undef X
	};
	for (size_t i = 0; name != NULL && i < ARRAY_COUNT(table); i++) {
		if (strcmp(table[i].name, name) == 0) {
			return table[i].resource;
		}
	}
	return -1;
}

struct config_rlimit {
	const char *type;
	rlim_t hard;
	rlim_t soft;
};

static int config_rlim(struct config *c, json_t *value)
{
	struct config_rlimit *r = c->base;
	bool is_hard = strcmp(strrchr(c->path, '/'), "/hard") == 0;
	if (!json_is_number(value)) {
		return config_bad(c, "must be a number");
	}
	/* uint64: 2^64 - 1 (no limit) reaches us as a real or as -1 */
	rlim_t n = json_is_integer(value) && json_integer_value(value) >= 0
			   ? (rlim_t)json_integer_value(value)
			   : RLIM_INFINITY;
	*(is_hard ? &r->hard : &r->soft) = n;
	return 0;
}

static int config_rlimit(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("type", CONFIG_STR, struct config_rlimit, type),
		CONFIG_CALL("hard", config_rlim),
		CONFIG_CALL("soft", config_rlim),
	};
	struct spec_process *p = c->base;
	struct config_rlimit r = { 0 };
	if (config_object(c, value, &r, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	c->base = p;
	int resource = config_rlimit_of(r.type);
	if (resource < 0) {
		return config_no(c, "no such resource limit");
	}
	if (p->rlimits[resource].is_set || r.soft > r.hard) {
		return config_bad(c, "given twice, or soft above hard");
	}
	p->rlimits[resource] =
		(struct spec_rlimit){ .is_set = true,
				      .limit = { .rlim_cur = r.soft,
						 .rlim_max = r.hard } };
	return 0;
}

static int config_rlimits(struct config *c, json_t *value)
{
	return config_array(c, value, RLIM_NLIMITS, config_rlimit);
}

static int config_oom_score_adj(struct config *c, json_t *value)
{
	struct spec_process *p = c->base;
	int64_t n;
	if (config_between(c, value, -1000, 1000, &n) < 0) {
		return -1;
	}
	p->oom_score_adj = (int)n;
	p->has_oom_score_adj = true;
	return 0;
}

static const struct config_field config_process_fields[] = {
	CONFIG_AT("terminal", CONFIG_BOOL, struct spec_process, has_terminal),
	CONFIG_CALL("consoleSize", config_console_size),
	CONFIG_CALL("user", config_user),
	CONFIG_CALL("args", config_args),
	CONFIG_CALL("env", config_env),
	CONFIG_AT("cwd", CONFIG_ABSPATH, struct spec_process, cwd),
	CONFIG_CALL("capabilities", config_caps),
	CONFIG_CALL("rlimits", config_rlimits),
	CONFIG_AT("noNewPrivileges", CONFIG_BOOL, struct spec_process,
		  has_no_new_privs),
	CONFIG_CALL("oomScoreAdj", config_oom_score_adj),
	CONFIG_NOT("apparmorProfile"),
	CONFIG_NOT("selinuxLabel"),
	CONFIG_NOT("commandLine"),
	CONFIG_NOT("scheduler"),
	CONFIG_NOT("ioPriority"),
	CONFIG_NOT("execCPUAffinity"),
};

static int config_process_at(struct config *c, json_t *value,
			     struct spec_process *p)
{
	if (config_object(c, value, p, config_process_fields,
			  ARRAY_COUNT(config_process_fields)) < 0) {
		return -1;
	}
	if (p->args[0] == NULL) {
		return config_bad(c, "\"args\" is missing");
	}
	if (p->cwd == NULL) {
		return config_bad(c, "\"cwd\" is missing");
	}
	return 0;
}

int config_process(struct config *c, json_t *value)
{
	c->spec->has_process = true;
	return config_process_at(c, value, &c->spec->process);
}

int spec_decode_process(json_t *process, struct spec_process *out,
			struct agent_error *e)
{
	memset(out, 0, sizeof(*out));
	struct config c = { .error = e };
	(void)snprintf(c.path, sizeof(c.path), "/process");
	return config_process_at(&c, process, out);
}
