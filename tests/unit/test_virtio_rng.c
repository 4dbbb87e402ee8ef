/* test_virtio_rng.c - the entropy device: answers, bounds, hostile rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "drivers/virt/virtio_rng.h"
#include "tests/lib/hostile_chains.h"

#include <string.h>

static struct fake_guest g;
static struct fake_driver d;
static struct virtio_rng rng;
static size_t fill_limit;

static size_t fill(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	len = len < fill_limit ? len : fill_limit;
	memset(dst, 0x99, len);
	return len;
}

static int setup(void **state)
{
	const struct virtio_rng_source source = { fill, NULL };

	(void)state;
	fake_guest_init(&g);
	struct virtio_pci_env env = fake_guest_env(&g, 4);

	assert_int_equal(virtio_rng_init(&rng, &env, &source), OK);
	fake_driver_probe(&d, &g, 4);
	fake_driver_start(&d, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	fill_limit = SIZE_MAX;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static void ask(uint64_t addr, uint32_t len, struct virtq_used_elem *e)
{
	fake_queue_desc(
		&d, 0, 0,
		(struct virtq_desc){ addr, len, VIRTQ_DESC_F_WRITE, 0 });
	fake_queue_offer(&d, 0, 0);
	fake_driver_kick(&d, 0);
	assert_true(fake_queue_used(&d, 0, e));
}

static void test_answers_with_bytes_and_an_interrupt(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	assert_int_equal(fake_cfg_read(&g, 4, PCI_DEVICE_ID, 2), 0x1044);
	ask(FAKE_DATA, 300, &e);
	assert_int_equal(e.id, 0);
	assert_int_equal(e.len, 300);
	assert_int_equal(*fake_ram(&g, FAKE_DATA + 299), 0x99);
	assert_int_equal(*fake_ram(&g, FAKE_DATA + 300), 0);
	assert_int_equal(g.msi_count, 1);
	assert_int_equal(g.msi_data, 0x41);
}

static void test_answer_is_bounded(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	ask(0x400000, 0x400000, &e); /* V22: all the RAM there is */
	assert_int_equal(e.len, VIRTIO_RNG_REQUEST_MAX);
	assert_int_equal(*fake_ram(&g, 0x400000 + VIRTIO_RNG_REQUEST_MAX), 0);
	ask(FAKE_DATA, 0, &e);
	assert_int_equal(e.len, 0);
}

static void test_readable_buffer_gets_nothing(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	fake_queue_desc(&d, 0, 0, (struct virtq_desc){ FAKE_DATA, 64, 0, 0 });
	fake_queue_offer(&d, 0, 0);
	fake_driver_kick(&d, 0);
	assert_true(fake_queue_used(&d, 0, &e));
	assert_int_equal(e.len, 0);
	assert_int_equal(*fake_ram(&g, FAKE_DATA), 0);
}

static void test_dry_source_is_not_waited_for(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	fill_limit = 0;
	ask(FAKE_DATA, 64, &e);
	assert_int_equal(e.len, 0);
	fill_limit = 7;
	ask(FAKE_DATA, 64, &e);
	assert_int_equal(e.len, 64);
}

static void test_hostile_chains(void **state)
{
	const struct hostile_victim v = { &d, 0, hostile_kick, 0 };
	const char *row = hostile_chains_run(&v);
	struct virtq_used_elem e;

	(void)state;
	assert_string_equal(row ? row : "", "");
	assert_true(rng.pci.fault_count > 20);
	ask(FAKE_DATA, 16, &e);
	assert_int_equal(e.len, 16);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answers_with_bytes_and_an_interrupt),
		TEST(test_answer_is_bounded),
		TEST(test_readable_buffer_gets_nothing),
		TEST(test_dry_source_is_not_waited_for),
		TEST(test_hostile_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
