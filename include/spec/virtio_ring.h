/*
 * virtio_ring.h - the split virtqueue in the words of VIRTIO 1.2 ("Split
 * Virtqueues"). All fields are little-endian, as x86 is.
 */
#ifndef SPEC_VIRTIO_RING_H
#define SPEC_VIRTIO_RING_H

#include <bh/attr.h>

#define VIRTQ_DESC_F_NEXT          1
#define VIRTQ_DESC_F_WRITE         2
#define VIRTQ_DESC_F_INDIRECT      4
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1

#define VIRTQ_DESC_ALIGN  16
#define VIRTQ_AVAIL_ALIGN 2
#define VIRTQ_USED_ALIGN  4

struct virtq_desc {
	uint64_t addr; /* guest-physical */
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "virtq_desc");

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};
_Static_assert(sizeof(struct virtq_used_elem) == 8, "virtq_used_elem");

/* struct virtq_avail: offsets; used_event follows the last ring entry */
#define VIRTQ_AVAIL_FLAGS         0
#define VIRTQ_AVAIL_IDX           2
#define VIRTQ_AVAIL_RING          4
#define VIRTQ_AVAIL_SIZE(n)       (6u + 2u * (n))
#define VIRTQ_AVAIL_USED_EVENT(n) (4u + 2u * (n))

/* struct virtq_used: offsets; avail_event follows the last ring entry */
#define VIRTQ_USED_IDX            2
#define VIRTQ_USED_RING           4
#define VIRTQ_USED_SIZE(n)        (6u + 8u * (n))
#define VIRTQ_USED_AVAIL_EVENT(n) (4u + 8u * (n))

#endif
