/*
 * fuzz_virtio_vsock.c - virtio_fuzz.h, packets of any kind, and a service that
 * sends, consumes, resumes and closes as the bytes say. Its books must balance:
 * one end for each connection, and no callback after it.
 */
#include "drivers/virt/vsock_echo.h"
#include "virtio_fuzz.h"

#define PORT 1024u

static struct virtio_vsock vsock;
static struct vsock_conn *conns[VSOCK_CONN_MAX]; /* open ones */
static uint8_t mood;                             /* of the service */

/* Where @conn is in conns[]; VSOCK_CONN_MAX: nowhere. */
static uint32_t find(const struct vsock_conn *conn)
{
	uint32_t i = 0;

	while (i < VSOCK_CONN_MAX && conns[i] != conn) {
		i++;
	}
	return i;
}

/* Where it is; it must be there. */
static uint32_t place(const struct vsock_conn *conn)
{
	uint32_t i = find(conn);

	fuzz_check(i < VSOCK_CONN_MAX);
	return i;
}

static void close_one(struct vsock_conn *conn)
{
	conns[place(conn)] = NULL;
	vsock_conn_close(conn);
}

static bool on_accept(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	fuzz_work++;
	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		fuzz_check(conns[i] != conn);
	}
	if (mood & 1) {
		return false;
	}
	conns[place(NULL)] = conn;
	if (mood & 2) {
		(void)vsock_conn_send(conn, "hello", 5);
	}
	return true;
}

static size_t on_data(void *ctx, struct vsock_conn *conn, const uint8_t *bytes,
		      size_t len)
{
	size_t n = mood & 0x80 ? len : (mood & 0x70) * 8u;

	(void)ctx;
	fuzz_work++;
	(void)place(conn);
	fuzz_check(len > 0 && len <= VSOCK_CONN_BUFFER);
	if (mood & 4) {
		(void)vsock_conn_send(conn, bytes, len);
	}
	if (mood & 8) {
		close_one(conn);
	}
	return n; /* even more than there is */
}

static void on_closed(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	fuzz_work++;
	conns[place(conn)] = NULL;
}

static void on_writable(void *ctx, struct vsock_conn *conn)
{
	static const uint8_t text[3000];

	(void)ctx;
	fuzz_work++;
	(void)place(conn);
	if (mood & 16) {
		vsock_conn_resume(conn);
	}
	if (find(conn) < VSOCK_CONN_MAX && (mood & 32)) {
		(void)vsock_conn_send(conn, text, sizeof(text));
	}
}

static void on_eof(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	fuzz_work++;
	if (mood & 64) {
		close_one(conn);
	}
}

static const struct vsock_service service = { PORT,      on_accept,   on_data,
					      on_closed, on_writable, on_eof };

static void start(const struct virtio_pci_env *env)
{
	mood = 0x80;
	memset(conns, 0, sizeof(conns));
	fuzz_check(virtio_vsock_init(&vsock, env) == OK);
	fuzz_check(virtio_vsock_listen(&vsock, &service, NULL) == OK);
	fuzz_check(virtio_vsock_listen(&vsock, &vsock_echo_service, NULL) ==
		   OK);
}

/* Receive buffers: @count of @len bytes. */
static void post(uint32_t count, uint32_t len)
{
	const struct fake_queue *fq = &fuzz_driver.q[VIRTIO_VSOCK_RX];

	if (fq->size < 16) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint16_t n = fq->avail_idx % 16;

		fake_queue_desc(
			&fuzz_driver, VIRTIO_VSOCK_RX, n,
			(struct virtq_desc){ FUZZ_ARENA + 0x8000 + n * 0x800u,
					     len, VIRTQ_DESC_F_WRITE, 0 });
		fake_queue_offer(&fuzz_driver, VIRTIO_VSOCK_RX, n);
	}
	fake_driver_kick(&fuzz_driver, VIRTIO_VSOCK_RX);
}

static void put_packet(uint16_t op, uint32_t port, uint32_t len)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = VSOCK_CID_GUEST,
		.dst_cid = VSOCK_CID_HOST,
		.src_port = port & 31,
		.dst_port = port & 32 ? VSOCK_ECHO_PORT : PORT,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = port >> 6,
		.buf_alloc = port & 64 ? 100 : 65536,
	};

	fuzz_put(FUZZ_ARENA, &h, sizeof(h));
}

/* A packet that is right but for what the bytes change. */
static void send(struct fuzz_input *in)
{
	uint16_t op = (uint16_t)(fuzz_take(in, 1) % 9);
	uint32_t port = (uint32_t)fuzz_take(in, 1);
	uint32_t len = (uint32_t)fuzz_take(in, 2);
	uint8_t lie = (uint8_t)fuzz_take(in, 1);
	struct virtq_desc d = { FUZZ_ARENA, 44 + (len & 0x3fff), 0, 0 };

	if (fuzz_driver.q[VIRTIO_VSOCK_TX].size == 0) {
		return;
	}
	put_packet(op, port, op == VIRTIO_VSOCK_OP_RW ? len : 0);
	if (lie & 0x80) { /* any byte of the header */
		uint8_t v = (uint8_t)fuzz_take(in, 1);

		fuzz_put(FUZZ_ARENA + lie % 44, &v, 1);
	}
	fake_queue_desc(&fuzz_driver, VIRTIO_VSOCK_TX, 0, d);
	fake_queue_offer(&fuzz_driver, VIRTIO_VSOCK_TX, 0);
	fake_driver_kick(&fuzz_driver, VIRTIO_VSOCK_TX);
}

/* The VMM's side, outside of any callback. */
static void serve(uint8_t how, struct vsock_conn *conn)
{
	static const uint8_t text[5000];

	if (!conn) {
		return;
	}
	switch (how & 3) {
	case 0:
		(void)vsock_conn_send(conn, text, how * 20u);
		break;
	case 1:
		vsock_conn_resume(conn);
		break;
	case 2:
		close_one(conn);
		break;
	default:
		break;
	}
}

static void step(struct fuzz_input *in)
{
	uint8_t op = (uint8_t)fuzz_take(in, 1);

	switch (op & 7) {
	case 0:
		mood = (uint8_t)fuzz_take(in, 1);
		break;
	case 1:
		post(op >> 3 & 15, (uint32_t)fuzz_take(in, 1) * 8);
		break;
	case 2:
		serve((uint8_t)fuzz_take(in, 1),
		      conns[op >> 4 & (VSOCK_CONN_MAX - 1)]);
		break;
	default:
		send(in);
		break;
	}
	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		fuzz_check(vsock.conns[i].rx_len <= VSOCK_CONN_BUFFER);
	}
	fuzz_check(vsock.reply_count <= VSOCK_REPLY_MAX);
}

/* After a reset no connection is left; a new one is answered. */
static bool works(void)
{
	const struct virtq_desc d = { FUZZ_ARENA, 44, 0, 0 };
	struct virtq_used_elem e;
	struct virtio_vsock_hdr h;

	for (uint32_t i = 0; i < VSOCK_CONN_MAX; i++) {
		fuzz_check(!conns[i] && vsock.conns[i].state == VSOCK_FREE);
	}
	mood = 0x80;
	post(1, 2048);
	put_packet(VIRTIO_VSOCK_OP_REQUEST, 1, 0);
	if (!fuzz_honest(VIRTIO_VSOCK_TX, &d, 1, 0) ||
	    !fake_queue_used(&fuzz_driver, VIRTIO_VSOCK_RX, &e)) {
		return false;
	}
	memcpy(&h, fake_ram(&fuzz_guest, FUZZ_ARENA + 0x8000), sizeof(h));
	return h.op == VIRTIO_VSOCK_OP_RESPONSE && h.dst_port == 1;
}

static const struct fuzz_device device = { &vsock.pci, start, step, works };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_device_run(&device, data, size);
}
