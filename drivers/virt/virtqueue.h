/*
 * virtqueue.h - a split virtqueue, seen by the author of a device model.
 *
 * The author never touches a ring. virtqueue_pop() turns the next chain of
 * descriptors into a request: a readable byte stream (what the driver sends)
 * followed by a writable one (what the device answers). Both are bounded by
 * what the driver described, and every byte of them is guest RAM.
 *
 *	while (virtqueue_pop(vq, req)) {
 *		virtqueue_read(req, &header, sizeof(header));
 *		...
 *		virtqueue_write(req, &answer, sizeof(answer));
 *		virtqueue_push(vq, req);
 *	}
 */
#ifndef VIRT_VIRTQUEUE_H
#define VIRT_VIRTQUEUE_H

#include <bh/gmem.h>
#include <bh/string.h>
#include <spec/virtio_ring.h>
#include <stdbool.h>

#define VIRTQUEUE_SIZE_MAX 256

struct virtqueue {
	/* where the rings are mapped; NULL: that area crosses a 2 MiB chunk */
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;
	struct gmem *gm; /* (c) */
	uint16_t size;   /* as the driver chose, <= max_size */
	uint16_t last_avail;
	uint16_t avail_seen; /* copy of avail->idx */
	uint16_t used_idx;
	uint16_t signalled;  /* used_idx at the last decision to interrupt */
	uint16_t event_told; /* avail_event as last published */
	uint16_t max_size;   /* (c) as offered */
	uint16_t msix_vector;
	bool is_ready; /* enabled by the driver and not broken */
	bool has_event_idx;
	bool has_indirect;
	const char *fault; /* what the driver did wrong; NULL: nothing */
	gpa_t desc_gpa;
	gpa_t avail_gpa;
	gpa_t used_gpa;
	uint64_t request_count; /* since power-on, for statistics */
};

/* One descriptor, copied once and checked: all of it is guest RAM. */
struct virtqueue_seg {
	uint8_t *host; /* NULL: it crosses chunks, go through gmem */
	gpa_t gpa;
	uint32_t len;
};

struct virtqueue_stream {
	uint64_t left;   /* bytes not yet consumed */
	uint32_t seg;    /* next one */
	uint32_t offset; /* in it */
};

struct virtqueue_req {
	struct gmem *gm;
	struct virtqueue_stream readable;
	struct virtqueue_stream writable;
	uint64_t total; /* bytes of both when popped */
	uint32_t written;
	uint32_t seg_count;
	uint16_t head;
	struct virtqueue_seg segs[VIRTQUEUE_SIZE_MAX];
};

void virtqueue_init(struct virtqueue *vq, struct gmem *gm, uint16_t max_size);
void virtqueue_reset(struct virtqueue *vq);
must_check enum status virtqueue_enable(struct virtqueue *vq,
					uint64_t features);
void virtqueue_fail(struct virtqueue *vq, const char *why);

must_check bool virtqueue_refresh(struct virtqueue *vq);
must_check bool virtqueue_pop_next(struct virtqueue *vq,
				   struct virtqueue_req *req);
void virtqueue_push(struct virtqueue *vq, const struct virtqueue_req *req);
must_check bool virtqueue_rearm(struct virtqueue *vq);
must_check bool virtqueue_needs_interrupt(struct virtqueue *vq);

size_t virtqueue_read_slow(struct virtqueue_req *req, void *dst, size_t len);
size_t virtqueue_write_slow(struct virtqueue_req *req, const void *src,
			    size_t len);
void *virtqueue_map_writable_slow(struct virtqueue_req *req, size_t max,
				  size_t *len);
const void *virtqueue_map_readable(struct virtqueue_req *req, size_t max,
				   size_t *len);
void virtqueue_skip(struct virtqueue_req *req, uint64_t len);

/**
 * virtqueue_is_idle() - is there nothing to do for a notification?
 *
 * Certain only where the answer is cheap: a queue that is not ready, or whose
 * rings are mapped, hold nothing new and ask for the next notification.
 */
static inline bool virtqueue_is_idle(const struct virtqueue *vq)
{
	uint16_t last = vq->last_avail;

	if (unlikely(!vq->is_ready)) {
		return true;
	}
	if (vq->has_event_idx && vq->event_told != last) {
		return false;
	}
	return vq->avail &&
	       *(const volatile uint16_t *)(const void *)(vq->avail +
							  VIRTQ_AVAIL_IDX) ==
		       last;
}

/**
 * virtqueue_pop() - take the next request.
 * @req: filled; valid until the next pop into it
 *
 * Return: true if there is one; false if the queue is empty, not ready, or
 *	   found broken just now (vq->fault says why).
 */
static inline must_check bool virtqueue_pop(struct virtqueue *vq,
					    struct virtqueue_req *req)
{
	if (unlikely(!vq->is_ready)) {
		return false;
	}
	if (vq->avail_seen == vq->last_avail && !virtqueue_refresh(vq)) {
		return false;
	}
	return virtqueue_pop_next(vq, req);
}

/*
 * The next @len bytes of @st if they lie in its current buffer, in one piece:
 * consumed. NULL if it is not that simple.
 */
static inline uint8_t *virtqueue_simple(struct virtqueue_req *req,
					struct virtqueue_stream *st, size_t len)
{
	const struct virtqueue_seg *seg;
	uint8_t *p;

	if (unlikely(len > st->left)) {
		return NULL;
	}
	if (unlikely(len == 0)) {
		return NULL;
	}
	seg = &req->segs[st->seg];
	if (unlikely(len > seg->len - st->offset || !seg->host)) {
		return NULL;
	}
	p = seg->host + st->offset;
	st->left -= len;
	st->offset += (uint32_t)len;
	if (st->offset == seg->len) {
		st->offset = 0;
		st->seg++;
	}
	return p;
}

/**
 * virtqueue_read() - take the next @len bytes of the readable stream.
 *
 * A short constant @len becomes a few loads.
 * Return: bytes copied; fewer if the stream ends.
 */
static inline size_t virtqueue_read(struct virtqueue_req *req, void *dst,
				    size_t len)
{
	const uint8_t *p = virtqueue_simple(req, &req->readable, len);

	if (unlikely(!p)) {
		return virtqueue_read_slow(req, dst, len);
	}
	memcpy(dst, p, len);
	/* the one look: nobody may load these bytes from the guest again */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return len;
}

/**
 * virtqueue_write() - append @len bytes to the writable stream.
 * Return: bytes copied; fewer if the stream ends.
 */
static inline size_t virtqueue_write(struct virtqueue_req *req, const void *src,
				     size_t len)
{
	uint8_t *p = virtqueue_simple(req, &req->writable, len);

	if (unlikely(!p)) {
		return virtqueue_write_slow(req, src, len);
	}
	memcpy(p, src, len);
	req->written += (uint32_t)len;
	return len;
}

/**
 * virtqueue_map_writable() - the next writable bytes, in place.
 * @max: at most so many
 * @len: how many there are at the address returned
 *
 * For one bulk copy into them; they count as written.
 * Return: NULL if the stream has ended.
 */
static inline void *virtqueue_map_writable(struct virtqueue_req *req,
					   size_t max, size_t *len)
{
	uint8_t *p = virtqueue_simple(req, &req->writable, max);

	if (unlikely(!p)) {
		return virtqueue_map_writable_slow(req, max, len);
	}
	*len = max;
	req->written += (uint32_t)max;
	return p;
}

#endif
