/*
 * cpu.c - processor instructions behind include/arch/cpu.h.
 */
#include "cpu_local.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/time.h>

#define CPU_FIXUP                        \
	".pushsection fixups, \"a\"\n\t" \
	".quad 1b, 2f\n\t"               \
	".popsection\n"                  \
	"2:"

uint64_t cpu_rdmsr(uint32_t msr)
{
	return rdmsr(msr);
}

void cpu_wrmsr(uint32_t msr, uint64_t value)
{
	wrmsr(msr, value);
}

bool cpu_rdmsr_safe(uint32_t msr, uint64_t *v)
{
	uint32_t lo = 0;
	uint32_t hi = 0;
	uint32_t is_ok = 0;

	__asm__ volatile("1: rdmsr\n\t"
			 "movl $1, %2\n\t" CPU_FIXUP
			 : "+a"(lo), "+d"(hi), "+r"(is_ok)
			 : "c"(msr));
	*v = (uint64_t)hi << 32 | lo;
	return is_ok != 0;
}

bool cpu_wrmsr_safe(uint32_t msr, uint64_t value)
{
	uint32_t is_ok = 0;

	__asm__ volatile("1: wrmsr\n\t"
			 "movl $1, %0\n\t" CPU_FIXUP
			 : "+r"(is_ok)
			 : "c"(msr), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
	return is_ok != 0;
}

bool cpu_probe_read8(const void *p, uint8_t *value)
{
	uint8_t byte = 0;
	uint32_t is_ok = 0;

	__asm__ volatile("1: movb %2, %0\n\t"
			 "movl $1, %1\n\t" CPU_FIXUP
			 : "+q"(byte), "+r"(is_ok)
			 : "m"(*(const uint8_t *)p));
	*value = byte;
	return is_ok != 0;
}

void cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]),
			   "=d"(out[3])
			 : "a"(leaf), "c"(subleaf));
}

bool cpu_random(uint64_t *v)
{
	uint8_t is_ok;

	__asm__ volatile("rdrand %0\n\tsetc %1"
			 : "=r"(*v), "=qm"(is_ok)
			 :
			 : "cc");
	return is_ok != 0;
}

uint64_t irq_nmi_count(void)
{
	return *(volatile uint64_t *)&cpu_this()->nmi_count;
}

uint32_t cpu_index(void)
{
	return cpu_this()->index;
}

void cpu_pause(void)
{
	__asm__ volatile("pause");
}

void cpu_halt(void)
{
	__asm__ volatile("hlt");
}

void cpu_stop(void)
{
	for (;;) {
		__asm__ volatile("cli\n\thlt");
	}
}

void cpu_triple_fault(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} packed_struct empty = { 0, 0 };

	__asm__ volatile("lidt %0\n\tint3" : : "m"(empty));
	cpu_stop();
}

bool irq_is_enabled(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
	return (flags & BIT(9)) != 0;
}

void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

irq_state_t irq_save(void)
{
	irq_state_t s = { irq_is_enabled() };

	irq_disable();
	return s;
}

void irq_restore(irq_state_t state)
{
	if (state.was_enabled) {
		irq_enable();
	}
}

uint64_t time_tsc(void)
{
	uint32_t lo;
	uint32_t hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

uint64_t time_tsc_ordered(void)
{
	uint32_t lo;
	uint32_t hi;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
