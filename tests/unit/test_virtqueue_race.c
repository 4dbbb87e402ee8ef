/*
 * test_virtqueue_race.c - V09: a guest that changes what the device has just
 * read. Without threads: the pages of guest memory under watch fault on each
 * access; the access is let through as a single step, noted, and the bytes are
 * spoiled behind it. So the device meets the worst race each time, and a byte
 * that it looks at twice is seen.
 */
#include "drivers/virt/virtio_blk.h"
#include "tests/lib/fake_guest.h"
#include "tests/lib/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define EFLAGS_TF    0x100
#define FAULT_WRITE  2        /* page fault error code */
#define RINGS        0x30000u /* of slot 1: desc, avail, used, a page each */
#define TABLE        0x34000u /* indirect */
#define HEADER       0x35000u
#define WATCHED      0x6000u /* bytes from RINGS on */
#define DATA         (FAKE_DATA)
#define STATUS       (FAKE_DATA + 0x4000)
#define SECTOR_COUNT 64u

static struct fake_guest g;
static struct fake_driver d;
static struct virtio_blk blk;
static struct blkdev disk;
static uint8_t *chunk; /* the first 2 MiB of the guest */
static void *chunk_before;
static uint32_t reads_seen;

static struct {
	bool is_on;
	uint8_t reads[WATCHED]; /* how often each byte was read first */
	uint8_t *last;          /* the access that is let through */
	bool is_read;
	uint8_t spoil; /* xored to what was read; 0: nothing */
} watch;

static void watch_protect(int how)
{
	if (mprotect(chunk + RINGS, WATCHED, how) != 0) {
		abort();
	}
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	uint8_t *a = info->si_addr;

	(void)sig;
	if (!watch.is_on || a < chunk + RINGS || a >= chunk + RINGS + WATCHED) {
		abort();
	}
	watch.last = a;
	watch.is_read = !(c->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE);
	watch_protect(PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[REG_EFL] |= EFLAGS_TF;
}

/* After the access: note it, spoil it, watch on. */
static void on_step(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	(void)info;
	c->uc_mcontext.gregs[REG_EFL] &= ~EFLAGS_TF;
	if (watch.is_read) {
		watch.reads[watch.last - (chunk + RINGS)]++;
		/* two bytes: the shortest word of a ring */
		watch.last[0] ^= watch.spoil;
		watch.last[1] ^= watch.spoil;
	}
	watch_protect(PROT_NONE);
}

/* Watch from here on; spoil what is read. cmocka has handlers of its own. */
static void watch_start(uint8_t spoil)
{
	struct sigaction fault = { .sa_flags = SA_SIGINFO };
	struct sigaction step = fault;

	fault.sa_sigaction = on_fault;
	step.sa_sigaction = on_step;
	assert_int_equal(sigaction(SIGSEGV, &fault, NULL), 0);
	assert_int_equal(sigaction(SIGTRAP, &step, NULL), 0);
	memset(watch.reads, 0, sizeof(watch.reads));
	watch.spoil = spoil;
	watch.is_on = true;
	watch_protect(PROT_NONE);
}

static void watch_stop(void)
{
	watch_protect(PROT_READ | PROT_WRITE);
	watch.is_on = false;
}

static enum status disk_read(struct blkdev *b, uint64_t sector, uint32_t count,
			     void *dst)
{
	reads_seen++;
	assert_true(count > 0 && sector < b->sector_count &&
		    count <= b->sector_count - sector);
	/* where a spoiled descriptor would not lead */
	assert_ptr_equal(dst, fake_ram(&g, DATA));
	memset(dst, 0x77, count * SECTOR_SIZE);
	return OK;
}

static const struct blkdev_ops disk_ops = { .read = disk_read };

static int setup(void **state)
{
	struct virtio_pci_env env;

	(void)state;
	fake_guest_init(&g);
	chunk = mmap(NULL, GMEM_CHUNK_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(chunk != MAP_FAILED);
	chunk_before = g.chunks[0];
	g.chunks[0] = chunk;
	disk = (struct blkdev){ .ops = &disk_ops,
				.sector_count = SECTOR_COUNT };
	env = fake_guest_env(&g, 1);
	assert_int_equal(virtio_blk_init(&blk, &env, &disk), OK);
	fake_driver_probe(&d, &g, 1);
	reads_seen = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(chunk, GMEM_CHUNK_SIZE);
	g.chunks[0] = chunk_before;
	fake_guest_free(&g);
	return 0;
}

/* A read of 8 sectors, offered but not kicked. */
static void offer_read(bool is_indirect)
{
	const struct virtio_blk_req_header h = { VIRTIO_BLK_T_IN, 0, 3 };
	const struct virtq_desc r[3] = {
		{ HEADER, 16, VIRTQ_DESC_F_NEXT, 1 },
		{ DATA, 4096, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 2 },
		{ STATUS, 1, VIRTQ_DESC_F_WRITE, 0 },
	};
	const struct virtq_desc table = { TABLE, sizeof(r),
					  VIRTQ_DESC_F_INDIRECT, 0 };

	memcpy(chunk + HEADER, &h, sizeof(h));
	*fake_ram(&g, STATUS) = 0xee;
	for (uint16_t i = 0; i < 3; i++) {
		fake_queue_desc_at(&d, is_indirect ? TABLE : d.q[0].desc, i,
				   r[i]);
	}
	if (is_indirect) {
		fake_queue_desc(&d, 0, 0, table);
	}
	fake_queue_offer(&d, 0, 0);
}

static uint32_t watched_reads(uint64_t a, uint32_t len)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < len; i++) {
		n += watch.reads[a - RINGS + i];
	}
	return n;
}

static void start(void)
{
	fake_driver_start(&d, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	assert_int_equal(d.q[0].desc, RINGS);
}

/* Each word of the descriptors and of the header is loaded once, all of it. */
static void test_each_byte_is_read_once(void **state)
{
	(void)state;
	for (int is_indirect = 0; is_indirect < 2; is_indirect++) {
		uint64_t table = is_indirect ? TABLE : RINGS;

		start();
		offer_read(is_indirect);
		watch_start(0);
		fake_driver_kick(&d, 0);
		watch_stop();
		assert_int_equal(*fake_ram(&g, STATUS), VIRTIO_BLK_S_OK);
		for (uint32_t i = 0; i < 3; i++) { /* two words each */
			assert_int_equal(watch.reads[table - RINGS + 16 * i],
					 1);
			assert_int_equal(
				watch.reads[table - RINGS + 16 * i + 8], 1);
			assert_int_equal(watched_reads(table + 16 * i, 16), 2);
		}
		if (is_indirect) {
			assert_int_equal(watched_reads(RINGS, 16), 2);
		}
		/* the entry of the available ring */
		assert_int_equal(watched_reads(d.q[0].avail + 4, 2), 1);
		for (uint32_t i = 0; i < 16; i++) {
			assert_true(watch.reads[HEADER - RINGS + i] <= 1);
		}
		/* the used ring is never read */
		assert_int_equal(watched_reads(d.q[0].used, 0x1000), 0);
	}
}

/* The request is what it was at the first look, whatever comes after. */
static void test_changes_behind_the_first_look_do_nothing(void **state)
{
	static const uint8_t spoils[] = { 0x01, 0x02, 0x04, 0x07,
					  0x55, 0x80, 0xff };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(spoils); i++) {
		for (int is_indirect = 0; is_indirect < 2; is_indirect++) {
			start();
			offer_read(is_indirect);
			watch_start(spoils[i]);
			fake_driver_kick(&d, 0);
			watch_stop();
			assert_int_equal(*fake_ram(&g, STATUS),
					 VIRTIO_BLK_S_OK);
			assert_int_equal(*fake_ram(&g, DATA + 4095), 0x77);
			assert_int_equal(*fake_ram(&g, DATA + 4096), 0);
			memset(fake_ram(&g, DATA), 0, 4096);
		}
	}
	assert_int_equal(reads_seen, 2 * ARRAY_COUNT(spoils));
}

/* An index that flickers cannot hold the device: the work is bounded. */
static void test_flickering_index_is_bounded(void **state)
{
	(void)state;
	start();
	offer_read(true);
	for (uint32_t i = 0; i < 200; i++) {
		watch_start((uint8_t)i);
		fake_driver_kick(&d, 0);
		watch_stop();
		memset(fake_ram(&g, DATA), 0, 4096);
		if (fake_driver_is_broken(&d)) {
			start();
			offer_read(true);
		}
	}
	start();
	offer_read(true);
	fake_driver_kick(&d, 0);
	assert_int_equal(*fake_ram(&g, STATUS), VIRTIO_BLK_S_OK);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_byte_is_read_once),
		TEST(test_changes_behind_the_first_look_do_nothing),
		TEST(test_flickering_index_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
