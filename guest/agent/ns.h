/* ns.h - namespaces of a process: joining, mapping, listing. */
#ifndef AGENT_NS_H
#define AGENT_NS_H

#include "spec.h"

/** ns_open() - open a namespace to join and check its type; fd or -1. */
int ns_open(enum ns_kind kind, const char *path, struct agent_error *e);
/** ns_map_ids() - write uid_map, gid_map and setgroups of process @pid. */
int ns_map_ids(const struct spec *s, pid_t pid, struct agent_error *e);
/** ns_list() - [{"type","inode","own"}] of @pid; own: not the agent's. */
json_t *ns_list(pid_t pid);
/** ns_own_flags() - CLONE_NEW* of the kinds where @pid is not with us. */
int ns_own_flags(pid_t pid);
/** ns_loopback_up() - set "lo" up in this network namespace. */
int ns_loopback_up(struct agent_error *e);

#endif
