/*
 * big_gmem.h - guest memory of any size for hosted tests: 2 MiB chunks that are
 * allocated on the first touch, each an allocation of its own.
 */
#ifndef TESTS_BIG_GMEM_H
#define TESTS_BIG_GMEM_H

#include <bh/gmem.h>
#include <stdlib.h>

static inline enum status big_gmem_populate(struct gmem *gm, uint32_t index)
{
	gm->chunks[index] = calloc(1, GMEM_CHUNK_SIZE);
	return gm->chunks[index] != NULL ? OK : ERR_NOMEM;
}

/* @low and @high in MiB, even. */
static inline void big_gmem_init(struct gmem *gm, uint64_t low, uint64_t high)
{
	*gm = (struct gmem){ .low_size = MIB(low),
			     .high_size = MIB(high),
			     .populate = big_gmem_populate };
	gm->chunk_count = (uint32_t)(gmem_size(gm) / GMEM_CHUNK_SIZE);
	gm->chunks = calloc(gm->chunk_count, sizeof(*gm->chunks));
}

static inline void big_gmem_free(struct gmem *gm)
{
	for (uint32_t i = 0; i < gm->chunk_count; i++) {
		free(gm->chunks[i]);
	}
	free(gm->chunks);
}

static inline uint32_t big_gmem_populated(const struct gmem *gm)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < gm->chunk_count; i++) {
		n += gm->chunks[i] != NULL;
	}
	return n;
}

#endif
