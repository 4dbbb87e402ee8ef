/* test_sched_cpus.c - masks of groups and vCPUs, and changes to them. */
#include "sched_machine.h"

static uint64_t mask_of(const struct sched_group *g)
{
	return g->se.node.mask;
}

static void test_effective(void **state)
{
	struct sched_group top, sub;
	struct sched_vcpu v;

	(void)state;
	begin(4);
	add_group(&top, NULL);
	add_group(&sub, &top);
	add(&v, &sub);
	assert_int_equal(mask_of(&sub), 0xf);
	sched_set_cpus(&s, &top, 0x6, 0);
	assert_int_equal(mask_of(&top), 0x6);
	assert_int_equal(mask_of(&sub), 0x6);
	sched_set_cpus(&s, &sub, 0xc, 0);
	assert_int_equal(mask_of(&sub), 0x4);
	/* None left: the parent's. None such: not there. */
	sched_set_cpus(&s, &sub, 0x9, 0);
	assert_int_equal(mask_of(&sub), 0x6);
	assert_int_equal(sub.cpus, 0x9);
	sched_set_cpus(&s, &top, 0xff0, 0);
	assert_int_equal(mask_of(&top), 0xf);
	assert_int_equal(mask_of(&sub), 0x9);
	sched_set_affinity(&s, &v, 0x8, 0);
	assert_int_equal(v.se.node.mask, 0x8);
	sched_set_cpus(&s, &sub, 0x3, 0);
	assert_int_equal(v.se.node.mask, 0x3);
	sched_set_cpus(&s, &sub, 0, 0);
	assert_int_equal(v.se.node.mask, 0x8);
	sched_set_affinity(&s, &v, 0, 0);
	assert_int_equal(v.se.node.mask, 0xf);
	assert_int_equal(s.restricted_count, 0);
	assert_int_equal(s.promoted_count, 0);
	sched_set_cpus(&s, &s.root, 1, 0);
	assert_int_equal(mask_of(&s.root), 0xf);
}

static void test_only_where_allowed(void **state)
{
	struct pair a;

	(void)state;
	begin(2);
	add_pair(&a, NULL);
	take_kicks();
	sched_set_cpus(&s, &a.g, 2, 0);
	assert_int_equal(take_kicks(), 2);
	assert_null(pick(0, 1));
	assert_ptr_equal(pick(1, 2), &a.v);
	/* Called back from where it may not be any more. */
	sched_set_cpus(&s, &a.g, 1, 3);
	assert_int_equal(take_kicks(), 2);
	sched_put(&s, &a.v, 4, SCHED_RUNNABLE);
	assert_null(pick(1, 4));
	/* That pick told CPU 0. */
	assert_int_equal(take_kicks(), 1);
	assert_ptr_equal(pick(0, 5), &a.v);
	/* A change that leaves it where it is. */
	sched_set_cpus(&s, &a.g, 3, 6);
	assert_int_equal(take_kicks(), 0);
	sched_put(&s, &a.v, 7, SCHED_NEVER);
	sched_set_cpus(&s, &a.g, 2, 8);
	sched_wake(&s, &a.v, 9);
	assert_int_equal(take_kicks(), 2);
}

/* One that may run only here pushes one off that may run elsewhere, too. */
static void test_pushed_off_to_an_idle_cpu(void **state)
{
	struct pair a, b;

	(void)state;
	begin(2);
	add_pair(&a, NULL);
	add_pair(&b, NULL);
	assert_true(sched_block(&s, &b.v, 0));
	sched_set_cpus(&s, &b.g, 1, 0);
	assert_ptr_equal(pick(0, 0), &a.v);
	assert_null(pick(1, 0));
	take_kicks();
	sched_wake(&s, &b.v, 5 * MS);
	assert_int_equal(take_kicks(), 1);
	sched_put(&s, &a.v, 5 * MS, SCHED_RUNNABLE);
	assert_ptr_equal(pick(0, 5 * MS), &b.v);
	assert_int_equal(take_kicks(), 2);
	assert_ptr_equal(pick(1, 5 * MS), &a.v);
}

/* Pinned vCPUs have their part of their partition's weight. */
static void test_promoted_share(void **state)
{
	struct sched_group top, g, h;
	struct sched_vcpu v[4], w;

	(void)state;
	begin(2);
	add_group(&top, NULL);
	add_group(&g, &top);
	add_group(&h, &top);
	add(&w, &h);
	for (uint32_t i = 0; i < 4; i++) {
		add(&v[i], &g);
		sched_wake(&s, &v[i], 0);
	}
	sched_wake(&s, &w, 0);
	assert_int_equal(g.se.share, 100 * 1024);
	sched_set_affinity(&s, &v[0], 1, 0);
	assert_true(v[0].se.is_promoted);
	/* Three of four vCPUs are left below the group, and below its parent
	 * three eighths and a half. */
	assert_int_equal(g.se.share, 75 * 1024);
	assert_int_equal(top.se.share, 100 * 1024 * 7 / 8);
	sched_set_affinity(&s, &v[1], 2, 0);
	assert_int_equal(g.se.share, 50 * 1024);
	assert_true(sched_block(&s, &v[0], 0));
	assert_int_equal(g.se.share, 100 * 1024 * 2 / 3);
	sched_set_affinity(&s, &v[1], 0, 0);
	sched_set_affinity(&s, &v[0], 0, 0);
	assert_int_equal(g.se.share, 100 * 1024);
	assert_int_equal(top.se.share, 100 * 1024);
	assert_int_equal(s.promoted_count, 0);
	/* All of them pinned: nothing of the group waits in its tree. */
	for (uint32_t i = 0; i < 4; i++) {
		sched_set_affinity(&s, &v[i], 1, 0);
	}
	assert_int_equal(g.se.share, 0);
	assert_null(g.se.tree);
	sched_set_affinity(&s, &w, 1, 0);
	assert_int_equal(top.se.share, 0);
	assert_null(pick(1, 0));
	run_until(0, 1000 * MS);
	assert_in_range(w.usage, 490 * MS, 510 * MS);
	assert_in_range(v[1].usage, 160 * MS, 175 * MS); /* of three */
}

static void test_throttle_reaches_promoted(void **state)
{
	struct sched_group g;
	struct sched_vcpu v[2];

	(void)state;
	begin(2);
	add_group(&g, NULL);
	assert_int_equal(sched_set_max(&s, &g,
				       (struct sched_max){ 10000, 100000, 0 },
				       0),
			 OK);
	for (uint32_t i = 0; i < 2; i++) {
		add(&v[i], &g);
		sched_set_affinity(&s, &v[i], BIT(0), 0);
		sched_wake(&s, &v[i], 0);
	}
	run_until(0, 1000 * MS);
	assert_in_range(g.usage, 99 * MS, 101 * MS);
	assert_in_range(v[0].usage, 45 * MS, 55 * MS);
	sched_set_freeze(&s, &g, true, 1000 * MS);
	run_until(1000 * MS, 2000 * MS);
	assert_in_range(g.usage, 99 * MS, 101 * MS);
}

static void test_weight_change_while_promoted(void **state)
{
	struct sched_group top;
	struct pair a, b, c;

	(void)state;
	begin(2); /* or no mask could differ */
	add_group(&top, NULL);
	add_pair(&a, &top);
	add_pair(&b, &top);
	add_pair(&c, NULL);
	sched_set_cpus(&s, &a.g, 1, 0);
	sched_set_cpus(&s, &c.g, 1, 0);
	assert_true(sched_block(&s, &b.v, 0));
	assert_int_equal(sched_set_weight(&s, &top, 300, 0), OK);
	run_until(0, 1000 * MS);
	assert_in_range(a.v.usage, 740 * MS, 760 * MS);
	assert_int_equal(sched_set_weight(&s, &top, 100, 1000 * MS), OK);
	run_until(1000 * MS, 2000 * MS);
	assert_in_range(a.v.usage, 1230 * MS, 1270 * MS);
	/* Half of its parent's weight, with a sibling that wants to run. */
	sched_set_cpus(&s, &b.g, 1, 2000 * MS);
	sched_wake(&s, &b.v, 2000 * MS);
	run_until(2000 * MS, 4000 * MS);
	assert_in_range(b.v.usage, 480 * MS, 520 * MS);
	assert_in_range(c.v.usage, 1720 * MS, 1780 * MS);
}

/* ---- many changes, with what has to be true after each of them ---- */

#define GROUPS 8u
#define VCPUS  24u

static struct sched_group g[GROUPS];
static struct sched_vcpu v[VCPUS];

static bool is_held(const struct sched_vcpu *x)
{
	const struct sched_group *up = x->se.parent;

	while (up != NULL && !up->q.is_throttled) {
		up = up->se.parent;
	}
	return up != NULL;
}

static void check_vcpu(const struct sched_vcpu *x)
{
	bool is_frozen = false;

	for (const struct sched_group *up = x->se.parent; up != NULL;
	     up = up->se.parent) {
		is_frozen = is_frozen || up->is_freeze_set;
	}
	assert_true((x->se.node.mask & ~x->se.parent->se.node.mask) == 0);
	assert_int_equal(x->se.tree != NULL,
			 x->state == SCHED_VCPU_WAITING && !is_held(x));
	assert_int_equal(x->se.active, x->state == SCHED_VCPU_WAITING ||
					       x->state == SCHED_VCPU_RUNNING);
	assert_false(is_frozen && x->state == SCHED_VCPU_WAITING);
	assert_true(is_frozen || x->state != SCHED_VCPU_PARKED);
	assert_int_equal(x->state == SCHED_VCPU_RUNNING,
			 s.cpu[x->cpu].current == x);
	assert_true(x->state == SCHED_VCPU_BLOCKED || !x->has_timer);
}

/* Nobody waits for a CPU that sleeps. */
static void check_nobody_forgotten(void)
{
	for (uint32_t i = 0; i < s.cpu_count; i++) {
		assert_int_equal(s.cpu[i].is_asleep, s.cpu[i].current == NULL);
		if (s.cpu[i].is_asleep) {
			assert_false(sched_tree_has(&s.root.tree, BIT(i)));
		}
	}
}

/* Depths with cpu.max, from @x up. */
static uint32_t limits_above(const struct sched_group *x)
{
	uint32_t levels = 0;

	for (; x != NULL; x = x->se.parent) {
		levels |= x->q.quota != 0 ? 1u << x->depth : 0;
	}
	return levels;
}

static void check_all(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < VCPUS; i++) {
		check_vcpu(&v[i]);
		count += v[i].se.active;
	}
	assert_int_equal(s.root.running + s.root.waiting, count);
	for (uint32_t i = 0; i < GROUPS; i++) {
		const struct sched_group *x = &g[i];

		assert_int_equal(x->se.active, x->running + x->waiting);
		assert_true(x->here_share <= x->active_weight * 1024);
		assert_true(x->se.tree == NULL || x->tree.top != NULL);
		assert_int_equal(x->active_weight != 0, x->se.active != 0);
		assert_int_equal(x->limited_levels, limits_above(x));
	}
	check_nobody_forgotten();
}

/* CPU @cpu comes back, and goes on. */
static void change_turn(uint32_t cpu, uint32_t r, uint64_t now)
{
	if (s.cpu[cpu].current != NULL) {
		sched_put(&s, s.cpu[cpu].current, now,
			  (r & 1) != 0   ? SCHED_RUNNABLE
			  : (r & 2) != 0 ? SCHED_NEVER
					 : now + r % MS);
	}
	(void)pick(cpu, now);
}

/* All CPUs that were kicked come back, and those that they kick. */
static void serve_kicks(uint64_t now)
{
	uint32_t rounds = 0;

	while (kicked != 0) {
		uint32_t cpu = (uint32_t)__builtin_ctzll(kicked);

		kicked &= kicked - 1;
		change_turn(cpu, 1, now);
		assert_true(++rounds < 200);
	}
}

static void change_max(struct sched_group *x, uint32_t r, uint64_t now)
{
	uint64_t quota = (r & 4) != 0 ? SCHED_QUOTA_NONE : 1000 + r % 90000;

	assert_int_equal(sched_set_max(&s, x,
				       (struct sched_max){ quota, 100000, 0 },
				       now),
			 OK);
}

static void change(uint32_t r, uint64_t now)
{
	struct sched_vcpu *x = &v[(r >> 8) % VCPUS];
	struct sched_group *y = &g[(r >> 16) % GROUPS];

	switch (r >> 28) {
	case 0:
		sched_set_affinity(&s, x, r >> 8 & 0xff, now);
		break;
	case 1:
		sched_set_cpus(&s, y, r >> 8 & 0xff, now);
		break;
	case 2:
		sched_set_freeze(&s, y, (r & 3) == 0, now);
		break;
	case 3:
		(void)sched_block(&s, x, now);
		break;
	case 4:
		assert_int_equal(sched_set_weight(&s, y, 1 + r % 10000, now),
				 OK);
		break;
	case 5:
		change_max(y, r, now);
		break;
	case 6:
	case 7:
		sched_wake(&s, x, now);
		break;
	case 8:
		if (x->state == SCHED_VCPU_RUNNING) {
			(void)sched_yield_any(&s, x, now);
		}
		break;
	default:
		change_turn((r >> 16) % 8, r, now);
		break;
	}
}

static void remove_all(uint64_t now)
{
	for (uint32_t cpu = 0; cpu < 8; cpu++) {
		if (s.cpu[cpu].current != NULL) {
			sched_put(&s, s.cpu[cpu].current, now, SCHED_NEVER);
		}
	}
	for (uint32_t i = 0; i < VCPUS; i++) {
		assert_int_equal(sched_vcpu_remove(&s, &v[i], now), OK);
	}
	for (uint32_t i = GROUPS; i-- > 0;) {
		assert_int_equal(g[i].running + g[i].waiting, 0);
		assert_int_equal(g[i].active_weight + g[i].here_share, 0);
		assert_int_equal(sched_group_remove(&s, &g[i]), OK);
	}
}

static void test_many_changes(void **state)
{
	uint64_t now = 0;
	uint32_t seed = 1;

	(void)state;
	begin(8);
	for (uint32_t i = 0; i < GROUPS; i++) {
		add_group(&g[i], i < 2 ? NULL : &g[i & 1]);
	}
	for (uint32_t i = 0; i < VCPUS; i++) {
		add(&v[i], &g[2 + i % (GROUPS - 2)]);
	}
	for (uint32_t i = 0; i < 100000; i++) {
		seed = seed * 1664525u + 1013904223u;
		now += seed % ((i & 1024) != 0 ? 3 * MS : 100 * US);
		change(seed, now);
		serve_kicks(now);
		check_all();
	}
	take_kicks();
	/* All counters come back to nothing. */
	remove_all(now);
	assert_null(s.root.tree.top);
	assert_null(s.timers.top);
	assert_int_equal(s.root.running + s.root.waiting, 0);
	assert_int_equal(s.root.active_weight + s.root.here_share, 0);
	assert_int_equal(s.restricted_count + s.promoted_count, 0);
	assert_int_equal(s.freeze_count, 0);
	assert_null(s.throttled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_effective),
		UNIT(test_only_where_allowed),
		UNIT(test_pushed_off_to_an_idle_cpu),
		UNIT(test_promoted_share),
		UNIT(test_throttle_reaches_promoted),
		UNIT(test_weight_change_while_promoted),
		UNIT(test_many_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
