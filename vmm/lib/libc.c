/*
 * libc.c - the rest of the libc functions that <bh/string.h> names.
 *
 * Part of the VMM only: hosted builds have their own libc. (memcpy, memmove and
 * memset need string instructions: arch/x86_64/mem.c.) Each byte is read
 * through a volatile pointer where the compiler would otherwise recognise the
 * loop and replace it by a call of the very function it stands in.
 */
#include <bh/string.h>

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *pa = a;
	const uint8_t *pb = b;

	for (size_t i = 0; i < n; i++) {
		if (pa[i] != pb[i]) {
			return pa[i] < pb[i] ? -1 : 1;
		}
	}
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	const volatile char *p = s;
	size_t n = 0;

	while (n < max && p[n] != '\0') {
		n++;
	}
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t ca = (uint8_t)a[i];
		uint8_t cb = (uint8_t)b[i];

		if (ca != cb) {
			return ca < cb ? -1 : 1;
		}
		if (ca == '\0') {
			return 0;
		}
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}
