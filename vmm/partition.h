/*
 * partition.h - a partition: one virtual machine and its resources.
 *
 * States (hv/partition_ops.h) and what makes each transition:
 *   CREATED  -partition_start->  RUNNING
 *   RUNNING  -partition_end->    STOPPED (as intended) or FAILED (a failure)
 *   STOPPED, FAILED -partition_start-> RUNNING, with fresh memory
 *
 * A partition's frames are taken at start and stay after its end, for the
 * report, until it is started again or removed. Ending it touches nobody else.
 * Lock: partition.lock (docs/locking.md). A field without a letter is under it;
 * (c) constant, (m) management's alone.
 */
#ifndef VMM_PARTITION_H
#define VMM_PARTITION_H

#include "agent_link.h"
#include "config.h"
#include "first_job.h"
#include "guest_cpu.h"
#include "partition_devices.h"
#include "partition_life.h"
#include "partition_lock.h"

#include <hv/partition_ops.h>

#define PARTITION_MAX          16
#define PARTITION_CONSOLE_SIZE KIB(32)

struct partition {
	struct partition_lock lock;
	uint32_t index;                 /* (c) */
	struct partition_config config; /* (c) */
	enum partition_state state;
	struct vm vm;
	struct sched_group cpu_group; /* its share of the CPUs */
	uint32_t vcpu_count;
	struct guest_cpu *vcpus[CONFIG_VCPU_MAX];
	struct vlapic_set lapics; /* of vcpus[] */
	bool has_memory;          /* frames, page tables and vCPUs exist */
	struct partition_devices dev;
	struct ring console;
	struct agent_link link; /* (m) */
	uint32_t agent_events;  /* (a) PARTITION_AGENT_*: for management */
	bool agent_is_polled;   /* management takes the agent's bytes now */
	struct first_job job;   /* (m) */
	struct why_record why;
	uint64_t clock_start; /* (c) TSC at which its clocks began */
	uint64_t wall_ns;     /* (c) Unix time then */
	uint64_t started_us;
	uint64_t ended_us;
	uint64_t progress_us; /* when to say next that it still boots */
	uint64_t stop_at_us;  /* 0, or when an orderly stop turns into a kill */
	bool reset_wanted;    /* start again when the loop comes by */
	uint64_t echo_pos;    /* of console, what console-echo has shown */
	uint32_t panic_match; /* bytes of "Kernel panic" seen on the console */
	uint64_t restart_at_us;     /* 0, or when the policy starts it again */
	struct partition_life life; /* pause, stop, restarts, group */
	uint8_t console_bytes[PARTITION_CONSOLE_SIZE];
};

/** partition_table() - all partitions; *@count of them. */
struct partition **partition_table(uint32_t *count);

/** partition_add() - a partition by its configuration, in group @group of the
 * tree; ERR_LIMIT, ERR_NOMEM. */
must_check enum status partition_add(const struct partition_config *c,
				     uint32_t group);

/** partition_remove() - give back all it has and forget it; it does not run. */
void partition_remove(struct partition *p);

/**
 * partition_start() - memory, devices, kernel, first instruction.
 * Return: OK; ERR_STATE if it runs; else what failed: the reason is recorded.
 */
must_check enum status partition_start(struct partition *p);

/**
 * partition_end() - stop all its vCPUs, for @reason; @text tells the case.
 *
 * They leave their guests soon: partition_wait_quiet() awaits that.
 * Context: any CPU; takes the partition's lock.
 */
void partition_end(struct partition *p, enum end_reason reason,
		   const char *text, ...) printf_like(3, 4);

/** partition_end_at() - as above, with @v's registers and exit recorded. */
void partition_end_at(struct guest_cpu *g, enum end_reason reason,
		      const char *text, ...) printf_like(3, 4);

/**
 * partition_note_regs() - @g has left the guest after its partition's end.
 *
 * A handler on the hot path ends a partition before the registers that C
 * preserves are in v->gpr; now all are.
 */
void partition_note_regs(struct guest_cpu *g);

/**
 * partition_wait_quiet() - until no CPU has a vCPU of it in its hands, or is in
 * its address space, which takes an exit or two.
 * Return: false if it takes a second. Context: management, without its lock.
 */
bool partition_wait_quiet(const struct partition *p);

/** partition_poll() - deadlines, agent, deferred work; from the CPU's loop. */
void partition_poll(struct partition *p);

/** partition_populate() - back 2 MiB chunk @index of guest RAM with frames. */
must_check enum status partition_populate(struct partition *p, uint32_t index);

/**
 * partition_make_executable() - a fetch from @gpa was denied: large leaves are
 * not executable (MITIGATE_NX_LARGE), so have small ones there.
 * Return: false if that was not the reason; else *@s is OK or ERR_NOMEM.
 */
bool partition_make_executable(struct partition *p, gpa_t gpa, enum status *s);

/** partition_release() - give back memory, tables and vCPUs. */
void partition_release(struct partition *p);

/** partition_overhead() - bytes of the VMM for it, beside its RAM. */
uint64_t partition_overhead(const struct partition *p);

#endif
