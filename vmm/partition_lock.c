/*
 * partition_lock.c - to wait for the lock of a partition, or to have it again.
 */
#include "partition_lock.h"

void partition_lock_wait(struct partition_lock *l, uint32_t me)
{
	uint32_t nobody = 0;

	/* Only this CPU writes its own number there. */
	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == me) {
		l->depth++;
		return;
	}
	__atomic_fetch_add(&l->waiters, 1, __ATOMIC_RELAXED);
	spin_lock(&l->queue);
	while (!__atomic_compare_exchange_n(&l->owner, &nobody, me, false,
					    __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		nobody = 0;
		sync_pause();
	}
	__atomic_fetch_sub(&l->waiters, 1, __ATOMIC_RELAXED);
	spin_unlock(&l->queue);
}
