/* SPDX-License-Identifier: MIT */
/*
 * Where the instructions are: a histogram of RIPs.
 *
 * With BHCOUNT_RIPS=N every N-th instruction, of root and of guests alike,
 * adds one to the entry of its context and RIP. With N = 1 the histogram is
 * exact: then the count of a function's first instruction is the number of
 * its calls, and that of a CALL tells who called. It costs one look-up a
 * sample: a boot with N = 1 takes some twice as long.
 *
 * States
 *   off      without BHCOUNT_RIPS, for good
 *   waiting  for the first VM entry or the first mark (rips_on_event)
 *   taking   until a first instruction at CPL 3 (rips_on_event) or the end;
 *            the file is written at each mark, too, for runs that are killed
 *   done     the file is written
 *
 * 1. rips_left counts down to the next sample. In all states but "taking" it
 *    is 0 and its decrement does not reach 0 again in this universe: the
 *    caller tests one counter and knows nothing of the states.
 * 2. Entries are never deleted; when the table is full, samples of new RIPs
 *    are only counted as lost.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bochs_count.h"

enum {
	RIPS_BITS = 21,
	RIPS_MAX = 1 << RIPS_BITS,
	RIPS_USABLE = RIPS_MAX / 4 * 3,
	CONTEXT_BITS = 2,
};

enum state { STATE_OFF, STATE_WAITING, STATE_TAKING, STATE_DONE };

struct rips_entry {
	uint64_t key;   /* RIP << 2 | enum context */
	uint64_t count; /* 0: free */
};

uint64_t rips_left;

static enum state state;
static uint64_t period;
static struct rips_entry *entries;
static uint32_t entries_used;
static uint64_t samples_lost;
static const char *first_name;
static uint64_t first_ticks;

static void rips_add(uint64_t key)
{
	uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15 >> (64 - RIPS_BITS));
	while (entries[at].count != 0 && entries[at].key != key) {
		at = (at + 1) & (RIPS_MAX - 1);
	}
	struct rips_entry *e = &entries[at];
	if (e->count == 0) {
		if (entries_used == RIPS_USABLE) {
			samples_lost++;
			return;
		}
		entries_used++;
		e->key = key;
	}
	e->count++;
}

/** rips_sample() - the counter has come to 0: take this instruction. */
void rips_sample(uint32_t context, const uint8_t *cpu_state)
{
	uint64_t rip;
	memcpy(&rip, cpu_state + BOCHS_CPU_RIP, sizeof(rip));
	rips_left = period;
	rips_add(rip << CONTEXT_BITS | context);
}

/* rips_write() - the file: a line of what it is, then one for each RIP. The
 * two bits that the context took are copies of the sign. */
static void rips_write(const char *last_name, uint64_t last_ticks)
{
	static const char *const names[CONTEXT_COUNT] = {
		[CONTEXT_ROOT_KERNEL] = "root-kernel",
		[CONTEXT_ROOT_USER] = "root-user",
		[CONTEXT_GUEST_KERNEL] = "guest-kernel",
		[CONTEXT_GUEST_USER] = "guest-user",
	};
	FILE *f = report_open("rips");
	if (f == NULL) {
		return;
	}
	fprintf(f,
		"rips 1 period %" PRIu64 " from %s %" PRIu64 " to %s %" PRIu64
		" lost %" PRIu64 "\n",
		period, first_name, first_ticks, last_name, last_ticks,
		samples_lost);
	for (uint32_t i = 0; i < RIPS_MAX; i++) {
		const struct rips_entry *e = &entries[i];
		if (e->count == 0) {
			continue;
		}
		uint64_t rip = (uint64_t)((int64_t)e->key >> CONTEXT_BITS);
		fprintf(f, "%s %" PRIx64 " %" PRIu64 "\n",
			names[e->key & (CONTEXT_COUNT - 1)], rip, e->count);
	}
	if (fclose(f) != 0) {
		perror("bochs-count: rips");
	}
}

static void rips_stop(const char *name)
{
	rips_left = 0;
	state = STATE_DONE;
	rips_write(name, count_ticks());
}

/**
 * rips_on_event() - begin, write or end at an event of the report.
 * @name:    of the event
 * @is_user: it is a first instruction at CPL 3
 */
void rips_on_event(const char *name, bool is_user)
{
	if (state == STATE_WAITING && !is_user) {
		state = STATE_TAKING;
		rips_left = period;
		first_name = name;
		first_ticks = count_ticks();
	} else if (state == STATE_TAKING && is_user) {
		rips_stop(name);
	} else if (state == STATE_TAKING) {
		rips_write(name, count_ticks());
	}
}

/** rips_end() - Bochs ends. */
void rips_end(void)
{
	if (state == STATE_TAKING) {
		rips_stop("end");
	}
}

/** rips_start() - read the setting. */
void rips_start(void)
{
	const char *wish = getenv("BHCOUNT_RIPS");
	period = wish == NULL ? 0 : strtoull(wish, NULL, 0);
	if (period == 0) {
		return;
	}
	entries = calloc(RIPS_MAX, sizeof(*entries));
	if (entries == NULL) {
		perror("bochs-count: rips");
		return;
	}
	state = STATE_WAITING;
}
