/*
 * fuzz_virtio_blk.c - virtio_fuzz.h on a disk of 64 sectors. The disk checks
 * each request that reaches it; a read-only one must never be written.
 */
#include "drivers/virt/virtio_blk.h"
#include "virtio_fuzz.h"

#define SECTORS 64u

static struct virtio_blk blk;
static struct blkdev disk;
static uint8_t image[SECTORS * SECTOR_SIZE];

static void disk_check(uint64_t sector, uint32_t count)
{
	fuzz_work++;
	fuzz_check(count > 0 && sector < SECTORS && count <= SECTORS - sector);
}

static enum status disk_read(struct blkdev *b, uint64_t sector, uint32_t count,
			     void *dst)
{
	(void)b;
	disk_check(sector, count);
	memcpy(dst, image + sector * SECTOR_SIZE, count * SECTOR_SIZE);
	return OK;
}

static enum status disk_write(struct blkdev *b, uint64_t sector, uint32_t count,
			      const void *src)
{
	disk_check(sector, count);
	fuzz_check(!b->read_only);
	memcpy(image + sector * SECTOR_SIZE, src, count * SECTOR_SIZE);
	return OK;
}

static enum status disk_flush(struct blkdev *b)
{
	(void)b;
	fuzz_work++;
	return OK;
}

static const struct blkdev_ops disk_ops = { disk_read, disk_write, disk_flush };

static void start(const struct virtio_pci_env *env)
{
	disk = (struct blkdev){ .ops = &disk_ops, .sector_count = SECTORS };
	fuzz_check(virtio_blk_init(&blk, env, &disk) == OK);
}

#define HEADER FUZZ_ARENA
#define DATA   (FUZZ_ARENA + 0x1000)
#define STATUS (FUZZ_ARENA + 0x800)

static void put_header(uint32_t type, uint64_t sector)
{
	const struct virtio_blk_req_header h = { type, 0, sector };

	fuzz_put(HEADER, &h, sizeof(h));
}

/* A request of the right shape, with any type, sector and length. */
static void step(struct fuzz_input *in)
{
	static const uint32_t types[4] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
					   VIRTIO_BLK_T_FLUSH,
					   VIRTIO_BLK_T_GET_ID };
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	uint16_t write = how & 4 ? VIRTQ_DESC_F_WRITE : 0;
	const struct virtq_desc d[3] = {
		{ HEADER, 16, VIRTQ_DESC_F_NEXT, 1 },
		{ fuzz_address(in), (uint32_t)fuzz_take(in, how & 8 ? 1 : 2),
		  VIRTQ_DESC_F_NEXT | write, 2 },
		{ STATUS, 1, VIRTQ_DESC_F_WRITE, 0 },
	};

	if (fuzz_driver.q[0].size < 4) {
		return;
	}
	put_header(types[how & 3], fuzz_take(in, how & 16 ? 8 : 1));
	disk.read_only = (how & 32) != 0;
	for (uint16_t i = 0; i < 3; i++) {
		fake_queue_desc(&fuzz_driver, 0, i, d[i]);
	}
	fake_queue_offer(&fuzz_driver, 0, 0);
	fake_driver_kick(&fuzz_driver, 0);
}

static bool works(void)
{
	const struct virtq_desc d[3] = {
		{ HEADER, 16, VIRTQ_DESC_F_NEXT, 1 },
		{ DATA, 512, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 2 },
		{ STATUS, 1, VIRTQ_DESC_F_WRITE, 0 },
	};

	put_header(VIRTIO_BLK_T_IN, 5);
	return fuzz_honest(0, d, 3, 513) &&
	       *fake_ram(&fuzz_guest, STATUS) == VIRTIO_BLK_S_OK &&
	       memcmp(fake_ram(&fuzz_guest, DATA), image + 5 * SECTOR_SIZE,
		      SECTOR_SIZE) == 0;
}

static const struct fuzz_device device = { &blk.pci, start, step, works };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(image, 0x5a, sizeof(image));
	return fuzz_device_run(&device, data, size);
}
