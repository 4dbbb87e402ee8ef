/*
 * irq.h - the interrupt flag of the CPU that calls.
 *
 * The VMM runs with interrupts off; only the idle loop opens a window. A lock
 * that a handler may take is therefore safe with a plain spin_lock().
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include <bh/attr.h>
#include <stdbool.h>
#include <stdint.h>

/* What irq_save() found; a struct so that it cannot be mixed up. */
typedef struct {
	bool was_enabled;
} irq_state_t;

/** irq_is_enabled() - is the interrupt flag set? */
bool irq_is_enabled(void);
void irq_enable(void);
void irq_disable(void);
/** irq_save() - interrupts off; the state that was. */
must_check irq_state_t irq_save(void);
/** irq_restore() - back to the state that irq_save() found. */
void irq_restore(irq_state_t state);
/** irq_nmi_count() - NMIs that this CPU has had in the VMM or in a guest. */
uint64_t irq_nmi_count(void);
/**
 * irq_wait() - STI, HLT, CLI: sleep until an interrupt or NMI has been handled.
 * @seen: irq_nmi_count() before the caller looked for something to do: an NMI
 *	  since then, which may have brought it, is not slept over.
 *
 * STI holds interrupts off for one more instruction, so one that arrived before
 * the call is not slept over. Interrupts are off again on return. May be called
 * only while the CPU's local APIC is the VMM's.
 */
void irq_wait(uint64_t seen);
/**
 * irq_drain() - take what interrupts the local APIC (in x2APIC mode) can
 * deliver now, end them, and add their vectors to @irr.
 * @irr: vector n is bit n % 32 of word n / 32
 */
void irq_drain(uint32_t irr[8]);

#endif
