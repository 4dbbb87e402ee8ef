/*
 * nospec.h - indices that come from a guest, and what processors guess.
 *
 * A bounds check is a branch, and a processor goes on by guess while the
 * comparison is under way: an index that a guest chose then reads beyond the
 * array, and what is done with the value can leave traces in caches that the
 * guest measures (Spectre, variant 1). So such an index passes, after its
 * check, through arithmetic that has no branch to guess: in bounds it is what
 * it was, else it is one that does no harm.
 *
 * Not needed: where the check bounds the index by its type or by a mask that
 * the compiler cannot remove; and on pointers into guest memory, beyond which
 * lies nothing but more memory of the same guest (docs/adr/0012).
 */
#ifndef BH_NOSPEC_H
#define BH_NOSPEC_H

#include <bh/attr.h>

/** nospec_mask() - all ones if @index < @count, else 0; by no branch. */
static inline uint64_t nospec_mask(uint64_t index, uint64_t count)
{
	uint64_t mask;

	__asm__("cmpq %2, %1\n\t"
		"sbbq %0, %0"
		: "=r"(mask)
		: "r"(index), "rme"(count)
		: "cc");
	return mask;
}

/** index_nospec() - @index, which was found to be below @count; 0 if that was
 * a wrong guess. Three instructions. */
static inline uint64_t index_nospec(uint64_t index, uint64_t count)
{
	return index & nospec_mask(index, count);
}

/**
 * nospec_span() - a mask for indices below @count: & with it changes none, and
 * bounds all others by the next power of two. Made once and kept where the
 * compiler does not see its value, it costs one instruction a use.
 */
static inline uint64_t nospec_span(uint64_t count)
{
	return count <= 1 ? 0 : UINT64_MAX >> __builtin_clzll(count - 1);
}

/** nospec_low32() - @v, which was found to be below 4 GiB. One instruction. */
static inline uint64_t nospec_low32(uint64_t v)
{
	uint32_t low = (uint32_t)v;

	__asm__("" : "+r"(low)); /* the compiler shall not know that it is v */
	return low;
}

#endif
