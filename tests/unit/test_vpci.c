/* test_vpci.c - configuration mechanism #1, BARs, capabilities (B52, V15). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "tests/lib/fake_guest.h"

static struct fake_guest g;
static struct vpci_func f;
static const struct vpci_id id = { 0x1af4, 0x1042, 0x1af4, 2, 0x0180, 1 };

static int setup(void **state)
{
	(void)state;
	fake_guest_init(&g);
	vpci_func_init(&f, &id, NULL);
	vpci_func_set_bar(&f, 0, 0xc000 | PCI_BASE_ADDRESS_SPACE_IO, 256);
	vpci_func_set_bar(&f, 1, 0xfe000000, 4096);
	assert_int_equal(vpci_add(&g.pci, 3, &f), OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_guest_free(&g);
	return 0;
}

static void test_host_bridge_is_there(void **state)
{
	(void)state;
	assert_int_equal(fake_cfg_read(&g, 0, PCI_CLASS_DEVICE, 2),
			 PCI_CLASS_BRIDGE_HOST);
	assert_int_equal(fake_cfg_read(&g, 0, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_VENDOR_ID, 4), 0x10421af4);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_DEVICE_ID, 2), 0x1042);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_DEVICE_ID + 1, 1), 0x10);
}

static void test_what_is_not_there_reads_all_ones(void **state)
{
	static const uint32_t addresses[] = {
		0x80000000 | 1u << 11,            /* an empty slot */
		0x80000000 | 16u << 11,           /* beyond the slots */
		0x80000000 | 31u << 11,           /* the last one */
		0x80000000 | 3u << 11 | 1u << 8,  /* function 1 */
		0x80000000 | 1u << 16 | 3u << 11, /* bus 1 */
		0x80000000 | 255u << 16,          /* bus 255 */
		3u << 11,                         /* not enabled */
		0x81000000 | 3u << 11,            /* reserved bits */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		fake_out(&g, PCI_CONFIG_ADDRESS, 4, addresses[i]);
		assert_int_equal(fake_in(&g, PCI_CONFIG_ADDRESS, 4),
				 addresses[i]);
		assert_int_equal(fake_in(&g, PCI_CONFIG_DATA, 4), 0xffffffff);
		assert_int_equal(fake_in(&g, PCI_CONFIG_DATA + 3, 1), 0xff);
		fake_out(&g, PCI_CONFIG_DATA, 4, 0);
	}
}

static void test_odd_accesses_are_harmless(void **state)
{
	(void)state;
	fake_out(&g, PCI_CONFIG_ADDRESS, 4, 0x80001800);
	fake_out(&g, PCI_CONFIG_ADDRESS, 1, 0); /* only 32 bits latch */
	fake_out(&g, PCI_CONFIG_ADDRESS, 2, 0);
	assert_int_equal(fake_in(&g, PCI_CONFIG_ADDRESS, 4), 0x80001800);
	assert_int_equal(fake_in(&g, PCI_CONFIG_ADDRESS, 2), 0xffff);
	assert_int_equal(fake_in(&g, PCI_CONFIG_ADDRESS + 3, 1), 0xff);
	assert_int_equal(fake_in(&g, PCI_CONFIG_ADDRESS + 2, 4), 0xffffffff);
	assert_int_equal(fake_in(&g, PCI_CONFIG_DATA + 3, 2), 0xffff);
	assert_int_equal(fake_in(&g, PCI_CONFIG_DATA + 1, 4), 0xffffffff);
	assert_int_equal(fake_in(&g, PCI_CONFIG_DATA + 1, 2), 0x421a);
	assert_int_equal(vpci_func_read(&f, 255, 2), UINT32_MAX);
	assert_int_equal(vpci_func_read(&f, UINT32_MAX, 1), UINT32_MAX);
	assert_int_equal(vpci_func_read(&f, 0, 3), UINT32_MAX);
	vpci_func_write(&f, 254, 4, 0);
}

static void test_bar_shows_its_size_and_never_moves(void **state)
{
	(void)state;
	assert_int_equal(fake_cfg_read(&g, 3, 0x10, 4), 0xc001);
	fake_cfg_write(&g, 3, 0x10, 4, 0xffffffff);
	assert_int_equal(fake_cfg_read(&g, 3, 0x10, 4), 0xffffff01);
	fake_cfg_write(&g, 3, 0x10, 4, 0xc001);
	assert_int_equal(fake_cfg_read(&g, 3, 0x10, 4), 0xc001);
	fake_cfg_write(&g, 3, 0x14, 4, 0xfffffff0);
	assert_int_equal(fake_cfg_read(&g, 3, 0x14, 4), 0xfffff000);
	fake_cfg_write(&g, 3, 0x14, 4, 0xfee00000); /* over the LAPIC */
	assert_int_equal(fake_cfg_read(&g, 3, 0x14, 4), 0xfe000000);
	fake_cfg_write(&g, 3, 0x10, 1, 0xff);
	fake_cfg_write(&g, 3, 0x12, 2, 0xffff);
	assert_int_equal(fake_cfg_read(&g, 3, 0x10, 4), 0xc001);
	fake_cfg_write(&g, 3, 0x18, 4, 0xffffffff); /* no such BAR */
	assert_int_equal(fake_cfg_read(&g, 3, 0x18, 4), 0);
	fake_cfg_write(&g, 3, PCI_ROM_ADDRESS, 4, 0xfffff800);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_ROM_ADDRESS, 4), 0);
}

static void test_read_only_bits_stay(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 256; at += 4) {
		uint32_t before = fake_cfg_read(&g, 3, at, 4);

		if (at == PCI_COMMAND || at == PCI_CACHE_LINE_SIZE ||
		    at == PCI_INTERRUPT_LINE) {
			continue;
		}
		fake_cfg_write(&g, 3, at, 4, ~before & 0x7fffffff);
		assert_int_equal(fake_cfg_read(&g, 3, at, 4), before);
	}
	fake_cfg_write(&g, 3, PCI_COMMAND, 4, 0xffffffff);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_COMMAND, 4), 0x0407);
}

static void test_capabilities_are_chained(void **state)
{
	uint8_t msix;
	uint8_t other;

	(void)state;
	assert_int_equal(fake_cfg_read(&g, 3, PCI_CAPABILITY_LIST, 1), 0);
	msix = vpci_func_add_msix(&f, 1, 0, 0x800, 4);
	other = vpci_func_add_capability(&f, PCI_CAP_ID_VNDR, 17);
	assert_int_equal(fake_cfg_read(&g, 3, PCI_CAPABILITY_LIST, 1), msix);
	assert_int_equal(fake_cfg_read(&g, 3, msix + 1, 1), other);
	assert_int_equal(fake_cfg_read(&g, 3, other + 1, 1), 0);
	assert_true(fake_cfg_read(&g, 3, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	fake_cfg_write(&g, 3, msix + PCI_MSIX_FLAGS, 2, 0xffff);
	assert_int_equal(fake_cfg_read(&g, 3, msix + PCI_MSIX_FLAGS, 2),
			 0xc003);
	while (vpci_func_add_capability(&f, PCI_CAP_ID_VNDR, 16) != 0) {
	}
	assert_true(f.cap_free <= 252);
}

static void test_slots_are_taken_once(void **state)
{
	struct vpci_func other;

	(void)state;
	vpci_func_init(&other, &id, NULL);
	assert_int_equal(vpci_add(&g.pci, 3, &other), ERR_EXIST);
	assert_int_equal(vpci_add(&g.pci, 0, &other), ERR_EXIST);
	assert_int_equal(vpci_add(&g.pci, VPCI_SLOT_COUNT, &other), ERR_RANGE);
}

static uint32_t reset_value;

static void on_reset(void *ctx, uint8_t value)
{
	(void)ctx;
	reset_value = value;
}

static void test_reset_control_is_passed_on(void **state)
{
	(void)state;
	fake_out(&g, 0xcf9, 1, 6); /* nobody listens */
	g.pci.reset_control = on_reset;
	fake_out(&g, 0xcf9, 1, 6);
	assert_int_equal(reset_value, 6);
	fake_out(&g, 0xcf9, 2, 0x0e);
	assert_int_equal(reset_value, 6);
	assert_int_equal(fake_in(&g, 0xcf9, 1), 0xff);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_host_bridge_is_there),
		TEST(test_what_is_not_there_reads_all_ones),
		TEST(test_odd_accesses_are_harmless),
		TEST(test_bar_shows_its_size_and_never_moves),
		TEST(test_read_only_bits_stay),
		TEST(test_capabilities_are_chained),
		TEST(test_slots_are_taken_once),
		TEST(test_reset_control_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
