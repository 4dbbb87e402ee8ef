/*
 * top.c - what runs: asked again and again, until q.
 *
 * The machine computes the rates: between its answer before and this one. So
 * the first answer is about all the time since its start, and one that is asked
 * for once (--json) is asked for twice, a moment apart.
 */
#include "bhk.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define COUNT(a)      (sizeof(a) / sizeof((a)[0]))
#define TOP_MAX_S     3600
#define TOP_FIRST_S   1
#define TOP_MAX_COUNT 1000000000

struct top_words {
	long seconds;
	long count; /* 0: for ever */
};

/* A whole number from @min to @max. */
static bool top_number(const char *word, long min, long max, long *out)
{
	char *end;

	*out = strtol(word, &end, 10);
	return *word != '\0' && *end == '\0' && *out >= min && *out <= max;
}

/* [SECONDS] [--count N]; false: not understood. */
static bool top_words(struct bhk *b, struct top_words *out)
{
	bool good = true, has_seconds = false;

	out->seconds = 1;
	out->count = b->want_json || !isatty(STDOUT_FILENO) ? 1 : 0;
	for (int i = 0; good && i < b->arg_count; i++) {
		if (strcmp(b->args[i], "--count") == 0) {
			good = i + 1 < b->arg_count &&
			       top_number(b->args[i + 1], 0, TOP_MAX_COUNT,
					  &out->count);
			i++;
		} else {
			good = !has_seconds &&
			       top_number(b->args[i], 1, TOP_MAX_S,
					  &out->seconds);
			has_seconds = true;
		}
	}
	return good;
}

static void top_show(struct bhk *b, json_t *top, bool is_screen)
{
	static const struct bhk_column columns[] = {
		{ "name", "PARTITION", BHK_TEXT },
		{ "state", "STATE", BHK_TEXT },
		{ "cpu", "%CPU", BHK_PERCENT },
		{ "steal", "%STEAL", BHK_PERCENT },
		{ "throttled", "%THROTTLED", BHK_PERCENT },
		{ "memory.current", "MEMORY", BHK_SIZE },
		{ "memory.max", "MAX", BHK_SIZE },
		{ "exits", "EXITS/S", BHK_NUMBER },
		{ "reasons", "MOST OF THEM", BHK_WORDS },
	};
	double s =
		(double)json_integer_value(json_object_get(top, "uptime_us")) /
		1e6;

	if (b->want_json) {
		bhk_json(top);
		return;
	}
	if (is_screen) {
		printf("\033[H\033[J");
	}
	printf("up %.1f s, %lld CPU(s), %lldM of %lldM free%s\n", s,
	       (long long)json_integer_value(json_object_get(top, "cpus")),
	       (long long)(json_integer_value(
				   json_object_get(top, "memory.free")) >>
			   20),
	       (long long)(json_integer_value(
				   json_object_get(top, "memory.total")) >>
			   20),
	       is_screen ? "; q leaves" : "");
	bhk_table(json_object_get(top, "partitions"), columns, COUNT(columns));
	fflush(stdout);
}

/* Wait; true: q was typed, or the input has ended. */
static bool top_wait(long seconds, bool is_screen)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (!is_screen) {
		sleep((unsigned int)seconds);
		return false;
	}
	return poll(&p, 1, (int)seconds * 1000) > 0 &&
	       (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q');
}

static int top_loop(struct bhk *b, const struct top_words *words,
		    bool is_screen)
{
	json_t *out;
	int code = bhk_call(b, "machine.top", NULL, NULL);

	if (code == BHK_OK && top_wait(TOP_FIRST_S, is_screen)) {
		return BHK_OK;
	}
	for (long n = 1; code == BHK_OK; n++) {
		code = bhk_call(b, "machine.top", NULL, &out);
		if (code == BHK_OK) {
			top_show(b, out, is_screen);
			json_decref(out);
		}
		if (n == words->count || code != BHK_OK ||
		    top_wait(words->seconds, is_screen)) {
			break;
		}
	}
	return code;
}

/** bhk_top() - what runs, again each second. */
int bhk_top(struct bhk *b)
{
	bool is_screen =
		isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !b->want_json;
	struct termios old, raw;
	struct top_words words;
	int code;

	if (!top_words(b, &words)) {
		return bhk_usage(b, "takes seconds, and --count N");
	}
	if (is_screen && tcgetattr(STDIN_FILENO, &old) == 0) {
		raw = old;
		raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
		code = top_loop(b, &words, true);
		tcsetattr(STDIN_FILENO, TCSANOW, &old);
		return code;
	}
	return top_loop(b, &words, false);
}
