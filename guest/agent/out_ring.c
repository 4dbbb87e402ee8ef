/* out_ring.c - a byte ring with a lost counter; see out_ring.h. */
#define _GNU_SOURCE
#include "out_ring.h"

void out_ring_write(struct out_ring *r, const char *src, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		r->buf[(r->head + i) % OUT_RING_SIZE] = src[i];
	}
	r->head += len;
}

size_t out_ring_read(const struct out_ring *r, uint64_t *pos, char *dst,
		     size_t len, uint64_t *lost)
{
	uint64_t tail = r->head > OUT_RING_SIZE ? r->head - OUT_RING_SIZE : 0;
	*lost = 0;
	if (*pos < tail) {
		*lost = tail - *pos;
		*pos = tail;
	}
	if (*pos > r->head) {
		*pos = r->head;
	}
	size_t have = (size_t)(r->head - *pos);
	if (len > have) {
		len = have;
	}
	for (size_t i = 0; i < len; i++) {
		dst[i] = r->buf[(*pos + i) % OUT_RING_SIZE];
	}
	*pos += len;
	return len;
}
