/*
 * restart_policy.h - is a partition that ended started again, and when?
 */
#ifndef VMM_RESTART_POLICY_H
#define VMM_RESTART_POLICY_H

#include "config.h"

#include <hv/reason.h>

/* A partition that ran that long is taken for well: the delay begins anew. */
#define RESTART_WELL_US 10000000u

struct restart_state {
	uint32_t count;   /* restarts since an operator started it */
	uint32_t backoff; /* ... in a row, each after a short run */
};

/**
 * restart_policy() - what the policy of @c says to an end.
 * @ran_us: how long it ran
 * @delay_us: until it is started again
 *
 * Return: false if it stays ended.
 */
bool restart_policy(const struct partition_config *c, struct restart_state *s,
		    enum end_reason reason, uint64_t ran_us,
		    uint64_t *delay_us);

/** restart_is_given_up() - does only the limit of on-failure:N keep it down? */
bool restart_is_given_up(const struct partition_config *c,
			 const struct restart_state *s, enum end_reason reason);

#endif
