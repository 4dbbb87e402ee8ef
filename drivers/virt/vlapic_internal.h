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

/** vlapic_drop_posted() - interrupts that others have left are void. */
void vlapic_drop_posted(struct vlapic *l);
/** vlapic_start() - all registers as after a reset, for the mode of l->base. */
void vlapic_start(struct vlapic *l);
/** vlapic_set_mode() - l->base, and what of the registers follows the mode. */
void vlapic_set_mode(struct vlapic *l, uint32_t base);
/** vlapic_write_base() - WRMSR of IA32_APIC_BASE; ERR_INVALID means #GP(0). */
must_check enum status vlapic_write_base(struct vlapic *l, uint64_t v);
/** vlapic_disarm() - no deadline. */
void vlapic_disarm(struct vlapic *l);
/** vlapic_raise_error() - remember an APIC error, and raise the error LVT. */
void vlapic_raise_error(struct vlapic *l, uint32_t bit);
/** vlapic_send() - carry out an ICR: lower half @v, destination @dest. */
void vlapic_send(struct vlapic *l, uint32_t v, uint32_t dest);
/**
 * vlapic_write_reg() - a register of 32 bits that both modes have.
 * Return: ERR_INVALID if it cannot be written, or not so.
 */
must_check enum status vlapic_write_reg(struct vlapic *l, uint32_t offset,
					uint32_t v);
/** vlapic_read_reg() - the same; ERR_INVALID if it cannot be read. */
must_check enum status vlapic_read_reg(struct vlapic *l, uint32_t offset,
				       uint32_t *v);
/** vlapic_lvt_writable() - the bits of an LVT that may be written. */
uint32_t vlapic_lvt_writable(uint32_t offset);

#endif
