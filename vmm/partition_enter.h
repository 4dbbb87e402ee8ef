/*
 * partition_enter.h - the brackets around all work on a partition's memory
 * that is not done by an exit of one of its vCPUs.
 *
 * A CPU that has a vCPU loaded is in its partition's address space; management
 * comes with any other, or none, and enters for as long as it works.
 */
#ifndef VMM_PARTITION_ENTER_H
#define VMM_PARTITION_ENTER_H

struct host_space;
struct partition;

/** partition_enter() - take @p's lock, show its memory on this CPU; nests.
 * Return: for partition_leave(). */
struct host_space *partition_enter(struct partition *p);

/** partition_leave() - back to what was shown @before, and drop the lock. */
void partition_leave(struct partition *p, struct host_space *before);

#endif
