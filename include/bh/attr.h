/* attr.h - compiler attributes and small arithmetic helpers, spelled once. */
#ifndef BH_ATTR_H
#define BH_ATTR_H

#include <stddef.h>
#include <stdint.h>

#define must_check             __attribute__((warn_unused_result))
#define packed_struct          __attribute__((packed))
#define align_to(n)            __attribute__((aligned(n)))
#define no_return              __attribute__((noreturn))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define likely(x)              __builtin_expect(!!(x), 1)
#define unlikely(x)            __builtin_expect(!!(x), 0)

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)         (1ull << (n))
#define KIB(n)         ((uint64_t)(n) << 10)
#define MIB(n)         ((uint64_t)(n) << 20)
#define GIB(n)         ((uint64_t)(n) << 30)
#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull

/** align_down() - @v rounded down to a multiple of @a (a power of two). */
static inline uint64_t align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

/** align_up() - @v rounded up to a multiple of @a (a power of two). */
static inline uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

#endif
