/* test_sync.c - locks and atomics, with real threads. */
#include "tests/lib/unit.h"
#include <bh/sync.h>
#include <threads.h>

#define ROUNDS 20000

static struct spinlock lock = SPINLOCK_INIT;
static uint64_t plain;  /* only under the lock */
static uint64_t atomic; /* by itself */

static int worker(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		spin_lock(&lock);
		plain++;
		spin_unlock(&lock);
		(void)atomic_add64(&atomic, 1);
	}
	return 0;
}

static void test_two_threads(void **state)
{
	thrd_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(thrd_create(&threads[i], worker, NULL),
				 thrd_success);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(thrd_join(threads[i], NULL), thrd_success);
	}
	assert_int_equal(plain, 2 * ROUNDS);
	assert_int_equal(atomic, 2 * ROUNDS);
	assert_false(spin_is_locked(&lock));
}

static void test_trylock(void **state)
{
	struct spinlock l = SPINLOCK_INIT;

	(void)state;
	assert_true(spin_trylock(&l));
	assert_true(spin_is_locked(&l));
	assert_false(spin_trylock(&l));
	spin_unlock(&l);
	assert_true(spin_trylock(&l));
	spin_unlock(&l);
	spin_lock(&l);
	assert_false(spin_trylock(&l));
	spin_unlock(&l);
}

static void test_ticket_wraps(void **state)
{
	struct spinlock l = { UINT32_MAX, UINT32_MAX };

	(void)state;
	spin_lock(&l);
	assert_int_equal(l.next, 0);
	assert_true(spin_is_locked(&l));
	spin_unlock(&l);
	assert_false(spin_is_locked(&l));
	spin_lock(&l);
	spin_unlock(&l);
	assert_int_equal(l.owner, 1);
}

static void test_atomics(void **state)
{
	uint64_t v = 0xf0;
	uint32_t w = 5;

	(void)state;
	assert_int_equal(atomic_or64(&v, 0x0f), 0xf0);
	assert_int_equal(atomic_and64(&v, 0x3c), 0xff);
	assert_int_equal(atomic_swap64(&v, 9), 0x3c);
	assert_int_equal(atomic_load64(&v), 9);
	atomic_store64(&v, 1);
	assert_int_equal(v, 1);
	assert_int_equal(atomic_add32(&w, 2), 5);
	assert_int_equal(atomic_or32(&w, 8), 7);
	assert_int_equal(atomic_swap32(&w, 1), 15);
	atomic_store32(&w, 3);
	assert_int_equal(atomic_load32(&w), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_two_threads),
		UNIT(test_trylock),
		UNIT(test_ticket_wraps),
		UNIT(test_atomics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
