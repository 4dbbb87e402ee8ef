/* partition_memory.h - a partition's RAM: frames, gmem and nested tables. */
#ifndef VMM_PARTITION_MEMORY_H
#define VMM_PARTITION_MEMORY_H

#include <bh/status.h>
#include <stdbool.h>

struct partition;

/** partition_memory_set_lazy() - populate on first touch, not at start. */
void partition_memory_set_lazy(bool is_lazy);

/**
 * partition_memory_init() - gmem and nested page table of @p; all RAM unless
 * population is lazy. Return: ERR_NOMEM, with nothing kept.
 */
must_check enum status partition_memory_init(struct partition *p);

/** partition_memory_release() - give RAM and tables back. */
void partition_memory_release(struct partition *p);

/** partition_memory_populated() - bytes of RAM that have frames. */
uint64_t partition_memory_populated(const struct partition *p);

/** partition_memory_index_size() - bytes of the list of its chunks. */
uint64_t partition_memory_index_size(const struct partition *p);

#endif
