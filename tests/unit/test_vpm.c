/* test_vpm.c - what powers off, what resets, and what does neither (B50). */
#include "tests/lib/unit.h"

#include "drivers/virt/vpm.h"
#include <string.h>

static struct vpm pm;
static struct io_bus bus;
static uint32_t poweroffs, resets;

static void event(void *ctx, enum vpm_event e)
{
	assert_ptr_equal(ctx, &pm);
	poweroffs += e == VPM_POWEROFF;
	resets += e == VPM_RESET;
}

static const struct vpm_ops ops = { event };
static char wire[8]; /* its levels, in order */

static void pin(void *ctx, uint32_t number, bool level)
{
	assert_null(ctx);
	assert_int_equal(number, VPM_BUTTON_GSI);
	wire[strlen(wire)] = level ? '1' : '0';
}

static const struct irq_line line = { pin, NULL, VPM_BUTTON_GSI };

static int setup(void **state)
{
	(void)state;
	poweroffs = resets = 0;
	io_space_init(&bus.pio);
	vpm_init(&pm, &ops, &pm, &line);
	memset(wire, 0, sizeof(wire));
	assert_int_equal(vpm_attach(&pm, &bus), OK);
	assert_int_equal(vpm_attach_i8042(&pm, &bus), OK);
	return 0;
}

static void test_sleep_control(void **state)
{
	(void)state;
	for (uint32_t v = 0; v < 256; v++) {
		io_space_write(&bus.pio, VPM_PORT_SLEEP_CONTROL, 1, v);
	}
	/* SLP_EN with type 5: bits 0, 1, 6 and 7 do not matter */
	assert_int_equal(poweroffs, 16);
	assert_int_equal(resets, 0);
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_SLEEP_STATUS, 1), 0);
	io_space_write(&bus.pio, VPM_PORT_SLEEP_STATUS, 1, 0x34);
	assert_int_equal(poweroffs, 16);
}

static void test_reset_register(void **state)
{
	(void)state;
	for (uint32_t v = 0; v < 256; v++) {
		io_space_write(&bus.pio, VPM_PORT_RESET, 1, v);
	}
	assert_int_equal(resets, 1);
	assert_int_equal(poweroffs, 0);
}

static void test_i8042(void **state)
{
	(void)state;
	for (uint32_t v = 0; v < 256; v++) {
		io_space_write(&bus.pio, 0x64, 1, v);
	}
	assert_int_equal(resets, 1);
	assert_int_equal(io_space_read(&bus.pio, 0x64, 1), 0xff);
}

static void test_reset_control(void **state)
{
	(void)state;
	vpm_reset_control(&pm, 0x02);
	assert_int_equal(resets, 0);
	vpm_reset_control(&pm, 0x06);
	assert_int_equal(resets, 1);
	vpm_reset_control(&pm, 0x06); /* no new edge */
	assert_int_equal(resets, 1);
	vpm_reset_control(&pm, 0x00);
	vpm_reset_control(&pm, 0x0e);
	assert_int_equal(resets, 2);
}

static void test_power_button(void **state)
{
	(void)state;
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_EVENT, 1), 0);
	vpm_press_button(&pm);
	assert_string_equal(wire, "10"); /* an edge */
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_SLEEP_STATUS, 1), 0);
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_EVENT, 1),
			 VPM_EVENT_BUTTON);
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_EVENT, 1), 0);
	/* two presses that nobody read are one; any width reads it */
	vpm_press_button(&pm);
	vpm_press_button(&pm);
	assert_string_equal(wire, "101010");
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_BASE, 4),
			 (uint32_t)VPM_EVENT_BUTTON << 24);
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_RESET, 2), 0);
	io_space_write(&bus.pio, VPM_PORT_EVENT, 1, 0xff);
	assert_int_equal(io_space_read(&bus.pio, VPM_PORT_EVENT, 1), 0);
	assert_int_equal(poweroffs + resets, 0);
}

static void test_taken_ports_are_refused(void **state)
{
	struct vpm other;

	(void)state;
	vpm_init(&other, &ops, &other, &line);
	assert_int_equal(vpm_attach(&other, &bus), ERR_EXIST);
	assert_int_equal(vpm_attach_i8042(&other, &bus), ERR_EXIST);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sleep_control), T(test_reset_register),
		T(test_i8042),         T(test_reset_control),
		T(test_power_button),  T(test_taken_ports_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
