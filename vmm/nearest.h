/*
 * nearest.h - "did you mean": the known word that is closest to a typo.
 */
#ifndef VMM_NEAREST_H
#define VMM_NEAREST_H

#include <bh/attr.h>

#define NEAREST_WORD_MAX 40

uint32_t nearest_distance(const char *a, const char *b);
const char *nearest_word(const char *word, const char *const *known,
			 uint32_t count, size_t stride);

#endif
