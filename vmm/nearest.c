/*
 * nearest.c - "did you mean": edit distance over short words.
 */
#include "nearest.h"
#include <bh/string.h>

static uint32_t nearest_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/**
 * nearest_distance() - insertions, deletions and replacements from @a to @b.
 * Words of more than NEAREST_WORD_MAX bytes are compared by their beginnings.
 */
uint32_t nearest_distance(const char *a, const char *b)
{
	uint32_t row[NEAREST_WORD_MAX + 1];
	size_t a_len = strnlen(a, NEAREST_WORD_MAX);
	size_t b_len = strnlen(b, NEAREST_WORD_MAX);

	for (size_t j = 0; j <= b_len; j++) {
		row[j] = (uint32_t)j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		uint32_t diagonal = row[0];

		row[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_len; j++) {
			uint32_t up = row[j];
			uint32_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

			row[j] = nearest_min(nearest_min(up, row[j - 1]) + 1,
					     diagonal + cost);
			diagonal = up;
		}
	}
	return row[b_len];
}

/**
 * nearest_word() - the known word that was probably meant.
 * Return: NULL if none is near: more than a third of the letters differ.
 */
const char *nearest_word(const char *word, const char *const *known,
			 uint32_t known_count)
{
	uint32_t limit = (uint32_t)strnlen(word, NEAREST_WORD_MAX) / 3 + 1;
	const char *best = NULL;

	for (uint32_t i = 0; i < known_count; i++) {
		uint32_t distance = nearest_distance(word, known[i]);

		if (distance <= limit) {
			limit = distance == 0 ? 0 : distance - 1;
			best = known[i];
			if (distance == 0) {
				break;
			}
		}
	}
	return best;
}
