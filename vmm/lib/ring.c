/*
 * ring.c - a byte ring whose readers keep their own positions.
 *
 * Positions count bytes since the start and never wrap (2^64 bytes do not come
 * by); the index into the buffer is the position modulo the size. The caller
 * serialises writers, and readers against writers.
 */
#include <bh/assert.h>
#include <bh/ring.h>
#include <bh/string.h>

/** ring_init() - use @size bytes (a power of two) at @buf. */
void ring_init(struct ring *r, void *buf, uint32_t size)
{
	ASSERT(size != 0 && (size & (size - 1)) == 0);
	r->buf = buf;
	r->size = size;
	r->head = 0;
}

/** ring_tail() - the oldest position that can still be read. */
uint64_t ring_tail(const struct ring *r)
{
	return r->head > r->size ? r->head - r->size : 0;
}

/* Bytes from position @pos to the end of the buffer. */
static size_t ring_contiguous(const struct ring *r, uint64_t pos)
{
	return r->size - (size_t)(pos & (r->size - 1));
}

/** ring_write() - append; the oldest bytes are overwritten. */
void ring_write(struct ring *r, const void *src, size_t len)
{
	const uint8_t *s = src;

	if (len > r->size) { /* only the last r->size bytes will survive */
		r->head += len - r->size;
		s += len - r->size;
		len = r->size;
	}
	while (len > 0) { /* at most twice */
		size_t part = ring_contiguous(r, r->head);

		part = part < len ? part : len;
		memcpy(r->buf + (r->head & (r->size - 1)), s, part);
		r->head += part;
		s += part;
		len -= part;
	}
}

/**
 * ring_read() - copy up to @len bytes from position *@pos on and advance it.
 * @lost: bytes that were overwritten before *@pos was read; may be NULL.
 *
 * A position ahead of the writer's is no position of this ring: nothing is
 * read and it stays.
 * Return: bytes copied; 0 if there is nothing new.
 */
size_t ring_read(const struct ring *r, uint64_t *pos, void *dst, size_t len,
		 uint64_t *lost)
{
	uint64_t tail = ring_tail(r);
	uint64_t skipped = *pos < tail ? tail - *pos : 0;
	uint8_t *d = dst;
	size_t done = 0;

	if (lost != NULL) {
		*lost = skipped;
	}
	*pos += skipped;
	while (done < len && *pos < r->head) { /* at most twice */
		uint64_t left = r->head - *pos;
		size_t part = ring_contiguous(r, *pos);

		part = part < left ? part : (size_t)left;
		part = part < len - done ? part : len - done;
		memcpy(d + done, r->buf + (*pos & (r->size - 1)), part);
		*pos += part;
		done += part;
	}
	return done;
}
