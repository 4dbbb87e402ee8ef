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

#include <bh/nospec.h>
#include <bh/string.h>
#include <spec/virtio_config.h>

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
		.msix_vector = UINT16_MAX,
		.request_count = requests,
	};
}

/** virtqueue_fail() - the driver broke the rules: the queue is dead. */
void virtqueue_fail(struct virtqueue *vq, const char *why)
{
	vq->is_ready = false;
	vq->desc = NULL;
	vq->avail = NULL;
	vq->used = NULL;
	vq->avail_seen = vq->last_avail; /* pop() finds nothing, at once */
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

/* ---- Rings that are not mapped, or not any more ---- */

/** virtqueue_avail16_slow() - virtqueue_avail16() through gmem. */
uint16_t virtqueue_avail16_slow(struct virtqueue *vq, uint32_t offset)
{
	uint16_t v = 0;

	if (vq->is_ready && gmem_read(vq->gm, gpa(vq->avail_gpa.v + offset), &v,
				      sizeof(v)) != OK) {
		virtqueue_fail(vq, "avail ring is not readable");
	}
	return v;
}

static void virtqueue_put_used(struct virtqueue *vq, uint32_t offset,
			       const void *src, size_t len)
{
	if (vq->is_ready &&
	    gmem_write(vq->gm, gpa(vq->used_gpa.v + offset), src, len) != OK) {
		virtqueue_fail(vq, "used ring is not writable");
	}
}

/** virtqueue_used16_slow() - virtqueue_used16() through gmem. */
void virtqueue_used16_slow(struct virtqueue *vq, uint32_t offset, uint16_t v)
{
	virtqueue_put_used(vq, offset, &v, sizeof(v));
}

/** virtqueue_push_slow() - virtqueue_push() through gmem. */
void virtqueue_push_slow(struct virtqueue *vq, const struct virtqueue_req *req)
{
	const struct virtq_used_elem e = { req->head, req->written };
	uint32_t slot = vq->used_idx & (vq->size - 1u);

	if (!vq->is_ready) {
		return;
	}
	virtqueue_put_used(vq, VIRTQ_USED_RING + slot * (uint32_t)sizeof(e), &e,
			   sizeof(e));
	/* the element and the data are seen before the index that shows them */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	vq->used_idx++;
	virtqueue_used16_slow(vq, VIRTQ_USED_IDX, vq->used_idx);
}

/* ---- From a chain of descriptors to a request ---- */

/*
 * Where @len guest bytes at @a are in the VMM; NULL if they are not in one
 * piece or not RAM. The common case of gmem_map(), in line.
 */
static inline uint8_t *virtqueue_host(struct gmem *gm, uint64_t a, uint32_t len)
{
	_Static_assert(GMEM_LOW_LIMIT <= GIB(4), "32 bits hold a low address");
	if (likely(a < gm->linear_size && len <= gm->linear_size - a)) {
		return gm->linear + nospec_low32(a);
	}
	return gmem_map(gm, gpa(a), len);
}

/* Fill in one buffer; false if it is not RAM. */
static inline bool virtqueue_set_seg(struct gmem *gm, struct virtqueue_seg *seg,
				     uint64_t addr, uint32_t len)
{
	seg->host = virtqueue_host(gm, addr, len);
	seg->len = len;
	if (likely(seg->host)) {
		return true;
	}
	seg->gpa = gpa(addr);
	return gmem_is_ram(gm, seg->gpa, len);
}

/* A descriptor as two words, which a guest may change under our eyes. */
struct virtqueue_desc {
	uint64_t addr;
	uint64_t rest; /* len; flags, next */
} packed_struct __attribute__((may_alias));

/* A table of descriptors: the queue's own, or an indirect one. */
struct virtqueue_table {
	const struct virtqueue_desc *host; /* NULL: go through gmem */
	uint32_t mapped;                   /* count, or 0 if host is NULL */
	uint32_t count;
	bool is_indirect;
	gpa_t gpa;
};

static inline struct virtqueue_table
virtqueue_own_table(const struct virtqueue *vq)
{
	return (struct virtqueue_table){
		.host = (const void *)vq->desc,
		.mapped = vq->desc ? vq->size : 0,
		.count = vq->size,
		.gpa = vq->desc_gpa,
	};
}

/* virtqueue_load_desc() of a table that is not mapped. */
static __attribute__((noinline)) bool
virtqueue_load_desc_slow(struct virtqueue *vq, struct virtqueue_table t,
			 uint32_t index, struct virtqueue_desc *d)
{
	return index < t.count &&
	       gmem_read(vq->gm, gpa(t.gpa.v + (uint64_t)index * sizeof(*d)), d,
			 sizeof(*d)) == OK;
}

/* The one look at descriptor @index; false if there is none. */
static inline bool virtqueue_load_desc(struct virtqueue *vq,
				       const struct virtqueue_table *t,
				       uint32_t index, uint64_t *addr,
				       uint64_t *rest)
{
	struct virtqueue_desc d;

	if (likely(index < t->mapped)) {
		/* no mask: beyond a table lies the same guest's memory */
		*addr = t->host[index].addr;
		*rest = t->host[index].rest;
		/* the compiler may not load them again */
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		return true;
	}
	if (t->host || !virtqueue_load_desc_slow(vq, *t, index, &d)) {
		return false;
	}
	*addr = d.addr;
	*rest = d.rest;
	return true;
}

/* What is wrong with an indirect descriptor; NULL if nothing. */
static inline const char *virtqueue_check_indirect(const struct virtqueue *vq,
						   uint64_t rest)
{
	uint32_t len = (uint32_t)rest;

	if (!vq->has_indirect) {
		return "indirect descriptor was not negotiated";
	}
	if (rest >> 32 & VIRTQ_DESC_F_NEXT) {
		return "indirect descriptor has a next";
	}
	if (len - 1 >= vq->max_size * sizeof(struct virtq_desc)) {
		return "indirect table is empty or too long";
	}
	if (len % sizeof(struct virtq_desc) != 0) {
		return "indirect table has a bad length";
	}
	return NULL;
}

/* Turn to the indirect table at @addr; what is wrong with it, or NULL. */
static inline const char *virtqueue_enter_table(struct virtqueue *vq,
						struct virtqueue_table *t,
						uint64_t addr, uint64_t rest)
{
	const char *why = virtqueue_check_indirect(vq, rest);
	uint32_t len = (uint32_t)rest;

	if (unlikely(t->is_indirect || why)) {
		return why ? why : "nested indirect table";
	}
	t->is_indirect = true;
	t->host = (const void *)virtqueue_host(vq->gm, addr, len);
	t->count = len / (uint32_t)sizeof(struct virtq_desc);
	t->mapped = t->count;
	if (unlikely(!t->host)) {
		t->mapped = 0;
		t->gpa = gpa(addr);
		if (!gmem_is_ram(vq->gm, t->gpa, len)) {
			return "indirect table is not in RAM";
		}
	}
	return NULL;
}

/* The streams of a chain that was walked; what is wrong with it, or NULL. */
static inline const char *virtqueue_describe(struct virtqueue_req *req,
					     struct virtqueue_seg *writable,
					     uint64_t total,
					     uint64_t readable_len)
{
	if (!writable) {
		readable_len = total;
	}
	req->total = (uint32_t)total;
	req->readable.seg = req->segs;
	req->readable.left = readable_len;
	req->writable.seg = writable;
	req->writable.left = total - readable_len;
	return likely(total <= UINT32_MAX) ? NULL
					   : "request is longer than 4 GiB";
}

/*
 * The request that begins at descriptor @index; what is wrong, or NULL.
 *
 * The loop ends: each turn either fills one of at most max_size buffers or
 * enters the only indirect table.
 */
static inline const char *virtqueue_follow(struct virtqueue *vq,
					   struct virtqueue_req *req,
					   uint32_t index)
{
	struct virtqueue_table t = virtqueue_own_table(vq);
	struct virtqueue_seg *seg = req->segs;
	struct virtqueue_seg *limit = seg + vq->size;
	struct virtqueue_seg *writable = NULL; /* the first one */
	uint64_t readable_len = 0;
	uint64_t total = 0;
	const char *why;
	uint64_t addr;
	uint64_t rest;

	do {
		if (!virtqueue_load_desc(vq, &t, index, &addr, &rest)) {
			return "descriptor index beyond the table";
		}
		uint32_t flags = (uint32_t)(rest >> 32); /* and next */

		why = flags & VIRTQ_DESC_F_INDIRECT
			      ? virtqueue_enter_table(vq, &t, addr, rest)
			      : NULL;
		if (unlikely(why)) {
			return why;
		}
		if (flags & VIRTQ_DESC_F_INDIRECT) {
			limit = req->segs + vq->max_size;
			index = 0;
			continue;
		}
		if ((flags & VIRTQ_DESC_F_WRITE) && !writable) {
			writable = seg;
			readable_len = total;
		}
		if (!(flags & VIRTQ_DESC_F_WRITE) && unlikely(writable)) {
			return "readable buffer after a writable one";
		}
		if (unlikely(!virtqueue_set_seg(vq->gm, seg, addr,
						(uint32_t)rest))) {
			return "buffer is not in RAM";
		}
		total += (uint32_t)rest;
		seg++;
		if (!(flags & VIRTQ_DESC_F_NEXT)) {
			return virtqueue_describe(req, writable, total,
						  readable_len);
		}
		index = flags >> 16;
	} while (seg < limit);
	return "chain is longer than the queue (a loop?)";
}

/** virtqueue_pop_next() - virtqueue_pop() when there is one. */
bool virtqueue_pop_next(struct virtqueue *vq, struct virtqueue_req *req)
{
	uint32_t slot = vq->last_avail & (vq->size - 1u);
	uint16_t head = virtqueue_avail16(vq, VIRTQ_AVAIL_RING + 2 * slot);
	const char *why;

	req->head = head;
	req->gm = vq->gm;
	req->written = 0;
	why = virtqueue_follow(vq, req, head);
	if (unlikely(why)) {
		virtqueue_fail(vq, why);
		return false;
	}
	vq->last_avail++;
	vq->request_count++;
	vq->is_armed = false;
	return vq->is_ready;
}

/* ---- The two streams ---- */

/*
 * The buffer where the unread bytes of @st begin. The loop ends: left > 0
 * bytes are ahead.
 */
static struct virtqueue_seg *virtqueue_here(struct virtqueue_stream *st)
{
	while (st->seg->len == 0) {
		st->seg++;
	}
	return st->seg;
}

/**
 * virtqueue_run_length() - how many bytes at the head of @st are in one piece.
 * Return: at most @max; 0 if the stream has ended.
 */
size_t virtqueue_run_length(struct virtqueue_stream *st, size_t max)
{
	const struct virtqueue_seg *seg;
	uint64_t n = max;

	if (st->left == 0) {
		return 0;
	}
	seg = virtqueue_here(st);
	n = n < seg->len ? n : seg->len;
	if (!seg->host) {
		uint64_t room =
			GMEM_CHUNK_SIZE - (seg->gpa.v & (GMEM_CHUNK_SIZE - 1));

		n = n < room ? n : room;
	}
	return n;
}

/*
 * The next run of @st that lies in one piece in VMM memory, at most @max
 * bytes, *@len of them; consumes it. NULL if the stream has ended (0 bytes) or
 * memory is exhausted.
 */
static uint8_t *virtqueue_run(struct virtqueue_req *req,
			      struct virtqueue_stream *st, size_t max,
			      size_t *len)
{
	size_t n = virtqueue_run_length(st, max);
	struct virtqueue_seg *seg = st->seg;
	uint8_t *p;

	*len = n;
	if (n == 0) {
		return NULL;
	}
	if (likely(seg->host != NULL)) {
		p = seg->host;
		seg->host += n;
	} else {
		p = gmem_map(req->gm, seg->gpa, n);
		seg->gpa.v += n;
	}
	seg->len -= (uint32_t)n;
	st->left -= n;
	return p;
}

/* Copy to @dst or from @src, the other is NULL; fewer bytes if @st ends. */
static size_t virtqueue_copy(struct virtqueue_req *req,
			     struct virtqueue_stream *st, uint8_t *dst,
			     const uint8_t *src, size_t len)
{
	size_t done = 0;
	size_t n;

	while (done < len) {
		uint8_t *p = virtqueue_run(req, st, len - done, &n);

		if (!p) {
			break;
		}
		memcpy(dst ? dst + done : p, dst ? p : src + done, n);
		done += n;
	}
	return done;
}

/** virtqueue_read_slow() - virtqueue_read() from any number of buffers. */
size_t virtqueue_read_slow(struct virtqueue_req *req, void *dst, size_t len)
{
	return virtqueue_copy(req, &req->readable, dst, NULL, len);
}

/** virtqueue_write_slow() - virtqueue_write() to any number of buffers. */
size_t virtqueue_write_slow(struct virtqueue_req *req, const void *src,
			    size_t len)
{
	size_t done = virtqueue_copy(req, &req->writable, NULL, src, len);

	req->written += (uint32_t)done;
	return done;
}

/** virtqueue_skip() - leave the next @len writable bytes as they are. */
void virtqueue_skip(struct virtqueue_req *req, uint64_t len)
{
	size_t n = 1;

	while (n > 0 && len > 0 && req->writable.left > 0) {
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
