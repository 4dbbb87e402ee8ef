/*
 * fake_arch.h - what a hosted test says to the fake machine.
 *
 * The fake implements the contracts of include/arch, so that code which drives
 * hardware runs under sanitizers: a test answers port and register accesses by
 * callback, and sets MSRs, CPUID leaves and the pace of the TSC.
 */
#ifndef TESTS_FAKE_ARCH_H
#define TESTS_FAKE_ARCH_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_MSR_MAX  64
#define FAKE_LEAF_MAX 64

struct fake_msr {
	uint32_t msr;
	bool is_read_only;
	uint64_t value;
	uint32_t write_count;
};

struct fake_leaf {
	uint32_t leaf;
	uint32_t subleaf;
	uint32_t regs[4];
};

/* How the code under test stopped the CPU: what setjmp() returns. */
enum fake_stop_kind { FAKE_STOP_HALTED = 1, FAKE_STOP_TRIPLE_FAULT };

struct fake_cpu {
	uint64_t tsc;
	uint32_t index;    /* what cpu_index() says */
	uint64_t tsc_step; /* added at each look at the TSC */
	bool irq_enabled;
	bool has_random; /* cpu_random() gives random + 1, + 2, ... */
	uint64_t random;
	uint32_t pause_count;
	uint32_t halt_count;
	bool has_stop_jump; /* stop_jump is armed */
	jmp_buf stop_jump;
	uint32_t msr_count;
	uint32_t leaf_count;
	struct fake_msr msrs[FAKE_MSR_MAX];
	struct fake_leaf leaves[FAKE_LEAF_MAX];
};

extern struct fake_cpu fake_cpu;

void fake_cpu_reset(void);
void fake_cpu_set_msr(uint32_t msr, uint64_t value);
struct fake_msr *fake_cpu_msr(uint32_t msr);
void fake_cpu_set_cpuid(uint32_t leaf, uint32_t subleaf, const uint32_t r[4]);

/*
 * One device (or several) behind ports and registers. A NULL callback, or none
 * set: reads give all ones, writes are dropped. @size is in bytes.
 */
struct fake_io {
	uint32_t (*in)(void *ctx, uint16_t port, uint32_t size);
	void (*out)(void *ctx, uint16_t port, uint32_t size, uint32_t value);
	uint64_t (*mmio_read)(void *ctx, uintptr_t reg, uint32_t size);
	void (*mmio_write)(void *ctx, uintptr_t reg, uint32_t size,
			   uint64_t value);
	void *ctx;
};

/** fake_io_set() - @io answers from now on; NULL: nobody. Counters restart. */
void fake_io_set(const struct fake_io *io);

extern uint64_t fake_io_in_count;  /* port reads since fake_io_set() */
extern uint64_t fake_io_out_count; /* port writes since fake_io_set() */

#endif
