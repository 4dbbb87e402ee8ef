/*
 * nearest.c - words in tables, and "did you mean": their edit distance.
 */
#include "nearest.h"
#include <bh/string.h>

static uint32_t nearest_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The distance of the first @i letters of @a and the first @j of @b, from the
 * distances of shorter ones: this row of the table, the last, the one before.
 */
static uint32_t nearest_cell(uint32_t rows[3][NEAREST_WORD_MAX + 1],
			     const char *a, size_t i, const char *b, size_t j)
{
	const uint32_t *last = rows[(i + 2) % 3];
	uint32_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
	uint32_t best = nearest_min(last[j], rows[i % 3][j - 1]) + 1;

	best = nearest_min(best, last[j - 1] + cost);
	if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
		best = nearest_min(best, rows[(i + 1) % 3][j - 2] + 1);
	}
	return best;
}

/**
 * nearest_distance() - insertions, deletions, replacements and swaps of two
 * neighbours from @a to @b (optimal string alignment). Words of more than
 * NEAREST_WORD_MAX bytes are compared by their beginnings.
 */
uint32_t nearest_distance(const char *a, const char *b)
{
	uint32_t rows[3][NEAREST_WORD_MAX + 1];
	size_t a_len = strnlen(a, NEAREST_WORD_MAX);
	size_t b_len = strnlen(b, NEAREST_WORD_MAX);

	for (size_t j = 0; j <= b_len; j++) {
		rows[0][j] = (uint32_t)j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		rows[i % 3][0] = (uint32_t)i;
		for (size_t j = 1; j <= b_len; j++) {
			rows[i % 3][j] = nearest_cell(rows, a, i, b, j);
		}
	}
	return rows[a_len % 3][b_len];
}

/* Word @i of a table's column. */
static const char *nearest_at(const char *const *known, size_t stride,
			      uint32_t i)
{
	return *(const char *const *)(const void *)((const char *)known +
						    i * stride);
}

/**
 * nearest_index() - which of the known words is @word? @count if none is.
 * @known:  the first of them, @count in all
 * @stride: bytes from one to the next, so that a table's column will do
 */
uint32_t nearest_index(const char *word, const char *const *known,
		       uint32_t count, size_t stride)
{
	uint32_t i = 0;

	while (i < count && strcmp(word, nearest_at(known, stride, i)) != 0) {
		i++;
	}
	return i;
}

/**
 * nearest_set() - store the number of @word among @words (NULL at the end).
 * @dst: a bool, an enum or a number of @size bytes
 * Return: false if it is none of them; @dst is then as it was.
 */
bool nearest_set(const char *word, const char *const *words, void *dst,
		 size_t size)
{
	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (strcmp(word, words[i]) == 0) {
			memcpy(dst, &i, size);
			return true;
		}
	}
	return false;
}

/**
 * nearest_word() - the known word that was probably meant; as nearest_index().
 * Return: NULL if none is near: more than a third of the letters differ.
 */
const char *nearest_word(const char *word, const char *const *known,
			 uint32_t count, size_t stride)
{
	uint32_t limit = (uint32_t)strnlen(word, NEAREST_WORD_MAX) / 3 + 2;
	const char *best = NULL;

	/* the first of the nearest: only a smaller distance replaces it */
	for (uint32_t i = 0; i < count; i++) {
		const char *candidate = nearest_at(known, stride, i);
		uint32_t distance = nearest_distance(word, candidate);

		if (distance < limit) {
			limit = distance;
			best = candidate;
		}
	}
	return best;
}
