/*
 * test_sched_threads.c - two CPUs at once, as threads: no vCPU runs on both,
 * none is forgotten, and all that was used adds up.
 */
#include "tests/lib/unit.h"

#include "vmm/sched.h"

#include <pthread.h>

#define CPUS   2u
#define VCPUS  7u
#define ROUNDS 8000u

static struct sched s;
static struct sched_group groups[3];
static struct sched_vcpu vcpus[VCPUS];
static uint32_t on_cpu[VCPUS]; /* (a) */
static uint32_t broken;        /* (a) */
static uint64_t clock_now;     /* (a) */

static void kick(void *ctx, uint32_t cpu)
{
	(void)ctx;
	if (cpu >= CPUS) {
		atomic_add32(&broken, 1);
	}
}

static const struct sched_ops ops = { .kick = kick };

/* What a CPU does with its turn, by chance. */
static void run_turn(struct sched_vcpu *v, uint32_t r)
{
	uint32_t i = (uint32_t)(v - vcpus);
	uint64_t now;

	if (atomic_add32(&on_cpu[i], 1) != 0) {
		atomic_add32(&broken, 1);
	}
	now = atomic_add64(&clock_now, 1 + r % 100000);
	sched_wake(&s, &vcpus[r % VCPUS], now);
	if (r % 7 == 0) {
		(void)sched_yield_any(&s, v, now);
	}
	if (r % 11 == 0) {
		sched_set_affinity(&s, &vcpus[r % VCPUS], r >> 8 & 3, now);
	}
	if (r % 13 == 0) {
		(void)sched_block(&s, &vcpus[r % VCPUS], now);
	}
	atomic_add32(&on_cpu[i], -1u);
	sched_put(&s, v, now,
		  r % 3 == 0   ? SCHED_NEVER
		  : r % 3 == 1 ? now + r % 50000
			       : SCHED_RUNNABLE);
}

static void *cpu_thread(void *arg)
{
	uint32_t cpu = *(const uint32_t *)arg;
	uint32_t r = cpu + 1;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sched_turn turn;
		struct sched_vcpu *v;

		r = r * 1664525u + 1013904223u;
		v = sched_pick(&s, cpu, atomic_load64(&clock_now), &turn);
		if (v != NULL) {
			run_turn(v, r >> 4);
		} else {
			atomic_add64(&clock_now, 1000);
			sched_wake(&s, &vcpus[(r >> 4) % VCPUS],
				   atomic_load64(&clock_now));
		}
	}
	return NULL;
}

static void test_two_cpus(void **state)
{
	static uint32_t index[CPUS] = { 0, 1 };
	pthread_t thread[CPUS];
	uint64_t used = 0;

	(void)state;
	sched_init(&s, &ops, NULL, CPUS, 1000000, 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sched_group_add(&s, &groups[i], NULL, 0), OK);
	}
	assert_int_equal(sched_set_max(&s, &groups[1],
				       (struct sched_max){ 20000, 100000, 0 },
				       0),
			 OK);
	for (uint32_t i = 0; i < VCPUS; i++) {
		assert_int_equal(
			sched_vcpu_add(&s, &vcpus[i], &groups[i % 3], 0), OK);
	}
	for (uint32_t i = 0; i < CPUS; i++) {
		assert_int_equal(
			pthread_create(&thread[i], NULL, cpu_thread, &index[i]),
			0);
	}
	for (uint32_t i = 0; i < CPUS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	}
	assert_int_equal(broken, 0);
	for (uint32_t i = 0; i < VCPUS; i++) {
		used += vcpus[i].usage;
		assert_true(vcpus[i].picks > 20);
	}
	assert_int_equal(s.root.usage, used);
	assert_int_equal(s.root.running + s.root.waiting,
			 s.root.se.active + groups[0].se.active +
				 groups[1].se.active + groups[2].se.active);
	assert_false(spin_is_locked(&s.lock));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_two_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
