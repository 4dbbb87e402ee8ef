/*
 * json.c - the JSON reader: a strict layer over jsmn.h.
 *
 * jsmn cuts a text into tokens but lets much pass: missing or doubled commas,
 * `[1 2]`, `-+1`, raw control characters, bytes that are not UTF-8. So a parse
 * has three steps: check the bytes (json_check_bytes), let jsmn cut, and walk
 * over the tokens in text order to see that between two tokens stands exactly
 * what the grammar wants (json_walk).
 *
 * Invariants of an accepted document
 *  1. The root is an object or an array that fills the text, blanks aside.
 *  2. Every token lies within its parent; the parent of a member's value is
 *     its key, the parent of a key is its object.
 *  3. Nesting is at most JSON_DEPTH_MAX deep, so walks upward are bounded.
 */
#define JSMN_PARENT_LINKS
#define JSMN_STRICT
#define JSMN_STATIC
#include "json.h"
#include <bh/string.h>

/* Where the walk over the tokens is. */
struct json_walk {
	const struct json_doc *d;
	struct json_error *err;
	size_t pos;   /* the first byte not accounted for */
	json_ref cur; /* innermost open container */
	uint32_t depth;
};

/* Note what is wrong; the first mistake counts. */
static void json_fail(const struct json_doc *d, struct json_error *err,
		      size_t offset, json_ref at, const char *what)
{
	if (err->what[0] == '\0') {
		err->offset = offset;
		err->what = what;
		json_path_of(d, at, err->path, sizeof(err->path));
	}
}

/**
 * json_doc_init() - give a document its working memory.
 * @tokens:   one token is needed for each value and each key
 * @capacity: how many there are
 */
void json_doc_init(struct json_doc *d, jsmntok_t *tokens, uint32_t capacity)
{
	*d = (struct json_doc){ .tokens = tokens, .capacity = capacity };
}

/** utf8_length() - see json.h; overlong forms and surrogates are not valid. */
size_t utf8_length(const char *p, size_t len)
{
	const uint8_t *u = (const uint8_t *)p;
	size_t need = 0;
	uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */

	if (len == 0) {
		return 0;
	}
	if (u[0] < 0x80) {
		return 1;
	} else if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		need = 2;
	} else if (u[0] >= 0xe0 && u[0] <= 0xef) {
		need = 3;
		low = u[0] == 0xe0 ? 0xa0 : 0x80;
		high = u[0] == 0xed ? 0x9f : 0xbf;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		need = 4;
		low = u[0] == 0xf0 ? 0x90 : 0x80;
		high = u[0] == 0xf4 ? 0x8f : 0xbf;
	}
	if (need == 0 || len < need || u[1] < low || u[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < need; i++) {
		if ((u[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return need;
}

static void json_check_bytes(const struct json_doc *d, struct json_error *err)
{
	size_t n;

	for (size_t i = 0; i < d->len; i += n) {
		n = utf8_length(d->text + i, d->len - i);
		if (n == 0 || d->text[i] == '\0') {
			json_fail(d, err, i, JSON_NONE,
				  n == 0 ? "not UTF-8"
					 : "a NUL byte in the text");
			return;
		}
	}
}

static bool json_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Move *@p over digits; false if there are none. */
static bool json_digits(const char **p, const char *end)
{
	const char *start = *p;

	while (*p < end && **p >= '0' && **p <= '9') {
		(*p)++;
	}
	return *p > start;
}

/* Move *@p over @c or @d, if one of them stands there. */
static bool json_letter(const char **p, const char *end, char c, char d)
{
	bool is_there = *p < end && (**p == c || **p == d);

	*p += is_there;
	return is_there;
}

/* RFC 8259, "Numbers": -? int frac? exp? */
static bool json_is_number(const char *p, const char *end)
{
	json_letter(&p, end, '-', '-');
	if (!json_letter(&p, end, '0', '0') && !json_digits(&p, end)) {
		return false;
	}
	if (json_letter(&p, end, '.', '.') && !json_digits(&p, end)) {
		return false;
	}
	if (json_letter(&p, end, 'e', 'E')) {
		json_letter(&p, end, '+', '-');
		if (!json_digits(&p, end)) {
			return false;
		}
	}
	return p == end;
}

static bool json_is_primitive(const char *p, size_t len)
{
	static const char *const words[] = { "true", "false", "null" };

	for (uint32_t i = 0; i < ARRAY_COUNT(words); i++) {
		if (len == strlen(words[i]) && memcmp(p, words[i], len) == 0) {
			return true;
		}
	}
	return json_is_number(p, p + len);
}

/* The container that holds @r; a key is not a container. */
static json_ref json_container(const struct json_doc *d, json_ref r)
{
	json_ref p = d->tokens[r].parent;

	if (p >= 0 && d->tokens[p].type == JSMN_STRING) {
		p = d->tokens[p].parent;
	}
	return p;
}

/*
 * Blanks with exactly one @punct among them (none if it is 0) lie between pos
 * and @end; pos moves to @end.
 */
static void json_gap(struct json_walk *w, size_t end, char punct, json_ref at,
		     const char *what)
{
	bool seen = punct == 0;

	for (; w->pos < end; w->pos++) {
		char c = w->d->text[w->pos];

		if (!seen && c == punct) {
			seen = true;
		} else if (!json_is_blank(c)) {
			json_fail(w->d, w->err, w->pos, at, what);
		}
	}
	if (!seen) {
		json_fail(w->d, w->err, w->pos, at, what);
	}
}

/* Leave every container that ends at or before @start. */
static void json_close_until(struct json_walk *w, size_t start)
{
	while (w->cur >= 0 && (size_t)w->d->tokens[w->cur].end <= start) {
		size_t end = (size_t)w->d->tokens[w->cur].end;

		json_gap(w, end - 1, 0, w->cur,
			 "a comma too many, or a value is missing");
		w->pos = end;
		w->cur = json_container(w->d, w->cur);
		w->depth--;
	}
}

/* Is @r a key of the innermost open container, or may it become one? */
static bool json_in_object(const struct json_walk *w, json_ref r)
{
	return w->cur >= 0 && w->d->tokens[r].parent == w->cur &&
	       w->d->tokens[w->cur].type == JSMN_OBJECT;
}

/* What stands before token @r, and is it allowed where it stands? */
static void json_check_place(struct json_walk *w, json_ref r, size_t start)
{
	const struct json_doc *d = w->d;
	const jsmntok_t *t = &d->tokens[r];
	json_ref up = t->parent;

	if (up < 0 && r != 0) {
		json_fail(d, w->err, start, JSON_NONE, "text after the end");
	} else if (up < 0) {
		json_gap(w, start, 0, JSON_NONE, "expected { or [");
	} else if (d->tokens[up].type == JSMN_STRING) {
		if (up != r - 1 || !json_in_object(w, up)) {
			json_fail(d, w->err, start, up,
				  "expected a comma before this");
		}
		json_gap(w, start, ':', up, "expected : and a value");
	} else if (up != w->cur) {
		json_fail(d, w->err, start, JSON_NONE, "does not belong here");
	} else if (json_in_object(w, r) &&
		   (t->type != JSMN_STRING || t->size == 0)) {
		json_fail(d, w->err, start, up, "expected \"key\": value");
	} else if (up == r - 1) {
		json_gap(w, start, 0, r, "unexpected character");
	} else {
		json_gap(w, start, ',', r, "expected a comma");
	}
}

/* Is token @r itself well formed? A colon may follow only a key. */
static void json_check_token(struct json_walk *w, json_ref r, size_t start)
{
	const struct json_doc *d = w->d;
	const jsmntok_t *t = &d->tokens[r];

	if (t->type == JSMN_PRIMITIVE &&
	    !json_is_primitive(d->text + start, (size_t)t->end - start)) {
		json_fail(d, w->err, start, r,
			  "neither a number nor true, false or null");
	}
	if (t->type != JSMN_STRING) {
		return;
	}
	if (t->size != 0 && !json_in_object(w, r)) {
		json_fail(d, w->err, (size_t)t->end, r,
			  "a colon where none may be");
	}
	for (int i = t->start; i < t->end; i++) {
		if ((uint8_t)d->text[i] < 0x20) {
			json_fail(d, w->err, (size_t)i, r,
				  "a control character in a string");
		}
	}
}

/* Walk over all tokens in text order; see the head of this file. */
static void json_walk(struct json_doc *d, struct json_error *err)
{
	struct json_walk w = { .d = d, .err = err, .cur = JSON_NONE };

	for (json_ref r = 0; r < (json_ref)d->count; r++) {
		const jsmntok_t *t = &d->tokens[r];
		size_t start = json_offset(d, r);

		json_close_until(&w, start);
		json_check_place(&w, r, start);
		json_check_token(&w, r, start);
		if (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY) {
			w.pos = start + 1;
			w.cur = r;
			w.depth++;
		} else {
			w.pos = (size_t)t->end + (t->type == JSMN_STRING);
		}
		if (w.depth > JSON_DEPTH_MAX) {
			json_fail(d, err, start, JSON_NONE,
				  "nested too deeply");
		}
		if (err->what[0] != '\0') {
			return;
		}
	}
	json_close_until(&w, d->len);
	json_gap(&w, d->len, 0, JSON_NONE, "text after the end");
}

/* Say what jsmn's refusal means; the innermost open container is the path. */
static void json_jsmn_error(struct json_doc *d, const jsmn_parser *p, int code,
			    struct json_error *err)
{
	json_ref open = (json_ref)p->toknext - 1;
	const char *what = "not JSON: a bad character, escape or bracket";

	if (code == JSMN_ERROR_NOMEM) {
		what = "too many values for one document";
	} else if (code == JSMN_ERROR_PART) {
		what = "the text ends early: a bracket or a quote is not "
		       "closed";
	}
	d->count = p->toknext;
	while (open >= 0 && d->tokens[open].end >= 0) {
		open--;
	}
	json_fail(d, err, p->pos < d->len ? p->pos : d->len, open, what);
}

/* Cut the text into tokens; ERR_TOO_BIG if there are too many. */
static enum status json_cut(struct json_doc *d, struct json_error *err)
{
	jsmn_parser parser;
	int code;

	jsmn_init(&parser);
	code = jsmn_parse(&parser, d->text, d->len, d->tokens, d->capacity);
	if (code < 0) {
		json_jsmn_error(d, &parser, code, err);
		return code == JSMN_ERROR_NOMEM ? ERR_TOO_BIG : ERR_INVALID;
	}
	d->count = parser.toknext;
	if (code == 0) {
		json_fail(d, err, 0, JSON_NONE, "the text is empty");
	} else if (d->tokens[0].type != JSMN_OBJECT &&
		   d->tokens[0].type != JSMN_ARRAY) {
		json_fail(d, err, 0, JSON_NONE, "expected { or [");
	} else {
		json_walk(d, err);
	}
	return ERR_INVALID;
}

/**
 * json_parse() - take a text apart.
 * @d:   the document; keeps pointing to @text
 * @err: filled on failure, never NULL
 *
 * Return: OK; ERR_TOO_BIG for more tokens than the document has or a text of
 *	   more than JSON_TEXT_MAX bytes; ERR_INVALID with *@err otherwise.
 */
enum status json_parse(struct json_doc *d, const char *text, size_t len,
		       struct json_error *err)
{
	enum status st = ERR_INVALID;

	d->text = text;
	d->len = len;
	d->count = 0;
	*err = (struct json_error){ .what = "" };
	if (len > JSON_TEXT_MAX) {
		json_fail(d, err, 0, JSON_NONE, "the text is too long");
		return ERR_TOO_BIG;
	}
	json_check_bytes(d, err);
	if (err->what[0] == '\0') {
		st = json_cut(d, err);
	}
	if (err->what[0] == '\0') {
		return OK;
	}
	d->count = 0;
	return st;
}

/* A token's type, JSMN_UNDEFINED when there is no such token. */
static jsmntype_t json_type(const struct json_doc *d, json_ref r)
{
	return r >= 0 && r < (json_ref)d->count ? d->tokens[r].type
						: JSMN_UNDEFINED;
}

/** json_kind() - what @r is; JSON_ABSENT for JSON_NONE. */
enum json_kind json_kind(const struct json_doc *d, json_ref r)
{
	jsmntype_t type = json_type(d, r);

	if (type == JSMN_PRIMITIVE) {
		char c = d->text[d->tokens[r].start];

		return c == 'n'               ? JSON_NULL
		       : c == 't' || c == 'f' ? JSON_BOOL
					      : JSON_NUMBER;
	}
	return type == JSMN_OBJECT   ? JSON_OBJECT
	       : type == JSMN_ARRAY  ? JSON_ARRAY
	       : type == JSMN_STRING ? JSON_STRING
				     : JSON_ABSENT;
}

/** json_kind_name() - the kind in words, with its article. */
const char *json_kind_name(enum json_kind kind)
{
	static const char *const names[] = {
		[JSON_ABSENT] = "nothing",  [JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",  [JSON_STRING] = "a string",
		[JSON_NUMBER] = "a number", [JSON_BOOL] = "true or false",
		[JSON_NULL] = "null",
	};

	return (size_t)kind < ARRAY_COUNT(names) ? names[kind] : "?";
}

/** json_offset() - first byte of @r in the text, quotes included. */
size_t json_offset(const struct json_doc *d, json_ref r)
{
	if (r < 0 || r >= (json_ref)d->count) {
		return 0;
	}
	return (size_t)d->tokens[r].start - (d->tokens[r].type == JSMN_STRING);
}

/** json_raw() - @r as it stands in the text; NULL if absent. */
const char *json_raw(const struct json_doc *d, json_ref r, size_t *len)
{
	size_t start = json_offset(d, r);

	*len = 0;
	if (json_type(d, r) == JSMN_UNDEFINED) {
		return NULL;
	}
	*len = (size_t)d->tokens[r].end - start +
	       (d->tokens[r].type == JSMN_STRING);
	return d->text + start;
}

/** json_count() - elements of an array, members of an object. */
uint32_t json_count(const struct json_doc *d, json_ref container)
{
	jsmntype_t type = json_type(d, container);

	return type == JSMN_OBJECT || type == JSMN_ARRAY
		       ? (uint32_t)d->tokens[container].size
		       : 0;
}

/** json_first() - first element of an array, first key of an object. */
json_ref json_first(const struct json_doc *d, json_ref container)
{
	return json_count(d, container) > 0 ? container + 1 : JSON_NONE;
}

/** json_next() - the element or key after @item, JSON_NONE at the end. */
json_ref json_next(const struct json_doc *d, json_ref item)
{
	json_ref r = item + 1;

	if (json_type(d, item) == JSMN_UNDEFINED) {
		return JSON_NONE;
	}
	while (r < (json_ref)d->count &&
	       d->tokens[r].parent != d->tokens[item].parent) {
		r++;
	}
	return r < (json_ref)d->count ? r : JSON_NONE;
}

/** json_value() - the value of a key that json_first() or _next() gave. */
json_ref json_value(const struct json_doc *d, json_ref key)
{
	return json_type(d, key) == JSMN_STRING && d->tokens[key].size == 1
		       ? key + 1
		       : JSON_NONE;
}

/** json_member() - the value of @obj's first member called @key. */
json_ref json_member(const struct json_doc *d, json_ref obj, const char *key)
{
	for (json_ref k = json_first(d, obj); k >= 0; k = json_next(d, k)) {
		if (json_value(d, k) >= 0 && json_string_is(d, k, key)) {
			return json_value(d, k);
		}
	}
	return JSON_NONE;
}

/** json_bool() - @r as a truth value; false if it is none. */
bool json_bool(const struct json_doc *d, json_ref r, bool *out)
{
	if (json_kind(d, r) != JSON_BOOL) {
		return false;
	}
	*out = d->text[d->tokens[r].start] == 't';
	return true;
}

/** json_u64() - @r as a whole number from 0 on; false if it is none. */
bool json_u64(const struct json_doc *d, json_ref r, uint64_t *out)
{
	size_t len;
	const char *p = json_raw(d, r, &len);

	return json_kind(d, r) == JSON_NUMBER && str_to_u64(p, len, out);
}

/** json_member_u64() - a member that is a whole number from 0 on, or @dflt. */
uint64_t json_member_u64(const struct json_doc *d, json_ref obj,
			 const char *key, uint64_t dflt)
{
	(void)json_u64(d, json_member(d, obj, key), &dflt);
	return dflt;
}

/** json_i64() - @r as a whole number; false if it is none. */
bool json_i64(const struct json_doc *d, json_ref r, int64_t *out)
{
	size_t len, sign;
	const char *p = json_raw(d, r, &len);
	uint64_t v;

	if (json_kind(d, r) != JSON_NUMBER) {
		return false;
	}
	sign = p[0] == '-';
	if (!str_to_u64(p + sign, len - sign, &v) || v > INT64_MAX) {
		return false;
	}
	*out = sign != 0 ? -(int64_t)v : (int64_t)v;
	return true;
}

/** json_line_column() - where byte @offset is, both counted from 1. */
void json_line_column(const char *text, size_t len, size_t offset,
		      uint32_t *line, uint32_t *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < len && i < offset; i++) {
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		} else if (((uint8_t)text[i] & 0xc0) != 0x80) {
			(*column)++;
		}
	}
}
