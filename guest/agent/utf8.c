/* utf8.c - a decoder that never fails; see utf8.h. */
#define _GNU_SOURCE
#include "utf8.h"
#include <stdint.h>
#include <string.h>

/* U+FFFD */
static const unsigned char utf8_replacement[] = { 0xef, 0xbf, 0xbd };

#define UTF8_BAD   0
#define UTF8_SHORT (-1)

/* Bytes of the character at @s: 1..4, UTF8_BAD, or UTF8_SHORT if it is cut. */
static int utf8_length(const unsigned char *s, size_t len)
{
	unsigned char c = s[0];
	if (c < 0x80) {
		return 1;
	}
	int want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4) {
		return UTF8_BAD;
	}
	uint32_t value = c & (0xffu >> (want + 1));
	for (int i = 1; i < want; i++) {
		if ((size_t)i >= len) {
			return UTF8_SHORT;
		}
		if ((s[i] & 0xc0) != 0x80) {
			return UTF8_BAD;
		}
		value = value << 6 | (s[i] & 0x3fu);
	}
	/* no overlong forms, no surrogates, nothing above U+10FFFF */
	if ((want == 3 && value < 0x800) || (want == 4 && value < 0x10000) ||
	    (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) {
		return UTF8_BAD;
	}
	return want;
}

size_t utf8_clean(const char *src, size_t len, char *dst, size_t *used)
{
	size_t in = 0;
	size_t out = 0;
	while (in < len) {
		int n = utf8_length((const unsigned char *)src + in, len - in);
		if (n == UTF8_SHORT && used != NULL) {
			break;
		}
		if (n <= 0) {
			memcpy(dst + out, utf8_replacement,
			       sizeof(utf8_replacement));
			out += 3;
			in++;
			continue;
		}
		memcpy(dst + out, src + in, (size_t)n);
		out += (size_t)n;
		in += (size_t)n;
	}
	if (used != NULL) {
		*used = in;
	}
	return out;
}
