/*
 * mem.c - memcpy, memmove and memset of the VMM.
 *
 * Bulk goes through REP MOVSQ and REP STOSQ: fast strings on silicon, and eight
 * bytes an iteration where each iteration is counted. Up to 16 bytes take two
 * overlapping moves at most; longer ones end with one overlapping move instead
 * of a tail loop. From 64 KiB on memcpy() uses vector registers (vector.asm).
 * Nothing here may be compiled into a call of itself: the
 * __builtin_memcpy() below have constant sizes and become single moves.
 */
#include <bh/string.h>

/* From here on the vector registers pay (kernels, initial RAM disks). */
#define VECTOR_COPY_MIN 65536u

/* vector.asm: @size bytes, a multiple of 1 KiB, not overlapping */
void vector_copy(void *dst, const void *src, uint64_t size);

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, 8);
	return v;
}

static inline void store64(uint8_t *p, uint64_t v)
{
	__builtin_memcpy(p, &v, 8);
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, 4);
	return v;
}

static inline void store32(uint8_t *p, uint32_t v)
{
	__builtin_memcpy(p, &v, 4);
}

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, 2);
	return v;
}

static inline void store16(uint8_t *p, uint16_t v)
{
	__builtin_memcpy(p, &v, 2);
}

/* Up to 16 bytes, any overlap: everything is loaded before a store. */
static inline __attribute__((always_inline)) void
copy_small(uint8_t *d, const uint8_t *s, size_t n)
{
	if (n >= 8) {
		uint64_t first = load64(s);
		uint64_t last = load64(s + n - 8);

		store64(d, first);
		store64(d + n - 8, last);
	} else if (n >= 4) {
		uint32_t first = load32(s);
		uint32_t last = load32(s + n - 4);

		store32(d, first);
		store32(d + n - 4, last);
	} else if (n >= 2) {
		uint16_t first = load16(s);
		uint16_t last = load16(s + n - 2);

		store16(d, first);
		store16(d + n - 2, last);
	} else if (n == 1) {
		*d = *s;
	}
}

/* More than 16 bytes, lowest address first. */
static void copy_forward(uint8_t *d, const uint8_t *s, size_t n)
{
	uint64_t last = load64(s + n - 8);
	uint8_t *end = d + n - 8;
	size_t words = n / 8;

	__asm__ volatile("rep movsq"
			 : "+D"(d), "+S"(s), "+c"(words)
			 :
			 : "memory");
	store64(end, last);
}

/*
 * More than 16 bytes, highest address first. Words by hand: with the direction
 * flag set, an NMI would run C code that expects it clear.
 */
static void copy_backward(uint8_t *d, const uint8_t *s, size_t n)
{
	uint64_t first = load64(s);
	size_t left = n;

	for (; left >= 8; left -= 8) {
		store64(d + left - 8, load64(s + left - 8));
		__asm__ volatile("" : : : "memory");
	}
	store64(d, first);
}

static __attribute__((noinline)) void copy_bulk(uint8_t *d, const uint8_t *s,
						size_t n)
{
	size_t bulk = n & ~(size_t)1023;
	size_t left = n - bulk;

	vector_copy(d, s, bulk);
	if (left > 16) {
		copy_forward(d + bulk, s + bulk, left);
	} else {
		copy_small(d + bulk, s + bulk, left);
	}
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	if (n <= 16) {
		copy_small(dst, src, n);
	} else if (likely(n < VECTOR_COPY_MIN)) {
		copy_forward(dst, src, n);
	} else {
		copy_bulk(dst, src, n);
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if (n <= 16) {
		copy_small(dst, src, n);
	} else if ((uintptr_t)dst - (uintptr_t)src >= n) {
		copy_forward(dst, src, n);
	} else {
		copy_backward(dst, src, n);
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint64_t pattern = (uint8_t)c * 0x0101010101010101ull;
	uint8_t *d = dst;
	size_t words = n / 8;

	if (n < 8) {
		uint8_t word[8];

		store64(word, pattern);
		copy_small(d, word, n);
		return dst;
	}
	store64(d + n - 8, pattern);
	__asm__ volatile("rep stosq"
			 : "+D"(d), "+c"(words)
			 : "a"(pattern)
			 : "memory");
	return dst;
}
