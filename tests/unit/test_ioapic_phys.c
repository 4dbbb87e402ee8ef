/* test_ioapic_phys.c - silencing the machine's interrupt controllers. */
#include "drivers/phys/ioapic_phys.h"
#include "drivers/phys/pic_phys.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>

static uint8_t window[0x20];
static uint32_t selected;
static uint32_t regs[0x100];
static bool is_absent;
static uint32_t high_writes_while_open;

static uint64_t model_read(void *ctx, uintptr_t reg, uint32_t size)
{
	(void)ctx;
	assert_int_equal(size, 4);
	assert_int_equal(reg, (uintptr_t)window + 0x10);
	return is_absent ? UINT32_MAX : regs[selected];
}

static void model_write(void *ctx, uintptr_t reg, uint32_t size, uint64_t value)
{
	(void)ctx;
	assert_int_equal(size, 4);
	if (reg == (uintptr_t)window) {
		assert_true(value < ARRAY_COUNT(regs));
		selected = (uint32_t)value;
		return;
	}
	if (selected >= 0x10 && selected % 2 == 1 &&
	    (regs[selected - 1] & 1u << 16) == 0) {
		high_writes_while_open++;
	}
	regs[selected] = (uint32_t)value;
}

static const struct fake_io model_io = { .mmio_read = model_read,
					 .mmio_write = model_write };
static struct ioapic_phys io;

static int setup(void **state)
{
	(void)state;
	memset(regs, 0, sizeof(regs));
	regs[1] = 23u << 16 | 0x11;
	is_absent = false;
	high_writes_while_open = 0;
	fake_io_set(&model_io);
	return 0;
}

static void test_all_pins_are_masked(void **state)
{
	(void)state;
	assert_int_equal(ioapic_phys_init(&io, window), OK);
	assert_int_equal(io.pin_count, 24);
	for (uint32_t pin = 0; pin < 24; pin++) {
		assert_int_equal(regs[0x10 + 2 * pin], 1u << 16);
	}
	assert_int_equal(regs[0x10 + 2 * 24], 0); /* beyond the last */
}

static void test_nobody_there(void **state)
{
	(void)state;
	is_absent = true;
	assert_int_equal(ioapic_phys_init(&io, window), ERR_NOENT);
	assert_int_equal(io.pin_count, 0);
	assert_int_equal(ioapic_phys_route_nmi(&io, 0, false, 0), ERR_RANGE);
}

static void test_route(void **state)
{
	(void)state;
	assert_int_equal(ioapic_phys_init(&io, window), OK);
	high_writes_while_open = 0;
	assert_int_equal(ioapic_phys_route_nmi(&io, 4, false, 2), OK);
	assert_int_equal(regs[0x18], 4u << 8);
	assert_int_equal(regs[0x19], 2u << 24);
	assert_int_equal(high_writes_while_open, 0);
	ioapic_phys_mask(&io, 4);
	assert_int_equal(regs[0x18], 1u << 16);
	assert_int_equal(ioapic_phys_route_nmi(&io, 9, true, 2), OK);
	assert_int_equal(regs[0x22], 4u << 8 | 1u << 13); /* an edge, low */
	assert_int_equal(ioapic_phys_route_nmi(&io, 24, false, 2), ERR_RANGE);
	assert_int_equal(ioapic_phys_route_nmi(&io, 4, false, 255), ERR_RANGE);
}

static uint8_t pic_last[256];
static uint8_t pic_bytes[2][8];
static uint32_t pic_count[2];

static void pic_out(void *ctx, uint16_t port, uint32_t size, uint32_t value)
{
	uint32_t chip = port >= 0xa0;

	(void)ctx;
	assert_int_equal(size, 1);
	assert_true((port & ~0x81) == 0x20 && pic_count[chip] < 8);
	pic_last[port] = (uint8_t)value;
	pic_bytes[chip][pic_count[chip]++] = (uint8_t)value;
}

static void test_pic(void **state)
{
	static const struct fake_io pic_io = { .out = pic_out };
	static const uint8_t first[] = { 0xff, 0x11, 0x20, 0x04, 0x01, 0xff };
	static const uint8_t second[] = { 0xff, 0x11, 0x28, 0x02, 0x01, 0xff };

	(void)state;
	fake_io_set(&pic_io);
	pic_phys_disable(0x20);
	assert_int_equal(pic_last[0x21], 0xff);
	assert_int_equal(pic_last[0xa1], 0xff);
	assert_memory_equal(pic_bytes[0], first, sizeof(first));
	assert_memory_equal(pic_bytes[1], second, sizeof(second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all_pins_are_masked, setup),
		cmocka_unit_test_setup(test_nobody_there, setup),
		cmocka_unit_test_setup(test_route, setup),
		cmocka_unit_test_setup(test_pic, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
