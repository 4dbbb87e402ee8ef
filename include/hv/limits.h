/*
 * limits.h - what a partition or a group may use, in cgroup v2's words.
 *
 * Names, formats, ranges and errors are those of the interface files that the
 * kernel's admin guide, "Control Group v2", describes: cpu.weight, cpu.max,
 * cpu.max.burst, cpuset.cpus, memory.max. vmm/limits.c reads and prints them.
 */
#ifndef HV_LIMITS_H
#define HV_LIMITS_H

#include <bh/status.h>
#include <stdbool.h>

#define LIMITS_CPU_MAX    64            /* CPUs that a cpuset can name */
#define LIMITS_WEIGHT_MAX 10000u        /* cpu.weight */
#define LIMITS_US_MIN     1000u         /* cpu.max: least quota and period */
#define LIMITS_PERIOD_MAX 1000000u      /* ... longest period */
#define LIMITS_QUOTA_MAX  (BIT(44) - 1) /* ... largest quota, with burst */
#define LIMITS_NO_MEMORY  UINT64_MAX    /* memory.max: max */
#define LIMITS_GROUP_MAX  128 /* bytes of a group's path, NUL included */
#define LIMITS_TEXT_MAX   200 /* bytes of any value, NUL included */

/* clang-format off */
#define LIMIT_LIST(X)                                                          \
	X(CPU_WEIGHT,    "cpu.weight",    "a number from 1 to 10000")          \
	X(CPU_MAX,       "cpu.max",                                            \
	  "\"max\", or microseconds of CPU and of period: \"50000 100000\"")   \
	X(CPU_MAX_BURST, "cpu.max.burst",                                      \
	  "microseconds from 0 to the quota of cpu.max")                       \
	X(CPUSET_CPUS,   "cpuset.cpus",   "CPU numbers as \"0-3,5\"; \"\": all") \
	X(MEMORY_MAX,    "memory.max",    "\"max\", or bytes as \"512M\"")
/* clang-format on */

enum limit_key {
#define X(code, word, form) LIMIT_##code,
	LIMIT_LIST(X)
#undef X
		LIMIT_COUNT
};

struct limits {
	uint64_t memory_max;    /* bytes; LIMITS_NO_MEMORY: max */
	uint64_t cpu_quota_us;  /* cpu.max; 0: max */
	uint64_t cpu_period_us; /* cpu.max */
	uint64_t cpu_burst_us;  /* cpu.max.burst */
	uint64_t cpus;          /* cpuset.cpus, bit n: CPU n; 0: the parent's */
	uint32_t cpu_weight;
};

/* Some of the limits, to be changed; the others stay. */
struct limit_change {
	uint32_t keys; /* bit n: enum limit_key n is given */
	struct {
		char text[LIMITS_TEXT_MAX];
	} values[LIMIT_COUNT];
};

/* cpu.stat, as cgroup v2 has it, and the time stolen from the vCPUs. */
struct cpu_stat {
	uint64_t usage_us;
	bool has_root_us; /* user_usec and system_usec are measured */
	uint64_t root_us; /* ... in root mode on its behalf */
	uint64_t nr_periods;
	uint64_t nr_throttled;
	uint64_t throttled_us;
	uint64_t nr_bursts;
	uint64_t burst_us;
	uint64_t steal_us; /* vCPUs wanted a CPU and had none */
};

/* A line of cpu.pressure: averages in hundredths of a percent. */
struct pressure_line {
	uint32_t avg10, avg60, avg300;
	uint64_t total_us;
};

struct cpu_pressure {
	struct pressure_line some, full;
};

/** limits_default() - cgroup v2's defaults: nothing is limited. */
void limits_default(struct limits *l);

/** limits_find() - the limit called @word; LIMIT_COUNT if there is none. */
enum limit_key limits_find(const char *word);

/** limits_word() - its name: "cpu.weight". */
const char *limits_word(enum limit_key key);

/** limits_form() - the values it takes, in words. */
const char *limits_form(enum limit_key key);

/**
 * limits_set() - read @len bytes at @v as a value of @key.
 *
 * cpu.max without a period keeps the period that *@l has.
 * Return: OK; ERR_INVALID where cgroup v2 says EINVAL, ERR_RANGE where it says
 * ERANGE; *@l is then as before.
 */
must_check enum status limits_set(struct limits *l, enum limit_key key,
				  const char *v, size_t len);

/** limits_check() - do they go together? ERR_INVALID: burst above quota. */
must_check enum status limits_check(const struct limits *l);

/**
 * limits_apply() - make all changes of @c to *@l, or none.
 * @bad: which value was refused
 * Return: as limits_set() and limits_check().
 */
must_check enum status limits_apply(struct limits *l,
				    const struct limit_change *c,
				    enum limit_key *bad);

/** limits_print() - the value of @key as its file shows it; its length. */
size_t limits_print(const struct limits *l, enum limit_key key, char *dst,
		    size_t size);

/**
 * limits_cpus() - CPU numbers ("0-3,5") as a mask; "" is 0.
 * Return: OK; ERR_INVALID: no such list; ERR_RANGE: a number above 63.
 */
must_check enum status limits_cpus(const char *v, size_t len, uint64_t *mask);

/** limits_cpus_print() - the inverse; its length. */
size_t limits_cpus_print(uint64_t mask, char *dst, size_t size);

/** limits_errno() - the name of the errno that cgroup v2 has for @s; "" if
 *  there is none. */
const char *limits_errno(enum status s);

#endif
