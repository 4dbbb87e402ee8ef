/* test_virtio_pci.c - the transport: status, features, queues, MSI-X, BARs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "tests/lib/fake_guest.h"

#include <spec/virtio_pci.h>
#include <string.h>

#define SLOT     5
#define C(field) (d.common + (uint32_t)VIRTIO_PCI_COMMON_##field)
#define MSIX()   ((struct pci_msix_entry *)(void *)g.msix_pages[SLOT])

static struct fake_guest g;
static struct fake_driver d;
static struct virtio_pci pci;
static struct virtqueue queues[2];
static struct virtqueue_req req;
static uint32_t notify_count;
static uint32_t reset_count;
static const uint8_t config[6] = { 1, 2, 3, 4, 5, 6 };

static void notify(struct virtio_pci *p, uint32_t q)
{
	notify_count++;
	do {
		while (virtqueue_pop(&p->queues[q], &req)) {
			virtqueue_write(&req, "answer", 6);
			virtqueue_push(&p->queues[q], &req);
		}
	} while (virtqueue_rearm(&p->queues[q]));
}

static void reset(struct virtio_pci *p)
{
	(void)p;
	reset_count++;
}

static const struct virtio_model model = {
	.name = "test",
	.device_id = 4,
	.class_code = 0xff00,
	.notify = notify,
	.reset = reset,
};

static const struct virtio_pci_params params = {
	.model = &model,
	.queues = queues,
	.queue_count = 2,
	.queue_size = 8,
	.features = 1,
	.config = config,
	.config_size = sizeof(config),
};

static int setup(void **state)
{
	struct virtio_pci_env env;

	(void)state;
	fake_guest_init(&g);
	env = fake_guest_env(&g, SLOT);
	assert_int_equal(virtio_pci_init(&pci, &env, &params), OK);
	fake_driver_probe(&d, &g, SLOT);
	fake_driver_start(&d, VIRTIO_F_EVENT_IDX);
	notify_count = 0;
	reset_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static void offer(uint16_t q)
{
	fake_queue_desc(
		&d, q, 0,
		(struct virtq_desc){ FAKE_DATA, 16, VIRTQ_DESC_F_WRITE, 0 });
	fake_queue_offer(&d, q, 0);
}

static bool answered(uint16_t q)
{
	struct virtq_used_elem e;

	return fake_queue_used(&d, q, &e);
}

static void test_bad_params_are_refused(void **state)
{
	struct virtio_pci_env env = fake_guest_env(&g, 6);
	struct virtio_pci_params bad = params;
	struct virtio_pci other;

	(void)state;
	bad.queue_count = VIRTIO_PCI_QUEUE_MAX + 1;
	assert_int_equal(virtio_pci_init(&other, &env, &bad), ERR_INVALID);
	bad = params;
	bad.queue_size = 512;
	assert_int_equal(virtio_pci_init(&other, &env, &bad), ERR_INVALID);
	env.port_base = 0xc010;
	assert_int_equal(virtio_pci_init(&other, &env, &params), ERR_INVALID);
	env = fake_guest_env(&g, SLOT);
	assert_int_equal(virtio_pci_init(&other, &env, &params), ERR_EXIST);
	env.slot = 7; /* but the same ports */
	assert_int_equal(virtio_pci_init(&other, &env, &params), ERR_EXIST);
}

/* V11: bits come in order and never go. */
static void test_status_steps(void **state)
{
	/* clang-format off */
	static const struct { uint8_t write, read; } rows[] = {
		{ 0, 0 },
		{ VIRTIO_STATUS_DRIVER, 0 },
		{ VIRTIO_STATUS_DRIVER_OK, 0 },
		{ VIRTIO_STATUS_FEATURES_OK, 0 },
		{ 1, 1 },
		{ 1 | 4, 1 },
		{ 1 | 8, 1 },
		{ 1 | 2, 3 },
		{ 1, 3 },
		{ 1 | 2 | 4, 3 },
		{ 1 | 2 | 8, 3 }, /* VERSION_1 was not accepted */
		{ 1 | 2 | 0x40, 3 }, /* NEEDS_RESET is ours */
		{ 0x80 | 3, 0x83 },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		fake_out(&g, C(DEVICE_STATUS), 1, rows[i].write);
		assert_int_equal(fake_driver_status(&d), rows[i].read);
	}
	assert_int_equal(reset_count, 1);
}

static void test_failed_device_is_not_live(void **state)
{
	(void)state;
	fake_out(&g, C(DEVICE_STATUS), 1, 0x8f);
	offer(0);
	fake_driver_kick(&d, 0);
	assert_int_equal(notify_count, 0);
}

/* V12 */
static void test_features(void **state)
{
	(void)state;
	fake_driver_negotiate(&d, VIRTIO_F_VERSION_1 | BIT(5)); /* unknown */
	assert_int_equal(fake_driver_status(&d), 3);
	fake_driver_negotiate(&d, 1); /* legacy */
	assert_int_equal(fake_driver_status(&d), 3);
	fake_driver_negotiate(&d, VIRTIO_F_VERSION_1);
	assert_int_equal(fake_driver_status(&d), 11);
	fake_out(&g, C(DRIVER_FEATURE_SELECT), 4, 0);
	fake_out(&g, C(DRIVER_FEATURE), 4, 1); /* too late */
	assert_int_equal(fake_in(&g, C(DRIVER_FEATURE), 4), 0);
	assert_false(virtio_pci_has_feature(&pci, 1));
	fake_out(&g, C(DEVICE_FEATURE_SELECT), 4, 2);
	assert_int_equal(fake_in(&g, C(DEVICE_FEATURE), 4), 0);
	fake_out(&g, C(DRIVER_FEATURE_SELECT), 4, UINT32_MAX);
	assert_int_equal(fake_in(&g, C(DRIVER_FEATURE), 4), 0);
	fake_out(&g, C(DRIVER_FEATURE), 4, UINT32_MAX);
	fake_driver_start(&d, 1 | VIRTIO_F_EVENT_IDX);
	assert_true(virtio_pci_has_feature(&pci, 1 | VIRTIO_F_EVENT_IDX));
}

/* V13 */
static void test_queue_sizes(void **state)
{
	static const uint32_t bad[] = { 0, 3, 7, 16, 256, 0xffff, 6 };

	(void)state;
	fake_driver_negotiate(&d, VIRTIO_F_VERSION_1);
	fake_out(&g, C(QUEUE_SELECT), 2, 1);
	assert_int_equal(fake_in(&g, C(QUEUE_SIZE), 2), 8);
	fake_out(&g, C(QUEUE_SIZE), 2, 4);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		fake_out(&g, C(QUEUE_SIZE), 2, bad[i]);
		assert_int_equal(fake_in(&g, C(QUEUE_SIZE), 2), 4);
	}
	d.q[1].size = 4;
	fake_driver_setup_queue(&d, 1);
	assert_int_equal(fake_in(&g, C(QUEUE_ENABLE), 2), 1);
	fake_out(&g, C(QUEUE_SIZE), 2, 8); /* after enable: ignored */
	fake_out(&g, C(QUEUE_DESC_LO), 4, 0xfee00000);
	fake_out(&g, C(QUEUE_DEVICE_HI), 4, 0xfee00000);
	fake_out(&g, C(QUEUE_ENABLE), 2, 0);
	fake_out(&g, C(QUEUE_ENABLE), 2, 1); /* twice */
	assert_int_equal(fake_in(&g, C(QUEUE_SIZE), 2), 4);
	assert_int_equal(fake_in(&g, C(QUEUE_DESC_LO), 4), d.q[1].desc);
	assert_int_equal(fake_in(&g, C(QUEUE_DRIVER_LO), 4), d.q[1].avail);
	assert_int_equal(fake_in(&g, C(QUEUE_DEVICE_LO), 4), d.q[1].used);
	assert_int_equal(fake_in(&g, C(QUEUE_DEVICE_HI), 4), 0);
	assert_int_equal(fake_in(&g, C(QUEUE_ENABLE), 2), 1);
	fake_out(&g, C(QUEUE_SELECT), 2, 2); /* no such queue */
	assert_int_equal(fake_in(&g, C(QUEUE_SIZE), 2), 0);
	fake_out(&g, C(QUEUE_SIZE), 2, 8);
	fake_out(&g, C(QUEUE_ENABLE), 2, 1);
	assert_int_equal(fake_in(&g, C(QUEUE_ENABLE), 2), 0);
}

static void test_queue_before_features_ok_stays_off(void **state)
{
	(void)state;
	fake_out(&g, C(DEVICE_STATUS), 1, 0);
	fake_driver_setup_queue(&d, 0);
	assert_int_equal(fake_in(&g, C(QUEUE_ENABLE), 2), 0);
	assert_false(fake_driver_is_broken(&d));
}

/* V08: where rings must not be. */
static void test_bad_ring_addresses(void **state)
{
	const uint64_t end = FAKE_LOW_CHUNKS * GMEM_CHUNK_SIZE;
	const struct fake_queue rows[] = {
		{ end, 0x20000, 0x21000, 8, 0, 0 },
		{ end - 112, 0x20000, 0x21000, 8, 0, 0 },
		{ 0x20008, 0x21000, 0x22000, 8, 0, 0 },
		{ 0x20000, 0x21001, 0x22000, 8, 0, 0 },
		{ 0x20000, 0x21000, 0x22002, 8, 0, 0 },
		{ 0x20000, end - 2, 0x22000, 8, 0, 0 },
		{ 0x20000, 0x21000, end - 4, 8, 0, 0 },
		{ 0xfee00000, 0x21000, 0x22000, 8, 0, 0 },
		{ 0x20000, 0xfffffffffffffffe, 0x22000, 8, 0, 0 },
		{ 0x20000, 0x21000, FAKE_MSIX_GPA, 8, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		fake_driver_negotiate(&d, VIRTIO_F_VERSION_1);
		assert_false(fake_driver_is_broken(&d));
		d.q[0] = rows[i];
		fake_driver_setup_queue(&d, 0);
		assert_true(fake_driver_is_broken(&d));
		assert_int_equal(fake_in(&g, C(QUEUE_ENABLE), 2), 0);
		fake_driver_kick(&d, 0);
	}
	assert_int_equal(notify_count, 0);
}

/* V08: rings on top of each other harm nobody but the guest. */
static void test_overlapping_rings(void **state)
{
	(void)state;
	fake_driver_negotiate(&d, VIRTIO_F_VERSION_1);
	d.q[0] = (struct fake_queue){ 0x20000, 0x20000, 0x20000, 8, 0, 0 };
	fake_driver_setup_queue(&d, 0);
	fake_out(&g, C(DEVICE_STATUS), 1, 15);
	memset(fake_ram(&g, 0x20000), 1, 4096);
	for (uint32_t i = 0; i < 100; i++) {
		fake_driver_kick(&d, 0);
	}
	assert_int_equal(*fake_ram(&g, 0x1ffff), 0);
}

/* Rings that cross a chunk are reached through gmem. */
static void test_rings_across_chunks(void **state)
{
	const uint64_t edge = 2 * GMEM_CHUNK_SIZE;
	const struct fake_queue rows[] = {
		{ edge - 64, 0x21000, 0x22000, 8, 0, 0 },
		{ 0x20000, edge - 6, 0x22000, 8, 0, 0 },
		{ 0x20000, 0x21000, edge - 8, 8, 0, 0 },
		{ edge - 16, 2 * edge - 8 - 0x200000, 0x22000, 8, 0, 0 },
		{ GMEM_HIGH_BASE, GMEM_HIGH_BASE + 4096,
		  GMEM_HIGH_BASE + GMEM_CHUNK_SIZE - 12, 8, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		fake_driver_negotiate(&d,
				      VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
		d.q[0] = rows[i];
		memset(fake_ram(&g, 0x21000), 0, 0x2000);
		memset(fake_ram(&g, edge), 0, 64);
		memset(fake_ram(&g, edge - 64), 0, 64);
		fake_driver_setup_queue(&d, 0);
		fake_out(&g, C(DEVICE_STATUS), 1, 15);
		for (uint32_t n = 0; n < 20; n++) {
			offer(0);
			fake_driver_kick(&d, 0);
			assert_true(answered(0));
		}
		assert_false(fake_driver_is_broken(&d));
	}
}

/* V10 */
static void test_kicks_that_mean_nothing(void **state)
{
	(void)state;
	fake_driver_kick(&d, 0); /* nothing available */
	assert_int_equal(g.msi_count, 0);
	fake_driver_kick(&d, 2); /* no such queue */
	fake_driver_kick(&d, 3);
	offer(0);
	fake_out(&g, C(DEVICE_STATUS), 1, 0);
	fake_driver_kick(&d, 0); /* after reset */
	fake_driver_negotiate(&d, VIRTIO_F_VERSION_1);
	memset(d.q, 0, sizeof(d.q));
	fake_driver_setup_queue(&d, 0);
	offer(0);
	fake_driver_kick(&d, 0); /* before DRIVER_OK */
	assert_false(answered(0));
	fake_out(&g, C(DEVICE_STATUS), 1, 15);
	fake_driver_kick(&d, 1); /* not enabled */
	assert_false(answered(0));
	fake_driver_kick(&d, 0);
	assert_true(answered(0));
	assert_int_equal(pci.kick_ignored_count, 4);
}

/* V14 */
static void test_every_port_of_every_size(void **state)
{
	(void)state;
	assert_int_equal(fake_in(&g, d.device, 4), 0x04030201);
	assert_int_equal(fake_in(&g, d.device + 4u, 4), 0x0605);
	assert_int_equal(fake_in(&g, d.device + 5u, 1), 6);
	assert_int_equal(fake_in(&g, d.device + 6u, 1), 0);
	fake_out(&g, d.device, 4, UINT32_MAX);
	assert_int_equal(fake_in(&g, d.device, 1), 1);
	assert_int_equal(fake_in(&g, C(DEVICE_FEATURE), 1), 0);
	for (uint32_t size = 1; size <= 4; size *= 2) {
		for (uint32_t at = 0; at < 256; at++) {
			(void)fake_in(&g, d.port + at, size);
			fake_out(&g, d.port + at, size, 0xffffffff);
			fake_out(&g, d.port + at, size, 0);
		}
	}
	assert_memory_equal(config, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
	fake_driver_start(&d, 0);
	offer(0);
	fake_driver_kick(&d, 0);
	assert_true(answered(0));
}

/* V15 */
static void test_command_bits_count(void **state)
{
	(void)state;
	offer(0);
	fake_cfg_write(&g, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO);
	fake_driver_kick(&d, 0);
	assert_false(answered(0)); /* no DMA without bus master */
	fake_cfg_write(&g, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(fake_in(&g, C(DEVICE_STATUS), 1), 0xff);
	fake_driver_kick(&d, 0);
	assert_false(answered(0));
	fake_cfg_write(&g, SLOT, PCI_COMMAND, 2,
		       PCI_COMMAND_MASTER | PCI_COMMAND_IO);
	assert_int_equal(fake_in(&g, C(DEVICE_STATUS), 1), 15);
	fake_driver_kick(&d, 0);
	assert_true(answered(0));
}

static void test_access_through_configuration_space(void **state)
{
	uint32_t cap = d.pci_cfg;

	(void)state;
	fake_cfg_write(&g, SLOT, cap + 4, 1, 0);
	fake_cfg_write(&g, SLOT, cap + 8, 4, VIRTIO_PCI_COMMON_DEVICE_STATUS);
	fake_cfg_write(&g, SLOT, cap + 12, 4, 1);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 1), 15);
	offer(1);
	fake_cfg_write(&g, SLOT, cap + 8, 4, (uint32_t)d.notify - d.port + 2);
	fake_cfg_write(&g, SLOT, cap + 12, 4, 2);
	fake_cfg_write(&g, SLOT, cap + 16, 2, 1);
	assert_true(answered(1));
	/* what is beyond the BAR, misaligned, too wide or in another BAR */
	fake_cfg_write(&g, SLOT, cap + 8, 4, 256);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 4), 0xffffffff);
	fake_cfg_write(&g, SLOT, cap + 8, 4, 0xfffffffe);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 4), 0xffffffff);
	fake_cfg_write(&g, SLOT, cap + 8, 4, 0x15);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 4), 0xffffffff);
	fake_cfg_write(&g, SLOT, cap + 8, 4, 0);
	fake_cfg_write(&g, SLOT, cap + 12, 4, 8);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 4), 0xffffffff);
	fake_cfg_write(&g, SLOT, cap + 12, 4, 0);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 4), 0xffffffff);
	fake_cfg_write(&g, SLOT, cap + 12, 4, 4);
	fake_cfg_write(&g, SLOT, cap + 4, 1, 1);
	assert_int_equal(fake_cfg_read(&g, SLOT, cap + 16, 4), 0xffffffff);
}

static void request_on(uint16_t q)
{
	offer(q);
	fake_driver_kick(&d, q);
	assert_true(answered(q));
}

static void no_event_idx(void)
{
	fake_driver_start(&d, 0); /* an interrupt each time */
}

static void test_masked_vector_is_pending(void **state)
{
	volatile uint32_t *pba =
		(void *)(g.msix_pages[SLOT] + VIRTIO_PCI_MSIX_PBA);

	(void)state;
	no_event_idx();
	MSIX()[2].vector_ctrl = 1;
	request_on(1);
	assert_int_equal(g.msi_count, 0);
	assert_int_equal(*pba, 1u << 2);
	virtio_pci_poll_pending(&pci);
	assert_int_equal(g.msi_count, 0);
	MSIX()[2].vector_ctrl = 0;
	virtio_pci_poll_pending(&pci);
	virtio_pci_poll_pending(&pci);
	assert_int_equal(g.msi_count, 1);
	assert_int_equal(g.msi_data, 0x42);
	assert_int_equal(*pba, 0);
	/* the mask of the whole function: the write itself delivers */
	fake_cfg_write(&g, SLOT, d.msix + 2u, 2, 0xc000);
	request_on(1);
	assert_int_equal(g.msi_count, 1);
	fake_cfg_write(&g, SLOT, d.msix + 2u, 2, 0x8000);
	assert_int_equal(g.msi_count, 2);
}

/* V79: only the window of the local APICs. */
static void test_wild_messages_are_dropped(void **state)
{
	static const uint32_t bad[][2] = {
		{ 0, 0 },          { 0xfed00000, 0 }, { 0xfef00000, 0 },
		{ 0xfee00000, 1 }, { 0x1000, 0 },
	};

	(void)state;
	no_event_idx();
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		MSIX()[1].addr_lo = bad[i][0];
		MSIX()[1].addr_hi = bad[i][1];
		request_on(0);
	}
	assert_int_equal(g.msi_count, 0);
	assert_int_equal(pci.interrupt_dropped_count, ARRAY_COUNT(bad));
	memset(g.msix_pages[SLOT], 0xff, 4096); /* garbage everywhere */
	MSIX()[1] = (struct pci_msix_entry){ 0xfeeff00c, 0, 7, 0 };
	request_on(0);
	assert_true(g.msi_address == 0xfeeff00c);
}

static void test_vectors_beyond_the_table(void **state)
{
	(void)state;
	no_event_idx();
	fake_out(&g, C(QUEUE_SELECT), 2, 0);
	fake_out(&g, C(QUEUE_MSIX_VECTOR), 2, 3);
	assert_int_equal(fake_in(&g, C(QUEUE_MSIX_VECTOR), 2), 0xffff);
	fake_out(&g, C(CONFIG_MSIX_VECTOR), 2, 0xfffe);
	assert_int_equal(fake_in(&g, C(CONFIG_MSIX_VECTOR), 2), 0xffff);
	request_on(0);
	assert_int_equal(g.msi_count, 0);
	assert_int_equal(fake_in(&g, d.isr, 1), 1);
	assert_int_equal(fake_in(&g, d.isr, 1), 0); /* read clears */
	fake_out(&g, C(QUEUE_MSIX_VECTOR), 2, 2);
	fake_cfg_write(&g, SLOT, d.msix + 2u, 2, 0); /* MSI-X off */
	request_on(0);
	assert_int_equal(g.msi_count, 0);
}

static void test_reset_clears_all(void **state)
{
	(void)state;
	request_on(0);
	fake_out(&g, C(DEVICE_STATUS), 1, 0);
	fake_out(&g, C(QUEUE_SELECT), 2, 0);
	assert_int_equal(fake_driver_status(&d), 0);
	assert_int_equal(fake_in(&g, C(QUEUE_ENABLE), 2), 0);
	assert_int_equal(fake_in(&g, C(QUEUE_DESC_LO), 4), 0);
	assert_int_equal(fake_in(&g, C(QUEUE_MSIX_VECTOR), 2), 0xffff);
	assert_int_equal(fake_in(&g, C(CONFIG_MSIX_VECTOR), 2), 0xffff);
	assert_int_equal(fake_in(&g, d.isr, 1), 0);
	assert_int_equal(reset_count, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_bad_params_are_refused),
		TEST(test_status_steps),
		TEST(test_failed_device_is_not_live),
		TEST(test_features),
		TEST(test_queue_sizes),
		TEST(test_queue_before_features_ok_stays_off),
		TEST(test_bad_ring_addresses),
		TEST(test_overlapping_rings),
		TEST(test_rings_across_chunks),
		TEST(test_kicks_that_mean_nothing),
		TEST(test_every_port_of_every_size),
		TEST(test_command_bits_count),
		TEST(test_access_through_configuration_space),
		TEST(test_masked_vector_is_pending),
		TEST(test_wild_messages_are_dropped),
		TEST(test_vectors_beyond_the_table),
		TEST(test_reset_clears_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
