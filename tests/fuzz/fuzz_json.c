/*
 * fuzz_json.c - any bytes as JSON. What is accepted has to hold together: every
 * value can be read, has a path, and its raw text parses again.
 */
#include "json.h"
#include <bh/string.h>
#include <stdlib.h>

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static void check_value(const struct json_doc *d, json_ref r)
{
	static jsmntok_t tokens[512];
	char text[64], path[JSON_PATH_MAX];
	struct json_error err;
	struct json_doc again;
	uint64_t u;
	int64_t i;
	size_t len;
	const char *raw = json_raw(d, r, &len);

	check(raw >= d->text && raw + len <= d->text + d->len);
	json_path_of(d, r, path, sizeof(path));
	check(strlen(path) < sizeof(path) && path[0] == '/');
	(void)!json_string(d, r, text, sizeof(text), &len);
	json_u64(d, r, &u);
	json_i64(d, r, &i);
	raw = json_raw(d, r, &len);
	if (json_kind(d, r) == JSON_OBJECT || json_kind(d, r) == JSON_ARRAY) {
		json_doc_init(&again, tokens, ARRAY_COUNT(tokens));
		check(json_parse(&again, raw, len, &err) == OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static jsmntok_t tokens[512];
	struct json_error err;
	struct json_doc d;

	json_doc_init(&d, tokens, ARRAY_COUNT(tokens));
	if (json_parse(&d, (const char *)data, size, &err) != OK) {
		check(err.offset <= size && err.what[0] != '\0');
		return 0;
	}
	for (json_ref r = 0; r < (json_ref)d.count; r++) {
		uint32_t n = 0;

		check_value(&d, r);
		for (json_ref k = json_first(&d, r); k >= 0;
		     k = json_next(&d, k)) {
			n++;
		}
		check(n == json_count(&d, r));
	}
	return 0;
}
