/* test_power.c - the ways out, in their order, on machines of several kinds. */
#include "drivers/phys/power.h"
#include "tests/fake_arch/fake_arch.h"
#include "tests/lib/unit.h"
#include <bh/string.h>
#include <spec/acpi.h>
#include <string.h>

#define PM1A      0x604u
#define PM1B      0x704u
#define WRITE_MAX 64

struct access {
	uint16_t port;
	uint8_t size;
	uint32_t value;
};

static struct access writes[WRITE_MAX];
static uint32_t write_count;
static uint16_t pm1_value;
static uint32_t reads_to_acpi_mode;
static bool smi_is_dead;
static bool keyboard_is_busy;
static uint8_t reset_reg;
static uint64_t mmio_value;
static char message[256];
static struct acpi_phys acpi;
static struct power_info info;

static uint32_t model_in(void *ctx, uint16_t port, uint32_t size)
{
	(void)ctx;
	(void)size;
	if (port == 0x64) {
		return keyboard_is_busy ? 0x02 : 0;
	}
	if (reads_to_acpi_mode > 0 && --reads_to_acpi_mode == 0) {
		pm1_value |= 1;
	}
	return port == PM1A || port == PM1B ? pm1_value : UINT32_MAX;
}

static void model_out(void *ctx, uint16_t port, uint32_t size, uint32_t value)
{
	(void)ctx;
	assert_true(write_count < WRITE_MAX);
	writes[write_count++] = (struct access){ port, (uint8_t)size, value };
	if (port == 0xb2 && !smi_is_dead) {
		reads_to_acpi_mode = 3; /* it takes its time */
	}
}

static void model_mmio_write(void *ctx, uintptr_t reg, uint32_t size,
			     uint64_t value)
{
	(void)ctx;
	assert_int_equal(reg, (uintptr_t)&reset_reg);
	assert_int_equal(size, 1);
	mmio_value = value;
}

static const struct fake_io model_io = { .in = model_in,
					 .out = model_out,
					 .mmio_write = model_mmio_write };

static volatile void *test_map(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa == 0xfed00000 ? &reset_reg : NULL;
}

static void test_message(void *ctx, const char *text)
{
	(void)ctx;
	str_copy(message, sizeof(message), text);
}

static int setup(void **state)
{
	(void)state;
	write_count = 0;
	pm1_value = 0x0001;
	reads_to_acpi_mode = 0;
	smi_is_dead = false;
	keyboard_is_busy = false;
	mmio_value = 0;
	message[0] = '\0';
	acpi = (struct acpi_phys){
		.has_fadt = true,
		.has_s5 = true,
		.s5_type_a = 5,
		.s5_type_b = 3,
		.pm1a_control = { PM1A, ACPI_SPACE_IO, 16 },
		.reset = { 0xcf9, ACPI_SPACE_IO, 8 },
		.reset_value = 0x0e,
	};
	info = (struct power_info){ .acpi = &acpi,
				    .map = test_map,
				    .message = test_message };
	fake_cpu_reset();
	fake_cpu.tsc_step = 1000000;
	fake_cpu.irq_enabled = true;
	fake_io_set(&model_io);
	return 0;
}

/* Run what never returns; how the CPU stopped. */
static int run(void (*way)(const struct power_info *p))
{
	int kind;

	fake_cpu.has_stop_jump = true;
	kind = setjmp(fake_cpu.stop_jump);
	if (kind == 0) {
		way(&info);
	}
	fake_cpu.has_stop_jump = false;
	return kind;
}

static void expect_write(uint32_t at, uint16_t port, uint8_t size,
			 uint32_t value)
{
	assert_true(at < write_count);
	assert_int_equal(writes[at].port, port);
	assert_int_equal(writes[at].size, size);
	assert_int_equal(writes[at].value, value);
}

static void test_acpi_s5(void **state)
{
	(void)state;
	assert_int_equal(run(power_off), FAKE_STOP_HALTED);
	expect_write(0, PM1A, 2, 0x1401);
	expect_write(1, PM1A, 2, 0x3401);
	expect_write(2, 0x8900, 1, 'S');
	expect_write(9, 0x8900, 1, 'n');
	assert_int_equal(write_count, 10); /* not QEMU's port: ACPI is known */
	assert_false(fake_cpu.irq_enabled);
	assert_non_null(strstr(message, "by hand"));
}

static void test_both_control_blocks(void **state)
{
	(void)state;
	acpi.pm1b_control = (struct acpi_register){ PM1B, ACPI_SPACE_IO, 16 };
	run(power_off);
	/* both types before either is told to go */
	expect_write(0, PM1A, 2, 0x1401);
	expect_write(1, PM1B, 2, 0x0c01);
	expect_write(2, PM1A, 2, 0x3401);
	expect_write(3, PM1B, 2, 0x2c01);
}

static void test_acpi_mode_is_entered_first(void **state)
{
	(void)state;
	pm1_value = 0;
	acpi.smi_port = 0xb2;
	acpi.acpi_enable = 0xf1;
	run(power_off);
	expect_write(0, 0xb2, 1, 0xf1);
	expect_write(1, PM1A, 2, 0x1401);
	setup(NULL);
	acpi.smi_port = 0xb2; /* it is on already: no SMI */
	acpi.acpi_enable = 0xf1;
	run(power_off);
	expect_write(0, PM1A, 2, 0x1401);
}

/* The mode never comes: a bounded wait, then it is tried all the same. */
static void test_acpi_mode_that_never_comes(void **state)
{
	(void)state;
	pm1_value = 0;
	acpi.smi_port = 0xb2;
	acpi.acpi_enable = 0xf1;
	smi_is_dead = true;
	run(power_off);
	expect_write(1, PM1A, 2, 0x1400);
	setup(NULL);
	pm1_value = 0;
	acpi.smi_port = 0xb2;
	acpi.acpi_enable = 0xf1;
	smi_is_dead = true;
	fake_cpu.tsc_step = 0; /* and a TSC that stands still */
	assert_int_equal(run(power_off), FAKE_STOP_HALTED);
	assert_true(fake_io_in_count < 1100000);
}

static void test_hardware_reduced(void **state)
{
	(void)state;
	acpi.is_hw_reduced = true;
	acpi.pm1a_control.address = 0;
	acpi.sleep_control = (struct acpi_register){ 0x600, ACPI_SPACE_IO, 8 };
	run(power_off);
	expect_write(0, 0x600, 1, 5 << 2 | 0x20);
	expect_write(1, 0x8900, 1, 'S');
	setup(NULL);
	acpi.is_hw_reduced = true;
	acpi.sleep_control =
		(struct acpi_register){ 0xfed00000, ACPI_SPACE_MEMORY, 8 };
	run(power_off);
	assert_int_equal(mmio_value, 5 << 2 | 0x20);
	setup(NULL);
	acpi.is_hw_reduced = true; /* and no such register */
	run(power_off);
	expect_write(0, 0x8900, 1, 'S');
}

static void test_without_s5_pm1_is_not_touched(void **state)
{
	(void)state;
	acpi.has_s5 = false;
	run(power_off);
	expect_write(0, 0x8900, 1, 'S');
	assert_int_equal(write_count, 8);
	setup(NULL);
	acpi.pm1a_control.space = ACPI_SPACE_MEMORY;
	run(power_off);
	expect_write(0, 0x8900, 1, 'S');
}

static void test_without_acpi(void **state)
{
	(void)state;
	info.acpi = NULL;
	info.message = NULL;
	assert_int_equal(run(power_off), FAKE_STOP_HALTED);
	expect_write(0, 0x8900, 1, 'S');
	expect_write(8, 0x604, 2, 0x2000);
	assert_int_equal(write_count, 9);
}

static void test_reset_order(void **state)
{
	(void)state;
	assert_int_equal(run(power_reset), FAKE_STOP_TRIPLE_FAULT);
	expect_write(0, 0xcf9, 1, 0x0e);
	expect_write(1, 0xcf9, 1, 0x02);
	expect_write(2, 0xcf9, 1, 0x06);
	expect_write(3, 0xcf9, 1, 0x0e);
	expect_write(4, 0x64, 1, 0xfe);
	assert_int_equal(write_count, 5);
}

static void test_reset_in_memory(void **state)
{
	(void)state;
	acpi.reset = (struct acpi_register){ 0xfed00000, ACPI_SPACE_MEMORY, 8 };
	run(power_reset);
	assert_int_equal(mmio_value, 0x0e);
	mmio_value = 0;
	acpi.reset.address = 0xdead0000; /* cannot be mapped */
	run(power_reset);
	assert_int_equal(mmio_value, 0);
	info.map = NULL;
	assert_int_equal(run(power_reset), FAKE_STOP_TRIPLE_FAULT);
}

static void test_reset_in_configuration_space(void **state)
{
	(void)state;
	acpi.reset = (struct acpi_register){ 0x1f00020066,
					     ACPI_SPACE_PCI_CONFIG, 8 };
	run(power_reset);
	expect_write(0, 0xcf8, 4, 0x80000000 | 31 << 11 | 2 << 8 | 0x64);
	expect_write(1, 0xcfe, 1, 0x0e);
	expect_write(2, 0xcf9, 1, 0x02); /* the next way */
}

static void test_reset_with_stuck_keyboard(void **state)
{
	(void)state;
	keyboard_is_busy = true;
	info.acpi = NULL;
	fake_cpu.tsc_step = 0; /* and a TSC that stands still */
	assert_int_equal(run(power_reset), FAKE_STOP_TRIPLE_FAULT);
	expect_write(0, 0x64, 1, 0xfe); /* before CF9: no tables */
	expect_write(1, 0xcf9, 1, 0x02);
	expect_write(2, 0xcf9, 1, 0x06);
	expect_write(3, 0xcf9, 1, 0x0e);
	assert_int_equal(write_count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_acpi_s5, setup),
		cmocka_unit_test_setup(test_both_control_blocks, setup),
		cmocka_unit_test_setup(test_acpi_mode_is_entered_first, setup),
		cmocka_unit_test_setup(test_acpi_mode_that_never_comes, setup),
		cmocka_unit_test_setup(test_hardware_reduced, setup),
		cmocka_unit_test_setup(test_without_s5_pm1_is_not_touched,
				       setup),
		cmocka_unit_test_setup(test_without_acpi, setup),
		cmocka_unit_test_setup(test_reset_order, setup),
		cmocka_unit_test_setup(test_reset_in_memory, setup),
		cmocka_unit_test_setup(test_reset_in_configuration_space,
				       setup),
		cmocka_unit_test_setup(test_reset_with_stuck_keyboard, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
