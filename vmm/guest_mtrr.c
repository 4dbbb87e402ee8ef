/*
 * guest_mtrr.c - memory type range registers that remember (guest_mtrr.h).
 * SDM vol. 3, "Memory Type Range Registers (MTRRs)".
 */
#include "guest_mtrr.h"

#include <bh/nospec.h>
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

/* Where a register's value is: IA32_MTRR_DEF_TYPE, then the variable ranges
 * (base, mask, base, ...), then the fixed ones, in the order of the MSRs. */
enum {
	AT_DEF_TYPE,
	AT_VARIABLE,
	AT_64K = AT_VARIABLE + 2 * GUEST_MTRR_VARIABLE,
	AT_16K,
	AT_4K = AT_16K + 2,
};

void guest_mtrrs_reset(struct guest_mtrrs *m, uint8_t phys_bits)
{
	memset(m, 0, sizeof(*m));
	m->phys_bits = phys_bits;
	m->value[AT_DEF_TYPE] = DEF_TYPE_ENABLE | DEF_TYPE_FIXED | TYPE_WB;
	for (uint32_t i = AT_64K; i < GUEST_MTRR_COUNT; i++) {
		m->value[i] = TYPES_WB;
	}
}

/* The place of @msr's value; GUEST_MTRR_COUNT: it is none of them. */
static uint32_t mtrr_at(uint32_t msr)
{
	if (msr - MSR_IA32_MTRR_PHYSBASE0 < 2 * GUEST_MTRR_VARIABLE) {
		return AT_VARIABLE + (msr - MSR_IA32_MTRR_PHYSBASE0);
	}
	if (msr - MSR_IA32_MTRR_FIX16K_80000 < 2) {
		return AT_16K + (msr - MSR_IA32_MTRR_FIX16K_80000);
	}
	if (msr - MSR_IA32_MTRR_FIX4K_C0000 < 8) {
		return AT_4K + (msr - MSR_IA32_MTRR_FIX4K_C0000);
	}
	return msr == MSR_IA32_MTRR_FIX64K_00000 ? (uint32_t)AT_64K
	       : msr == MSR_IA32_MTRR_DEF_TYPE   ? (uint32_t)AT_DEF_TYPE
						 : GUEST_MTRR_COUNT;
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

static bool mtrr_takes(const struct guest_mtrrs *m, uint32_t at, uint64_t value)
{
	uint64_t address = (BIT(m->phys_bits) - 1) & ~0xfffull;

	if (at == AT_DEF_TYPE) {
		return is_type(value & TYPE_BITS) &&
		       (value &
			~(DEF_TYPE_ENABLE | DEF_TYPE_FIXED | TYPE_BITS)) == 0;
	}
	if (at >= AT_64K) {
		return are_types(value);
	}
	if ((at - AT_VARIABLE) % 2 != 0) {
		return (value & ~(address | MASK_VALID)) == 0;
	}
	return is_type(value & TYPE_BITS) &&
	       (value & ~(address | TYPE_BITS)) == 0;
}

enum status guest_mtrr_read(const struct guest_mtrrs *m, uint32_t msr,
			    uint64_t *value)
{
	uint32_t at = mtrr_at(msr);

	if (msr == MSR_IA32_MTRRCAP) {
		*value = CAP_WC | CAP_FIXED | GUEST_MTRR_VARIABLE;
		return OK;
	}
	if (at >= GUEST_MTRR_COUNT) {
		return ERR_DENIED;
	}
	*value = m->value[index_nospec(at, GUEST_MTRR_COUNT)];
	return OK;
}

enum status guest_mtrr_write(struct guest_mtrrs *m, uint32_t msr,
			     uint64_t value)
{
	uint32_t at = mtrr_at(msr);

	if (at >= GUEST_MTRR_COUNT) {
		return ERR_DENIED;
	}
	if (!mtrr_takes(m, at, value)) {
		return ERR_INVALID;
	}
	m->value[index_nospec(at, GUEST_MTRR_COUNT)] = value;
	return OK;
}
