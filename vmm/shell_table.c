/*
 * shell_table.c - replies shown as aligned tables and as lists of members.
 *
 * Both work on the JSON of a reply, so a member that is added to a method shows
 * up in a list without a change here. Strings may come from an agent: control
 * characters never reach the terminal (shell_put_safe).
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

static uint32_t shell_width(const char *text)
{
	uint32_t width = 0;

	for (; *text != '\0'; text++) {
		width += ((uint8_t)*text & 0xc0) != 0x80;
	}
	return width;
}

static void shell_pad(struct shell *sh, uint32_t count)
{
	while (count-- > 0) {
		shell_put(sh, " ", 1);
	}
}

static void shell_put_cell(struct shell *sh, const char *text, uint32_t width,
			   enum shell_column_kind kind, bool is_last)
{
	bool right = kind != SHELL_TEXT && kind != SHELL_WORDS;
	uint32_t have = shell_width(text);
	uint32_t pad = width > have ? width - have : 0;

	if (right) {
		shell_pad(sh, pad);
	}
	shell_put(sh, text, strlen(text));
	if (is_last) {
		shell_put(sh, "\n", 1);
	} else {
		shell_pad(sh, (right ? 0 : pad) + 2);
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
		json_ref v = json_member(&sh->doc, r, column->key);

		shell_cell(sh, v, column->kind, cell, sizeof(cell));
		if (shell_width(cell) > width) {
			width = shell_width(cell);
		}
	}
	return width;
}

/**
 * shell_table() - an array of objects, one line each, columns aligned.
 * @rows:  in sh->doc
 * @count: columns, at most SHELL_COLUMN_MAX
 */
void shell_table(struct shell *sh, json_ref rows,
		 const struct shell_column *columns, uint32_t count)
{
	uint32_t widths[SHELL_COLUMN_MAX];
	char cell[SHELL_CELL_MAX];

	count = count > SHELL_COLUMN_MAX ? SHELL_COLUMN_MAX : count;
	for (uint32_t c = 0; c < count; c++) {
		widths[c] = shell_column_width(sh, rows, &columns[c]);
	}
	for (uint32_t c = 0; c < count; c++) {
		shell_put_cell(sh, columns[c].title, widths[c], columns[c].kind,
			       c + 1 == count);
	}
	for (json_ref r = json_first(&sh->doc, rows); r >= 0;
	     r = json_next(&sh->doc, r)) {
		for (uint32_t c = 0; c < count; c++) {
			json_ref v = json_member(&sh->doc, r, columns[c].key);

			shell_cell(sh, v, columns[c].kind, cell, sizeof(cell));
			shell_put_cell(sh, cell, widths[c], columns[c].kind,
				       c + 1 == count);
		}
	}
}

/* One line "name  value"; @prefix is the object the member is in. */
static void shell_member(struct shell *sh, const char *prefix, json_ref key)
{
	json_ref v = json_value(&sh->doc, key);
	char name[SHELL_CELL_MAX], value[160];

	shell_cell(sh, key, SHELL_TEXT, name, sizeof(name));
	shell_cell(sh, v,
		   json_kind(&sh->doc, v) == JSON_ARRAY ? SHELL_WORDS
							: SHELL_TEXT,
		   value, sizeof(value));
	shell_say(sh, "  %s%s%s: %s\n", prefix, prefix[0] ? " " : "", name,
		  value);
}

/** shell_tree() - the members of an object, and those of objects in it. */
void shell_tree(struct shell *sh, json_ref object)
{
	char name[SHELL_CELL_MAX];

	for (json_ref k = json_first(&sh->doc, object); k >= 0;
	     k = json_next(&sh->doc, k)) {
		json_ref v = json_value(&sh->doc, k);

		if (json_kind(&sh->doc, v) != JSON_OBJECT) {
			shell_member(sh, "", k);
			continue;
		}
		shell_cell(sh, k, SHELL_TEXT, name, sizeof(name));
		for (json_ref s = json_first(&sh->doc, v); s >= 0;
		     s = json_next(&sh->doc, s)) {
			shell_member(sh, name, s);
		}
	}
}
