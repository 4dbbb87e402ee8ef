/*
 * partition_life.h - what an operator's orders need to know of a partition.
 *
 * hv/partition_ops.h has the orders; vmm/partition_life.c obeys them.
 */
#ifndef VMM_PARTITION_LIFE_H
#define VMM_PARTITION_LIFE_H

#include "restart_policy.h"
#include "stop_plan.h"

#include <bh/addr.h>

struct partition;

/* Of one partition. Management context. */
struct partition_life {
	uint32_t group;    /* number in the tree of groups */
	uint64_t promised; /* bytes that its groups have promised it */
	bool is_frozen;    /* paused: running, but given no CPU */
	struct stop_plan stop;
	struct restart_state restart;
	hpa_t text; /* its copy of config.json; 0: it is a boot file */
	uint64_t text_size;
};

/** partition_life_add() - a partition whose text stays where it is, in its
 *  group. Return: OK; ERR_LIMIT, ERR_NOMEM, ERR_NOENT with *@why. */
must_check enum status partition_life_add(const struct partition_config *c,
					  struct refusal *why);

/** partition_life_checks() - what a config.json is checked against now. */
const struct config_checks *partition_life_checks(void);

/** partition_life_load_groups() - read \bulkhead\groups.json, if there is one.
 */
void partition_life_load_groups(void);

/** partition_life_ended() - it has ended for @reason: pause and stop are over,
 *  its restart policy is asked (restart_at_us). */
void partition_life_ended(struct partition *p, enum end_reason reason);

/** partition_life_stop() - begin an orderly stop of one that runs. */
void partition_life_stop(struct partition *p, const struct stop_times *times);

/** partition_life_poll() - the stages of a stop under way. */
void partition_life_poll(struct partition *p);

#endif
