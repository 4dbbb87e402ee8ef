/*
 * top.h - rates: what partitions have used between two looks at them.
 */
#ifndef VMM_TOP_H
#define VMM_TOP_H

#include <bh/attr.h>
#include <stdbool.h>

#define TOP_PARTITION_MAX 32
#define TOP_EXIT_MAX      192     /* exit reasons that are told apart */
#define TOP_REASON_MAX    4       /* ... of which the most frequent are shown */
#define TOP_WINDOW_US     500000u /* the least time between two looks */

/* Counters of one partition at one look. */
struct top_counters {
	uint32_t id;
	bool is_there;
	uint64_t usage_us;
	uint64_t steal_us;
	uint64_t throttled_us;
	uint64_t exits;
	uint32_t reasons[TOP_EXIT_MAX]; /* may wrap: only differences count */
};

struct top_look {
	uint64_t at_us;
	struct top_counters rows[TOP_PARTITION_MAX];
};

struct top {
	uint32_t last; /* index of the newer look */
	struct top_look looks[2];
};

/* Permille are of one CPU. */
struct top_row {
	uint32_t index; /* as hv/partition_ops.h counts */
	uint32_t cpu_permille;
	uint32_t steal_permille;
	uint32_t throttled_permille;
	uint64_t memory_current;
	uint64_t exits_per_s;
	struct {
		const char *name;
		uint64_t per_s; /* 0: there are no more */
	} reasons[TOP_REASON_MAX];
};

/** top_init() - as if the machine had been looked at when it started. */
void top_init(struct top *t);

/** top_look() - look at all partitions, unless that was just done. */
void top_look(struct top *t);

/** top_interval_us() - time between the last two looks. */
uint64_t top_interval_us(const struct top *t);

/** top_row() - partition @index as of the last look. */
void top_row(const struct top *t, uint32_t index, struct top_row *out);

#endif
