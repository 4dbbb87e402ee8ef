/* filter.h - system-call filters: the config's own and the agent's base. */
#ifndef AGENT_FILTER_H
#define AGENT_FILTER_H

#include "spec.h"

/**
 * filter_base() - a filter every container gets, whatever its config says:
 * no AF_VSOCK sockets (they would reach the VMM as if they were the agent),
 * no io_uring (its requests pass no filter).
 * Return: the filter, or NULL if out of memory.
 */
scmp_filter_ctx filter_base(void);
/** filter_apply() - load a filter into this process; 0, or -1. */
int filter_apply(scmp_filter_ctx filter, struct agent_error *e);

#endif
