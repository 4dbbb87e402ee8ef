/*
 * cpu.c - a processor for hosted tests: MSRs and CPUID leaves are tables, the
 * TSC advances by a step at each look.
 */
#include "fake_arch.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <spec/x86_msr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_cpu fake_cpu;

/** fake_cpu_reset() - no MSR, no leaf, TSC 0 advancing by 1, interrupts off. */
void fake_cpu_reset(void)
{
	memset(&fake_cpu, 0, sizeof(fake_cpu));
	fake_cpu.tsc_step = 1;
}

uint32_t cpu_index(void)
{
	return fake_cpu.index;
}

/** fake_cpu_set_msr() - make @msr exist, with @value. */
void fake_cpu_set_msr(uint32_t msr, uint64_t value)
{
	struct fake_msr *m = fake_cpu_msr(msr);

	if (m == NULL) {
		if (fake_cpu.msr_count == FAKE_MSR_MAX) {
			abort();
		}
		m = &fake_cpu.msrs[fake_cpu.msr_count++];
		m->msr = msr;
	}
	m->value = value;
}

/** fake_cpu_msr() - the row of @msr; NULL if it does not exist. */
struct fake_msr *fake_cpu_msr(uint32_t msr)
{
	for (uint32_t i = 0; i < fake_cpu.msr_count; i++) {
		if (fake_cpu.msrs[i].msr == msr) {
			return &fake_cpu.msrs[i];
		}
	}
	return NULL;
}

/** fake_cpu_set_cpuid() - what CPUID of this leaf and subleaf gives. */
void fake_cpu_set_cpuid(uint32_t leaf, uint32_t subleaf, const uint32_t r[4])
{
	struct fake_leaf *l = NULL;

	for (uint32_t i = 0; i < fake_cpu.leaf_count; i++) {
		if (fake_cpu.leaves[i].leaf == leaf &&
		    fake_cpu.leaves[i].subleaf == subleaf) {
			l = &fake_cpu.leaves[i];
		}
	}
	if (l == NULL) {
		if (fake_cpu.leaf_count == FAKE_LEAF_MAX) {
			abort();
		}
		l = &fake_cpu.leaves[fake_cpu.leaf_count++];
		l->leaf = leaf;
		l->subleaf = subleaf;
	}
	memcpy(l->regs, r, sizeof(l->regs));
}

void cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 4 * sizeof(out[0]));
	for (uint32_t i = 0; i < fake_cpu.leaf_count; i++) {
		const struct fake_leaf *l = &fake_cpu.leaves[i];

		if (l->leaf == leaf && l->subleaf == subleaf) {
			memcpy(out, l->regs, sizeof(l->regs));
		}
	}
}

bool cpu_rdmsr_safe(uint32_t msr, uint64_t *value)
{
	const struct fake_msr *m = fake_cpu_msr(msr);

	if (m == NULL) {
		return false;
	}
	*value = m->value;
	return true;
}

bool cpu_wrmsr_safe(uint32_t msr, uint64_t value)
{
	struct fake_msr *m = fake_cpu_msr(msr);

	if (m == NULL || m->is_read_only) {
		return false;
	}
	m->value = value;
	m->write_count++;
	return true;
}

uint64_t cpu_rdmsr(uint32_t msr)
{
	uint64_t value;

	if (!cpu_rdmsr_safe(msr, &value)) {
		fprintf(stderr, "fake_arch: #GP, RDMSR %#x\n", msr);
		abort();
	}
	return value;
}

void cpu_wrmsr(uint32_t msr, uint64_t value)
{
	if (!cpu_wrmsr_safe(msr, value)) {
		fprintf(stderr, "fake_arch: #GP, WRMSR %#x\n", msr);
		abort();
	}
}

bool cpu_random(uint64_t *v)
{
	*v = fake_cpu.has_random ? ++fake_cpu.random : 0;
	return fake_cpu.has_random;
}

void cpu_pause(void)
{
	fake_cpu.pause_count++;
}

void cpu_halt(void)
{
	fake_cpu.halt_count++;
}

/* The test set fake_cpu.stopped by setjmp() before what stops the CPU. */
static no_return void fake_stop(enum fake_stop_kind kind)
{
	if (!fake_cpu.has_stop_jump) {
		fprintf(stderr, "fake_arch: the CPU stopped, unexpectedly\n");
		abort();
	}
	longjmp(fake_cpu.stop_jump, (int)kind);
}

void cpu_stop(void)
{
	fake_stop(FAKE_STOP_HALTED);
}

void cpu_triple_fault(void)
{
	fake_stop(FAKE_STOP_TRIPLE_FAULT);
}

bool irq_is_enabled(void)
{
	return fake_cpu.irq_enabled;
}

void irq_enable(void)
{
	fake_cpu.irq_enabled = true;
}

void irq_disable(void)
{
	fake_cpu.irq_enabled = false;
}

irq_state_t irq_save(void)
{
	irq_state_t state = { fake_cpu.irq_enabled };

	fake_cpu.irq_enabled = false;
	return state;
}

void irq_restore(irq_state_t state)
{
	if (state.was_enabled) {
		fake_cpu.irq_enabled = true;
	}
}

uint64_t irq_nmi_count(void)
{
	return 0;
}

void irq_wait(uint64_t seen)
{
	(void)seen;
	fake_cpu.halt_count++;
	fake_cpu.irq_enabled = false;
}

/* The interrupts that a test has requested in the fake x2APIC's IRR. */
void irq_drain(uint32_t irr[8])
{
	for (uint32_t i = 0; i < 8; i++) {
		irr[i] |= (uint32_t)cpu_rdmsr(MSR_IA32_X2APIC_IRR0 + i);
		cpu_wrmsr(MSR_IA32_X2APIC_IRR0 + i, 0);
	}
}

uint64_t time_tsc(void)
{
	fake_cpu.tsc += fake_cpu.tsc_step;
	return fake_cpu.tsc;
}

uint64_t time_tsc_ordered(void)
{
	return time_tsc();
}
