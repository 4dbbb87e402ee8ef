/* test_json.c - what is JSON and what is not, strings, paths, the writer. */
#include "json.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <string.h>

static jsmntok_t tokens[256];
static struct json_doc doc;
static struct json_error err;

static enum status parse(const char *text)
{
	json_doc_init(&doc, tokens, ARRAY_COUNT(tokens));
	return json_parse(&doc, text, strlen(text), &err);
}

static void test_accepts(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		" { } \n",
		"[1]",
		"[-0.5e+10,0,1E2]",
		"{\"a\":{\"b\":[true,false,null]},\"c\":\"x\"}",
		"[[],[[]],{}]",
		"{\"a\":1 , \"b\" : [ 1 , 2 ]}",
		"[\"\\u00e4\\n\\\"\"]",
		"[\"\xc3\xa4\"]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		if (parse(good[i]) != OK) {
			fail_msg("%s: %s", good[i], err.what);
		}
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{ "", 0 },
		{ "   ", 0 },
		{ "1 ", 0 },
		{ "\"a\"", 0 },
		{ "{", 1 },
		{ "[1 2]", 3 },
		{ "[1,,2]", 3 },
		{ "[1,]", 2 },
		{ "[,1]", 1 },
		{ "{\"a\"}", 1 },
		{ "{\"a\":}", 1 },
		{ "{\"a\":1,}", 6 },
		{ "{\"a\":1 \"b\":2}", 7 },
		{ "{\"a\" 1}", 5 },
		{ "{\"a\"::1}", 5 },
		{ "{\"a\":1:2}", 5 },
		{ "{1:2}", 1 },
		{ "{{}:1}", 1 },
		{ "[\"a\":1]", 3 },
		{ "{}{}", 2 },
		{ "{} x", 3 },
		{ "[01]", 1 },
		{ "[+1]", 1 },
		{ "[-]", 1 },
		{ "[1.]", 1 },
		{ "[1e]", 1 },
		{ "[tru]", 1 },
		{ "[truee]", 1 },
		{ "[nul]", 1 },
		{ "[\"\n\"]", 2 },
		{ "[\"\\x\"]", 1 },
		{ "[\"\\u12g4\"]", 1 },
		{ "[\"a]", 1 },
		{ "[}", 1 },
		{ "[\"\xff\"]", 2 },
		{ "[\"\xc0\x80\"]", 2 },
		{ "[\"\xed\xa0\x80\"]", 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		if (parse(bad[i].text) == OK) {
			fail_msg("accepted: %s", bad[i].text);
		}
		if (err.offset != bad[i].offset) {
			fail_msg("%s: offset %zu (%s)", bad[i].text, err.offset,
				 err.what);
		}
		assert_true(err.what[0] != '\0');
		assert_int_equal(json_kind(&doc, 0), JSON_ABSENT);
	}
}

static void test_refuses_nul_depth_size(void **state)
{
	char deep[400];

	(void)state;
	json_doc_init(&doc, tokens, ARRAY_COUNT(tokens));
	assert_int_equal(json_parse(&doc, "[\0]", 3, &err), ERR_INVALID);
	assert_int_equal(err.offset, 1);
	memset(deep, '[', 65);
	memset(deep + 65, ']', 65);
	deep[130] = '\0';
	assert_int_equal(parse(deep), ERR_INVALID);
	assert_string_equal(err.what, "nested too deeply");
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	deep[128] = '\0';
	assert_int_equal(parse(deep), OK);
	json_doc_init(&doc, tokens, 2);
	assert_int_equal(json_parse(&doc, "[1,2]", 5, &err), ERR_TOO_BIG);
}

static void test_members(void **state)
{
	json_ref a, k;
	uint64_t u = 0;
	int64_t i = 0;
	bool b = false;
	size_t len;

	(void)state;
	assert_int_equal(parse("{\"x\":{\"y\":9},\"list\":[7,\"s\",-3,true],"
			       "\"\\u0061b\":null}"),
			 OK);
	a = json_member(&doc, 0, "list");
	assert_int_equal(json_kind(&doc, a), JSON_ARRAY);
	assert_int_equal(json_count(&doc, a), 4);
	k = json_first(&doc, a);
	assert_true(json_u64(&doc, k, &u));
	assert_int_equal(u, 7);
	k = json_next(&doc, k);
	assert_true(json_string_is(&doc, k, "s"));
	assert_false(json_string_is(&doc, k, "st"));
	assert_false(json_string_is(&doc, k, ""));
	k = json_next(&doc, k);
	assert_false(json_u64(&doc, k, &u));
	assert_true(json_i64(&doc, k, &i));
	assert_int_equal(i, -3);
	k = json_next(&doc, k);
	assert_true(json_bool(&doc, k, &b));
	assert_true(b);
	assert_int_equal(json_next(&doc, k), JSON_NONE);
	assert_int_equal(json_kind(&doc, json_member(&doc, 0, "ab")),
			 JSON_NULL);
	assert_int_equal(json_member(&doc, 0, "y"), JSON_NONE);
	assert_int_equal(json_member(&doc, JSON_NONE, "y"), JSON_NONE);
	a = json_member(&doc, 0, "x");
	assert_memory_equal(json_raw(&doc, a, &len), "{\"y\":9}", 7);
	assert_int_equal(len, 7);
	assert_null(json_raw(&doc, JSON_NONE, &len));
}

static void test_strings(void **state)
{
	char text[32];
	size_t len;

	(void)state;
	assert_int_equal(parse("[\"a\\n\\\"\\\\\\/\\u00e4\\ud83d\\ude00\","
			       "\"\\ud800x\",\"\\u0000\",7]"),
			 OK);
	assert_int_equal(json_string(&doc, 1, text, sizeof(text), &len), OK);
	assert_string_equal(text, "a\n\"\\/\xc3\xa4\xf0\x9f\x98\x80");
	assert_int_equal(len, 11);
	assert_int_equal(json_string(&doc, 1, text, 4, &len), ERR_TOO_BIG);
	assert_string_equal(text, "a\n\"");
	assert_int_equal(json_string(&doc, 2, text, sizeof(text), NULL), OK);
	assert_string_equal(text, "\xef\xbf\xbdx");
	assert_int_equal(json_string(&doc, 3, text, sizeof(text), NULL),
			 ERR_INVALID);
	assert_int_equal(json_string(&doc, 4, text, sizeof(text), NULL),
			 ERR_INVALID);
}

static void test_paths(void **state)
{
	char path[64];
	json_ref r;

	(void)state;
	assert_int_equal(parse("{\"a\":{\"b/c~\":[1,[2,3]]}}"), OK);
	json_path_of(&doc, 0, path, sizeof(path));
	assert_string_equal(path, "/");
	r = json_member(&doc, json_member(&doc, 0, "a"), "b/c~");
	r = json_next(&doc, json_first(&doc, r));
	r = json_next(&doc, json_first(&doc, r));
	json_path_of(&doc, r, path, sizeof(path));
	assert_string_equal(path, "/a/b~1c~0/1/1");
	json_path_of(&doc, r, path, 5);
	assert_true(strlen(path) < 5);
	assert_int_not_equal(parse("{\"a\":{\"b\":[1,tru]}}"), OK);
	assert_string_equal(err.path, "/a/b/1");
	assert_int_not_equal(parse("{\"a\":{\"b\":[1"), OK);
	assert_string_equal(err.path, "/a/b");
}

static void test_line_column(void **state)
{
	uint32_t line, column;

	(void)state;
	json_line_column("ab\n\xc3\xa4x", 6, 5, &line, &column);
	assert_int_equal(line, 2);
	assert_int_equal(column, 2);
}

static void test_writer(void **state)
{
	struct json_writer w;
	char text[256];

	(void)state;
	json_write_init(&w, text, sizeof(text));
	json_print(&w, "{'s':'%s','n':%lu", "q\"\\\n\x01\x7f\xff\xc3\xa4/",
		   UINT64_MAX);
	json_print(&w, "'b':%s,'h':'0x%x','a':[", "false", 0xffu);
	json_print(&w, "%d", -5);
	json_write_raw(&w, "{}", 2);
	json_print(&w, "{}");
	json_print(&w, "'%.*s'", 3, "x\0y");
	json_print(&w, "%zu,%ld,%lx,%u", (size_t)7, INT64_MIN, 0xabcul, 9u);
	json_print(&w, "]");
	json_print(&w, "'k':");
	json_print(&w, "'%s'", "");
	json_print(&w, "}");
	assert_false(w.overflow);
	assert_string_equal(text,
			    "{\"s\":\"q\\\"\\\\\\n\\u0001\\u007f"
			    "\xef\xbf\xbd\xc3\xa4/\","
			    "\"n\":18446744073709551615,\"b\":false,"
			    "\"h\":\"0xff\",\"a\":[-5,{},{},\"x\\u0000y\","
			    "7,-9223372036854775808,abc,9],\"k\":\"\"}");
}

static void test_writer_overflow(void **state)
{
	struct json_writer w;
	char text[16];

	(void)state;
	json_write_init(&w, text, sizeof(text));
	json_print(&w, "['%s']", "0123456789abcdef");
	assert_true(w.overflow);
	assert_true(strlen(text) < sizeof(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_accepts),
		UNIT(test_refuses),
		UNIT(test_refuses_nul_depth_size),
		UNIT(test_members),
		UNIT(test_strings),
		UNIT(test_paths),
		UNIT(test_line_column),
		UNIT(test_writer),
		UNIT(test_writer_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
