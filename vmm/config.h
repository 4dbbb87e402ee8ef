/*
 * config.h - the description of one partition: partitions/NAME.json.
 *
 * An OCI runtime-spec config.json. The VMM reads its `vm` object and the
 * annotations io.bulkhead.*; process, root, mounts, linux and the rest are the
 * agent's, and travel to it as they are. docs/config.md has the tables.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include "json.h"
#include "kernel_boot.h"
#include <bh/boot_info.h>
#include <bh/status.h>
#include <hv/limits.h>
#include <proto/rpc.h>

#define CONFIG_TOKEN_MAX    2048
#define CONFIG_TEXT_MAX     (RPC_LINE_MAX - 512) /* must fit container.create */
#define CONFIG_CMDLINE_MAX  2048 /* kernel.parameters, NUL included */
#define CONFIG_ERROR_MAX    8
#define CONFIG_FAULT_MAX    320 /* bytes of a mistake in words */
#define CONFIG_VCPU_MAX     16
#define CONFIG_MEMORY_MIN   MIB(32)
#define CONFIG_MEMORY_STEP  MIB(2)
#define CONFIG_GROUP_MAX    LIMITS_GROUP_MAX
#define CONFIG_RESTART_MAX  1000000 /* on-failure:N */
#define CONFIG_DELAY_MAX_MS 3600000

#define CONFIG_ENTRY_AT_ADDRESS UINT32_MAX

enum config_restart {
	CONFIG_RESTART_NO,         /* when it ends it stays ended */
	CONFIG_RESTART_ON_FAILURE, /* ... unless it failed */
	CONFIG_RESTART_ALWAYS,     /* ... unless the operator ended it */
};

enum config_console {
	CONFIG_CONSOLE_HVC0,  /* virtio-console */
	CONFIG_CONSOLE_TTYS0, /* 16550, slow, from the first instruction on */
};

enum config_apic {
	CONFIG_APIC_X2APIC, /* the mode a processor starts in */
	CONFIG_APIC_XAPIC,
};

enum config_platform {
	CONFIG_PLATFORM_MINIMAL, /* nothing that a new kernel does not need */
	CONFIG_PLATFORM_PC,      /* a text screen, PIT, keyboard controller */
};

struct partition_config {
	char name[RPC_NAME_MAX + 1];
	char kernel[BOOT_PATH_MAX]; /* below \bulkhead\ */
	char initrd[BOOT_PATH_MAX]; /* "": none */
	char image[BOOT_PATH_MAX];  /* "": none; raw */
	char cmdline[CONFIG_CMDLINE_MAX];
	struct limits limits; /* memory_max: a multiple of 2 MiB */
	uint32_t vcpu_count;
	uint64_t vcpu_cpus[CONFIG_VCPU_MAX]; /* CPUs of each; 0: all */
	char group[CONFIG_GROUP_MAX];        /* "a/b"; "": in none */
	bool autostart;
	bool has_process; /* there is a container to start (first_job) */
	enum config_restart restart;
	uint32_t restart_limit;    /* times in a row; 0: no limit */
	uint32_t restart_delay_ms; /* the first; then twice as long each time */
	uint32_t restart_delay_max_ms;
	enum config_console console;
	enum config_apic apic;
	enum config_platform platform;
	enum kernel_protocol boot;
	/* protocol flat: where the file goes, CS << 16 | IP, DL */
	uint32_t boot_address;
	uint32_t boot_entry; /* CONFIG_ENTRY_AT_ADDRESS: where it goes */
	uint32_t boot_drive;
	uint32_t exit_port; /* 0: none */
	const char *text;   /* the whole file: stays where boot/ put it */
	size_t text_len;
	char fault[CONFIG_FAULT_MAX]; /* else "": why it was refused */
};

struct config_error {
	size_t offset;
	uint32_t line, column; /* from 1 */
	char path[JSON_PATH_MAX];
	char text[CONFIG_FAULT_MAX]; /* what is wrong; what to do */
};

struct config_report {
	uint32_t count; /* entries below */
	uint32_t total; /* errors found */
	struct config_error errors[CONFIG_ERROR_MAX];
	struct config_error beyond; /* the ninth and on: the last of them */
};

/* Memory that may still be promised to a partition. */
struct config_room {
	uint64_t left;                   /* bytes */
	char who[24 + CONFIG_GROUP_MAX]; /* "the machine", "group a/b" */
};

/* What only the rest of the VMM knows; each may be NULL (not checked). */
struct config_checks {
	bool (*file_exists)(void *ctx, const char *path);
	/* what partitions of @group ("": none) have; false: no such group */
	bool (*memory_left)(void *ctx, const char *group,
			    struct config_room *out);
	uint64_t cpus; /* the machine's, bit n: CPU n; 0: not checked */
	void *ctx;
};

/* Working memory of one parse; static in the caller (about 40 KiB). */
struct config_parser {
	struct json_doc doc;
	jsmntok_t tokens[CONFIG_TOKEN_MAX];
};

must_check enum status config_parse(struct config_parser *p, const char *file,
				    const char *text, size_t len,
				    const struct config_checks *checks,
				    struct partition_config *out,
				    struct config_report *report);
struct config_error *config_mistake(const struct json_doc *d,
				    struct config_report *r, json_ref at,
				    const char *fmt, ...) printf_like(4, 5);
must_check enum status config_open(struct config_parser *p, const char *text,
				   size_t len, struct config_report *report);
size_t config_error_print(const struct config_error *e, const char *file,
			  char *dst, size_t size);
bool config_name(const char *file, char name[RPC_NAME_MAX + 1]);
/** config_is_name() - does @s follow the rule for names (docs/protocol.md)? */
bool config_is_name(const char *s, size_t len);
/** config_is_group() - is @s the path of a group: names with / between? */
bool config_is_group(const char *s, size_t len);

/** config_is_memory() - can a partition have @bytes of RAM? */
static inline bool config_is_memory(uint64_t bytes)
{
	return bytes >= CONFIG_MEMORY_MIN && bytes % CONFIG_MEMORY_STEP == 0 &&
	       bytes < BIT(52);
}

#endif
