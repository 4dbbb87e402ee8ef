/*
 * shell_table.c - replies shown as aligned tables and as lists of members.
 *
 * Both work on the JSON of a reply, so a member that is added to a method shows
 * up in a list without a change here. Strings may come from an agent: control
 * characters never reach the terminal (text_visible).
 */
#include "shell_internal.h"
#include <bh/string.h>

#define SHELL_CELL_MAX   72
#define SHELL_COLUMN_MAX 10

static void shell_cell_size(char *dst, size_t size, uint64_t v)
{
	if (v >= MIB(1) && v % MIB(1) == 0) {
		fmt_print(dst, size, "%luM", v >> 20);
	} else if (v >= KIB(1)) {
		fmt_print(dst, size, "%luK", (v + 1023) >> 10);
	} else {
		fmt_print(dst, size, "%lu", v);
	}
}

/* Strings of an array, blanks between. */
static void shell_cell_words(struct shell *sh, json_ref list, char *dst,
			     size_t size)
{
	size_t at = 0;

	for (json_ref r = json_first(&sh->doc, list); r >= 0 && at + 2 < size;
	     r = json_next(&sh->doc, r)) {
		size_t len;

		if (at > 0) {
			dst[at++] = ' ';
		}
		(void)!json_string(&sh->doc, r, dst + at, size - at, &len);
		at += strlen(dst + at);
	}
}

/* Members of an object, "key value", commas between. */
static void shell_cell_members(struct shell *sh, json_ref object, char *dst,
			       size_t size)
{
	size_t at = 0;

	for (json_ref k = json_first(&sh->doc, object); k >= 0 && at + 1 < size;
	     k = json_next(&sh->doc, k)) {
		size_t key_len, len;
		const char *key = json_raw(&sh->doc, k, &key_len);
		const char *v =
			json_raw(&sh->doc, json_value(&sh->doc, k), &len);

		/* the quotes of the key stay behind */
		at += fmt_print(dst + at, size - at, "%s%.*s %.*s",
				at > 0 ? ", " : "", (int)key_len - 2, key + 1,
				(int)len, v);
	}
}

/* A value as text of one cell. */
static void shell_cell(struct shell *sh, json_ref r,
		       enum shell_column_kind kind, char *dst, size_t size)
{
	bool flag = false;
	uint64_t v = 0;
	size_t len;
	const char *raw = json_raw(&sh->doc, r, &len);

	str_copy(dst, size, "-");
	if (kind == SHELL_WORDS && json_kind(&sh->doc, r) == JSON_ARRAY) {
		shell_cell_words(sh, r, dst, size);
	} else if (kind == SHELL_WORDS &&
		   json_kind(&sh->doc, r) == JSON_OBJECT) {
		shell_cell_members(sh, r, dst, size);
	} else if (json_bool(&sh->doc, r, &flag)) {
		str_copy(dst, size, flag ? "yes" : "no");
	} else if (kind == SHELL_SIZE && json_u64(&sh->doc, r, &v)) {
		shell_cell_size(dst, size, v);
	} else if (kind == SHELL_TIME && json_u64(&sh->doc, r, &v)) {
		fmt_print(dst, size, "%lu.%lus", v / 1000000, v / 100000 % 10);
	} else if (json_kind(&sh->doc, r) == JSON_STRING) {
		(void)!json_string(&sh->doc, r, dst, size, NULL);
	} else if (json_kind(&sh->doc, r) == JSON_NUMBER) {
		fmt_print(dst, size, "%.*s", (int)len, raw);
	}
	for (; *dst != '\0'; dst++) {
		*dst = text_visible(*dst);
	}
}

/* Characters of a text: bytes that do not continue one. */
static uint32_t shell_width(const char *text)
{
	uint32_t width = 0;

	for (; *text != '\0'; text++) {
		width += ((uint8_t)*text & 0xc0) != 0x80;
	}
	return width;
}

/* The cell of row @r (JSON_NONE: the titles) in column @c. */
static void shell_column_cell(struct shell *sh, json_ref r,
			      const struct shell_column *c,
			      char cell[SHELL_CELL_MAX])
{
	if (r == JSON_NONE) {
		str_copy(cell, SHELL_CELL_MAX, c->title);
	} else {
		shell_cell(sh, json_member(&sh->doc, r, c->key), c->kind, cell,
			   SHELL_CELL_MAX);
	}
}

/* Characters of the widest cell of @column, its title included. */
static uint32_t shell_column_width(struct shell *sh, json_ref rows,
				   const struct shell_column *column)
{
	uint32_t width = shell_width(column->title);
	char cell[SHELL_CELL_MAX];

	for (json_ref r = json_first(&sh->doc, rows); r >= 0;
	     r = json_next(&sh->doc, r)) {
		shell_column_cell(sh, r, column, cell);
		if (shell_width(cell) > width) {
			width = shell_width(cell);
		}
	}
	return width;
}

/* A line of a table: words to the left, figures to the right. */
static void shell_row(struct shell *sh, json_ref r,
		      const struct shell_column *columns,
		      const uint32_t *widths)
{
	char cell[SHELL_CELL_MAX];

	for (const struct shell_column *c = columns; c->key != NULL; c++) {
		bool is_last = c[1].key == NULL;
		int pad;

		shell_column_cell(sh, r, c, cell);
		/* of bytes, as printf counts them */
		pad = (int)(widths[c - columns] + strlen(cell) -
			    shell_width(cell));
		if (c->kind == SHELL_TEXT || c->kind == SHELL_WORDS) {
			pad = is_last ? 0 : -pad;
		}
		shell_say(sh, "%*s%s", pad, cell, is_last ? "\n" : "  ");
	}
}

/**
 * shell_table() - an array of objects, one line each, columns aligned.
 * @rows:    in sh->doc
 * @columns: at most SHELL_COLUMN_MAX
 */
void shell_table(struct shell *sh, json_ref rows,
		 const struct shell_column *columns)
{
	uint32_t widths[SHELL_COLUMN_MAX];

	for (uint32_t c = 0; columns[c].key != NULL; c++) {
		widths[c] = shell_column_width(sh, rows, &columns[c]);
	}
	shell_row(sh, JSON_NONE, columns, widths);
	for (json_ref r = json_first(&sh->doc, rows); r >= 0;
	     r = json_next(&sh->doc, r)) {
		shell_row(sh, r, columns, widths);
	}
}

/* One line "prefix name: value"; @prefix: the member it is in, or JSON_NONE. */
static void shell_member(struct shell *sh, json_ref prefix, json_ref key)
{
	json_ref v = json_value(&sh->doc, key);
	char in[SHELL_CELL_MAX] = "", name[SHELL_CELL_MAX], value[160];

	if (prefix != JSON_NONE) {
		shell_cell(sh, prefix, SHELL_TEXT, in, sizeof(in));
	}
	shell_cell(sh, key, SHELL_TEXT, name, sizeof(name));
	shell_cell(sh, v, SHELL_WORDS, value, sizeof(value));
	shell_say(sh, "  %s%s%s: %s\n", in, in[0] != '\0' ? " " : "", name,
		  value);
}

/** shell_tree() - the members of an object, and those of objects in it. */
void shell_tree(struct shell *sh, json_ref object)
{
	for (json_ref k = json_first(&sh->doc, object); k >= 0;
	     k = json_next(&sh->doc, k)) {
		json_ref v = json_value(&sh->doc, k);
		json_ref s = json_first(&sh->doc, v);

		if (json_kind(&sh->doc, v) != JSON_OBJECT) {
			shell_member(sh, JSON_NONE, k);
			continue;
		}
		for (; s >= 0; s = json_next(&sh->doc, s)) {
			shell_member(sh, k, s);
		}
	}
}
