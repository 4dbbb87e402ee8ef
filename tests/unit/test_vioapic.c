/* test_vioapic.c - pins, redirection entries, EOI, hostile accesses (B76). */
#include "tests/lib/unit.h"

#include "drivers/virt/vioapic.h"
#include "drivers/virt/vlapic.h"

static struct vioapic io;
static struct io_bus bus;
static uint32_t count;
static uint64_t address;
static uint32_t data;

static void deliver(void *ctx, uint64_t a, uint32_t d)
{
	(void)ctx;
	count++;
	address = a;
	data = d;
}

static int setup(void **state)
{
	const struct msi_sink sink = { deliver, NULL };

	(void)state;
	count = 0;
	io_space_init(&bus.pio);
	io_space_init(&bus.mmio);
	vioapic_init(&io, &sink);
	assert_int_equal(vioapic_attach(&io, &bus), OK);
	return 0;
}

static void reg_write(uint32_t index, uint32_t v)
{
	io_space_write(&bus.mmio, VIOAPIC_GPA, 4, index);
	io_space_write(&bus.mmio, VIOAPIC_GPA + 0x10, 4, v);
}

static uint32_t reg_read(uint32_t index)
{
	io_space_write(&bus.mmio, VIOAPIC_GPA, 4, index);
	return (uint32_t)io_space_read(&bus.mmio, VIOAPIC_GPA + 0x10, 4);
}

static void set_rte(uint32_t pin, uint64_t rte)
{
	reg_write(0x11 + pin * 2, (uint32_t)(rte >> 32));
	reg_write(0x10 + pin * 2, (uint32_t)rte);
}

static uint64_t get_rte(uint32_t pin)
{
	return (uint64_t)reg_read(0x11 + pin * 2) << 32 |
	       reg_read(0x10 + pin * 2);
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(reg_read(1), 0x00170020);
	reg_write(0, 0xffffffff);
	assert_int_equal(reg_read(0), 0x0f000000);
	reg_write(1, 0);
	assert_int_equal(reg_read(1), 0x00170020);
	for (uint32_t pin = 0; pin < VIOAPIC_PIN_COUNT; pin++) {
		assert_int_equal(get_rte(pin), VIOAPIC_RTE_MASKED);
	}
	set_rte(3, UINT64_MAX); /* read-only bits stay 0 */
	assert_int_equal(get_rte(3), 0xfffe00000001afff);
	/* beyond the last pin, and wild indexes */
	for (uint32_t i = 0x40; i < 0x100; i++) {
		reg_write(i, UINT32_MAX);
		assert_int_equal(reg_read(i), 0);
	}
	reg_write(UINT32_MAX, 0);
}

static void test_edge(void **state)
{
	(void)state;
	vioapic_set_pin(&io, 4, true); /* masked: lost */
	vioapic_set_pin(&io, 4, false);
	assert_int_equal(count, 0);
	set_rte(4, 0x31);
	assert_int_equal(count, 0);
	vioapic_set_pin(&io, 4, true);
	assert_int_equal(count, 1);
	assert_int_equal(address, 0xfee00000);
	assert_int_equal(data, 0x31);
	vioapic_set_pin(&io, 4, true); /* no new edge */
	assert_int_equal(count, 1);
	vioapic_set_pin(&io, 4, false);
	vioapic_set_pin(&io, 4, true);
	assert_int_equal(count, 2);
	vioapic_eoi(&io, 0x31); /* nothing waits for it */
	assert_int_equal(count, 2);
}

static void test_level(void **state)
{
	(void)state;
	set_rte(5, VIOAPIC_RTE_LEVEL | 0x41);
	vioapic_set_pin(&io, 5, true);
	assert_int_equal(count, 1);
	assert_int_equal(data, 0xc041);
	assert_true(get_rte(5) & VIOAPIC_RTE_REMOTE_IRR);
	vioapic_set_pin(&io, 5, false);
	vioapic_set_pin(&io, 5, true); /* still waits for the EOI */
	assert_int_equal(count, 1);
	vioapic_eoi(&io, 0x42);
	assert_int_equal(count, 1);
	vioapic_eoi(&io, 0x41); /* still active: again */
	assert_int_equal(count, 2);
	vioapic_set_pin(&io, 5, false);
	vioapic_eoi(&io, 0x41);
	assert_int_equal(count, 2);
	assert_false(get_rte(5) & VIOAPIC_RTE_REMOTE_IRR);
	/* active while masked: sent when unmasked */
	set_rte(5, VIOAPIC_RTE_LEVEL | VIOAPIC_RTE_MASKED | 0x41);
	vioapic_set_pin(&io, 5, true);
	assert_int_equal(count, 2);
	set_rte(5, VIOAPIC_RTE_LEVEL | 0x41);
	assert_int_equal(count, 3);
	/* the EOI register of version 20h */
	vioapic_set_pin(&io, 5, false);
	io_space_write(&bus.mmio, VIOAPIC_GPA + 0x40, 4, 0x41);
	assert_false(get_rte(5) & VIOAPIC_RTE_REMOTE_IRR);
}

static void test_guest_cannot_forge_remote_irr(void **state)
{
	(void)state;
	set_rte(6, VIOAPIC_RTE_LEVEL | VIOAPIC_RTE_REMOTE_IRR | 0x51);
	assert_false(get_rte(6) & VIOAPIC_RTE_REMOTE_IRR);
	vioapic_set_pin(&io, 6, true);
	set_rte(6, VIOAPIC_RTE_LEVEL | 0x52); /* rewritten while set */
	assert_true(get_rte(6) & VIOAPIC_RTE_REMOTE_IRR);
	assert_int_equal(count, 1);
	set_rte(6, 0x52); /* to edge: nothing to wait for */
	assert_false(get_rte(6) & VIOAPIC_RTE_REMOTE_IRR);
}

static void test_destinations(void **state)
{
	struct vlapic_message m;

	(void)state;
	set_rte(1, 7ull << 56 | 2ull << 49 | VIOAPIC_RTE_LOGICAL | 0x161);
	vioapic_set_pin(&io, 1, true);
	assert_true(vlapic_msi_decode(address, data, &m));
	assert_int_equal(m.dest, 0x207);
	assert_true(m.is_logical);
	assert_int_equal(m.mode, VLAPIC_LOWEST);
	assert_int_equal(m.vector, 0x61);
}

static void test_hostile_accesses(void **state)
{
	(void)state;
	vioapic_set_pin(&io, 24, true);
	vioapic_set_pin(&io, UINT32_MAX, true);
	assert_int_equal(io.asserted, 0);
	for (uint32_t at = 0; at < 0x200; at++) {
		for (uint32_t size = 1; size <= 8; size *= 2) {
			io_space_write(&bus.mmio, VIOAPIC_GPA + at, size,
				       UINT64_MAX);
			io_space_read(&bus.mmio, VIOAPIC_GPA + at, size);
		}
	}
	assert_int_equal(count, 0);
	/* a byte to IOWIN is no register access */
	io_space_write(&bus.mmio, VIOAPIC_GPA, 1, 0x10);
	io_space_write(&bus.mmio, VIOAPIC_GPA + 0x10, 1, 0);
	assert_int_equal(get_rte(0), VIOAPIC_RTE_MASKED);
	for (uint32_t v = 0; v < 256; v++) {
		vioapic_eoi(&io, (uint8_t)v);
	}
	assert_int_equal(count, 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registers),    T(test_edge),
		T(test_level),        T(test_guest_cannot_forge_remote_irr),
		T(test_destinations), T(test_hostile_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
