/* ioapic_phys.h - the machine's I/O APIC: all masked, single lines opened. */
#ifndef DRIVERS_PHYS_IOAPIC_PHYS_H
#define DRIVERS_PHYS_IOAPIC_PHYS_H

#include <bh/status.h>
#include <stdbool.h>

#define IOAPIC_PHYS_BASE 0xfec00000u /* where it is when no table says else */

struct ioapic_phys {
	volatile void *regs; /* (c) register page, mapped uncached */
	uint32_t pin_count;  /* (c) */
};

/**
 * ioapic_phys_init() - mask every pin.
 * Return: OK; ERR_NOENT if nothing answers at @regs.
 */
must_check enum status ioapic_phys_init(struct ioapic_phys *io,
					volatile void *regs);
/**
 * ioapic_phys_route_nmi() - an edge at @pin is an NMI to the CPU @apic_id.
 * @is_low: the pin is active low
 * Return: OK; ERR_RANGE if there is no such pin, or the ID needs more than 8
 *	   bits.
 */
must_check enum status ioapic_phys_route_nmi(struct ioapic_phys *io,
					     uint32_t pin, bool is_low,
					     uint32_t apic_id);
/** ioapic_phys_mask() - silence @pin. */
void ioapic_phys_mask(struct ioapic_phys *io, uint32_t pin);

#endif
