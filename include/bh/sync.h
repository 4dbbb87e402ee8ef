/*
 * sync.h - spin locks and the few atomic operations that we use, by name.
 *
 * A ticket lock: who comes first gets it first, so no CPU starves. The word is
 * its own: `next` is the ticket the next comer draws, `owner` the one served.
 * Hosted builds use the same code. Lock order: docs/locking.md.
 */
#ifndef BH_SYNC_H
#define BH_SYNC_H

#include <bh/attr.h>
#include <stdbool.h>

struct spinlock {
	uint32_t next;  /* (a) ticket of the next comer */
	uint32_t owner; /* (a) ticket being served */
};

#define SPINLOCK_INIT \
	{             \
		0, 0  \
	}

/** sync_pause() - tell the CPU that this is a spin loop. */
static inline void sync_pause(void)
{
	__builtin_ia32_pause();
}

/** spin_lock() - wait for the lock. */
static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket) {
		sync_pause();
	}
}

/** spin_trylock() - take the lock only if it is free; true if taken. */
must_check static inline bool spin_trylock(struct spinlock *l)
{
	uint32_t ticket = __atomic_load_n(&l->owner, __ATOMIC_ACQUIRE);

	return __atomic_compare_exchange_n(&l->next, &ticket, ticket + 1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/** spin_unlock() - serve the next ticket. */
static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

/** spin_is_locked() - for assertions: does anyone hold it? */
static inline bool spin_is_locked(const struct spinlock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&l->next, __ATOMIC_RELAXED);
}

/* Loads acquire, stores release, read-modify-writes do both. */
static inline uint32_t atomic_load32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline uint64_t atomic_load64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void atomic_store32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void atomic_store64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/** atomic_add32() - add @v; the value before. */
static inline uint32_t atomic_add32(uint32_t *p, uint32_t v)
{
	return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}

/** atomic_add64() - add @v; the value before. */
static inline uint64_t atomic_add64(uint64_t *p, uint64_t v)
{
	return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}

/** atomic_or32() - set the bits of @v; the value before. */
static inline uint32_t atomic_or32(uint32_t *p, uint32_t v)
{
	return __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL);
}

/** atomic_or64() - set the bits of @v; the value before. */
static inline uint64_t atomic_or64(uint64_t *p, uint64_t v)
{
	return __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL);
}

/** atomic_and64() - keep only the bits of @v; the value before. */
static inline uint64_t atomic_and64(uint64_t *p, uint64_t v)
{
	return __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL);
}

/** atomic_swap32() - store @v; the value before. */
static inline uint32_t atomic_swap32(uint32_t *p, uint32_t v)
{
	return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL);
}

/** atomic_swap64() - store @v; the value before. */
static inline uint64_t atomic_swap64(uint64_t *p, uint64_t v)
{
	return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL);
}

/** sync_compiler_barrier() - the compiler moves no access across this. */
static inline void sync_compiler_barrier(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/** sync_barrier() - no CPU moves an access across this (MFENCE). */
static inline void sync_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
