/* test_virtio_blk.c - the disk: reads, writes, every malformed request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "drivers/virt/ramdisk.h"
#include "drivers/virt/virtio_blk.h"
#include "tests/lib/hostile_chains.h"

#include <string.h>

#define SECTORS  64u
#define HEADER   (FAKE_DATA)
#define STATUS   (FAKE_DATA + 0x100)
#define DATA     (FAKE_DATA + 0x1000)
#define NEXT     VIRTQ_DESC_F_NEXT
#define WRITE    VIRTQ_DESC_F_WRITE
#define FEATURES (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static struct fake_guest g;
static struct fake_driver d;
static struct virtio_blk blk;
static struct ramdisk ram;
static uint8_t image[SECTORS * SECTOR_SIZE];
static struct blkdev disk; /* a writable one on the same image */
static uint32_t flush_count;
static enum status disk_answer;

static enum status disk_read(struct blkdev *b, uint64_t sector, uint32_t count,
			     void *dst)
{
	assert_true(sector + count <= b->sector_count);
	memcpy(dst, image + sector * SECTOR_SIZE, count * SECTOR_SIZE);
	return disk_answer;
}

static enum status disk_write(struct blkdev *b, uint64_t sector, uint32_t count,
			      const void *src)
{
	assert_true(sector + count <= b->sector_count);
	memcpy(image + sector * SECTOR_SIZE, src, count * SECTOR_SIZE);
	return disk_answer;
}

static enum status disk_flush(struct blkdev *b)
{
	(void)b;
	flush_count++;
	return disk_answer;
}

static const struct blkdev_ops disk_ops = { disk_read, disk_write, disk_flush };

static void bring_up(struct blkdev *dev)
{
	struct virtio_pci_env env;

	fake_guest_init(&g);
	for (size_t i = 0; i < sizeof(image); i++) {
		image[i] = (uint8_t)(i * 7 + i / SECTOR_SIZE + 1);
	}
	env = fake_guest_env(&g, 1);
	assert_int_equal(virtio_blk_init(&blk, &env, dev), OK);
	fake_driver_probe(&d, &g, 1);
	fake_driver_start(&d, FEATURES);
	disk_answer = OK;
	flush_count = 0;
}

static int setup_ramdisk(void **state)
{
	(void)state;
	assert_int_equal(ramdisk_init(&ram, image, sizeof(image) + 100,
				      "bulkhead-0123456789-too-long"),
			 OK);
	bring_up(&ram.dev);
	return 0;
}

static int setup_writable(void **state)
{
	(void)state;
	disk = (struct blkdev){ .ops = &disk_ops,
				.sector_count = SECTORS,
				.id = "writable" };
	bring_up(&disk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static void put_header(uint32_t type, uint64_t sector)
{
	const struct virtio_blk_req_header h = { type, 0, sector };

	memcpy(fake_ram(&g, HEADER), &h, sizeof(h));
	*fake_ram(&g, STATUS) = 0xee;
}

/* Offer the chain at descriptor 0; the status byte, 0xff if none came. */
static uint8_t submit(uint32_t *len)
{
	struct virtq_used_elem e;

	fake_queue_offer(&d, 0, 0);
	fake_driver_kick(&d, 0);
	if (!fake_queue_used(&d, 0, &e)) {
		return 0xff;
	}
	if (len) {
		*len = e.len;
	}
	return *fake_ram(&g, STATUS);
}

/* Header, one buffer, status: three descriptors. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t data_len,
		       uint32_t *len)
{
	bool is_out = type == VIRTIO_BLK_T_OUT;

	put_header(type, sector);
	fake_queue_desc(&d, 0, 0, (struct virtq_desc){ HEADER, 16, NEXT, 1 });
	fake_queue_desc(&d, 0, 1,
			(struct virtq_desc){ DATA, data_len,
					     is_out ? NEXT : NEXT | WRITE, 2 });
	fake_queue_desc(&d, 0, 2, (struct virtq_desc){ STATUS, 1, WRITE, 0 });
	return submit(len);
}

static void test_config_space(void **state)
{
	(void)state;
	assert_int_equal(fake_cfg_read(&g, 1, PCI_DEVICE_ID, 2), 0x1042);
	assert_int_equal(fake_in(&g, d.device, 4), SECTORS);
	assert_int_equal(fake_in(&g, d.device + 4u, 4), 0);
	assert_int_equal(fake_in(&g, d.device + 12u, 4),
			 VIRTIO_BLK_QUEUE_SIZE - 2);
	assert_int_equal(fake_in(&g, d.device + 20u, 4), SECTOR_SIZE);
	assert_true(d.features & VIRTIO_BLK_F_RO);
}

static void test_read_4k(void **state)
{
	uint32_t len;

	(void)state;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 3, 4096, &len), 0);
	assert_int_equal(len, 4097);
	assert_memory_equal(fake_ram(&g, DATA), image + 3 * 512, 4096);
	assert_int_equal(*fake_ram(&g, DATA + 4096), 0);
	assert_int_equal(g.msi_count, 1);
	assert_int_equal(blk.read_bytes, 4096);
}

static void test_read_through_an_indirect_table(void **state)
{
	uint64_t table = FAKE_DATA + 0x8008; /* needs no alignment */

	(void)state;
	put_header(VIRTIO_BLK_T_IN, 0);
	fake_queue_desc_at(&d, table, 0,
			   (struct virtq_desc){ HEADER, 16, NEXT, 2 });
	fake_queue_desc_at(&d, table, 2,
			   (struct virtq_desc){ DATA, 1024, NEXT | WRITE, 1 });
	fake_queue_desc_at(&d, table, 1,
			   (struct virtq_desc){ STATUS, 1, WRITE, 0 });
	fake_queue_desc(
		&d, 0, 0,
		(struct virtq_desc){ table, 48, VIRTQ_DESC_F_INDIRECT, 0 });
	assert_int_equal(submit(NULL), 0);
	assert_memory_equal(fake_ram(&g, DATA), image, 1024);
}

/* A sector in pieces, across chunks, the status in the last data buffer. */
static void test_read_into_scattered_buffers(void **state)
{
	uint64_t edge = 2 * GMEM_CHUNK_SIZE - 100;

	(void)state;
	put_header(VIRTIO_BLK_T_IN, 1);
	fake_queue_desc(&d, 0, 0, (struct virtq_desc){ HEADER, 10, NEXT, 1 });
	fake_queue_desc(&d, 0, 1,
			(struct virtq_desc){ HEADER + 10, 6, NEXT, 2 });
	fake_queue_desc(&d, 0, 2,
			(struct virtq_desc){ DATA, 100, NEXT | WRITE, 3 });
	fake_queue_desc(&d, 0, 3,
			(struct virtq_desc){ edge, 1500, NEXT | WRITE, 4 });
	fake_queue_desc(&d, 0, 4,
			(struct virtq_desc){ DATA + 0x1000, 449, WRITE, 0 });
	*fake_ram(&g, STATUS) = 0;
	(void)submit(NULL);
	assert_int_equal(*fake_ram(&g, DATA + 0x1000 + 448), 0);
	assert_memory_equal(fake_ram(&g, DATA), image + 512, 100);
	assert_memory_equal(fake_ram(&g, edge), image + 612, 100);
	assert_memory_equal(fake_ram(&g, edge + 100), image + 712, 1400);
	assert_memory_equal(fake_ram(&g, DATA + 0x1000), image + 2112, 448);
}

static void test_write_and_read_back(void **state)
{
	(void)state;
	memset(fake_ram(&g, DATA), 0x42, 1024);
	assert_false(d.features & VIRTIO_BLK_F_RO);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 62, 1024, NULL), 0);
	assert_int_equal(image[62 * 512], 0x42);
	assert_int_equal(image[SECTORS * 512 - 1], 0x42);
	assert_int_not_equal(image[62 * 512 - 1], 0x42);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, NULL), 0);
	assert_int_equal(flush_count, 1);
}

static void test_write_from_scattered_buffers(void **state)
{
	(void)state;
	memset(fake_ram(&g, DATA), 0x55, 4096);
	put_header(VIRTIO_BLK_T_OUT, 5);
	fake_queue_desc(&d, 0, 0, (struct virtq_desc){ HEADER, 16, NEXT, 1 });
	fake_queue_desc(&d, 0, 1, (struct virtq_desc){ DATA, 700, NEXT, 2 });
	fake_queue_desc(&d, 0, 2,
			(struct virtq_desc){ DATA + 1000, 324, NEXT, 3 });
	fake_queue_desc(&d, 0, 3, (struct virtq_desc){ STATUS, 1, WRITE, 0 });
	assert_int_equal(submit(NULL), 0);
	assert_int_equal(image[5 * 512], 0x55);
	assert_int_equal(image[7 * 512 - 1], 0x55);
}

static void test_get_id(void **state)
{
	uint32_t len;

	(void)state;
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 20, &len), 0);
	assert_int_equal(len, 21);
	assert_memory_equal(fake_ram(&g, DATA), "bulkhead-0123456789-", 20);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 19, NULL), 1);
}

/* V18: answered in the status byte, and no byte moves. */
static void test_bad_requests_are_answered(void **state)
{
	/* clang-format off */
	static const struct {
		uint32_t type; uint64_t sector; uint32_t len; uint8_t status;
	} rows[] = {
		{ VIRTIO_BLK_T_IN, SECTORS, 512, 1 },
		{ VIRTIO_BLK_T_IN, SECTORS - 1, 1024, 1 },
		{ VIRTIO_BLK_T_IN, UINT64_MAX, 512, 1 },
		{ VIRTIO_BLK_T_IN, 1ull << 55, 512, 1 }, /* * 512 wraps to 0 */
		{ VIRTIO_BLK_T_IN, UINT64_MAX - 1, 2048, 1 },
		{ VIRTIO_BLK_T_IN, 0, 511, 1 },
		{ VIRTIO_BLK_T_IN, 0, 513, 1 },
		{ VIRTIO_BLK_T_IN, 0, 0, 1 },
		{ VIRTIO_BLK_T_IN, 0, SECTORS * 512 + 512, 1 },
		{ VIRTIO_BLK_T_OUT, SECTORS, 512, 1 },
		{ VIRTIO_BLK_T_OUT, 0, 100, 1 },
		{ VIRTIO_BLK_T_OUT, 0, 0, 1 },
		{ VIRTIO_BLK_T_DISCARD, 0, 16, 2 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 2 },
		{ 2, 0, 512, 2 },
		{ 0xffffffff, 0, 512, 2 },
	};
	/* clang-format on */
	uint8_t copy[sizeof(image)];
	uint32_t len;

	(void)state;
	memcpy(copy, image, sizeof(image));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(request(rows[i].type, rows[i].sector,
					 rows[i].len, &len),
				 rows[i].status);
		assert_int_equal(len, 1);
		assert_int_equal(*fake_ram(&g, DATA), 0);
	}
	assert_memory_equal(copy, image, sizeof(image));
	assert_int_equal(blk.error_count, ARRAY_COUNT(rows));
	assert_false(fake_driver_is_broken(&d));
}

static void test_read_only_disk_stays(void **state)
{
	(void)state;
	memset(fake_ram(&g, DATA), 0x42, 512);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 512, NULL), 1);
	assert_int_equal(image[0], 1);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, NULL), 0);
}

static void test_failing_disk_is_an_io_error(void **state)
{
	(void)state;
	disk_answer = ERR_IO;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, NULL), 1);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 512, NULL), 1);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, NULL), 1);
	disk_answer = OK;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, NULL), 0);
}

/* V06: a request that has no place for an answer breaks the queue. */
static void test_shapeless_requests_break_the_queue(void **state)
{
	static const struct virtq_desc heads[] = {
		{ HEADER, 15, NEXT, 1 },  /* short header */
		{ HEADER, 16, 0, 0 },     /* no status */
		{ HEADER, 16, NEXT, 1 },  /* status of length 0 */
		{ HEADER, 16, NEXT, 2 },  /* read-only status */
		{ HEADER, 16, WRITE, 0 }, /* header not readable */
		{ HEADER, 0, 0, 0 },      /* nothing at all */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
		fake_driver_start(&d, FEATURES);
		put_header(VIRTIO_BLK_T_FLUSH, 0);
		fake_queue_desc(&d, 0, 0, heads[i]);
		fake_queue_desc(&d, 0, 1,
				(struct virtq_desc){ STATUS, 0, WRITE, 0 });
		fake_queue_desc(&d, 0, 2,
				(struct virtq_desc){ STATUS, 1, 0, 0 });
		assert_int_equal(submit(NULL), 0xff);
		assert_true(fake_driver_is_broken(&d));
		assert_int_equal(*fake_ram(&g, STATUS), 0xee);
	}
}

static void test_a_batch_costs_one_interrupt(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	put_header(VIRTIO_BLK_T_IN, 0);
	fake_queue_desc(&d, 0, 0, (struct virtq_desc){ HEADER, 16, NEXT, 1 });
	fake_queue_desc(&d, 0, 1,
			(struct virtq_desc){ DATA, 512, NEXT | WRITE, 2 });
	fake_queue_desc(&d, 0, 2, (struct virtq_desc){ STATUS, 1, WRITE, 0 });
	for (uint32_t i = 0; i < 32; i++) {
		fake_queue_offer(&d, 0, 0);
	}
	fake_driver_kick(&d, 0);
	for (uint32_t i = 0; i < 32; i++) {
		assert_true(fake_queue_used(&d, 0, &e));
	}
	assert_int_equal(g.msi_count, 1);
}

/* V17: more work than one notification may cost waits for a poll. */
static void test_backlog_is_worked_off_by_polls(void **state)
{
	struct virtq_used_elem e;
	uint32_t used = 0;

	(void)state;
	put_header(VIRTIO_BLK_T_IN, 0);
	fake_queue_desc(&d, 0, 0, (struct virtq_desc){ HEADER, 16, NEXT, 1 });
	/* rejected for its length, but it counts: 4 MiB */
	fake_queue_desc(
		&d, 0, 1,
		(struct virtq_desc){ 0x400000, 0x400000, NEXT | WRITE, 2 });
	fake_queue_desc(&d, 0, 2, (struct virtq_desc){ STATUS, 1, WRITE, 0 });
	for (uint32_t i = 0; i < 100; i++) {
		fake_queue_offer(&d, 0, 0);
	}
	fake_driver_kick(&d, 0);
	while (fake_queue_used(&d, 0, &e)) {
		used++;
	}
	assert_true(used > 0 && used < 10);
	for (uint32_t i = 0; i < 100; i++) {
		virtio_pci_poll_pending(&blk.pci);
	}
	while (fake_queue_used(&d, 0, &e)) {
		used++;
	}
	assert_int_equal(used, 100);
	assert_int_equal(blk.pci.backlog, 0);
}

static void test_hostile_chains(void **state)
{
	const struct hostile_victim v = { &d, 0, hostile_kick, 0 };
	const char *row = hostile_chains_run(&v);

	(void)state;
	assert_string_equal(row ? row : "", "");
}

static void test_ramdisk_bounds(void **state)
{
	uint8_t buf[1024];

	(void)state;
	assert_int_equal(ramdisk_init(&ram, image, 511, ""), ERR_INVALID);
	assert_int_equal(ramdisk_init(&ram, NULL, 512, ""), ERR_INVALID);
	assert_int_equal(ramdisk_init(&ram, image, 1535, "x"), OK);
	assert_int_equal(ram.dev.sector_count, 2);
	assert_int_equal(ram.dev.ops->read(&ram.dev, 0, 2, buf), OK);
	assert_int_equal(ram.dev.ops->read(&ram.dev, 1, 2, buf), ERR_RANGE);
	assert_int_equal(ram.dev.ops->read(&ram.dev, UINT64_MAX, 1, buf),
			 ERR_RANGE);
	assert_null(ram.dev.ops->write);
}

int main(void)
{
#define RO(f) cmocka_unit_test_setup_teardown(f, setup_ramdisk, teardown)
#define RW(f) cmocka_unit_test_setup_teardown(f, setup_writable, teardown)
	const struct CMUnitTest tests[] = {
		RO(test_config_space),
		RO(test_read_4k),
		RO(test_read_through_an_indirect_table),
		RO(test_read_into_scattered_buffers),
		RW(test_write_and_read_back),
		RW(test_write_from_scattered_buffers),
		RO(test_get_id),
		RW(test_bad_requests_are_answered),
		RO(test_read_only_disk_stays),
		RW(test_failing_disk_is_an_io_error),
		RW(test_shapeless_requests_break_the_queue),
		RO(test_a_batch_costs_one_interrupt),
		RO(test_backlog_is_worked_off_by_polls),
		RO(test_hostile_chains),
		cmocka_unit_test(test_ramdisk_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
