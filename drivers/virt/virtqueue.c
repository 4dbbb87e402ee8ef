/*
 * virtqueue.c - the split virtqueue: the one place where rings are touched.
 *
 * Everything in a ring may change at any moment and may be a lie. So:
 *
 * Invariants
 *  1. Each descriptor, index and ring entry is loaded once per use, into a
 *     local; the local is checked and used, and the ring is not read again.
 *  2. A chain has at most `size` descriptors, an indirect table at most
 *     `max_size`; there is one level of indirection. Each loop over guest
 *     data is bounded by one of them.
 *  3. A request leaves virtqueue_pop() only if all its bytes are guest RAM
 *     and no readable descriptor follows a writable one.
 *  4. A driver's mistake ends in virtqueue_fail(): the queue is dead until
 *     the device is reset, and nothing else happens.
 *
 * States: reset -(virtqueue_enable)-> ready -(virtqueue_fail)-> dead
 *	   any -(virtqueue_reset)-> reset
 * Locks: none of its own; the owner serializes the calls of one device.
 */
#include "virtqueue.h"

#include <bh/string.h>
#include <spec/virtio_config.h>

/* Guest memory needs no alignment, and may be changed by others. */
struct unaligned_u64 {
	uint64_t v;
} packed_struct __attribute__((may_alias));

static inline uint64_t load64(const uint8_t *p)
{
	return ((const volatile struct unaligned_u64 *)(const void *)p)->v;
}

/** virtqueue_init() - a queue of at most @max_size entries, in reset. */
void virtqueue_init(struct virtqueue *vq, struct gmem *gm, uint16_t max_size)
{
	memset(vq, 0, sizeof(*vq));
	vq->gm = gm;
	vq->max_size = max_size;
	virtqueue_reset(vq);
}

/** virtqueue_reset() - forget all that the driver told. */
void virtqueue_reset(struct virtqueue *vq)
{
	uint64_t requests = vq->request_count;

	*vq = (struct virtqueue){
		.gm = vq->gm,
		.max_size = vq->max_size,
		.size = vq->max_size,
		.event_told = UINT16_MAX, /* tell it at the first rearm */
		.msix_vector = UINT16_MAX,
		.request_count = requests,
	};
}

/** virtqueue_fail() - the driver broke the rules: the queue is dead. */
void virtqueue_fail(struct virtqueue *vq, const char *why)
{
	vq->is_ready = false;
	vq->fault = why;
}

static bool virtqueue_area_ok(struct gmem *gm, gpa_t a, uint64_t len,
			      uint64_t align)
{
	return (a.v & (align - 1)) == 0 && gmem_is_ram(gm, a, len);
}

/**
 * virtqueue_enable() - begin to use the rings at the addresses in @vq.
 * @features: what driver and device agreed on
 *
 * Return: OK; ERR_FAULT if an area is misaligned or not all RAM (the queue is
 *	   dead then); ERR_STATE if it was enabled before.
 */
enum status virtqueue_enable(struct virtqueue *vq, uint64_t features)
{
	uint32_t n = vq->size;

	if (vq->is_ready || vq->fault) {
		return ERR_STATE;
	}
	if (!virtqueue_area_ok(vq->gm, vq->desc_gpa,
			       n * sizeof(struct virtq_desc),
			       VIRTQ_DESC_ALIGN) ||
	    !virtqueue_area_ok(vq->gm, vq->avail_gpa, VIRTQ_AVAIL_SIZE(n),
			       VIRTQ_AVAIL_ALIGN) ||
	    !virtqueue_area_ok(vq->gm, vq->used_gpa, VIRTQ_USED_SIZE(n),
			       VIRTQ_USED_ALIGN)) {
		virtqueue_fail(vq, "ring is misaligned or not in RAM");
		return ERR_FAULT;
	}
	vq->desc =
		gmem_map(vq->gm, vq->desc_gpa, n * sizeof(struct virtq_desc));
	vq->avail = gmem_map(vq->gm, vq->avail_gpa, VIRTQ_AVAIL_SIZE(n));
	vq->used = gmem_map(vq->gm, vq->used_gpa, VIRTQ_USED_SIZE(n));
	vq->has_event_idx = (features & VIRTIO_F_EVENT_IDX) != 0;
	vq->has_indirect = (features & VIRTIO_F_INDIRECT_DESC) != 0;
	vq->is_ready = true;
	return OK;
}

/* ---- Ring words: single loads and stores, or gmem where not mapped ---- */

static inline uint16_t virtqueue_avail16(struct virtqueue *vq, uint32_t offset)
{
	uint16_t v = 0;

	if (likely(vq->avail != NULL)) {
		return *(volatile uint16_t *)(void *)(vq->avail + offset);
	}
	if (gmem_read(vq->gm, gpa(vq->avail_gpa.v + offset), &v, sizeof(v)) !=
	    OK) {
		virtqueue_fail(vq, "avail ring is not readable");
	}
	return v;
}

static inline void virtqueue_used16(struct virtqueue *vq, uint32_t offset,
				    uint16_t v)
{
	if (likely(vq->used != NULL)) {
		*(volatile uint16_t *)(void *)(vq->used + offset) = v;
		return;
	}
	if (gmem_write(vq->gm, gpa(vq->used_gpa.v + offset), &v, sizeof(v)) !=
	    OK) {
		virtqueue_fail(vq, "used ring is not writable");
	}
}

static inline void virtqueue_used_elem(struct virtqueue *vq, uint32_t offset,
				       struct virtq_used_elem e)
{
	if (likely(vq->used != NULL)) {
		*(volatile struct unaligned_u64 *)(void *)(vq->used + offset) =
			(struct unaligned_u64){ (uint64_t)e.len << 32 | e.id };
		return;
	}
	if (gmem_write(vq->gm, gpa(vq->used_gpa.v + offset), &e, sizeof(e)) !=
	    OK) {
		virtqueue_fail(vq, "used ring is not writable");
	}
}

/* ---- From a chain of descriptors to a request ---- */

/*
 * Where @len guest bytes at @a are in the VMM; NULL if they are not in one
 * piece or not RAM. The common case of gmem_map(), in line.
 */
static inline uint8_t *virtqueue_host(struct gmem *gm, uint64_t a, uint64_t len)
{
	uint64_t offset = a & (GMEM_CHUNK_SIZE - 1);

	if (likely(a < gm->low_size && len <= GMEM_CHUNK_SIZE - offset)) {
		/* relaxed: what follows depends on the pointer itself */
		uint8_t *chunk = __atomic_load_n(
			&gm->chunks[a / GMEM_CHUNK_SIZE], __ATOMIC_RELAXED);

		if (likely(chunk != NULL)) {
			return chunk + offset;
		}
	}
	return gmem_map(gm, gpa(a), len);
}

/* A table of descriptors: the queue's own, or an indirect one. */
struct virtqueue_table {
	const uint8_t *host; /* NULL: go through gmem */
	gpa_t gpa;
	uint32_t count;
};

/* The two words of descriptor @index, each loaded once. */
static inline bool virtqueue_load_desc(struct virtqueue *vq,
				       const struct virtqueue_table *t,
				       uint32_t index, uint64_t word[2])
{
	uint64_t offset = (uint64_t)index * sizeof(struct virtq_desc);

	if (likely(t->host != NULL)) {
		word[0] = load64(t->host + offset);
		word[1] = load64(t->host + offset + 8);
		return true;
	}
	return gmem_read(vq->gm, gpa(t->gpa.v + offset), word,
			 sizeof(struct virtq_desc)) == OK;
}

/* Turn to the indirect table at @a; what is wrong with it, or NULL. */
static const char *virtqueue_enter_table(struct virtqueue *vq,
					 struct virtqueue_table *t, uint64_t a,
					 uint32_t len, uint32_t flags)
{
	if (!vq->has_indirect) {
		return "indirect descriptor was not negotiated";
	}
	if (flags & VIRTQ_DESC_F_NEXT) {
		return "indirect descriptor has a next";
	}
	if (len == 0 || len % sizeof(struct virtq_desc) != 0) {
		return "indirect table has a bad length";
	}
	if (len / sizeof(struct virtq_desc) > vq->max_size) {
		return "indirect table is too long";
	}
	t->gpa = gpa(a);
	t->count = len / (uint32_t)sizeof(struct virtq_desc);
	t->host = virtqueue_host(vq->gm, a, len);
	if (unlikely(!t->host) && !gmem_is_ram(vq->gm, gpa(a), len)) {
		return "indirect table is not in RAM";
	}
	return NULL;
}

/* What a walk has found so far; becomes the request's streams. */
struct virtqueue_walk {
	uint32_t count;    /* buffers */
	uint32_t writable; /* the first writable one; UINT32_MAX: none yet */
	uint64_t total;    /* bytes */
	uint64_t readable; /* bytes before the first writable buffer */
};

/* Append one buffer; what is wrong with it, or NULL. */
static inline const char *virtqueue_add_seg(struct gmem *gm,
					    struct virtqueue_walk *w,
					    struct virtqueue_seg *seg,
					    const uint64_t word[2])
{
	uint32_t len = (uint32_t)word[1];
	bool is_writable = (word[1] >> 32 & VIRTQ_DESC_F_WRITE) != 0;

	if (w->writable == UINT32_MAX) {
		if (is_writable) {
			w->writable = w->count;
			w->readable = w->total;
		}
	} else if (unlikely(!is_writable)) {
		return "readable buffer after a writable one";
	}
	seg->gpa = gpa(word[0]);
	seg->len = len;
	seg->host = virtqueue_host(gm, word[0], len);
	if (unlikely(!seg->host) && !gmem_is_ram(gm, seg->gpa, len)) {
		return "buffer is not in RAM";
	}
	w->count++;
	w->total += len;
	return NULL;
}

/*
 * Follow the chain from @index; what is wrong with it, or NULL.
 *
 * The loop ends: each turn either appends one of at most `limit` buffers or
 * enters the only indirect table.
 */
static inline const char *virtqueue_follow(struct virtqueue *vq,
					   struct virtqueue_req *req,
					   struct virtqueue_walk *w,
					   uint32_t index)
{
	struct virtqueue_table t = { vq->desc, vq->desc_gpa, vq->size };
	struct gmem *gm = vq->gm;
	uint32_t limit = vq->size;
	bool is_indirect = false;
	const char *why;
	uint64_t word[2]; /* struct virtq_desc: addr; len, flags, next */

	while (w->count < limit) {
		if (unlikely(index >= t.count)) {
			return "descriptor index beyond the table";
		}
		if (unlikely(!virtqueue_load_desc(vq, &t, index, word))) {
			return "descriptor is not readable";
		}
		uint32_t flags = (uint16_t)(word[1] >> 32);

		if (flags & VIRTQ_DESC_F_INDIRECT) {
			why = is_indirect
				      ? "nested indirect table"
				      : virtqueue_enter_table(vq, &t, word[0],
							      (uint32_t)word[1],
							      flags);
			if (unlikely(why)) {
				return why;
			}
			is_indirect = true;
			limit = vq->max_size;
			index = 0;
			continue;
		}
		why = virtqueue_add_seg(gm, w, &req->segs[w->count], word);
		if (unlikely(why) || !(flags & VIRTQ_DESC_F_NEXT)) {
			return why;
		}
		index = (uint32_t)(word[1] >> 48);
	}
	return "chain is longer than the queue (a loop?)";
}

/* The request that begins at descriptor @head; or what is wrong, else NULL. */
static inline const char *
virtqueue_walk(struct virtqueue *vq, struct virtqueue_req *req, uint16_t head)
{
	struct virtqueue_walk w = { .writable = UINT32_MAX };
	const char *why = virtqueue_follow(vq, req, &w, head);

	if (w.writable == UINT32_MAX) {
		w.readable = w.total;
	}
	req->gm = vq->gm;
	req->head = head;
	req->seg_count = w.count;
	req->written = 0;
	req->total = w.total;
	req->readable = (struct virtqueue_stream){ .left = w.readable };
	req->writable = (struct virtqueue_stream){ .left = w.total - w.readable,
						   .seg = w.writable };
	if (!why && w.total > UINT32_MAX) {
		why = "request is longer than 4 GiB";
	}
	return why;
}

/**
 * virtqueue_refresh() - learn avail->idx anew.
 * Return: false if there is nothing, or if it is a lie.
 */
bool virtqueue_refresh(struct virtqueue *vq)
{
	uint16_t idx = virtqueue_avail16(vq, VIRTQ_AVAIL_IDX);

	if (idx == vq->last_avail) {
		return false;
	}
	if ((uint16_t)(idx - vq->last_avail) > vq->size) {
		virtqueue_fail(vq, "avail index jumped");
		return false;
	}
	vq->avail_seen = idx;
	/* entries that idx announces are read after idx */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return vq->is_ready;
}

/** virtqueue_pop_next() - virtqueue_pop() when there is one. */
bool virtqueue_pop_next(struct virtqueue *vq, struct virtqueue_req *req)
{
	uint32_t slot = vq->last_avail & (vq->size - 1u);
	uint16_t head = virtqueue_avail16(vq, VIRTQ_AVAIL_RING + 2 * slot);
	const char *why = virtqueue_walk(vq, req, head);

	if (unlikely(why)) {
		virtqueue_fail(vq, why);
		return false;
	}
	vq->last_avail++;
	vq->request_count++;
	return vq->is_ready;
}

/**
 * virtqueue_push() - give the request back, as answered so far.
 *
 * The used length is what was written into the writable stream.
 */
void virtqueue_push(struct virtqueue *vq, const struct virtqueue_req *req)
{
	uint32_t slot = vq->used_idx & (vq->size - 1u);

	if (unlikely(!vq->is_ready)) {
		return;
	}
	virtqueue_used_elem(
		vq,
		VIRTQ_USED_RING +
			slot * (uint32_t)sizeof(struct virtq_used_elem),
		(struct virtq_used_elem){ req->head, req->written });
	/* the element and the data are seen before the index that shows them */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	vq->used_idx++;
	virtqueue_used16(vq, VIRTQ_USED_IDX, vq->used_idx);
}

/**
 * virtqueue_rearm() - ask the driver to notify again.
 *
 * Call it when virtqueue_pop() found nothing more.
 * Return: true if requests arrived in the meantime: pop again.
 */
bool virtqueue_rearm(struct virtqueue *vq)
{
	if (!vq->has_event_idx) {
		return false; /* notifications were never switched off */
	}
	if (vq->last_avail == vq->event_told || !vq->is_ready) {
		return false; /* it knows: nothing came since it was told */
	}
	vq->event_told = vq->last_avail;
	virtqueue_used16(vq, VIRTQ_USED_AVAIL_EVENT(vq->size), vq->last_avail);
	/* the event index is published before avail->idx is looked at again */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtqueue_avail16(vq, VIRTQ_AVAIL_IDX) != vq->last_avail;
}

/**
 * virtqueue_needs_interrupt() - should the driver hear of the pushed requests?
 *
 * Covers all pushes since the last call, which thus cost one interrupt.
 */
bool virtqueue_needs_interrupt(struct virtqueue *vq)
{
	uint16_t old = vq->signalled;
	uint16_t event;

	if (old == vq->used_idx || !vq->is_ready) {
		return false;
	}
	vq->signalled = vq->used_idx;
	/* used->idx is published before the driver's wish is read */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->has_event_idx) {
		return !(virtqueue_avail16(vq, VIRTQ_AVAIL_FLAGS) &
			 VIRTQ_AVAIL_F_NO_INTERRUPT);
	}
	event = virtqueue_avail16(vq, VIRTQ_AVAIL_USED_EVENT(vq->size));
	/* VIRTIO 1.2, "Used Buffer Notification Suppression" */
	return (uint16_t)(vq->used_idx - event - 1) <
	       (uint16_t)(vq->used_idx - old);
}

/* ---- The two streams ---- */

/*
 * The next run of @st that lies in one piece in VMM memory, at most @max
 * bytes; consumes it. NULL if the stream has ended or memory is exhausted.
 */
static uint8_t *virtqueue_run(struct virtqueue_req *req,
			      struct virtqueue_stream *st, size_t max,
			      size_t *len)
{
	struct virtqueue_seg *seg;
	uint32_t offset = st->offset;
	uint64_t n;
	uint8_t *p;

	if (st->left == 0 || max == 0) {
		return NULL;
	}
	seg = &req->segs[st->seg];
	while (seg->len == offset) { /* ends: left > 0 bytes are ahead */
		seg++;
		st->seg++;
		offset = 0;
	}
	n = seg->len - offset;
	n = n < max ? n : max;
	if (likely(seg->host != NULL)) {
		p = seg->host + offset;
	} else {
		uint64_t a = seg->gpa.v + offset;
		uint64_t room = GMEM_CHUNK_SIZE - (a & (GMEM_CHUNK_SIZE - 1));

		n = n < room ? n : room;
		p = gmem_map(req->gm, gpa(a), n);
	}
	st->offset = offset + (uint32_t)n;
	st->left -= n;
	*len = n;
	return p;
}

/** virtqueue_read_slow() - virtqueue_read() from any number of buffers. */
size_t virtqueue_read_slow(struct virtqueue_req *req, void *dst, size_t len)
{
	size_t done = 0;
	size_t n;

	while (done < len) {
		uint8_t *p = virtqueue_run(req, &req->readable, len - done, &n);

		if (!p) {
			break;
		}
		memcpy((uint8_t *)dst + done, p, n);
		done += n;
	}
	return done;
}

/** virtqueue_write_slow() - virtqueue_write() to any number of buffers. */
size_t virtqueue_write_slow(struct virtqueue_req *req, const void *src,
			    size_t len)
{
	size_t done = 0;
	size_t n;

	while (done < len) {
		uint8_t *p = virtqueue_run(req, &req->writable, len - done, &n);

		if (!p) {
			break;
		}
		memcpy(p, (const uint8_t *)src + done, n);
		done += n;
	}
	req->written += (uint32_t)done;
	return done;
}

/** virtqueue_skip() - leave the next @len writable bytes as they are. */
void virtqueue_skip(struct virtqueue_req *req, uint64_t len)
{
	size_t n;

	while (len > 0 && req->writable.left > 0) {
		(void)virtqueue_run(req, &req->writable, len, &n);
		len -= n;
	}
}

/** virtqueue_map_writable_slow() - virtqueue_map_writable(), any buffers. */
void *virtqueue_map_writable_slow(struct virtqueue_req *req, size_t max,
				  size_t *len)
{
	uint8_t *p = virtqueue_run(req, &req->writable, max, len);

	if (p) {
		req->written += (uint32_t)*len;
	}
	return p;
}

/**
 * virtqueue_map_readable() - the next readable bytes, in place.
 *
 * For one bulk copy out of them; as virtqueue_map_writable().
 */
const void *virtqueue_map_readable(struct virtqueue_req *req, size_t max,
				   size_t *len)
{
	return virtqueue_run(req, &req->readable, max, len);
}
