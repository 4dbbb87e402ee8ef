/*
 * config.c - reads a partition's config.json.
 *
 * Two tables drive it: the members the VMM knows of the root and of `vm`, and
 * the annotations io.bulkhead.*. What stands in neither is refused, because a
 * misspelt limit that is silently ignored is no limit. Members that belong to
 * the agent are let through untouched.
 *
 * All mistakes of one file are collected (up to CONFIG_ERROR_MAX), so that the
 * operator corrects them in one round. The result is written only at the end.
 */
#include "config.h"
#include "config_internal.h"
#include "nearest.h"
#include <bh/string.h>

/** config_fail() - note one mistake at @offset; the caller adds the remedy. */
struct config_error *config_fail(struct config_parse *c, json_ref at,
				 const char *fmt, ...)
{
	struct config_report *r = c->report;
	struct config_error *e = &c->beyond;
	va_list ap;

	r->total++;
	if (r->count < CONFIG_ERROR_MAX) {
		e = &r->errors[r->count++];
	}
	*e = (struct config_error){ .offset = json_offset(c->doc, at) };
	json_path_of(c->doc, at, e->path, sizeof(e->path));
	json_line_column(c->doc->text, c->doc->len, e->offset, &e->line,
			 &e->column);
	va_start(ap, fmt);
	fmt_vprint(e->what, sizeof(e->what), fmt, ap);
	va_end(ap);
	return e;
}

/** config_remedy() - what to do about a mistake. */
void config_remedy(struct config_error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(e->remedy, sizeof(e->remedy), fmt, ap);
	va_end(ap);
}

/** config_want() - is @r there and of kind @kind? Notes a mistake if not. */
bool config_want(struct config_parse *c, json_ref r, enum json_kind kind)
{
	enum json_kind have = json_kind(c->doc, r);

	if (have == kind) {
		return true;
	}
	config_remedy(config_fail(c, r, "expected %s, found %s",
				  json_kind_name(kind), json_kind_name(have)),
		      "docs/config.md shows what belongs here");
	return false;
}

/** config_is_name() - see config.h. */
bool config_is_name(const char *s, size_t len)
{
	if (len == 0 || len > RPC_NAME_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') ||
			      (s[i] >= '0' && s[i] <= '9');
		bool mark = s[i] == '_' || s[i] == '.' || s[i] == '-';

		if (!letter && (i == 0 || !mark)) {
			return false;
		}
	}
	return true;
}

/* The key @k is not one of @known: say so, with the nearest one. */
static void config_unknown(struct config_parse *c, json_ref k,
			   const char *const *known, uint32_t count)
{
	char key[NEAREST_WORD_MAX];
	struct config_error *e;
	const char *near;

	if (json_string(c->doc, k, key, sizeof(key), NULL) == ERR_INVALID) {
		str_copy(key, sizeof(key), "?");
	}
	near = nearest_word(key, known, count, sizeof(known[0]));
	e = config_fail(c, k, "unknown member");
	if (near != NULL) {
		config_remedy(e, "did you mean \"%s\"?", near);
	} else {
		config_remedy(e, "remove it: what is not understood is "
				 "refused, never ignored");
	}
}

/* Refuse keys of @obj that are not in @known, and keys that stand twice. */
static void config_keys(struct config_parse *c, json_ref obj,
			const char *const *known, uint32_t count)
{
	uint64_t seen = 0;

	for (json_ref k = json_first(c->doc, obj); k >= 0;
	     k = json_next(c->doc, k)) {
		uint32_t i = 0;

		while (i < count && !json_string_is(c->doc, k, known[i])) {
			i++;
		}
		if (i == count) {
			config_unknown(c, k, known, count);
		} else if (seen & BIT(i)) {
			config_remedy(config_fail(c, k, "stands twice"),
				      "keep one of the two");
		} else {
			seen |= BIT(i);
		}
	}
}

/* Is a part of a path, @len bytes before @end, a name: not "", ".", ".."? */
static bool config_is_part(const char *end, size_t len)
{
	return len > 2 || (len == 1 && end[-1] != '.') ||
	       (len == 2 && (end[-1] != '.' || end[-2] != '.'));
}

/* Is @p a plain path below \bulkhead\: no "..", no empty part, no '\\'? */
static bool config_is_path(const char *p)
{
	size_t part = 0;

	for (; *p != '\0'; p++) {
		if (*p < 0x21 || *p > 0x7e || *p == '\\' || *p == ':') {
			return false;
		}
		if (*p == '/' && !config_is_part(p, part)) {
			return false;
		}
		part = *p == '/' ? 0 : part + 1;
	}
	return config_is_part(p, part);
}

/* A file's name at @r into @dst (BOOT_PATH_MAX); a leading / is dropped. */
static void config_path(struct config_parse *c, json_ref r, char *dst)
{
	char path[BOOT_PATH_MAX + 1];
	const char *p = path;

	if (!config_want(c, r, JSON_STRING)) {
		return;
	}
	if (json_string(c->doc, r, path, sizeof(path), NULL) != OK ||
	    !config_is_path(p += path[0] == '/') ||
	    !str_copy(dst, BOOT_PATH_MAX, p)) {
		dst[0] = '\0';
		config_remedy(config_fail(c, r, "not a usable file name"),
			      "name a file below \\bulkhead\\ such as "
			      "guest/vmlinuz: printable letters, / between "
			      "parts, no .., at most %u bytes",
			      (unsigned int)BOOT_PATH_MAX - 1);
		return;
	}
	if (c->checks->file_exists != NULL &&
	    !c->checks->file_exists(c->checks->ctx, dst)) {
		config_remedy(
			config_fail(c, r, "\\bulkhead\\%s is not there", dst),
			"copy the file to the boot volume or correct "
			"the name");
	}
}

/* kernel.parameters[]: joined by blanks into the command line. */
static void config_parameters(struct config_parse *c, json_ref list)
{
	char *cmdline = c->out.cmdline;
	size_t at = 0;

	if (!config_want(c, list, JSON_ARRAY)) {
		return;
	}
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
			config_remedy(config_fail(c, r,
						  "the command line is longer "
						  "than %u bytes",
						  CONFIG_CMDLINE_MAX - 1),
				      "leave some parameters out");
			return;
		}
		for (size_t i = 0; i < len && st == OK; i++) {
			st = (uint8_t)cmdline[at + i] < 0x20 ? ERR_INVALID : OK;
		}
		if (st != OK || len == 0) {
			config_remedy(config_fail(c, r,
						  "not a kernel "
						  "parameter"),
				      "write printable text such as \"quiet\"");
		}
		at += len;
	}
}

/* vm.hypervisor: the hypervisor is this program, so only {} or empty values. */
static void config_hypervisor(struct config_parse *c, json_ref obj)
{
	for (json_ref k = json_first(c->doc, obj); k >= 0;
	     k = json_next(c->doc, k)) {
		json_ref v = json_value(c->doc, k);

		if (!json_string_is(c->doc, v, "") &&
		    !(json_kind(c->doc, v) == JSON_ARRAY &&
		      json_count(c->doc, v) == 0)) {
			config_remedy(config_fail(c, v,
						  "a hypervisor cannot "
						  "be chosen here"),
				      "remove vm.hypervisor: Bulkhead is the "
				      "hypervisor");
		}
	}
}

static void config_kernel(struct config_parse *c, json_ref obj)
{
	static const char *const known[] = { "path", "initrd", "parameters" };
	json_ref r = json_member(c->doc, obj, "path");

	config_keys(c, obj, known, ARRAY_COUNT(known));
	if (r == JSON_NONE) {
		config_remedy(config_fail(c, obj, "vm.kernel.path is missing"),
			      "name the kernel, e.g. \"path\": "
			      "\"guest/vmlinuz\"");
	} else {
		config_path(c, r, c->out.kernel);
	}
	r = json_member(c->doc, obj, "initrd");
	if (r != JSON_NONE) {
		config_path(c, r, c->out.initrd);
	}
	r = json_member(c->doc, obj, "parameters");
	if (r != JSON_NONE) {
		config_parameters(c, r);
	}
}

static void config_image(struct config_parse *c, json_ref obj)
{
	static const char *const known[] = { "path", "format" };
	json_ref format = json_member(c->doc, obj, "format");
	json_ref path = json_member(c->doc, obj, "path");

	config_keys(c, obj, known, ARRAY_COUNT(known));
	if (path == JSON_NONE) {
		config_remedy(config_fail(c, obj, "vm.image.path is missing"),
			      "name the image or remove vm.image");
	} else {
		config_path(c, path, c->out.image);
	}
	if (!json_string_is(c->doc, format, "raw")) {
		json_ref at = format == JSON_NONE ? obj : format;

		config_remedy(config_fail(c, at, "only raw images are read"),
			      "write \"format\": \"raw\"; convert other "
			      "images with qemu-img convert -O raw");
	}
}

static void config_vm(struct config_parse *c, json_ref vm)
{
	static const char *const known[] = { "hypervisor", "kernel", "image" };
	json_ref kernel = json_member(c->doc, vm, "kernel");
	json_ref image = json_member(c->doc, vm, "image");
	json_ref hypervisor = json_member(c->doc, vm, "hypervisor");

	config_keys(c, vm, known, ARRAY_COUNT(known));
	if (kernel == JSON_NONE) {
		config_remedy(config_fail(c, vm, "vm.kernel is missing"),
			      "a partition boots a kernel: add \"kernel\": "
			      "{\"path\": ...}");
	} else if (config_want(c, kernel, JSON_OBJECT)) {
		config_kernel(c, kernel);
	}
	if (image != JSON_NONE && config_want(c, image, JSON_OBJECT)) {
		config_image(c, image);
	}
	if (hypervisor != JSON_NONE &&
	    config_want(c, hypervisor, JSON_OBJECT)) {
		config_hypervisor(c, hypervisor);
	}
}

static void config_version(struct config_parse *c, json_ref root)
{
	json_ref r = json_member(c->doc, root, "ociVersion");
	char version[16];

	if (r == JSON_NONE) {
		config_remedy(config_fail(c, root, "ociVersion is missing"),
			      "add \"ociVersion\": \"1.0.2\"");
		return;
	}
	if (json_string(c->doc, r, version, sizeof(version), NULL) ==
		    ERR_INVALID ||
	    strncmp(version, "1.", 2) != 0) {
		config_remedy(config_fail(c, r,
					  "not a version of the OCI "
					  "runtime spec that is known"),
			      "write \"1.0.2\" or another 1.x version");
	}
}

static void config_root(struct config_parse *c)
{
	static const char *const known[] = {
		"ociVersion", "process",     "root",  "hostname", "domainname",
		"mounts",     "annotations", "hooks", "linux",    "vm",
	};
	json_ref vm = json_member(c->doc, 0, "vm");
	json_ref notes = json_member(c->doc, 0, "annotations");

	config_keys(c, 0, known, ARRAY_COUNT(known));
	config_version(c, 0);
	if (vm == JSON_NONE) {
		config_remedy(config_fail(c, 0, "the member vm is missing"),
			      "add \"vm\": {\"kernel\": {\"path\": ...}}");
	} else if (config_want(c, vm, JSON_OBJECT)) {
		config_vm(c, vm);
	}
	if (notes == JSON_NONE || config_want(c, notes, JSON_OBJECT)) {
		config_notes(c, notes);
	}
	c->out.has_process = json_member(c->doc, 0, "process") != JSON_NONE;
}

/* partitions/NAME.json: NAME is the partition's name. */
static void config_name(struct config_parse *c, const char *file)
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
		config_remedy(config_fail(c, JSON_NONE,
					  "the file's name cannot name a "
					  "partition"),
			      "rename it: a-z 0-9 first, then also _ . -, at "
			      "most %u letters, then .json",
			      (unsigned int)RPC_NAME_MAX);
		return;
	}
	memcpy(c->out.name, base, len);
	c->out.name[len] = '\0';
}

static void config_syntax(struct config_parse *c, const struct json_error *je,
			  enum status st)
{
	struct config_error *e = config_fail(c, JSON_NONE, "%s", je->what);

	e->offset = je->offset;
	str_copy(e->path, sizeof(e->path), je->path);
	json_line_column(c->doc->text, c->doc->len, je->offset, &e->line,
			 &e->column);
	if (st == ERR_TOO_BIG) {
		config_remedy(e,
			      "at most %u values (keys count) fit; shorten "
			      "the file",
			      (unsigned int)CONFIG_TOKEN_MAX);
	} else {
		config_remedy(e, "correct the text there; jq . FILE shows the "
				 "same mistake");
	}
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
	struct json_error je;
	enum status st;

	*report = (struct config_report){ 0 };
	json_doc_init(&p->doc, p->tokens, CONFIG_TOKEN_MAX);
	p->doc.text = text;
	config_name(&c, file);
	st = json_parse(&p->doc, text, len, &je);
	if (st != OK) {
		config_syntax(&c, &je, st);
	} else if (config_want(&c, 0, JSON_OBJECT)) {
		config_root(&c);
	}
	if (len > CONFIG_TEXT_MAX) {
		config_remedy(config_fail(&c, JSON_NONE, "longer than %u bytes",
					  (unsigned int)CONFIG_TEXT_MAX),
			      "it has to fit one message to the agent: "
			      "shorten it");
	}
	if (report->total > 0) {
		return ERR_INVALID;
	}
	*out = c.out;
	out->text = text;
	out->text_len = len;
	return OK;
}

/** config_error_print() - one mistake as one line of text. */
size_t config_error_print(const struct config_error *e, const char *file,
			  char *dst, size_t size)
{
	return fmt_print(dst, size, "%s:%u:%u (byte %zu, %s): %s; %s", file,
			 e->line, e->column, e->offset, e->path, e->what,
			 e->remedy);
}
