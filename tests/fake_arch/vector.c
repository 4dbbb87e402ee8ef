/* vector.c - arch/x86_64/vector.asm's copy for hosted builds, byte by byte. */
#include <stdint.h>

void vector_copy(void *dst, const void *src, uint64_t size);

void vector_copy(void *dst, const void *src, uint64_t size)
{
	volatile uint8_t *d = dst;
	const uint8_t *s = src;

	for (uint64_t i = 0; i < size; i++) {
		d[i] = s[i];
	}
}
