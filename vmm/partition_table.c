/*
 * partition_table.c - the partitions there are: they come and go.
 *
 * The table is dense: partition_table() gives its first *@count places, and
 * who goes lets the later ones move up. A partition's index is another number:
 * it stands for its owner mark and address-space tags, is the lowest that is
 * free when it comes, and stays as long as the partition does.
 * Context: management.
 */
#include "partition.h"
#include "partition_agent.h"
#include "partition_cpu.h"

#include <bh/assert.h>

static struct partition *partitions[PARTITION_MAX];
static uint32_t partition_count;
static uint64_t added_count; /* ever */

struct partition **partition_table(uint32_t *count)
{
	*count = partition_count;
	return partitions;
}

static bool table_has(uint32_t index)
{
	for (uint32_t i = 0; i < partition_count; i++) {
		if (partitions[i]->index == index) {
			return true;
		}
	}
	return false;
}

static uint64_t table_size(void)
{
	return align_up(sizeof(struct partition), PAGE_SIZE);
}

enum status partition_add(const struct partition_config *c, uint32_t group)
{
	uint32_t index = 0;
	struct partition *p;
	hpa_t frames;
	enum status s;

	if (partition_count == PARTITION_MAX) {
		return ERR_LIMIT;
	}
	while (table_has(index)) {
		index++;
	}
	s = pmm_alloc(pmm_owner_of_partition(index), table_size(), PAGE_SIZE,
		      &frames);
	if (s != OK) {
		return s;
	}
	p = phys_to_virt(frames);
	p->index = index;
	p->config = *c;
	p->state = PARTITION_CREATED;
	p->vm.index = p->index;
	p->vm.serial = ++added_count;
	p->vm.owner = pmm_owner_of_partition(p->index);
	p->vm.asid = (uint16_t)(1 + p->index * CONFIG_VCPU_MAX);
	ring_init(&p->console, p->console_bytes, PARTITION_CONSOLE_SIZE);
	p->life.group = group;
	s = partition_cpu_add(p);
	if (s != OK) {
		pmm_free(p->vm.owner, frames, table_size());
		return s;
	}
	partition_agent_init(p);
	partitions[partition_count++] = p;
	return OK;
}

void partition_remove(struct partition *p)
{
	frame_owner_t owner = p->vm.owner;
	uint32_t i = 0;

	ASSERT(p->state != PARTITION_RUNNING);
	partition_release(p);
	partition_cpu_remove(p);
	while (partitions[i] != p) {
		i++;
	}
	for (partition_count--; i < partition_count; i++) {
		partitions[i] = partitions[i + 1];
	}
	partitions[partition_count] = NULL;
	pmm_free(owner, virt_to_phys(p), table_size());
	/* what still had its mark would be the next one's */
	ASSERT(pmm_count(owner) == 0);
}
