/* utf8.h - any bytes as a JSON string: what is not UTF-8 becomes U+FFFD. */
#ifndef AGENT_UTF8_H
#define AGENT_UTF8_H

#include <stddef.h>

/**
 * utf8_clean() - copy @src to @dst with U+FFFD for each byte that is no UTF-8.
 * @dst:  at least 3 * @len bytes
 * @used: bytes of @src taken; less than @len only if the end is the beginning
 *	  of a character that may still be completed (NULL: take all)
 * Return: bytes written to @dst.
 */
size_t utf8_clean(const char *src, size_t len, char *dst, size_t *used);

#endif
