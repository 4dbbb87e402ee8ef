/*
 * config.c - reads a partition's config.json.
 *
 * Tables drive it: the objects and their members (config_objects), and the
 * annotations io.bulkhead.* (config_notes.c). What stands in none is refused,
 * because a misspelt limit that is silently ignored is no limit. Members that
 * belong to the agent are let through untouched.
 *
 * All mistakes of one file are collected (up to CONFIG_ERROR_MAX), so that the
 * operator corrects them in one round. The result is written only at the end.
 */
#include "config_internal.h"
#include "nearest.h"
#include <bh/string.h>

/* A member that an object may have. */
struct config_member {
	const char *key;
	enum json_kind kind; /* JSON_ABSENT: any, not looked at here */
	void (*read)(struct config_parse *c, json_ref v, void *dst);
	size_t at;           /* of dst in struct partition_config */
	const char *missing; /* NULL: it may be left out; else what to say */
};

/** config_want() - is @r of kind @kind? Notes a mistake if not. */
bool config_want(struct config_parse *c, json_ref r, enum json_kind kind)
{
	enum json_kind have = json_kind(c->doc, r);

	if (have != kind) {
		config_mistake(
			c->doc, c->report, r,
			"expected %s, found %s; docs/config.md shows what "
			"belongs here",
			json_kind_name(kind), json_kind_name(have));
	}
	return have == kind;
}

/* The key @k is none of @known: say so, with the nearest one. */
static void config_unknown(struct config_parse *c, json_ref k,
			   const struct config_member *known, uint32_t count)
{
	char key[NEAREST_WORD_MAX];
	const char *near;

	if (json_string(c->doc, k, key, sizeof(key), NULL) == ERR_INVALID) {
		str_copy(key, sizeof(key), "?");
	}
	near = nearest_word(key, &known[0].key, count, sizeof(known[0]));
	if (near != NULL) {
		config_mistake(c->doc, c->report, k,
			       "unknown member; did you mean \"%s\"?", near);
	} else {
		config_mistake(
			c->doc, c->report, k,
			"unknown member; remove it: what is not understood "
			"is refused, never ignored");
	}
}

/* Read an object by its table; refuse keys that stand in none, or twice. */
static void config_object(struct config_parse *c, json_ref obj,
			  const struct config_member *known, uint32_t count)
{
	uint64_t seen = 0;

	for (json_ref k = json_first(c->doc, obj); k >= 0;
	     k = json_next(c->doc, k)) {
		uint32_t i = 0;

		while (i < count && !json_string_is(c->doc, k, known[i].key)) {
			i++;
		}
		if (i == count) {
			config_unknown(c, k, known, count);
		} else if (seen & BIT(i)) {
			config_mistake(c->doc, c->report, k,
				       "stands twice; keep one of the two");
		} else {
			seen |= BIT(i);
		}
	}
	for (const struct config_member *m = known; m < known + count; m++) {
		json_ref v = json_member(c->doc, obj, m->key);

		if (v == JSON_NONE && m->missing != NULL) {
			config_mistake(c->doc, c->report, obj, "%s",
				       m->missing);
		} else if (v != JSON_NONE &&
			   (m->kind == JSON_ABSENT ||
			    config_want(c, v, m->kind)) &&
			   m->read != NULL) {
			m->read(c, v, (char *)&c->out + m->at);
		}
	}
}

/* ---- readers of members ---- */

/* Is the part of a path from @part to @end a name: not "", ".", ".."? */
static bool config_is_part(const char *part, const char *end)
{
	size_t len = (size_t)(end - part);

	return len > 2 || (len > 0 && (part[0] != '.' || part[len - 1] != '.'));
}

/* Is @p a plain path below \bulkhead\: no "..", no empty part, no '\\'? */
static bool config_is_path(const char *p)
{
	const char *part = p;

	for (; *p != '\0'; p++) {
		if (*p < 0x21 || *p > 0x7e || *p == '\\' || *p == ':') {
			return false;
		}
		if (*p == '/' && !config_is_part(part, p)) {
			return false;
		}
		part = *p == '/' ? p + 1 : part;
	}
	return config_is_part(part, p);
}

/* A file's name into @dst (BOOT_PATH_MAX); a leading / is dropped. */
static void config_path(struct config_parse *c, json_ref r, void *dst)
{
	char path[BOOT_PATH_MAX + 1];
	const char *p = path;

	if (json_string(c->doc, r, path, sizeof(path), NULL) != OK ||
	    !config_is_path(p += path[0] == '/') ||
	    !str_copy(dst, BOOT_PATH_MAX, p)) {
		config_mistake(
			c->doc, c->report, r,
			"not a usable file name; name a file below "
			"\\bulkhead\\ such as guest/vmlinuz: printable "
			"letters, / between parts, no .., at most %u bytes",
			(unsigned int)BOOT_PATH_MAX - 1);
	} else if (c->checks->file_exists != NULL &&
		   !c->checks->file_exists(c->checks->ctx, dst)) {
		config_mistake(
			c->doc, c->report, r,
			"\\bulkhead\\%s is not there; copy the file to the "
			"boot volume or correct the name",
			p);
	}
}

/* kernel.parameters[]: joined by blanks into the command line. */
static void config_parameters(struct config_parse *c, json_ref list, void *dst)
{
	char *cmdline = dst;
	size_t at = 0;

	for (json_ref r = json_first(c->doc, list); r >= 0;
	     r = json_next(c->doc, r)) {
		size_t len = 0;
		enum status st;

		if (!config_want(c, r, JSON_STRING)) {
			continue;
		}
		if (at > 0 && at + 1 < CONFIG_CMDLINE_MAX) {
			cmdline[at++] = ' ';
		}
		st = json_string(c->doc, r, cmdline + at,
				 CONFIG_CMDLINE_MAX - at, &len);
		if (st == ERR_TOO_BIG) {
			config_mistake(
				c->doc, c->report, r,
				"the command line is longer than %u bytes; "
				"leave some parameters out",
				CONFIG_CMDLINE_MAX - 1);
			return;
		}
		for (size_t i = 0; i < len && st == OK; i++) {
			st = (uint8_t)cmdline[at + i] < 0x20 ? ERR_INVALID : OK;
		}
		if (st != OK || len == 0) {
			config_mistake(
				c->doc, c->report, r,
				"not a kernel parameter; write printable "
				"text such as \"quiet\"");
		}
		at += len;
	}
}

/* vm.hypervisor: the hypervisor is this program, so only {} or empty values. */
static void config_hypervisor(struct config_parse *c, json_ref obj, void *dst)
{
	(void)dst;
	for (json_ref k = json_first(c->doc, obj); k >= 0;
	     k = json_next(c->doc, k)) {
		json_ref v = json_value(c->doc, k);

		if (!json_string_is(c->doc, v, "") &&
		    !(json_kind(c->doc, v) == JSON_ARRAY &&
		      json_count(c->doc, v) == 0)) {
			config_mistake(c->doc, c->report, v,
				       "a hypervisor cannot be chosen here; "
				       "remove vm.hypervisor: Bulkhead is the "
				       "hypervisor");
		}
	}
}

#define CONFIG_NOT_RAW                                                        \
	"only raw images are read; write \"format\": \"raw\"; convert other " \
	"images with qemu-img convert -O raw"

static void config_format(struct config_parse *c, json_ref v, void *dst)
{
	(void)dst;
	if (!json_string_is(c->doc, v, "raw")) {
		config_mistake(c->doc, c->report, v, CONFIG_NOT_RAW);
	}
}

static void config_version(struct config_parse *c, json_ref r, void *dst)
{
	char version[16];

	(void)dst;
	if (json_string(c->doc, r, version, sizeof(version), NULL) ==
		    ERR_INVALID ||
	    strncmp(version, "1.", 2) != 0) {
		config_mistake(c->doc, c->report, r,
			       "not a version of the OCI runtime spec that is "
			       "known; write \"1.0.2\" or another 1.x version");
	}
}

static void config_process(struct config_parse *c, json_ref r, void *dst)
{
	(void)r;
	(void)dst;
	c->out.has_process = true;
}

/* ---- the objects and their members ---- */

static const struct config_member config_root_members[] = {
	{ "ociVersion", JSON_ABSENT, config_version, 0,
	  "ociVersion is missing; add \"ociVersion\": \"1.0.2\"" },
	{ .key = "process", .read = config_process },
	{ .key = "root" },
	{ .key = "hostname" },
	{ .key = "domainname" },
	{ .key = "mounts" },
	{ .key = "annotations", .kind = JSON_OBJECT },
	{ .key = "hooks" },
	{ .key = "linux" },
	{ "vm", JSON_OBJECT, NULL, 0,
	  "the member vm is missing; add \"vm\": {\"kernel\": {\"path\": "
	  "...}}" },
};

static const struct config_member config_vm_members[] = {
	{ "kernel", JSON_OBJECT, NULL, 0,
	  "vm.kernel is missing; a partition boots a kernel: add \"kernel\": "
	  "{\"path\": ...}" },
	{ .key = "image", .kind = JSON_OBJECT },
	{ .key = "hypervisor", .kind = JSON_OBJECT, .read = config_hypervisor },
};

static const struct config_member config_kernel_members[] = {
	{ "path", JSON_STRING, config_path,
	  offsetof(struct partition_config, kernel),
	  "vm.kernel.path is missing; name the kernel, e.g. \"path\": "
	  "\"guest/vmlinuz\"" },
	{ "initrd", JSON_STRING, config_path,
	  offsetof(struct partition_config, initrd), NULL },
	{ "parameters", JSON_ARRAY, config_parameters,
	  offsetof(struct partition_config, cmdline), NULL },
};

static const struct config_member config_image_members[] = {
	{ "path", JSON_STRING, config_path,
	  offsetof(struct partition_config, image),
	  "vm.image.path is missing; name the image or remove vm.image" },
	{ "format", JSON_ABSENT, config_format, 0, CONFIG_NOT_RAW },
};

/* An object: member @key of object @up, which stands before it. */
static const struct {
	const char *key;
	const struct config_member *members;
	uint32_t count, up;
} config_objects[] = {
	{ NULL, config_root_members, ARRAY_COUNT(config_root_members), 0 },
	{ "vm", config_vm_members, ARRAY_COUNT(config_vm_members), 0 },
	{ "kernel", config_kernel_members, ARRAY_COUNT(config_kernel_members),
	  1 },
	{ "image", config_image_members, ARRAY_COUNT(config_image_members), 1 },
};

/* ---- the file ---- */

static void config_root(struct config_parse *c)
{
	json_ref refs[ARRAY_COUNT(config_objects)] = { 0 };
	json_ref notes = json_member(c->doc, 0, "annotations");

	for (uint32_t i = 0; i < ARRAY_COUNT(config_objects); i++) {
		if (i > 0) {
			refs[i] =
				json_member(c->doc, refs[config_objects[i].up],
					    config_objects[i].key);
		}
		if (json_kind(c->doc, refs[i]) == JSON_OBJECT) {
			config_object(c, refs[i], config_objects[i].members,
				      config_objects[i].count);
		}
	}
	if (notes == JSON_NONE || json_kind(c->doc, notes) == JSON_OBJECT) {
		config_read_notes(c, notes);
	}
}

/** config_is_name() - see config.h. */
bool config_is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') ||
			      (s[i] >= '0' && s[i] <= '9');
		bool mark = s[i] == '_' || s[i] == '.' || s[i] == '-';

		if (!letter && (i == 0 || !mark)) {
			return false;
		}
	}
	return len > 0 && len <= RPC_NAME_MAX;
}

bool config_is_group(const char *s, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '/') {
			continue;
		}
		if (!config_is_name(s + start, i - start)) {
			return false;
		}
		start = i + 1;
	}
	return len < CONFIG_GROUP_MAX;
}

/**
 * config_name() - the partition that a file describes: partitions/NAME.json.
 * Return: false if that cannot name a partition; @name is then "".
 */
bool config_name(const char *file, char name[RPC_NAME_MAX + 1])
{
	const char *base = file;
	size_t len;

	for (const char *p = file; *p != '\0'; p++) {
		if (*p == '/' || *p == '\\') {
			base = p + 1;
		}
	}
	len = strlen(base);
	if (len > 5 && strcmp(base + len - 5, ".json") == 0) {
		len -= 5;
	}
	if (!config_is_name(base, len)) {
		len = 0;
	}
	memcpy(name, base, len);
	name[len] = '\0';
	return len > 0;
}

/**
 * config_parse() - read one partition's configuration.
 * @p:	    working memory, not needed afterwards
 * @file:   its path, for the name of the partition and for messages
 * @text:   @len bytes; @out keeps pointing there
 * @checks: what else is to be checked; NULL: nothing
 * @report: every mistake that was found
 *
 * Return: OK with *@out filled; ERR_INVALID with *@report and *@out untouched.
 */
/* NOLINTNEXTLINE(readability-function-size): seven parameters, all needed */
enum status config_parse(struct config_parser *p, const char *file,
			 const char *text, size_t len,
			 const struct config_checks *checks,
			 struct partition_config *out,
			 struct config_report *report)
{
	static const struct config_checks none;
	struct config_parse c = {
		.doc = &p->doc,
		.report = report,
		.checks = checks != NULL ? checks : &none,
	};

	if (config_open(p, text, len, report) == OK &&
	    config_want(&c, 0, JSON_OBJECT)) {
		config_root(&c);
	}
	if (!config_name(file, c.out.name)) {
		config_mistake(c.doc, c.report, JSON_NONE,
			       "the file's name cannot name a partition; "
			       "rename it: a-z 0-9 first, then also _ . -, at "
			       "most %u letters, then .json",
			       (unsigned int)RPC_NAME_MAX);
	}
	if (len > CONFIG_TEXT_MAX) {
		config_mistake(
			c.doc, c.report, JSON_NONE,
			"longer than %u bytes; it has to fit one message "
			"to the agent: shorten it",
			(unsigned int)CONFIG_TEXT_MAX);
	}
	if (report->total > 0) {
		return ERR_INVALID;
	}
	*out = c.out;
	out->text = text;
	out->text_len = len;
	return OK;
}
