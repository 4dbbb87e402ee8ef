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
	*index = (uint32_t)(linear / GMEM_CHUNK_SIZE);
	return *index < gm->chunk_count;
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
 * same chunk. The caller has checked that @a is RAM.
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

enum gmem_op { GMEM_READ, GMEM_WRITE, GMEM_ZERO };

/* @n bytes between @guest and @buf + @done; zeroing needs no @buf. */
static void gmem_move(enum gmem_op op, uint8_t *guest, uint8_t *buf,
		      size_t done, size_t n)
{
	switch (op) {
	case GMEM_READ:
		memcpy(buf + done, guest, n);
		break;
	case GMEM_WRITE:
		memcpy(guest, buf + done, n);
		break;
	case GMEM_ZERO:
		memset(guest, 0, n);
		break;
	}
}

/* Populate first, then move: so that a failure leaves nothing half done. */
static enum status gmem_touch(struct gmem *gm, gpa_t a, size_t len)
{
	size_t run;

	for (size_t done = 0; done < len; done += run) {
		if (!gmem_run(gm, gpa(a.v + done), len - done, &run)) {
			return ERR_NOMEM;
		}
	}
	return OK;
}

static enum status gmem_copy(struct gmem *gm, gpa_t a, uint8_t *buf, size_t len,
			     enum gmem_op op)
{
	enum status s;
	size_t run;

	if (!gmem_is_ram(gm, a, len)) {
		return ERR_FAULT;
	}
	s = gmem_touch(gm, a, len);
	if (s != OK) {
		return s;
	}
	for (size_t done = 0; done < len; done += run) {
		uint8_t *guest =
			gmem_run(gm, gpa(a.v + done), len - done, &run);

		gmem_move(op, guest, buf, done, run);
	}
	return OK;
}

/** gmem_read() - copy bytes out of guest memory. */
enum status gmem_read(struct gmem *gm, gpa_t src, void *dst, size_t len)
{
	return gmem_copy(gm, src, dst, len, GMEM_READ);
}

/** gmem_write() - copy bytes into guest memory. */
enum status gmem_write(struct gmem *gm, gpa_t dst, const void *src, size_t len)
{
	/* GMEM_WRITE only reads the buffer: the cast drops no promise */
	return gmem_copy(gm, dst, (uint8_t *)(uintptr_t)src, len, GMEM_WRITE);
}

/** gmem_zero() - clear guest memory. */
enum status gmem_zero(struct gmem *gm, gpa_t dst, size_t len)
{
	return gmem_copy(gm, dst, NULL, len, GMEM_ZERO);
}

/** gmem_map() - a VMM pointer to @len guest bytes that lie in one chunk. */
void *gmem_map(struct gmem *gm, gpa_t a, size_t len)
{
	uint64_t offset = a.v & (GMEM_CHUNK_SIZE - 1);
	uint32_t index;
	uint8_t *chunk;

	if (len > GMEM_CHUNK_SIZE - offset || !gmem_chunk_of(gm, a, &index)) {
		return NULL;
	}
	chunk = gmem_chunk(gm, index);
	return chunk ? chunk + offset : NULL;
}
