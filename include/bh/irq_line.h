/*
 * irq_line.h - how a device model raises interrupts without knowing any CPU.
 */
#ifndef BH_IRQ_LINE_H
#define BH_IRQ_LINE_H

#include <bh/attr.h>
#include <stdbool.h>

/* A wire into the virtual IOAPIC: level-sensitive or edge, as programmed. */
struct irq_line {
	void (*set)(void *ctx, uint32_t pin, bool level);
	void *ctx;
	uint32_t pin;
};

static inline void irq_line_set(const struct irq_line *l, bool level)
{
	l->set(l->ctx, l->pin, level);
}

/*
 * Where message-signalled interrupts go. The address and data are whatever the
 * guest wrote: the sink validates them (SDM vol. 3, "Message Signalled
 * Interrupts") and ignores what is not for the partition's own LAPICs.
 */
struct msi_sink {
	void (*deliver)(void *ctx, uint64_t address, uint32_t data);
	void *ctx;
};

#endif
