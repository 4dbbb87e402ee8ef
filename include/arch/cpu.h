/*
 * cpu.h - the processor's own instructions, as functions.
 *
 * Implemented by arch/x86_64/cpu.c (the _safe pair by the exception fixup in
 * arch/x86_64) and by tests/fake_arch/cpu.c.
 * Context: any CPU; everything here acts on the CPU that calls it.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <bh/attr.h>
#include <stdbool.h>

/* Where CPUID puts its four answers in out[]. */
enum cpu_cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/** cpu_cpuid() - CPUID of @leaf and @subleaf: EAX, EBX, ECX, EDX in @out. */
void cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/** cpu_rdmsr() - read an MSR that is known to exist; #GP is our own bug. */
uint64_t cpu_rdmsr(uint32_t msr);
/** cpu_wrmsr() - write an MSR that is known to exist and to take @value. */
void cpu_wrmsr(uint32_t msr, uint64_t value);
/** cpu_rdmsr_safe() - read an MSR that may be absent; false if it is (#GP). */
must_check bool cpu_rdmsr_safe(uint32_t msr, uint64_t *value);
/** cpu_wrmsr_safe() - write an MSR that may refuse; false if it did (#GP). */
must_check bool cpu_wrmsr_safe(uint32_t msr, uint64_t value);

/** cpu_probe_read8() - read a byte that may be unmapped; false if it is (#PF).
 */
must_check bool cpu_probe_read8(const void *p, uint8_t *value);

/**
 * cpu_random() - one random number of the CPU's own source (RDRAND).
 *
 * Only on a CPU whose CPUID leaf 1 reports RDRAND.
 * Return: false if the source has none ready; @v is then not random.
 */
must_check bool cpu_random(uint64_t *v);

/** cpu_index() - the number of the calling CPU; 0 is the boot CPU. */
uint32_t cpu_index(void);

/** cpu_pause() - tell the CPU that this is a spin loop. */
void cpu_pause(void);
/** cpu_halt() - wait for an interrupt with the flag as it is; may return. */
void cpu_halt(void);
/** cpu_stop() - interrupts off and halted for good (an NMI halts it again). */
no_return void cpu_stop(void);
/** cpu_triple_fault() - the last resort of a reset: an empty IDT and a trap. */
no_return void cpu_triple_fault(void);

#endif
