/*
 * out_ring.h - the last 64 KiB that a container printed.
 *
 * Positions are 64-bit and never wrap; a reader that comes late learns how
 * many bytes are gone.
 */
#ifndef AGENT_OUT_RING_H
#define AGENT_OUT_RING_H

#include <stddef.h>
#include <stdint.h>

#define OUT_RING_SIZE 65536u

struct out_ring {
	uint64_t head; /* bytes ever written */
	char buf[OUT_RING_SIZE];
};

/** out_ring_write() - append; the oldest bytes are overwritten. */
void out_ring_write(struct out_ring *r, const char *src, size_t len);
/**
 * out_ring_read() - copy up to @len bytes from position *@pos on.
 * @pos:  moved to the first byte that is still there, then past the copy
 * @lost: how far it had to be moved
 * Return: bytes copied.
 */
size_t out_ring_read(const struct out_ring *r, uint64_t *pos, char *dst,
		     size_t len, uint64_t *lost);

#endif
