/*
 * ioapic_phys.c - the machine's I/O APIC.
 *
 * Two registers: an index and a data window (82093AA data sheet, "Register
 * Description"). The VMM takes devices by polling or MSI, so all pins are
 * masked at start and very few opened again.
 * Locks: none; used at start, by the boot CPU.
 */
#include "ioapic_phys.h"
#include <arch/io.h>

/* clang-format off */
#define IOREGSEL   0x00
#define IOWIN      0x10
#define IOAPICVER  0x01
#define IOREDTBL(pin) (0x10 + 2 * (pin)) /* low word; the high one follows */

#define RTE_NMI    (4u << 8) /* delivery mode; the vector is ignored */
#define RTE_LOW    (1u << 13) /* the pin is active low */
#define RTE_MASKED BIT(16)
/* clang-format on */

static uint32_t ioapic_read(const struct ioapic_phys *io, uint32_t index)
{
	volatile uint8_t *regs = io->regs;

	mmio_write32(regs + IOREGSEL, index);
	return mmio_read32(regs + IOWIN);
}

static void ioapic_write(const struct ioapic_phys *io, uint32_t index,
			 uint32_t value)
{
	volatile uint8_t *regs = io->regs;

	mmio_write32(regs + IOREGSEL, index);
	mmio_write32(regs + IOWIN, value);
}

/** ioapic_phys_mask() - silence @pin. */
void ioapic_phys_mask(struct ioapic_phys *io, uint32_t pin)
{
	if (pin < io->pin_count) {
		ioapic_write(io, IOREDTBL(pin), RTE_MASKED);
		ioapic_write(io, IOREDTBL(pin) + 1, 0);
	}
}

/**
 * ioapic_phys_init() - mask every pin.
 * @io:	  where its state goes
 * @regs: its register page, mapped uncached
 * Return: OK; ERR_NOENT if nothing answers at @regs.
 */
enum status ioapic_phys_init(struct ioapic_phys *io, volatile void *regs)
{
	uint32_t version;

	io->regs = regs;
	io->pin_count = 0;
	version = ioapic_read(io, IOAPICVER);
	if (version == 0 || version == UINT32_MAX) {
		return ERR_NOENT;
	}
	io->pin_count = ((version >> 16) & 0xff) + 1;
	for (uint32_t pin = 0; pin < io->pin_count; pin++) {
		ioapic_phys_mask(io, pin);
	}
	return OK;
}

/**
 * ioapic_phys_route_nmi() - an edge at @pin is an NMI to the CPU @apic_id.
 * @is_low: the pin is active low
 *
 * An NMI reaches the VMM whoever has the local APIC and whatever the interrupt
 * flag is (docs/adr/0009). It is edge-triggered whatever the line is: nobody
 * ends an NMI, so a level would be taken once and never again. The destination
 * goes first, so that the pin is never open towards nobody.
 * Return: OK; ERR_RANGE if there is no such pin, or the ID needs more than 8
 *	   bits.
 */
enum status ioapic_phys_route_nmi(struct ioapic_phys *io, uint32_t pin,
				  bool is_low, uint32_t apic_id)
{
	if (pin >= io->pin_count || apic_id > 0xfe) {
		return ERR_RANGE;
	}
	ioapic_write(io, IOREDTBL(pin), RTE_MASKED);
	ioapic_write(io, IOREDTBL(pin) + 1, apic_id << 24);
	ioapic_write(io, IOREDTBL(pin), RTE_NMI | (is_low ? RTE_LOW : 0));
	return OK;
}
