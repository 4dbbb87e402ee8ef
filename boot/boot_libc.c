/*
 * boot_libc.c - what compilers call on their own account and gnu-efi lacks.
 * (memcpy and memset are in its libefi.)
 */
#include <stddef.h>

int memcmp(const void *a, const void *b, size_t len);

/** memcmp() - as in the C standard. */
int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *x = a;
	const unsigned char *y = b;
	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i]) {
			return x[i] < y[i] ? -1 : 1;
		}
	}
	return 0;
}
