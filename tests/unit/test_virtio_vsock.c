/* test_virtio_vsock.c - streams, credit, limits, hostile peers (V21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "drivers/virt/vsock_echo.h"
#include "tests/lib/hostile_chains.h"

#include <string.h>

#define PORT      1024
#define RX_BUF(i) (FAKE_DATA + (i)*0x1000u)
#define RX_LEN    4096u
#define TX_HDR    (0x400000u)
#define TX_DATA   (0x401000u)
#define NEXT      VIRTQ_DESC_F_NEXT
#define WRITE     VIRTQ_DESC_F_WRITE

static struct fake_guest g;
static struct fake_driver d;
static struct virtio_vsock vs;

/* A service that records what it sees. */
static struct {
	struct vsock_conn *conn;
	uint8_t bytes[65536];
	size_t len;
	size_t take; /* at most so many a call */
	uint32_t accepts, closes, writables, eofs;
	bool refuse;
	bool close_in_data;
} svc;

static bool svc_accept(void *ctx, struct vsock_conn *conn)
{
	assert_ptr_equal(ctx, &svc);
	svc.accepts++;
	if (!svc.refuse) {
		svc.conn = conn;
	}
	return !svc.refuse;
}

static size_t svc_data(void *ctx, struct vsock_conn *conn, const uint8_t *bytes,
		       size_t len)
{
	size_t n = len < svc.take ? len : svc.take;

	(void)ctx;
	memcpy(svc.bytes + svc.len, bytes, n);
	svc.len += n;
	if (svc.close_in_data) {
		vsock_conn_close(conn);
	}
	return n;
}

static void svc_closed(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
	svc.closes++;
}

static void svc_writable(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
	svc.writables++;
}

static void svc_eof(void *ctx, struct vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
	svc.eofs++;
}

static const struct vsock_service service = { PORT,         svc_accept,
					      svc_data,     svc_closed,
					      svc_writable, svc_eof };

static uint16_t rx_next;

static void post_rx(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, rx_next++) {
		uint16_t n = rx_next % 64;

		fake_queue_desc(
			&d, 0, n,
			(struct virtq_desc){ RX_BUF(n), RX_LEN, WRITE, 0 });
		fake_queue_offer(&d, 0, n);
	}
	fake_driver_kick(&d, 0);
}

static int setup_without_buffers(void **state)
{
	(void)state;
	memset(&svc, 0, sizeof(svc));
	svc.take = SIZE_MAX;
	fake_guest_init(&g);
	struct virtio_pci_env env = fake_guest_env(&g, 3);

	assert_int_equal(virtio_vsock_init(&vs, &env), OK);
	assert_int_equal(virtio_vsock_listen(&vs, &service, &svc), OK);
	assert_int_equal(virtio_vsock_listen(&vs, &vsock_echo_service, NULL),
			 OK);
	fake_driver_probe(&d, &g, 3);
	fake_driver_start(&d, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	rx_next = 0;
	return 0;
}

static int setup(void **state)
{
	(void)setup_without_buffers(state);
	post_rx(32);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static struct virtio_vsock_hdr packet(uint16_t op, uint32_t port)
{
	return (struct virtio_vsock_hdr){
		.src_cid = 3,
		.dst_cid = 2,
		.src_port = 5000,
		.dst_port = port,
		.type = 1,
		.op = op,
		.buf_alloc = 65536,
	};
}

/* Send a packet; @len bytes follow it, whatever its header says. */
static void send(struct virtio_vsock_hdr h, const void *data, uint32_t len)
{
	struct virtq_used_elem e;

	memcpy(fake_ram(&g, TX_HDR), &h, sizeof(h));
	if (len > 0) {
		memcpy(fake_ram(&g, TX_DATA), data, len);
	}
	fake_queue_desc(&d, 1, 0,
			(struct virtq_desc){ TX_HDR, 44, len ? NEXT : 0, 1 });
	fake_queue_desc(&d, 1, 1, (struct virtq_desc){ TX_DATA, len, 0, 0 });
	fake_queue_offer(&d, 1, 0);
	fake_driver_kick(&d, 1);
	while (fake_queue_used(&d, 1, &e)) {
	}
}

/* Send what the header names. */
static void send_op(uint16_t op, uint32_t port)
{
	send(packet(op, port), NULL, 0);
}

static void send_rw(uint32_t port, const void *data, uint32_t len)
{
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_RW, port);

	h.len = len;
	send(h, data, len);
}

static uint8_t rx_data[RX_LEN];

/* The next packet from the VMM; its op, or -1 if there is none. */
static int receive(struct virtio_vsock_hdr *out)
{
	struct virtio_vsock_hdr h;
	struct virtq_used_elem e;
	const uint8_t *p;

	if (!fake_queue_used(&d, 0, &e)) {
		return -1;
	}
	p = fake_ram(&g, RX_BUF(e.id));
	memcpy(&h, p, sizeof(h));
	assert_int_equal(e.len, sizeof(h) + h.len);
	memcpy(rx_data, p + sizeof(h), h.len);
	assert_int_equal(
		h.src_port == PORT || h.src_port == 7 || h.src_port == 9, 1);
	assert_int_equal(h.dst_cid, 3);
	assert_int_equal(h.type, 1);
	if (out) {
		*out = h;
	}
	return h.op;
}

static void open_stream(uint32_t port)
{
	send_op(VIRTIO_VSOCK_OP_REQUEST, port);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RESPONSE);
}

static void test_guest_cid(void **state)
{
	(void)state;
	assert_int_equal(fake_in(&g, d.device, 4), 3);
	assert_int_equal(fake_in(&g, d.device + 4u, 4), 0);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_DEVICE_ID, 2), 0x1053);
	assert_true(sizeof(vs) < KIB(160));
}

static void test_connect_talk_and_close(void **state)
{
	struct virtio_vsock_hdr h;

	(void)state;
	open_stream(PORT);
	send_rw(PORT, "hello", 5);
	assert_int_equal(svc.len, 5);
	assert_memory_equal(svc.bytes, "hello", 5);
	assert_int_equal(vsock_conn_send(svc.conn, "world!", 6), 6);
	assert_int_equal(receive(&h), VIRTIO_VSOCK_OP_RW);
	assert_int_equal(h.len, 6);
	assert_int_equal(h.fwd_cnt, 5);
	assert_int_equal(h.buf_alloc, VSOCK_CONN_BUFFER);
	assert_memory_equal(rx_data, "world!", 6);
	h = packet(VIRTIO_VSOCK_OP_SHUTDOWN, PORT);
	h.flags = 3;
	send(h, NULL, 0);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
	assert_int_equal(svc.closes, 1);
	assert_int_equal(receive(NULL), -1);
}

static void test_echo(void **state)
{
	(void)state;
	open_stream(7);
	send_rw(7, "abc", 3);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(rx_data, "abc", 3);
}

static void test_service_closes(void **state)
{
	struct virtio_vsock_hdr h;

	(void)state;
	open_stream(PORT);
	svc.close_in_data = true;
	send_rw(PORT, "x", 1);
	assert_int_equal(receive(&h), VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(h.flags, 3);
	assert_int_equal(vsock_conn_send(svc.conn, "y", 1), 0);
	send_rw(PORT, "late", 4); /* dropped: nobody reads */
	assert_int_equal(receive(NULL), -1);
	send_op(VIRTIO_VSOCK_OP_RST, PORT);
	assert_int_equal(svc.closes, 0);
	assert_int_equal(vs.conns[0].state, VSOCK_FREE);
}

static void test_half_close_is_eof(void **state)
{
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_SHUTDOWN, PORT);

	(void)state;
	open_stream(PORT);
	h.flags = VIRTIO_VSOCK_SHUTDOWN_SEND;
	send(h, NULL, 0);
	assert_int_equal(svc.eofs, 1);
	assert_int_equal(vsock_conn_send(svc.conn, "bye", 3), 3);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RW);
	send_rw(PORT, "x", 1); /* it had said it would not */
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
	assert_int_equal(svc.closes, 1);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	send_op(VIRTIO_VSOCK_OP_REQUEST, 9);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
	svc.refuse = true;
	send_op(VIRTIO_VSOCK_OP_REQUEST, PORT);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
	assert_int_equal(svc.closes, 0);
}

/* What a service leaves is the guest's credit, and comes again. */
static void test_credit_towards_the_vmm(void **state)
{
	uint8_t block[4096];
	struct virtio_vsock_hdr h;

	(void)state;
	memset(block, 0x11, sizeof(block));
	open_stream(PORT);
	svc.take = 0;
	send_rw(PORT, block, 4096);
	send_rw(PORT, block, 4096);
	assert_int_equal(svc.len, 0);
	assert_int_equal(receive(NULL), -1); /* no credit to tell of */
	svc.take = SIZE_MAX;
	vsock_conn_resume(svc.conn);
	assert_int_equal(svc.len, 8192);
	assert_int_equal(receive(&h), VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(h.fwd_cnt, 8192);
	svc.take = 0;
	send_rw(PORT, block, 4096);
	send_rw(PORT, block, 4095);
	send_rw(PORT, block, 2); /* one byte too many */
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
	assert_int_equal(svc.closes, 1);
}

static void test_credit_towards_the_guest(void **state)
{
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_REQUEST, PORT);

	(void)state;
	h.buf_alloc = 10;
	send(h, NULL, 0);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(vsock_conn_send(svc.conn, "0123456789abc", 13), 10);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RW);
	assert_int_equal(vsock_conn_send(svc.conn, "x", 1), 0);
	h.op = VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	h.fwd_cnt = 4;
	send(h, NULL, 0);
	assert_int_equal(svc.writables, 1);
	assert_int_equal(vsock_conn_send(svc.conn, "abcdef", 6), 4);
	/* lies: more read than was sent; less buffer than is full */
	h.fwd_cnt = 1000;
	send(h, NULL, 0);
	assert_int_equal(vsock_conn_send(svc.conn, "x", 1), 0);
	h.fwd_cnt = 14;
	h.buf_alloc = 0;
	send(h, NULL, 0);
	assert_int_equal(vsock_conn_send(svc.conn, "x", 1), 0);
	h.op = VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	send(h, NULL, 0);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RW);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_CREDIT_UPDATE);
}

static void test_send_without_buffers_waits(void **state)
{
	static uint8_t big[10000];

	(void)state;
	send_op(VIRTIO_VSOCK_OP_REQUEST, PORT);
	assert_int_equal(receive(NULL), -1); /* the RESPONSE waits */
	assert_int_equal(vsock_conn_send(svc.conn, big, sizeof(big)), 0);
	post_rx(2);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(svc.writables, 1);
	assert_int_equal(vsock_conn_send(svc.conn, big, sizeof(big)),
			 RX_LEN - 44);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RW);
	post_rx(1);
	assert_int_equal(svc.writables, 2);
}

/* V21: each ends in a RST and nothing else. */
static void test_bad_packets_are_reset(void **state)
{
	/* clang-format off */
	static const struct {
		const char *what; uint64_t src, dst; uint16_t type, op;
		uint32_t len;
	} rows[] = {
		{ "spoofed source", 2, 2, 1, 1, 0 },
		{ "spoofed source", 4, 2, 1, 5, 0 },
		{ "spoofed source", 3 | 1ull << 32, 2, 1, 5, 0 },
		{ "foreign destination", 3, 1, 1, 1, 0 },
		{ "foreign destination", 3, 0xffffffff, 1, 1, 0 },
		{ "datagram", 3, 2, 2, 1, 0 },
		{ "no type", 3, 2, 0, 1, 0 },
		{ "op 0", 3, 2, 1, 0, 0 },
		{ "op 8", 3, 2, 1, 8, 0 },
		{ "op 65535", 3, 2, 1, 0xffff, 0 },
		{ "RESPONSE we did not ask for", 3, 2, 1, 2, 0 },
		{ "second REQUEST", 3, 2, 1, 1, 0 },
		{ "len beyond the buffers", 3, 2, 1, 5, 100 },
		{ "len 2^32 - 1", 3, 2, 1, 5, 0xffffffff },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct virtio_vsock_hdr h = packet(rows[i].op, PORT);

		fake_driver_start(&d, VIRTIO_F_EVENT_IDX);
		rx_next = 0;
		post_rx(8);
		open_stream(PORT);
		h.src_cid = rows[i].src;
		h.dst_cid = rows[i].dst;
		h.type = rows[i].type;
		h.len = rows[i].len;
		send(h, "xy", 2);
		assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
		assert_int_equal(receive(NULL), -1);
		assert_int_equal(svc.len, 0);
		assert_false(fake_driver_is_broken(&d));
	}
	/* with no connection: RST too, but never for a RST */
	send_op(VIRTIO_VSOCK_OP_RW, 9);
	assert_int_equal(receive(NULL), VIRTIO_VSOCK_OP_RST);
	send_op(VIRTIO_VSOCK_OP_RST, 9);
	assert_int_equal(receive(NULL), -1);
}

static void test_connections_are_limited(void **state)
{
	uint32_t refused = 0;

	(void)state;
	for (uint32_t i = 0; i < 65000; i++) {
		struct virtio_vsock_hdr h =
			packet(VIRTIO_VSOCK_OP_REQUEST, PORT);
		int op;

		h.src_port = i;
		send(h, NULL, 0);
		op = receive(NULL);
		refused += op == VIRTIO_VSOCK_OP_RST;
		post_rx(1);
	}
	assert_int_equal(refused, 65000 - VSOCK_CONN_MAX);
	assert_int_equal(svc.accepts, VSOCK_CONN_MAX);
	fake_out(&g, d.common + 0x14u, 1, 0); /* reset */
	assert_int_equal(svc.closes, VSOCK_CONN_MAX);
}

/* V17, V21: a storm without receive buffers stops at the queue of RSTs. */
static void test_storm_waits_in_the_guest(void **state)
{
	struct virtq_used_elem e;
	uint32_t taken = 0;
	uint32_t resets = 0;

	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_RW, 9);

		memcpy(fake_ram(&g, TX_HDR), &h, sizeof(h));
		fake_queue_desc(&d, 1, 0,
				(struct virtq_desc){ TX_HDR, 44, 0, 0 });
		fake_queue_offer(&d, 1, 0);
		fake_driver_kick(&d, 1);
	}
	while (fake_queue_used(&d, 1, &e)) {
		taken++;
	}
	assert_int_equal(taken, VSOCK_REPLY_MAX);
	for (uint32_t i = 0; i < 10; i++) {
		post_rx(16);
		while (receive(NULL) == VIRTIO_VSOCK_OP_RST) {
			resets++;
		}
	}
	assert_int_equal(resets, 100);
}

static void test_short_packets_break_the_queue(void **state)
{
	(void)state;
	fake_queue_desc(&d, 1, 0, (struct virtq_desc){ TX_HDR, 43, 0, 0 });
	fake_queue_offer(&d, 1, 0);
	fake_driver_kick(&d, 1);
	assert_true(fake_driver_is_broken(&d));
}

static void test_short_receive_buffer_breaks_the_queue(void **state)
{
	(void)state;
	fake_queue_desc(&d, 0, 0,
			(struct virtq_desc){ FAKE_DATA, 43, WRITE, 0 });
	fake_queue_offer(&d, 0, 0);
	send_op(VIRTIO_VSOCK_OP_REQUEST, PORT);
	assert_true(fake_driver_is_broken(&d));
	assert_int_equal(svc.closes, 1); /* the service learns of it at once */
	assert_int_equal(vsock_conn_send(svc.conn, "x", 1), 0);
	virtio_pci_poll_pending(&vs.pci);
	assert_int_equal(svc.closes, 1);
}

/* Found in a call of the service: closed() must wait until that has ended. */
static void test_queue_found_broken_by_a_send(void **state)
{
	uint8_t bytes[RX_LEN] = { 0 };

	(void)state;
	open_stream(PORT);
	fake_queue_desc(&d, 0, 40, (struct virtq_desc){ ~0ull, 43, WRITE, 0 });
	fake_queue_offer(&d, 0, 40);
	for (uint32_t i = 0; i < 32; i++) {
		(void)vsock_conn_send(svc.conn, bytes, 1024);
	}
	assert_true(fake_driver_is_broken(&d));
	assert_int_equal(svc.closes, 0);
	virtio_pci_poll_pending(&vs.pci);
	assert_int_equal(svc.closes, 1);
}

static void test_hostile_chains(void **state)
{
	const struct hostile_victim v = { &d, 1, hostile_kick, 0 };
	const char *row = hostile_chains_run(&v);

	(void)state;
	assert_string_equal(row ? row : "", "");
}

static void test_listen_limits(void **state)
{
	static const struct vsock_service more[3] = { { .port = 1 },
						      { .port = 2 },
						      { .port = 3 } };

	(void)state;
	assert_int_equal(virtio_vsock_listen(&vs, &service, NULL), ERR_EXIST);
	assert_int_equal(virtio_vsock_listen(&vs, &more[0], NULL), OK);
	assert_int_equal(virtio_vsock_listen(&vs, &more[1], NULL), OK);
	assert_int_equal(virtio_vsock_listen(&vs, &more[2], NULL), ERR_LIMIT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BARE(f) \
	cmocka_unit_test_setup_teardown(f, setup_without_buffers, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_guest_cid),
		TEST(test_connect_talk_and_close),
		TEST(test_echo),
		TEST(test_service_closes),
		TEST(test_half_close_is_eof),
		TEST(test_nobody_listens),
		TEST(test_credit_towards_the_vmm),
		TEST(test_credit_towards_the_guest),
		BARE(test_send_without_buffers_waits),
		TEST(test_bad_packets_are_reset),
		TEST(test_connections_are_limited),
		BARE(test_storm_waits_in_the_guest),
		TEST(test_short_packets_break_the_queue),
		BARE(test_short_receive_buffer_breaks_the_queue),
		TEST(test_queue_found_broken_by_a_send),
		BARE(test_hostile_chains),
		TEST(test_listen_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
