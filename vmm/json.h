/*
 * json.h - reading and writing JSON in fixed memory.
 *
 * Reader: jsmn.h finds the tokens, json.c then checks what jsmn lets pass
 * (separators, numbers, control characters, UTF-8, depth), so that a document
 * that was accepted is RFC 8259 JSON. Values are named by a json_ref, an index
 * into the document's tokens; JSON_NONE stands for "not there" and may be
 * handed to every function below, which then answers "no".
 *
 * Writer: a document is printed in pieces that look like the JSON they make,
 *	json_print(&w, "{'name':'%s','id':%u}", name, id);
 * with ' for ", every %s escaped, and a comma put in before a piece where JSON
 * wants one. The writer remembers when the buffer was too small, so that the
 * caller checks once, at the end.
 */
#ifndef VMM_JSON_H
#define VMM_JSON_H

#include <bh/status.h>
#include <stdarg.h>
#include <stdbool.h>

#define JSMN_PARENT_LINKS
#define JSMN_STRICT
#ifndef JSMN_STATIC
#define JSMN_HEADER
#endif
#include <jsmn.h>

#define JSON_TEXT_MAX  (1u << 20) /* bytes of one document */
#define JSON_DEPTH_MAX 64
#define JSON_PATH_MAX  160
#define JSON_NONE      (-1)

typedef int32_t json_ref;

enum json_kind {
	JSON_ABSENT,
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_BOOL,
	JSON_NULL,
};

/* A document: text and tokens belong to the caller. */
struct json_doc {
	const char *text;
	size_t len;
	jsmntok_t *tokens;
	uint32_t capacity;
	uint32_t count;
};

/* What is wrong with a text and where. */
struct json_error {
	size_t offset; /* bytes from the start of the text */
	char path[JSON_PATH_MAX];
	const char *what; /* static sentence */
};

void json_doc_init(struct json_doc *d, jsmntok_t *tokens, uint32_t capacity);
must_check enum status json_parse(struct json_doc *d, const char *text,
				  size_t len, struct json_error *err);

enum json_kind json_kind(const struct json_doc *d, json_ref r);
const char *json_kind_name(enum json_kind kind);
json_ref json_member(const struct json_doc *d, json_ref obj, const char *key);
json_ref json_first(const struct json_doc *d, json_ref container);
json_ref json_next(const struct json_doc *d, json_ref item);
json_ref json_value(const struct json_doc *d, json_ref key);
uint32_t json_count(const struct json_doc *d, json_ref container);
must_check enum status json_string(const struct json_doc *d, json_ref r,
				   char *dst, size_t size, size_t *len);
bool json_string_is(const struct json_doc *d, json_ref r, const char *s);
bool json_u64(const struct json_doc *d, json_ref r, uint64_t *out);
uint64_t json_member_u64(const struct json_doc *d, json_ref obj,
			 const char *key, uint64_t dflt);
bool json_i64(const struct json_doc *d, json_ref r, int64_t *out);
bool json_bool(const struct json_doc *d, json_ref r, bool *out);
const char *json_raw(const struct json_doc *d, json_ref r, size_t *len);
size_t json_offset(const struct json_doc *d, json_ref r);
void json_path_of(const struct json_doc *d, json_ref r, char *dst, size_t size);
void json_line_column(const char *text, size_t len, size_t offset,
		      uint32_t *line, uint32_t *column);

/* Decodes a JSON string piece by piece: for strings of any length. */
struct json_text {
	const char *p, *end;
};
bool json_text_open(const struct json_doc *d, json_ref r, struct json_text *t);
size_t json_text_read(struct json_text *t, char *dst, size_t size);

struct json_writer {
	char *buf;
	size_t size;
	size_t len;
	bool overflow;
};

void json_write_init(struct json_writer *w, char *buf, size_t size);
void json_print(struct json_writer *w, const char *fmt, ...) printf_like(2, 3);
void json_vprint(struct json_writer *w, const char *fmt, va_list ap)
	printf_like(2, 0);
void json_write_raw(struct json_writer *w, const char *json, size_t len);

/** text_visible() - @c, or '?' if it could steer a terminal. */
static inline char text_visible(char c)
{
	if ((uint8_t)c < 0x20 || c == 0x7f) {
		return '?';
	}
	return c;
}

/** utf8_length() - bytes of the valid UTF-8 character at @p, else 0. */
size_t utf8_length(const char *p, size_t len);

#endif
