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

static enum status json_fail(const struct json_doc *d, struct json_error *err,
			     size_t offset, json_ref at, const char *what)
{
	err->offset = offset;
	err->what = what;
	json_path_of(d, at, err->path, sizeof(err->path));
	return ERR_INVALID;
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

static enum status json_check_bytes(const struct json_doc *d,
				    struct json_error *err)
{
	for (size_t i = 0; i < d->len;) {
		size_t n = utf8_length(d->text + i, d->len - i);

		if (n == 0) {
			return json_fail(d, err, i, JSON_NONE, "not UTF-8");
		}
		if (d->text[i] == '\0') {
			return json_fail(d, err, i, JSON_NONE,
					 "a NUL byte in the text");
		}
		i += n;
	}
	return OK;
}

static bool json_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t json_digits(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && json_is_digit(p[n])) {
		n++;
	}
	return n;
}

/* RFC 8259, "Numbers": -? int frac? exp? */
static bool json_is_number(const char *p, size_t len)
{
	size_t i = (len > 0 && p[0] == '-') ? 1 : 0;
	size_t n = json_digits(p + i, len - i);

	if (n == 0 || (n > 1 && p[i] == '0')) {
		return false;
	}
	i += n;
	if (i < len && p[i] == '.') {
		n = json_digits(p + i + 1, len - i - 1);
		if (n == 0) {
			return false;
		}
		i += n + 1;
	}
	if (i < len && (p[i] == 'e' || p[i] == 'E')) {
		i++;
		if (i < len && (p[i] == '+' || p[i] == '-')) {
			i++;
		}
		n = json_digits(p + i, len - i);
		if (n == 0) {
			return false;
		}
		i += n;
	}
	return i == len;
}

static bool json_is_word(const char *p, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(p, word, len) == 0;
}

static bool json_is_primitive(const char *p, size_t len)
{
	return json_is_word(p, len, "true") || json_is_word(p, len, "false") ||
	       json_is_word(p, len, "null") || json_is_number(p, len);
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
static enum status json_gap(struct json_walk *w, size_t end, char punct,
			    json_ref at, const char *what)
{
	bool seen = punct == 0;

	for (; w->pos < end; w->pos++) {
		char c = w->d->text[w->pos];

		if (!seen && c == punct) {
			seen = true;
		} else if (!json_is_blank(c)) {
			return json_fail(w->d, w->err, w->pos, at, what);
		}
	}
	if (!seen) {
		return json_fail(w->d, w->err, w->pos, at, what);
	}
	return OK;
}

/* Leave every container that ends at or before @start. */
static enum status json_close_until(struct json_walk *w, size_t start)
{
	while (w->cur >= 0) {
		const jsmntok_t *c = &w->d->tokens[w->cur];
		enum status st;

		if ((size_t)c->end > start) {
			return OK;
		}
		st = json_gap(w, (size_t)c->end - 1, 0, w->cur,
			      "a comma too many, or a value is missing");
		if (st != OK) {
			return st;
		}
		w->pos = (size_t)c->end;
		w->cur = json_container(w->d, w->cur);
		w->depth--;
	}
	return OK;
}

/* What stands before token @r, and is it allowed where it stands? */
static enum status json_check_place(struct json_walk *w, json_ref r,
				    size_t start)
{
	const struct json_doc *d = w->d;
	const jsmntok_t *t = &d->tokens[r];
	bool first = t->parent == r - 1;

	if (t->parent < 0) {
		if (r != 0) {
			return json_fail(d, w->err, start, JSON_NONE,
					 "text after the end");
		}
		return json_gap(w, start, 0, JSON_NONE, "expected { or [");
	}
	if (d->tokens[t->parent].type == JSMN_STRING) {
		json_ref key = t->parent;

		if (key != r - 1 || w->cur < 0 ||
		    d->tokens[key].parent != w->cur ||
		    d->tokens[w->cur].type != JSMN_OBJECT) {
			return json_fail(d, w->err, start, key,
					 "expected a comma before this");
		}
		return json_gap(w, start, ':', key, "expected : and a value");
	}
	if (t->parent != w->cur) {
		return json_fail(d, w->err, start, JSON_NONE,
				 "does not belong here");
	}
	if (d->tokens[w->cur].type == JSMN_OBJECT &&
	    (t->type != JSMN_STRING || t->size == 0)) {
		return json_fail(d, w->err, start, w->cur,
				 "expected \"key\": value");
	}
	return json_gap(w, start, first ? 0 : ',', r,
			first ? "unexpected character" : "expected a comma");
}

/* A string: no raw control characters, and a colon only after a key. */
static enum status json_check_string(struct json_walk *w, json_ref r)
{
	const struct json_doc *d = w->d;
	const jsmntok_t *t = &d->tokens[r];
	bool is_key = t->parent == w->cur && w->cur >= 0 &&
		      d->tokens[w->cur].type == JSMN_OBJECT;

	if (!is_key && t->size != 0) {
		return json_fail(d, w->err, (size_t)t->end, r,
				 "a colon where none may be");
	}
	for (int i = t->start; i < t->end; i++) {
		if ((uint8_t)d->text[i] < 0x20) {
			return json_fail(d, w->err, (size_t)i, r,
					 "a control character in a string");
		}
	}
	return OK;
}

/* Is token @r itself well formed? */
static enum status json_check_token(struct json_walk *w, json_ref r,
				    size_t start)
{
	const struct json_doc *d = w->d;
	const jsmntok_t *t = &d->tokens[r];

	if (t->type == JSMN_STRING) {
		return json_check_string(w, r);
	}
	if (t->type == JSMN_PRIMITIVE &&
	    !json_is_primitive(d->text + t->start,
			       (size_t)(t->end - t->start))) {
		return json_fail(d, w->err, start, r,
				 "neither a number nor true, false or null");
	}
	return OK;
}

/* Walk over all tokens in text order; see the head of this file. */
static enum status json_walk(struct json_doc *d, struct json_error *err)
{
	struct json_walk w = { .d = d, .err = err, .cur = JSON_NONE };
	enum status st = OK;

	for (json_ref r = 0; st == OK && r < (json_ref)d->count; r++) {
		const jsmntok_t *t = &d->tokens[r];
		size_t start = json_offset(d, r);

		st = json_close_until(&w, start);
		if (st == OK) {
			st = json_check_place(&w, r, start);
		}
		if (st == OK) {
			st = json_check_token(&w, r, start);
		}
		if (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY) {
			w.pos = start + 1;
			w.cur = r;
			w.depth++;
		} else {
			w.pos = (size_t)t->end + (t->type == JSMN_STRING);
		}
		if (st == OK && w.depth > JSON_DEPTH_MAX) {
			st = json_fail(d, err, start, JSON_NONE,
				       "nested too deeply");
		}
	}
	if (st == OK) {
		st = json_close_until(&w, d->len);
	}
	if (st == OK) {
		st = json_gap(&w, d->len, 0, JSON_NONE, "text after the end");
	}
	return st;
}

/* Say what jsmn's refusal means; the innermost open container is the path. */
static enum status json_jsmn_error(struct json_doc *d, const jsmn_parser *p,
				   int code, struct json_error *err)
{
	json_ref open = (json_ref)p->toknext - 1;
	const char *what = "not JSON: a bad character, escape or bracket";
	size_t offset = p->pos < d->len ? p->pos : d->len;

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
	json_fail(d, err, offset, open, what);
	d->count = 0;
	return code == JSMN_ERROR_NOMEM ? ERR_TOO_BIG : ERR_INVALID;
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
	jsmn_parser parser;
	enum status st;
	int code;

	d->text = text;
	d->len = len;
	d->count = 0;
	*err = (struct json_error){ .what = "" };
	if (len > JSON_TEXT_MAX) {
		json_fail(d, err, 0, JSON_NONE, "the text is too long");
		return ERR_TOO_BIG;
	}
	st = json_check_bytes(d, err);
	if (st != OK) {
		return st;
	}
	jsmn_init(&parser);
	code = jsmn_parse(&parser, text, len, d->tokens, d->capacity);
	if (code < 0) {
		return json_jsmn_error(d, &parser, code, err);
	}
	if (code == 0) {
		return json_fail(d, err, 0, JSON_NONE, "the text is empty");
	}
	d->count = parser.toknext;
	if (d->tokens[0].type != JSMN_OBJECT &&
	    d->tokens[0].type != JSMN_ARRAY) {
		st = json_fail(d, err, 0, JSON_NONE, "expected { or [");
	} else {
		st = json_walk(d, err);
	}
	if (st != OK) {
		d->count = 0;
	}
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
	switch (json_type(d, r)) {
	case JSMN_OBJECT:
		return JSON_OBJECT;
	case JSMN_ARRAY:
		return JSON_ARRAY;
	case JSMN_STRING:
		return JSON_STRING;
	case JSMN_PRIMITIVE:
		break;
	case JSMN_UNDEFINED:
	default:
		return JSON_ABSENT;
	}
	switch (d->text[d->tokens[r].start]) {
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
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
	return (size_t)d->tokens[r].start -
	       (d->tokens[r].type == JSMN_STRING ? 1 : 0);
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
	       (d->tokens[r].type == JSMN_STRING ? 1 : 0);
	return d->text + start;
}

/** json_first() - first element of an array, first key of an object. */
json_ref json_first(const struct json_doc *d, json_ref container)
{
	jsmntype_t type = json_type(d, container);

	if ((type != JSMN_OBJECT && type != JSMN_ARRAY) ||
	    d->tokens[container].size == 0) {
		return JSON_NONE;
	}
	return container + 1;
}

/** json_next() - the element or key after @item, JSON_NONE at the end. */
json_ref json_next(const struct json_doc *d, json_ref item)
{
	json_ref parent;

	if (json_type(d, item) == JSMN_UNDEFINED) {
		return JSON_NONE;
	}
	parent = d->tokens[item].parent;
	for (json_ref r = item + 1; r < (json_ref)d->count; r++) {
		if (d->tokens[r].parent == parent) {
			return r;
		}
		if (parent >= 0 &&
		    d->tokens[r].start >= d->tokens[parent].end) {
			break;
		}
	}
	return JSON_NONE;
}

/** json_value() - the value of a key that json_first() or _next() gave. */
json_ref json_value(const struct json_doc *d, json_ref key)
{
	return json_type(d, key) == JSMN_STRING && d->tokens[key].size == 1
		       ? key + 1
		       : JSON_NONE;
}

/** json_count() - elements of an array, members of an object. */
uint32_t json_count(const struct json_doc *d, json_ref container)
{
	jsmntype_t type = json_type(d, container);

	return type == JSMN_OBJECT || type == JSMN_ARRAY
		       ? (uint32_t)d->tokens[container].size
		       : 0;
}

/** json_member() - the value of @obj's first member called @key. */
json_ref json_member(const struct json_doc *d, json_ref obj, const char *key)
{
	if (json_type(d, obj) != JSMN_OBJECT) {
		return JSON_NONE;
	}
	for (json_ref k = json_first(d, obj); k >= 0; k = json_next(d, k)) {
		if (json_string_is(d, k, key)) {
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

/** json_i64() - @r as a whole number; false if it is none. */
bool json_i64(const struct json_doc *d, json_ref r, int64_t *out)
{
	size_t len;
	const char *p = json_raw(d, r, &len);
	uint64_t v;

	if (json_kind(d, r) != JSON_NUMBER) {
		return false;
	}
	if (p[0] != '-') {
		if (!str_to_u64(p, len, &v) || v > INT64_MAX) {
			return false;
		}
		*out = (int64_t)v;
		return true;
	}
	if (!str_to_u64(p + 1, len - 1, &v) || v > INT64_MAX) {
		return false;
	}
	*out = -(int64_t)v;
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
