/* config_mounts.c - OCI `mounts`: options as a table, types as an allow-list.
 */
#define _GNU_SOURCE
#include "config.h"
#include "util.h"
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

enum mount_option_kind { MOUNT_SET, MOUNT_CLEAR, MOUNT_PROPAGATE };

struct mount_option {
	const char *name;
	unsigned long flags;
	enum mount_option_kind kind;
};

/* clang-format off */
static const struct mount_option mount_options[] = {
	{ "defaults",      0,              MOUNT_SET },
	{ "bind",          MS_BIND,        MOUNT_SET },
	{ "rbind",         MS_BIND|MS_REC, MOUNT_SET },
	{ "ro",            MS_RDONLY,      MOUNT_SET },
	{ "rw",            MS_RDONLY,      MOUNT_CLEAR },
	{ "nosuid",        MS_NOSUID,      MOUNT_SET },
	{ "suid",          MS_NOSUID,      MOUNT_CLEAR },
	{ "nodev",         MS_NODEV,       MOUNT_SET },
	{ "dev",           MS_NODEV,       MOUNT_CLEAR },
	{ "noexec",        MS_NOEXEC,      MOUNT_SET },
	{ "exec",          MS_NOEXEC,      MOUNT_CLEAR },
	{ "sync",          MS_SYNCHRONOUS, MOUNT_SET },
	{ "async",         MS_SYNCHRONOUS, MOUNT_CLEAR },
	{ "dirsync",       MS_DIRSYNC,     MOUNT_SET },
	{ "noatime",       MS_NOATIME,     MOUNT_SET },
	{ "atime",         MS_NOATIME,     MOUNT_CLEAR },
	{ "nodiratime",    MS_NODIRATIME,  MOUNT_SET },
	{ "diratime",      MS_NODIRATIME,  MOUNT_CLEAR },
	{ "relatime",      MS_RELATIME,    MOUNT_SET },
	{ "norelatime",    MS_RELATIME,    MOUNT_CLEAR },
	{ "strictatime",   MS_STRICTATIME, MOUNT_SET },
	{ "nostrictatime", MS_STRICTATIME, MOUNT_CLEAR },
	{ "silent",        MS_SILENT,      MOUNT_SET },
	{ "private",     MS_PRIVATE,           MOUNT_PROPAGATE },
	{ "rprivate",    MS_PRIVATE|MS_REC,    MOUNT_PROPAGATE },
	{ "slave",       MS_SLAVE,             MOUNT_PROPAGATE },
	{ "rslave",      MS_SLAVE|MS_REC,      MOUNT_PROPAGATE },
	{ "shared",      MS_SHARED,            MOUNT_PROPAGATE },
	{ "rshared",     MS_SHARED|MS_REC,     MOUNT_PROPAGATE },
	{ "unbindable",  MS_UNBINDABLE,        MOUNT_PROPAGATE },
	{ "runbindable", MS_UNBINDABLE|MS_REC, MOUNT_PROPAGATE },
};

/* Options that go to the file system itself, by their beginning. */
static const char *const mount_data_options[] = {
	"size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=",
	"newinstance", "ptmxmode=", "max=", "hidepid=", "subset=",
	"nsdelegate", "memory_recursiveprot",
};

static const char *const mount_types[] = {
	"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2",
	"bind", "none",
};
/* clang-format on */

static const struct mount_option *config_mount_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(mount_options); i++) {
		if (strcmp(mount_options[i].name, name) == 0) {
			return &mount_options[i];
		}
	}
	return NULL;
}

static int config_mount_data(struct config *c, struct spec_mount *m,
			     const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(mount_data_options); i++) {
		const char *known = mount_data_options[i];
		if (strncmp(name, known, strlen(known)) != 0 ||
		    strchr(name, ',') != NULL) {
			continue;
		}
		size_t len = strlen(m->data);
		int n = snprintf(m->data + len, sizeof(m->data) - len, "%s%s",
				 len > 0 ? "," : "", name);
		if ((size_t)n >= sizeof(m->data) - len) {
			return config_bad(c, "options are too long");
		}
		return 0;
	}
	return config_no(c, "not a mount option known here");
}

static int config_mount_one(struct config *c, json_t *value)
{
	struct spec_mount *m = c->base;
	const char *name = json_string_value(value);
	if (name == NULL) {
		return config_bad(c, "must be a string");
	}
	const struct mount_option *o = config_mount_option(name);
	if (o == NULL) {
		return config_mount_data(c, m, name);
	}
	switch (o->kind) {
	case MOUNT_SET:
		m->flags |= o->flags;
		break;
	case MOUNT_CLEAR:
		m->flags &= ~o->flags;
		break;
	case MOUNT_PROPAGATE:
		m->propagation = o->flags;
		break;
	}
	return 0;
}

static int config_mount_options(struct config *c, json_t *value)
{
	return config_array(c, value, 32, config_mount_one);
}

int config_propagation(struct config *c, json_t *value)
{
	const char *name = json_string_value(value);
	const struct mount_option *o =
		name != NULL ? config_mount_option(name) : NULL;
	if (o == NULL || o->kind != MOUNT_PROPAGATE) {
		return config_no(c, "must be [r]private, [r]slave, [r]shared "
				    "or [r]unbindable");
	}
	c->spec->rootfs_propagation = o->flags;
	return 0;
}

static bool config_mount_type_ok(const char *type)
{
	for (size_t i = 0; i < ARRAY_COUNT(mount_types); i++) {
		if (strcmp(mount_types[i], type) == 0) {
			return true;
		}
	}
	return false;
}

int config_mount(struct config *c, json_t *value)
{
	static const struct config_field fields[] = {
		CONFIG_AT("destination", CONFIG_ABSPATH, struct spec_mount,
			  destination),
		CONFIG_AT("type", CONFIG_STR, struct spec_mount, type),
		CONFIG_AT("source", CONFIG_STR, struct spec_mount, source),
		CONFIG_CALL("options", config_mount_options),
		CONFIG_NOT("uidMappings"),
		CONFIG_NOT("gidMappings"),
	};
	struct spec_mount *m = &c->spec->mounts[c->spec->mount_count];
	if (config_object(c, value, m, fields, ARRAY_COUNT(fields)) < 0) {
		return -1;
	}
	if (m->destination == NULL || strcmp(m->destination, "/") == 0) {
		return config_bad(c, "\"destination\" is missing or \"/\"");
	}
	bool is_bind = (m->flags & MS_BIND) != 0 ||
		       (m->type != NULL && strcmp(m->type, "bind") == 0);
	if (is_bind) {
		m->flags |= MS_BIND;
		if (m->source == NULL || !config_path_ok(m->source)) {
			return config_bad(c, "a bind mount needs an absolute "
					     "\"source\"");
		}
	} else if (m->type == NULL || strcmp(m->type, "none") == 0) {
		return config_bad(c, "\"type\" is missing");
	}
	if (m->type != NULL && !config_mount_type_ok(m->type)) {
		return config_no(c, "a type of file system not known here");
	}
	c->spec->mount_count++;
	return 0;
}
