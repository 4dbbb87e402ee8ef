/* virtio_vsock.h - VIRTIO 1.2, "Socket Device". */
#ifndef SPEC_VIRTIO_VSOCK_H
#define SPEC_VIRTIO_VSOCK_H

#include <bh/attr.h>

#define VIRTIO_VSOCK_TYPE_STREAM 1

/* clang-format off */
#define VIRTIO_VSOCK_OP_LIST(X) \
	X(INVALID,        0)    \
	X(REQUEST,        1)    \
	X(RESPONSE,       2)    \
	X(RST,            3)    \
	X(SHUTDOWN,       4)    \
	X(RW,             5)    \
	X(CREDIT_UPDATE,  6)    \
	X(CREDIT_REQUEST, 7)
/* clang-format on */

enum virtio_vsock_op {
#define X(name, value) VIRTIO_VSOCK_OP_##name = value,
	VIRTIO_VSOCK_OP_LIST(X)
#undef X
		VIRTIO_VSOCK_OP_COUNT
};

#define VIRTIO_VSOCK_SHUTDOWN_RCV  1u /* the sender receives no more */
#define VIRTIO_VSOCK_SHUTDOWN_SEND 2u /* the sender sends no more */

struct virtio_vsock_config {
	uint64_t guest_cid;
};

struct virtio_vsock_hdr {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
} packed_struct;
_Static_assert(sizeof(struct virtio_vsock_hdr) == 44, "vsock header");

#endif
