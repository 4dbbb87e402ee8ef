/*
 * nearest.h - words in tables: the one that was typed, or that is nearest to
 * it.
 */
#ifndef VMM_NEAREST_H
#define VMM_NEAREST_H

#include <bh/attr.h>
#include <stdbool.h>

#define NEAREST_WORD_MAX 40

uint32_t nearest_distance(const char *a, const char *b);
bool nearest_set(const char *word, const char *const *words, void *dst,
		 size_t size);
uint32_t nearest_index(const char *word, const char *const *known,
		       uint32_t count, size_t stride);
const char *nearest_word(const char *word, const char *const *known,
			 uint32_t count, size_t stride);

#endif
