/* boot_cpu.h - processor instructions for the boot stage (boot_cpu.asm). */
#ifndef BOOT_CPU_H
#define BOOT_CPU_H

#include <bh/attr.h>

struct boot_cpuid {
	uint32_t eax; /* this order is known to boot_cpu.asm */
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

/** boot_cpu_in8() - read a byte from an I/O port. */
uint8_t boot_cpu_in8(uint16_t port);
/** boot_cpu_out8() - write a byte to an I/O port. */
void boot_cpu_out8(uint16_t port, uint8_t value);
/** boot_cpu_in32() - read a doubleword from an I/O port. */
uint32_t boot_cpu_in32(uint16_t port);
/** boot_cpu_out32() - write a doubleword to an I/O port. */
void boot_cpu_out32(uint16_t port, uint32_t value);
/** boot_cpu_out16() - write a word to an I/O port. */
void boot_cpu_out16(uint16_t port, uint16_t value);
/** boot_cpu_rdmsr() - read an MSR that is known to exist. */
uint64_t boot_cpu_rdmsr(uint32_t msr);
/** boot_cpu_rdtsc() - the time-stamp counter now. */
uint64_t boot_cpu_rdtsc(void);
/** boot_cpu_cr4() - CR4 as the firmware left it. */
uint64_t boot_cpu_cr4(void);
/** boot_cpu_cli() - no more maskable interrupts. */
void boot_cpu_cli(void);
/** boot_cpu_cpuid() - one CPUID leaf into @out. */
void boot_cpu_cpuid(uint32_t leaf, uint32_t subleaf, struct boot_cpuid *out);

/**
 * boot_cpu_enter() - leave the firmware's world for the VMM.
 * @cr3:   root of 4-level tables that identity-map this code and the stack
 * @stack: new RSP
 * @entry: linear address to jump to
 * @arg:   goes to RDI
 * @gdtr:  pointer for LGDT; selector 8 is 64-bit code, 0x10 is data
 * @idtr:  pointer for LIDT
 *
 * Sets EFER.NXE and CR0.WP; clears CR4.CET, CR4.PCIDE and CR4.PGE.
 * Context: after ExitBootServices.
 */
no_return void boot_cpu_enter(uint64_t cr3, uint64_t stack, uint64_t entry,
			      uint64_t arg, const void *gdtr, const void *idtr);

#endif
