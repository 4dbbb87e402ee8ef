/*
 * test_virtio_stop.c - V23: the partition ends between any two steps of its
 * devices' work. Guest memory is freed at once, so the address sanitizer sees
 * whoever comes late; and each connection that began must have ended.
 */
#include "drivers/virt/virtio_blk.h"
#include "drivers/virt/virtio_console.h"
#include "drivers/virt/virtio_rng.h"
#include "drivers/virt/virtio_vsock.h"
#include "tests/lib/fake_guest.h"
#include "tests/lib/unit.h"

#include <string.h>

#define PORT  1024u
#define NEXT  VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE

enum { BLK = 1, CONSOLE, RNG, VSOCK, DEVICE_END };

static struct fake_guest g;
static struct fake_driver d[DEVICE_END];
static struct virtio_blk blk;
static struct virtio_console console;
static struct virtio_rng rng;
static struct virtio_vsock vsock;
static struct virtio_pci *const functions[DEVICE_END] = {
	[BLK] = &blk.pci,
	[CONSOLE] = &console.pci,
	[RNG] = &rng.pci,
	[VSOCK] = &vsock.pci,
};
static struct blkdev disk;
static struct vsock_conn *conn;
static uint32_t accept_count, closed_count;
static uint32_t disk_calls;

static enum status disk_read(struct blkdev *b, uint64_t sector, uint32_t count,
			     void *dst)
{
	(void)b;
	(void)sector;
	disk_calls++;
	memset(dst, 1, count * SECTOR_SIZE);
	return OK;
}

static const struct blkdev_ops disk_ops = { .read = disk_read };

static void on_output(void *ctx, const uint8_t *src, size_t len)
{
	(void)ctx;
	(void)src;
	(void)len;
}

static void on_ready(void *ctx)
{
	(void)ctx;
	(void)virtio_console_input(&console, (const uint8_t *)"x", 1);
}

static size_t fill(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	memset(dst, 2, len);
	return len;
}

static bool on_accept(void *ctx, struct vsock_conn *c)
{
	(void)ctx;
	conn = c;
	accept_count++;
	return true;
}

static size_t on_data(void *ctx, struct vsock_conn *c, const uint8_t *bytes,
		      size_t len)
{
	(void)ctx;
	(void)vsock_conn_send(c, bytes, len);
	return len / 2;
}

static void on_closed(void *ctx, struct vsock_conn *c)
{
	(void)ctx;
	assert_ptr_equal(c, conn);
	closed_count++;
}

static const struct vsock_service service = {
	.port = PORT, .accept = on_accept, .data = on_data, .closed = on_closed
};

static void offer(uint32_t dev, uint16_t q, uint16_t i, struct virtq_desc v)
{
	fake_queue_desc(&d[dev], q, i, v);
	fake_queue_offer(&d[dev], q, i);
}

static void packet(uint16_t op, uint32_t len)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = VSOCK_CID_GUEST,
		.dst_cid = VSOCK_CID_HOST,
		.src_port = 5000,
		.dst_port = PORT,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = 65536,
	};

	memcpy(fake_ram(&g, FAKE_DATA), &h, sizeof(h));
	offer(VSOCK, VIRTIO_VSOCK_TX, 0,
	      (struct virtq_desc){ FAKE_DATA, 44 + len, 0, 0 });
}

/* ---- The steps of a guest's life, one a call ---- */

static void step_start(void)
{
	for (uint32_t i = BLK; i < DEVICE_END; i++) {
		fake_driver_probe(&d[i], &g, i);
		fake_driver_start(&d[i], VIRTIO_F_EVENT_IDX);
	}
}

static void step_blk_offer(void)
{
	const struct virtio_blk_req_header h = { VIRTIO_BLK_T_IN, 0, 0 };
	const uint64_t base = FAKE_DATA + 0x10000;

	memcpy(fake_ram(&g, base), &h, sizeof(h));
	fake_queue_desc(&d[BLK], 0, 0,
			(struct virtq_desc){ base, 16, NEXT, 1 });
	fake_queue_desc(
		&d[BLK], 0, 1,
		(struct virtq_desc){ 0x400000, 0x400000, NEXT | WRITE, 2 });
	fake_queue_desc(&d[BLK], 0, 2,
			(struct virtq_desc){ base + 16, 1, WRITE, 0 });
	for (uint32_t i = 0; i < 20; i++) { /* too much for one kick */
		fake_queue_offer(&d[BLK], 0, 0);
	}
}

static void step_blk_kick(void)
{
	fake_driver_kick(&d[BLK], 0);
	assert_true(blk.pci.backlog != 0);
}

static void step_poll(void)
{
	for (uint32_t i = BLK; i < DEVICE_END; i++) {
		virtio_pci_poll_pending(functions[i]);
	}
}

static void step_console(void)
{
	offer(CONSOLE, VIRTIO_CONSOLE_RX, 0,
	      (struct virtq_desc){ FAKE_DATA + 0x20000, 64, WRITE, 0 });
	offer(CONSOLE, VIRTIO_CONSOLE_TX, 0,
	      (struct virtq_desc){ FAKE_DATA + 0x21000, 64, 0, 0 });
	fake_driver_kick(&d[CONSOLE], VIRTIO_CONSOLE_TX);
}

static void step_rng(void)
{
	offer(RNG, 0, 0,
	      (struct virtq_desc){ FAKE_DATA + 0x30000, 64, WRITE, 0 });
	fake_driver_kick(&d[RNG], 0);
}

static void step_connect(void)
{
	packet(VIRTIO_VSOCK_OP_REQUEST, 0);
	fake_driver_kick(&d[VSOCK], VIRTIO_VSOCK_TX);
}

static void step_post(void)
{
	for (uint16_t i = 0; i < 4; i++) {
		offer(VSOCK, VIRTIO_VSOCK_RX, i,
		      (struct virtq_desc){ FAKE_DATA + 0x40000 + i * 256u, 128,
					   WRITE, 0 });
	}
	fake_driver_kick(&d[VSOCK], VIRTIO_VSOCK_RX);
}

static void step_talk(void)
{
	packet(VIRTIO_VSOCK_OP_RW, 200);
	fake_driver_kick(&d[VSOCK], VIRTIO_VSOCK_TX);
}

static void step_mask(void)
{
	/* interrupts stay pending */
	fake_cfg_write(&g, VSOCK, d[VSOCK].msix + PCI_MSIX_FLAGS, 2,
		       PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	step_post();
}

static void step_break(void)
{
	offer(VSOCK, VIRTIO_VSOCK_RX, 9,
	      (struct virtq_desc){ ~0ull, 128, WRITE, 0 });
	for (uint32_t i = 0; i < 8; i++) {
		(void)vsock_conn_send(conn, "late", 4);
	}
	assert_true(fake_driver_is_broken(&d[VSOCK]));
}

static void (*const steps[])(void) = {
	step_start,   step_blk_offer, step_blk_kick, step_console, step_rng,
	step_connect, step_talk,      step_post,     step_talk,    step_mask,
	step_talk,    step_break,     step_blk_kick, step_poll,
};

static void create(void)
{
	const struct chardev_sink sink = { on_output, on_ready, NULL };
	const struct virtio_rng_source source = { fill, NULL };
	struct virtio_pci_env env[DEVICE_END];

	fake_guest_init(&g);
	for (uint32_t i = BLK; i < DEVICE_END; i++) {
		env[i] = fake_guest_env(&g, i);
	}
	disk = (struct blkdev){ .ops = &disk_ops, .sector_count = 1u << 20 };
	assert_int_equal(virtio_blk_init(&blk, &env[BLK], &disk), OK);
	assert_int_equal(virtio_console_init(&console, &env[CONSOLE], &sink),
			 OK);
	assert_int_equal(virtio_rng_init(&rng, &env[RNG], &source), OK);
	assert_int_equal(virtio_vsock_init(&vsock, &env[VSOCK]), OK);
	assert_int_equal(virtio_vsock_listen(&vsock, &service, NULL), OK);
	accept_count = 0;
	closed_count = 0;
	conn = NULL;
}

/* What the VMM's side may still ask when the guest is gone. */
static void knock(void)
{
	uint32_t calls = disk_calls;

	step_poll();
	assert_int_equal(
		virtio_console_input(&console, (const uint8_t *)"late", 4), 0);
	if (conn) {
		assert_int_equal(vsock_conn_send(conn, "late", 4), 0);
		vsock_conn_resume(conn);
		vsock_conn_close(conn);
	}
	for (uint32_t i = BLK; i < DEVICE_END; i++) {
		for (uint32_t q = 0; q < functions[i]->queue_count; q++) {
			assert_null(virtio_pci_queue(functions[i], q));
			virtio_pci_complete(functions[i], q);
		}
		assert_int_equal(functions[i]->backlog, 0);
		assert_int_equal(functions[i]->pending, 0);
	}
	assert_int_equal(disk_calls, calls);
}

static void test_stop_after_each_step(void **state)
{
	(void)state;
	for (size_t last = 0; last <= ARRAY_COUNT(steps); last++) {
		uint32_t sent;

		create();
		for (size_t i = 0; i < last; i++) {
			steps[i]();
		}
		sent = g.msi_count;
		for (uint32_t i = BLK; i < DEVICE_END; i++) {
			virtio_pci_stop(functions[i]);
		}
		assert_int_equal(closed_count, accept_count);
		fake_guest_free(&g);
		knock();
		assert_int_equal(closed_count, accept_count);
		assert_int_equal(g.msi_count, sent);
	}
	assert_int_equal(accept_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT(test_stop_after_each_step) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
