/*
 * cpu_local.h - what each physical CPU owns, reached through GS.
 *
 * One object a CPU; only that CPU writes it, so nothing here needs a lock.
 */
#ifndef ARCH_X86_64_CPU_LOCAL_H
#define ARCH_X86_64_CPU_LOCAL_H

#include <bh/addr.h>
#include <bh/status.h>

#define CPU_MAX 64

#define CPU_CODE_SELECTOR 0x08
#define CPU_DATA_SELECTOR 0x10
#define CPU_TSS_SELECTOR  0x18

struct vcpu;
struct vm;

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

/* Stacks of its own: for C, and for what may come at any moment (trap.c). */
#define CPU_STACK_SIZE KIB(32)
#define CPU_IST_SIZE   KIB(8)
#define CPU_IST_COUNT  4

struct cpu {
	struct cpu *self;       /* must be first: gs:0 */
	uint32_t drain_bits[8]; /* gs:8: vectors that irq.asm let in, as IRR */
	uint64_t nmi_count;     /* gs:40 */
	uint32_t index;         /* (c) */
	uint32_t apic_id;       /* (c) */
	uint32_t is_up;         /* (a) it runs C; the boot CPU does not say */
	uint64_t stack_top;     /* (c) not of the boot CPU: entry.asm */
	uint64_t irq_count;
	uint64_t stray_irq_count;
	uint32_t irq_vector;  /* of the last one */
	uint64_t last_serial; /* of the VM whose vCPU it ran last; 0: of none */
	struct vcpu *loaded;  /* whose control block and FPU state it holds */
	uint64_t npt_seen;    /* of vmx_npt_forget()'s count */
	hpa_t hv_region;      /* VMXON region; AMD-V: host save area */
	hpa_t hv_host_state;  /* AMD-V: where VMSAVE keeps the VMM's state */
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

_Static_assert(__builtin_offsetof(struct cpu, drain_bits) == 8, "irq.asm");
_Static_assert(__builtin_offsetof(struct cpu, nmi_count) == 40, "irq.asm");

/** cpu_local_at() - the object of CPU @index, below CPU_MAX. */
struct cpu *cpu_local_at(uint32_t index);

/** cpu_local_make_stacks() - stacks for a CPU that is to be started; those of
 * an earlier try are kept. Return: ERR_NOMEM. */
must_check enum status cpu_local_make_stacks(struct cpu *c);

/** cpu_local_boot() - the boot CPU's object: stacks of the image. */
struct cpu *cpu_local_boot(uint32_t apic_id);

/** cpu_local_init() - give the calling CPU @c: GDT, TSS, GS base, XSAVE. */
void cpu_local_init(struct cpu *c);

/**
 * cpu_local_set_cr4() - machine checks on, shadow stacks off; once the IDT is
 * loaded.
 */
void cpu_local_set_cr4(void);

/** rdmsr(), wrmsr() - cpu_rdmsr() and cpu_wrmsr() in place: each switch of
 * vCPUs does a dozen. */
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
}

#endif
