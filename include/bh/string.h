/*
 * string.h - the few libc functions a freestanding compiler expects, and the
 * bounded string helpers that we use instead of libc's unbounded ones.
 *
 * Hosted builds take the first group from libc; vmm/lib/string.c provides it
 * in the VMM.
 */
#ifndef BH_STRING_H
#define BH_STRING_H

#include <bh/attr.h>
#include <stdarg.h>
#include <stdbool.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/**
 * str_copy() - copy @src into @dst of @size bytes, always NUL-terminated.
 * Return: true if all of @src fitted.
 */
bool str_copy(char *dst, size_t size, const char *src);

/**
 * str_to_u64() - parse a decimal or 0x-hexadecimal number that fills @s up to
 * @len bytes. Return: false on junk, an empty string or overflow.
 */
bool str_to_u64(const char *s, size_t len, uint64_t *out);

/**
 * str_to_size() - as str_to_u64(), with an optional suffix K, M or G (powers
 * of 1024, as in cgroup v2's memory.max).
 */
bool str_to_size(const char *s, size_t len, uint64_t *out);

/**
 * fmt_print() - bounded printf: %d %i %u %x %X %p %s %c %% with the flags 0,
 * '-' and ' ', width, precision (also "*"), and the lengths h hh l ll z j.
 * Return: length the full text has; @dst is always NUL-terminated if size > 0.
 */
size_t fmt_print(char *dst, size_t size, const char *fmt, ...)
	printf_like(3, 4);
size_t fmt_vprint(char *dst, size_t size, const char *fmt, va_list ap)
	printf_like(3, 0);

#endif
