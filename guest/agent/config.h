/*
 * config.h - walking a JSON document by tables of known members.
 *
 * Each object of config.json has one table. A member that is in no table is
 * refused with RPC_ERR_UNSUPPORTED and its JSON path (RFC 6901 pointer): what
 * we do not understand might be what keeps the container in.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "spec.h"

struct config {
	struct agent_error *error;
	struct spec *spec;
	void *base; /* where CONFIG_STR and its like store */
	char path[ERROR_PATH_MAX];
};

enum config_kind {
	CONFIG_STR,     /* const char * */
	CONFIG_ABSPATH, /* const char *, absolute, no ".." */
	CONFIG_BOOL,    /* bool */
	CONFIG_U32,     /* uint32_t */
	CONFIG_I64,     /* int64_t */
	CONFIG_FN,      /* the field's own function */
	CONFIG_SKIP,    /* known, and not the agent's business */
	CONFIG_EMPTY    /* known, not supported: only empty, 0, "" or false */
};

struct config_field {
	const char *key;
	enum config_kind kind;
	size_t offset;
	int (*fn)(struct config *c, json_t *value);
};

#define CONFIG_AT(k, kind, type, member)              \
	{                                             \
		k, kind, offsetof(type, member), NULL \
	}
#define CONFIG_CALL(k, f)          \
	{                          \
		k, CONFIG_FN, 0, f \
	}
#define CONFIG_NOT(k)                    \
	{                                \
		k, CONFIG_EMPTY, 0, NULL \
	}

/** config_object() - decode @value by @fields; members stored at @base. */
int config_object(struct config *c, json_t *value, void *base,
		  const struct config_field *fields, size_t count);
/** config_array() - call @fn for each of at most @max elements. */
int config_array(struct config *c, json_t *value, size_t max,
		 int (*fn)(struct config *c, json_t *value));
/** config_strings() - an array of at most @max strings into @out. */
int config_strings(struct config *c, json_t *value, const char **out,
		   size_t max, size_t *count);
/** config_between() - an integer from @low to @high into *@out. */
int config_between(struct config *c, json_t *value, int64_t low, int64_t high,
		   int64_t *out);
/** config_bad() - the member at the current path is wrong. */
int config_bad(struct config *c, const char *why);
/** config_no() - the member at the current path is not supported. */
int config_no(struct config *c, const char *why);
/** config_path_ok() - absolute, and no component is ".." ? */
bool config_path_ok(const char *path);

/* one a file: config_process.c, config_linux.c, config_mounts.c … */
int config_process(struct config *c, json_t *value);
int config_linux(struct config *c, json_t *value);
int config_mount(struct config *c, json_t *value);
int config_devices(struct config *c, json_t *value);
int config_device_rules(struct config *c, json_t *value);
int config_resources(struct config *c, json_t *value);
int config_seccomp(struct config *c, json_t *value);
int config_propagation(struct config *c, json_t *value);
/** config_check() - rules that span several members. */
int config_check(struct config *c);

#endif
