/*
 * cgroup.h - one cgroup v2 group a container, below /sys/fs/cgroup/containers.
 *
 * The agent itself stays in the root group, outside every limit.
 */
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include "spec.h"

#define CGROUP_ROOT       "/sys/fs/cgroup"
#define CGROUP_CONTAINERS CGROUP_ROOT "/containers"

/** cgroup_init() - mount the hierarchy, make the parent of all groups. */
int cgroup_init(void);
/** cgroup_controllers() - names enabled for containers, as a JSON array. */
json_t *cgroup_controllers(void);
/** cgroup_create() - make @id's group, its limits and device rules. 0 or -1 */
int cgroup_create(const char *id, const struct spec *s, struct agent_error *e);
/** cgroup_open() - the group's directory for CLONE_INTO_CGROUP; fd or -1. */
int cgroup_open(const char *id);
/** cgroup_unthrottle() - no cpu.max any more: the group shall end soon. */
void cgroup_unthrottle(const char *id);
/** cgroup_kill() - SIGKILL every process in the group. */
void cgroup_kill(const char *id);
/** cgroup_signal() - send @signal to every process in the group. */
void cgroup_signal(const char *id, int signal);
/** cgroup_remove() - rmdir; 0, or -1 with errno (EBUSY: not empty yet). */
int cgroup_remove(const char *id);
/** cgroup_oom_kills() - memory.events' oom_kill. */
uint64_t cgroup_oom_kills(const char *id);
/** cgroup_stats() - the group's files as container.stats shows them. */
json_t *cgroup_stats(const char *id);

#endif
