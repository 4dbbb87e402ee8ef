/*
 * fuzz_limits.c - any bytes written to the files of limits. What a file takes
 * it shows again, in a form that it takes too and that stays the same; what it
 * refuses changes nothing. Lines are writes; the byte before each says to
 * which file.
 */
#include <bh/string.h>
#include <hv/limits.h>
#include <stdlib.h>

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static void check_range(const struct limits *l)
{
	check(l->cpu_weight >= 1 && l->cpu_weight <= 10000);
	check(l->cpu_period_us >= 1000 && l->cpu_period_us <= 1000000);
	check(l->cpu_quota_us <= LIMITS_QUOTA_MAX);
	check(l->cpu_burst_us <= LIMITS_QUOTA_MAX);
}

static void write_line(struct limits *l, enum limit_key key, const char *v,
		       size_t len)
{
	struct limits before, again;
	char text[LIMITS_TEXT_MAX], after[LIMITS_TEXT_MAX];
	enum status s;

	memcpy(&before, l, sizeof(before)); /* with its padding */
	s = limits_set(l, key, v, len);
	check_range(l);
	if (s != OK) {
		check(s == ERR_INVALID || s == ERR_RANGE);
		check(limits_errno(s)[0] == 'E');
		/* padding was copied, too */
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		check(memcmp(&before, l, sizeof(before)) == 0);
		return;
	}
	check(limits_print(l, key, text, sizeof(text)) == strlen(text));
	again = *l;
	check(limits_set(&again, key, text, strlen(text)) == OK);
	check(limits_print(&again, key, after, sizeof(after)) == strlen(after));
	check(strcmp(text, after) == 0);
	check(limits_check(l) == OK || limits_check(l) == ERR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct limits l;

	memset(&l, 0, sizeof(l));
	limits_default(&l);
	while (size > 0) {
		enum limit_key key = (enum limit_key)(data[0] % LIMIT_COUNT);
		size_t len = 0;

		while (len + 1 < size && text[len + 1] != '\n') {
			len++;
		}
		write_line(&l, key, text + 1, len);
		len += len + 1 < size ? 2 : 1;
		data += len;
		text += len;
		size -= len;
	}
	return 0;
}
