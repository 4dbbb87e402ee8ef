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

static const char *const boot_opts_keys[] = {
#define X(field, key, dflt, text) key,
	BOOT_OPTS_SWITCH_LIST(X)
#undef X
		"populate",
	"log",
};

#define BOOT_OPTS_KEY_POPULATE (ARRAY_COUNT(boot_opts_keys) - 2)
#define BOOT_OPTS_KEY_LOG      (ARRAY_COUNT(boot_opts_keys) - 1)

static const char *const boot_opts_populate[] = { "eager", "lazy" };
static const char *const boot_opts_log[] = { "error", "warn", "notice", "info",
					     "debug" };
static const char *const boot_opts_switch[] = { "off", "on" };

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

static struct boot_opts_error *boot_opts_fail(struct boot_opts_line *l,
					      uint32_t column)
{
	static struct boot_opts_error beyond; /* the ninth mistake and on */
	struct boot_opts_report *r = l->report;
	struct boot_opts_error *e = &beyond;

	r->total++;
	if (r->count < BOOT_OPTS_ERROR_MAX) {
		e = &r->errors[r->count++];
	}
	e->line = l->line;
	e->column = column;
	return e;
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

/* Which of @words is the value? The index, or count after an error. */
static uint32_t boot_opts_choice(struct boot_opts_line *l,
				 const char *const *words, uint32_t count)
{
	struct boot_opts_error *e;
	size_t at;

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(l->value, words[i]) == 0) {
			return i;
		}
	}
	e = boot_opts_fail(l, l->value_column);
	fmt_print(e->what, sizeof(e->what), "%s cannot be \"%s\"", l->key,
		  l->value);
	at = fmt_print(e->remedy, sizeof(e->remedy), "write %s=%s", l->key,
		       words[0]);
	for (uint32_t i = 1; i < count; i++) {
		at += fmt_print(e->remedy + at, sizeof(e->remedy) - at,
				" or %s", words[i]);
	}
	return count;
}

static void boot_opts_set(struct boot_opts *o, struct boot_opts_line *l,
			  uint32_t key)
{
	bool *const switches[] = {
#define X(field, key, dflt, text) &o->field,
		BOOT_OPTS_SWITCH_LIST(X)
#undef X
	};
	uint32_t choice;

	if (key == BOOT_OPTS_KEY_POPULATE) {
		choice = boot_opts_choice(l, boot_opts_populate,
					  ARRAY_COUNT(boot_opts_populate));
		if (choice < ARRAY_COUNT(boot_opts_populate)) {
			o->populate = (enum boot_populate)choice;
		}
	} else if (key == BOOT_OPTS_KEY_LOG) {
		choice = boot_opts_choice(l, boot_opts_log,
					  ARRAY_COUNT(boot_opts_log));
		if (choice < ARRAY_COUNT(boot_opts_log)) {
			o->log = (enum log_level)choice;
		}
	} else {
		choice = boot_opts_choice(l, boot_opts_switch,
					  ARRAY_COUNT(boot_opts_switch));
		if (choice < ARRAY_COUNT(boot_opts_switch)) {
			*switches[key] = choice == 1;
		}
	}
}

static void boot_opts_unknown(struct boot_opts_line *l)
{
	struct boot_opts_error *e = boot_opts_fail(l, l->key_column);
	const char *near = nearest_word(l->key, boot_opts_keys,
					ARRAY_COUNT(boot_opts_keys),
					sizeof(boot_opts_keys[0]));

	fmt_print(e->what, sizeof(e->what), "unknown option \"%s\"", l->key);
	if (near != NULL) {
		fmt_print(e->remedy, sizeof(e->remedy), "did you mean %s?",
			  near);
	} else {
		fmt_print(e->remedy, sizeof(e->remedy),
			  "docs/config.md lists the options of boot.cfg");
	}
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
	uint32_t key = 0;

	len = boot_opts_strip(line, len);
	while (equals < len && line[equals] != '=') {
		equals++;
	}
	l->key_column = boot_opts_word(line, 0, equals, l->key);
	if (equals == len) {
		struct boot_opts_error *e;

		if (l->key[0] == '\0') {
			return;
		}
		e = boot_opts_fail(l, l->key_column);
		fmt_print(e->what, sizeof(e->what), "\"%s\" has no value",
			  l->key);
		fmt_print(e->remedy, sizeof(e->remedy),
			  "write key=value, one a line; # begins a comment");
		return;
	}
	l->value_column = boot_opts_word(line, equals + 1, len, l->value);
	while (key < ARRAY_COUNT(boot_opts_keys) &&
	       strcmp(l->key, boot_opts_keys[key]) != 0) {
		key++;
	}
	if (key == ARRAY_COUNT(boot_opts_keys)) {
		boot_opts_unknown(l);
	} else {
		boot_opts_set(o, l, key);
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
	return fmt_print(dst, size, "%s:%u:%u: %s; %s", file, e->line,
			 e->column, e->what, e->remedy);
}

/** boot_opts_row() - see boot_opts.h. */
bool boot_opts_row(const struct boot_opts *o, uint32_t n, const char **key,
		   const char **value, const char **help)
{
	static const char *const texts[] = {
#define X(field, key, dflt, text) text,
		BOOT_OPTS_SWITCH_LIST(X)
#undef X
			"when guest RAM is taken: eager (at start) or lazy",
		"least important level that is logged",
	};
	const bool values[] = {
#define X(field, key, dflt, text) o->field,
		BOOT_OPTS_SWITCH_LIST(X)
#undef X
	};

	if (n >= ARRAY_COUNT(boot_opts_keys)) {
		return false;
	}
	*key = boot_opts_keys[n];
	*help = texts[n];
	if (n == BOOT_OPTS_KEY_POPULATE) {
		*value = boot_opts_populate[o->populate];
	} else if (n == BOOT_OPTS_KEY_LOG) {
		*value = boot_opts_log[o->log];
	} else {
		*value = boot_opts_switch[values[n]];
	}
	return true;
}
