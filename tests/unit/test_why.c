/* test_why.c - the vocabulary of ends, and the report as text and as JSON. */
#include "tests/lib/unit.h"
/* keep the line above first: cmocka wants its headers in order */
#include "mgmt_fake.h"
#include "why.h"

static char text[16384];

static void on_line(void *ctx, const char *line)
{
	(void)ctx;
	assert_null(strchr(line, '\n'));
	strcat(text, line);
	strcat(text, "\n");
}

static void test_vocabulary(void **state)
{
	(void)state;
	for (int r = 0; r < END_REASON_COUNT; r++) {
		const char *word = end_reason_word((enum end_reason)r);

		assert_true(strlen(end_reason_text((enum end_reason)r)) > 10);
		assert_true(strlen(end_reason_remedy((enum end_reason)r)) > 5);
		for (const char *p = word; *p != '\0'; p++) {
			assert_true((*p >= 'a' && *p <= 'z') || *p == '-');
		}
		for (int q = 0; q < r; q++) {
			assert_string_not_equal(
				word, end_reason_word((enum end_reason)q));
		}
	}
	assert_string_equal(end_reason_word((enum end_reason)999), "?");
	assert_true(end_reason_is_failure(END_REASON_TRIPLE_FAULT));
	assert_false(end_reason_is_failure(END_REASON_POWEROFF));
}

static void test_text(void **state)
{
	static struct fake f;

	(void)state;
	fake_init(&f);
	text[0] = '\0';
	why_print("batch", &f.why, on_line, NULL);
	assert_non_null(strstr(text, "partition batch: triple-fault: "));
	assert_non_null(strstr(text, "what      while delivering #PF\n"));
	assert_non_null(strstr(text, "when      after 1.500000 s, vCPU 0\n"));
	assert_non_null(strstr(text, "exit      TRIPLE_FAULT (2)"));
	assert_non_null(strstr(text, "guest-physical fee00000\n"));
	assert_non_null(strstr(text, "bytes     0f 0b\n"));
	assert_non_null(strstr(text, "rip ffffffff81000010"));
	assert_non_null(strstr(text, "-10000      vcpu 0  CPUID"));
	assert_non_null(strstr(text, "-1          vcpu 0  TRIPLE_FAULT"));
	assert_non_null(strstr(text, "  | boot?[2J\n  | ok\n"));
}

static void test_text_of_little(void **state)
{
	struct why_record r = { .reason = END_REASON_KILLED };

	(void)state;
	text[0] = '\0';
	why_print("p", &r, on_line, NULL);
	assert_non_null(strstr(text, "killed"));
	assert_null(strstr(text, "registers"));
	assert_null(strstr(text, "exits"));
}

static void test_json(void **state)
{
	static jsmntok_t tokens[1024];
	static struct fake f;
	struct json_error err;
	struct json_writer w;
	struct json_doc d;
	json_ref trace;

	(void)state;
	fake_init(&f);
	json_write_init(&w, text, sizeof(text));
	why_write_json(&w, "batch", &f.why);
	assert_false(w.overflow);
	json_doc_init(&d, tokens, ARRAY_COUNT(tokens));
	assert_int_equal(json_parse(&d, text, w.len, &err), OK);
	assert_true(json_string_is(&d, json_member(&d, 0, "reason"),
				   "triple-fault"));
	assert_true(json_string_is(
		&d, json_member(&d, json_member(&d, 0, "registers"), "rip"),
		"0xffffffff81000010"));
	assert_true(
		json_string_is(&d, json_member(&d, 0, "instruction"), "0f 0b"));
	trace = json_member(&d, 0, "trace");
	assert_int_equal(json_count(&d, trace), 2);
}

static void test_counts_are_clamped(void **state)
{
	static struct fake f;
	struct json_writer w;

	(void)state;
	fake_init(&f);
	f.why.trace_count = 1000;
	f.why.console_len = 100000;
	f.why.insn_len = 200;
	f.why.tsc_khz = 0;
	memset(f.why.text, 'x', sizeof(f.why.text) - 1);
	json_write_init(&w, text, sizeof(text));
	why_write_json(&w, "batch", &f.why);
	text[0] = '\0';
	why_print("batch", &f.why, on_line, NULL);
	assert_non_null(strstr(text, "last 32 exits"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_vocabulary),         UNIT(test_text),
		UNIT(test_text_of_little),     UNIT(test_json),
		UNIT(test_counts_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
