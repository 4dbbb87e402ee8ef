/*
 * ring.h - a byte ring with a lost-bytes counter, for logs and consoles.
 *
 * Positions are 64-bit and never wrap: a reader keeps its own position, and
 * learns how many bytes were overwritten before it came to read them.
 * Invariants: head - tail <= size; size is a power of two.
 */
#ifndef BH_RING_H
#define BH_RING_H

#include <bh/attr.h>

struct ring {
	uint8_t *buf;
	uint32_t size; /* bytes, a power of two */
	uint64_t head; /* bytes ever written */
};

/** ring_init() - use @size bytes (a power of two) at @buf. */
void ring_init(struct ring *r, void *buf, uint32_t size);
/** ring_write() - append; the oldest bytes are overwritten. */
void ring_write(struct ring *r, const void *src, size_t len);
/**
 * ring_read() - copy up to @len bytes from position *@pos on and advance it.
 * @lost: bytes that were overwritten before *@pos was read; may be NULL.
 * Return: bytes copied; 0 if there is nothing new.
 */
size_t ring_read(const struct ring *r, uint64_t *pos, void *dst, size_t len,
		 uint64_t *lost);
/** ring_tail() - the oldest position that can still be read. */
uint64_t ring_tail(const struct ring *r);

#endif
