/* config_devices.c - OCI `linux.devices` and `linux.resources.devices`. */
#define _GNU_SOURCE
#include "config.h"
#include "util.h"
#include <string.h>
#include <sys/stat.h>

/* What a dev_t of Linux can hold. */
#define DEVICE_MAJOR_MAX 0xfff
#define DEVICE_MINOR_MAX 0xfffff

struct config_device {
	const char *type;
	const char *path;
	uint32_t major;
	uint32_t minor;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
};

static int config_device(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("type", CONFIG_STR, struct config_device, type),
		CONFIG_AT("path", CONFIG_ABSPATH, struct config_device, path),
		CONFIG_AT("major", CONFIG_U32, struct config_device, major),
		CONFIG_AT("minor", CONFIG_U32, struct config_device, minor),
		CONFIG_AT("fileMode", CONFIG_U32, struct config_device, mode),
		CONFIG_AT("uid", CONFIG_U32, struct config_device, uid),
		CONFIG_AT("gid", CONFIG_U32, struct config_device, gid),
	};
	struct config_device d = { .mode = 0666 };
	if (config_object(c, value, &d, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (d.type == NULL || d.path == NULL) {
		return config_bad(c, "\"type\" and \"path\" are needed");
	}
	mode_t kind = strcmp(d.type, "c") == 0 || strcmp(d.type, "u") == 0
			      ? S_IFCHR
		      : strcmp(d.type, "b") == 0 ? S_IFBLK
		      : strcmp(d.type, "p") == 0 ? S_IFIFO
						 : 0;
	if (kind == 0) {
		return config_no(c, "\"type\" must be c, u, b or p");
	}
	if (d.mode > 0777) {
		return config_bad(c, "\"fileMode\" must be below 01000");
	}
	if (d.major > DEVICE_MAJOR_MAX || d.minor > DEVICE_MINOR_MAX) {
		return config_bad(c, "\"major\" must be below 4096, \"minor\" "
				     "below 1048576");
	}
	c->spec->devices[c->spec->device_count++] =
		(struct spec_device){ .path = d.path,
				      .mode = kind | d.mode,
				      .major = d.major,
				      .minor = d.minor,
				      .uid = d.uid,
				      .gid = d.gid };
	return 0;
}

int config_devices(struct config *c, json_t *value)
{
	return config_array(c, value, SPEC_DEVICE_MAX, config_device);
}

/* ---- rules ---- */

static int config_rule_type(struct config *c, json_t *value)
{
	struct spec_device_rule *r = c->base;
	const char *type = json_string_value(value);
	if (type == NULL || strlen(type) != 1 || strchr("abc", *type) == NULL) {
		return config_bad(c, "must be \"a\", \"b\" or \"c\"");
	}
	r->type = *type;
	return 0;
}

static int config_rule_number(struct config *c, json_t *value)
{
	struct spec_device_rule *r = c->base;
	bool is_major = strcmp(strrchr(c->path, '/'), "/major") == 0;
	return config_between(c, value, SPEC_DEV_ANY,
			      is_major ? DEVICE_MAJOR_MAX : DEVICE_MINOR_MAX,
			      is_major ? &r->major : &r->minor);
}

static int config_rule_access(struct config *c, json_t *value)
{
	static const struct {
		char letter;
		uint8_t bit;
	} letters[] = { { 'r', SPEC_ACCESS_READ },
			{ 'w', SPEC_ACCESS_WRITE },
			{ 'm', SPEC_ACCESS_MKNOD } };
	struct spec_device_rule *r = c->base;
	const char *text = json_string_value(value);
	size_t count = 0;
	r->access = 0;
	for (size_t i = 0; text != NULL && i < ARRAY_COUNT(letters); i++) {
		if (strchr(text, letters[i].letter) != NULL) {
			r->access |= letters[i].bit;
			count++;
		}
	}
	/* each letter once and nothing else, or the lengths differ */
	return count > 0 && count == json_string_length(value)
		       ? 0
		       : config_bad(c, "must be letters of \"rwm\"");
}

static int config_rule(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("allow", CONFIG_BOOL, struct spec_device_rule,
			  is_allow),
		CONFIG_CALL("type", config_rule_type),
		CONFIG_CALL("major", config_rule_number),
		CONFIG_CALL("minor", config_rule_number),
		CONFIG_CALL("access", config_rule_access),
	};
	struct spec_device_rule r = { .type = 'a',
				      .access = SPEC_ACCESS_ALL,
				      .major = SPEC_DEV_ANY,
				      .minor = SPEC_DEV_ANY };
	if (config_object(c, value, &r, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (json_object_get(value, "allow") == NULL) {
		return config_bad(c, "\"allow\" is missing");
	}
	if (r.type == 'a' &&
	    (r.major != SPEC_DEV_ANY || r.minor != SPEC_DEV_ANY)) {
		return config_bad(c, "numbers need \"type\" b or c");
	}
	c->spec->device_rules[c->spec->device_rule_count++] = r;
	return 0;
}

int config_device_rules(struct config *c, json_t *value)
{
	return config_array(c, value, SPEC_DEVICE_RULE_MAX, config_rule);
}
