/*
 * virtio_vsock.h - stream sockets between a guest (CID 3) and the VMM (CID 2).
 *
 * Only the guest connects. The VMM offers services, one a port; a service is a
 * const table of callbacks. Both directions have credit: a service that does
 * not consume makes the guest wait, a guest that does not read makes
 * vsock_conn_send() take nothing.
 *
 * Rules for a service
 *  - a struct vsock_conn may be used from accept() until closed() returns or
 *    until the service calls vsock_conn_close(): one of the two ends it, and
 *    after the second no callback comes any more.
 *  - data() gets bytes that are the VMM's own copy; it says how many it has
 *    consumed. What it leaves is kept and comes again, in front of newer
 *    bytes, with the next data() or vsock_conn_resume().
 *  - vsock_conn_send() may be called from any callback but closed(); after it
 *    took less than it was given, writable() tells when to try again.
 */
#ifndef VIRT_VIRTIO_VSOCK_H
#define VIRT_VIRTIO_VSOCK_H

#include "virtio_pci.h"

#include <spec/virtio_vsock.h>

#define VSOCK_CID_HOST          2u
#define VSOCK_CID_GUEST         3u
#define VSOCK_CONN_MAX          16
#define VSOCK_SERVICE_MAX       4
#define VSOCK_CONN_BUFFER       8192u /* receive buffer = credit of the guest */
#define VSOCK_REPLY_MAX         32    /* control packets waiting for room */
#define VIRTIO_VSOCK_QUEUE_SIZE 128

enum virtio_vsock_queue {
	VIRTIO_VSOCK_RX, /* VMM to guest */
	VIRTIO_VSOCK_TX, /* guest to VMM */
	VIRTIO_VSOCK_EVENT,
	VIRTIO_VSOCK_QUEUE_COUNT
};

struct virtio_vsock;
struct vsock_conn;

struct vsock_service {
	uint32_t port;
	/* a guest's connection; false refuses it */
	bool (*accept)(void *ctx, struct vsock_conn *conn);
	/* bytes from the guest; returns how many are consumed (see above) */
	size_t (*data)(void *ctx, struct vsock_conn *conn, const uint8_t *bytes,
		       size_t len);
	/* the connection is gone; do not use it any more */
	void (*closed)(void *ctx, struct vsock_conn *conn);
	/* there is room to send again; may be NULL */
	void (*writable)(void *ctx, struct vsock_conn *conn);
	/* the guest will send no more, but may still read; may be NULL */
	void (*eof)(void *ctx, struct vsock_conn *conn);
};

enum vsock_state {
	VSOCK_FREE,
	VSOCK_OPEN,
	VSOCK_CLOSING /* we said SHUTDOWN; the guest's RST frees it */
};

struct vsock_conn {
	struct virtio_vsock *dev;
	const struct vsock_service *service;
	void *ctx;  /* of the service, as listened with */
	void *user; /* the service's own, per connection */
	enum vsock_state state;
	uint32_t guest_port;
	uint32_t port; /* of the service */
	/* VMM to guest */
	uint32_t tx_count;       /* bytes sent */
	uint32_t peer_buf_alloc; /* the guest's buffer */
	uint32_t peer_fwd_count; /* bytes the guest has read */
	uint32_t peer_shutdown;  /* VIRTIO_VSOCK_SHUTDOWN_... seen */
	/* guest to VMM */
	uint32_t fwd_count;      /* bytes the service has consumed */
	uint32_t fwd_count_told; /* as the guest knows it */
	uint32_t rx_len;         /* bytes in rx[], not yet consumed */
	bool is_in_data;         /* data() is running: rx[] must stay */
	bool owes_credit;        /* a CREDIT_UPDATE waits for a buffer */
	bool owes_response;      /* a RESPONSE waits for a buffer */
	bool owes_shutdown;      /* a SHUTDOWN waits for a buffer */
	bool wants_writable;     /* a send was short */
	uint8_t rx[VSOCK_CONN_BUFFER];
};

/* A RST for which there is no connection (any more). */
struct vsock_reply {
	uint64_t cid; /* whom the guest addressed */
	uint32_t guest_port;
	uint32_t port;
};

struct vsock_listener {
	const struct vsock_service *service;
	void *ctx;
};

struct virtio_vsock {
	struct virtio_pci pci;
	struct virtio_vsock_config config;
	/* and room for a wrong guess (struct virtio_pci_params) */
	struct virtqueue queues[VIRTIO_VSOCK_QUEUE_COUNT + 1];
	struct vsock_listener listeners[VSOCK_SERVICE_MAX]; /* (c) */
	uint32_t listener_count;
	uint32_t reply_count;
	struct vsock_reply replies[VSOCK_REPLY_MAX]; /* oldest first */
	uint64_t rst_count;
	uint64_t rx_bytes; /* from the guest */
	uint64_t tx_bytes; /* to the guest */
	struct virtqueue_req tx_req;
	struct virtqueue_req rx_req;
	struct vsock_conn conns[VSOCK_CONN_MAX];
};

must_check enum status virtio_vsock_init(struct virtio_vsock *v,
					 const struct virtio_pci_env *env);
must_check enum status virtio_vsock_listen(struct virtio_vsock *v,
					   const struct vsock_service *service,
					   void *ctx);
size_t vsock_conn_send(struct vsock_conn *conn, const void *bytes, size_t len);
void vsock_conn_resume(struct vsock_conn *conn);
void vsock_conn_close(struct vsock_conn *conn);

#endif
