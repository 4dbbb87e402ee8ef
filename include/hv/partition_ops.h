/*
 * partition_ops.h - what management (RPC, shell) needs from the partition core.
 *
 * vmm/partition_ops.c implements these functions over the core; vmm/rpc*.c and
 * the shell call them, and are tested with fakes linked in their place
 * (tests/unit/mgmt_fake.h). So the core never learns JSON.
 * Partitions are named by index 0 ... count - 1; an index stays valid until the
 * machine powers off. Context: the management context (one CPU at a time).
 */
#ifndef HV_PARTITION_OPS_H
#define HV_PARTITION_OPS_H

#include <bh/ring.h>
#include <bh/status.h>
#include <hv/reason.h>
#include <hv/why_record.h>

/* clang-format off */
#define PARTITION_STATE_LIST(X)                                                \
	X(CREATED, "created") /* configured, not started yet */                \
	X(RUNNING, "running")                                                  \
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

struct agent_link;

/* One partition at a glance. Strings stay valid as long as the partition. */
struct partition_view {
	const char *name;
	enum partition_state state;
	enum end_reason reason; /* NONE while it has not ended */
	uint32_t vcpu_count;
	uint64_t memory_bytes; /* memory.max */
	uint64_t exit_count;
	uint64_t uptime_us; /* since its start; stands still after its end */
	bool agent_ready;
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

struct partition_stats {
	uint64_t usage_us;        /* cpu.stat usage_usec: guest and root */
	bool has_root_us;         /* root time is measured: exit-times=on */
	uint64_t root_us;         /* ... in root mode on its behalf */
	uint32_t cpu_weight;      /* cpu.weight */
	uint64_t cpu_quota_us;    /* cpu.max; 0: max */
	uint64_t cpu_period_us;   /* cpu.max */
	uint64_t memory_max;      /* bytes */
	uint64_t memory_current;  /* bytes populated */
	uint64_t memory_overhead; /* bytes of the VMM for it */
	uint64_t exit_count;
	uint64_t irq_count; /* interrupts injected or posted */
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

/* Every function may be called in every state; `index` is always valid. */
uint32_t ops_count(void);
void ops_view(uint32_t index, struct partition_view *out);
/* ERR_STATE if it runs already */
must_check enum status ops_start(uint32_t index);
/* ask the guest to power off (agent.poweroff, else ACPI), kill it after
 * @timeout_ms; returns at once. ERR_STATE if it does not run */
must_check enum status ops_stop(uint32_t index, uint32_t timeout_ms);
must_check enum status ops_kill(uint32_t index);
must_check enum status ops_reset(uint32_t index);
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

#define MACHINE_FEATURE_MAX 24
#define MACHINE_MEM_MAX     40
#define MACHINE_FACT_MAX    12

/* What the run before left (vmm/black_box.h). */
struct machine_log_before {
	const struct ring *text; /* NULL: there is none */
	const char *why_not;     /* then, in words */
	uint32_t run;            /* its number */
	const char *end;         /* why it ended: a word, and the case */
	const char *end_text;
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

void ops_machine_info(struct machine_info *out);
void ops_machine_mem(struct machine_mem *out);
const struct ring *ops_machine_log(void);
/* the log and the last exits of the run before */
void ops_machine_log_before(struct machine_log_before *out);
/* fail on purpose; ERR_STATE without the boot option fault-injection */
must_check enum status ops_machine_fault(enum machine_fault how);
/* stop all partitions, then power off; returns at once */
void ops_machine_poweroff(void);
/* stop all partitions, then start the machine anew; returns at once */
void ops_machine_reboot(void);

#endif
