/* test_partition_lock.c - taken twice by one CPU, by one of several at a time,
 * in the order in which they come. */
#include "tests/lib/unit.h"
#include "vmm/partition_lock.h"

#include <threads.h>

#define ROUNDS  20000
#define WORKERS 3

static struct partition_lock lock;
static uint64_t plain; /* only under the lock */
static uint32_t order[WORKERS], arrived;

static int count_up(void *arg)
{
	uint32_t cpu = *(const uint32_t *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		partition_lock_take_on(&lock, cpu);
		partition_lock_take_on(&lock, cpu);
		plain++;
		partition_lock_drop(&lock);
		plain++;
		partition_lock_drop(&lock);
	}
	return 0;
}

static void test_several(void **state)
{
	static uint32_t cpus[WORKERS] = { 0, 1, 2 };
	thrd_t threads[WORKERS];

	(void)state;
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(thrd_create(&threads[i], count_up, &cpus[i]),
				 thrd_success);
	}
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(thrd_join(threads[i], NULL), thrd_success);
	}
	assert_int_equal(plain, 2 * WORKERS * ROUNDS);
	assert_int_equal(lock.word, 0);
	assert_int_equal(lock.depth, 0);
}

static void test_again(void **state)
{
	struct partition_lock l = { 0 };

	(void)state;
	partition_lock_take_on(&l, 4);
	assert_int_equal(l.owner, 5);
	partition_lock_take_on(&l, 4);
	partition_lock_take_on(&l, 4);
	assert_int_equal(l.depth, 2);
	partition_lock_drop(&l);
	partition_lock_drop(&l);
	assert_int_equal(l.owner, 5);
	partition_lock_drop(&l);
	assert_int_equal(l.word, 0);
}

static void test_is_mine(void **state)
{
	struct partition_lock l = { 0 };

	(void)state;
	assert_false(partition_lock_is_mine(&l));
	partition_lock_take(&l);
	assert_true(partition_lock_is_mine(&l));
	partition_lock_drop(&l);
	partition_lock_take_on(&l, cpu_index() + 1);
	assert_false(partition_lock_is_mine(&l));
	partition_lock_drop(&l);
}

static int come(void *arg)
{
	uint32_t cpu = *(const uint32_t *)arg;

	partition_lock_take_on(&lock, cpu);
	order[arrived++] = cpu;
	partition_lock_drop(&lock);
	return 0;
}

/* Those that wait get it in their order; who comes now, after all of them. */
static void test_order(void **state)
{
	static uint32_t cpus[WORKERS] = { 7, 8, 9 };
	thrd_t threads[WORKERS];

	(void)state;
	partition_lock_take_on(&lock, 3);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(thrd_create(&threads[i], come, &cpus[i]),
				 thrd_success);
		while (atomic_load32(&lock.queue.next) -
			       atomic_load32(&lock.queue.owner) !=
		       i + 1) {
			thrd_yield();
		}
	}
	assert_int_equal(arrived, 0);
	partition_lock_drop(&lock);
	partition_lock_take_on(&lock, 3);
	assert_int_equal(arrived, WORKERS);
	partition_lock_drop(&lock);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(thrd_join(threads[i], NULL), thrd_success);
		assert_int_equal(order[i], cpus[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_is_mine),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
