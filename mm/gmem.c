/*
 * gmem.c - the memory of one partition: chunks of 2 MiB in two ranges.
 *
 * A guest-physical address is turned into (chunk, offset) in one place,
 * gmem_chunk_of(); everything else walks chunk by chunk from there.
 *
 * Invariants
 *  1. low_size and high_size are multiples of GMEM_CHUNK_SIZE and
 *     low_size <= GMEM_LOW_LIMIT; so a chunk never holds a hole.
 *  2. A range is RAM only if it lies in one of the two ranges as a whole;
 *     bounds are checked by subtraction, so no length can wrap.
 *  3. Copies check the whole range first: a refused copy moves nothing.
 * Locks: none. A chunk pointer is published once, by populate() or before the
 * partition starts, with release order; it is loaded with acquire order.
 */
#include <bh/gmem.h>

#include <bh/nospec.h>
#include <bh/string.h>

/** gmem_is_ram() - is all of [@a, @a + @len) RAM of this partition? */
bool gmem_is_ram(const struct gmem *gm, gpa_t a, uint64_t len)
{
	if (a.v < gm->low_size) {
		return len <= gm->low_size - a.v;
	}
	uint64_t high = a.v - GMEM_HIGH_BASE; /* wraps when below: refused */

	return high < gm->high_size && len <= gm->high_size - high;
}

/** gmem_chunk_of() - index of the chunk that holds @a; false if not RAM. */
bool gmem_chunk_of(const struct gmem *gm, gpa_t a, uint32_t *index)
{
	uint64_t linear = a.v;

	if (a.v >= gm->low_size) {
		uint64_t high = a.v - GMEM_HIGH_BASE;

		if (high >= gm->high_size) {
			return false;
		}
		linear = gm->low_size + high;
	}
	linear /= GMEM_CHUNK_SIZE;
	*index = (uint32_t)index_nospec(linear, gm->chunk_count);
	return linear < gm->chunk_count;
}

/** gmem_chunk_gpa() - first guest-physical address of chunk @index. */
gpa_t gmem_chunk_gpa(const struct gmem *gm, uint32_t index)
{
	uint64_t linear = index * GMEM_CHUNK_SIZE;

	if (linear < gm->low_size) {
		return gpa(linear);
	}
	return gpa(GMEM_HIGH_BASE + (linear - gm->low_size));
}

/* The chunk's VMM address, populated if need be; NULL if that failed. */
static uint8_t *gmem_chunk(struct gmem *gm, uint32_t index)
{
	uint8_t *chunk = __atomic_load_n(&gm->chunks[index], __ATOMIC_ACQUIRE);

	if (unlikely(!chunk)) {
		if (!gm->populate || gm->populate(gm, index) != OK) {
			return NULL;
		}
		chunk = __atomic_load_n(&gm->chunks[index], __ATOMIC_ACQUIRE);
	}
	return chunk;
}

/*
 * The VMM address of @a, and in *@run how many of @len bytes follow it in the
 * same chunk; NULL if @a is not RAM or cannot be populated.
 */
static uint8_t *gmem_run(struct gmem *gm, gpa_t a, size_t len, size_t *run)
{
	uint32_t index;
	size_t offset = (size_t)(a.v & (GMEM_CHUNK_SIZE - 1));
	size_t room = (size_t)GMEM_CHUNK_SIZE - offset;
	uint8_t *chunk;

	*run = len < room ? len : room;
	if (!gmem_chunk_of(gm, a, &index)) {
		return NULL;
	}
	chunk = gmem_chunk(gm, index);
	return chunk ? chunk + offset : NULL;
}

/*
 * Check the range and populate it, so that the copy that follows neither fails
 * nor stops half way.
 */
static enum status gmem_prepare(struct gmem *gm, gpa_t a, size_t len)
{
	size_t run;

	if (!gmem_is_ram(gm, a, len)) {
		return ERR_FAULT;
	}
	for (size_t done = 0; done < len; done += run) {
		if (!gmem_run(gm, gpa(a.v + done), len - done, &run)) {
			return ERR_NOMEM;
		}
	}
	return OK;
}

/** gmem_read() - copy bytes out of guest memory. */
enum status gmem_read(struct gmem *gm, gpa_t src, void *dst, size_t len)
{
	enum status s = gmem_prepare(gm, src, len);
	size_t run;

	for (size_t done = 0; s == OK && done < len; done += run) {
		const uint8_t *guest =
			gmem_run(gm, gpa(src.v + done), len - done, &run);

		memcpy((uint8_t *)dst + done, guest, run);
	}
	return s;
}

/** gmem_write() - copy bytes into guest memory. */
enum status gmem_write(struct gmem *gm, gpa_t dst, const void *src, size_t len)
{
	enum status s = gmem_prepare(gm, dst, len);
	size_t run;

	for (size_t done = 0; s == OK && done < len; done += run) {
		uint8_t *guest =
			gmem_run(gm, gpa(dst.v + done), len - done, &run);

		memcpy(guest, (const uint8_t *)src + done, run);
	}
	return s;
}

/** gmem_map() - a VMM pointer to @len guest bytes that lie in one chunk. */
void *gmem_map(struct gmem *gm, gpa_t a, size_t len)
{
	size_t run;
	uint8_t *p = gmem_run(gm, a, len, &run);

	return run == len ? p : NULL;
}
