/*
 * guest_mtrr.h - memory type range registers that remember what is written, for
 * kernels that take them for granted.
 *
 * Only with platform "pc". They are what a firmware leaves: all memory is
 * write-back. What a guest writes has no effect: its RAM is write-back by the
 * nested page tables, and its devices have no caches.
 */
#ifndef VMM_GUEST_MTRR_H
#define VMM_GUEST_MTRR_H

#include <bh/status.h>

#define GUEST_MTRR_VARIABLE 8u  /* pairs of base and mask */
#define GUEST_MTRR_FIXED    11u /* eight ranges each, below 1 MiB */
#define GUEST_MTRR_COUNT    (1 + 2 * GUEST_MTRR_VARIABLE + GUEST_MTRR_FIXED)

struct guest_mtrrs {
	uint64_t value[GUEST_MTRR_COUNT]; /* guest_mtrr.c says which is where */
	uint8_t phys_bits;                /* (c) as CPUID has it */
};

/** guest_mtrrs_reset() - as a firmware leaves them; @phys_bits: 36 to 52. */
void guest_mtrrs_reset(struct guest_mtrrs *m, uint8_t phys_bits);

/** guest_mtrr_read() - @msr is IA32_MTRRCAP or one of the ranges. Return:
 * ERR_DENIED: there is none of that number. */
must_check enum status guest_mtrr_read(const struct guest_mtrrs *m,
				       uint32_t msr, uint64_t *value);

/** guest_mtrr_write() - Return: ERR_DENIED as above; ERR_INVALID: reserved
 * bits, or a memory type that does not exist. Both are #GP. */
must_check enum status guest_mtrr_write(struct guest_mtrrs *m, uint32_t msr,
					uint64_t value);

#endif
