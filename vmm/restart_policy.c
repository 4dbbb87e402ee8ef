/*
 * restart_policy.c - is a partition that ended started again, and when?
 *
 * The words are podman's: no, on-failure[:N], always. What the operator ended
 * stays ended. Delays double from restart_delay_ms up to restart_delay_max_ms;
 * a run of RESTART_WELL_US lets them begin anew. The limit of on-failure:N
 * counts all restarts since an operator's start.
 */
#include "restart_policy.h"

static bool restart_is_wanted(const struct partition_config *c,
			      enum end_reason reason)
{
	switch (c->restart) {
	case CONFIG_RESTART_ALWAYS:
		return reason != END_REASON_KILLED &&
		       reason != END_REASON_STOPPED &&
		       reason != END_REASON_CONFIG_ERROR;
	case CONFIG_RESTART_ON_FAILURE:
		return end_reason_is_failure(reason) &&
		       reason != END_REASON_CONFIG_ERROR;
	case CONFIG_RESTART_NO:
	default:
		return false;
	}
}

bool restart_is_given_up(const struct partition_config *c,
			 const struct restart_state *s, enum end_reason reason)
{
	return restart_is_wanted(c, reason) && c->restart_limit != 0 &&
	       s->count >= c->restart_limit;
}

bool restart_policy(const struct partition_config *c, struct restart_state *s,
		    enum end_reason reason, uint64_t ran_us, uint64_t *delay_us)
{
	uint64_t longest = c->restart_delay_max_ms * 1000ull;

	if (!restart_is_wanted(c, reason) ||
	    restart_is_given_up(c, s, reason)) {
		return false;
	}
	if (ran_us >= RESTART_WELL_US) {
		s->backoff = 0;
	}
	*delay_us = c->restart_delay_ms * 1000ull;
	for (uint32_t i = 0; i < s->backoff && *delay_us < longest; i++) {
		*delay_us *= 2;
	}
	*delay_us = *delay_us < longest ? *delay_us : longest;
	s->backoff += s->backoff < UINT32_MAX;
	s->count++;
	return true;
}
