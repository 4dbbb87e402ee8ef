/*
 * spec.h - a container as it shall be: the decoded OCI config.json.
 *
 * config*.c fill a struct spec and can fail; whoever gets a struct spec
 * (container.c, init.c, mounts.c …) performs it. Strings are borrowed from
 * the JSON document, which the spec keeps alive. All arrays are bounded.
 */
#ifndef AGENT_SPEC_H
#define AGENT_SPEC_H

#include "error.h"
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define SPEC_ARG_MAX         256
#define SPEC_ENV_MAX         256
#define SPEC_GROUP_MAX       32
#define SPEC_MOUNT_MAX       64
#define SPEC_MOUNT_DATA_MAX  256
#define SPEC_DEVICE_MAX      32
#define SPEC_DEVICE_RULE_MAX 64
#define SPEC_IDMAP_MAX       8
#define SPEC_PATH_MAX        64
#define SPEC_CGROUP_MAX      32
#define SPEC_SYSCTL_MAX      32

/* clang-format off */
/* enum suffix, OCI's word, /proc/PID/ns file, clone flag */
#define NS_LIST(X)                                                             \
	X(USER,    "user",    "user",   CLONE_NEWUSER)                         \
	X(CGROUP,  "cgroup",  "cgroup", CLONE_NEWCGROUP)                       \
	X(IPC,     "ipc",     "ipc",    CLONE_NEWIPC)                          \
	X(MOUNT,   "mount",   "mnt",    CLONE_NEWNS)                           \
	X(NETWORK, "network", "net",    CLONE_NEWNET)                          \
	X(PID,     "pid",     "pid",    CLONE_NEWPID)                          \
	X(TIME,    "time",    "time",   CLONE_NEWTIME)                         \
	X(UTS,     "uts",     "uts",    CLONE_NEWUTS)
/* clang-format on */

enum ns_kind {
#define X(kind, word, file, flag) NS_##kind,
	NS_LIST(X)
#undef X
		NS_COUNT
};

struct ns_info {
	const char *word; /* in config.json */
	const char *file; /* below /proc/PID/ns */
	int flag;
};
extern const struct ns_info ns_table[NS_COUNT];

enum caps_set {
	CAPS_BOUNDING,
	CAPS_EFFECTIVE,
	CAPS_INHERITABLE,
	CAPS_PERMITTED,
	CAPS_AMBIENT,
	CAPS_SET_COUNT
};

struct spec_rlimit {
	bool is_set;
	struct rlimit limit;
};

struct spec_process {
	const char *args[SPEC_ARG_MAX + 1]; /* NULL-terminated */
	const char *env[SPEC_ENV_MAX + 1];
	const char *cwd;
	uint32_t uid;
	uint32_t gid;
	uint32_t groups[SPEC_GROUP_MAX];
	size_t group_count;
	uint32_t umask;
	bool has_umask;
	bool has_terminal;
	bool has_no_new_privs;
	bool has_caps; /* OCI: without the object, no capabilities */
	bool has_oom_score_adj;
	int oom_score_adj;
	uint16_t rows;
	uint16_t cols;
	uint64_t caps[CAPS_SET_COUNT];
	struct spec_rlimit rlimits[RLIM_NLIMITS];
};

struct spec_ns {
	bool is_wanted;
	const char *path; /* join this one; NULL: a new one */
};

struct spec_idmap {
	uint32_t container_id;
	uint32_t host_id;
	uint32_t size;
};

struct spec_mount {
	const char *destination;
	const char *type;
	const char *source;
	unsigned long flags;       /* MS_* */
	unsigned long propagation; /* MS_PRIVATE… | MS_REC, 0: as it is */
	char data[SPEC_MOUNT_DATA_MAX];
};

struct spec_device {
	const char *path;
	mode_t mode; /* type and permissions */
	uint32_t major;
	uint32_t minor;
	uint32_t uid;
	uint32_t gid;
};

/* The rights of a device rule; the kernel's own bits. */
#define SPEC_ACCESS_MKNOD 1
#define SPEC_ACCESS_READ  2
#define SPEC_ACCESS_WRITE 4
#define SPEC_ACCESS_ALL   7
#define SPEC_DEV_ANY      (-1)

struct spec_device_rule {
	bool is_allow;
	char type;      /* 'a', 'b', 'c' */
	uint8_t access; /* SPEC_ACCESS_* */
	int64_t major;  /* SPEC_DEV_ANY: every */
	int64_t minor;
};

struct spec_cgroup {
	char file[24];
	char value[256];
};

struct spec_sysctl {
	const char *key;
	const char *value;
};

struct spec {
	json_t *config; /* owns every borrowed string */
	const char *version;
	const char *hostname;
	const char *domainname;
	const char *root_path;
	bool is_root_readonly;
	struct spec_process process;
	bool has_process;
	struct spec_ns ns[NS_COUNT];
	struct spec_idmap uid_maps[SPEC_IDMAP_MAX];
	size_t uid_map_count;
	struct spec_idmap gid_maps[SPEC_IDMAP_MAX];
	size_t gid_map_count;
	bool has_time_offsets;
	int64_t monotonic_secs;
	uint32_t monotonic_nanosecs;
	int64_t boottime_secs;
	uint32_t boottime_nanosecs;
	struct spec_mount mounts[SPEC_MOUNT_MAX];
	size_t mount_count;
	struct spec_device devices[SPEC_DEVICE_MAX];
	size_t device_count;
	struct spec_device_rule device_rules[SPEC_DEVICE_RULE_MAX];
	size_t device_rule_count;
	const char *masked_paths[SPEC_PATH_MAX];
	size_t masked_path_count;
	const char *readonly_paths[SPEC_PATH_MAX];
	size_t readonly_path_count;
	unsigned long rootfs_propagation; /* MS_*, 0: private */
	struct spec_sysctl sysctls[SPEC_SYSCTL_MAX];
	size_t sysctl_count;
	struct spec_cgroup cgroup[SPEC_CGROUP_MAX];
	size_t cgroup_count;
	scmp_filter_ctx seccomp; /* NULL: none asked for */
};

/**
 * spec_decode() - check a whole config.json and decode it.
 * @config: a reference is kept until spec_free()
 * Return: the spec, or NULL with @e naming the member and what to do.
 */
struct spec *spec_decode(json_t *config, struct agent_error *e);
/** spec_free() - give back what spec_decode() made; NULL is fine. */
void spec_free(struct spec *s);
/**
 * spec_decode_process() - only an OCI process object, for container.exec.
 * Strings are borrowed from @process, which the caller keeps.
 */
int spec_decode_process(json_t *process, struct spec_process *out,
			struct agent_error *e);
/** spec_outside() - what @container_id is outside; itself if not mapped. */
uint32_t spec_outside(const struct spec_idmap *maps, size_t count,
		      uint32_t container_id);
/** spec_has_new() - shall the container get a new namespace of @kind? */
bool spec_has_new(const struct spec *s, enum ns_kind kind);

#endif
