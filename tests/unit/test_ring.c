/* test_ring.c - readers with their own positions, and what they lose. */
#include "tests/fake_arch/fake_panic.h"
#include "tests/lib/unit.h"
#include <bh/ring.h>
#include <bh/string.h>

static uint8_t buf[16];
static struct ring r;

static int setup(void **state)
{
	(void)state;
	ring_init(&r, buf, sizeof(buf));
	return 0;
}

static void test_empty(void **state)
{
	uint8_t out[4];
	uint64_t pos = 0;
	uint64_t lost = 9;

	(void)state;
	assert_int_equal(ring_read(&r, &pos, out, sizeof(out), &lost), 0);
	assert_int_equal(lost, 0);
	assert_int_equal(ring_tail(&r), 0);
}

static void test_in_pieces(void **state)
{
	uint8_t out[16];
	uint64_t pos = 0;

	(void)state;
	ring_write(&r, "abcdefghij", 10);
	assert_int_equal(ring_read(&r, &pos, out, 4, NULL), 4);
	assert_memory_equal(out, "abcd", 4);
	assert_int_equal(ring_read(&r, &pos, out, 16, NULL), 6);
	assert_memory_equal(out, "efghij", 6);
	assert_int_equal(pos, 10);
}

static void test_two_readers_across_the_wrap(void **state)
{
	uint8_t out[16];
	uint64_t fast = 0;
	uint64_t slow = 0;
	uint64_t lost;

	(void)state;
	ring_write(&r, "0123456789", 10);
	assert_int_equal(ring_read(&r, &fast, out, 16, &lost), 10);
	ring_write(&r, "abcdefghij", 10);
	assert_int_equal(ring_read(&r, &fast, out, 16, &lost), 10);
	assert_int_equal(lost, 0);
	assert_memory_equal(out, "abcdefghij", 10);
	assert_int_equal(ring_tail(&r), 4);
	assert_int_equal(ring_read(&r, &slow, out, 16, &lost), 16);
	assert_int_equal(lost, 4);
	assert_memory_equal(out, "456789abcdefghij", 16);
}

static void test_more_than_it_holds(void **state)
{
	uint8_t text[40];
	uint8_t out[16];
	uint64_t pos = 0;
	uint64_t lost;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)i;
	}
	ring_write(&r, text, 3);
	ring_write(&r, text, sizeof(text));
	assert_int_equal(r.head, 43);
	assert_int_equal(ring_read(&r, &pos, out, 16, &lost), 16);
	assert_int_equal(lost, 27);
	assert_memory_equal(out, text + 24, 16);
}

static void test_position_from_the_future(void **state)
{
	uint8_t out[4];
	uint64_t pos = 100;
	uint64_t lost;

	(void)state;
	ring_write(&r, "abc", 3);
	assert_int_equal(ring_read(&r, &pos, out, 4, &lost), 0);
	assert_int_equal(lost, 0);
	assert_int_equal(pos, 100);
}

static void test_size_is_a_power_of_two(void **state)
{
	struct ring bad;

	(void)state;
	FAKE_EXPECT_PANIC(ring_init(&bad, buf, 12));
	FAKE_EXPECT_PANIC(ring_init(&bad, buf, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_in_pieces, setup),
		cmocka_unit_test_setup(test_two_readers_across_the_wrap, setup),
		cmocka_unit_test_setup(test_more_than_it_holds, setup),
		cmocka_unit_test_setup(test_position_from_the_future, setup),
		cmocka_unit_test_setup(test_size_is_a_power_of_two, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
