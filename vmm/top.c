/*
 * top.c - rates: what partitions have used between two looks at them.
 *
 * Two looks are kept. A question takes a new one, unless the last is younger
 * than TOP_WINDOW_US, so that two who ask in turn both get sensible figures.
 * A partition that was not there at the older look, or was started anew since
 * (a counter went back), counts from zero.
 */
#include "top.h"

#include <bh/string.h>
#include <hv/partition_ops.h>

void top_init(struct top *t)
{
	memset(t, 0, sizeof(*t));
}

static void top_count(struct top_counters *c, uint32_t index)
{
	static struct partition_stats st; /* management context */
	struct partition_view v = { 0 };
	struct exit_count row;

	memset(&st, 0, sizeof(st));
	ops_view(index, &v);
	ops_stats(index, &st);
	c->id = v.id;
	c->is_there = true;
	c->usage_us = st.cpu.usage_us;
	c->steal_us = st.cpu.steal_us;
	c->throttled_us = st.cpu.throttled_us;
	c->exits = st.exit_count;
	for (uint32_t n = 0; n < TOP_EXIT_MAX && ops_exits(index, n, &row);
	     n++) {
		c->reasons[n] = (uint32_t)row.count;
	}
}

void top_look(struct top *t)
{
	uint64_t now = ops_now_us();
	struct top_look *next = &t->looks[!t->last];

	if (t->looks[t->last].at_us != 0 &&
	    now - t->looks[t->last].at_us < TOP_WINDOW_US) {
		return;
	}
	memset(next, 0, sizeof(*next));
	next->at_us = now;
	for (uint32_t i = 0; i < ops_count() && i < TOP_PARTITION_MAX; i++) {
		top_count(&next->rows[i], i);
	}
	t->last = !t->last;
}

uint64_t top_interval_us(const struct top *t)
{
	return t->looks[t->last].at_us - t->looks[!t->last].at_us;
}

static uint32_t top_permille(uint64_t from, uint64_t to, uint64_t interval)
{
	return to > from ? (uint32_t)((to - from) * 1000 / interval) : 0;
}

/* Put reason @name into the few most frequent ones. */
static void top_reason(struct top_row *out, const char *name, uint64_t per_s)
{
	uint32_t i = TOP_REASON_MAX;

	while (i > 0 && per_s > out->reasons[i - 1].per_s) {
		i--;
	}
	if (i == TOP_REASON_MAX) {
		return;
	}
	memmove(&out->reasons[i + 1], &out->reasons[i],
		(TOP_REASON_MAX - 1 - i) * sizeof(out->reasons[0]));
	out->reasons[i].name = name;
	out->reasons[i].per_s = per_s;
}

/* The counters of the partition with @id at a look; NULL: it was not there. */
static const struct top_counters *top_find(const struct top_look *l,
					   uint32_t id)
{
	for (uint32_t i = 0; i < TOP_PARTITION_MAX; i++) {
		if (l->rows[i].is_there && l->rows[i].id == id) {
			return &l->rows[i];
		}
	}
	return NULL;
}

/* Its most frequent exits. */
static void top_reasons(const struct top_counters *now,
			const struct top_counters *before, uint64_t interval,
			struct top_row *out)
{
	for (uint32_t n = 0; n < TOP_EXIT_MAX; n++) {
		uint32_t count = now->reasons[n] - before->reasons[n];
		uint64_t per_s = (uint64_t)count * 1000000 / interval;

		if (per_s > 0) {
			top_reason(out, ops_exit_name(n), per_s);
		}
	}
}

void top_row(const struct top *t, uint32_t index, struct top_row *out)
{
	static const struct top_counters zeros;
	static struct partition_stats st; /* management context */
	uint64_t interval = top_interval_us(t);
	const struct top_counters *now, *before, *life;
	struct partition_view v = { 0 };

	memset(&st, 0, sizeof(st));
	memset(out, 0, sizeof(*out));
	ops_view(index, &v);
	ops_stats(index, &st);
	out->index = index;
	out->memory_current = st.memory_current;
	now = top_find(&t->looks[t->last], v.id);
	if (now == NULL || interval == 0) {
		return; /* it came since the last look */
	}
	before = top_find(&t->looks[!t->last], v.id);
	if (before == NULL) {
		before = &zeros; /* it is new */
	}
	/* what vCPUs count begins anew with them */
	life = before->exits > now->exits ? &zeros : before;
	out->cpu_permille =
		top_permille(before->usage_us, now->usage_us, interval);
	out->steal_permille =
		top_permille(life->steal_us, now->steal_us, interval);
	out->throttled_permille =
		top_permille(before->throttled_us, now->throttled_us, interval);
	out->exits_per_s = (now->exits - life->exits) * 1000000 / interval;
	top_reasons(now, life, interval, out);
}
