/*
 * vioapic.c - an I/O APIC with 24 pins.
 *
 * Reached through two registers in memory, IOREGSEL and IOWIN, and an EOI
 * register (version 20h). Interrupts leave as messages, formed as an MSI would
 * be, so one decoder of destinations (vlapic.c) serves both.
 *
 * A pin
 *	edge:  a message on each change from idle to active while unmasked
 *	level: idle --active, unmasked--> message, remote IRR set
 *	       remote IRR set --EOI--> idle, or the next message if still active
 *
 * Invariants
 *  1. No message leaves a masked pin, nor a level pin whose remote IRR is set.
 *  2. Remote IRR is set only on level pins, and only by a message sent.
 *  3. The guest cannot write remote IRR or the delivery status.
 */
#include "vioapic.h"

#include <bh/nospec.h>

#define IOREGSEL 0x00u
#define IOWIN    0x10u
#define EOI      0x40u

#define REG_ID        0x00u
#define REG_VERSION   0x01u
#define REG_ARB       0x02u
#define REG_RTE_FIRST 0x10u
#define VERSION_VALUE (0x20u | (VIOAPIC_PIN_COUNT - 1) << 16)

#define RTE_READ_ONLY (VIOAPIC_RTE_STATUS | VIOAPIC_RTE_REMOTE_IRR)
/* Vector, modes, polarity, trigger, mask; destination and its extension. */
#define RTE_WRITABLE 0xfffe00000001afffull

/* SDM vol. 3, "Message Signalled Interrupts"; the destination's extension is
 * where KVM_FEATURE_MSI_EXT_DEST_ID has it. */
static void send(const struct vioapic *io, uint64_t rte)
{
	uint64_t address = 0xfee00000ull | ((rte >> 56) & 0xff) << 12 |
			   ((rte >> 49) & 0x7f) << 5;
	uint32_t data = (uint32_t)rte & 0x7ff; /* vector, delivery mode */

	if ((rte & VIOAPIC_RTE_LOGICAL) != 0) {
		address |= 4;
	}
	if ((rte & VIOAPIC_RTE_LEVEL) != 0) {
		data |= 0xc000; /* level, asserted */
	}
	io->sink.deliver(io->sink.ctx, address, data);
}

/* Pin @pin is active: send what may be sent. */
static void serve(struct vioapic *io, uint32_t pin)
{
	uint64_t rte = io->rte[pin];

	if ((rte & (VIOAPIC_RTE_MASKED | VIOAPIC_RTE_REMOTE_IRR)) != 0) {
		return;
	}
	if ((rte & VIOAPIC_RTE_LEVEL) != 0) {
		io->rte[pin] = rte | VIOAPIC_RTE_REMOTE_IRR;
	}
	send(io, rte);
}

void vioapic_set_pin(struct vioapic *io, uint32_t pin, bool active)
{
	uint32_t bit;
	bool was_active;

	if (pin >= VIOAPIC_PIN_COUNT) {
		return;
	}
	bit = 1u << pin;
	was_active = (io->asserted & bit) != 0;
	io->asserted = active ? io->asserted | bit : io->asserted & ~bit;
	if (active && !was_active) {
		serve(io, pin);
	}
}

void vioapic_eoi(struct vioapic *io, uint8_t vector)
{
	for (uint32_t pin = 0; pin < VIOAPIC_PIN_COUNT; pin++) {
		uint64_t rte = io->rte[pin];

		if ((uint8_t)rte != vector ||
		    (rte & VIOAPIC_RTE_REMOTE_IRR) == 0) {
			continue;
		}
		io->rte[pin] = rte & ~VIOAPIC_RTE_REMOTE_IRR;
		if ((io->asserted & (1u << pin)) != 0) {
			serve(io, pin);
		}
	}
}

static uint32_t read_register(const struct vioapic *io)
{
	uint32_t n = io->index - REG_RTE_FIRST;

	if (io->index == REG_ID || io->index == REG_ARB) {
		return io->id;
	}
	if (io->index == REG_VERSION) {
		return VERSION_VALUE;
	}
	if (n >= 2 * VIOAPIC_PIN_COUNT) {
		return 0;
	}
	n = (uint32_t)index_nospec(n, 2ull * VIOAPIC_PIN_COUNT);
	return (uint32_t)(io->rte[n / 2] >> (n % 2 * 32));
}

static void write_rte(struct vioapic *io, uint32_t pin, uint64_t value)
{
	uint64_t rte = (value & RTE_WRITABLE) | (io->rte[pin] & RTE_READ_ONLY);

	/* An edge pin waits for no EOI. */
	if ((rte & VIOAPIC_RTE_LEVEL) == 0) {
		rte &= ~VIOAPIC_RTE_REMOTE_IRR;
	}
	io->rte[pin] = rte;
	if ((rte & VIOAPIC_RTE_LEVEL) != 0 &&
	    (io->asserted & (1u << pin)) != 0) {
		serve(io, pin);
	}
}

static void write_register(struct vioapic *io, uint32_t value)
{
	uint32_t n = io->index - REG_RTE_FIRST;
	uint32_t shift = n % 2 * 32;
	uint64_t rte;

	if (io->index == REG_ID) {
		io->id = value & 0x0f000000;
		return;
	}
	if (n >= 2 * VIOAPIC_PIN_COUNT) {
		return;
	}
	n = (uint32_t)index_nospec(n, 2ull * VIOAPIC_PIN_COUNT);
	rte = io->rte[n / 2] & ~(0xffffffffull << shift);
	write_rte(io, n / 2, rte | (uint64_t)value << shift);
}

static uint64_t vioapic_read(void *dev, uint32_t offset, uint32_t size)
{
	const struct vioapic *io = dev;

	if (size != 4 && offset != IOREGSEL) {
		return 0;
	}
	if (offset == IOREGSEL) {
		return io->index;
	}
	return offset == IOWIN ? read_register(io) : 0;
}

static void vioapic_write(void *dev, uint32_t offset, uint32_t size,
			  uint64_t value)
{
	struct vioapic *io = dev;

	if (offset == IOREGSEL) {
		io->index = (uint32_t)value & 0xff;
	} else if (offset == IOWIN && size == 4) {
		write_register(io, (uint32_t)value);
	} else if (offset == EOI && size == 4) {
		vioapic_eoi(io, (uint8_t)value);
	}
}

static const struct vdev_ops vioapic_vdev_ops = { "ioapic", vioapic_read,
						  vioapic_write };

void vioapic_init(struct vioapic *io, const struct msi_sink *sink)
{
	*io = (struct vioapic){ .sink = *sink };
	for (uint32_t i = 0; i < VIOAPIC_PIN_COUNT; i++) {
		io->rte[i] = VIOAPIC_RTE_MASKED;
	}
}

enum status vioapic_attach(struct vioapic *io, struct io_bus *bus)
{
	return io_space_add(&bus->mmio, VIOAPIC_GPA, VIOAPIC_SIZE,
			    &vioapic_vdev_ops, io);
}
