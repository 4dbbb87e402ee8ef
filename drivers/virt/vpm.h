/*
 * vpm.h - power management: soft-off, reset and power button of a partition.
 */
#ifndef VIRT_VPM_H
#define VIRT_VPM_H

#include <bh/irq_line.h>
#include <bh/vdev.h>

/* ACPI, "Sleep Control Register", "Sleep Status Register", "Reset Register" */
#define VPM_PORT_BASE          0x600u
#define VPM_PORT_COUNT         4u
#define VPM_PORT_SLEEP_CONTROL 0x600u
#define VPM_PORT_SLEEP_STATUS  0x601u
#define VPM_PORT_RESET         0x602u
#define VPM_PORT_EVENT         0x603u /* read: what happened, and forget it */
#define VPM_EVENT_BUTTON       0x01u  /* the power button was pressed */
#define VPM_BUTTON_GSI         9u     /* of the generic event device */
#define VPM_RESET_VALUE        0x5au
#define VPM_SLEEP_TYPE_S5      5u
#define VPM_SLEEP_ENABLE       0x20u

/* Legacy ways to reset that kernels try: i8042 command, chipset register. */
#define VPM_PORT_I8042       0x64u
#define VPM_I8042_RESET      0xfeu
#define VPM_RESET_CTRL_RESET 0x04u /* 0 -> 1 of this bit resets */

enum vpm_event { VPM_POWEROFF, VPM_RESET };

struct vpm_ops {
	/* The guest asked for it; called from within its port write. */
	void (*event)(void *ctx, enum vpm_event e);
};

struct vpm {
	const struct vpm_ops *ops; /* (c) */
	void *ctx;                 /* (c) */
	struct irq_line line;      /* (c) of the generic event device */
	uint8_t reset_ctrl;        /* last value of port 0xcf9 */
	uint8_t events;            /* VPM_EVENT_ bits not read yet */
};

/**
 * vpm_init() - a power device that reports to @ops->event(@ctx).
 * @line: where it interrupts, edge-triggered (copied)
 */
void vpm_init(struct vpm *pm, const struct vpm_ops *ops, void *ctx,
	      const struct irq_line *line);

/** vpm_press_button() - the operator presses the power button. */
void vpm_press_button(struct vpm *pm);

/**
 * vpm_attach() - claim the ACPI ports on @bus.
 * Return: what io_space_add() returns.
 */
must_check enum status vpm_attach(struct vpm *pm, struct io_bus *bus);

/** vpm_attach_i8042() - the command port of a keyboard controller that can do
 * nothing but reset, where there is no other (vi8042.h); as vpm_attach(). */
must_check enum status vpm_attach_i8042(struct vpm *pm, struct io_bus *bus);

/**
 * vpm_reset_control() - the guest wrote @value to port 0xcf9.
 * @ctx: the struct vpm; shaped for vpci.reset_control
 */
void vpm_reset_control(void *ctx, uint8_t value);

#endif
