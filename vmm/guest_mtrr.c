/*
 * guest_mtrr.c - memory type range registers that remember (guest_mtrr.h).
 * SDM vol. 3, "Memory Type Range Registers (MTRRs)".
 */
#include "guest_mtrr.h"

#include <bh/string.h>
#include <spec/x86_msr.h>

#define CAP_FIXED BIT(8)
#define CAP_WC    BIT(10)

#define DEF_TYPE_FIXED  BIT(10)
#define DEF_TYPE_ENABLE BIT(11)
#define MASK_VALID      BIT(11)
#define TYPE_BITS       0xffull
#define TYPE_WB         6u
#define TYPES_WB        0x0606060606060606ull

void guest_mtrrs_reset(struct guest_mtrrs *m, uint8_t phys_bits)
{
	memset(m, 0, sizeof(*m));
	m->phys_bits = phys_bits;
	m->def_type = DEF_TYPE_ENABLE | DEF_TYPE_FIXED | TYPE_WB;
	for (uint32_t i = 0; i < GUEST_MTRR_FIXED; i++) {
		m->fixed[i] = TYPES_WB;
	}
}

/* The place of @msr, or NULL. */
static uint64_t *mtrr_place(struct guest_mtrrs *m, uint32_t msr)
{
	uint32_t n = msr - MSR_IA32_MTRR_PHYSBASE0;

	if (n < ARRAY_COUNT(m->variable)) {
		return &m->variable[n];
	}
	switch (msr) {
	case MSR_IA32_MTRR_FIX64K_00000:
		return &m->fixed[0];
	case MSR_IA32_MTRR_FIX16K_80000:
		return &m->fixed[1];
	case MSR_IA32_MTRR_FIX16K_A0000:
		return &m->fixed[2];
	case MSR_IA32_MTRR_DEF_TYPE:
		return &m->def_type;
	default:
		n = msr - MSR_IA32_MTRR_FIX4K_C0000;
		return n < GUEST_MTRR_FIXED - 3 ? &m->fixed[3 + n] : NULL;
	}
}

/* UC, WC, WT, WP or WB */
static bool is_type(uint64_t type)
{
	return type <= TYPE_WB && (BIT(type) & 0x73) != 0;
}

static bool are_types(uint64_t value)
{
	for (; value != 0; value >>= 8) {
		if (!is_type(value & TYPE_BITS)) {
			return false;
		}
	}
	return true;
}

static bool mtrr_takes(const struct guest_mtrrs *m, uint32_t msr,
		       uint64_t value)
{
	uint64_t address = (BIT(m->phys_bits) - 1) & ~0xfffull;

	if (msr == MSR_IA32_MTRR_DEF_TYPE) {
		return is_type(value & TYPE_BITS) &&
		       (value &
			~(DEF_TYPE_ENABLE | DEF_TYPE_FIXED | TYPE_BITS)) == 0;
	}
	if (msr - MSR_IA32_MTRR_PHYSBASE0 >= ARRAY_COUNT(m->variable)) {
		return are_types(value);
	}
	if ((msr & 1) != 0) {
		return (value & ~(address | MASK_VALID)) == 0;
	}
	return is_type(value & TYPE_BITS) &&
	       (value & ~(address | TYPE_BITS)) == 0;
}

enum status guest_mtrr_read(const struct guest_mtrrs *m, uint32_t msr,
			    uint64_t *value)
{
	const uint64_t *at = mtrr_place((struct guest_mtrrs *)m, msr);

	if (msr == MSR_IA32_MTRRCAP) {
		*value = CAP_WC | CAP_FIXED | GUEST_MTRR_VARIABLE;
		return OK;
	}
	if (at == NULL) {
		return ERR_DENIED;
	}
	*value = *at;
	return OK;
}

enum status guest_mtrr_write(struct guest_mtrrs *m, uint32_t msr,
			     uint64_t value)
{
	uint64_t *at = mtrr_place(m, msr);

	if (at == NULL) {
		return ERR_DENIED;
	}
	if (!mtrr_takes(m, msr, value)) {
		return ERR_INVALID;
	}
	*at = value;
	return OK;
}
