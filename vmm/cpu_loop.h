/* cpu_loop.h - the loop of a physical CPU: which vCPU runs, and idling. */
#ifndef VMM_CPU_LOOP_H
#define VMM_CPU_LOOP_H

#include "sched.h"

struct guest_cpu;

/** cpu_loop_init() - once all CPUs are known, before any enters the loop. */
void cpu_loop_init(void);

/** cpu_loop() - run vCPUs for ever. */
no_return void cpu_loop(void);

/** cpu_loop_sched() - the scheduler of all CPUs. */
struct sched *cpu_loop_sched(void);

/** cpu_loop_current() - the vCPU in whose exit the calling CPU is; NULL: none.
 */
struct guest_cpu *cpu_loop_current(void);

/** cpu_loop_wake() - @g has something to do. Context: any CPU. */
void cpu_loop_wake(struct guest_cpu *g);

/**
 * cpu_loop_call_management() - make CPU 0 go round its loop soon, which looks
 * at all partitions. Context: any CPU.
 */
void cpu_loop_call_management(void);

/** cpu_loop_manage_at() - the management has to look again at TSC @when, but
 * not sooner than in a millisecond. Context: the management. */
void cpu_loop_manage_at(uint64_t when);

#endif
