/*
 * filter.c - OCI `linux.seccomp` through libseccomp.
 *
 * The filter is built while the config is decoded, so that every mistake in it
 * has a JSON path; the container's process only loads it.
 */
#define _GNU_SOURCE
#include "filter.h"
#include "config.h"
#include "util.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* clang-format off */
static const struct { const char *name; uint32_t action; bool has_errno; }
filter_actions[] = {
	{ "SCMP_ACT_KILL",         SCMP_ACT_KILL_THREAD,  false },
	{ "SCMP_ACT_KILL_THREAD",  SCMP_ACT_KILL_THREAD,  false },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
	{ "SCMP_ACT_TRAP",         SCMP_ACT_TRAP,         false },
	{ "SCMP_ACT_ERRNO",        SCMP_ACT_ERRNO(0),     true },
	{ "SCMP_ACT_TRACE",        SCMP_ACT_TRACE(0),     true },
	{ "SCMP_ACT_ALLOW",        SCMP_ACT_ALLOW,        false },
	{ "SCMP_ACT_LOG",          SCMP_ACT_LOG,          false },
};

static const struct { const char *name; enum scmp_compare op; }
filter_ops[] = {
	{ "SCMP_CMP_NE",        SCMP_CMP_NE },
	{ "SCMP_CMP_LT",        SCMP_CMP_LT },
	{ "SCMP_CMP_LE",        SCMP_CMP_LE },
	{ "SCMP_CMP_EQ",        SCMP_CMP_EQ },
	{ "SCMP_CMP_GE",        SCMP_CMP_GE },
	{ "SCMP_CMP_GT",        SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct { const char *name; uint32_t arch; } filter_archs[] = {
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X86",    SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X32",    SCMP_ARCH_X32 },
};
/* clang-format on */

/* A filter as it is gathered from the document. */
struct filter_doc {
	uint32_t action;
	const char *action_name;
	uint32_t errno_ret;
	json_t *archs;
	json_t *rules;
};

struct filter_rule {
	json_t *names;
	const char *action_name;
	uint32_t errno_ret;
	json_t *args;
};

static int filter_action_of(struct config *c, const char *name,
			    uint32_t errno_ret, uint32_t *out)
{
	for (size_t i = 0; name != NULL && i < ARRAY_COUNT(filter_actions);
	     i++) {
		if (strcmp(filter_actions[i].name, name) != 0) {
			continue;
		}
		*out = filter_actions[i].action;
		if (filter_actions[i].has_errno) {
			*out |= errno_ret & 0xffff;
		}
		return 0;
	}
	return config_no(c, "no such seccomp action known here");
}

static int filter_arg(struct config *c, json_t *value, struct scmp_arg_cmp *out)
{
	json_t *index = json_object_get(value, "index");
	json_t *first = json_object_get(value, "value");
	json_t *second = json_object_get(value, "valueTwo");
	const char *op = json_string_value(json_object_get(value, "op"));
	size_t known = 3 + (second != NULL ? 1u : 0u);
	if (!json_is_integer(index) || !json_is_integer(first) || op == NULL ||
	    (second != NULL && !json_is_integer(second)) ||
	    json_object_size(value) != known) {
		return config_bad(c, "an argument is {\"index\", \"value\", "
				     "\"valueTwo\"?, \"op\"}");
	}
	if (json_integer_value(index) < 0 || json_integer_value(index) > 5) {
		return config_bad(c, "\"index\" must be between 0 and 5");
	}
	for (size_t i = 0; i < ARRAY_COUNT(filter_ops); i++) {
		if (strcmp(filter_ops[i].name, op) != 0) {
			continue;
		}
		*out = (struct scmp_arg_cmp){
			.arg = (unsigned)json_integer_value(index),
			.op = filter_ops[i].op,
			.datum_a = (scmp_datum_t)json_integer_value(first),
			.datum_b = (scmp_datum_t)json_integer_value(second),
		};
		return 0;
	}
	return config_no(c, "no such comparison known here");
}

static int filter_add(struct config *c, const char *name, uint32_t action,
		      const struct scmp_arg_cmp *args, unsigned count)
{
	scmp_filter_ctx filter = c->spec->seccomp;
	uint32_t default_action = 0;
	(void)seccomp_attr_get(filter, SCMP_FLTATR_ACT_DEFAULT,
			       &default_action);
	if (action == default_action) {
		return 0;
	}
	int nr = seccomp_syscall_resolve_name(name);
	if (nr == __NR_SCMP_ERROR) {
		/* unknown and to be allowed: the default action is safe */
		if (action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG) {
			return 0;
		}
		return config_no(c, "no such system call known here");
	}
	int rc = seccomp_rule_add_array(filter, action, nr, count, args);
	if (rc < 0 && rc != -EDOM) {
		return config_bad(c, "the rule contradicts an earlier one");
	}
	return 0;
}

static int filter_add_rule(struct config *c, const struct filter_rule *r)
{
	uint32_t action = 0;
	if (filter_action_of(c, r->action_name, r->errno_ret, &action) < 0) {
		return -1;
	}
	struct scmp_arg_cmp args[6];
	unsigned count = 0;
	size_t i;
	json_t *v;
	if (json_array_size(r->args) > ARRAY_COUNT(args)) {
		return config_bad(c, "more than 6 arguments");
	}
	json_array_foreach(r->args, i, v)
	{
		if (filter_arg(c, v, &args[count++]) < 0) {
			return -1;
		}
	}
	json_array_foreach(r->names, i, v)
	{
		const char *name = json_string_value(v);
		if (name == NULL) {
			return config_bad(c, "\"names\" must be strings");
		}
		if (filter_add(c, name, action, args, count) < 0) {
			return -1;
		}
	}
	return 0;
}

static int filter_take_names(struct config *c, json_t *value)
{
	((struct filter_rule *)c->base)->names = value;
	return json_array_size(value) > 0
		       ? 0
		       : config_bad(c, "must be a non-empty array");
}

static int filter_take_args(struct config *c, json_t *value)
{
	((struct filter_rule *)c->base)->args = value;
	return json_is_array(value) ? 0 : config_bad(c, "must be an array");
}

static int filter_rule(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_CALL("names", filter_take_names),
		CONFIG_AT("action", CONFIG_STR, struct filter_rule,
			  action_name),
		CONFIG_AT("errnoRet", CONFIG_U32, struct filter_rule,
			  errno_ret),
		CONFIG_CALL("args", filter_take_args),
		{ "comment", CONFIG_SKIP, 0, NULL },
	};
	struct filter_rule r = { .errno_ret = EPERM };
	if (config_object(c, value, &r, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (r.names == NULL) {
		return config_bad(c, "\"names\" is missing");
	}
	return filter_add_rule(c, &r);
}

static int filter_arch(struct config *c, json_t *value)
{
	const char *name = json_string_value(value);
	for (size_t i = 0; name != NULL && i < ARRAY_COUNT(filter_archs); i++) {
		if (strcmp(filter_archs[i].name, name) != 0) {
			continue;
		}
		int rc = seccomp_arch_add(c->spec->seccomp,
					  filter_archs[i].arch);
		return rc == 0 || rc == -EEXIST
			       ? 0
			       : config_bad(c, "cannot be added");
	}
	return config_no(c, "only SCMP_ARCH_X86_64, SCMP_ARCH_X86 and "
			    "SCMP_ARCH_X32 run here");
}

static int filter_take_archs(struct config *c, json_t *value)
{
	((struct filter_doc *)c->base)->archs = value;
	return json_is_array(value) ? 0 : config_bad(c, "must be an array");
}

static int filter_take_rules(struct config *c, json_t *value)
{
	((struct filter_doc *)c->base)->rules = value;
	return json_is_array(value) ? 0 : config_bad(c, "must be an array");
}

/* The members that depend on the filter's existence, in their own order. */
static int filter_fill(struct config *c, const struct filter_doc *d)
{
	static const struct config_field parts[] = {
		CONFIG_CALL("architectures", filter_arch),
		CONFIG_CALL("syscalls", filter_rule),
	};
	json_t *const values[] = { d->archs, d->rules };
	size_t mark = strlen(c->path);
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		strncat(c->path, "/", sizeof(c->path) - strlen(c->path) - 1);
		strncat(c->path, parts[i].key,
			sizeof(c->path) - strlen(c->path) - 1);
		if (values[i] != NULL &&
		    config_array(c, values[i], 512, parts[i].fn) < 0) {
			return -1;
		}
		c->path[mark] = '\0';
	}
	return 0;
}

int config_seccomp(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("defaultAction", CONFIG_STR, struct filter_doc,
			  action_name),
		CONFIG_AT("defaultErrnoRet", CONFIG_U32, struct filter_doc,
			  errno_ret),
		CONFIG_CALL("architectures", filter_take_archs),
		CONFIG_CALL("syscalls", filter_take_rules),
		CONFIG_NOT("flags"),
		CONFIG_NOT("listenerPath"),
		CONFIG_NOT("listenerMetadata"),
	};
	struct filter_doc d = { .errno_ret = EPERM };
	if (config_object(c, value, &d, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (d.action_name == NULL) {
		return config_bad(c, "\"defaultAction\" is missing");
	}
	if (filter_action_of(c, d.action_name, d.errno_ret, &d.action) < 0) {
		return -1;
	}
	if (c->spec->seccomp != NULL) {
		return config_bad(c, "given twice");
	}
	c->spec->seccomp = seccomp_init(d.action);
	if (c->spec->seccomp == NULL) {
		return config_bad(c, "the filter cannot be made");
	}
	/* whether NNP is set is process.noNewPrivileges' decision */
	(void)seccomp_attr_set(c->spec->seccomp, SCMP_FLTATR_CTL_NNP, 0);
	(void)seccomp_attr_set(c->spec->seccomp, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return filter_fill(c, &d);
}

scmp_filter_ctx filter_base(void)
{
	/* clang-format off */
	static const char *const denied[] = {
		"io_uring_setup", "io_uring_enter", "io_uring_register",
	};
	/* clang-format on */
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	if (f == NULL) {
		return NULL;
	}
	int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	/* 32-bit programs could come by socketcall, whose arguments lie in
	 * memory: they are killed. The kernel looks at 32 bits of the family,
	 * so the filter does too. */
	const struct scmp_arg_cmp vsock = { 0, SCMP_CMP_MASKED_EQ, UINT32_MAX,
					    AF_VSOCK };
	rc |= seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EAFNOSUPPORT),
				     SCMP_SYS(socket), 1, &vsock);
	rc |= seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EAFNOSUPPORT),
				     SCMP_SYS(socketpair), 1, &vsock);
	for (size_t i = 0; i < ARRAY_COUNT(denied); i++) {
		rc |= seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS),
				       seccomp_syscall_resolve_name(denied[i]),
				       0);
	}
	if (rc != 0) {
		seccomp_release(f);
		return NULL;
	}
	return f;
}

int filter_apply(scmp_filter_ctx filter, struct agent_error *e)
{
	int rc = seccomp_load(filter);
	if (rc < 0) {
		errno = -rc;
		return error_sys(e, "loading the seccomp filter");
	}
	return 0;
}
