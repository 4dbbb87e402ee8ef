/*
 * entry_state.c - a vCPU's system registers at its first instruction, the same
 * for both backends.
 *
 * SDM vol. 3, "Processor State After Reset": limits, rights and tables of
 * VCPU_ENTRY_REAL; caches are on, as firmware leaves them. The other two modes
 * are what a boot loader makes of that.
 */
#include "entry_state.h"

#include <spec/x86.h>
#include <spec/x86_msr.h>

/* Access rights: type, S, P, then L, D/B, G in bits 15:13. */
#define RIGHTS_CODE64   0xa09bu
#define RIGHTS_CODE32   0xc09bu
#define RIGHTS_DATA32   0xc093u
#define RIGHTS_REAL     0x0093u /* CS too: real mode writes through it */
#define RIGHTS_LDT      0x0082u
#define RIGHTS_TSS_BUSY 0x008bu

#define LIMIT_4G   0xffffffffu
#define LIMIT_64K  0xffffu
#define LIMIT_TSS  0x67u
#define REAL_SHIFT 4 /* from a selector to its base */

static struct entry_state entry_long64(const struct vcpu_entry *e)
{
	return (struct entry_state){
		.cs = { 0, LIMIT_4G, RIGHTS_CODE64, e->cs },
		.data = { 0, LIMIT_4G, RIGHTS_DATA32, e->ds },
		.ldtr = { 0, 0, RIGHTS_LDT, 0 },
		.tr = { 0, LIMIT_TSS, RIGHTS_TSS_BUSY, 0 },
		.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG,
		.cr3 = e->cr3,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA,
		.gdt_base = e->gdt_base,
		.gdt_limit = e->gdt_limit,
	};
}

static struct entry_state entry_prot32(const struct vcpu_entry *e)
{
	return (struct entry_state){
		.cs = { 0, LIMIT_4G, RIGHTS_CODE32, e->cs },
		.data = { 0, LIMIT_4G, RIGHTS_DATA32, e->ds },
		.ldtr = { 0, 0, RIGHTS_LDT, 0 },
		.tr = { 0, LIMIT_TSS, RIGHTS_TSS_BUSY, 0 },
		.cr0 = CR0_PE | CR0_ET,
		.gdt_base = e->gdt_base,
		.gdt_limit = e->gdt_limit,
	};
}

static struct entry_state entry_real(const struct vcpu_entry *e)
{
	return (struct entry_state){
		.cs = { (uint64_t)e->cs << REAL_SHIFT, LIMIT_64K, RIGHTS_REAL,
			e->cs },
		.data = { (uint64_t)e->ds << REAL_SHIFT, LIMIT_64K, RIGHTS_REAL,
			  e->ds },
		.ldtr = { 0, LIMIT_64K, RIGHTS_LDT, 0 },
		.tr = { 0, LIMIT_64K, RIGHTS_TSS_BUSY, 0 },
		.cr0 = CR0_ET,
		.gdt_limit = LIMIT_64K,
		.idt_limit = LIMIT_64K,
	};
}

struct entry_state entry_state_of(const struct vcpu_entry *e)
{
	switch (e->mode) {
	case VCPU_ENTRY_PROT32:
		return entry_prot32(e);
	case VCPU_ENTRY_REAL:
		return entry_real(e);
	default:
		return entry_long64(e);
	}
}
