/*
 * config.c - reads a partition's config.json.
 *
 * Tables drive it: the objects and their members (config_objects), and the
 * annotations io.bulkhead.* (config_notes). What stands in none is refused,
 * because a misspelt limit that is silently ignored is no limit. Members that
 * belong to the agent are let through untouched.
 *
 * All mistakes of one file are collected (up to CONFIG_ERROR_MAX), so that the
 * operator corrects them in one round. The result is written only at the end.
 */
#include "config.h"
#include "nearest.h"
#include <bh/string.h>

#define CONFIG_NOTE_PREFIX "io.bulkhead."

/* One parse under way. */
struct config_parse {
	struct json_doc *doc;
	struct config_report *report;
	const struct config_checks *checks;
	struct partition_config out; /* given away only if nothing is wrong */
	struct config_error beyond;  /* the ninth mistake and on */
};

/* A member that an object may have. */
struct config_member {
	const char *key;
	enum json_kind kind; /* JSON_ABSENT: any, not looked at here */
	void (*read)(struct config_parse *c, json_ref v, void *dst);
	size_t at;           /* of dst in struct partition_config */
	const char *missing; /* NULL: it may be left out; else what to say */
};

/* Note one mistake: what is wrong at @at; what to do about it. */
static printf_like(3,
		   4) struct config_error *config_fail(struct config_parse *c,
						       json_ref at,
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
	fmt_vprint(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return e;
}

/* Is @r there and of kind @kind? Notes a mistake if not. */
static bool config_want(struct config_parse *c, json_ref r, enum json_kind kind)
{
	enum json_kind have = json_kind(c->doc, r);

	if (have != kind) {
		config_fail(c, r,
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
		config_fail(c, k, "unknown member; did you mean \"%s\"?", near);
	} else {
		config_fail(c, k,
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
			config_fail(c, k, "stands twice; keep one of the two");
		} else {
			seen |= BIT(i);
		}
	}
	for (const struct config_member *m = known; m < known + count; m++) {
		json_ref v = json_member(c->doc, obj, m->key);

		if (v == JSON_NONE && m->missing != NULL) {
			config_fail(c, obj, "%s", m->missing);
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
		config_fail(c, r,
			    "not a usable file name; name a file below "
			    "\\bulkhead\\ such as guest/vmlinuz: printable "
			    "letters, / between parts, no .., at most %u bytes",
			    (unsigned int)BOOT_PATH_MAX - 1);
	} else if (c->checks->file_exists != NULL &&
		   !c->checks->file_exists(c->checks->ctx, dst)) {
		config_fail(c, r,
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
			config_fail(c, r,
				    "the command line is longer than %u bytes; "
				    "leave some parameters out",
				    CONFIG_CMDLINE_MAX - 1);
			return;
		}
		for (size_t i = 0; i < len && st == OK; i++) {
			st = (uint8_t)cmdline[at + i] < 0x20 ? ERR_INVALID : OK;
		}
		if (st != OK || len == 0) {
			config_fail(c, r,
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
			config_fail(c, v,
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
		config_fail(c, v, CONFIG_NOT_RAW);
	}
}

static void config_version(struct config_parse *c, json_ref r, void *dst)
{
	char version[16];

	(void)dst;
	if (json_string(c->doc, r, version, sizeof(version), NULL) ==
		    ERR_INVALID ||
	    strncmp(version, "1.", 2) != 0) {
		config_fail(c, r,
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

/* ---- annotations: what a partition may use ---- */

struct config_note;
typedef bool config_note_fn(const struct config_note *note, const char *v,
			    size_t len, void *dst);

/*
 * The default is in the annotation's own syntax, so that it takes the same way
 * as a value that was written. Values are strings, as OCI wants it.
 */
struct config_note {
	const char *name;
	const char *dflt;
	const char *form; /* told to people whose value was refused */
	config_note_fn *read;
	size_t at, size; /* of dst in struct partition_config */
	uint32_t max;
	const char *words[4]; /* NULL at the end */
};

static bool config_note_memory(const struct config_note *note, const char *v,
			       size_t len, void *dst)
{
	uint64_t bytes = 0;
	bool good = str_to_size(v, len, &bytes) && bytes >= CONFIG_MEMORY_MIN &&
		    bytes % CONFIG_MEMORY_STEP == 0;

	memcpy(dst, &bytes, note->size);
	return good;
}

/* A number from 1 to the row's max. */
static bool config_note_number(const struct config_note *note, const char *v,
			       size_t len, void *dst)
{
	uint64_t n = 0;
	bool good = str_to_u64(v, len, &n) && n >= 1 && n <= note->max;

	memcpy(dst, &n, note->size);
	return good;
}

_Static_assert(offsetof(struct partition_config, cpu_period_us) ==
		       offsetof(struct partition_config, cpu_quota_us) +
			       sizeof(uint64_t),
	       "config_note_quota() writes both at once");

/* cgroup v2's cpu.max: "$MAX $PERIOD", the period may be left out. */
static bool config_note_quota(const struct config_note *note, const char *v,
			      size_t len, void *dst)
{
	uint64_t *quota_period = dst; /* the two members stand together */
	size_t blank = 0;

	(void)note;
	while (blank < len && v[blank] != ' ') {
		blank++;
	}
	quota_period[0] = 0;
	quota_period[1] = 100000;
	if (blank < len &&
	    (!str_to_u64(v + blank + 1, len - blank - 1, &quota_period[1]) ||
	     quota_period[1] < 1000 || quota_period[1] > 1000000)) {
		return false;
	}
	return (blank == 3 && memcmp(v, "max", 3) == 0) ||
	       (str_to_u64(v, blank, &quota_period[0]) &&
		quota_period[0] >= 1000 &&
		quota_period[0] <= quota_period[1] * CONFIG_VCPU_MAX);
}

/* One of the row's words: its number. */
static bool config_note_choice(const struct config_note *note, const char *v,
			       size_t len, void *dst)
{
	(void)len;
	return nearest_set(v, note->words, dst, note->size);
}

#define CONFIG_FIELD(field)                       \
	offsetof(struct partition_config, field), \
		sizeof(((struct partition_config *)0)->field)

/* clang-format off */
static const struct config_note config_notes[] = {
	{ "memory.max", "256M",
	  "a multiple of 2M from 32M on, such as \"256M\" or \"1G\"",
	  config_note_memory, CONFIG_FIELD(memory_max), 0, { 0 } },
	{ "vcpus", "1", "a number from 1 to 16",
	  config_note_number, CONFIG_FIELD(vcpu_count), CONFIG_VCPU_MAX, { 0 } },
	{ "cpu.weight", "100", "a number from 1 to 10000",
	  config_note_number, CONFIG_FIELD(cpu_weight), 10000, { 0 } },
	{ "cpu.max", "max 100000",
	  "\"max\", or microseconds of CPU and of period: \"50000 100000\"",
	  config_note_quota, CONFIG_FIELD(cpu_quota_us), 0, { 0 } },
	{ "autostart", "true", "\"true\" or \"false\"",
	  config_note_choice, CONFIG_FIELD(autostart), 0, { "false", "true" } },
	{ "restart", "no", "\"no\", \"on-failure\" or \"always\"",
	  config_note_choice, CONFIG_FIELD(restart), 0,
	  { "no", "on-failure", "always" } },
	{ "console", "hvc0", "\"hvc0\" (virtio) or \"ttyS0\" (16550)",
	  config_note_choice, CONFIG_FIELD(console), 0, { "hvc0", "ttyS0" } },
};
/* clang-format on */

static void config_note_unknown(struct config_parse *c, json_ref key,
				const char *name)
{
	const char *near = nearest_word(name, &config_notes[0].name,
					ARRAY_COUNT(config_notes),
					sizeof(config_notes[0]));

	if (near != NULL) {
		config_fail(c, key,
			    "unknown annotation; did you mean "
			    "\"" CONFIG_NOTE_PREFIX "%s\"?",
			    near);
	} else {
		config_fail(c, key,
			    "unknown annotation; docs/config.md lists the "
			    "annotations io.bulkhead.*");
	}
}

/* Read annotation @key; the bit of its row in @seen. */
static void config_note(struct config_parse *c, json_ref key, uint64_t *seen)
{
	json_ref v = json_value(c->doc, key);
	char full[NEAREST_WORD_MAX], value[64];
	enum status st = json_string(c->doc, key, full, sizeof(full), NULL);
	const char *name = full + strlen(CONFIG_NOTE_PREFIX);
	size_t len;
	uint32_t i;

	if (strncmp(full, CONFIG_NOTE_PREFIX, strlen(CONFIG_NOTE_PREFIX)) !=
	    0) {
		return; /* somebody else's annotation */
	}
	i = nearest_index(name, &config_notes[0].name,
			  ARRAY_COUNT(config_notes), sizeof(config_notes[0]));
	if (st != OK || i == ARRAY_COUNT(config_notes)) {
		config_note_unknown(c, key, name);
		return;
	}
	if (*seen & BIT(i)) {
		config_fail(c, key, "stands twice; keep one of the two");
		return;
	}
	*seen |= BIT(i);
	if (!config_want(c, v, JSON_STRING)) {
		return;
	}
	st = json_string(c->doc, v, value, sizeof(value), &len);
	if (st != OK ||
	    !config_notes[i].read(&config_notes[i], value, len,
				  (char *)&c->out + config_notes[i].at)) {
		config_fail(c, v, "\"%s\" is not a value of %s; write %s",
			    value, full, config_notes[i].form);
	} else if (i == 0 && c->checks->memory_left != NULL &&
		   c->out.memory_max > c->checks->memory_left(c->checks->ctx)) {
		config_fail(c, v,
			    "the machine has not that much memory left; ask "
			    "for at most %luM",
			    align_down(c->checks->memory_left(c->checks->ctx),
				       CONFIG_MEMORY_STEP) >>
				    20);
	}
}

/* The annotations that stand at @notes (maybe JSON_NONE), else defaults. */
static void config_read_notes(struct config_parse *c, json_ref notes)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < ARRAY_COUNT(config_notes); i++) {
		const struct config_note *n = &config_notes[i];

		(void)n->read(n, n->dflt, strlen(n->dflt),
			      (char *)&c->out + n->at);
	}
	for (json_ref k = json_first(c->doc, notes); k >= 0;
	     k = json_next(c->doc, k)) {
		config_note(c, k, &seen);
	}
	if (!(seen & BIT(0)) && c->checks->memory_left != NULL &&
	    c->out.memory_max > c->checks->memory_left(c->checks->ctx)) {
		config_fail(c, notes,
			    "the machine has not the default of 256M left; set "
			    "io.bulkhead.memory.max to less");
	}
}

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

/* The text is no JSON. */
static void config_syntax(struct config_parse *c, const struct json_error *je,
			  enum status st)
{
	struct config_error *e;

	if (st == ERR_TOO_BIG) {
		e = config_fail(c, JSON_NONE,
				"%s; at most %u values (keys count) fit; "
				"shorten the file",
				je->what, (unsigned int)CONFIG_TOKEN_MAX);
	} else {
		e = config_fail(c, JSON_NONE,
				"%s; correct the text there; jq . FILE shows "
				"the same mistake",
				je->what);
	}
	e->offset = je->offset;
	str_copy(e->path, sizeof(e->path), je->path);
	json_line_column(c->doc->text, c->doc->len, je->offset, &e->line,
			 &e->column);
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
	if (!config_name(file, c.out.name)) {
		config_fail(&c, JSON_NONE,
			    "the file's name cannot name a partition; rename "
			    "it: a-z 0-9 first, then also _ . -, at most %u "
			    "letters, then .json",
			    (unsigned int)RPC_NAME_MAX);
	}
	st = json_parse(&p->doc, text, len, &je);
	if (st != OK) {
		config_syntax(&c, &je, st);
	} else if (config_want(&c, 0, JSON_OBJECT)) {
		config_root(&c);
	}
	if (len > CONFIG_TEXT_MAX) {
		config_fail(&c, JSON_NONE,
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

/** config_error_print() - one mistake as one line of text. */
size_t config_error_print(const struct config_error *e, const char *file,
			  char *dst, size_t size)
{
	return fmt_print(dst, size, "%s:%u:%u (byte %zu, %s): %s", file,
			 e->line, e->column, e->offset, e->path, e->text);
}
