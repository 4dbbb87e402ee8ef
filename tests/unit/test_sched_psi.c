/* test_sched_psi.c - averages computed late are those of a timer. */
#include "tests/lib/unit.h"

#include "vmm/sched_psi.h"

#include <stdlib.h>

#define KHZ 1000u /* a tick is a microsecond */
#define SEC 1000000ull

static struct sched_psi p;

static uint32_t some(enum sched_psi_span span)
{
	return sched_psi_percent100(&p, SCHED_PSI_SOME, span);
}

static uint32_t full(enum sched_psi_span span)
{
	return sched_psi_percent100(&p, SCHED_PSI_FULL, span);
}

static void test_states(void **state)
{
	(void)state;
	sched_psi_init(&p, KHZ, 0);
	sched_psi_set(&p, 0, 1, 0);   /* one runs */
	sched_psi_set(&p, 1, 1, 100); /* another waits */
	sched_psi_set(&p, 2, 0, 300); /* all wait */
	sched_psi_set(&p, 1, 1, 350);
	sched_psi_set(&p, 0, 2, 400);
	sched_psi_update(&p, 1000);
	assert_int_equal(p.line[SCHED_PSI_SOME].total, 300);
	assert_int_equal(p.line[SCHED_PSI_FULL].total, 50);
}

static void test_averages(void **state)
{
	(void)state;
	sched_psi_init(&p, KHZ, 0);
	sched_psi_set(&p, 1, 0, 0);
	/* One window of 2 s: 1 - e^(-2/10), e^(-2/60), e^(-2/300) */
	sched_psi_update(&p, 2 * SEC);
	assert_in_range(some(SCHED_PSI_10), 1810, 1815);
	assert_in_range(some(SCHED_PSI_60), 326, 329);
	assert_in_range(some(SCHED_PSI_300), 65, 67);
	assert_int_equal(full(SCHED_PSI_10), some(SCHED_PSI_10));
	/* Ten minutes: all of it. */
	sched_psi_update(&p, 600 * SEC);
	assert_in_range(some(SCHED_PSI_10), 9990, 10000);
	assert_in_range(some(SCHED_PSI_60), 9990, 10000);
	assert_in_range(some(SCHED_PSI_300), 8600, 8700);
	/* And down again; a day in one step. */
	sched_psi_set(&p, 0, 0, 600 * SEC);
	sched_psi_update(&p, 610 * SEC);
	assert_in_range(some(SCHED_PSI_10), 3600, 3750);
	sched_psi_update(&p, 86400 * SEC);
	assert_int_equal(some(SCHED_PSI_10), 0);
	assert_int_equal(some(SCHED_PSI_300), 0);
	assert_int_equal(p.line[SCHED_PSI_SOME].total, 600 * SEC);
}

static void test_half(void **state)
{
	(void)state;
	sched_psi_init(&p, KHZ, 5);
	for (uint32_t i = 0; i < 100000; i++) {
		sched_psi_set(&p, i & 1, 1, 5 + i * 5000ull);
	}
	assert_in_range(some(SCHED_PSI_10), 4980, 5020);
	assert_in_range(some(SCHED_PSI_60), 4970, 5020);
	assert_int_equal(full(SCHED_PSI_10), 0);
}

/* The same changes, looked at each millisecond or hardly ever. */
static void test_when_it_is_looked_at_does_not_matter(void **state)
{
	struct sched_psi often, rarely;
	uint64_t now = 0;

	(void)state;
	srand(7);
	sched_psi_init(&often, KHZ, 0);
	sched_psi_init(&rarely, KHZ, 0);
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t waiting = (uint32_t)rand() % 2;
		uint32_t running = (uint32_t)rand() % 2;
		uint64_t next = now + (uint64_t)(rand() % (int)(7 * SEC));

		sched_psi_set(&often, waiting, running, now);
		sched_psi_set(&rarely, waiting, running, now);
		for (uint64_t at = now; at < next; at += 100000) {
			sched_psi_update(&often, at);
		}
		now = next;
	}
	sched_psi_update(&often, now);
	sched_psi_update(&rarely, now);
	for (uint32_t k = 0; k < SCHED_PSI_KINDS; k++) {
		assert_int_equal(often.line[k].total, rarely.line[k].total);
		for (uint32_t i = 0; i < SCHED_PSI_SPANS; i++) {
			int64_t off = (int64_t)often.line[k].avg[i] -
				      rarely.line[k].avg[i];

			assert_true(off < 655 && off > -655); /* 0.01 % */
		}
	}
}

static void test_time_may_step_back(void **state)
{
	(void)state;
	sched_psi_init(&p, KHZ, 1000);
	sched_psi_set(&p, 1, 1, 2000);
	sched_psi_update(&p, 1500);
	assert_int_equal(p.line[SCHED_PSI_SOME].total, 0);
	sched_psi_update(&p, 2500);
	assert_int_equal(p.line[SCHED_PSI_SOME].total, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_states),
		UNIT(test_averages),
		UNIT(test_half),
		UNIT(test_when_it_is_looked_at_does_not_matter),
		UNIT(test_time_may_step_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
