/*
 * fuzz_sched_text.c - any bytes written to the scheduler's files. What a file
 * takes it shows again, in a form that it takes too and that stays the same;
 * what it refuses changes nothing. Lines are writes; the byte before each says
 * to which file.
 */
#include "sched_text.h"
#include <bh/string.h>
#include <stdlib.h>

static struct sched s;
static struct sched_group top, leaf;
static struct sched_vcpu vcpu[3];

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static void kick(void *ctx, uint32_t cpu)
{
	(void)ctx;
	check(cpu < 4);
}

static const struct sched_ops ops = { .kick = kick };

static void begin(void)
{
	sched_init(&s, &ops, NULL, 4, 1000, 0);
	check(sched_group_add(&s, &top, NULL, 0) == OK);
	check(sched_group_add(&s, &leaf, &top, 0) == OK);
	for (uint32_t i = 0; i < 3; i++) {
		check(sched_vcpu_add(&s, &vcpu[i], &leaf, 0) == OK);
		sched_wake(&s, &vcpu[i], 0);
	}
}

static void read_file(struct sched_group *g, const char *name, char *dst,
		      uint64_t now)
{
	char small[7];
	enum status st = sched_text_read(&s, g, name, dst, SCHED_TEXT_MAX, now);

	check(st == OK && dst[strlen(dst) - 1] == '\n');
	st = sched_text_read(&s, g, name, small, sizeof(small), now);
	check(st == (strlen(dst) < sizeof(small) ? OK : ERR_TOO_BIG));
	check(memcmp(small, dst, strlen(small)) == 0);
}

static void write_line(uint8_t which, struct sched_text in, uint64_t now)
{
	struct sched_group *g = (which & 0x80) != 0 ? &top : &leaf;
	const char *name = sched_text_name(g, (which & 0x7f) % 9);
	char before[SCHED_TEXT_MAX], after[SCHED_TEXT_MAX];
	char again[SCHED_TEXT_MAX];
	enum status st;

	read_file(g, name, before, now);
	st = sched_text_write(&s, g, name, in, now);
	read_file(g, name, after, now);
	if (st != OK) {
		check(strcmp(before, after) == 0);
		return;
	}
	in.text = after;
	in.len = strlen(after);
	check(sched_text_write(&s, g, name, in, now) == OK);
	read_file(g, name, again, now);
	check(strcmp(after, again) == 0);
}

static uint64_t run_a_little(uint64_t now)
{
	for (uint32_t cpu = 0; cpu < 4; cpu++) {
		struct sched_turn turn;

		if (s.cpu[cpu].current != NULL) {
			sched_put(&s, s.cpu[cpu].current, now, SCHED_RUNNABLE);
		}
		if (sched_pick(&s, cpu, now, &turn) != NULL) {
			check(turn.end > now);
			check((s.cpu[cpu].current->se.node.mask & BIT(cpu)) !=
			      0);
		}
	}
	return now + 3000;
}

static void check_lists(struct sched_text in)
{
	uint64_t mask = 0, again = 0;
	char text[SCHED_TEXT_MAX];
	struct sched_text out = { text, 0 };

	if (sched_text_parse_cpus(in, &mask) == OK) {
		out.len = sched_text_print_cpus(mask, text, sizeof(text));
		check(out.len < sizeof(text) && out.len == strlen(text));
		check(sched_text_parse_cpus(out, &again) == OK);
		check(mask == again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	uint64_t now = 0;

	begin();
	while (size > 0) {
		uint8_t which = (uint8_t)text[0];
		struct sched_text in = { text + 1, 0 };

		while (in.len + 1 < size && in.text[in.len] != '\n') {
			in.len++;
		}
		write_line(which, in, now);
		check_lists(in);
		now = run_a_little(now);
		size -= in.len + 1;
		text += in.len + 1;
		if (size > 0) { /* the line's end */
			size--;
			text++;
		}
	}
	for (uint32_t i = 0; i < 40; i++) {
		now = run_a_little(now);
	}
	return 0;
}
