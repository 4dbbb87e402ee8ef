/*
 * vlapic_xapic.c - a local APIC whose registers are in memory, and its modes.
 *
 *	off ----> xAPIC ----> x2APIC
 *	off <---- xAPIC
 *	off <---------------- x2APIC
 *
 * SDM vol. 3, "x2APIC State Transitions". All other writes of IA32_APIC_BASE
 * raise #GP, among them those that would move the registers or make another
 * processor the boot processor. Off, an APIC is as after a reset and takes no
 * message. From xAPIC to x2APIC mode all state stays but ID, LDR and DFR, which
 * have another form there.
 *
 * Nothing in memory raises an exception: reserved bits are dropped, reserved
 * registers read as 0, vanish when written, and are remembered in ESR.
 *
 * Invariant: base never has X2APIC without ENABLE; x2apic_msrs follows it.
 */
#include "vlapic_internal.h"

#define MODE_BITS ((uint32_t)(APIC_BASE_ENABLE | APIC_BASE_X2APIC))

void vlapic_set_mode(struct vlapic *l, uint32_t base)
{
	bool is_x2apic = (base & APIC_BASE_X2APIC) != 0;

	__atomic_store_n(&l->base, base, __ATOMIC_RELAXED);
	l->x2apic_msrs = is_x2apic ? 0x100 : 0;
	if (is_x2apic) {
		*vlapic_reg(l, VLAPIC_ID) = l->id;
		vlapic_store(l, VLAPIC_LDR,
			     (l->id & ~0xfu) << 12 | 1u << (l->id & 0xf));
		*vlapic_reg(l, VLAPIC_ICR2) = 0;
	} else {
		*vlapic_reg(l, VLAPIC_ID) = l->id << 24;
		vlapic_store(l, VLAPIC_LDR, 0);
		vlapic_store(l, VLAPIC_DFR, 0xffffffff);
	}
}

void vlapic_use_xapic(struct vlapic *l)
{
	l->base &= ~(uint32_t)APIC_BASE_X2APIC;
	vlapic_reset(l);
}

static bool is_transition(uint32_t from, uint32_t to)
{
	switch (to) {
	case 0:
		return true;
	case (uint32_t)APIC_BASE_ENABLE:
		return from == 0;
	case MODE_BITS:
		return from == (uint32_t)APIC_BASE_ENABLE;
	default: /* x2APIC without APIC */
		return false;
	}
}

enum status vlapic_write_base(struct vlapic *l, uint64_t v)
{
	uint32_t to = (uint32_t)v;

	if (v == l->base) {
		return OK;
	}
	if (((v ^ l->base) & ~(uint64_t)MODE_BITS) != 0 ||
	    !is_transition(l->base & MODE_BITS, to & MODE_BITS) ||
	    l->ops->mode_changes == NULL || !l->ops->mode_changes(l->ctx, to)) {
		return ERR_INVALID;
	}
	if ((to & MODE_BITS) == MODE_BITS) {
		vlapic_set_mode(l, to);
	} else {
		vlapic_disarm(l);
		__atomic_store_n(&l->base, to, __ATOMIC_RELAXED);
		vlapic_start(l);
	}
	l->ops->kick(l->ctx, 0);
	return OK;
}

/* --- Registers in memory ---------------------------------------------------
 */

uint64_t vlapic_mmio_read(struct vlapic *l, uint32_t offset, uint32_t size)
{
	uint64_t mask = size < 8 ? BIT(8 * size) - 1 : UINT64_MAX;
	uint32_t at = offset & 0xf;
	uint32_t value = 0;

	if (!vlapic_is_xapic(l)) {
		return mask;
	}
	offset &= 0xff0;
	if (offset == VLAPIC_ICR || offset == VLAPIC_ICR2 ||
	    offset == VLAPIC_DFR) {
		value = *vlapic_reg(l, offset);
	} else if (offset != VLAPIC_EOI &&
		   vlapic_read_reg(l, offset, &value) != OK) {
		value = 0;
		vlapic_raise_error(l, VLAPIC_ESR_REGISTER);
	}
	return at < 4 ? value >> (8 * at) & mask : 0;
}

static bool is_lvt(uint32_t offset)
{
	return offset >= VLAPIC_LVT_TIMER && offset <= VLAPIC_LVT_ERROR;
}

/* Registers of both modes: the bits that may be written. The values of EOI and
 * ESR do not count. */
static uint32_t writable(uint32_t offset)
{
	switch (offset) {
	case VLAPIC_TPR:
		return 0xff;
	case VLAPIC_SVR:
		return 0x3ff;
	case VLAPIC_TIMER_INIT:
		return 0xffffffff;
	case VLAPIC_TIMER_DIV:
		return 0xb;
	default:
		return is_lvt(offset) ? vlapic_lvt_writable(offset) : 0;
	}
}

static void write_icr_low(struct vlapic *l, uint32_t v)
{
	uint32_t dest = *vlapic_reg(l, VLAPIC_ICR2) >> 24;

	v &= 0x000ccfff;
	*vlapic_reg(l, VLAPIC_ICR) = v;
	vlapic_send(l, v, dest == 0xff ? VLAPIC_BROADCAST : dest);
}

/* Is it there, but not to be written? */
static bool is_read_only(uint32_t offset)
{
	return offset == VLAPIC_ID || offset == VLAPIC_VERSION ||
	       offset == VLAPIC_PPR || offset == VLAPIC_TIMER_COUNT ||
	       (offset >= VLAPIC_ISR && offset < VLAPIC_ESR);
}

void vlapic_mmio_write(struct vlapic *l, uint32_t offset, uint32_t size,
		       uint32_t value)
{
	if (!vlapic_is_xapic(l) || size != 4 || (offset & 0xf) != 0) {
		return;
	}
	offset &= 0xff0;
	switch (offset) {
	case VLAPIC_LDR:
		vlapic_store(l, VLAPIC_LDR, value & 0xff000000);
		return;
	case VLAPIC_DFR:
		vlapic_store(l, VLAPIC_DFR, value | 0x0fffffff);
		return;
	case VLAPIC_ICR2:
		*vlapic_reg(l, VLAPIC_ICR2) = value & 0xff000000;
		return;
	case VLAPIC_ICR:
		write_icr_low(l, value);
		return;
	default:
		break;
	}
	if (is_read_only(offset)) {
		return;
	}
	if (offset == VLAPIC_SELF_IPI ||
	    (vlapic_write_reg(l, offset, value & writable(offset)) != OK &&
	     offset != VLAPIC_LVT_TIMER)) {
		vlapic_raise_error(l, VLAPIC_ESR_REGISTER);
	}
}
