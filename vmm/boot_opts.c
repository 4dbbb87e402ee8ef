/*
 * boot_opts.c - reads boot.cfg.
 *
 * A line is blank, a comment (#) or key=value; blanks around key and value do
 * not count, and # after a blank begins a comment. All mistakes are collected,
 * each with its place and a remedy; a line with a mistake changes nothing. The
 * last of several lines for one key wins.
 */
#include "boot_opts.h"
#include "nearest.h"
#include <bh/string.h>

#define BOOT_OPTS_WORD_MAX 48

/* An option: its values in words, and the member that gets a word's number. */
struct boot_opts_key {
	const char *name;
	const char *words[6]; /* NULL at the end */
	size_t at, size;      /* in struct boot_opts */
	/* of the seconds that may follow its last word after a colon; 0: none
	 */
	size_t seconds_at;
};

#define BOOT_OPTS_FIELD(field)             \
	offsetof(struct boot_opts, field), \
		sizeof(((struct boot_opts *)0)->field)

static const struct boot_opts_key boot_opts_keys[] = {
#define X(field, key, dflt, text) \
	{ key, { "off", "on" }, BOOT_OPTS_FIELD(field), 0 },
	BOOT_OPTS_SWITCH_LIST(X)
#undef X
		{ "populate",
		  { "eager", "lazy" },
		  BOOT_OPTS_FIELD(populate),
		  0 },
	{ "log",
	  { "error", "warn", "notice", "info", "debug" },
	  BOOT_OPTS_FIELD(log),
	  0 },
	{ "mitigations",
	  { "auto", "off", "full" },
	  BOOT_OPTS_FIELD(mitigations),
	  0 },
	{ "panic",
	  { "stop", "reboot" },
	  BOOT_OPTS_FIELD(panic),
	  offsetof(struct boot_opts, panic_seconds) },
};

/* A line taken apart; columns count from 1. */
struct boot_opts_line {
	struct boot_opts_report *report;
	uint32_t line, key_column, value_column;
	char key[BOOT_OPTS_WORD_MAX];
	char value[BOOT_OPTS_WORD_MAX];
};

/** boot_opts_default() - what holds without a boot.cfg. */
void boot_opts_default(struct boot_opts *o)
{
	*o = (struct boot_opts){
#define X(field, key, dflt, text) .field = dflt,
		BOOT_OPTS_SWITCH_LIST(X)
#undef X
			.populate = BOOT_POPULATE_EAGER,
		.log = LOG_INFO,
	};
}

/* Note one mistake: what is wrong at @column; what to do about it. */
static printf_like(3, 4) void boot_opts_fail(struct boot_opts_line *l,
					     uint32_t column, const char *fmt,
					     ...)
{
	struct boot_opts_report *r = l->report;
	struct boot_opts_error *e;
	va_list ap;

	r->total++;
	if (r->count == BOOT_OPTS_ERROR_MAX) {
		return;
	}
	e = &r->errors[r->count++];
	e->line = l->line;
	e->column = column;
	va_start(ap, fmt);
	fmt_vprint(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

static bool boot_opts_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Copy [from, to) without the blanks at its ends; the first byte's column. */
static uint32_t boot_opts_word(const char *line, size_t from, size_t to,
			       char *dst)
{
	size_t len;

	while (from < to && boot_opts_blank(line[from])) {
		from++;
	}
	while (to > from && boot_opts_blank(line[to - 1])) {
		to--;
	}
	len = to - from;
	if (len >= BOOT_OPTS_WORD_MAX) {
		len = BOOT_OPTS_WORD_MAX - 1;
	}
	for (size_t i = 0; i < len; i++) {
		char c = line[from + i];

		if (c < 0x20 || c > 0x7e) {
			c = '?';
		}
		dst[i] = c;
	}
	dst[len] = '\0';
	return (uint32_t)from + 1;
}

/* Take ":seconds" off a value's end; false if they are no good. */
static bool boot_opts_seconds(struct boot_opts *o, struct boot_opts_line *l,
			      const struct boot_opts_key *k)
{
	uint32_t *seconds = (uint32_t *)(void *)((char *)o + k->seconds_at);
	const char *last = k->words[0];
	uint64_t v = 0;
	size_t at = 0;

	for (uint32_t i = 1; k->words[i] != NULL; i++) {
		last = k->words[i];
	}
	while (l->value[at] != '\0' && l->value[at] != ':') {
		at++;
	}
	if (l->value[at] == ':' &&
	    (at != strlen(last) || memcmp(l->value, last, at) != 0 ||
	     !str_to_u64(&l->value[at + 1], strlen(&l->value[at + 1]), &v) ||
	     v > BOOT_PANIC_SECONDS_MAX)) {
		boot_opts_fail(l, l->value_column,
			       "%s cannot be \"%s\"; write %s=%s:SECONDS, at "
			       "most %u",
			       k->name, l->value, k->name, last,
			       BOOT_PANIC_SECONDS_MAX);
		return false;
	}
	l->value[at] = '\0';
	*seconds = (uint32_t)v;
	return true;
}

/* Set option @k to the number of the word that is the line's value. */
static void boot_opts_set(struct boot_opts *o, struct boot_opts_line *l,
			  const struct boot_opts_key *k)
{
	char words[80];
	size_t at = 0;

	if (k->seconds_at != 0 && !boot_opts_seconds(o, l, k)) {
		return;
	}
	if (nearest_set(l->value, k->words, (char *)o + k->at, k->size)) {
		return;
	}
	for (uint32_t i = 0; k->words[i] != NULL; i++) {
		at += fmt_print(words + at, sizeof(words) - at, "%s%s",
				i == 0 ? "" : " or ", k->words[i]);
	}
	boot_opts_fail(l, l->value_column, "%s cannot be \"%s\"; write %s=%s",
		       k->name, l->value, k->name, words);
}

static void boot_opts_unknown(struct boot_opts_line *l)
{
	const char *near = nearest_word(l->key, &boot_opts_keys[0].name,
					ARRAY_COUNT(boot_opts_keys),
					sizeof(boot_opts_keys[0]));

	boot_opts_fail(l, l->key_column, "unknown option \"%s\"; %s%s%s",
		       l->key,
		       near != NULL ? "did you mean "
				    : "docs/config.md lists the options of "
				      "boot.cfg",
		       near != NULL ? near : "", near != NULL ? "?" : "");
}

/* A comment begins with the line or after a blank. */
static size_t boot_opts_strip(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '#' &&
		    (i == 0 || boot_opts_blank(line[i - 1]))) {
			return i;
		}
	}
	return len;
}

static void boot_opts_line(struct boot_opts *o, struct boot_opts_line *l,
			   const char *line, size_t len)
{
	size_t equals = 0;
	uint32_t key;

	len = boot_opts_strip(line, len);
	while (equals < len && line[equals] != '=') {
		equals++;
	}
	l->key_column = boot_opts_word(line, 0, equals, l->key);
	if (equals == len && l->key[0] == '\0') {
		return;
	}
	if (equals == len) {
		boot_opts_fail(l, l->key_column,
			       "\"%s\" has no value; write key=value, one a "
			       "line; # begins a comment",
			       l->key);
		return;
	}
	l->value_column = boot_opts_word(line, equals + 1, len, l->value);
	key = nearest_index(l->key, &boot_opts_keys[0].name,
			    ARRAY_COUNT(boot_opts_keys),
			    sizeof(boot_opts_keys[0]));
	if (key == ARRAY_COUNT(boot_opts_keys)) {
		boot_opts_unknown(l);
	} else {
		boot_opts_set(o, l, &boot_opts_keys[key]);
	}
}

/**
 * boot_opts_parse() - read the text of boot.cfg over the present values.
 * @o:	    from boot_opts_default()
 * @text:   @len bytes, or up to a NUL
 * @report: every mistake, up to BOOT_OPTS_ERROR_MAX of them
 *
 * Return: OK; ERR_INVALID if there was a mistake (the good lines hold).
 */
enum status boot_opts_parse(struct boot_opts *o, const char *text, size_t len,
			    struct boot_opts_report *report)
{
	struct boot_opts_line l = { .report = report };
	size_t start = 0;

	*report = (struct boot_opts_report){ 0 };
	len = strnlen(text, len);
	while (start < len) {
		size_t end = start;

		while (end < len && text[end] != '\n') {
			end++;
		}
		l.line++;
		boot_opts_line(o, &l, text + start, end - start);
		start = end + 1;
	}
	return report->total == 0 ? OK : ERR_INVALID;
}

/** boot_opts_error_print() - one mistake as one line of text. */
size_t boot_opts_error_print(const struct boot_opts_error *e, const char *file,
			     char *dst, size_t size)
{
	return fmt_print(dst, size, "%s:%u:%u: %s", file, e->line, e->column,
			 e->text);
}
