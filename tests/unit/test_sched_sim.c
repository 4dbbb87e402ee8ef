/*
 * test_sched_sim.c - machines of vCPUs in virtual time, against the ideal.
 *
 * Tolerance: 1 % of the ideal share, and a few slices for the smallest ones.
 */
#include "tests/lib/unit.h"

#include "tests/lib/sched_sim.h"

#include <stdio.h>

#define SLICE_MS 5

static struct sim *m;

/* @got of @ideal CPUs is right after @ns. */
static void check_share(double got, double ideal, uint64_t ns, uint32_t slices)
{
	double off = got > ideal ? got - ideal : ideal - got;
	double some = (double)(slices * SLICE_MS * SIM_MS) / (double)ns;

	if (off > ideal * 0.01 + some) {
		fail_msg("got %.5f CPUs, should have %.5f", got, ideal);
	}
}

static void check_all(double cpus, uint32_t slices)
{
	uint64_t ns = m->now - m->marked;

	assert_null(m->broken);
	sim_compare(m, cpus);
	for (uint32_t i = 1; i < m->group_count; i++) {
		const struct sim_group *g = &m->groups[i];

		check_share(g->got, g->ideal, ns, slices);
	}
}

static void run_marked(uint64_t before, uint64_t after)
{
	sim_run(m, before);
	sim_mark(m);
	sim_run(m, after);
}

static void add_hogs(uint32_t group, uint32_t count)
{
	while (count-- > 0) {
		(void)sim_vcpu(m, group, 0, 0);
	}
}

/* Half of them always want to run, the others come and go. */
static void add_mixed(uint32_t group, uint32_t count)
{
	while (count-- > 0) {
		if (sim_random(m, 2) == 0) {
			(void)sim_vcpu(m, group, 0, 0);
		} else {
			(void)sim_vcpu(m, group,
				       (50 + sim_random(m, 2000)) * SIM_US,
				       (500 + sim_random(m, 20000)) * SIM_US);
		}
	}
}

static void test_one_two_seven(void **state)
{
	static const uint32_t weights[] = { 100, 200, 700 };

	(void)state;
	m = sim_new(1, 3, 1);
	for (uint32_t i = 0; i < 3; i++) {
		add_hogs(sim_group(m, 0, weights[i]), 1);
	}
	run_marked(0, 10 * SIM_S);
	check_all(1, 0);
	/* Exactly so, not only by the ideal's own calculation. */
	check_share(m->groups[3].got, 0.7, SIM_S, 0);
	sim_free(m);
}

static void test_three_on_two_cpus(void **state)
{
	(void)state;
	m = sim_new(2, 3, 1);
	for (uint32_t i = 0; i < 3; i++) {
		add_hogs(sim_group(m, 0, 100), 1);
	}
	run_marked(0, 10 * SIM_S);
	check_all(2, 0);
	check_share(m->groups[1].got, 2.0 / 3, SIM_S, 0);
	sim_free(m);
}

/* A vCPU cannot use more than a CPU: its weight must not cost others theirs,
 * nor be a debt of theirs when it has company at last. */
static void test_infeasible_weight(void **state)
{
	(void)state;
	m = sim_new(4, 20, 1);
	add_hogs(sim_group(m, 0, 10000), 1);
	for (uint32_t i = 0; i < 7; i++) {
		add_hogs(sim_group(m, 0, 100 + 37 * i), 1);
	}
	run_marked(0, 600 * SIM_S);
	check_all(4, 0);
	check_share(m->groups[1].got, 1, SIM_S, 0);
	/* Now it can use two, and no more than that of the past. */
	add_hogs(1, 1);
	run_marked(0, 2 * SIM_S);
	check_all(4, 2);
	sim_free(m);
}

/* Random trees of groups. */
static void nested(uint64_t seed, uint32_t least_weight, bool is_mixed)
{
	m = sim_new(4, 128, seed);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t top = sim_group(
			m, 0, least_weight + (uint32_t)sim_random(m, 300));

		for (uint32_t j = 0; j < 3; j++) {
			uint32_t g = sim_group(
				m, top,
				least_weight + (uint32_t)sim_random(m, 300));
			uint32_t count = 1 + (uint32_t)sim_random(m, 4);

			if (is_mixed) {
				add_mixed(g, count);
			} else {
				add_hogs(g, count);
			}
		}
	}
	run_marked(SIM_S, 60 * SIM_S);
	check_all(4, 2);
	sim_free(m);
}

static void test_nested(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		nested(seed, 1, false);
		nested(seed, 20, true);
	}
}

/* Limits of leaves, most below what weight would give. A limit of a parent
 * binds as a whole; how its children share it depends on when they run. */
static void test_nested_with_quotas(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		m = sim_new(8, 128, seed);
		for (uint32_t i = 0; i < 16; i++) {
			uint32_t top = i < 4 ? 0 : 1 + (i & 3);
			uint32_t g = sim_group(
				m, top, 50 + (uint32_t)sim_random(m, 300));

			if (i < 4) {
				continue;
			}
			add_hogs(g, 3);
			if (i >= 8 &&
			    sched_set_max(&m->s, &m->groups[g].g,
					  (struct sched_max){
						  10000 + sim_random(m, 60000),
						  100000, 0 },
					  0) != OK) {
				fail();
			}
		}
		run_marked(SIM_S, 30 * SIM_S);
		check_all(8, 6);
		sim_free(m);
	}
}

/* Usage of a period never exceeds the quota but for what CPUs overrun. */
static void test_quota_of_each_period(void **state)
{
	uint64_t before, slack;
	uint32_t g;

	(void)state;
	m = sim_new(4, 16, 3);
	/* What each CPU takes to come back, and the rest of the last period
	 * that was too short for a turn. */
	slack = 4 * m->exit_ns + 20 * SIM_US;
	g = sim_group(m, 0, 100);
	add_hogs(g, 3);
	add_mixed(g, 5);
	add_hogs(sim_group(m, 0, 100), 4);
	if (sched_set_max(&m->s, &m->groups[g].g,
			  (struct sched_max){ 130000, 100000, 0 }, 0) != OK) {
		fail();
	}
	before = 0;
	for (uint32_t i = 0; i < 300; i++) {
		uint64_t used;

		sim_run(m, 100 * SIM_MS);
		sched_charge_all(&m->s, m->now);
		used = m->groups[g].g.usage - before;
		before = m->groups[g].g.usage;
		assert_true(used <= 130 * SIM_MS + slack);
		assert_true(used >= 130 * SIM_MS - 50 * SIM_US);
	}
	assert_int_equal(m->groups[g].g.q.nr_periods, 300);
	sim_free(m);
}

/* Thousands of vCPUs on 64 CPUs. */
static void test_thousands(void **state)
{
	uint64_t longest = 0;

	(void)state;
	m = sim_new(64, 3000, 5);
	for (uint32_t i = 0; i < 250; i++) {
		add_mixed(sim_group(m, 0, 50 + (uint32_t)sim_random(m, 300)),
			  12);
	}
	run_marked(SIM_S / 2, 4 * SIM_S);
	check_all(64, 3);
	for (uint32_t i = 0; i < m->vcpu_count; i++) {
		const struct sim_vcpu *v = &m->vcpus[i];

		longest = v->wait_max > longest ? v->wait_max : longest;
	}
	/* 24 hogs a CPU, weights up to 7 to 1 */
	assert_true(longest < SIM_S);
	sim_free(m);
}

/* Hours on two CPUs. */
static void test_hours(void **state)
{
	(void)state;
	m = sim_new(2, 16, 11);
	for (uint32_t i = 0; i < 4; i++) {
		add_mixed(sim_group(m, 0, 1 + (uint32_t)sim_random(m, 500)), 3);
	}
	add_hogs(sim_group(m, 0, 10000), 1);
	add_hogs(sim_group(m, 0, 1), 1);
	run_marked(SIM_S, 7200 * SIM_S);
	check_all(2, 2);
	sim_free(m);
}

/* One that sleeps mostly runs soon after it wakes, whoever else wants to. */
static void test_wake_up_latency(void **state)
{
	uint64_t within = 0, all = 0;
	uint32_t sleeper;

	(void)state;
	m = sim_new(2, 32, 4);
	for (uint32_t i = 0; i < 8; i++) {
		add_hogs(sim_group(m, 0, 100), 2);
	}
	/* A ninth of two CPUs is its due; it uses 2 %. */
	sleeper = sim_vcpu(m, sim_group(m, 0, 100), 200 * SIM_US, 10 * SIM_MS);
	run_marked(SIM_S, 120 * SIM_S);
	assert_null(m->broken);
	for (uint32_t i = 0; i < SIM_LATENCY_SLOTS; i++) {
		/* slot 12: below 8.2 us */
		within += i <= 12 ? m->latency[i] : 0;
		all += m->latency[i];
	}
	assert_true(all > 10000);
	assert_true(within * 1000 > all * 999);
	assert_true(m->vcpus[sleeper].latency_max < 2 * SIM_MS);
	sim_free(m);
}

static void pin(uint32_t vcpu, uint64_t mask)
{
	sched_set_affinity(&m->s, &m->vcpus[vcpu].v, mask, m->now);
}

/* A vCPU in a group of its own. */
static uint32_t add_pinned(uint32_t weight, uint64_t mask)
{
	uint32_t v = sim_vcpu(m, sim_group(m, 0, weight), 0, 0);

	pin(v, mask);
	return v;
}

static void check_vcpus(uint32_t first, uint32_t count, double ideal,
			uint32_t slices)
{
	sched_charge_all(&m->s, m->now);
	for (uint32_t i = first; i < first + count; i++) {
		uint64_t ns = m->now - m->marked;
		double got = ((double)m->vcpus[i].v.usage - m->vcpus[i].got) /
			     (double)ns;

		check_share(got, ideal, ns, slices);
	}
	assert_null(m->broken);
}

/* Five on one CPU have a fifth each, while three have a CPU each: then more
 * come, and all have the same, at once. */
static void test_pinned_and_free(void **state)
{
	(void)state;
	m = sim_new(4, 64, 1);
	for (uint32_t i = 0; i < 5; i++) {
		(void)add_pinned(100, 1);
	}
	for (uint32_t i = 0; i < 3; i++) {
		(void)add_pinned(100, 0xf);
	}
	run_marked(SIM_S, 60 * SIM_S);
	check_vcpus(0, 5, 0.2, 1);
	check_vcpus(5, 3, 1, 1);
	for (uint32_t i = 0; i < 27; i++) {
		(void)add_pinned(100, 0xf);
	}
	run_marked(SIM_S, 10 * SIM_S);
	check_vcpus(0, 35, 4.0 / 35, 6);
	run_marked(0, 60 * SIM_S);
	check_vcpus(0, 35, 4.0 / 35, 4);
	sim_free(m);
}

/* Each CPU of a partition's four shared with a partition that roams. */
static void test_pinned_one_to_one(void **state)
{
	uint32_t g, h;

	(void)state;
	m = sim_new(4, 8, 1);
	g = sim_group(m, 0, 100);
	h = sim_group(m, 0, 100);
	for (uint32_t i = 0; i < 4; i++) {
		pin(sim_vcpu(m, g, 0, 0), 1u << i);
	}
	add_hogs(h, 4);
	run_marked(SIM_S, 30 * SIM_S);
	check_vcpus(0, 8, 0.5, 1);
	sim_free(m);
}

/* A group that has its due on one CPU must not starve on another. */
static void test_no_starvation_by_siblings(void **state)
{
	uint32_t g, h;

	(void)state;
	m = sim_new(2, 8, 1);
	g = sim_group(m, 0, 100);
	h = sim_group(m, 0, 100);
	pin(sim_vcpu(m, g, 0, 0), 1);
	pin(sim_vcpu(m, g, 0, 0), 2);
	pin(sim_vcpu(m, h, 0, 0), 1);
	run_marked(SIM_S, 30 * SIM_S);
	check_vcpus(0, 1, 1.0 / 3, 1);
	check_vcpus(1, 1, 1, 1);
	check_vcpus(2, 1, 2.0 / 3, 1);
	sim_free(m);
}

/* Sets that do not meet are machines of their own; together again, one. */
static void test_disjoint_sets(void **state)
{
	uint32_t g, h;

	(void)state;
	m = sim_new(4, 16, 1);
	g = sim_group(m, 0, 100);
	h = sim_group(m, 0, 300);
	add_hogs(g, 8);
	add_hogs(h, 8);
	sched_set_cpus(&m->s, &m->groups[g].g, 0x3, 0);
	sched_set_cpus(&m->s, &m->groups[h].g, 0xc, 0);
	run_marked(SIM_S, 600 * SIM_S);
	check_vcpus(0, 16, 0.25, 1);
	sched_set_cpus(&m->s, &m->groups[g].g, 0, m->now);
	sched_set_cpus(&m->s, &m->groups[h].g, 0, m->now);
	run_marked(0, 10 * SIM_S);
	check_vcpus(0, 8, 0.125, 4);
	check_vcpus(8, 8, 0.375, 4);
	sim_free(m);
}

/* Two groups of groups, two groups; a vCPU of three is pinned somewhere.
 * Returns the CPUs that anyone may use. */
static uint64_t add_random_masks(void)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < 12; i++) {
		uint32_t g = sim_group(m, i < 4 ? 0 : 1 + (i % 2),
				       50 + (uint32_t)sim_random(m, 300));

		for (uint32_t j = 0; i >= 2 && j < 4; j++) {
			uint32_t v = sim_vcpu(m, g, 0, 0);

			if (sim_random(m, 3) == 0) {
				pin(v, 1 + sim_random(m, 255));
			}
			mask |= m->vcpus[v].v.se.node.mask;
		}
	}
	return mask;
}

/* Any masks at all: everybody gets on, and what can be used is. */
static void test_random_masks(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		double cpus, used;

		m = sim_new(8, 48, seed);
		cpus = __builtin_popcountll(add_random_masks());
		run_marked(SIM_S, 20 * SIM_S);
		sched_charge_all(&m->s, m->now);
		assert_null(m->broken);
		used = (double)m->s.root.usage / (double)m->now;
		assert_true(used > 0.999 * cpus);
		for (uint32_t i = 0; i < m->vcpu_count; i++) {
			assert_true(m->vcpus[i].wait_max < 2 * SIM_S);
		}
		sim_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_one_two_seven),
		UNIT(test_three_on_two_cpus),
		UNIT(test_infeasible_weight),
		UNIT(test_nested),
		UNIT(test_nested_with_quotas),
		UNIT(test_quota_of_each_period),
		UNIT(test_thousands),
		UNIT(test_hours),
		UNIT(test_wake_up_latency),
		UNIT(test_pinned_and_free),
		UNIT(test_pinned_one_to_one),
		UNIT(test_no_starvation_by_siblings),
		UNIT(test_disjoint_sets),
		UNIT(test_random_masks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
