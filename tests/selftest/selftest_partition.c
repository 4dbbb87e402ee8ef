/*
 * selftest_partition.c - partitions that come and go leave no frame behind.
 *
 * A thousand of them are created, started, ended and removed. None runs an
 * instruction: the loop that would give them a CPU comes later. What they run
 * is a file of the boot volume; without it the start fails half-way, which has
 * to leave as little.
 */
#include <bh/log.h>
#include <bh/selftest.h>
#include <bh/string.h>

#include "vmm/files.h"
#include "vmm/lib/log_sink.h"
#include "vmm/partition.h"
#include "vmm/partition_memory.h"

#define CYCLES      1000u
#define EAGER_EVERY 50u /* ... with all RAM populated: that takes longer */

static struct partition *cycle_create(const char *kernel)
{
	static struct partition_config c;
	struct refusal why;
	struct partition **all;
	uint32_t count;

	limits_default(&c.limits);
	c.limits.memory_max = CONFIG_MEMORY_MIN;
	c.vcpu_count = 1;
	str_copy(c.name, sizeof(c.name), "cycle");
	str_copy(c.kernel, sizeof(c.kernel), kernel);
	if (partition_life_add(&c, &why) != OK) {
		return NULL;
	}
	all = partition_table(&count);
	return all[count - 1];
}

/* One life; false: it could not be created, or frames are missing. */
static bool cycle_one(const char *kernel, bool is_eager)
{
	uint64_t before = pmm_count(FRAME_FREE);
	struct partition *p = cycle_create(kernel);
	struct refusal why;
	frame_owner_t owner;
	uint32_t count;
	uint64_t size;
	bool good;

	if (p == NULL) {
		return false;
	}
	owner = p->vm.owner;
	partition_memory_set_lazy(!is_eager);
	good = (partition_start(p) == OK) ==
	       (files_find(kernel, &size) != NULL);
	partition_end(p, END_REASON_KILLED, "%s", "");
	(void)partition_table(&count);
	return good && ops_delete(count - 1, false, &why) == OK &&
	       pmm_count(FRAME_FREE) == before && pmm_count(owner) == 0;
}

static bool cycle_all(const char *kernel)
{
	for (uint32_t i = 0; i < CYCLES; i++) {
		if (!cycle_one(kernel, i % EAGER_EVERY == 0)) {
			log_error("cycle %u of %s", i, kernel);
			return false;
		}
	}
	return true;
}

TEST(partitions_leave_no_frames_behind)
{
	bool good;

	log_set_level(LOG_ERROR);
	good = cycle_all("halt_forever.bin") && cycle_all("missing.bin");
	log_set_level(LOG_INFO);
	partition_memory_set_lazy(false);
	SELFTEST_EXPECT(good);
}
