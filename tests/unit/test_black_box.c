/* test_black_box.c - runs one after the other over the same memory, and what
 * damage costs. */
#include "black_box.h"
#include "lib/crc32.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t mem[BOOT_BLACK_BOX_SIZE] align_to(4096);
static struct black_box box;
static struct black_box_previous before;
static char text[262144]; /* the last rendering */
static size_t text_len;

static void put(void *ctx, const char *p, size_t len)
{
	(void)ctx;
	assert_true(text_len + len < sizeof(text));
	memcpy(text + text_len, p, len);
	text_len += len;
	text[text_len] = '\0';
}

static const char *exit_name(const char *backend, uint32_t reason)
{
	return strcmp(backend, "vmx") == 0 && reason == 10 ? "CPUID" : NULL;
}

static const struct black_box_out out = { put, NULL, exit_name };

/* A warm reset: the next run opens what is there. */
static void start(void)
{
	black_box_open(&box, mem, "0.1", &before);
	text_len = 0;
	text[0] = '\0';
	black_box_render(&box, &before, &out);
}

static void say(const char *line)
{
	black_box_log(&box, line, strlen(line));
}

static void expect(const char *part)
{
	if (strstr(text, part) == NULL) {
		fail_msg("\nno: %s\nin: %s", part, text);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(mem, 0xa5, sizeof(mem)); /* what a cold start leaves */
	start();
	return 0;
}

static const struct black_box_exits two_exits = {
	.partition = "web",
	.backend = "vmx",
	.vcpu = 3,
	.cause = BLACK_BOX_CAUSE_ENDED,
	.tsc = 1000000,
	.us = 1234567,
	.tsc_khz = 50000,
	.count = 2,
	.trace = { { .tsc = 500000, .reason = 10, .rip = 0x1000 },
		   { .tsc = 999950,
		     .reason = 48,
		     .rip = 0x1002,
		     .qualification = 0x83 } },
};

static void test_first_run(void **state)
{
	(void)state;
	assert_int_equal(before.verdict, BLACK_BOX_EMPTY);
	assert_string_equal(text, "");
	assert_non_null(strstr(black_box_verdict_text(before.verdict),
			       "no run before left anything"));
	assert_int_equal(box.generation, 1);
}

static void test_nothing_is_done_without_memory(void **state)
{
	static struct black_box none;

	(void)state;
	black_box_log(&none, "x", 1);
	black_box_exits(&none, 0, &two_exits);
	black_box_end(&none, BLACK_BOX_END_PANIC, 1, "x");
	black_box_render(&none, &before, &out);
	assert_string_equal(text, "");
}

static void test_what_a_run_left(void **state)
{
	(void)state;
	say("[    0.000000] Bulkhead 0.1\n");
	say("[    1.000000] BUG in the VMM: x\n");
	black_box_exits(&box, 9, &two_exits);
	black_box_end(&box, BLACK_BOX_END_PANIC, 1500000, "x\x1b[2J");
	start();
	assert_int_equal(before.verdict, BLACK_BOX_GOOD);
	assert_int_equal(before.generation, 1);
	assert_int_equal(before.last.end, BLACK_BOX_END_PANIC);
	assert_int_equal(before.last.us, 1500000);
	assert_string_equal(before.last.text, "x?[2J");
	assert_string_equal(
		text,
		"[    0.000000] Bulkhead 0.1\n"
		"[    1.000000] BUG in the VMM: x\n"
		"last 2 exits of vCPU 3 of web, noted when it ended, at "
		"[    1.234567] (microseconds before that)\n"
		"  -10000      CPUID                        rip 1000  qual 0\n"
		"  -1          reason 48                    rip 1002  qual 83\n"
		"run 1 of Bulkhead 0.1 ended by a bug in the VMM: x?[2J\n");
}

static void test_no_word(void **state)
{
	(void)state;
	say("a line\n");
	start();
	assert_int_equal(before.last.end, BLACK_BOX_END_UNKNOWN);
	assert_string_equal(black_box_end_word(before.last.end), "unknown");
	expect("run 1 of Bulkhead 0.1 ended without a word: ");
}

static void test_the_last_word_counts(void **state)
{
	(void)state;
	black_box_end(&box, BLACK_BOX_END_REBOOT, 1, "");
	black_box_end(&box, BLACK_BOX_END_PANIC, 2, "after all");
	start();
	assert_string_equal(black_box_end_word(before.last.end), "panic");
	expect("after all");
}

/* The run before stays readable while this one writes; runs take turns. */
static void test_turns(void **state)
{
	char line[32];

	(void)state;
	for (uint32_t run = 1; run < 6; run++) {
		snprintf(line, sizeof(line), "this is run %u\n", run);
		say(line);
		text_len = 0;
		black_box_render(&box, &before, &out);
		if (run > 1) {
			snprintf(line, sizeof(line), "this is run %u\n",
				 run - 1);
			expect(line);
		}
		assert_int_equal(box.generation, run);
		start();
		assert_int_equal(before.generation, run);
	}
	assert_null(strstr(text, "this is run 4"));
}

/* Exits and an end of two runs ago are not those of the run before. */
static void test_old_blocks_do_not_come_back(void **state)
{
	(void)state;
	black_box_exits(&box, 0, &two_exits);
	black_box_end(&box, BLACK_BOX_END_PANIC, 1, "old");
	start();
	start();
	start();
	assert_int_equal(before.generation, 3);
	assert_null(strstr(text, "web"));
	assert_null(strstr(text, "old"));
}

/* Make the header of the half at @at right again after a change. */
static void reseal(size_t at)
{
	struct black_box_header *h = (void *)(mem + at);

	h->crc = 0;
	h->crc = crc32_value(crc32_add(CRC32_START, h, sizeof(*h)));
}

static void test_generations_go_round(void **state)
{
	struct black_box_header *h = (void *)mem;

	(void)state;
	h->generation = UINT32_MAX;
	reseal(0);
	start();
	assert_int_equal(before.generation, UINT32_MAX);
	assert_int_equal(box.generation, 1);
	start();
	assert_int_equal(before.generation, 1); /* not the larger one */
	h->generation = 0;                      /* no run has that */
	reseal(0);
	start();
	assert_int_equal(before.generation, 1);
}

static void test_log_ring(void **state)
{
	char line[80];

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "%06u: a line of some length\n",
			 i);
		say(line);
	}
	start();
	expect("(what came before is overwritten)\n");
	expect("001999: a line");
	assert_null(strstr(text, "000100: "));
	/* all blocks but the one that is being filled are full */
	assert_true(text_len > 45 * BLACK_BOX_BYTES);
	for (uint32_t i = 800; i < 2000; i++) {
		snprintf(line, sizeof(line), "\n%06u: a line of some length\n",
			 i);
		expect(line);
	}
}

static void test_long_text_at_once(void **state)
{
	char *many = malloc(100001);

	(void)state;
	memset(many, 'x', 100000);
	memcpy(many + 99990, "\nthe end.\n", 10);
	black_box_log(&box, many, 100000);
	free(many);
	start();
	expect("\nthe end.\n");
}

static void test_log_text_is_made_safe(void **state)
{
	(void)state;
	say("a\x1b[2J\x07"
	    "b\x7f"
	    "\xc3\xa9\n");
	start();
	expect("a?[2J?b?\xc3\xa9\n");
}

static void test_forgotten_exits(void **state)
{
	(void)state;
	black_box_exits(&box, 2, &two_exits);
	black_box_exits(&box, 2, NULL);
	black_box_exits(&box, BLACK_BOX_EXITS, &two_exits); /* no such slot */
	start();
	assert_null(strstr(text, "web"));
}

/* ---- damage ---- */

static void flip(size_t at)
{
	mem[at] ^= 0x10;
}

static void test_damaged_header(void **state)
{
	(void)state;
	say("a line\n");
	for (size_t at = 0; at < sizeof(struct black_box_header); at++) {
		static uint8_t saved[sizeof(mem)];

		memcpy(saved, mem, sizeof(mem));
		flip(at);
		start();
		assert_int_equal(before.verdict,
				 at < 8 ? BLACK_BOX_EMPTY : BLACK_BOX_DAMAGED);
		assert_string_equal(text, "");
		assert_int_equal(box.generation, 1);
		memcpy(mem, saved, sizeof(mem));
	}
	start();
	expect("a line\n");
}

/* The newer half is damaged: the older is shown, and that there was more. */
static void test_damaged_newer_half(void **state)
{
	(void)state;
	say("the first run\n");
	start();
	say("the second run\n");
	flip(BLACK_BOX_HALF + 9);
	start();
	assert_int_equal(before.verdict, BLACK_BOX_GOOD);
	assert_true(before.is_newer_lost);
	expect("the first run\n");
	expect("the other half of the box is damaged");
	/* the damaged half is the one that is written anew */
	say("the third run\n");
	start();
	assert_false(before.is_newer_lost);
	expect("the third run\n");
}

static void test_damaged_log_block(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		say("a line of text\n");
	}
	flip(19 * BLACK_BOX_BLOCK + 500); /* the second of five */
	start();
	expect("(up to 1000 bytes are damaged and left out)\n");
	assert_int_equal(before.verdict, BLACK_BOX_GOOD);
	assert_in_range(text_len, 3500, 3700);
}

static void test_damaged_end_and_exits(void **state)
{
	(void)state;
	black_box_end(&box, BLACK_BOX_END_PANIC, 1, "lost");
	black_box_exits(&box, 0, &two_exits);
	flip(1 * BLACK_BOX_BLOCK + 100);
	flip(2 * BLACK_BOX_BLOCK + 100);
	start();
	assert_int_equal(before.last.end, BLACK_BOX_END_UNKNOWN);
	assert_null(strstr(text, "web"));
	assert_null(strstr(text, "lost"));
}

/* A reset in the middle of an append: the text is there, its length is not. */
static void test_torn_append(void **state)
{
	uint64_t head;
	uint8_t *block = mem + 18 * BLACK_BOX_BLOCK;

	(void)state;
	say("this is whole\n");
	memcpy(&head, block, sizeof(head));
	say("this was torn\n");
	memcpy(block, &head, sizeof(head));
	start();
	expect("this is whole\nrun 1");
}

static void test_other_version(void **state)
{
	struct black_box_header *h = (void *)mem;

	(void)state;
	h->version++;
	reseal(0);
	start();
	assert_int_equal(before.verdict, BLACK_BOX_OTHER);
	assert_non_null(strstr(black_box_verdict_text(before.verdict),
			       "another version"));
	assert_string_equal(text, "");
}

/* Any damage anywhere: each line that is told is one that was said. */
static void check_lines(void)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		/* text is cut where a block is missing */
		if (line[0] != '(' && strncmp(line, "run 1", 5) != 0 &&
		    strncmp(line, "last 2", 6) != 0 &&
		    strncmp(line, "  -1", 4) != 0 &&
		    strstr("0123456789", line) == NULL) {
			fail_msg("a line that nobody wrote: %s", line);
		}
	}
}

static void test_random_damage(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed < 400; seed++) {
		setup(NULL);
		srand(seed);
		for (uint32_t i = 0; i < 500; i++) {
			say("0123456789\n");
		}
		black_box_exits(&box, 1, &two_exits);
		for (int i = rand() % 60; i > 0; i--) {
			flip((size_t)rand() % (24 * BLACK_BOX_BLOCK));
		}
		start();
		check_lines();
	}
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(test_first_run),
		T(test_nothing_is_done_without_memory),
		T(test_what_a_run_left),
		T(test_no_word),
		T(test_the_last_word_counts),
		T(test_turns),
		T(test_old_blocks_do_not_come_back),
		T(test_generations_go_round),
		T(test_log_ring),
		T(test_long_text_at_once),
		T(test_log_text_is_made_safe),
		T(test_forgotten_exits),
		T(test_damaged_header),
		T(test_damaged_newer_half),
		T(test_damaged_log_block),
		T(test_damaged_end_and_exits),
		T(test_torn_append),
		T(test_other_version),
		T(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
