/*
 * sched.h - the scheduler: which vCPU runs on which CPU, and for how long.
 *
 * Groups form a tree under the root, as in cgroup v2; a group holds groups or
 * vCPUs, not both. Each group shares what it gets among its children by weight
 * (virtual time), within limits (cpu.max), on the CPUs allowed (cpuset.cpus).
 * How, and what is promised: docs/scheduler.md, docs/adr/0014.
 *
 * A CPU's loop:
 *
 *	for (;;) {
 *		v = sched_pick(s, cpu, time_tsc(), &turn);
 *		if (v == NULL) {
 *			sleep until turn.end, or until kicked
 *			continue;
 *		}
 *		run v until turn.end, until kicked, or until it halts
 *		sched_put(s, v, time_tsc(), wake_at);
 *	}
 *
 * States of a vCPU, and what makes each transition:
 *   BLOCKED  -sched_wake, or its time->        WAITING, or PARKED if frozen
 *   WAITING  -sched_pick->                     RUNNING
 *   RUNNING  -sched_put(SCHED_RUNNABLE)->      WAITING, or PARKED if frozen
 *   RUNNING  -sched_put(a time or NEVER)->     BLOCKED (WAITING if it was woken
 *                                              while it ran)
 *   WAITING, PARKED -sched_block->             BLOCKED
 *   WAITING  -freeze->  PARKED  -thaw->        WAITING
 *
 * Invariants
 *   1. A vCPU is RUNNING on at most one CPU, and only on one that its mask and
 *      its groups' masks allow; after a change it leaves at the next kick.
 *   2. No group uses more than cpu.max in a period, but for what a CPU takes to
 *      come back from the guest; that is deducted from the next period.
 *   3. A wake-up is not lost: sched_wake() on a running vCPU makes the next
 *      sched_put() keep it runnable.
 *   4. Nobody is ahead of or behind those it competes with by more than
 *      about two slices of its own, however long it slept.
 *
 * Times are TSC ticks, the same on all CPUs but for a few ticks. All functions
 * that take a struct sched lock it inside, none waits for anything else;
 * sched_ops are called with the lock held and must not call back. Call from
 * any CPU with interrupts off, never from an NMI handler. docs/locking.md.
 */
#ifndef VMM_SCHED_H
#define VMM_SCHED_H

#include "sched_psi.h"
#include "sched_tree.h"

#include <bh/status.h>
#include <bh/sync.h>
#include <hv/limits.h>

#define SCHED_CPU_MAX   64u
#define SCHED_DEPTH_MAX 8u /* groups on a path, without the root */

#define SCHED_WEIGHT_MIN     1u
#define SCHED_WEIGHT_MAX     10000u
#define SCHED_WEIGHT_DEFAULT 100u

/* cpu.max, in microseconds */
#define SCHED_PERIOD_MIN     1000u
#define SCHED_PERIOD_MAX     1000000u
#define SCHED_PERIOD_DEFAULT 100000u
#define SCHED_QUOTA_MIN      1000u
#define SCHED_QUOTA_MAX      (UINT64_MAX >> 20) /* half a year a period */
#define SCHED_QUOTA_NONE     UINT64_MAX         /* "max" */

/* For sched_put(): when to run again. */
#define SCHED_RUNNABLE 0ull
#define SCHED_NEVER    UINT64_MAX

struct sched_ops {
	/* CPU @cpu must come back to its loop: from a guest, or from idling. It
	 * may be the CPU that calls. */
	void (*kick)(void *ctx, uint32_t cpu);
};

/* Microseconds; 0: the default. */
struct sched_params {
	uint32_t slice_us;       /* others wait: 5000 */
	uint32_t slice_alone_us; /* nobody does: 250000 */
	uint32_t wake_gran_us;   /* lead of who runs before it yields: 500 */
	uint32_t quota_grain_us; /* no shorter turns at a quota's end: 20 */
};

struct sched_group;

/* What competes: a vCPU, or a group for all its vCPUs that wait. */
struct sched_entity {
	struct sched_node node;     /* key: virtual time; mask: CPUs allowed */
	struct sched_tree *tree;    /* that it waits in, or NULL */
	struct sched_group *parent; /* (c) NULL: the root */
	struct sched_group *group;  /* (c) that it stands for; NULL: a vCPU */
	int64_t lag;                /* inactive: how far it was ahead ... */
	uint64_t left_at;           /* ... of its queue's time, then */
	uint32_t weight;            /* cpu.weight */
	uint32_t share;   /* its weight in its parent's queue, times 1024 */
	uint32_t active;  /* vCPUs of it that want to run */
	bool is_promoted; /* waits at the root: its mask is not its parent's */
	bool is_top;      /* promoted, or the root is its parent */
};

struct sched_vcpu;

/* cpu.max and its consequences. Times in ticks but for those in _us. */
struct sched_quota {
	uint64_t quota_us; /* SCHED_QUOTA_NONE */
	uint64_t period_us;
	uint64_t burst_us;
	uint64_t quota; /* 0: none */
	uint64_t period;
	uint64_t burst;
	int64_t pool; /* left, and not reserved by a running vCPU */
	uint64_t period_start;
	uint64_t used; /* in this period */
	bool is_throttled;
	bool was_throttled; /* in this period */
	uint64_t throttled_since;
	struct sched_group *next, *prev; /* on s->throttled */
	uint64_t nr_periods, nr_throttled, throttled;
	uint64_t nr_bursts, bursts;
};

struct sched_group {
	struct sched_entity se;
	struct sched_tree tree;    /* its children that wait */
	uint64_t vtime;            /* of the queue: the latest one picked */
	struct sched_entity *last; /* its child that was picked last, or NULL */
	uint64_t active_weight;    /* of children that want to run */
	uint64_t here_share;       /* sum of share of those not promoted */
	uint64_t cpus;             /* cpuset.cpus; 0: as the parent */
	uint32_t depth;            /* (c) the root: 0 */
	uint32_t running;          /* vCPUs */
	uint32_t waiting;          /* vCPUs, throttled ones too */
	uint32_t vcpu_count;       /* all below */
	uint32_t limited_levels;   /* depths with cpu.max up from here, a bit
				    * each */
	bool is_freeze_set;        /* cgroup.freeze */
	struct sched_group *first_child, *next_sibling;
	struct sched_vcpu *first_vcpu;
	uint64_t usage;  /* ticks */
	uint64_t system; /* ... of them as the caller told */
	struct sched_quota q;
	struct sched_psi psi;
};

enum sched_vcpu_state {
	SCHED_VCPU_BLOCKED,
	SCHED_VCPU_WAITING,
	SCHED_VCPU_RUNNING,
	SCHED_VCPU_PARKED, /* would wait, but is frozen */
};

struct sched_vcpu {
	struct sched_entity se;
	struct sched_vcpu *next; /* of its group */
	enum sched_vcpu_state state;
	uint32_t cpu;             /* it runs on, or ran on last */
	bool is_woken;            /* while it ran */
	bool counts_as_running;   /* in its groups' counts and pressure */
	uint64_t affinity;        /* CPUs, as set */
	uint64_t since;           /* RUNNING: charged up to; WAITING: from */
	uint64_t used;            /* ticks since it was picked */
	uint64_t prepaid;         /* ticks of virtual time, not used yet */
	uint64_t reserved;        /* taken from the pools of its groups ... */
	uint32_t reserved_levels; /* ... at these depths, a bit each */
	struct sched_node timer;  /* key: when to wake */
	bool has_timer;
	uint64_t usage;     /* ticks */
	uint64_t run_delay; /* ticks it waited: steal time */
	uint64_t picks;
};

struct sched_cpu {
	struct sched_vcpu *current;
	struct sched_vcpu *last; /* was put, and still counts as running */
	struct sched_vcpu *hint; /* after sched_yield_any(): whose turn it is */
	uint64_t vtime;          /* of the root's queue, seen from here */
	uint64_t level_vtime;    /* ... when it was levelled last */
	uint64_t turn_end;
	bool is_asleep; /* its last pick found nothing: kick it */
};

struct sched {
	struct spinlock lock;
	const struct sched_ops *ops;                         /* (c) */
	void *ctx;                                           /* (c) */
	uint32_t cpu_count;                                  /* (c) */
	uint32_t tsc_khz;                                    /* (c) */
	uint64_t all_cpus;                                   /* (c) mask */
	uint64_t slice, slice_alone, wake_gran, quota_grain; /* (c) ticks */
	struct sched_group root;
	struct sched_cpu cpu[SCHED_CPU_MAX];
	uint64_t free_cpus;      /* in their loop, or asleep, without a vCPU */
	uint64_t alone_cpus;     /* their vCPU has a long turn */
	uint32_t promoted_count; /* groups and vCPUs */
	uint32_t freeze_count;   /* groups with cgroup.freeze */
	uint32_t restricted_count; /* vCPUs that may not use all CPUs */
	uint64_t level_at;         /* when the root queue is levelled next */
	struct sched_tree timers;
	uint64_t timer_at;             /* the first of them; SCHED_NEVER */
	struct sched_group *throttled; /* list */
	uint64_t refill_at;            /* first of them; SCHED_NEVER */
	uint32_t event_cpu;            /* that comes back ... */
	uint64_t event_at;             /* ... at this time for all */
};

/* What sched_pick() found. */
struct sched_turn {
	uint64_t end; /* come back at this time at the latest; or SCHED_NEVER */
	bool is_alone; /* nobody else waits for this CPU now */
};

/**
 * sched_init() - an empty scheduler.
 * @s:         zeroed or not; the lock is free after
 * @ops:       stays
 * @ctx:       for @ops
 * @cpu_count: 1 to SCHED_CPU_MAX; a CPU takes part from its first sched_pick()
 * @tsc_khz:   ticks in a millisecond, not 0
 * @now:       TSC
 */
void sched_init(struct sched *s, const struct sched_ops *ops, void *ctx,
		uint32_t cpu_count, uint32_t tsc_khz, uint64_t now);

/** sched_tune() - other parameters; before any CPU picks. */
void sched_tune(struct sched *s, const struct sched_params *p);

/*
 * Groups and vCPUs. The caller has the memory; it stays until removed.
 */

/**
 * sched_group_add() - a new group with the defaults, under @parent.
 * @parent: NULL: the root
 *
 * Return: OK; ERR_BUSY: @parent holds vCPUs (no internal processes);
 * ERR_LIMIT: deeper than SCHED_DEPTH_MAX.
 */
must_check enum status sched_group_add(struct sched *s, struct sched_group *g,
				       struct sched_group *parent,
				       uint64_t now);

/** sched_group_remove() - Return: OK; ERR_BUSY: it holds groups or vCPUs. */
must_check enum status sched_group_remove(struct sched *s,
					  struct sched_group *g);

/**
 * sched_vcpu_add() - a new vCPU in @g, BLOCKED, with all of @g's CPUs.
 * @g: NULL: the root
 * Return: OK; ERR_BUSY: @g holds groups, and is not the root.
 */
must_check enum status sched_vcpu_add(struct sched *s, struct sched_vcpu *v,
				      struct sched_group *g, uint64_t now);

/** sched_vcpu_remove() - Return: OK; ERR_BUSY: it runs (kick it, put it). */
must_check enum status sched_vcpu_remove(struct sched *s, struct sched_vcpu *v,
					 uint64_t now);

/*
 * What the loops and the exit handlers call.
 */

/**
 * sched_pick() - what runs on @cpu next, from @now until @turn->end.
 *
 * Context: @cpu itself, which has no vCPU. Wakes those whose time came, ends
 * throttling that is over.
 * Return: a vCPU, RUNNING now; NULL: none: sleep until @turn->end or a kick.
 */
struct sched_vcpu *sched_pick(struct sched *s, uint32_t cpu, uint64_t now,
			      struct sched_turn *turn);

/**
 * sched_put() - @v, which ran on the calling CPU, does not run any more.
 * @wake_at: SCHED_RUNNABLE: it wants to go on; SCHED_NEVER: it waits for
 *           sched_wake(); else for that or for this time
 *
 * Its state must be saved before: another CPU may pick it at once.
 */
void sched_put(struct sched *s, struct sched_vcpu *v, uint64_t now,
	       uint64_t wake_at);

/**
 * sched_wake() - @v wants to run; kicks the CPU that should look.
 *
 * An idle CPU that may run it, else one whose vCPU has had more than its due.
 * Harmless in any state. Context: any CPU.
 */
void sched_wake(struct sched *s, struct sched_vcpu *v, uint64_t now);

/**
 * sched_block() - @v does not want to run any more: it was stopped or paused.
 *
 * A later sched_wake() makes it runnable again, also one that comes between
 * this and the put: who picks it asks whether it may still run.
 * Return: true: done; false: it runs now, was kicked, and its CPU's loop has to
 * sched_put() it with SCHED_NEVER.
 */
bool sched_block(struct sched *s, struct sched_vcpu *v, uint64_t now);

/**
 * sched_yield_any() - @v spins: would another of its group rather run?
 *
 * Context: the CPU that runs @v. If true, a sched_put(SCHED_RUNNABLE) and a
 * sched_pick() follow, and give the turn to the one that waited longest, unless
 * another group is due before. (Not "sched_yield": libc has that.)
 */
bool sched_yield_any(struct sched *s, struct sched_vcpu *v, uint64_t now);

/** sched_yield_to() - as above, to @to, if that waits and may run here. */
bool sched_yield_to(struct sched *s, struct sched_vcpu *v,
		    struct sched_vcpu *to, uint64_t now);

/** sched_charge_all() - bring all counters up to @now, to read them directly.
 */
void sched_charge_all(struct sched *s, uint64_t now);

/**
 * sched_read_stat() - what @g has used since it was added, up to @now.
 * @stat: cpu.stat; system_usec as told by sched_add_system(), steal_us is kept
 * @pressure: cpu.pressure; NULL: not asked for
 */
void sched_read_stat(struct sched *s, struct sched_group *g, uint64_t now,
		     struct cpu_stat *stat, struct cpu_pressure *pressure);

/** sched_add_system() - @ticks of @v's time were the VMM's: system_usec. */
void sched_add_system(struct sched *s, struct sched_vcpu *v, uint64_t ticks);

/** sched_run_delay() - ticks that @v wanted to run and did not, up to @now. The
 *  CPU that runs @v may as well read v->run_delay: it does not change then. */
uint64_t sched_run_delay(struct sched *s, struct sched_vcpu *v, uint64_t now);

/*
 * Control. The same as text: hv/limits.h.
 */

/** sched_set_weight() - cpu.weight; ERR_RANGE: not in 1 to 10000. */
must_check enum status sched_set_weight(struct sched *s, struct sched_group *g,
					uint64_t weight, uint64_t now);

/* cpu.max and cpu.max.burst, in microseconds. */
struct sched_max {
	uint64_t quota_us; /* SCHED_QUOTA_NONE: "max" */
	uint64_t period_us, burst_us;
};

/**
 * sched_set_max() - cpu.max and cpu.max.burst; a new period begins. What is so
 * already changes nothing.
 * Return: OK; ERR_INVALID: quota or period below 1 ms, period above 1 s, quota
 * too large or below the burst; ERR_NOENT for the root.
 */
must_check enum status sched_set_max(struct sched *s, struct sched_group *g,
				     struct sched_max max, uint64_t now);

/**
 * sched_set_cpus() - cpuset.cpus: CPUs that the group asks for; 0: all of its
 * parent's. Those it gets are the ones that its parent has, too; if none
 * is left, all of its parent's.
 */
void sched_set_cpus(struct sched *s, struct sched_group *g, uint64_t cpus,
		    uint64_t now);

/** sched_set_affinity() - the same for one vCPU within its group's CPUs. */
void sched_set_affinity(struct sched *s, struct sched_vcpu *v, uint64_t cpus,
			uint64_t now);

/** sched_set_freeze() - cgroup.freeze: nothing below runs until thawed. */
void sched_set_freeze(struct sched *s, struct sched_group *g, bool freeze,
		      uint64_t now);

#endif
