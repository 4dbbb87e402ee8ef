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
	/* the rings, in place: NULL unless is_ready, and if they cross chunks
	 */
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;
	struct gmem *gm; /* (c) */
	uint16_t size;   /* as the driver chose, <= max_size */
	uint16_t last_avail;
	uint16_t avail_seen; /* copy of avail->idx */
	uint16_t used_idx;
	uint16_t signalled; /* used_idx at the last decision to interrupt */
	bool is_armed;      /* the driver will notify of request last_avail */
	bool is_ready;      /* enabled by the driver and not broken */
	bool has_event_idx;
	bool has_indirect;
	uint16_t max_size; /* (c) as offered */
	uint16_t msix_vector;
	const char *fault; /* what the driver did wrong; NULL: nothing */
	gpa_t desc_gpa;
	gpa_t avail_gpa;
	gpa_t used_gpa;
	uint64_t request_count; /* since power-on, for statistics */
};

/* What is left of one buffer: its descriptor was copied once and checked. */
struct virtqueue_seg {
	uint8_t *host; /* NULL: it crosses chunks, go through gmem */
	gpa_t gpa;     /* if host is NULL */
	uint32_t len;
};

struct virtqueue_stream {
	uint64_t left;             /* bytes not yet consumed */
	struct virtqueue_seg *seg; /* where they begin; any if left is 0 */
};

struct virtqueue_req {
	struct virtqueue_stream readable;
	struct virtqueue_stream writable;
	struct gmem *gm;
	uint32_t total; /* bytes of both when popped */
	uint32_t written;
	uint16_t head;
	struct virtqueue_seg segs[VIRTQUEUE_SIZE_MAX];
};

void virtqueue_init(struct virtqueue *vq, struct gmem *gm, uint16_t max_size);
void virtqueue_reset(struct virtqueue *vq);
must_check enum status virtqueue_enable(struct virtqueue *vq,
					uint64_t features);
void virtqueue_fail(struct virtqueue *vq, const char *why);

must_check bool virtqueue_pop_next(struct virtqueue *vq,
				   struct virtqueue_req *req);
uint16_t virtqueue_avail16_slow(struct virtqueue *vq, uint32_t offset);
void virtqueue_push_slow(struct virtqueue *vq, const struct virtqueue_req *req);
void virtqueue_used16_slow(struct virtqueue *vq, uint32_t offset, uint16_t v);

size_t virtqueue_run_length(struct virtqueue_stream *st, size_t max);
size_t virtqueue_read_slow(struct virtqueue_req *req, void *dst, size_t len);
size_t virtqueue_write_slow(struct virtqueue_req *req, const void *src,
			    size_t len);
void *virtqueue_map_writable_slow(struct virtqueue_req *req, size_t max,
				  size_t *len);
const void *virtqueue_map_readable(struct virtqueue_req *req, size_t max,
				   size_t *len);
void virtqueue_skip(struct virtqueue_req *req, uint64_t len);

/* Guest memory needs no alignment, and may be changed by others. */
struct virtqueue_u64 {
	uint64_t v;
} packed_struct __attribute__((may_alias));

/* One load of a word of the available ring. */
static inline uint16_t virtqueue_avail16(struct virtqueue *vq, uint32_t offset)
{
	if (unlikely(!vq->avail)) {
		return virtqueue_avail16_slow(vq, offset);
	}
	return *(const volatile uint16_t *)(const void *)(vq->avail + offset);
}

/* One store of a word of the used ring. */
static inline void virtqueue_used16(struct virtqueue *vq, uint32_t offset,
				    uint16_t v)
{
	if (unlikely(!vq->used)) {
		virtqueue_used16_slow(vq, offset, v);
		return;
	}
	*(volatile uint16_t *)(void *)(vq->used + offset) = v;
}

/**
 * virtqueue_is_idle() - is there nothing to do for a notification?
 *
 * Certain only where the answer is cheap: a queue whose rings are mapped,
 * which hold nothing new, and whose driver will notify of what comes.
 */
static inline bool virtqueue_is_idle(const struct virtqueue *vq)
{
	const uint8_t *avail = vq->avail;

	return likely(avail != NULL && vq->is_armed) &&
	       *(const volatile uint16_t *)(const void *)(avail +
							  VIRTQ_AVAIL_IDX) ==
		       vq->last_avail;
}

/* avail->idx is now @idx; false if that is a lie: the queue is dead then. */
static inline bool virtqueue_learn(struct virtqueue *vq, uint16_t idx)
{
	if (unlikely((uint16_t)(idx - vq->last_avail) > vq->size)) {
		virtqueue_fail(vq, "avail index jumped");
		return false;
	}
	vq->avail_seen = idx;
	/* entries that idx announces are read after idx */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return vq->is_ready;
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
	if (vq->avail_seen == vq->last_avail) {
		uint16_t idx;

		if (unlikely(!vq->is_ready)) {
			return false;
		}
		idx = virtqueue_avail16(vq, VIRTQ_AVAIL_IDX);
		if (idx == vq->last_avail ||
		    unlikely(!virtqueue_learn(vq, idx))) {
			return false;
		}
	}
	return virtqueue_pop_next(vq, req);
}

/**
 * virtqueue_push() - give the request back, as answered so far.
 *
 * The used length is what was written into the writable stream.
 */
static inline void virtqueue_push(struct virtqueue *vq,
				  const struct virtqueue_req *req)
{
	uint8_t *used = vq->used;
	uint16_t idx = vq->used_idx;

	if (unlikely(!used)) {
		virtqueue_push_slow(vq, req);
		return;
	}
	vq->used_idx = (uint16_t)(idx + 1);
	((volatile struct virtqueue_u64
		  *)(void *)(used + VIRTQ_USED_RING))[idx & (vq->size - 1u)] =
		(struct virtqueue_u64){ (uint64_t)req->written << 32 |
					req->head };
	/* the element and the data are seen before the index that shows them */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile uint16_t *)(void *)(used + VIRTQ_USED_IDX) =
		(uint16_t)(idx + 1);
}

/**
 * virtqueue_rearm() - ask the driver to notify again.
 *
 * Call it when virtqueue_pop() found nothing more.
 * Return: true if requests arrived in the meantime: pop again.
 */
static inline must_check bool virtqueue_rearm(struct virtqueue *vq)
{
	uint16_t next = vq->last_avail;

	if (vq->is_armed || unlikely(!vq->is_ready)) {
		return false; /* it knows: nothing was popped since */
	}
	vq->is_armed = true;
	if (!vq->has_event_idx) {
		return false; /* notifications were never switched off */
	}
	virtqueue_used16(vq, VIRTQ_USED_AVAIL_EVENT(vq->size), next);
	/* the event index is published before avail->idx is looked at again */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtqueue_avail16(vq, VIRTQ_AVAIL_IDX) != next;
}

/**
 * virtqueue_needs_interrupt() - should the driver hear of the pushed requests?
 *
 * Covers all pushes since the last call, which thus cost one interrupt.
 */
static inline must_check bool virtqueue_needs_interrupt(struct virtqueue *vq)
{
	uint16_t old = vq->signalled;
	uint16_t now = vq->used_idx;
	uint16_t event;

	if (old == now || unlikely(!vq->is_ready)) {
		return false;
	}
	vq->signalled = now;
	/* used->idx is published before the driver's wish is read */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->has_event_idx) {
		return !(virtqueue_avail16(vq, VIRTQ_AVAIL_FLAGS) &
			 VIRTQ_AVAIL_F_NO_INTERRUPT);
	}
	event = virtqueue_avail16(vq, VIRTQ_AVAIL_USED_EVENT(vq->size));
	/* VIRTIO 1.2, "Used Buffer Notification Suppression" */
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/*
 * The next @len bytes of @st if they lie in its current buffer, in one piece:
 * consumed. NULL if it is not that simple.
 */
static inline uint8_t *virtqueue_simple(struct virtqueue_stream *st, size_t len)
{
	struct virtqueue_seg *seg = st->seg;
	uint8_t *p;

	if (unlikely(len == 0 || len > st->left || len > seg->len)) {
		return NULL;
	}
	p = seg->host;
	if (unlikely(!p)) {
		return NULL;
	}
	st->left -= len;
	seg->len -= (uint32_t)len;
	if (seg->len == 0) {
		st->seg = seg + 1;
	} else {
		seg->host = p + len;
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
	const uint8_t *p = virtqueue_simple(&req->readable, len);

	if (unlikely(!p)) {
		return virtqueue_read_slow(req, dst, len);
	}
	__builtin_memcpy(dst, p, len); /* small ones in line */
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
	uint8_t *p = virtqueue_simple(&req->writable, len);

	if (unlikely(!p)) {
		return virtqueue_write_slow(req, src, len);
	}
	__builtin_memcpy(p, src, len);
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
	uint8_t *p = virtqueue_simple(&req->writable, max);

	if (unlikely(!p)) {
		return virtqueue_map_writable_slow(req, max, len);
	}
	*len = max;
	req->written += (uint32_t)max;
	return p;
}

#endif
