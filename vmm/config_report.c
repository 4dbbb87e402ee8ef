/*
 * config_report.c - mistakes of a JSON file of the boot volume, with places.
 *
 * Used for partitions/NAME.json and groups.json: a mistake has the place (line,
 * column, byte, path), what is wrong there, and after "; " what to do.
 */
#include "config.h"

#include <bh/string.h>

/** config_mistake() - note one mistake at @at: what is wrong; what to do. */
struct config_error *config_mistake(const struct json_doc *d,
				    struct config_report *r, json_ref at,
				    const char *fmt, ...)
{
	struct config_error *e = &r->beyond;
	va_list ap;

	r->total++;
	if (r->count < CONFIG_ERROR_MAX) {
		e = &r->errors[r->count++];
	}
	*e = (struct config_error){ .offset = json_offset(d, at) };
	json_path_of(d, at, e->path, sizeof(e->path));
	json_line_column(d->text, d->len, e->offset, &e->line, &e->column);
	va_start(ap, fmt);
	fmt_vprint(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return e;
}

/* The text is no JSON. */
static void config_syntax(const struct json_doc *d, struct config_report *r,
			  const struct json_error *je, enum status st)
{
	struct config_error *e;

	if (st == ERR_TOO_BIG) {
		e = config_mistake(
			d, r, JSON_NONE,
			"%s; at most %u values (keys count) fit; shorten the "
			"file",
			je->what, (unsigned int)CONFIG_TOKEN_MAX);
	} else {
		e = config_mistake(d, r, JSON_NONE,
				   "%s; correct the text there; jq . FILE "
				   "shows the same mistake",
				   je->what);
	}
	e->offset = je->offset;
	str_copy(e->path, sizeof(e->path), je->path);
	json_line_column(d->text, d->len, je->offset, &e->line, &e->column);
}

/**
 * config_open() - parse a file's text into @p->doc; begin @report.
 * Return: OK; ERR_INVALID with the mistake in @report.
 */
enum status config_open(struct config_parser *p, const char *text, size_t len,
			struct config_report *report)
{
	struct json_error je;
	enum status st;

	report->count = 0;
	report->total = 0;
	json_doc_init(&p->doc, p->tokens, CONFIG_TOKEN_MAX);
	p->doc.text = text;
	st = json_parse(&p->doc, text, len, &je);
	if (st != OK) {
		config_syntax(&p->doc, report, &je, st);
	}
	return st == OK ? OK : ERR_INVALID;
}

/** config_error_print() - one mistake as one line of text. */
size_t config_error_print(const struct config_error *e, const char *file,
			  char *dst, size_t size)
{
	return fmt_print(dst, size, "%s:%u:%u (byte %zu, %s): %s", file,
			 e->line, e->column, e->offset, e->path, e->text);
}
