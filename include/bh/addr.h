/*
 * addr.h - three kinds of address that must never be mixed up.
 *
 * GPA: what a guest calls physical. GVA: what a guest calls linear. HPA: what
 * the machine calls physical. Wrapping each in a struct makes mixing them a
 * compile error; conversions are named functions.
 */
#ifndef BH_ADDR_H
#define BH_ADDR_H

#include <bh/attr.h>
#include <stdbool.h>

typedef struct {
	uint64_t v;
} gpa_t; /* guest-physical: only with one VM's gmem */
typedef struct {
	uint64_t v;
} gva_t; /* guest-linear: only with one vCPU's CR3 */
typedef struct {
	uint64_t v;
} hpa_t; /* host-physical: page-table leaves, VMCS, DMA */

static inline gpa_t gpa(uint64_t v)
{
	return (gpa_t){ v };
}

static inline gva_t gva(uint64_t v)
{
	return (gva_t){ v };
}

static inline hpa_t hpa(uint64_t v)
{
	return (hpa_t){ v };
}

/** gpa_add() - @a plus @len bytes in *@out; false if the sum wraps. */
static inline bool gpa_add(gpa_t a, uint64_t len, gpa_t *out)
{
	return !__builtin_add_overflow(a.v, len, &out->v);
}

#endif
