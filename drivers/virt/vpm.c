/*
 * vpm.c - power management: soft-off, reset and power button of a partition.
 *
 * Two windows: the ACPI registers (sleep control, sleep status, reset, event)
 * and the
 * i8042's command port, of which only "pulse reset line" exists. The third way
 * to reset, the chipset's register at port 0xcf9, lies inside the window of
 * PCI's configuration ports: vpci.c hands its writes to vpm_reset_control().
 *
 * The power button is a control-method button (ACPI, "Control Method Power
 * Button"): a press sets a bit and interrupts; the generic event device of
 * dsdt.asl reads the event register, which clears it, and notifies the button.
 *
 * Whatever else a guest writes here has no effect; nothing is remembered but
 * the last byte at 0xcf9 and a press that was not read.
 */
#include "vpm.h"

static uint64_t vpm_acpi_read(void *dev, uint32_t offset, uint32_t size)
{
	struct vpm *pm = dev;
	uint8_t events = pm->events;

	/* sleep status: WAK_STS is never set; S5 has no wake */
	if (offset > VPM_PORT_EVENT - VPM_PORT_BASE ||
	    VPM_PORT_EVENT - VPM_PORT_BASE - offset >= size) {
		return 0;
	}
	pm->events = 0;
	return (uint64_t)events
	       << (8 * (VPM_PORT_EVENT - VPM_PORT_BASE - offset));
}

static void vpm_acpi_write(void *dev, uint32_t offset, uint32_t size,
			   uint64_t value)
{
	struct vpm *pm = dev;
	const uint32_t s5 = (VPM_SLEEP_TYPE_S5 << 2) | VPM_SLEEP_ENABLE;

	(void)size;
	if (offset == VPM_PORT_SLEEP_CONTROL - VPM_PORT_BASE &&
	    (value & 0x3c) == s5) {
		pm->ops->event(pm->ctx, VPM_POWEROFF);
	} else if (offset == VPM_PORT_RESET - VPM_PORT_BASE &&
		   (value & 0xff) == VPM_RESET_VALUE) {
		pm->ops->event(pm->ctx, VPM_RESET);
	}
}

static uint64_t vpm_i8042_read(void *dev, uint32_t offset, uint32_t size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0xff; /* no controller */
}

static void vpm_i8042_write(void *dev, uint32_t offset, uint32_t size,
			    uint64_t value)
{
	struct vpm *pm = dev;

	(void)offset;
	(void)size;
	if ((value & 0xff) == VPM_I8042_RESET) {
		pm->ops->event(pm->ctx, VPM_RESET);
	}
}

void vpm_reset_control(void *ctx, uint8_t value)
{
	struct vpm *pm = ctx;
	bool was_set = (pm->reset_ctrl & VPM_RESET_CTRL_RESET) != 0;

	pm->reset_ctrl = value & 0x0e;
	if (!was_set && (value & VPM_RESET_CTRL_RESET) != 0) {
		pm->ops->event(pm->ctx, VPM_RESET);
	}
}

static const struct vdev_ops acpi_ops = { "pm", vpm_acpi_read, vpm_acpi_write };
static const struct vdev_ops i8042_ops = { "pm-i8042", vpm_i8042_read,
					   vpm_i8042_write };

void vpm_init(struct vpm *pm, const struct vpm_ops *ops, void *ctx,
	      const struct irq_line *line)
{
	*pm = (struct vpm){ .ops = ops, .ctx = ctx, .line = *line };
}

void vpm_press_button(struct vpm *pm)
{
	pm->events |= VPM_EVENT_BUTTON;
	irq_line_set(&pm->line, true);
	irq_line_set(&pm->line, false);
}

enum status vpm_attach(struct vpm *pm, struct io_bus *bus)
{
	return io_space_add(&bus->pio, VPM_PORT_BASE, VPM_PORT_COUNT, &acpi_ops,
			    pm);
}

enum status vpm_attach_i8042(struct vpm *pm, struct io_bus *bus)
{
	return io_space_add(&bus->pio, VPM_PORT_I8042, 1, &i8042_ops, pm);
}
