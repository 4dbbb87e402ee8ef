/*
 * cpu_local.c - GDT, TSS and per-CPU object of each physical CPU.
 *
 * UEFI hands over with TR = 0 and a GDT of its own; VMX wants a TSS as host
 * state (SDM vol. 3, "Checks on Host Segment and Descriptor-Table Registers").
 */
#include "cpu_local.h"

#include "host_map.h"

#include <arch/cpu.h>
#include <bh/assert.h>
#include <spec/x86.h>
#include <spec/x86_msr.h>

#define GDT_CODE64        0x00af9b000000ffffull
#define GDT_DATA          0x00cf93000000ffffull
#define GDT_TSS64_PRESENT 0x0000890000000000ull

#define XCR0_X87_SSE (XCR0_X87 | XCR0_SSE)

extern const uint64_t ist_stack_tops[CPU_IST_COUNT];
/* From vector.asm. */
extern uint32_t vector_width;
extern uint64_t vector_xcr0;

static struct cpu cpus[CPU_MAX];

static void cpu_local_fill_gdt(struct cpu *c)
{
	uint64_t tss = (uint64_t)&c->tss;

	c->gdt[0] = 0;
	c->gdt[CPU_CODE_SELECTOR / 8] = GDT_CODE64;
	c->gdt[CPU_DATA_SELECTOR / 8] = GDT_DATA;
	c->gdt[CPU_TSS_SELECTOR / 8] =
		GDT_TSS64_PRESENT | (sizeof(struct tss64) - 1) |
		(tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	c->gdt[CPU_TSS_SELECTOR / 8 + 1] = tss >> 32;
}

static void cpu_local_load(struct cpu *c)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} packed_struct gdtr = { sizeof(c->gdt) - 1, (uint64_t)c->gdt };

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%eax\n\t"
			 "movl %%eax, %%ss\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "ltr %w3"
			 :
			 : "m"(gdtr), "i"(CPU_CODE_SELECTOR),
			   "i"(CPU_DATA_SELECTOR), "r"(CPU_TSS_SELECTOR)
			 : "rax", "memory");
}

void cpu_local_set_cr4(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = (cr4 | CR4_MCE) & ~CR4_CET;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

/* XSAVE on, and the widest moves for clearing and copying memory. */
static void cpu_local_enable_xsave(void)
{
	uint32_t r[4];
	uint64_t cr4;
	uint64_t xcr0;

	cpu_cpuid(1, 0, r);
	if ((r[2] & BIT(26)) == 0) {
		return;
	}
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	cpu_cpuid(0xd, 0, r);
	xcr0 = (uint64_t)r[3] << 32 | r[0];
	if ((xcr0 & XCR0_AVX512) == XCR0_AVX512) {
		vector_width = 64;
		vector_xcr0 = XCR0_X87_SSE | XCR0_AVX | XCR0_AVX512;
	} else if ((xcr0 & XCR0_AVX) != 0) {
		vector_width = 32;
		vector_xcr0 = XCR0_X87_SSE | XCR0_AVX;
	}
}

struct cpu *cpu_local_at(uint32_t index)
{
	ASSERT(index < CPU_MAX);
	return &cpus[index];
}

enum status cpu_local_make_stacks(struct cpu *c)
{
	void *top;

	if (c->stack_top == 0) {
		top = host_map_stack(CPU_STACK_SIZE);
		if (top == NULL) {
			return ERR_NOMEM;
		}
		c->stack_top = (uint64_t)top;
	}
	for (uint32_t i = 0; i < CPU_IST_COUNT; i++) {
		if (c->tss.ist[i] != 0) {
			continue;
		}
		top = host_map_stack(CPU_IST_SIZE);
		if (top == NULL) {
			return ERR_NOMEM;
		}
		c->tss.ist[i] = (uint64_t)top;
	}
	return OK;
}

struct cpu *cpu_local_boot(uint32_t apic_id)
{
	struct cpu *c = &cpus[0];

	c->apic_id = apic_id;
	for (uint32_t i = 0; i < CPU_IST_COUNT; i++) {
		c->tss.ist[i] = ist_stack_tops[i];
	}
	cpu_local_init(c);
	return c;
}

void cpu_local_init(struct cpu *c)
{
	c->self = c;
	c->tss.iomap_base = sizeof(struct tss64);
	cpu_local_fill_gdt(c);
	cpu_local_load(c);
	cpu_wrmsr(MSR_IA32_GS_BASE, (uint64_t)c);
	cpu_local_enable_xsave();
}
