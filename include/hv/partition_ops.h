/*
 * partition_ops.h - what management (RPC, shell) needs from the partition core.
 *
 * vmm/partition_ops.c implements these functions over the core; vmm/rpc*.c and
 * the shell call them, and are tested with fakes linked in their place
 * (tests/unit/mgmt_fake.h). So the core never learns JSON.
 * Partitions are named by index 0 ... count - 1. An index is valid until a
 * partition is created or deleted; the id of one stays as long as it does.
 * Context: the management context (one CPU at a time).
 */
#ifndef HV_PARTITION_OPS_H
#define HV_PARTITION_OPS_H

#include <bh/ring.h>
#include <bh/status.h>
#include <hv/limits.h>
#include <hv/reason.h>
#include <hv/why_record.h>

/* clang-format off */
#define PARTITION_STATE_LIST(X)                                                \
	X(CREATED, "created") /* configured, not started yet */                \
	X(RUNNING, "running")                                                  \
	X(PAUSED,  "paused")  /* running, but given no CPU */                  \
	X(STOPPED, "stopped") /* ended as intended */                          \
	X(FAILED,  "failed")  /* ended by a failure: see why */
/* clang-format on */

enum partition_state {
#define X(code, word) PARTITION_##code,
	PARTITION_STATE_LIST(X)
#undef X
		PARTITION_STATE_COUNT
};

/** partition_state_word() - the word people see; "?" if out of range. */
const char *partition_state_word(enum partition_state state);

/** partition_state_oci() - the state as the OCI runtime spec words it: one that
 *  failed is "stopped". */
const char *partition_state_oci(enum partition_state state);

/* How a stop goes on: each stage begins when the one before did not work. */
/* clang-format off */
#define STOP_STAGE_LIST(X)                                                     \
	X(NONE,  "none")                                                       \
	X(AGENT, "agent") /* agent.poweroff */                                 \
	X(ACPI,  "acpi")  /* the power button */                               \
	X(KILL,  "kill")  /* its CPUs are taken away */
/* clang-format on */

enum stop_stage {
#define X(code, word) STOP_##code,
	STOP_STAGE_LIST(X)
#undef X
		STOP_STAGE_COUNT
};

/** stop_stage_word() - the word people see; "?" if out of range. */
const char *stop_stage_word(enum stop_stage stage);

/* How long each stage of a stop may take; 0: it is left out. */
struct stop_times {
	uint32_t agent_ms;
	uint32_t acpi_ms;
};

/* Why an operation was refused, for people and for programs. */
struct refusal {
	char text[320];  /* what, why; what to do */
	const char *key; /* the limit that it is about; NULL: none */
	uint64_t need;   /* bytes, where memory lacks; else 0 */
	uint64_t free;   /* bytes there are */
};

/** refusal_set() - fill @why. Return: @s. */
enum status refusal_set(struct refusal *why, enum status s, const char *fmt,
			...) printf_like(3, 4);

struct agent_link;

/* One partition at a glance. Strings stay valid as long as the partition. */
struct partition_view {
	const char *name;
	const char *group; /* "": in none */
	uint32_t id;       /* its own as long as it is there */
	enum partition_state state;
	enum end_reason reason; /* NONE while it has not ended */
	uint32_t vcpu_count;
	uint64_t memory_bytes; /* memory.max */
	uint64_t exit_count;
	uint64_t uptime_us; /* since its start; stands still after its end */
	bool agent_ready;
	uint32_t restart_count; /* by its policy, since an operator's start */
	uint64_t restart_in_us; /* 0: its policy does not start it again */
	enum stop_stage stop_stage; /* of the stop under way */
	enum stop_stage stopped_by; /* of the last stop: what worked */
	uint64_t stop_us;           /* ... how long it took */
};

#define PARTITION_DEVICE_MAX 12

struct device_stats {
	const char *name;
	uint64_t kick_count;    /* doorbells rung by the guest */
	uint64_t request_count; /* requests or packets completed */
	uint64_t bytes_in;      /* to the guest */
	uint64_t bytes_out;     /* from the guest */
	uint64_t irq_count;
	uint64_t error_count; /* requests refused, resets needed */
};

/* memory.stat: memory.current, and what the VMM has for it besides. */
struct memory_stat {
	uint64_t anon;           /* guest RAM */
	uint64_t kernel;         /* all that the VMM has for it: the rest */
	uint64_t sec_pagetables; /* ... nested page tables */
	uint64_t vcpu;           /* ... state of its vCPUs */
	uint64_t devices;        /* ... devices, rings, lists of its RAM */
};

struct partition_stats {
	struct limits limits;
	uint64_t cpus_effective; /* cpuset.cpus.effective */
	bool is_frozen;          /* cgroup.freeze */
	struct cpu_stat cpu;
	struct cpu_pressure pressure;
	uint64_t memory_current; /* bytes of guest RAM that it has now */
	struct memory_stat memory;
	uint64_t exit_count;
	uint64_t irq_count; /* interrupts injected or posted */
	/* accesses that nobody answered: ports, memory that is no RAM */
	uint64_t unclaimed_pio;
	uint64_t unclaimed_mmio;
	uint32_t device_count;
	struct device_stats devices[PARTITION_DEVICE_MAX];
};

struct exit_count {
	const char *reason; /* the SDM's name */
	uint64_t count;
	uint64_t root_tsc; /* TSC ticks spent in root mode for it */
};

struct cpuid_row {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
};

/*
 * Every function may be called in every state; `index` is always valid. What
 * returns a status fills *@why unless it is OK, and has then changed nothing.
 */
uint32_t ops_count(void);
void ops_view(uint32_t index, struct partition_view *out);

struct config_report;

/*
 * A partition called @name, as the @len bytes of config.json at @text describe
 * it; they are copied. ERR_EXIST; ERR_LIMIT: too many; ERR_NOMEM; ERR_INVALID
 * with the mistakes in *@report (else NULL).
 */
must_check enum status ops_create(const char *name, const char *text,
				  size_t len,
				  const struct config_report **report,
				  struct refusal *why);
/* the bytes of a file below \bulkhead\; NULL if there is none */
const char *ops_file(const char *path, size_t *len);
/* ERR_STATE if it runs already, or is paused */
must_check enum status ops_start(uint32_t index, struct refusal *why);
/* OK if it is paused already; ERR_STATE if it does not run */
must_check enum status ops_pause(uint32_t index, struct refusal *why);
/* OK if it runs already; ERR_STATE if it is neither */
must_check enum status ops_resume(uint32_t index, struct refusal *why);
/* ask the guest to power off, by the stages of enum stop_stage; returns at
 * once, ops_view() tells the stage. OK if it has ended already; ERR_STATE if it
 * was never started */
must_check enum status ops_stop(uint32_t index, const struct stop_times *times,
				struct refusal *why);
/* ERR_STATE if it does not run */
must_check enum status ops_kill(uint32_t index, struct refusal *why);
/* end it, if it runs, and start it */
must_check enum status ops_reset(uint32_t index, struct refusal *why);
/* give all it has back, its name, too. ERR_STATE while it runs, unless
 * @is_forced: it is killed first */
must_check enum status ops_delete(uint32_t index, bool is_forced,
				  struct refusal *why);
/* change limits while it runs: all or none. ERR_INVALID, ERR_RANGE as cgroup
 * v2; ERR_STATE: memory.max while it runs; ERR_NOMEM, ERR_LIMIT */
must_check enum status ops_update(uint32_t index, const struct limit_change *c,
				  struct refusal *why);
void ops_stats(uint32_t index, struct partition_stats *out);
/* exit reason @n, its count may be 0; false when there is none */
bool ops_exits(uint32_t index, uint32_t n, struct exit_count *out);
/* NULL while it has not ended */
const struct why_record *ops_why(uint32_t index);
/* the console's last bytes; never NULL */
const struct ring *ops_console(uint32_t index);
/* type on the console; return bytes taken */
size_t ops_console_write(uint32_t index, const void *src, size_t len);
/* row @n of what the guest sees; false when there is none */
bool ops_cpuid(uint32_t index, uint32_t n, struct cpuid_row *out);
/* the link to its agent; NULL if it has none */
struct agent_link *ops_agent_link(uint32_t index);
/* the name of an exit reason of the backend; never NULL */
const char *ops_exit_name(uint32_t reason);

/* ---- groups ---- */

/* A group at a glance. */
struct group_view {
	char path[LIMITS_GROUP_MAX];
	uint32_t partition_count; /* in it, not below */
	struct limits limits;
	uint64_t cpus_effective;
	uint64_t memory_promised; /* bytes, to those in it and below */
	uint64_t memory_current;  /* bytes they have now */
	struct cpu_stat cpu;      /* of those in it and below */
};

/* group @n; false when there is none. The root is not counted. */
bool ops_group(uint32_t n, struct group_view *out);
/* ERR_INVALID: no path, ERR_NOENT: none above, ERR_EXIST, ERR_LIMIT; as
 * ops_group_update() */
must_check enum status ops_group_create(const char *path,
					const struct limit_change *c,
					struct refusal *why);
/* ERR_NOENT; ERR_INVALID, ERR_RANGE as cgroup v2; ERR_BUSY: more memory is
 * promised already */
must_check enum status ops_group_update(const char *path,
					const struct limit_change *c,
					struct refusal *why);
/* ERR_NOENT; ERR_BUSY: groups or partitions are in it */
must_check enum status ops_group_delete(const char *path, struct refusal *why);

/* ---- the machine ---- */

#define MACHINE_FEATURE_MAX 24
#define MACHINE_MEM_MAX     48
#define MACHINE_FACT_MAX    12

/* What the run before left (vmm/black_box.h). */
struct machine_log_before {
	const struct ring *text; /* NULL: there is none */
	const char *why_not;     /* then, in words */
	uint32_t run;            /* its number */
	const char *end;         /* why it ended: a word, and the case */
	const char *end_text;
};

/* What is done about a flaw of the processor. X(code, word) */
/* clang-format off */
#define MITIGATION_STATE_LIST(X)                                               \
	X(NOT_AFFECTED, "not affected") /* this processor does not have it */  \
	X(ON,           "on")                                                  \
	X(DESIGN,       "by design")    /* nothing has to be done */           \
	X(PARTLY,       "in part")                                             \
	X(OFF,          "off")          /* by the boot option */               \
	X(VULNERABLE,   "vulnerable")   /* nothing can be, or is done */
/* clang-format on */

enum mitigation_state {
#define X(code, word) MITIGATION_##code,
	MITIGATION_STATE_LIST(X)
#undef X
};

struct mitigation_row {
	const char *name; /* the flaw's */
	const char *what; /* it lets through */
	enum mitigation_state state;
	const char *how; /* what is done, or why nothing; may be "" */
	const char *cost;
};

/* How a test has the VMM fail. X(code, name, what happens) */
/* clang-format off */
#define MACHINE_FAULT_LIST(X)                                                  \
	X(BUG,     bug,     "the VMM finds a bug of its own")                  \
	X(FAULT,   fault,   "the VMM writes where nothing is")                 \
	X(SILENT,  silent,  "the machine is reset without a word")             \
	X(CORRUPT, corrupt, "the same, and the black box is damaged first")
/* clang-format on */

enum machine_fault {
#define X(code, name, text) MACHINE_FAULT_##code,
	MACHINE_FAULT_LIST(X)
#undef X
		MACHINE_FAULT_COUNT
};

enum machine_feature_state {
	MACHINE_FEATURE_USED,
	MACHINE_FEATURE_OFF,    /* there, switched off by a boot option */
	MACHINE_FEATURE_ABSENT, /* the processor lacks it */
};

struct machine_feature {
	const char *name; /* the boot option's name: "vpid", "apicv" ... */
	enum machine_feature_state state;
};

/* One thing that the firmware's tables tell, in words. */
struct machine_fact {
	const char *name; /* "hpet", "reset" ... */
	char text[72];    /* "none" if they do not tell */
};

struct machine_info {
	const char *version;    /* of Bulkhead */
	const char *cpu_vendor; /* "GenuineIntel" */
	const char *cpu_brand;  /* the brand string */
	const char *backend;    /* "vmx" */
	uint32_t cpu_count;
	uint64_t memory_bytes;
	uint64_t tsc_khz;
	uint64_t uptime_us;
	uint32_t feature_count;
	struct machine_feature features[MACHINE_FEATURE_MAX];
	uint32_t fact_count;
	struct machine_fact facts[MACHINE_FACT_MAX];
};

/* One owner of memory: "free", "vmm image", "partition web ram" ... */
struct mem_owner {
	const char *name;
	const char *what; /* "ram", "overhead", "image" ...; never NULL */
	uint64_t bytes;
};

struct machine_mem {
	uint64_t total_bytes;
	uint64_t free_bytes;
	uint32_t owner_count;
	struct mem_owner owners[MACHINE_MEM_MAX];
};

/* microseconds since the machine's start */
uint64_t ops_now_us(void);
void ops_machine_info(struct machine_info *out);
void ops_machine_mem(struct machine_mem *out);
const struct ring *ops_machine_log(void);
/* the log and the last exits of the run before */
void ops_machine_log_before(struct machine_log_before *out);
/* fail on purpose; ERR_STATE without the boot option fault-injection */
must_check enum status ops_machine_fault(enum machine_fault how);
/* row @n of the processor's flaws; false when there is none */
bool ops_mitigation(uint32_t n, struct mitigation_row *out);
/* the boot option mitigations, in its word */
const char *ops_mitigations_mode(void);
/* stop all partitions, then power off; returns at once */
void ops_machine_poweroff(void);
/* stop all partitions, then start the machine anew; returns at once */
void ops_machine_reboot(void);

#endif
