/*
 * virtio_vsock.c - VIRTIO 1.2, "Socket Device": the guest's way to the VMM.
 *
 * Packets from the guest are handled one at a time: the header is copied and
 * checked, a connection is looked up, an operation's handler runs. Packets to
 * the guest go straight into the buffers that its driver has posted: data
 * only as far as there are buffers and credit (the service keeps the rest),
 * control packets as flags of the connection ("owes a response") or, where
 * there is no connection, in a short queue of RSTs.
 *
 * Invariants
 *  1. The VMM's memory is constant: VSOCK_CONN_MAX connections with a receive
 *     buffer each, which is the credit the guest has. While the queue of RSTs
 *     is full no packet is taken from the guest.
 *  2. tx_count - peer_fwd_count <= peer_buf_alloc as far as the guest does
 *     not lie; if it lies it only harms itself: nothing is sent then.
 *  3. What breaks the socket protocol ends that connection with a RST; what
 *     breaks the queue ends in DEVICE_NEEDS_RESET.
 *  4. Services are called from notify() and reset() only, never from
 *     vsock_conn_send(), vsock_conn_close(); data() never nests.
 *
 * States of a connection: FREE -(vsock_request)-> OPEN
 *   -(vsock_conn_close)-> CLOSING; both -(vsock_free)-> FREE
 */
#include "virtio_vsock.h"

#include <bh/nospec.h>
#include <bh/string.h>

#define SHUTDOWN_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

/* ---- To the guest ---- */

/* A receive buffer of the guest, in v->rx_req; false if there is none. */
static bool vsock_take_buffer(struct virtio_vsock *v)
{
	struct virtqueue *vq = virtio_pci_queue(&v->pci, VIRTIO_VSOCK_RX);

	if (!vq) {
		return false;
	}
	if (!virtqueue_pop(vq, &v->rx_req) &&
	    !(virtqueue_rearm(vq) && virtqueue_pop(vq, &v->rx_req))) {
		return false;
	}
	if (v->rx_req.writable.left < sizeof(struct virtio_vsock_hdr)) {
		virtqueue_fail(vq, "receive buffer is shorter than a header");
		return false;
	}
	return true;
}

/* Complete v->rx_req with a packet; the caller interrupts later. */
static void vsock_put_packet(struct virtio_vsock *v,
			     const struct virtio_vsock_hdr *h,
			     const void *payload)
{
	virtqueue_write(&v->rx_req, h, sizeof(*h));
	if (payload) {
		virtqueue_write(&v->rx_req, payload, h->len);
	}
	virtqueue_push(&v->queues[VIRTIO_VSOCK_RX], &v->rx_req);
}

/* RSTs, oldest first, as far as the guest has buffers for them. */
static void vsock_send_replies(struct virtio_vsock *v)
{
	uint32_t sent = 0;

	while (sent < v->reply_count && vsock_take_buffer(v)) {
		const struct vsock_reply *r = &v->replies[sent++];
		const struct virtio_vsock_hdr h = {
			.src_cid = r->cid,
			.dst_cid = VSOCK_CID_GUEST,
			.src_port = r->port,
			.dst_port = r->guest_port,
			.type = VIRTIO_VSOCK_TYPE_STREAM,
			.op = VIRTIO_VSOCK_OP_RST,
		};

		vsock_put_packet(v, &h, NULL);
	}
	v->reply_count -= sent;
	memmove(v->replies, v->replies + sent,
		v->reply_count * sizeof(v->replies[0]));
}

/* A packet of @conn; false if the guest has no buffer for it now. */
static bool vsock_send_op(struct vsock_conn *conn, enum virtio_vsock_op op,
			  const void *payload, uint32_t *len)
{
	struct virtio_vsock *v = conn->dev;
	struct virtio_vsock_hdr h = {
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = VSOCK_CID_GUEST,
		.src_port = conn->port,
		.dst_port = conn->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = VSOCK_CONN_BUFFER,
		.fwd_cnt = conn->fwd_count,
	};
	uint64_t room;

	vsock_send_replies(v); /* older than any packet of @conn */
	if (v->reply_count > 0 || !vsock_take_buffer(v)) {
		return false;
	}
	room = v->rx_req.writable.left - sizeof(h);
	if (len) {
		*len = *len < room ? *len : (uint32_t)room;
		h.len = *len;
	}
	if (op == VIRTIO_VSOCK_OP_SHUTDOWN) {
		h.flags = SHUTDOWN_BOTH;
	}
	vsock_put_packet(v, &h, payload);
	conn->fwd_count_told = conn->fwd_count; /* each packet tells it */
	conn->owes_credit = false;
	return true;
}

/* Bytes that the guest can still take. A guest that lies gets nothing. */
static uint32_t vsock_credit(const struct vsock_conn *conn)
{
	uint32_t in_flight = conn->tx_count - conn->peer_fwd_count;

	return in_flight < conn->peer_buf_alloc
		       ? conn->peer_buf_alloc - in_flight
		       : 0;
}

/* What must not be overtaken by data. */
static bool vsock_send_owed(struct vsock_conn *conn)
{
	if (conn->owes_response) {
		conn->owes_response = !vsock_send_op(
			conn, VIRTIO_VSOCK_OP_RESPONSE, NULL, NULL);
	}
	if (conn->owes_shutdown && !conn->owes_response) {
		conn->owes_shutdown = !vsock_send_op(
			conn, VIRTIO_VSOCK_OP_SHUTDOWN, NULL, NULL);
	}
	if (conn->owes_credit && !conn->owes_response) {
		(void)vsock_send_op(conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL,
				    NULL);
	}
	return !conn->owes_response;
}

/**
 * vsock_conn_send() - send bytes to the guest.
 *
 * Return: bytes taken, all of them or as many as the guest has buffers and
 *	   credit for; the service's writable() tells when to try again.
 */
size_t vsock_conn_send(struct vsock_conn *conn, const void *bytes, size_t len)
{
	struct virtio_vsock *v = conn->dev;
	const uint8_t *src = bytes;
	size_t done = 0;

	if (conn->state != VSOCK_OPEN ||
	    (conn->peer_shutdown & VIRTIO_VSOCK_SHUTDOWN_RCV)) {
		return 0;
	}
	/* ends: each turn takes a buffer, and may take a byte of credit */
	while (done < len && vsock_send_owed(conn)) {
		size_t left = len - done;
		uint32_t n = vsock_credit(conn);

		n = left < n ? (uint32_t)left : n;
		if (n == 0 ||
		    !vsock_send_op(conn, VIRTIO_VSOCK_OP_RW, src + done, &n) ||
		    n == 0) {
			break;
		}
		conn->tx_count += n;
		done += n;
	}
	conn->wants_writable = done < len;
	v->tx_bytes += done;
	virtio_pci_complete(&v->pci, VIRTIO_VSOCK_RX);
	return done;
}

/* ---- Connections ---- */

static struct vsock_conn *vsock_find(struct virtio_vsock *v,
				     const struct virtio_vsock_hdr *h)
{
	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		struct vsock_conn *c = &v->conns[i];

		if (c->state != VSOCK_FREE && c->guest_port == h->src_port &&
		    c->port == h->dst_port) {
			return c;
		}
	}
	return NULL;
}

/* Refuse a packet: invariant 1 keeps one place free. */
static void vsock_reply_rst(struct virtio_vsock *v,
			    const struct virtio_vsock_hdr *h)
{
	if (h->op == VIRTIO_VSOCK_OP_RST || v->reply_count == VSOCK_REPLY_MAX) {
		return; /* a RST is never answered by a RST */
	}
	v->replies[v->reply_count++] = (struct vsock_reply){
		.cid = h->dst_cid,
		.guest_port = h->src_port,
		.port = h->dst_port,
	};
	v->rst_count++;
}

static void vsock_free(struct vsock_conn *conn)
{
	bool is_told = conn->state == VSOCK_OPEN;

	conn->state = VSOCK_FREE;
	conn->wants_writable = false;
	if (is_told) {
		conn->service->closed(conn->ctx, conn);
	}
}

static void vsock_abort(struct vsock_conn *conn,
			const struct virtio_vsock_hdr *h)
{
	vsock_reply_rst(conn->dev, h);
	vsock_free(conn);
}

/**
 * vsock_conn_close() - the service is done with the connection.
 *
 * What was sent still arrives. No callback comes any more, and the service
 * must not use @conn again.
 */
void vsock_conn_close(struct vsock_conn *conn)
{
	if (conn->state != VSOCK_OPEN) {
		return;
	}
	conn->state = VSOCK_CLOSING;
	conn->wants_writable = false;
	conn->owes_shutdown = true;
	(void)vsock_send_owed(conn);
	virtio_pci_complete(&conn->dev->pci, VIRTIO_VSOCK_RX);
}

/* Offer what is in rx[] to the service. */
static void vsock_deliver(struct vsock_conn *conn)
{
	size_t n;

	if (conn->is_in_data || conn->rx_len == 0 ||
	    conn->state != VSOCK_OPEN) {
		return;
	}
	conn->is_in_data = true;
	n = conn->service->data(conn->ctx, conn, conn->rx, conn->rx_len);
	conn->is_in_data = false;
	if (n > conn->rx_len) {
		n = conn->rx_len;
	}
	conn->rx_len -= (uint32_t)n;
	memmove(conn->rx, conn->rx + n, conn->rx_len);
	conn->fwd_count += (uint32_t)n;
	if (conn->fwd_count - conn->fwd_count_told >= VSOCK_CONN_BUFFER / 2) {
		conn->owes_credit = true;
	}
}

/**
 * vsock_conn_resume() - have data() called again for what it did not consume.
 */
void vsock_conn_resume(struct vsock_conn *conn)
{
	vsock_deliver(conn);
	if (conn->state != VSOCK_FREE) {
		(void)vsock_send_owed(conn);
		virtio_pci_complete(&conn->dev->pci, VIRTIO_VSOCK_RX);
	}
}

/* ---- Packets from the guest, by operation ---- */

typedef void vsock_op_fn(struct vsock_conn *conn,
			 const struct virtio_vsock_hdr *h);

static void vsock_on_rst(struct vsock_conn *conn,
			 const struct virtio_vsock_hdr *h)
{
	(void)h;
	vsock_free(conn);
}

static void vsock_on_shutdown(struct vsock_conn *conn,
			      const struct virtio_vsock_hdr *h)
{
	uint32_t before = conn->peer_shutdown;

	conn->peer_shutdown |= h->flags & SHUTDOWN_BOTH;
	if (conn->peer_shutdown == SHUTDOWN_BOTH) {
		vsock_abort(conn, h); /* the RST confirms the end */
	} else if (conn->peer_shutdown != before &&
		   conn->peer_shutdown == VIRTIO_VSOCK_SHUTDOWN_SEND &&
		   conn->state == VSOCK_OPEN && conn->service->eof) {
		conn->service->eof(conn->ctx, conn);
	}
}

static void vsock_on_rw(struct vsock_conn *conn,
			const struct virtio_vsock_hdr *h)
{
	struct virtio_vsock *v = conn->dev;

	if (conn->state == VSOCK_CLOSING) {
		return; /* nobody reads any more */
	}
	if ((conn->peer_shutdown & VIRTIO_VSOCK_SHUTDOWN_SEND) ||
	    h->len > v->tx_req.readable.left ||
	    h->len > VSOCK_CONN_BUFFER - conn->rx_len) {
		vsock_abort(conn, h);
		return;
	}
	conn->rx_len += (uint32_t)virtqueue_read(
		&v->tx_req, conn->rx + conn->rx_len, h->len);
	v->rx_bytes += h->len;
	vsock_deliver(conn);
}

static void vsock_on_credit_update(struct vsock_conn *conn,
				   const struct virtio_vsock_hdr *h)
{
	(void)conn; /* each packet carries credit: it is noted already */
	(void)h;
}

static void vsock_on_credit_request(struct vsock_conn *conn,
				    const struct virtio_vsock_hdr *h)
{
	(void)h;
	conn->owes_credit = true;
}

/* On a connection that exists; NULL, and what is not here, ends it. */
static vsock_op_fn *const vsock_ops[VIRTIO_VSOCK_OP_COUNT] = {
	[VIRTIO_VSOCK_OP_RST] = vsock_on_rst,
	[VIRTIO_VSOCK_OP_SHUTDOWN] = vsock_on_shutdown,
	[VIRTIO_VSOCK_OP_RW] = vsock_on_rw,
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = vsock_on_credit_update,
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = vsock_on_credit_request,
};

static const struct vsock_listener *
vsock_listener_at(const struct virtio_vsock *v, uint32_t port)
{
	for (uint32_t i = 0; i < v->listener_count; i++) {
		if (v->listeners[i].service->port == port) {
			return &v->listeners[i];
		}
	}
	return NULL;
}

/* A slot for a new connection: a free one, else one that only lingers. */
static struct vsock_conn *vsock_slot(struct virtio_vsock *v)
{
	struct vsock_conn *lingering = NULL;

	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		struct vsock_conn *c = &v->conns[i];

		if (c->state == VSOCK_FREE) {
			return c;
		}
		if (c->state == VSOCK_CLOSING && !c->owes_shutdown &&
		    !c->is_in_data) {
			lingering = c;
		}
	}
	return lingering;
}

static void vsock_request(struct virtio_vsock *v,
			  const struct virtio_vsock_hdr *h)
{
	const struct vsock_listener *l = vsock_listener_at(v, h->dst_port);
	struct vsock_conn *conn = l ? vsock_slot(v) : NULL;

	if (!conn) {
		vsock_reply_rst(v, h);
		return;
	}
	memset(conn, 0, offsetof(struct vsock_conn, rx));
	conn->dev = v;
	conn->service = l->service;
	conn->ctx = l->ctx;
	conn->guest_port = h->src_port;
	conn->port = h->dst_port;
	conn->peer_buf_alloc = h->buf_alloc;
	conn->peer_fwd_count = h->fwd_cnt;
	conn->owes_response = true;
	conn->state = VSOCK_OPEN;
	if (!l->service->accept(l->ctx, conn)) {
		conn->state = VSOCK_FREE;
		vsock_reply_rst(v, h);
	}
}

/* Handle the packet in v->tx_req; what is wrong with its shape, or NULL. */
static const char *vsock_packet(struct virtio_vsock *v)
{
	struct virtio_vsock_hdr h;
	struct vsock_conn *conn;
	vsock_op_fn *on_op;

	if (virtqueue_read(&v->tx_req, &h, sizeof(h)) != sizeof(h)) {
		return "packet without a full header";
	}
	if (h.src_cid != VSOCK_CID_GUEST || h.dst_cid != VSOCK_CID_HOST ||
	    h.type != VIRTIO_VSOCK_TYPE_STREAM) {
		vsock_reply_rst(v, &h);
		return NULL;
	}
	conn = vsock_find(v, &h);
	if (!conn) {
		if (h.op == VIRTIO_VSOCK_OP_REQUEST) {
			vsock_request(v, &h);
		} else {
			vsock_reply_rst(v, &h);
		}
		return NULL;
	}
	conn->peer_buf_alloc = h.buf_alloc;
	conn->peer_fwd_count = h.fwd_cnt;
	on_op = h.op < VIRTIO_VSOCK_OP_COUNT
			? vsock_ops[index_nospec(h.op, VIRTIO_VSOCK_OP_COUNT)]
			: NULL;
	(on_op ? on_op : vsock_abort)(conn, &h);
	return NULL;
}

/* ---- The queues ---- */

/* Whatever waits for buffers or credit: control packets, then services. */
static void vsock_flush(struct virtio_vsock *v)
{
	vsock_send_replies(v);
	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		struct vsock_conn *c = &v->conns[i];

		if (c->state == VSOCK_FREE || !vsock_send_owed(c) ||
		    !c->wants_writable || vsock_credit(c) == 0) {
			continue;
		}
		c->wants_writable = false;
		if (c->service->writable) {
			c->service->writable(c->ctx, c);
		}
	}
	virtio_pci_complete(&v->pci, VIRTIO_VSOCK_RX);
}

/*
 * Take packets from the guest. While RSTs cannot be delivered the rest waits:
 * the guest's next receive buffer brings us back here.
 */
static void vsock_drain(struct virtio_vsock *v)
{
	struct virtqueue *vq = virtio_pci_queue(&v->pci, VIRTIO_VSOCK_TX);
	uint32_t turns = VIRTIO_VSOCK_QUEUE_SIZE;
	const char *why;
	bool is_taken;

	while (vq && vq->is_ready) {
		if (v->reply_count == VSOCK_REPLY_MAX) {
			vsock_send_replies(v);
		}
		if (v->reply_count == VSOCK_REPLY_MAX) {
			return;
		}
		if (turns-- == 0) {
			virtio_pci_backlog(&v->pci, VIRTIO_VSOCK_TX);
			return;
		}
		is_taken = virtqueue_pop(vq, &v->tx_req);
		if (!is_taken && !virtqueue_rearm(vq)) {
			return;
		}
		why = is_taken ? vsock_packet(v) : NULL;
		if (why) {
			virtqueue_fail(vq, why);
			return;
		}
		if (is_taken) {
			virtqueue_push(vq, &v->tx_req);
		}
	}
}

static void virtio_vsock_notify(struct virtio_pci *p, uint32_t q)
{
	struct virtio_vsock *v = CONTAINER_OF(p, struct virtio_vsock, pci);

	if (q == VIRTIO_VSOCK_EVENT) {
		return; /* we never have an event: its buffers just stay */
	}
	vsock_flush(v);
	vsock_drain(v);
	vsock_flush(v);
	virtio_pci_complete(p, VIRTIO_VSOCK_TX);
}

static void virtio_vsock_reset(struct virtio_pci *p)
{
	struct virtio_vsock *v = CONTAINER_OF(p, struct virtio_vsock, pci);

	v->reply_count = 0;
	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		if (v->conns[i].state != VSOCK_FREE) {
			vsock_free(&v->conns[i]);
		}
	}
}

static const struct virtio_model virtio_vsock_model = {
	.name = "virtio-vsock",
	.device_id = VIRTIO_ID_VSOCK,
	.class_code = 0x0780, /* communication, other */
	.notify = virtio_vsock_notify,
	.reset = virtio_vsock_reset,
};

/**
 * virtio_vsock_init() - the socket device as a PCI function, no services yet.
 * Return: OK, or why virtio_pci_init() refused.
 */
enum status virtio_vsock_init(struct virtio_vsock *v,
			      const struct virtio_pci_env *env)
{
	const struct virtio_pci_params params = {
		.model = &virtio_vsock_model,
		.queues = v->queues,
		.queue_count = VIRTIO_VSOCK_QUEUE_COUNT,
		.queue_size = VIRTIO_VSOCK_QUEUE_SIZE,
		.config = &v->config,
		.config_size = sizeof(v->config),
	};

	memset(v, 0, sizeof(*v));
	v->config.guest_cid = VSOCK_CID_GUEST;
	return virtio_pci_init(&v->pci, env, &params);
}

/**
 * virtio_vsock_listen() - offer @service on its port.
 * @service: stays; a const table
 * @ctx:     passed to its callbacks
 *
 * Return: OK; ERR_EXIST if the port is taken; ERR_LIMIT if there are
 *	   VSOCK_SERVICE_MAX already.
 */
enum status virtio_vsock_listen(struct virtio_vsock *v,
				const struct vsock_service *service, void *ctx)
{
	if (vsock_listener_at(v, service->port)) {
		return ERR_EXIST;
	}
	if (v->listener_count == VSOCK_SERVICE_MAX) {
		return ERR_LIMIT;
	}
	v->listeners[v->listener_count++] =
		(struct vsock_listener){ service, ctx };
	return OK;
}
