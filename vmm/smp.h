/*
 * smp.h - the machine's processors: which run, and how one calls another.
 */
#ifndef VMM_SMP_H
#define VMM_SMP_H

#include <bh/boot_info.h>
#include <bh/status.h>
#include <stdbool.h>

/** One row of machine.info: a processor that firmware lists. */
struct smp_cpu {
	uint32_t apic_id;
	bool is_online;
	const char *why_not; /* NULL if it is online */
};

/**
 * smp_start() - start all other processors that @bi lists, one after the other.
 *
 * A processor that does not come within its time, cannot run guests or differs
 * from this one is reported and left out. Those that came wait for smp_go().
 * Context: the boot CPU, once the backend is on.
 */
void smp_start(const struct boot_info *bi);

/** smp_go() - let them enter cpu_loop(). */
void smp_go(void);

/** smp_cpu_count() - processors online; they are numbered from 0 on. */
uint32_t smp_cpu_count(void);

/** smp_is_tsc_synced() - do all TSCs show the same, as far as can be seen? */
bool smp_is_tsc_synced(void);

/** smp_listed() - processor @n in firmware's list; false when there is none. */
bool smp_listed(uint32_t n, struct smp_cpu *out);

/**
 * smp_kick() - make CPU @index look around: out of its guest, or awake.
 *
 * By NMI, which always exits and always wakes. What it is to see must have been
 * written before. Context: any CPU.
 */
void smp_kick(uint32_t index);

/**
 * smp_stop_others() - the machine is in panic: all other CPUs halt for good, as
 * soon as an NMI reaches them. Context: any CPU, even in a panic.
 */
void smp_stop_others(void);

/** smp_call_loop() - as above; also CPU @index leaves its guest for its loop.
 */
void smp_call_loop(uint32_t index);
/** smp_loop_is_called() - has anybody called this CPU's loop since it last went
 * round? */
bool smp_loop_is_called(void);

/** smp_loop_begins() - it goes round: calls until now are seen to. */
void smp_loop_begins(void);

#endif
