/* test_sched_quota.c - cpu.max: periods, bursts, nesting, several CPUs. */
#include "sched_machine.h"

static void set_max(struct sched_group *g, uint64_t quota_us)
{
	assert_int_equal(
		sched_set_max(&s, g, (struct sched_max){ quota_us, 100000, 0 },
			      0),
		OK);
}

static void test_a_quarter(void **state)
{
	struct pair a;
	struct cpu_stat stat;
	uint64_t now = 0;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	set_max(&a.g, 25000);
	while (now < 1000 * MS) {
		struct sched_vcpu *r = pick(0, now);

		now = turn.end;
		if (r != NULL) {
			/* what it takes to come back */
			now += 3 * US;
			sched_put(&s, r, now, SCHED_RUNNABLE);
		}
	}
	/* 25 % within 0.02 % of a CPU: what it overran is deducted. */
	assert_in_range(a.v.usage, 249800 * US, 250200 * US);
	sched_read_stat(&s, &a.g, 1000 * MS, &stat, NULL);
	assert_int_equal(stat.nr_periods, 10);
	assert_int_equal(stat.nr_throttled, 10);
	assert_in_range(stat.throttled_us, 749000, 751000);
	assert_int_equal(stat.nr_bursts, 0);
	assert_int_equal(stat.burst_us, 0);
}

static void test_each_period_holds(void **state)
{
	struct pair a, b;
	uint64_t before = 0;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	add_pair(&b, NULL);
	set_max(&a.g, 30000);
	for (uint32_t i = 1; i <= 20; i++) {
		run_until((i - 1) * 100 * MS, i * 100 * MS);
		assert_int_equal(a.v.usage - before, 30 * MS);
		before = a.v.usage;
	}
	assert_int_equal(b.v.usage, 20 * 70 * MS);
}

/* Two vCPUs on two CPUs use it up twice as fast, and no more. */
static void test_two_cpus(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[2];
	uint64_t next[2] = { 0, 0 };

	(void)state;
	begin(2);
	add_group(&g, NULL);
	set_max(&g, 50000);
	for (uint32_t i = 0; i < 2; i++) {
		add(&v[i], &g);
		sched_wake(&s, &v[i], 0);
	}
	while (next[0] < 1000 * MS) {
		uint32_t cpu = next[1] < next[0] ? 1 : 0;
		uint64_t now = next[cpu];

		if (s.cpu[cpu].current != NULL) {
			sched_put(&s, s.cpu[cpu].current, now, SCHED_RUNNABLE);
		}
		(void)pick(cpu, now);
		next[cpu] = turn.end;
		for (uint64_t k = take_kicks(); k != 0; k &= k - 1) {
			uint32_t i = (uint32_t)__builtin_ctzll(k);

			next[i] = next[i] < now + US ? next[i] : now + US;
		}
	}
	assert_in_range(g.usage, 499000 * US, 501000 * US);
	assert_in_range(v[0].usage, 230 * MS, 270 * MS);
}

static void test_burst(void **state)
{
	struct pair a;
	struct cpu_stat stat;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	assert_int_equal(
		sched_set_max(&s, &a.g,
			      (struct sched_max){ 20000, 100000, 15000 }, 0),
		OK);
	/* Idle for a while, then 35 ms of a period, then 20 of each. */
	assert_true(sched_block(&s, &a.v, 0));
	assert_null(pick(0, 0));
	sched_wake(&s, &a.v, 1000 * MS);
	run_until(1000 * MS, 1100 * MS);
	assert_int_equal(a.v.usage, 35 * MS);
	run_until(1100 * MS, 1300 * MS);
	assert_int_equal(a.v.usage, 75 * MS);
	sched_read_stat(&s, &a.g, 1300 * MS, &stat, NULL);
	(void)take_kicks();
	/* The same again: what is used stays used. */
	assert_int_equal(
		sched_set_max(&s, &a.g,
			      (struct sched_max){ 20000, 100000, 15000 },
			      1300 * MS),
		OK);
	assert_int_equal(take_kicks(), 0);
	assert_int_equal(stat.nr_bursts, 1);
	assert_int_equal(stat.burst_us, 15000);
	assert_int_equal(stat.nr_periods, 3);
	/* Without: what is left over is lost. */
	assert_int_equal(sched_set_max(&s, &a.g,
				       (struct sched_max){ 20000, 100000, 0 },
				       1300 * MS),
			 OK);
	assert_true(sched_block(&s, &a.v, 1300 * MS));
	sched_wake(&s, &a.v, 2000 * MS);
	run_until(2000 * MS, 2100 * MS);
	assert_int_equal(a.v.usage, 95 * MS);
}

static void test_parent_binds(void **state)
{
	struct sched_group top;
	struct pair a, b, other;

	(void)state;
	begin(1);
	add_group(&top, NULL);
	add_pair(&a, &top);
	add_pair(&b, &top);
	add_pair(&other, NULL);
	set_max(&top, 40000);
	set_max(&a.g, 10000);
	run_until(0, 1000 * MS);
	assert_int_equal(top.usage, 400 * MS);
	assert_int_equal(a.g.usage, 100 * MS);
	assert_int_equal(b.g.usage, 300 * MS);
	assert_int_equal(other.g.usage, 600 * MS);
}

static void test_waiting_while_throttled(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[2];

	(void)state;
	begin(1);
	add_group(&g, NULL);
	set_max(&g, 10000);
	add(&v[0], &g);
	add(&v[1], &g);
	sched_wake(&s, &v[0], 0);
	run_until(0, 20 * MS);
	assert_true(g.q.is_throttled);
	take_kicks();
	/* A wake-up does not get around it, nor does it kick anyone. */
	sched_wake(&s, &v[1], 20 * MS);
	assert_int_equal(take_kicks(), 0);
	assert_null(pick(0, 20 * MS));
	assert_int_equal(turn.end, 100 * MS);
	assert_int_equal(g.waiting, 2);
	/* Time throttled is time not run: steal time for the guest. */
	assert_int_equal(sched_run_delay(&s, &v[1], 90 * MS), 70 * MS);
	assert_true(sched_block(&s, &v[1], 90 * MS));
	assert_ptr_equal(pick(0, 100 * MS), &v[0]);
	sched_put(&s, &v[0], 105 * MS, SCHED_RUNNABLE);
	/* Lifting the limit ends it at once. */
	run_until(105 * MS, 120 * MS);
	assert_true(g.q.is_throttled);
	take_kicks();
	assert_int_equal(
		sched_set_max(&s, &g,
			      (struct sched_max){ SCHED_QUOTA_NONE, 100000, 0 },
			      121 * MS),
		OK);
	assert_int_equal(take_kicks(), 1);
	assert_ptr_equal(pick(0, 121 * MS), &v[0]);
	assert_int_equal(g.limited_levels, 0);
	assert_true(s.refill_at == SCHED_NEVER);
}

/* Its sibling has reserved all that is left, and gives back what it does not
 * need to whoever comes. */
static void test_reservation_is_called_back(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[2];

	(void)state;
	begin(2);
	add_group(&g, NULL);
	set_max(&g, 50000);
	add(&v[0], &g);
	add(&v[1], &g);
	sched_wake(&s, &v[0], 0);
	assert_ptr_equal(pick(0, 0), &v[0]);
	assert_int_equal(turn.end, 50 * MS);
	assert_int_equal(g.q.pool, 0);
	sched_wake(&s, &v[1], 10 * MS);
	take_kicks();
	assert_null(pick(1, 10 * MS));
	assert_int_equal(take_kicks(), 1);
	sched_put(&s, &v[0], 10 * MS + 1, SCHED_RUNNABLE);
	assert_int_equal(take_kicks(), BIT(1));
	assert_non_null(pick(0, 10 * MS + 1));
	assert_non_null(pick(1, 10 * MS + 1));
}

static void test_ranges(void **state)
{
	struct sched_group g;

	(void)state;
	begin(1);
	add_group(&g, NULL);
	assert_int_equal(
		sched_set_max(&s, &g, (struct sched_max){ 999, 100000, 0 }, 0),
		ERR_INVALID);
	assert_int_equal(
		sched_set_max(&s, &g, (struct sched_max){ 1000, 999, 0 }, 0),
		ERR_INVALID);
	assert_int_equal(sched_set_max(&s, &g,
				       (struct sched_max){ 1000, 1000001, 0 },
				       0),
			 ERR_INVALID);
	assert_int_equal(sched_set_max(&s, &g,
				       (struct sched_max){ SCHED_QUOTA_MAX + 1,
							   1000, 0 },
				       0),
			 ERR_INVALID);
	assert_int_equal(
		sched_set_max(&s, &g, (struct sched_max){ 1000, 1000, 0 }, 0),
		OK);
	assert_int_equal(
		sched_set_max(&s, &g,
			      (struct sched_max){ SCHED_QUOTA_MAX, 1000000, 0 },
			      0),
		OK);
	assert_int_equal(sched_set_max(&s, &g,
				       (struct sched_max){ 5000, 1000000, 0 },
				       0),
			 OK);
	assert_int_equal(
		sched_set_max(&s, &g, (struct sched_max){ 5000, 1000000, 5001 },
			      0),
		ERR_INVALID);
	assert_int_equal(
		sched_set_max(&s, &g, (struct sched_max){ 5000, 1000000, 5000 },
			      0),
		OK);
	assert_int_equal(
		sched_set_max(&s, &g, (struct sched_max){ 4999, 1000000, 5000 },
			      0),
		ERR_INVALID);
	assert_int_equal(g.q.quota_us, 5000);
	assert_int_equal(
		sched_set_max(&s, &g,
			      (struct sched_max){ SCHED_QUOTA_NONE, 100000, 0 },
			      0),
		OK);
	assert_int_equal(sched_set_max(&s, &g,
				       (struct sched_max){ SCHED_QUOTA_NONE,
							   100000, 1000000 },
				       0),
			 OK);
	assert_int_equal(sched_set_max(&s, &s.root,
				       (struct sched_max){ 5000, 100000, 0 },
				       0),
			 ERR_NOENT);
}

/* A group becomes active by a wake-up after its throttling should have ended,
 * but before anybody looked. */
static void test_wake_ends_throttling_that_is_over(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[2];

	(void)state;
	begin(1);
	add_group(&g, NULL);
	set_max(&g, 10000);
	add(&v[0], &g);
	add(&v[1], &g);
	sched_wake(&s, &v[0], 0);
	run_until(0, 50 * MS);
	assert_true(g.q.is_throttled);
	sched_wake(&s, &v[1], 130 * MS);
	assert_false(g.q.is_throttled);
	assert_ptr_equal(pick(0, 130 * MS), &v[1]);
	sched_put(&s, &v[1], 131 * MS, SCHED_NEVER);
	assert_ptr_equal(pick(0, 131 * MS), &v[0]);
	sched_put(&s, &v[0], 132 * MS, SCHED_NEVER);
	assert_null(pick(0, 132 * MS));
}

static void test_remove_while_throttled(void **state)
{
	struct pair a, b;

	(void)state;
	begin(1);
	add_pair(&a, NULL);
	set_max(&a.g, 1000);
	run_until(0, 2 * MS);
	assert_true(a.g.q.is_throttled);
	assert_int_equal(sched_vcpu_remove(&s, &a.v, 2 * MS), OK);
	assert_int_equal(sched_group_remove(&s, &a.g), OK);
	memset(&a, 0xee, sizeof(a));
	add_pair(&b, NULL);
	run_until(2 * MS, 300 * MS);
	assert_int_equal(b.v.usage, 298 * MS);
	assert_int_equal(b.g.limited_levels, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_a_quarter),
		UNIT(test_each_period_holds),
		UNIT(test_two_cpus),
		UNIT(test_burst),
		UNIT(test_parent_binds),
		UNIT(test_waiting_while_throttled),
		UNIT(test_reservation_is_called_back),
		UNIT(test_ranges),
		UNIT(test_wake_ends_throttling_that_is_over),
		UNIT(test_remove_while_throttled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
