/*
 * vlapic_internal.h - what the files of the local APIC share: the register
 * page, word by word.
 *
 * Words that other CPUs look at (vlapic_route.c: SVR, LDR, DFR, PPR) are
 * changed by vlapic_store() only, so that a look sees the old or the new value.
 */
#ifndef VIRT_VLAPIC_INTERNAL_H
#define VIRT_VLAPIC_INTERNAL_H

#include "vlapic.h"

#define VLAPIC_FIRST_VECTOR 16u

static inline uint32_t *vlapic_reg(const struct vlapic *l, uint32_t offset)
{
	return &l->page[offset / 4];
}

/* The word of a bit map (ISR, TMR, IRR) that has @vector. */
static inline uint32_t *vlapic_word(const struct vlapic *l, uint32_t base,
				    uint8_t vector)
{
	return vlapic_reg(l, base + (uint32_t)(vector >> 5) * 0x10);
}

static inline uint32_t vlapic_bit(uint8_t vector)
{
	return 1u << (vector & 31);
}

static inline uint32_t vlapic_load(const struct vlapic *l, uint32_t offset)
{
	return __atomic_load_n(vlapic_reg(l, offset), __ATOMIC_RELAXED);
}

static inline void vlapic_store(struct vlapic *l, uint32_t offset,
				uint32_t value)
{
	__atomic_store_n(vlapic_reg(l, offset), value, __ATOMIC_RELAXED);
}

/* Software enabled: SVR bit 8. */
static inline bool vlapic_is_enabled(const struct vlapic *l)
{
	return (vlapic_load(l, VLAPIC_SVR) & VLAPIC_SVR_ENABLE) != 0;
}

/** vlapic_drop_mail() - interrupts posted until now are void. Signals stay: the
 * SIPI may be there before the INIT is acted on. */
void vlapic_drop_mail(struct vlapic *l);

#endif
