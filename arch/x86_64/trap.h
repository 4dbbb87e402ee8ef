/*
 * trap.h - exceptions and interrupts taken by the VMM itself.
 */
#ifndef ARCH_X86_64_TRAP_H
#define ARCH_X86_64_TRAP_H

#include <bh/attr.h>

enum trap_vector {
	TRAP_DE = 0,
	TRAP_DB = 1,
	TRAP_NMI = 2,
	TRAP_UD = 6,
	TRAP_DF = 8,
	TRAP_GP = 13,
	TRAP_PF = 14,
	TRAP_AC = 17,
	TRAP_MC = 18,
	TRAP_IRQ_BASE = 32, /* device and local interrupts from here on */
};

/* What exceptions.asm pushes, lowest address first. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};

/** trap_init() - make the IDT that all CPUs share, and load it here. */
void trap_init(void);
/** trap_load() - load it on another CPU. */
void trap_load(void);

/** trap_dispatch() - called by exceptions.asm for every vector. */
void trap_dispatch(struct trap_frame *f);

/**
 * trap_irq() - serve the interrupt @vector (>= 32), however it came: through
 * the IDT while idle, or as a VM exit with acknowledge-on-exit.
 */
void trap_irq(uint32_t vector);

typedef void trap_irq_fn(void);

/** trap_irq_claim() - have @fn called for @vector; ASSERTs that it is free. */
void trap_irq_claim(uint32_t vector, trap_irq_fn *fn);

#endif
