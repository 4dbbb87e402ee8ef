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

/* Escapes: the letter behind the backslash and the byte it stands for. */
static const char json_letters[] = "/\"\\bfnrt";
static const char json_bytes[] = "/\"\\\b\f\n\r\t";

/* The character of @to that stands where @c stands in @from, or NUL. */
static char json_map(char c, const char *from, const char *to)
{
	while (*from != '\0' && *from != c) {
		from++;
		to++;
	}
	return *to;
}

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
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		dst[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	dst[0] = (char)(lead[n] | c);
	return n;
}

/* Four hex digits, maybe a surrogate pair; t->p stands after the u. */
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
		dst[0] = json_map(c, json_letters, json_bytes);
		return 1;
	}
	n = utf8_length(t->p, (size_t)(t->end - t->p)); /* json_parse: > 0 */
	memcpy(dst, t->p, n);
	t->p += n;
	return n;
}

/** json_text_open() - start to decode string @r; false if it is none. */
bool json_text_open(const struct json_doc *d, json_ref r, struct json_text *t)
{
	size_t len;
	const char *p = json_raw(d, r, &len);

	if (json_kind(d, r) != JSON_STRING) {
		return false;
	}
	*t = (struct json_text){ p + 1, p + len - 1 };
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
	enum status st = OK;
	struct json_text t;
	size_t at = 0, n;
	char c[4];

	dst[0] = '\0';
	if (!json_text_open(d, r, &t)) {
		return ERR_INVALID;
	}
	while (st == OK && (n = json_text_char(&t, c)) > 0) {
		if (c[0] == '\0' || n >= size - at) {
			st = c[0] == '\0' ? ERR_INVALID : ERR_TOO_BIG;
			break;
		}
		memcpy(dst + at, c, n);
		at += n;
		dst[at] = '\0';
	}
	if (len != NULL) {
		*len = at;
	}
	return st;
}

/* Append a JSON Pointer step (RFC 6901: ~ is ~0, / is ~1); the new end. */
static size_t json_path_key(const struct json_doc *d, json_ref key, char *dst,
			    size_t at, size_t size)
{
	struct json_text t = { 0 };
	char c[4];
	size_t n;

	for (json_text_open(d, key, &t); (n = json_text_char(&t, c)) > 0;) {
		if (c[0] == '~' || c[0] == '/') {
			c[1] = c[0] == '~' ? '0' : '1';
			c[0] = '~';
			n = 2;
		}
		if (n >= size - at) {
			break;
		}
		memcpy(dst + at, c, n);
		dst[at] = text_visible(c[0]);
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
		index += d->tokens[i].parent == parent;
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

/* The comma before what begins with @next, if one is due. */
static void json_comma(struct json_writer *w, char next)
{
	const char *last = w->len > 0 ? &w->buf[w->len - 1] : "[";

	if (*last != '{' && *last != '[' && *last != ':' && next != '}' &&
	    next != ']' && next != ':' && next != '\0') {
		json_append(w, ",", 1);
	}
}

/* One character of a string: escaped, replaced or as it is. Bytes taken. */
static size_t json_append_char(struct json_writer *w, const char *p, size_t len)
{
	/* "/" comes first and needs no escape */
	char letter = json_map(p[0], json_bytes + 1, json_letters + 1);
	size_t n = utf8_length(p, len);
	char esc[8] = { '\\', letter };

	if (n == 0) {
		json_append(w, UTF8_REPLACEMENT, 3);
		return 1;
	}
	if (p[0] != '\0' && letter != '\0') {
		json_append(w, esc, 2);
	} else if ((uint8_t)p[0] < 0x20 || p[0] == 0x7f) {
		fmt_print(esc, sizeof(esc), "\\u%04x", (unsigned int)p[0]);
		json_append(w, esc, 6);
	} else {
		json_append(w, p, n);
	}
	return n;
}

/* %s and %.*s: what a string holds between its quotes. */
static void json_print_text(struct json_writer *w, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		i += json_append_char(w, s + i, len - i);
	}
}

static void json_print_number(struct json_writer *w, char letter, uint64_t v)
{
	const char *fmt = letter == 'd' ? "%ld" : letter == 'x' ? "%lx" : "%lu";
	char text[24];

	json_append(w, text, fmt_print(text, sizeof(text), fmt, v));
}

/** json_vprint() - as json_print(), with the arguments in a va_list. */
void json_vprint(struct json_writer *w, const char *fmt, va_list ap)
{
	json_comma(w, fmt[0]);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			json_append(w, *fmt == '\'' ? "\"" : fmt, 1);
			continue;
		}
		fmt++;
		if (*fmt == 's') {
			const char *s = va_arg(ap, const char *);

			json_print_text(w, s, strlen(s));
		} else if (*fmt == '.') { /* .*s */
			int len = va_arg(ap, int);

			json_print_text(w, va_arg(ap, const char *),
					(size_t)len);
			fmt += 2;
		} else if (*fmt == 'l' || *fmt == 'z') {
			fmt++;
			json_print_number(w, *fmt, va_arg(ap, uint64_t));
		} else if (*fmt == 'd') {
			json_print_number(w, 'd', (uint64_t)va_arg(ap, int));
		} else {
			json_print_number(w, *fmt, va_arg(ap, uint32_t));
		}
	}
}

/**
 * json_print() - append JSON: @fmt with ' for ", and a comma before it if due.
 *
 * It takes %s, %.*s (so many bytes, NULs among them), and %d %u %x, these three
 * with l or z for 64 bits. Text is escaped; what is not UTF-8 becomes U+FFFD.
 */
void json_print(struct json_writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	json_vprint(w, fmt, ap);
	va_end(ap);
}

/** json_write_raw() - append what is JSON already, a comma before it if due. */
void json_write_raw(struct json_writer *w, const char *json, size_t len)
{
	json_comma(w, '"');
	json_append(w, json, len);
}
