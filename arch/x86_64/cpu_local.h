/*
 * cpu_local.h - what each physical CPU owns, reached through GS.
 *
 * One object a CPU; only that CPU writes it, so nothing here needs a lock.
 */
#ifndef ARCH_X86_64_CPU_LOCAL_H
#define ARCH_X86_64_CPU_LOCAL_H

#include <bh/addr.h>

#define CPU_MAX 64

#define CPU_CODE_SELECTOR 0x08
#define CPU_DATA_SELECTOR 0x10
#define CPU_TSS_SELECTOR  0x18

struct vcpu;

struct tss64 {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
} packed_struct;

_Static_assert(sizeof(struct tss64) == 104, "TSS size");

struct cpu {
	struct cpu *self; /* must be first: gs:0 */
	uint32_t index;
	uint32_t apic_id;
	uint64_t irq_count;
	uint64_t stray_irq_count;
	uint64_t nmi_count;
	uint32_t irq_vector; /* of the last one */
	struct vcpu *loaded; /* whose control block and FPU state it holds */
	hpa_t hv_region;     /* VMXON region; AMD-V: host save area */
	hpa_t hv_host_state; /* AMD-V: where VMSAVE keeps the VMM's state */
	uint64_t gdt[8];
	struct tss64 tss;
};

/** cpu_this() - the calling CPU's own object. */
static inline struct cpu *cpu_this(void)
{
	struct cpu *c;

	__asm__("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/**
 * cpu_local_init() - give the calling CPU its GDT, TSS and GS base.
 * @index: 0 for the boot CPU; @apic_id: its local APIC id.
 */
struct cpu *cpu_local_init(uint32_t index, uint32_t apic_id);

/**
 * cpu_local_set_cr4() - machine checks on, shadow stacks off; once the IDT is
 * loaded.
 */
void cpu_local_set_cr4(void);

#endif
