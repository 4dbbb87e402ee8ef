/*
 * nearest.c - "did you mean": edit distance over short words.
 */
#include "nearest.h"
#include <bh/string.h>

static uint32_t nearest_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The table of distances: this row, the last one and the one before it. */
struct nearest_rows {
	uint32_t row[3][NEAREST_WORD_MAX + 1];
};

/* Row @i of the table; j and i count letters from 1. */
static void nearest_row(struct nearest_rows *r, const char *a, size_t i,
			const char *b, size_t b_len)
{
	uint32_t *row = r->row[i % 3];
	const uint32_t *last = r->row[(i + 2) % 3];
	const uint32_t *older = r->row[(i + 1) % 3];

	row[0] = (uint32_t)i;
	for (size_t j = 1; j <= b_len; j++) {
		uint32_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

		row[j] = nearest_min(last[j], row[j - 1]) + 1;
		row[j] = nearest_min(row[j], last[j - 1] + cost);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
		    a[i - 2] == b[j - 1]) {
			row[j] = nearest_min(row[j], older[j - 2] + 1);
		}
	}
}

/**
 * nearest_distance() - insertions, deletions, replacements and swaps of two
 * neighbours from @a to @b (optimal string alignment). Words of more than
 * NEAREST_WORD_MAX bytes are compared by their beginnings.
 */
uint32_t nearest_distance(const char *a, const char *b)
{
	struct nearest_rows r;
	size_t a_len = strnlen(a, NEAREST_WORD_MAX);
	size_t b_len = strnlen(b, NEAREST_WORD_MAX);

	for (size_t j = 0; j <= b_len; j++) {
		r.row[0][j] = (uint32_t)j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		nearest_row(&r, a, i, b, b_len);
	}
	return r.row[a_len % 3][b_len];
}

/**
 * nearest_word() - the known word that was probably meant.
 * Return: NULL if none is near: more than a third of the letters differ.
 */
const char *nearest_word(const char *word, const char *const *known,
			 uint32_t known_count)
{
	uint32_t limit = (uint32_t)strnlen(word, NEAREST_WORD_MAX) / 3 + 2;
	const char *best = NULL;

	/* the first of the nearest: only a smaller distance replaces it */
	for (uint32_t i = 0; i < known_count; i++) {
		uint32_t distance = nearest_distance(word, known[i]);

		if (distance < limit) {
			limit = distance;
			best = known[i];
		}
	}
	return best;
}
