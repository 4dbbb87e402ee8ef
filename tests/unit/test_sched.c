/* test_sched.c - picking, waking, sleeping, yielding, masks, time accounts. */
#include "tests/lib/unit.h"

#include "vmm/sched.h"

#include <bh/string.h>

#define KHZ 1000000u /* a tick is a nanosecond */
#define US  1000ull
#define MS  1000000ull

static struct sched s;
static uint64_t kicked; /* CPUs, since last looked */
static struct sched_turn turn;

static void kick(void *ctx, uint32_t cpu)
{
	assert_ptr_equal(ctx, &s);
	kicked |= BIT(cpu);
}

static const struct sched_ops ops = { .kick = kick };

static uint64_t take_kicks(void)
{
	uint64_t k = kicked;

	kicked = 0;
	return k;
}

static void begin(uint32_t cpus)
{
	sched_init(&s, &ops, &s, cpus, KHZ, 0);
	kicked = 0;
	for (uint32_t i = 0; i < cpus; i++) {
		assert_null(sched_pick(&s, i, 0, &turn));
		assert_true(turn.end == SCHED_NEVER);
	}
}

static void add(struct sched_vcpu *v, struct sched_group *g)
{
	assert_int_equal(sched_vcpu_add(&s, v, g, 0), OK);
}

static void add_group(struct sched_group *g, struct sched_group *parent)
{
	assert_int_equal(sched_group_add(&s, g, parent, 0), OK);
}

static void test_one(void **state)
{
	struct sched_vcpu v;

	(void)state;
	begin(2);
	add(&v, NULL);
	assert_null(sched_pick(&s, 0, 0, &turn));
	sched_wake(&s, &v, 10);
	assert_int_equal(take_kicks(), 1);
	sched_wake(&s, &v, 11);
	assert_int_equal(take_kicks(), 0);
	assert_ptr_equal(sched_pick(&s, 0, 30, &turn), &v);
	assert_true(turn.is_alone);
	assert_int_equal(turn.end, 30 + 250 * MS);
	assert_null(sched_pick(&s, 1, 40, &turn));
	sched_put(&s, &v, 130, SCHED_NEVER);
	assert_null(sched_pick(&s, 0, 140, &turn));
	assert_int_equal(sched_usage(&s, &v, 150), 100);
	assert_int_equal(sched_run_delay(&s, &v, 150), 20);
}

static void test_wake_is_not_lost(void **state)
{
	struct sched_vcpu v;

	(void)state;
	begin(1);
	add(&v, NULL);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(sched_pick(&s, 0, 0, &turn), &v);
	sched_wake(&s, &v, 5);
	sched_put(&s, &v, 10, SCHED_NEVER);
	assert_ptr_equal(sched_pick(&s, 0, 10, &turn), &v);
	sched_put(&s, &v, 20, SCHED_NEVER);
	assert_null(sched_pick(&s, 0, 20, &turn));
}

static void test_timer(void **state)
{
	struct sched_vcpu v, w;

	(void)state;
	begin(1);
	add(&v, NULL);
	add(&w, NULL);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(sched_pick(&s, 0, 0, &turn), &v);
	sched_put(&s, &v, 10, 3 * MS);
	assert_null(sched_pick(&s, 0, 10, &turn));
	assert_int_equal(turn.end, 3 * MS);
	sched_wake(&s, &w, MS);
	assert_ptr_equal(sched_pick(&s, 0, MS, &turn), &w);
	assert_int_equal(turn.end, 3 * MS); /* not 250 ms */
	sched_put(&s, &w, 3 * MS, SCHED_RUNNABLE);
	assert_ptr_equal(sched_pick(&s, 0, 3 * MS, &turn), &v);
	assert_false(turn.is_alone);
	assert_int_equal(turn.end, 8 * MS);
}

static void test_two_share(void **state)
{
	struct sched_group a, b;
	struct sched_vcpu v, w;
	uint64_t now = 0;

	(void)state;
	begin(1);
	add_group(&a, NULL);
	add_group(&b, NULL);
	add(&v, &a);
	add(&w, &b);
	assert_int_equal(sched_set_weight(&s, &b, 300, 0), OK);
	sched_wake(&s, &v, 0);
	sched_wake(&s, &w, 0);
	while (now < 4000 * MS) {
		struct sched_vcpu *r = sched_pick(&s, 0, now, &turn);

		assert_non_null(r);
		assert_int_equal(turn.end, now + 5 * MS);
		now = turn.end;
		sched_put(&s, r, now, SCHED_RUNNABLE);
	}
	assert_in_range(v.usage, 990 * MS, 1010 * MS);
	assert_in_range(w.usage, 2990 * MS, 3010 * MS);
	assert_int_equal(a.usage, v.usage);
	assert_int_equal(s.root.usage, 4000 * MS);
}

static void test_quota(void **state)
{
	struct sched_group a;
	struct sched_vcpu v;
	uint64_t now = 0;

	(void)state;
	begin(1);
	add_group(&a, NULL);
	add(&v, &a);
	assert_int_equal(sched_set_max(&s, &a, 25000, 100000, 0), OK);
	sched_wake(&s, &v, 0);
	while (now < 1000 * MS) {
		struct sched_vcpu *r = sched_pick(&s, 0, now, &turn);

		now = turn.end;
		if (r != NULL) {
			now += 3 * US; /* what it takes to come back */
			sched_put(&s, r, now, SCHED_RUNNABLE);
		}
	}
	assert_in_range(v.usage, 249900 * US, 250100 * US);
	assert_int_equal(a.q.nr_periods, 9); /* the tenth is not seen yet */
	assert_int_equal(a.q.nr_throttled, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_one),   UNIT(test_wake_is_not_lost),
		UNIT(test_timer), UNIT(test_two_share),
		UNIT(test_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
