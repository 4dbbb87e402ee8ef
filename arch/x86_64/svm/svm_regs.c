/*
 * svm_regs.c - guest registers by neutral name, as the guest sees them.
 *
 * They are fields of the VMCB, but for the CR0 bits that stop caching: those
 * the guest only believes to have set, and its reads of CR0 exit while it does.
 */
#include "svm.h"

#include <bh/assert.h>

#define CR0_READ_INTERCEPT BIT(0)

/* Registers that are one field of 64 bits each. */
static const struct vreg_row {
	uint16_t offset;
	uint16_t clean;
} vreg_rows[VREG_COUNT] = {
#define ROW(vreg, field) \
	[VREG_##vreg] = { offsetof(union vmcb, field), VMCB_GROUP_OF_##field }
#define BASE(vreg, segment)                                          \
	[VREG_##vreg##_BASE] = { offsetof(union vmcb, segment.base), \
				 VMCB_GROUP_OF_##segment }
	ROW(RIP, rip), ROW(RSP, rsp), ROW(RFLAGS, rflags), ROW(CR2, cr2),
	ROW(CR3, cr3), ROW(CR4, cr4), ROW(PAT, g_pat),     BASE(CS, cs),
	BASE(DS, ds),  BASE(ES, es),  BASE(SS, ss),        BASE(FS, fs),
	BASE(GS, gs),
#undef ROW
#undef BASE
};

/* As a VMCS has them: descriptor bits 55:52 in 15:12. */
static uint64_t svm_rights(uint16_t attributes)
{
	return (attributes & 0xffu) | (uint64_t)(attributes & 0xf00u) << 4;
}

uint64_t svm_reg_get(struct vcpu *v, enum vreg r)
{
	const struct svm_vcpu *x = svm_of(v);
	const union vmcb *b = x->vmcb;

	switch (r) {
	case VREG_CR0:
		return b->cr0 | x->cr0_shadow;
	case VREG_EFER:
		return (b->efer & ~(EFER_SVME | EFER_LMA)) |
		       (svm_is_long_mode(b) ? EFER_LMA : 0);
	case VREG_CS_SELECTOR:
		return b->cs.selector;
	case VREG_SS_SELECTOR:
		return b->ss.selector;
	case VREG_CS_RIGHTS:
		return svm_rights(b->cs.attributes);
	case VREG_TR_RIGHTS:
		return svm_rights(b->tr.attributes);
	case VREG_SS_RIGHTS: /* its DPL is the CPL, kept apart here */
		return (svm_rights(b->ss.attributes) & ~0x60ull) |
		       (uint64_t)(b->cpl & 3) << 5;
	default:
		ASSERT(r < VREG_COUNT && vreg_rows[r].offset != 0);
		return *(const uint64_t *)(const void *)&b
				->bytes[vreg_rows[r].offset];
	}
}

/* EFER.LMA follows LME and CR0.PG. */
static void svm_efer_set(union vmcb *b, uint64_t efer)
{
	vmcb_set(b, efer, (efer & ~EFER_LMA) | EFER_SVME);
	if (svm_is_long_mode(b)) {
		b->efer |= EFER_LMA;
	}
}

static void svm_cr0_set(struct vcpu *v, uint64_t value)
{
	struct svm_vcpu *x = svm_of(v);
	union vmcb *b = x->vmcb;

	if (((b->cr0 ^ value) & (CR0_PG | CR0_WP | CR0_PE)) != 0) {
		vcpu_request(v, VCPU_REQ_FLUSH);
	}
	x->cr0_shadow = value & SVM_CR0_SHADOWED;
	vmcb_set(b, cr0, value & ~SVM_CR0_SHADOWED);
	vmcb_set(b, intercept_cr_reads,
		 (uint16_t)((b->intercept_cr_reads & ~CR0_READ_INTERCEPT) |
			    (x->cr0_shadow != 0 ? CR0_READ_INTERCEPT : 0)));
	svm_efer_set(b, b->efer);
}

void svm_reg_set(struct vcpu *v, enum vreg r, uint64_t value)
{
	union vmcb *b = svm_vmcb(v);

	switch (r) {
	case VREG_CR0:
		svm_cr0_set(v, value);
		break;
	case VREG_EFER:
		svm_efer_set(b, value);
		break;
	case VREG_CR2:
		vmcb_set(b, cr2, value);
		svm_load_cr2(b);
		break;
	default:
		ASSERT(r < VREG_COUNT && vreg_rows[r].offset != 0);
		*(uint64_t *)(void *)&b->bytes[vreg_rows[r].offset] = value;
		b->clean &= ~(uint32_t)vreg_rows[r].clean;
		break;
	}
}
