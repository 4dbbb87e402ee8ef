/* test_virtio_console.c - hvc0: output, input, bounds, hostile rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "drivers/virt/virtio_console.h"
#include "tests/lib/hostile_chains.h"

#include <string.h>

static struct fake_guest g;
static struct fake_driver d;
static struct virtio_console con;
static char out[4096];
static size_t out_len;
static uint32_t ready_count;

static void sink_write(void *ctx, const uint8_t *src, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++, out_len++) {
		if (out_len < sizeof(out)) {
			out[out_len] = (char)src[i];
		}
	}
}

static void sink_ready(void *ctx)
{
	(void)ctx;
	ready_count++;
}

static int setup(void **state)
{
	const struct chardev_sink sink = { sink_write, sink_ready, NULL };

	(void)state;
	fake_guest_init(&g);
	struct virtio_pci_env env = fake_guest_env(&g, 2);

	assert_int_equal(virtio_console_init(&con, &env, &sink), OK);
	fake_driver_probe(&d, &g, 2);
	fake_driver_start(&d, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	out_len = 0;
	ready_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static void offer_rx(uint16_t i, uint64_t addr, uint32_t len)
{
	fake_queue_desc(
		&d, 0, i,
		(struct virtq_desc){ addr, len, VIRTQ_DESC_F_WRITE, 0 });
	fake_queue_offer(&d, 0, i);
}

static void test_config_space(void **state)
{
	(void)state;
	assert_int_equal(fake_cfg_read(&g, 2, PCI_DEVICE_ID, 2), 0x1043);
	assert_true(d.features & VIRTIO_CONSOLE_F_SIZE);
	assert_int_equal(fake_in(&g, d.device, 2), 80);
	assert_int_equal(fake_in(&g, d.device + 2u, 2), 25);
	assert_int_equal(fake_in(&g, d.device + 4u, 4), 1);
}

static void test_output_reaches_the_sink(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	memcpy(fake_ram(&g, FAKE_DATA), "hello, ", 7);
	memcpy(fake_ram(&g, FAKE_DATA + 100), "world", 5);
	fake_queue_desc(
		&d, 1, 0,
		(struct virtq_desc){ FAKE_DATA, 7, VIRTQ_DESC_F_NEXT, 5 });
	fake_queue_desc(&d, 1, 5,
			(struct virtq_desc){ FAKE_DATA + 100, 5, 0, 0 });
	fake_queue_offer(&d, 1, 0);
	fake_driver_kick(&d, 1);
	assert_int_equal(out_len, 12);
	assert_memory_equal(out, "hello, world", 12);
	assert_true(fake_queue_used(&d, 1, &e));
	assert_int_equal(e.len, 0);
}

static void test_huge_output_is_bounded(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	fake_queue_desc(&d, 1, 0,
			(struct virtq_desc){ 0, 0x800000, 0, 0 }); /* V20 */
	fake_queue_offer(&d, 1, 0);
	fake_driver_kick(&d, 1);
	assert_int_equal(out_len, VIRTIO_CONSOLE_REQUEST_MAX);
	assert_int_equal(con.out_dropped_bytes,
			 0x800000 - VIRTIO_CONSOLE_REQUEST_MAX);
	assert_true(fake_queue_used(&d, 1, &e));
	assert_false(fake_driver_is_broken(&d));
}

static void test_output_in_exact_pieces(void **state)
{
	(void)state;
	for (uint16_t len = 511; len <= 513; len++) {
		out_len = 0;
		fake_queue_desc(&d, 1, 0,
				(struct virtq_desc){ FAKE_DATA, len, 0, 0 });
		fake_queue_offer(&d, 1, 0);
		fake_driver_kick(&d, 1);
		assert_int_equal(out_len, len);
	}
}

static void test_input_fills_posted_buffers(void **state)
{
	struct virtq_used_elem e;

	(void)state;
	assert_int_equal(virtio_console_input(&con, (void *)"abc", 3), 0);
	offer_rx(0, FAKE_DATA, 4);
	offer_rx(1, FAKE_DATA + 16, 4);
	fake_driver_kick(&d, 0);
	assert_int_equal(ready_count, 1);
	g.msi_count = 0;
	assert_int_equal(virtio_console_input(&con, (void *)"abcdefghij", 10),
			 8);
	assert_int_equal(g.msi_count, 1); /* one for both buffers */
	assert_true(fake_queue_used(&d, 0, &e));
	assert_int_equal(e.len, 4);
	assert_true(fake_queue_used(&d, 0, &e));
	assert_int_equal(e.id, 1);
	assert_memory_equal(fake_ram(&g, FAKE_DATA), "abcd", 4);
	assert_memory_equal(fake_ram(&g, FAKE_DATA + 16), "efgh", 4);
	assert_int_equal(virtio_console_input(&con, (void *)"x", 0), 0);
}

static void test_no_input_before_driver_ok_or_without_master(void **state)
{
	(void)state;
	offer_rx(0, FAKE_DATA, 4);
	fake_cfg_write(&g, 2, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(virtio_console_input(&con, (void *)"x", 1), 0);
	fake_cfg_write(&g, 2, PCI_COMMAND, 2,
		       PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_int_equal(virtio_console_input(&con, (void *)"x", 1), 1);
	fake_driver_negotiate(&d, VIRTIO_F_VERSION_1);
	assert_int_equal(virtio_console_input(&con, (void *)"x", 1), 0);
}

static void test_hostile_output(void **state)
{
	const struct hostile_victim v = { &d, 1, hostile_kick, 0 };
	const char *row = hostile_chains_run(&v);

	(void)state;
	assert_string_equal(row ? row : "", "");
	assert_int_equal(out_len, 0);
}

static void poke_input(const struct hostile_victim *v)
{
	(void)v;
	assert_int_equal(virtio_console_input(&con, (void *)"x", 1), 0);
}

static void test_hostile_input(void **state)
{
	const struct hostile_victim v = { &d, 0, poke_input, 0 };
	const char *row = hostile_chains_run(&v);

	(void)state;
	assert_string_equal(row ? row : "", "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_config_space),
		TEST(test_output_reaches_the_sink),
		TEST(test_huge_output_is_bounded),
		TEST(test_output_in_exact_pieces),
		TEST(test_input_fills_posted_buffers),
		TEST(test_no_input_before_driver_ok_or_without_master),
		TEST(test_hostile_output),
		TEST(test_hostile_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
