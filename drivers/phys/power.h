/* power.h - switching the machine off, and starting it anew. */
#ifndef DRIVERS_PHYS_POWER_H
#define DRIVERS_PHYS_POWER_H

#include "acpi_phys.h"

/* What is known of the machine; all zero is a machine without ACPI. */
struct power_info {
	const struct acpi_phys *acpi; /* NULL: no tables */
	/* (c) a register of memory space, mapped; may be NULL */
	volatile void *(*map)(void *ctx, uint64_t pa);
	void *ctx;
	/* (c) tell the operator; may be NULL */
	void (*message)(void *ctx, const char *text);
};

/**
 * power_off() - switch the machine off: ACPI S5, then what emulators have, then
 * a halt with a message. Context: interrupts off, other CPUs stopped.
 */
no_return void power_off(const struct power_info *p);
/**
 * power_reset() - start the machine anew: ACPI, port CF9, the keyboard
 * controller, a triple fault; in this order, without ACPI's tables the keyboard
 * controller before CF9.
 */
no_return void power_reset(const struct power_info *p);

#endif
