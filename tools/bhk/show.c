/*
 * show.c - replies as tables and lists; nothing foreign steers the terminal.
 */
#include "bhk.h"
#include <stdlib.h>
#include <string.h>

#define BHK_CELL_MAX 96

/** bhk_text() - foreign text: control characters are shown as '?'. */
void bhk_text(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\r') {
			continue;
		}
		fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?'
									: c,
		      to);
	}
}

/** bhk_json() - one JSON text on one line of stdout. */
void bhk_json(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	printf("%s\n", text != NULL ? text : "null");
	fflush(stdout);
	free(text);
}

static void bhk_size(char *dst, size_t size, json_int_t v)
{
	if (v >= 1 << 20 && v % (1 << 20) == 0) {
		snprintf(dst, size, "%lldM", (long long)(v >> 20));
	} else if (v >= 1024) {
		snprintf(dst, size, "%lldK", (long long)((v + 1023) >> 10));
	} else {
		snprintf(dst, size, "%lld", (long long)v);
	}
}

static void bhk_words(json_t *list, char *dst, size_t size)
{
	size_t at = 0, i;
	json_t *word;

	dst[0] = '\0';
	json_array_foreach(list, i, word)
	{
		const char *s = json_string_value(word);

		if (s != NULL && at < size) {
			at += (size_t)snprintf(dst + at, size - at, "%s%s",
					       i == 0 ? "" : " ", s);
		}
	}
}

/* Members of an object, "key value", commas between. */
static void bhk_members(json_t *object, char *dst, size_t size)
{
	const char *key;
	size_t at = 0;
	json_t *v;

	dst[0] = '\0';
	json_object_foreach(object, key, v)
	{
		if (at < size) {
			at += (size_t)snprintf(
				dst + at, size - at, "%s%s %lld",
				at > 0 ? ", " : "", key,
				(long long)json_integer_value(v));
		}
	}
}

/* A value as the text of one cell. */
static void bhk_cell(json_t *v, enum bhk_column_kind kind, char *dst,
		     size_t size)
{
	json_int_t n = json_integer_value(v);

	if (json_is_array(v)) {
		bhk_words(v, dst, size);
	} else if (json_is_object(v)) {
		bhk_members(v, dst, size);
	} else if (kind == BHK_PERCENT) {
		snprintf(dst, size, "%.1f", json_number_value(v));
	} else if (json_is_boolean(v)) {
		snprintf(dst, size, "%s", json_is_true(v) ? "yes" : "no");
	} else if (json_is_string(v)) {
		snprintf(dst, size, "%s", json_string_value(v));
	} else if (json_is_integer(v) && kind == BHK_SIZE) {
		bhk_size(dst, size, n);
	} else if (json_is_integer(v) && kind == BHK_TIME) {
		snprintf(dst, size, "%lld.%llds", (long long)(n / 1000000),
			 (long long)(n / 100000 % 10));
	} else if (json_is_integer(v)) {
		snprintf(dst, size, "%lld", (long long)n);
	} else if (json_is_real(v)) {
		snprintf(dst, size, "%g", json_real_value(v));
	} else {
		snprintf(dst, size, "-");
	}
	for (; *dst != '\0'; dst++) {
		if ((unsigned char)*dst < 0x20 || *dst == 0x7f) {
			*dst = '?';
		}
	}
}

/* Bytes of the widest cell of @column, its title included. */
static int bhk_column_width(json_t *rows, const struct bhk_column *column)
{
	int width = (int)strlen(column->title);
	char cell[BHK_CELL_MAX];
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		bhk_cell(json_object_get(row, column->key), column->kind, cell,
			 sizeof(cell));
		width = (int)strlen(cell) > width ? (int)strlen(cell) : width;
	}
	return width;
}

/* One cell of @row (NULL: the title), and what follows it. */
static void bhk_put_cell(json_t *row, const struct bhk_column *column,
			 int width, bool is_last)
{
	bool left = column->kind == BHK_TEXT || column->kind == BHK_WORDS;
	char cell[BHK_CELL_MAX];

	if (row == NULL) {
		snprintf(cell, sizeof(cell), "%s", column->title);
	} else {
		bhk_cell(json_object_get(row, column->key), column->kind, cell,
			 sizeof(cell));
	}
	printf("%*s%s", left ? -(is_last ? 0 : width) : width, cell,
	       is_last ? "\n" : "  ");
}

/** bhk_table() - an array of objects, one line each, columns aligned. */
void bhk_table(json_t *rows, const struct bhk_column *columns, size_t count)
{
	int widths[16];

	for (size_t c = 0; c < count && c < 16; c++) {
		widths[c] = bhk_column_width(rows, &columns[c]);
	}
	/* row -1 is the titles */
	for (size_t r = 0; r <= json_array_size(rows); r++) {
		json_t *row = r == 0 ? NULL : json_array_get(rows, r - 1);

		for (size_t c = 0; c < count && c < 16; c++) {
			bhk_put_cell(row, &columns[c], widths[c],
				     c + 1 == count);
		}
	}
}

static void bhk_member(const char *prefix, const char *key, json_t *v)
{
	char cell[256];

	bhk_cell(v, BHK_TEXT, cell, sizeof(cell));
	printf("  ");
	bhk_text(stdout, prefix);
	printf("%s", prefix[0] ? " " : "");
	bhk_text(stdout, key);
	printf(": %s\n", cell);
}

/** bhk_tree() - the members of an object, and those of objects in it. */
void bhk_tree(json_t *object)
{
	const char *key, *sub;
	json_t *v, *w;

	json_object_foreach(object, key, v)
	{
		if (!json_is_object(v)) {
			bhk_member("", key, v);
			continue;
		}
		json_object_foreach(v, sub, w)
		{
			bhk_member(key, sub, w);
		}
	}
}
