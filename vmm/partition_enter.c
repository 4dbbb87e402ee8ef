/*
 * partition_enter.c - the brackets around work on a partition's memory.
 */
#include "partition_enter.h"

#include "partition.h"

#include <arch/host_space.h>

struct host_space *partition_enter(struct partition *p)
{
	partition_lock_take(&p->lock);
	return host_space_enter(&p->vm.space);
}

void partition_leave(struct partition *p, struct host_space *before)
{
	(void)host_space_enter(before);
	partition_lock_drop(&p->lock);
}
