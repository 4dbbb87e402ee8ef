/*
 * string.c - bounded string helpers: copies that end in NUL, numbers that are
 * parsed whole or refused.
 */
#include <bh/string.h>

/**
 * str_copy() - copy @src into @dst of @size bytes, always NUL-terminated.
 * Return: true if all of @src fitted.
 */
bool str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size);

	if (size == 0) {
		return false;
	}
	if (len < size) {
		memcpy(dst, src, len + 1);
		return true;
	}
	memcpy(dst, src, size - 1);
	dst[size - 1] = '\0';
	return false;
}

/* The value of digit @c, or 255 if it is a digit in no base of ours. */
static uint32_t digit_value(char c)
{
	uint32_t letter = ((uint32_t)c | 0x20) - 'a';

	if (c >= '0' && c <= '9') {
		return (uint32_t)(c - '0');
	}
	return letter < 6 ? letter + 10 : 255;
}

/**
 * str_to_u64() - parse a decimal or 0x-hexadecimal number that fills @s up to
 * @len bytes; *@out is written only on success.
 * Return: false on junk, an empty string or overflow.
 */
bool str_to_u64(const char *s, size_t len, uint64_t *out)
{
	uint32_t base = 10;
	uint64_t v = 0;

	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		len -= 2;
	}
	if (len == 0) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		uint32_t digit = digit_value(s[i]);

		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v)) {
			return false;
		}
	}
	*out = v;
	return true;
}

/**
 * str_to_size() - as str_to_u64(), with an optional suffix K, M or G (powers
 * of 1024, as in cgroup v2's memory.max); lower case is accepted too.
 */
bool str_to_size(const char *s, size_t len, uint64_t *out)
{
	uint32_t suffix = len > 0 ? (uint32_t)s[len - 1] | 0x20 : 0;
	uint32_t shift = suffix == 'k'   ? 10
			 : suffix == 'm' ? 20
			 : suffix == 'g' ? 30
					 : 0;
	uint64_t v;

	if (!str_to_u64(s, shift != 0 ? len - 1 : len, &v) ||
	    v > UINT64_MAX >> shift) {
		return false;
	}
	*out = v << shift;
	return true;
}
