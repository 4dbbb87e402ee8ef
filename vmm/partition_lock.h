/*
 * partition_lock.h - the lock of a partition: its devices, its state, its end.
 *
 * Exit handlers take it for what vCPUs share; management holds it while it
 * works on a partition, and calls functions that take it, too: so the CPU that
 * has it may take it again. No CPU ever holds two of them (docs/locking.md).
 *
 * Free with nobody waiting it is had by one instruction. Who finds it taken
 * counts himself among the waiters, which closes that way to newcomers, and
 * queues: first come, first served.
 */
#ifndef VMM_PARTITION_LOCK_H
#define VMM_PARTITION_LOCK_H

#include <arch/cpu.h>
#include <bh/sync.h>

struct partition_lock {
	union {
		uint64_t word; /* (a) both; 0: free, and nobody waits */
		struct {
			uint32_t owner;   /* CPU number + 1; 0: nobody */
			uint32_t waiters; /* CPUs */
		};
	};
	uint32_t depth;        /* [lock] times the owner has taken it again */
	struct spinlock queue; /* the waiters; the first looks at owner */
};

/** partition_lock_wait() - the rare part of partition_lock_take_on().
 * @me: CPU number + 1 */
void partition_lock_wait(struct partition_lock *l, uint32_t me);

/** partition_lock_take_on() - partition_lock_take() by CPU @cpu, which calls.
 */
static inline void partition_lock_take_on(struct partition_lock *l,
					  uint32_t cpu)
{
	uint64_t free = 0;
	bool is_mine =
		__atomic_compare_exchange_n(&l->word, &free, cpu + 1, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);

	if (unlikely(!is_mine)) {
		partition_lock_wait(l, cpu + 1);
	}
}

/** partition_lock_take() - wait for it; every take has its drop. */
static inline void partition_lock_take(struct partition_lock *l)
{
	partition_lock_take_on(l, cpu_index());
}

static inline void partition_lock_drop(struct partition_lock *l)
{
	if (unlikely(l->depth != 0)) {
		l->depth--;
		return;
	}
	__atomic_store_n(&l->owner, 0, __ATOMIC_RELEASE);
}

/** partition_lock_is_mine() - does the calling CPU hold it? For assertions. */
static inline bool partition_lock_is_mine(const struct partition_lock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == cpu_index() + 1;
}

#endif
