/*
 * vmx_regs.c - guest registers by neutral name, as the guest sees them.
 *
 * CR0 and CR4 have bits that are ours (vmx_vcpu.c): the guest reads those from
 * the read shadow, the processor uses the real ones.
 */
#include "vmx.h"

#include <bh/assert.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

/* Registers that are one VMCS field each. */
static const enum vmcs_field vreg_fields[VREG_COUNT] = {
	[VREG_RIP] = VMCS_GUEST_RIP,
	[VREG_RSP] = VMCS_GUEST_RSP,
	[VREG_RFLAGS] = VMCS_GUEST_RFLAGS,
	[VREG_CR3] = VMCS_GUEST_CR3,
	[VREG_EFER] = VMCS_GUEST_IA32_EFER,
	[VREG_PAT] = VMCS_GUEST_IA32_PAT,
	[VREG_CS_BASE] = VMCS_GUEST_CS_BASE,
	[VREG_DS_BASE] = VMCS_GUEST_DS_BASE,
	[VREG_ES_BASE] = VMCS_GUEST_ES_BASE,
	[VREG_SS_BASE] = VMCS_GUEST_SS_BASE,
	[VREG_FS_BASE] = VMCS_GUEST_FS_BASE,
	[VREG_GS_BASE] = VMCS_GUEST_GS_BASE,
	[VREG_CS_SELECTOR] = VMCS_GUEST_CS_SELECTOR,
	[VREG_SS_SELECTOR] = VMCS_GUEST_SS_SELECTOR,
	[VREG_CS_RIGHTS] = VMCS_GUEST_CS_ACCESS_RIGHTS,
	[VREG_SS_RIGHTS] = VMCS_GUEST_SS_ACCESS_RIGHTS,
	[VREG_TR_RIGHTS] = VMCS_GUEST_TR_ACCESS_RIGHTS,
	[VREG_PDPTE0] = VMCS_GUEST_PDPTE0,
	[VREG_PDPTE1] = VMCS_GUEST_PDPTE1,
	[VREG_PDPTE2] = VMCS_GUEST_PDPTE2,
	[VREG_PDPTE3] = VMCS_GUEST_PDPTE3,
};

static uint64_t vmx_cr_get(enum vmcs_field real, enum vmcs_field mask,
			   enum vmcs_field shadow)
{
	uint64_t ours = vmread(mask);

	return (vmread(shadow) & ours) | (vmread(real) & ~ours);
}

uint64_t vmx_reg_get(struct vcpu *v, enum vreg r)
{
	uint64_t cr2;

	(void)v;
	ASSERT(r < VREG_COUNT);
	if (likely(vreg_fields[r] != 0)) {
		return vmread(vreg_fields[r]);
	}
	switch (r) {
	case VREG_CR0:
		return vmx_cr_get(VMCS_GUEST_CR0, VMCS_CR0_GUEST_HOST_MASK,
				  VMCS_CR0_READ_SHADOW);
	case VREG_CR4:
		return vmx_cr_get(VMCS_GUEST_CR4, VMCS_CR4_GUEST_HOST_MASK,
				  VMCS_CR4_READ_SHADOW);
	default: /* CR2 */
		__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
		return cr2;
	}
}

/* EFER.LMA follows LME and CR0.PG, and the entry control follows LMA. */
static void vmx_efer_set(uint64_t efer, uint64_t cr0)
{
	uint32_t entry = vmread32(VMCS_VM_ENTRY_CONTROLS);

	efer &= ~EFER_LMA;
	if ((efer & EFER_LME) != 0 && (cr0 & CR0_PG) != 0) {
		efer |= EFER_LMA;
		entry |= ENTRY_IA32E_MODE_GUEST;
	} else {
		entry &= ~(uint32_t)ENTRY_IA32E_MODE_GUEST;
	}
	vmwrite(VMCS_GUEST_IA32_EFER, efer);
	vmwrite(VMCS_VM_ENTRY_CONTROLS, entry);
}

/* What a guest's own MOV to CR0 would have flushed. */
#define CR0_FLUSHES (CR0_PG | CR0_WP | CR0_PE)

static void vmx_cr0_set(struct vcpu *v, uint64_t value)
{
	if (((vmread(VMCS_GUEST_CR0) ^ value) & CR0_FLUSHES) != 0) {
		vcpu_request(v, VCPU_REQ_FLUSH);
	}
	vmwrite(VMCS_CR0_READ_SHADOW, value);
	vmwrite(VMCS_GUEST_CR0, (value & ~(CR0_NW | CR0_CD)) | CR0_NE |
					vmx_plan.guest_cr0_must_1);
	vmx_efer_set(vmread(VMCS_GUEST_IA32_EFER), value);
}

void vmx_reg_set(struct vcpu *v, enum vreg r, uint64_t value)
{
	switch (r) {
	case VREG_CR0:
		vmx_cr0_set(v, value);
		break;
	case VREG_CR4:
		vmwrite(VMCS_CR4_READ_SHADOW, value);
		vmwrite(VMCS_GUEST_CR4, value | vmx_plan.cr4_must_1);
		break;
	case VREG_CR2:
		__asm__ volatile("mov %0, %%cr2" : : "r"(value));
		break;
	case VREG_EFER:
		vmx_efer_set(value, vmread(VMCS_GUEST_CR0));
		break;
	default:
		ASSERT(r < VREG_COUNT);
		vmwrite(vreg_fields[r], value);
		break;
	}
}
