/*
 * partition_lock.h - the lock of a partition: its devices, its state, its end.
 *
 * Exit handlers take it for what vCPUs share; management holds it while it
 * works on a partition, and calls functions that take it, too: so the CPU that
 * has it may take it again. No CPU ever holds two of them (docs/locking.md).
 */
#ifndef VMM_PARTITION_LOCK_H
#define VMM_PARTITION_LOCK_H

#include <arch/cpu.h>
#include <bh/sync.h>

struct partition_lock {
	struct spinlock lock;
	uint32_t owner; /* (a) CPU number + 1; 0: nobody */
	uint32_t depth; /* [lock] times the owner has taken it again */
};

/** partition_lock_take_on() - partition_lock_take(), by CPU @cpu, the caller.
 */
static inline void partition_lock_take_on(struct partition_lock *l,
					  uint32_t cpu)
{
	uint32_t me = cpu + 1;

	/* Only this CPU writes its own number there. */
	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == me) {
		l->depth++;
		return;
	}
	spin_lock(&l->lock);
	__atomic_store_n(&l->owner, me, __ATOMIC_RELAXED);
}

/** partition_lock_take() - wait for it; every take has its drop. */
static inline void partition_lock_take(struct partition_lock *l)
{
	partition_lock_take_on(l, cpu_index());
}

static inline void partition_lock_drop(struct partition_lock *l)
{
	if (l->depth != 0) {
		l->depth--;
		return;
	}
	__atomic_store_n(&l->owner, 0, __ATOMIC_RELAXED);
	spin_unlock(&l->lock);
}

/** partition_lock_is_mine() - does the calling CPU hold it? For assertions. */
static inline bool partition_lock_is_mine(const struct partition_lock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == cpu_index() + 1;
}

#endif
