/*
 * pvclock.h - KVM's paravirtual clock of one vCPU, and the wall clock.
 */
#ifndef VMM_PVCLOCK_H
#define VMM_PVCLOCK_H

#include <bh/gmem.h>
#include <stdbool.h>

struct pvclock {
	struct gmem *gm;          /* (c) */
	uint64_t start_tsc;       /* (c) guest TSC at system time 0 */
	uint64_t wall_ns;         /* (c) Unix time at system time 0, ns */
	uint32_t mul;             /* (c) ns = ticks << shift * mul >> 32 */
	int8_t shift;             /* (c) */
	bool is_stable;           /* (c) all vCPUs see one TSC */
	uint32_t version;         /* (v) of the vCPU's page, even */
	uint32_t wall_version;    /* (v) even */
	uint64_t system_time_msr; /* (v) as the guest wrote it */
	uint64_t wall_clock_msr;  /* (v) */
};

/** pvclock_scale() - multiplier and shift that turn ticks into nanoseconds. */
void pvclock_scale(uint32_t tsc_khz, uint32_t *mul, int8_t *shift);
/** pvclock_ticks_to_ns() - as the guest computes it; exact to a few ppb. */
uint64_t pvclock_ticks_to_ns(uint64_t ticks, uint32_t mul, int8_t shift);

/**
 * pvclock_init() - a clock that starts at guest TSC @start_tsc.
 * @tsc_khz: of the guest's TSC, not 0
 * @wall_ns: Unix time then, in ns; the same for all vCPUs of a partition
 */
void pvclock_init(struct pvclock *c, struct gmem *gm, uint32_t tsc_khz,
		  uint64_t start_tsc, uint64_t wall_ns);

/** pvclock_set_unstable() - the TSCs of this machine's CPUs differ: guests must
 *  not take one vCPU's time for another's. Before the guest runs. */
void pvclock_set_unstable(struct pvclock *c);

/** pvclock_msr_read() - RDMSR of MSR_KVM_PV_*; ERR_INVALID means #GP(0). */
must_check enum status pvclock_msr_read(const struct pvclock *c, uint32_t msr,
					uint64_t *value);
/**
 * pvclock_msr_write() - WRMSR of MSR_KVM_PV_*.
 * @now: guest TSC
 * Return: OK; anything else means #GP(0), and nothing has changed.
 */
must_check enum status pvclock_msr_write(struct pvclock *c, uint32_t msr,
					 uint64_t value, uint64_t now);

#endif
