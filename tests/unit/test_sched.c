/* test_sched.c - picking, waking, sleeping, yielding, freezing, accounts. */
#include "vmm/sched_internal.h" /* before the global s */

#include "sched_machine.h"

/* Ticks that @v ran, up to @now. */
static uint64_t usage_at(const struct sched_vcpu *v, uint64_t now)
{
	sched_charge_all(&s, now);
	return v->usage;
}

/* By itself or by one above it, and nothing of it runs now. */
static bool is_frozen(const struct sched_group *g)
{
	return sched_group_is_frozen(&s, g) && g->running == 0;
}

static void test_one(void **state)
{
	struct sched_vcpu v;

	(void)state;
	begin(2);
	add(&v, NULL);
	assert_null(pick(0, 0));
	sched_wake(&s, &v, 10);
	assert_int_equal(take_kicks(), 1);
	sched_wake(&s, &v, 11);
	assert_int_equal(take_kicks(), 0);
	assert_ptr_equal(pick(0, 30), &v);
	assert_true(turn.is_alone);
	assert_int_equal(turn.end, 30 + 250 * MS);
	assert_null(pick(1, 40));
	assert_int_equal(usage_at(&v, 80), 50);
	sched_put(&s, &v, 130, SCHED_NEVER);
	assert_null(pick(0, 140));
	assert_int_equal(usage_at(&v, 150), 100);
	assert_int_equal(sched_run_delay(&s, &v, 150), 20);
}

static void test_wake_is_not_lost(void **state)
{
	struct sched_vcpu v;

	(void)state;
	begin(1);
	add(&v, NULL);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(pick(0, 0), &v);
	sched_wake(&s, &v, 5);
	sched_put(&s, &v, 10, SCHED_NEVER);
	assert_ptr_equal(pick(0, 10), &v);
	sched_put(&s, &v, 20, SCHED_NEVER);
	assert_null(pick(0, 20));
}

static void test_timer(void **state)
{
	struct sched_vcpu v, w;

	(void)state;
	begin(1);
	add(&v, NULL);
	add(&w, NULL);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(pick(0, 0), &v);
	sched_put(&s, &v, 10, 3 * MS);
	assert_null(pick(0, 10));
	assert_int_equal(turn.end, 3 * MS);
	sched_wake(&s, &w, MS);
	assert_ptr_equal(pick(0, MS), &w);
	assert_int_equal(turn.end, 3 * MS); /* not 250 ms */
	sched_put(&s, &w, 3 * MS, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 3 * MS), &v);
	assert_false(turn.is_alone);
	assert_int_equal(turn.end, 8 * MS);
	/* A wake-up before its time takes the timer away. */
	sched_put(&s, &v, 4 * MS, 9 * MS);
	sched_wake(&s, &v, 5 * MS);
	assert_true(s.timer_at == SCHED_NEVER);
	/* A time that is over is now. */
	assert_non_null(pick(0, 5 * MS));
	sched_put(&s, s.cpu[0].current, 6 * MS, MS);
	assert_int_equal(s.timer_at, MS);
	assert_non_null(pick(0, 6 * MS));
	assert_true(s.timer_at == SCHED_NEVER);
}

static void test_one_cpu_watches_the_clock(void **state)
{
	struct sched_vcpu v, w;

	(void)state;
	begin(2);
	add(&v, NULL);
	add(&w, NULL);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(pick(0, 0), &v);
	sched_put(&s, &v, 10, 5 * MS);
	sched_wake(&s, &w, 20);
	assert_ptr_equal(pick(0, 20), &w);
	assert_int_equal(turn.end, 5 * MS);
	/* A CPU that has nothing to do takes it over. */
	assert_null(pick(1, 30));
	assert_int_equal(turn.end, 5 * MS);
	sched_put(&s, &w, 40, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 40), &w);
	assert_int_equal(turn.end, 40 + 250 * MS);
}

static void test_weights_share(void **state)
{
	struct pair a, b;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	add_pair(&b, NULL);
	assert_int_equal(sched_set_weight(&s, &b.g, 300, 0), OK);
	run_until(0, 4000 * MS);
	assert_in_range(a.v.usage, 990 * MS, 1010 * MS);
	assert_in_range(b.v.usage, 2990 * MS, 3010 * MS);
	assert_int_equal(a.g.usage, a.v.usage);
	assert_int_equal(s.root.usage, 4000 * MS);
	/* While it runs: half each from here. */
	assert_int_equal(sched_set_weight(&s, &b.g, 100, 4000 * MS), OK);
	run_until(4000 * MS, 6000 * MS);
	assert_in_range(a.v.usage, 1990 * MS, 2010 * MS);
}

static void test_weight_range(void **state)
{
	struct sched_group g;

	(void)state;
	begin(1);
	add_group(&g, NULL);
	assert_int_equal(sched_set_weight(&s, &g, 0, 0), ERR_RANGE);
	assert_int_equal(sched_set_weight(&s, &g, 10001, 0), ERR_RANGE);
	assert_int_equal(sched_set_weight(&s, &g, UINT64_MAX, 0), ERR_RANGE);
	assert_int_equal(g.se.weight, 100);
	assert_int_equal(sched_set_weight(&s, &g, 1, 0), OK);
	assert_int_equal(sched_set_weight(&s, &g, 10000, 0), OK);
	assert_int_equal(sched_set_weight(&s, &s.root, 100, 0), ERR_NOENT);
}

static void test_wake_takes_an_idle_cpu(void **state)
{
	struct sched_vcpu v[3];

	(void)state;
	begin(3);
	for (uint32_t i = 0; i < 3; i++) {
		add(&v[i], NULL);
		sched_wake(&s, &v[i], 0);
	}
	/* one each, and each CPU once */
	assert_int_equal(take_kicks(), 7);
	assert_non_null(pick(2, 5));
	assert_non_null(pick(1, 5));
	assert_non_null(pick(0, 5));
	/* Back where it was, if that is idle. */
	sched_put(&s, s.cpu[1].current, 10, SCHED_NEVER);
	assert_null(pick(1, 10));
	sched_put(&s, s.cpu[2].current, 10, SCHED_NEVER);
	assert_null(pick(2, 10));
	for (uint32_t i = 0; i < 3; i++) {
		if (v[i].state == SCHED_VCPU_BLOCKED && v[i].cpu == 2) {
			sched_wake(&s, &v[i], 20);
			assert_int_equal(take_kicks(), BIT(2));
		}
	}
}

static void test_wake_preempts_who_had_more(void **state)
{
	struct pair a, b;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	add_pair(&b, NULL);
	assert_true(sched_block(&s, &b.v, 0));
	take_kicks();
	assert_ptr_equal(pick(0, 0), &a.v);
	assert_int_equal(turn.end, 250 * MS);
	sched_wake(&s, &b.v, 100 * US);
	/* Not yet ahead, but its turn is too long with somebody waiting. */
	assert_int_equal(take_kicks(), 1);
	sched_put(&s, &a.v, 110 * US, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 110 * US), &b.v);
	sched_put(&s, &b.v, 120 * US, SCHED_NEVER);
	assert_ptr_equal(pick(0, 120 * US), &a.v);
	sched_put(&s, &a.v, 400 * US, SCHED_RUNNABLE);
	sched_wake(&s, &b.v, 400 * US);
	assert_ptr_equal(pick(0, 400 * US), &b.v);
}

/* Each wake-up has its own CPU come back, though one would be enough for both
 * to be looked at; and who is pushed off ends the next long turn. */
static void test_long_turns_end(void **state)
{
	struct pair p[5];

	(void)state;
	begin(3);
	for (uint32_t i = 0; i < 5; i++) {
		add_pair(&p[i], NULL);
		if (i >= 3) {
			assert_true(sched_block(&s, &p[i].v, 0));
		}
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_non_null(pick(i, 0));
	}
	for (uint32_t i = 0; i < 3; i++) {
		sched_put(&s, s.cpu[i].current, 5 * MS, SCHED_RUNNABLE);
		assert_non_null(pick(i, 5 * MS));
		assert_true(turn.is_alone);
	}
	take_kicks();
	sched_wake(&s, &p[3].v, 50 * MS);
	assert_int_equal(__builtin_popcountll(kicked), 1);
	sched_wake(&s, &p[4].v, 50 * MS);
	assert_int_equal(__builtin_popcountll(kicked), 2);
	/* The third of the long turns ends by the first of the picks. */
	for (uint64_t k = take_kicks(); k != 0; k &= k - 1) {
		uint32_t cpu = (uint32_t)__builtin_ctzll(k);

		sched_put(&s, s.cpu[cpu].current, 50 * MS, SCHED_RUNNABLE);
		assert_non_null(pick(cpu, 50 * MS));
		assert_int_equal(turn.end, 55 * MS);
	}
	assert_int_equal(__builtin_popcountll(take_kicks()), 1);
	assert_int_equal(s.alone_cpus, 0);
}

static void test_block(void **state)
{
	struct sched_vcpu v, w;

	(void)state;
	begin(1);
	add(&v, NULL);
	add(&w, NULL);
	sched_wake(&s, &v, 0);
	sched_wake(&s, &w, 0);
	take_kicks();
	assert_non_null(pick(0, 0));
	assert_true(sched_block(&s, s.cpu[0].current == &v ? &w : &v, 1));
	assert_false(sched_tree_has(&s.root.tree, BIT(0)));
	assert_false(sched_block(&s, s.cpu[0].current, 2));
	assert_int_equal(take_kicks(), 1);
	sched_put(&s, s.cpu[0].current, 3, SCHED_NEVER);
	assert_null(pick(0, 3));
	assert_true(sched_block(&s, &v, 4));
	assert_int_equal(v.state, SCHED_VCPU_BLOCKED);
}

static void test_yield(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[3], other;
	struct sched_vcpu *r;

	(void)state;
	begin(1);
	add_group(&g, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		add(&v[i], &g);
	}
	add(&other, NULL);
	sched_wake(&s, &v[0], 0);
	assert_ptr_equal(pick(0, 0), &v[0]);
	/* Nobody to yield to: a stranger is none. */
	assert_false(sched_yield_any(&s, &v[0], 5));
	sched_wake(&s, &other, 6);
	assert_false(sched_yield_any(&s, &v[0], 7));
	assert_true(sched_block(&s, &other, 8));
	sched_wake(&s, &v[2], 10);
	sched_wake(&s, &v[1], 20);
	/* To the one that waits longest, even if it had more than v[1]. */
	assert_true(sched_yield_any(&s, &v[0], 30));
	sched_put(&s, &v[0], 30, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 30), &v[2]);
	/* To this one, although the first has waited longer. */
	assert_true(sched_yield_to(&s, &v[2], &v[0], 40));
	sched_put(&s, &v[2], 40, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 40), &v[0]);
	/* Not to one that sleeps, itself, or one of another group. */
	assert_true(sched_block(&s, &v[1], 50));
	assert_false(sched_yield_to(&s, &v[0], &v[1], 50));
	assert_false(sched_yield_to(&s, &v[0], &v[0], 50));
	sched_wake(&s, &other, 50);
	assert_false(sched_yield_to(&s, &v[0], &other, 50));
	/* One that does not run cannot yield. */
	assert_false(sched_yield_any(&s, &v[1], 50));
	sched_put(&s, &v[0], 60, SCHED_RUNNABLE);
	r = pick(0, 60);
	assert_non_null(r);
}

/* Yielding without end must not starve another group. */
static void test_yield_is_fair(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[2];
	struct pair other;
	uint64_t now = 0;

	(void)state;
	begin(1);
	add_group(&g, NULL);
	add_pair(&other, NULL);
	for (uint32_t i = 0; i < 2; i++) {
		add(&v[i], &g);
		sched_wake(&s, &v[i], 0);
	}
	while (now < 1000 * MS) {
		struct sched_vcpu *r = pick(0, now);

		if (r == &other.v) {
			now = turn.end;
		} else {
			now += 20 * US;
			(void)sched_yield_any(&s, r, now);
		}
		sched_put(&s, r, now, SCHED_RUNNABLE);
	}
	assert_in_range(g.usage, 490 * MS, 510 * MS);
	assert_in_range(v[0].usage, 240 * MS, 260 * MS);
}

static void test_freeze(void **state)
{
	struct sched_group top;
	struct pair a, b;

	(void)state;
	begin(2);
	add_group(&top, NULL);
	add_pair(&a, &top);
	add_pair(&b, &top);
	assert_ptr_equal(pick(0, 0), &a.v);
	take_kicks();
	sched_set_freeze(&s, &top, true, 10);
	/* The one that runs is called back, the one that waits is parked. */
	assert_int_equal(take_kicks(), 1);
	assert_int_equal(b.v.state, SCHED_VCPU_PARKED);
	assert_false(is_frozen(&top));
	assert_true(is_frozen(&b.g));
	sched_put(&s, &a.v, 20, SCHED_RUNNABLE);
	assert_true(is_frozen(&top));
	assert_null(pick(0, 20));
	/* A wake-up is kept for later; frozen time is not stolen time. */
	assert_true(sched_block(&s, &a.v, 30));
	sched_wake(&s, &a.v, 40);
	assert_null(pick(0, 40));
	sched_set_freeze(&s, &b.g, true, 50);
	sched_set_freeze(&s, &top, false, 1000 * MS);
	assert_ptr_equal(pick(0, 1000 * MS), &a.v);
	assert_int_equal(a.v.run_delay, 0);
	assert_null(pick(1, 1000 * MS));
	sched_set_freeze(&s, &b.g, false, 1001 * MS);
	assert_int_equal(take_kicks() & BIT(1), BIT(1));
	assert_ptr_equal(pick(1, 1001 * MS), &b.v);
	assert_int_equal(b.v.run_delay, 10);
	assert_false(is_frozen(&b.g));
	/* Setting it twice is once. */
	sched_set_freeze(&s, &b.g, true, 1002 * MS);
	sched_set_freeze(&s, &b.g, true, 1002 * MS);
	sched_set_freeze(&s, &b.g, false, 1003 * MS);
	assert_int_equal(s.freeze_count, 0);
	/* The root has no such file. */
	sched_set_freeze(&s, &s.root, true, 1004 * MS);
	assert_int_equal(s.freeze_count, 0);
}

static void test_tree_rules(void **state)
{
	struct sched_group g[SCHED_DEPTH_MAX + 1], leaf;
	struct sched_vcpu v;

	(void)state;
	begin(1);
	for (uint32_t i = 0; i < SCHED_DEPTH_MAX; i++) {
		add_group(&g[i], i == 0 ? NULL : &g[i - 1]);
	}
	assert_int_equal(sched_group_add(&s, &g[SCHED_DEPTH_MAX],
					 &g[SCHED_DEPTH_MAX - 1], 0),
			 ERR_LIMIT);
	/* No internal processes. */
	assert_int_equal(sched_vcpu_add(&s, &v, &g[0], 0), ERR_BUSY);
	add(&v, &g[SCHED_DEPTH_MAX - 1]);
	assert_int_equal(g[0].vcpu_count, 1);
	assert_int_equal(sched_group_remove(&s, &g[0]), ERR_BUSY);
	assert_int_equal(sched_group_remove(&s, &g[SCHED_DEPTH_MAX - 1]),
			 ERR_BUSY);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(pick(0, 0), &v);
	assert_int_equal(sched_vcpu_remove(&s, &v, 1), ERR_BUSY);
	sched_put(&s, &v, 2, SCHED_RUNNABLE);
	assert_int_equal(sched_vcpu_remove(&s, &v, 3), OK);
	for (uint32_t i = SCHED_DEPTH_MAX; i-- > 0;) {
		assert_int_equal(sched_group_remove(&s, &g[i]), OK);
	}
	assert_null(pick(0, 4));
	assert_int_equal(s.root.vcpu_count, 0);
	assert_int_equal(s.root.waiting + s.root.running, 0);
	/* A group that holds vCPUs takes no groups. */
	add_group(&leaf, NULL);
	add(&v, &leaf);
	assert_int_equal(sched_group_add(&s, &g[0], &leaf, 0), ERR_BUSY);
	assert_int_equal(sched_group_remove(&s, &s.root), ERR_BUSY);
}

static void test_long_sleep_gives_no_credit(void **state)
{
	struct pair a, b;
	uint64_t used;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	add_pair(&b, NULL);
	assert_true(sched_block(&s, &b.v, 0));
	run_until(0, 3600 * 1000 * MS);
	sched_wake(&s, &b.v, 3600 * 1000 * MS);
	used = a.v.usage;
	run_until(3600 * 1000 * MS, 3600 * 1000 * MS + 100 * MS);
	assert_true(a.v.usage - used >= 40 * MS);
	assert_true(b.v.usage >= 45 * MS);
}

static void test_clocks_may_differ(void **state)
{
	struct sched_vcpu v;

	(void)state;
	begin(2);
	add(&v, NULL);
	sched_wake(&s, &v, 1000);
	/* CPU 1's clock is 100 behind. */
	assert_ptr_equal(pick(1, 900), &v);
	assert_int_equal(v.run_delay, 0);
	assert_int_equal(usage_at(&v, 800), 0);
	sched_put(&s, &v, 850, SCHED_RUNNABLE);
	assert_int_equal(v.usage, 0);
	assert_int_equal(sched_run_delay(&s, &v, 700), 0);
	assert_ptr_equal(pick(0, 1000), &v);
}

static void test_tune(void **state)
{
	static const struct sched_params p = { .slice_us = 1000,
					       .slice_alone_us = 7000 };
	static const struct sched_params wild = { .slice_us = UINT32_MAX };
	struct sched_vcpu v, w;

	(void)state;
	begin(1);
	sched_tune(&s, &p);
	add(&v, NULL);
	add(&w, NULL);
	sched_wake(&s, &v, 0);
	assert_ptr_equal(pick(0, 0), &v);
	assert_int_equal(turn.end, 7 * MS);
	sched_wake(&s, &w, 0);
	sched_put(&s, &v, 7 * MS, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 7 * MS), &w);
	assert_int_equal(turn.end, 8 * MS);
	sched_tune(&s, &wild);
	assert_int_equal(s.slice, 20 * MS);
	assert_int_equal(s.slice_alone, 250 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_one),
		UNIT(test_wake_is_not_lost),
		UNIT(test_timer),
		UNIT(test_one_cpu_watches_the_clock),
		UNIT(test_weights_share),
		UNIT(test_weight_range),
		UNIT(test_wake_takes_an_idle_cpu),
		UNIT(test_wake_preempts_who_had_more),
		UNIT(test_long_turns_end),
		UNIT(test_block),
		UNIT(test_yield),
		UNIT(test_yield_is_fair),
		UNIT(test_freeze),
		UNIT(test_tree_rules),
		UNIT(test_long_sleep_gives_no_credit),
		UNIT(test_clocks_may_differ),
		UNIT(test_tune),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
