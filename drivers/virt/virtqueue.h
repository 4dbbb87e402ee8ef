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
	uint16_t signalled; /* used_idx at the last decision to interrupt */
	uint16_t max_size;  /* (c) as offered */
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

must_check bool virtqueue_pop(struct virtqueue *vq, struct virtqueue_req *req);
void virtqueue_push(struct virtqueue *vq, const struct virtqueue_req *req);
must_check bool virtqueue_rearm(struct virtqueue *vq);
must_check bool virtqueue_needs_interrupt(struct virtqueue *vq);

size_t virtqueue_read(struct virtqueue_req *req, void *dst, size_t len);
size_t virtqueue_write(struct virtqueue_req *req, const void *src, size_t len);
void virtqueue_skip(struct virtqueue_req *req, uint64_t len);
void *virtqueue_map_writable(struct virtqueue_req *req, size_t max,
			     size_t *len);
const void *virtqueue_map_readable(struct virtqueue_req *req, size_t max,
				   size_t *len);

#endif
