/*
 * json_text.c - JSON strings decoded, JSON paths, and the JSON writer.
 *
 * Decoding works in pieces of one character (struct json_text), so that neither
 * long strings nor comparisons need a buffer. What cannot be shown becomes
 * U+FFFD: a lone surrogate when reading, a byte that is not UTF-8 when writing.
 */
#include "json.h"
#include <bh/string.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

static uint32_t json_hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		uint32_t c = (uint8_t)p[i];
		uint32_t digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

		v = v << 4 | (digit & 0xf);
	}
	return v;
}

static size_t utf8_encode(uint32_t c, char *dst)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX, maybe a surrogate pair; t->p stands after the u. */
static uint32_t json_unicode(struct json_text *t)
{
	uint32_t c, low;

	if (t->end - t->p < 4) {
		t->p = t->end;
		return 0xfffd;
	}
	c = json_hex4(t->p);
	t->p += 4;
	if (c < 0xd800 || c > 0xdfff) {
		return c;
	}
	if (c > 0xdbff || t->end - t->p < 6 || t->p[0] != '\\' ||
	    t->p[1] != 'u') {
		return 0xfffd;
	}
	low = json_hex4(t->p + 2);
	if (low < 0xdc00 || low > 0xdfff) {
		return 0xfffd;
	}
	t->p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* The byte that a one-letter escape stands for. */
static char json_escape(char c)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";

	for (size_t i = 0; i < sizeof(from) - 1; i++) {
		if (c == from[i]) {
			return to[i];
		}
	}
	return c;
}

/* The next character, as UTF-8, in @dst (4 bytes); 0 at the end. */
static size_t json_text_char(struct json_text *t, char *dst)
{
	size_t n;

	if (t->p >= t->end) {
		return 0;
	}
	if (t->p[0] == '\\' && t->end - t->p >= 2) {
		char c = t->p[1];

		t->p += 2;
		if (c == 'u') {
			return utf8_encode(json_unicode(t), dst);
		}
		dst[0] = json_escape(c);
		return 1;
	}
	n = utf8_length(t->p, (size_t)(t->end - t->p));
	if (n == 0) {
		n = 1;
	}
	memcpy(dst, t->p, n);
	t->p += n;
	return n;
}

/** json_text_open() - start to decode string @r; false if it is none. */
bool json_text_open(const struct json_doc *d, json_ref r, struct json_text *t)
{
	size_t len;
	const char *p = json_raw(d, r, &len);

	*t = (struct json_text){ 0 };
	if (json_kind(d, r) != JSON_STRING) {
		return false;
	}
	t->p = p + 1;
	t->end = p + len - 1;
	return true;
}

/**
 * json_text_read() - the next bytes of a string, whole characters only.
 * @size: of @dst, at least 4
 * Return: bytes stored; 0 at the end.
 */
size_t json_text_read(struct json_text *t, char *dst, size_t size)
{
	size_t len = 0;

	while (size - len >= 4) {
		size_t n = json_text_char(t, dst + len);

		if (n == 0) {
			break;
		}
		len += n;
	}
	return len;
}

/** json_string_is() - is @r the string @s, escapes resolved? */
bool json_string_is(const struct json_doc *d, json_ref r, const char *s)
{
	struct json_text t;
	char c[4];
	size_t n;

	if (!json_text_open(d, r, &t)) {
		return false;
	}
	while ((n = json_text_char(&t, c)) > 0) {
		/* stops at the end of @s: no byte of c is read as its NUL */
		if (c[0] == '\0' || strncmp(s, c, n) != 0) {
			return false;
		}
		s += n;
	}
	return *s == '\0';
}

/**
 * json_string() - decode string @r into @dst, NUL-terminated.
 * @len: its length; may be NULL
 *
 * Return: OK; ERR_INVALID if it is no string or holds a NUL character;
 *	   ERR_TOO_BIG if it does not fit (@dst is then cut, and terminated).
 */
enum status json_string(const struct json_doc *d, json_ref r, char *dst,
			size_t size, size_t *len)
{
	struct json_text t;
	size_t at = 0, n;
	char c[4];

	dst[0] = '\0';
	if (len != NULL) {
		*len = 0;
	}
	if (!json_text_open(d, r, &t)) {
		return ERR_INVALID;
	}
	while ((n = json_text_char(&t, c)) > 0) {
		if (c[0] == '\0') {
			return ERR_INVALID;
		}
		if (n >= size - at) {
			return ERR_TOO_BIG;
		}
		memcpy(dst + at, c, n);
		at += n;
		dst[at] = '\0';
	}
	if (len != NULL) {
		*len = at;
	}
	return OK;
}

/* Append a JSON Pointer step (RFC 6901: ~ is ~0, / is ~1). */
static size_t json_path_key(const struct json_doc *d, json_ref key, char *dst,
			    size_t at, size_t size)
{
	struct json_text t;
	char c[4];
	size_t n;

	if (!json_text_open(d, key, &t)) {
		return at;
	}
	while ((n = json_text_char(&t, c)) > 0) {
		bool special = c[0] == '~' || c[0] == '/';

		if (special) {
			c[1] = c[0] == '~' ? '0' : '1';
			c[0] = '~';
			n = 2;
		} else if ((uint8_t)c[0] < 0x20 || c[0] == 0x7f) {
			c[0] = '?';
		}
		if (n >= size - at) {
			break;
		}
		memcpy(dst + at, c, n);
		at += n;
	}
	dst[at] = '\0';
	return at;
}

/* Which element of array @parent is @r? */
static uint32_t json_index_of(const struct json_doc *d, json_ref parent,
			      json_ref r)
{
	uint32_t index = 0;

	for (json_ref i = parent + 1; i < r; i++) {
		if (d->tokens[i].parent == parent) {
			index++;
		}
	}
	return index;
}

/**
 * json_path_of() - where @r is, as a JSON Pointer ("/vm/kernel/path"); "/" for
 * the root and for JSON_NONE. Cut if it does not fit.
 */
void json_path_of(const struct json_doc *d, json_ref r, char *dst, size_t size)
{
	json_ref chain[2 * JSON_DEPTH_MAX + 2];
	uint32_t count = 0;
	size_t at = 0;

	while (r > 0 && r < (json_ref)d->count && count < ARRAY_COUNT(chain)) {
		chain[count++] = r;
		r = d->tokens[r].parent;
	}
	str_copy(dst, size, "/");
	while (count-- > 0 && size - at > 2) {
		json_ref parent = d->tokens[chain[count]].parent;
		jsmntype_t type =
			parent >= 0 ? d->tokens[parent].type : JSMN_UNDEFINED;

		if (type == JSMN_OBJECT) {
			dst[at++] = '/';
			dst[at] = '\0';
			at = json_path_key(d, chain[count], dst, at, size);
		} else if (type == JSMN_ARRAY) {
			at += fmt_print(dst + at, size - at, "/%u",
					json_index_of(d, parent, chain[count]));
			at = at < size ? at : size - 1;
		}
	}
}

/** json_write_init() - start an empty text in @buf. */
void json_write_init(struct json_writer *w, char *buf, size_t size)
{
	*w = (struct json_writer){ .buf = buf, .size = size };
	if (size > 0) {
		buf[0] = '\0';
	}
}

/* Append all of it or set overflow; always NUL-terminated. */
static void json_append(struct json_writer *w, const char *src, size_t len)
{
	if (w->overflow || w->size == 0 || len >= w->size - w->len) {
		w->overflow = true;
		return;
	}
	memcpy(w->buf + w->len, src, len);
	w->len += len;
	w->buf[w->len] = '\0';
}

/* The comma before an item, if one is due. */
static void json_item(struct json_writer *w)
{
	uint64_t bit = w->depth < 64 ? BIT(w->depth) : 0;

	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->has_item & bit) {
		json_append(w, ",", 1);
	}
	w->has_item |= bit;
}

/** json_write_open() - begin an object or an array: '{' or '['. */
void json_write_open(struct json_writer *w, char bracket)
{
	json_item(w);
	json_append(w, &bracket, 1);
	w->depth++;
	if (w->depth >= 64) {
		w->overflow = true;
	} else {
		w->has_item &= ~BIT(w->depth);
	}
}

/** json_write_close() - end it: '}' or ']'. */
void json_write_close(struct json_writer *w, char bracket)
{
	json_append(w, &bracket, 1);
	if (w->depth > 0) {
		w->depth--;
	}
}

/* One character in quotes: escaped, replaced or as it is. */
static size_t json_append_char(struct json_writer *w, const char *p, size_t len)
{
	static const char short_from[] = "\"\\\b\f\n\r\t";
	static const char short_to[] = "\"\\bfnrt";
	size_t n = utf8_length(p, len);
	char esc[8];

	if (n == 0) {
		json_append(w, UTF8_REPLACEMENT, 3);
		return 1;
	}
	if ((uint8_t)p[0] >= 0x20 && p[0] != '"' && p[0] != '\\' &&
	    p[0] != 0x7f) {
		json_append(w, p, n);
		return n;
	}
	for (size_t i = 0; i < sizeof(short_from) - 1; i++) {
		if (p[0] == short_from[i]) {
			esc[0] = '\\';
			esc[1] = short_to[i];
			json_append(w, esc, 2);
			return 1;
		}
	}
	json_append(w, esc,
		    fmt_print(esc, sizeof(esc), "\\u%04x",
			      (unsigned int)(uint8_t)p[0]));
	return 1;
}

/** json_write_bytes() - a string of any bytes; what is not UTF-8: U+FFFD. */
void json_write_bytes(struct json_writer *w, const void *src, size_t len)
{
	const char *p = src;

	json_item(w);
	json_append(w, "\"", 1);
	for (size_t i = 0; i < len;) {
		i += json_append_char(w, p + i, len - i);
	}
	json_append(w, "\"", 1);
}

/** json_write_string() - a NUL-terminated string. */
void json_write_string(struct json_writer *w, const char *s)
{
	json_write_bytes(w, s, strlen(s));
}

/** json_write_key() - the name of the member that is written next. */
void json_write_key(struct json_writer *w, const char *key)
{
	json_write_string(w, key);
	json_append(w, ":", 1);
	w->after_key = true;
}

/** json_write_format() - a string made by fmt_print(), at most 511 bytes. */
void json_write_format(struct json_writer *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_write_string(w, text);
}

/** json_write_u64() - a number. */
void json_write_u64(struct json_writer *w, uint64_t v)
{
	char text[24];

	json_item(w);
	json_append(w, text, fmt_print(text, sizeof(text), "%lu", v));
}

/** json_write_i64() - a number that may be below 0. */
void json_write_i64(struct json_writer *w, int64_t v)
{
	char text[24];

	json_item(w);
	json_append(w, text, fmt_print(text, sizeof(text), "%ld", v));
}

/** json_write_bool() - true or false. */
void json_write_bool(struct json_writer *w, bool v)
{
	json_item(w);
	json_append(w, v ? "true" : "false", v ? 4 : 5);
}

/** json_write_raw() - a value that is JSON already. */
void json_write_raw(struct json_writer *w, const char *json, size_t len)
{
	json_item(w);
	json_append(w, json, len);
}

/** json_write_raw_key() - a key that is a JSON string already. */
void json_write_raw_key(struct json_writer *w, const char *json, size_t len)
{
	json_write_raw(w, json, len);
	json_append(w, ":", 1);
	w->after_key = true;
}

/** json_write_ok() - did everything fit, and is everything closed? */
bool json_write_ok(const struct json_writer *w)
{
	return !w->overflow && w->depth == 0 && !w->after_key;
}

/** json_put_string() - a member whose value is a string. */
void json_put_string(struct json_writer *w, const char *key, const char *v)
{
	json_write_key(w, key);
	json_write_string(w, v);
}

/** json_put_u64() - a member whose value is a number. */
void json_put_u64(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	json_write_u64(w, v);
}

/** json_put_bool() - a member whose value is true or false. */
void json_put_bool(struct json_writer *w, const char *key, bool v)
{
	json_write_key(w, key);
	json_write_bool(w, v);
}

/** json_put_hex() - a member: a number of 64 bits as the string "0x...". */
void json_put_hex(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	json_write_format(w, "0x%lx", v);
}
