/*
 * vioapic.h - an I/O APIC with 24 pins.
 */
#ifndef VIRT_VIOAPIC_H
#define VIRT_VIOAPIC_H

#include <bh/irq_line.h>
#include <bh/vdev.h>

#define VIOAPIC_GPA       0xfec00000ull
#define VIOAPIC_SIZE      4096u
#define VIOAPIC_PIN_COUNT 24u

/* Bits of a redirection entry: 82093AA data sheet, "I/O Redirection Table". */
#define VIOAPIC_RTE_LOGICAL    (1ull << 11)
#define VIOAPIC_RTE_STATUS     (1ull << 12)
#define VIOAPIC_RTE_REMOTE_IRR (1ull << 14)
#define VIOAPIC_RTE_LEVEL      (1ull << 15)
#define VIOAPIC_RTE_MASKED     (1ull << 16)

struct vioapic {
	struct msi_sink sink;            /* (c) */
	uint64_t rte[VIOAPIC_PIN_COUNT]; /* redirection table */
	uint32_t asserted;               /* pins that are active now */
	uint32_t index;                  /* IOREGSEL */
	uint32_t id;
};

/** vioapic_init() - all pins masked; messages go to @sink (copied). */
void vioapic_init(struct vioapic *io, const struct msi_sink *sink);
/** vioapic_attach() - claim the window at VIOAPIC_GPA on @bus. */
must_check enum status vioapic_attach(struct vioapic *io, struct io_bus *bus);

/**
 * vioapic_set_pin() - a device drives @pin; @active whatever the polarity.
 * Pins that do not exist are ignored.
 */
void vioapic_set_pin(struct vioapic *io, uint32_t pin, bool active);

/** vioapic_eoi() - a local APIC ended level-triggered @vector. */
void vioapic_eoi(struct vioapic *io, uint8_t vector);

#endif
