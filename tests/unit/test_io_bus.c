/* test_io_bus.c - claims, lookups, straddling accesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <bh/vdev.h>

static struct io_space s;
static uint32_t last_offset;
static uint32_t last_size;
static uint64_t last_value;
static void *last_dev;

static uint64_t probe_read(void *dev, uint32_t offset, uint32_t size)
{
	last_dev = dev;
	last_offset = offset;
	last_size = size;
	return 0x1122334455667788;
}

static void probe_write(void *dev, uint32_t offset, uint32_t size,
			uint64_t value)
{
	(void)probe_read(dev, offset, size);
	last_value = value;
}

static const struct vdev_ops ops = { "probe", probe_read, probe_write };

static int setup(void **state)
{
	(void)state;
	io_space_init(&s);
	last_dev = NULL;
	return 0;
}

static void test_empty_space_answers_all_ones(void **state)
{
	(void)state;
	assert_int_equal(io_space_read(&s, 0, 1), 0xff);
	assert_int_equal(io_space_read(&s, 0x60, 2), 0xffff);
	assert_int_equal(io_space_read(&s, UINT64_MAX, 4), 0xffffffff);
	assert_true(io_space_read(&s, 0, 8) == UINT64_MAX);
	io_space_write(&s, 0, 4, 1);
	assert_int_equal(s.unclaimed_count, 5);
	assert_null(io_space_find(&s, 0));
}

static void test_claims_are_disjoint(void **state)
{
	(void)state;
	assert_int_equal(io_space_add(&s, 0x100, 0x10, &ops, NULL), OK);
	assert_int_equal(io_space_add(&s, 0x100, 0x10, &ops, NULL), ERR_EXIST);
	assert_int_equal(io_space_add(&s, 0x10f, 1, &ops, NULL), ERR_EXIST);
	assert_int_equal(io_space_add(&s, 0xf0, 0x11, &ops, NULL), ERR_EXIST);
	assert_int_equal(io_space_add(&s, 0, 0x1000, &ops, NULL), ERR_EXIST);
	assert_int_equal(io_space_add(&s, 0xf0, 0x10, &ops, NULL), OK);
	assert_int_equal(io_space_add(&s, 0x110, 1, &ops, NULL), OK);
	assert_int_equal(io_space_add(&s, 0, 0, &ops, NULL), ERR_INVALID);
	assert_int_equal(io_space_add(&s, UINT64_MAX, 2, &ops, NULL),
			 ERR_INVALID);
	assert_int_equal(io_space_add(&s, UINT64_MAX, 1, &ops, NULL), OK);
	assert_int_equal(s.window_count, 4);
}

static void test_every_window_is_found(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < IO_BUS_WINDOW_MAX; i++) {
		uint64_t n = (i * 7) % IO_BUS_WINDOW_MAX; /* out of order */

		assert_int_equal(io_space_add(&s, n * 0x100, 0x80, &ops,
					      (void *)(uintptr_t)(n + 1)),
				 OK);
	}
	assert_int_equal(io_space_add(&s, 0x99999, 1, &ops, NULL), ERR_LIMIT);
	for (uint64_t n = 0; n < IO_BUS_WINDOW_MAX; n++) {
		assert_int_equal(io_space_find(&s, n * 0x100)->base, n * 0x100);
		assert_int_equal(io_space_find(&s, n * 0x100 + 0x7f)->base,
				 n * 0x100);
		assert_null(io_space_find(&s, n * 0x100 + 0x80));
		(void)io_space_read(&s, n * 0x100 + 4, 4);
		assert_ptr_equal(last_dev, (void *)(uintptr_t)(n + 1));
	}
}

static void test_straddling_access_is_refused(void **state)
{
	(void)state;
	assert_int_equal(io_space_add(&s, 0x10, 6, &ops, &s), OK);
	assert_int_equal(io_space_read(&s, 0x12, 4), 0x55667788);
	assert_int_equal(last_offset, 2);
	assert_int_equal(last_size, 4);
	last_dev = NULL;
	assert_int_equal(io_space_read(&s, 0x13, 4), 0xffffffff);
	assert_int_equal(io_space_read(&s, 0x15, 2), 0xffff);
	io_space_write(&s, 0x15, 2, 0);
	assert_null(last_dev);
	assert_int_equal(io_space_read(&s, 0x15, 1), 0x88);
}

static void test_values_are_cut_to_size(void **state)
{
	(void)state;
	assert_int_equal(io_space_add(&s, 0, 8, &ops, &s), OK);
	assert_int_equal(io_space_read(&s, 0, 1), 0x88);
	assert_int_equal(io_space_read(&s, 0, 2), 0x7788);
	assert_true(io_space_read(&s, 0, 8) == 0x1122334455667788);
	io_space_write(&s, 0, 1, 0xabcd);
	assert_int_equal(last_value, 0xcd);
	last_dev = NULL;
	assert_true(io_space_read(&s, 0, 0) == UINT64_MAX);
	assert_true(io_space_read(&s, 0, 3) == UINT64_MAX);
	assert_true(io_space_read(&s, 0, 16) == UINT64_MAX);
	io_space_write(&s, 0, 5, 0);
	assert_null(last_dev);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_empty_space_answers_all_ones),
		TEST(test_claims_are_disjoint),
		TEST(test_every_window_is_found),
		TEST(test_straddling_access_is_refused),
		TEST(test_values_are_cut_to_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
