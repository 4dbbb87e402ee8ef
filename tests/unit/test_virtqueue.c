/* test_virtqueue.c - rings and streams without a transport. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "drivers/virt/virtqueue.h"

#include <spec/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#define SIZE   8u
#define DESC   0x1000u
#define AVAIL  0x2000u
#define USED   0x3000u
#define BUF    0x10000u
#define NEXT   VIRTQ_DESC_F_NEXT
#define WRITE  VIRTQ_DESC_F_WRITE
#define CHUNKS 1536 /* 3 GiB, all of them the same 2 MiB */

static struct gmem gm;
static uint8_t *chunks[CHUNKS];
static uint8_t *ram;
static struct virtqueue vq;
static struct virtqueue_req req;

static int setup(void **state)
{
	(void)state;
	ram = calloc(1, GMEM_CHUNK_SIZE);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		chunks[i] = ram;
	}
	gm = (struct gmem){ .low_size = GMEM_LOW_LIMIT,
			    .chunks = chunks,
			    .chunk_count = CHUNKS };
	virtqueue_init(&vq, &gm, SIZE);
	vq.desc_gpa = gpa(DESC);
	vq.avail_gpa = gpa(AVAIL);
	vq.used_gpa = gpa(USED);
	assert_int_equal(virtqueue_enable(&vq, VIRTIO_F_EVENT_IDX), OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

static volatile uint16_t *word(uint32_t a)
{
	return (volatile uint16_t *)(void *)(ram + a);
}

static void desc(uint16_t i, uint64_t a, uint32_t len, uint16_t flags)
{
	const struct virtq_desc d = { a, len, flags, (uint16_t)(i + 1) };

	memcpy(ram + DESC + i * sizeof(d), &d, sizeof(d));
}

static void offer(uint16_t head)
{
	uint16_t idx = *word(AVAIL + 2);

	*word(AVAIL + 4 + 2 * (idx % SIZE)) = head;
	*word(AVAIL + 2) = (uint16_t)(idx + 1);
}

static void test_streams_are_bounded(void **state)
{
	char buf[32];

	(void)state;
	memcpy(ram + BUF, "abcdefgh", 8);
	desc(0, BUF, 3, NEXT);
	desc(1, BUF + 100, 0, NEXT);
	desc(2, BUF + 3, 5, NEXT);
	desc(3, BUF + 200, 4, NEXT | WRITE);
	desc(4, BUF + 204, 2, WRITE);
	offer(0);
	assert_true(virtqueue_pop(&vq, &req));
	assert_int_equal(req.total, 14);
	assert_int_equal(virtqueue_read(&req, buf, 2), 2);
	assert_int_equal(virtqueue_read(&req, buf + 2, 0), 0);
	assert_int_equal(virtqueue_read(&req, buf + 2, 30), 6);
	assert_memory_equal(buf, "abcdefgh", 8);
	assert_int_equal(virtqueue_read(&req, buf, 1), 0);
	virtqueue_skip(&req, 1);
	assert_int_equal(virtqueue_write(&req, "12345678", 8), 5);
	assert_memory_equal(ram + BUF + 200,
			    "\0"
			    "12345\0\0",
			    8);
	virtqueue_skip(&req, 100);
	assert_false(virtqueue_pop(&vq, &req));
	assert_null(vq.fault);
}

static void test_map_gives_each_piece(void **state)
{
	size_t n;

	(void)state;
	desc(0, BUF, 100, NEXT);
	desc(1, GMEM_CHUNK_SIZE - 10, 30, NEXT | WRITE);
	desc(2, BUF + 512, 100, WRITE);
	offer(0);
	assert_true(virtqueue_pop(&vq, &req));
	assert_ptr_equal(virtqueue_map_readable(&req, 60, &n), ram + BUF);
	assert_int_equal(n, 60);
	assert_non_null(virtqueue_map_readable(&req, 60, &n));
	assert_int_equal(n, 40);
	assert_null(virtqueue_map_readable(&req, 60, &n));
	assert_ptr_equal(virtqueue_map_writable(&req, 1000, &n),
			 ram + GMEM_CHUNK_SIZE - 10);
	assert_int_equal(n, 10);
	assert_ptr_equal(virtqueue_map_writable(&req, 1000, &n), ram);
	assert_int_equal(n, 20);
	assert_ptr_equal(virtqueue_map_writable(&req, 100, &n),
			 ram + BUF + 512);
	assert_int_equal(n, 100);
	assert_null(virtqueue_map_writable(&req, 1, &n));
	assert_int_equal(req.written, 130);
}

/* V03: the legal wrap of 16-bit indices, many rounds. */
static void test_indices_wrap(void **state)
{
	(void)state;
	desc(0, BUF, 4, WRITE);
	for (uint32_t i = 0; i < 200000; i++) {
		offer(0);
		assert_true(virtqueue_pop(&vq, &req));
		virtqueue_write(&req, "abc", 3);
		virtqueue_push(&vq, &req);
		assert_false(virtqueue_rearm(&vq));
		assert_int_equal(*word(USED + 2), (uint16_t)(i + 1));
		assert_int_equal(*word(USED + 4 + 8 * SIZE), (uint16_t)(i + 1));
		assert_int_equal(*word(USED + 4 + 8 * (i % SIZE) + 4), 3);
	}
	assert_null(vq.fault);
}

/* V05: more than 4 GiB in one request. */
static void test_sum_of_lengths(void **state)
{
	(void)state;
	desc(0, 0, 3u << 30, NEXT);
	desc(1, 0, 1u << 30, 0);
	offer(0);
	assert_false(virtqueue_pop(&vq, &req));
	assert_non_null(vq.fault);
	assert_false(virtqueue_pop(&vq, &req));
	virtqueue_reset(&vq);
	assert_null(vq.fault);
}

static void test_full_chain_is_legal(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < SIZE; i++) {
		desc(i, BUF + i, 1, i + 1u < SIZE ? NEXT : 0); /* V05 */
	}
	offer(0);
	assert_true(virtqueue_pop(&vq, &req));
	assert_int_equal(req.total, SIZE);
}

static void test_interrupt_follows_used_event(void **state)
{
	/* clang-format off */
	static const struct { uint16_t event; uint32_t pushes; bool irq; }
	rows[] = {
		{ 0, 1, true },		/* used 0 -> 1 passes event 0 */
		{ 1, 1, true },
		{ 5, 2, false },	/* 2 -> 4 */
		{ 5, 2, true },		/* 4 -> 6 */
		{ 5, 1, false },	/* behind us */
		{ 0xfff0, 1, false },	/* V16: never */
		{ 0x7fff, 1, false },
		{ 9, 4, true },		/* 9 -> 13 passes 9 */
	};
	/* clang-format on */

	(void)state;
	desc(0, BUF, 4, WRITE);
	assert_false(virtqueue_needs_interrupt(&vq));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		*word(AVAIL + 4 + 2 * SIZE) = rows[i].event;
		for (uint32_t n = 0; n < rows[i].pushes; n++) {
			offer(0);
			assert_true(virtqueue_pop(&vq, &req));
			virtqueue_push(&vq, &req);
		}
		assert_int_equal(virtqueue_needs_interrupt(&vq), rows[i].irq);
		assert_false(virtqueue_needs_interrupt(&vq));
	}
}

static void test_interrupt_follows_flags_without_event_idx(void **state)
{
	(void)state;
	virtqueue_reset(&vq);
	vq.desc_gpa = gpa(DESC);
	vq.avail_gpa = gpa(AVAIL);
	vq.used_gpa = gpa(USED);
	assert_int_equal(virtqueue_enable(&vq, 0), OK);
	assert_int_equal(virtqueue_enable(&vq, 0), ERR_STATE);
	desc(0, BUF, 4, WRITE);
	for (uint16_t flag = 0; flag < 2; flag++) {
		*word(AVAIL) = flag;
		offer(0);
		assert_true(virtqueue_pop(&vq, &req));
		virtqueue_push(&vq, &req);
		assert_int_equal(virtqueue_needs_interrupt(&vq), !flag);
	}
	assert_false(virtqueue_rearm(&vq));
}

static void test_rearm_sees_what_came_late(void **state)
{
	(void)state;
	desc(0, BUF, 4, 0);
	assert_false(virtqueue_pop(&vq, &req));
	offer(0);
	assert_true(virtqueue_rearm(&vq));
	assert_true(virtqueue_pop(&vq, &req));
	assert_false(virtqueue_rearm(&vq));
	assert_true(virtqueue_is_idle(&vq));
	offer(0);
	assert_false(virtqueue_is_idle(&vq));
}

static void test_memory_that_cannot_be_populated(void **state)
{
	uint8_t buf[16];

	(void)state;
	chunks[7] = NULL; /* and nobody populates it */
	desc(0, 7 * GMEM_CHUNK_SIZE, 8, NEXT);
	desc(1, BUF, 8, NEXT);
	desc(2, 7 * GMEM_CHUNK_SIZE + 64, 8, WRITE);
	offer(0);
	assert_true(virtqueue_pop(&vq, &req));
	assert_int_equal(virtqueue_read(&req, buf, 16), 0);
	assert_int_equal(virtqueue_write(&req, buf, 8), 0);
	virtqueue_push(&vq, &req);
}

/* One descriptor of @len bytes at @a: is it taken, and how many runs is it? */
static uint32_t runs_of(uint64_t a, uint32_t len)
{
	uint32_t n = 0;
	size_t run;

	desc(0, a, len, 0);
	offer(0);
	if (!virtqueue_pop(&vq, &req)) {
		return 0;
	}
	while (virtqueue_map_readable(&req, len, &run) != NULL) {
		n++;
	}
	return n;
}

/* With low memory in one piece a buffer is, too; what ends beyond it is not
 * taken, however far away it begins. */
static void test_memory_in_one_piece(void **state)
{
	/* clang-format off */
	static const struct { uint64_t a; uint32_t len; uint32_t runs; }
	rows[] = {
		{ MIB(4) - 16, 8, 1 },
		{ MIB(2) - 16, 32, 1 },         /* across chunks */
		{ MIB(1), MIB(3), 1 },
		{ MIB(4) - 8, 8, 1 },           /* its last byte is the last */
		{ GMEM_HIGH_BASE, 16, 1 },      /* not in the piece */
		{ GMEM_HIGH_BASE + MIB(2) - 8, 8, 1 },
		{ MIB(4) - 8, 9, 0 },
		{ MIB(4), 1, 0 },
		{ MIB(4) - 1, UINT32_MAX, 0 },
		{ GIB(4) - 8, 8, 0 },
		{ GMEM_HIGH_BASE + MIB(2) - 8, 9, 0 },
		{ BIT(63), 8, 0 },
		{ UINT64_MAX, 8, 0 },           /* the sum wraps */
	};
	/* clang-format on */
	uint8_t *piece = calloc(3, GMEM_CHUNK_SIZE);

	(void)state;
	memcpy(piece, ram, GMEM_CHUNK_SIZE);
	free(ram);
	ram = piece;
	for (uint32_t i = 0; i < 3; i++) {
		chunks[i] = piece + i * GMEM_CHUNK_SIZE;
	}
	gm = (struct gmem){ .low_size = MIB(4),
			    .high_size = MIB(2),
			    .chunks = chunks,
			    .chunk_count = 3,
			    .linear = piece,
			    .linear_size = MIB(4) };
	for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
		virtqueue_reset(&vq);
		vq.desc_gpa = gpa(DESC);
		vq.avail_gpa = gpa(AVAIL);
		vq.used_gpa = gpa(USED);
		*word(AVAIL + 2) = 0;
		assert_int_equal(virtqueue_enable(&vq, VIRTIO_F_EVENT_IDX), OK);
		assert_int_equal(runs_of(rows[i].a, rows[i].len), rows[i].runs);
		assert_true((vq.fault == NULL) == (rows[i].runs != 0));
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_streams_are_bounded),
		TEST(test_map_gives_each_piece),
		TEST(test_indices_wrap),
		TEST(test_sum_of_lengths),
		TEST(test_full_chain_is_legal),
		TEST(test_interrupt_follows_used_event),
		TEST(test_interrupt_follows_flags_without_event_idx),
		TEST(test_rearm_sees_what_came_late),
		TEST(test_memory_that_cannot_be_populated),
		TEST(test_memory_in_one_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
