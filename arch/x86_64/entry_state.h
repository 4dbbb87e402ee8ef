/*
 * entry_state.h - a vCPU's system registers at its first instruction, the same
 * for both backends.
 */
#ifndef ARCH_X86_64_ENTRY_STATE_H
#define ARCH_X86_64_ENTRY_STATE_H

#include <hv/backend.h>

struct entry_segment {
	uint64_t base;
	uint32_t limit;
	uint32_t rights; /* as a VMCS has them */
	uint16_t selector;
};

struct entry_state {
	struct entry_segment cs, data, ldtr, tr; /* data: DS ES FS GS SS */
	uint64_t cr0, cr3, cr4, efer;            /* as the guest sees them */
	uint64_t gdt_base;                       /* the IDT's is 0 */
	uint16_t gdt_limit, idt_limit;
};

/** entry_state_of() - what @e stands for. */
struct entry_state entry_state_of(const struct vcpu_entry *e);

/** entry_state_attributes() - access rights as a VMCB has them. */
static inline uint16_t entry_state_attributes(uint32_t rights)
{
	return (uint16_t)((rights & 0xff) | (rights >> 4 & 0xf00));
}

#endif
