/*
 * virtio_blk.c - VIRTIO 1.2, "Block Device": one queue, one disk.
 *
 * A request is a header of 16 bytes, data in the direction of its type, and a
 * status byte: the last writable byte. Data moves between the disk and guest
 * memory in one copy, as many sectors at a time as lie in one piece; a sector
 * that is scattered over buffers goes through a small one of our own.
 *
 * Invariants
 *  1. Sector range, length and permission are checked against copies before
 *     the first byte moves; the disk never sees a wrong request.
 *  2. A request without a full header or without a status byte breaks the
 *     queue; any other fault is answered in the status byte.
 *  3. One notification costs at most VIRTIO_BLK_NOTIFY_MAX bytes (and the
 *     request that crosses it); the rest waits for virtio_pci_poll_pending().
 */
#include "virtio_blk.h"

#include <bh/string.h>

/* How much of the next @left bytes of @st are whole sectors in one piece. */
static size_t virtio_blk_run(struct virtqueue_stream *st, uint64_t left)
{
	size_t run = virtqueue_run_length(st, left);

	return run - run % SECTOR_SIZE;
}

/* Sectors from the disk into the writable stream, buffer by buffer. */
static enum status virtio_blk_scatter(struct virtio_blk *b, uint64_t sector,
				      uint64_t left)
{
	struct blkdev *disk = b->disk;
	uint8_t bounce[SECTOR_SIZE];
	enum status s;

	while (left > 0) {
		size_t run = virtio_blk_run(&b->req.writable, left);

		if (run > 0) {
			void *p = virtqueue_map_writable(&b->req, run, &run);

			s = p ? disk->ops->read(disk, sector,
						(uint32_t)(run / SECTOR_SIZE),
						p)
			      : ERR_NOMEM;
		} else {
			run = SECTOR_SIZE;
			s = disk->ops->read(disk, sector, 1, bounce);
			s = s != OK || virtqueue_write(&b->req, bounce, run) ==
						    run
				    ? s
				    : ERR_NOMEM;
		}
		if (s != OK) {
			return s;
		}
		sector += run / SECTOR_SIZE;
		left -= run;
	}
	return OK;
}

/* Sectors from the disk into the writable stream; mostly in one piece. */
static inline enum status virtio_blk_fill(struct virtio_blk *b, uint64_t sector,
					  uint64_t len)
{
	uint8_t *p = virtqueue_simple(&b->req.writable, len);

	if (unlikely(!p)) {
		return virtio_blk_scatter(b, sector, len);
	}
	b->req.written += (uint32_t)len;
	return b->disk->ops->read(b->disk, sector,
				  (uint32_t)(len / SECTOR_SIZE), p);
}

/* Sectors from the readable stream to the disk. */
static enum status virtio_blk_drain(struct virtio_blk *b, uint64_t sector,
				    uint64_t left)
{
	uint8_t bounce[SECTOR_SIZE];
	const void *p;
	enum status s;

	while (left > 0) {
		size_t run = virtio_blk_run(&b->req.readable, left);

		if (run > 0) {
			p = virtqueue_map_readable(&b->req, run, &run);
		} else {
			run = SECTOR_SIZE;
			p = virtqueue_read(&b->req, bounce, run) == run ? bounce
									: NULL;
		}
		s = p ? b->disk->ops->write(b->disk, sector,
					    (uint32_t)(run / SECTOR_SIZE), p)
		      : ERR_NOMEM;
		if (s != OK) {
			return s;
		}
		sector += run / SECTOR_SIZE;
		left -= run;
	}
	return OK;
}

static bool virtio_blk_range_ok(const struct virtio_blk *b, uint64_t sector,
				uint64_t len)
{
	return len > 0 && len % SECTOR_SIZE == 0 &&
	       len <= VIRTIO_BLK_REQUEST_MAX &&
	       sector <= b->disk->sector_count &&
	       len / SECTOR_SIZE <= b->disk->sector_count - sector;
}

static uint8_t virtio_blk_in(struct virtio_blk *b, uint64_t sector,
			     uint64_t len)
{
	if (!virtio_blk_range_ok(b, sector, len) ||
	    virtio_blk_fill(b, sector, len) != OK) {
		return VIRTIO_BLK_S_IOERR;
	}
	b->read_bytes += len;
	return VIRTIO_BLK_S_OK;
}

static uint8_t virtio_blk_out(struct virtio_blk *b, uint64_t sector,
			      uint64_t len)
{
	if (b->disk->read_only || !b->disk->ops->write ||
	    !virtio_blk_range_ok(b, sector, len) ||
	    virtio_blk_drain(b, sector, len) != OK) {
		return VIRTIO_BLK_S_IOERR;
	}
	b->write_bytes += len;
	return VIRTIO_BLK_S_OK;
}

static uint8_t virtio_blk_flush(struct virtio_blk *b)
{
	if (b->disk->ops->flush && b->disk->ops->flush(b->disk) != OK) {
		return VIRTIO_BLK_S_IOERR;
	}
	return VIRTIO_BLK_S_OK;
}

static uint8_t virtio_blk_get_id(struct virtio_blk *b, uint64_t len)
{
	if (len < VIRTIO_BLK_ID_BYTES) {
		return VIRTIO_BLK_S_IOERR;
	}
	virtqueue_write(&b->req, b->disk->id, VIRTIO_BLK_ID_BYTES);
	return VIRTIO_BLK_S_OK;
}

/* Serve the popped request; what is wrong with its shape, or NULL. */
static const char *virtio_blk_serve(struct virtio_blk *b)
{
	struct virtqueue_req *req = &b->req;
	struct virtio_blk_req_header h;
	uint64_t room; /* writable bytes before the status */
	uint8_t status;

	if (virtqueue_read(req, &h, sizeof(h)) != sizeof(h)) {
		return "request without a full header";
	}
	if (req->writable.left == 0) {
		return "request without a status byte";
	}
	room = req->writable.left - 1;
	switch (h.type) {
	case VIRTIO_BLK_T_IN:
		status = virtio_blk_in(b, h.sector, room);
		break;
	case VIRTIO_BLK_T_OUT:
		status = virtio_blk_out(b, h.sector, req->readable.left);
		break;
	case VIRTIO_BLK_T_FLUSH:
		status = virtio_blk_flush(b);
		break;
	case VIRTIO_BLK_T_GET_ID:
		status = virtio_blk_get_id(b, room);
		break;
	default:
		status = VIRTIO_BLK_S_UNSUPP;
		break;
	}
	if (unlikely(status != VIRTIO_BLK_S_OK)) {
		b->error_count++;
	}
	if (unlikely(req->writable.left > 1)) {
		virtqueue_skip(req, req->writable.left - 1);
	}
	virtqueue_write(req, &status, sizeof(status));
	return NULL;
}

/* Serve the request that was popped; false: no more of them in this notify. */
static inline bool virtio_blk_turn(struct virtio_blk *b, uint32_t q,
				   uint32_t *turns, uint64_t *budget)
{
	const char *why = virtio_blk_serve(b);

	if (unlikely(why)) {
		virtqueue_fail(&b->queue, why);
		return false;
	}
	virtqueue_push(&b->queue, &b->req);
	if (--*turns == 0 || b->req.total > *budget) {
		virtio_pci_backlog(&b->pci, q);
		return false;
	}
	*budget -= b->req.total;
	return true;
}

static void virtio_blk_notify(struct virtio_pci *p, uint32_t q)
{
	struct virtio_blk *b = CONTAINER_OF(p, struct virtio_blk, pci);
	struct virtqueue *vq = &b->queue;
	uint64_t budget = VIRTIO_BLK_NOTIFY_MAX;
	uint32_t turns = vq->size;
	bool goes_on = true;

	do {
		while (goes_on && virtqueue_pop(vq, &b->req)) {
			goes_on = virtio_blk_turn(b, q, &turns, &budget);
		}
	} while (goes_on && virtqueue_rearm(vq));
}

static const struct virtio_model virtio_blk_model = {
	.name = "virtio-blk",
	.device_id = VIRTIO_ID_BLOCK,
	.class_code = 0x0180, /* mass storage, other */
	.notify = virtio_blk_notify,
};

/**
 * virtio_blk_init() - the disk @disk as a PCI function.
 * Return: OK, or why virtio_pci_init() refused.
 */
enum status virtio_blk_init(struct virtio_blk *b,
			    const struct virtio_pci_env *env,
			    struct blkdev *disk)
{
	struct virtio_pci_params params = {
		.model = &virtio_blk_model,
		.queues = &b->queue,
		.queue_count = 1,
		.queue_size = VIRTIO_BLK_QUEUE_SIZE,
		.features = VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX |
			    VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH,
		.config = &b->config,
		.config_size = sizeof(b->config),
	};

	memset(b, 0, sizeof(*b));
	b->disk = disk;
	b->config.capacity = disk->sector_count;
	b->config.size_max = (uint32_t)KIB(64);
	b->config.seg_max = VIRTIO_BLK_QUEUE_SIZE - 2;
	b->config.blk_size = SECTOR_SIZE;
	if (disk->read_only) {
		params.features |= VIRTIO_BLK_F_RO;
	}
	return virtio_pci_init(&b->pci, env, &params);
}
