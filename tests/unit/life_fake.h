/*
 * life_fake.h - a core of fakes under the life cycle of partitions, for
 * test_partition_life.c and test_partition_limits.c: include it in one file of
 * a program.
 *
 * Real are the table of partitions, the life cycle, limits and groups; faked
 * are frames, the start and the end of a guest, and the clock.
 */
#ifndef TESTS_LIFE_FAKE_H
#define TESTS_LIFE_FAKE_H

#include "tests/lib/unit.h"

#include "files.h"
#include "partition.h"
#include "partition_agent.h"
#include "partition_cpu.h"
#include "partition_enter.h"
#include "partition_group.h"
#include "partition_memory.h"
#include "platform.h"
#include <stdlib.h>
#include <string.h>

/* ---- the fakes ---- */

static uint64_t frames[256]; /* bytes by owner */
static uint64_t now_us;
static uint64_t alloc_count, alloc_fails_at; /* 0: never */
static enum status start_status;
static uint32_t applied, frozen, thawed, releases;
static uint32_t quiet_polls;
static bool is_stuck; /* a vCPU that does not leave */
static uint64_t machine_cpus;
static const char *groups_json;

uint64_t platform_now_us(void)
{
	return now_us;
}

const void *files_find(const char *path, uint64_t *size)
{
	if (strcmp(path, "groups.json") == 0 && groups_json != NULL) {
		*size = strlen(groups_json);
		return groups_json;
	}
	*size = 3;
	return strcmp(path, "k") == 0 ? "elf" : NULL;
}

enum status pmm_alloc(frame_owner_t owner, uint64_t size, uint64_t align,
		      hpa_t *out)
{
	alloc_count++;
	if (alloc_count == alloc_fails_at || size > frames[FRAME_FREE]) {
		return ERR_NOMEM;
	}
	*out = hpa((uintptr_t)aligned_alloc(align, size));
	memset((void *)(uintptr_t)out->v, 0, size);
	frames[FRAME_FREE] -= size;
	frames[owner] += size;
	return OK;
}

void pmm_free(frame_owner_t owner, hpa_t base, uint64_t size)
{
	assert_true(frames[owner] >= size);
	frames[owner] -= size;
	frames[FRAME_FREE] += size;
	free((void *)(uintptr_t)base.v);
}

uint64_t pmm_count(frame_owner_t owner)
{
	return frames[owner];
}

void *phys_to_virt(hpa_t a)
{
	return (void *)(uintptr_t)a.v;
}

hpa_t virt_to_phys(const void *p)
{
	return hpa((uintptr_t)p);
}

uint64_t partition_memory_populated(const struct partition *p)
{
	return p->has_memory ? p->vm.gmem.low_size : 0;
}

void partition_release(struct partition *p)
{
	if (p->has_memory) {
		frames[p->vm.owner] -= p->vm.gmem.low_size;
		frames[FRAME_FREE] += p->vm.gmem.low_size;
	}
	p->has_memory = false;
	releases++;
}

void partition_agent_init(struct partition *p)
{
	(void)p;
}

static inline size_t link_send(void *ctx, const void *src, size_t len)
{
	(void)ctx;
	(void)src;
	return len;
}

static inline void link_ready(void *ctx, const char *params, size_t len)
{
	(void)ctx;
	(void)params;
	(void)len;
}

static const struct agent_link_ops link_ops = { .send = link_send,
						.ready = link_ready };

enum status partition_start(struct partition *p)
{
	partition_release(p);
	p->started_us = now_us;
	p->restart_at_us = 0;
	if (start_status != OK) {
		p->state = PARTITION_FAILED;
		p->why.reason = END_REASON_OUT_OF_MEMORY;
		return start_status;
	}
	p->vm.gmem.low_size = p->config.limits.memory_max;
	frames[p->vm.owner] += p->vm.gmem.low_size;
	frames[FRAME_FREE] -= p->vm.gmem.low_size;
	p->has_memory = true;
	p->state = PARTITION_RUNNING;
	agent_link_init(&p->link, &link_ops, p);
	return OK;
}

void partition_end(struct partition *p, enum end_reason reason,
		   const char *text, ...)
{
	(void)text;
	if (p->state != PARTITION_RUNNING) {
		return;
	}
	p->why.reason = reason;
	p->state = end_reason_is_failure(reason) ? PARTITION_FAILED
						 : PARTITION_STOPPED;
	p->ended_us = now_us;
	p->stop_at_us = 0;
	partition_life_ended(p, reason);
}

uint64_t partition_cpu_machine(void)
{
	return machine_cpus;
}

enum status partition_cpu_add(struct partition *p)
{
	(void)p;

	return OK;
}

void partition_cpu_remove(struct partition *p)
{
	(void)p;
}

struct host_space *partition_enter(struct partition *p)
{
	partition_lock_take(&p->lock);
	return NULL;
}

void partition_leave(struct partition *p, struct host_space *before)
{
	(void)before;
	partition_lock_drop(&p->lock);
}

bool partition_wait_quiet(const struct partition *p)
{
	(void)p;
	quiet_polls++;
	return !is_stuck;
}

void partition_agent_poll(struct partition *p)
{
	(void)p;
}

void partition_cpu_apply(struct partition *p)
{
	(void)p;
	applied++;
}

void partition_cpu_freeze(struct partition *p, bool is_frozen)
{
	assert_int_equal(p->life.is_frozen, is_frozen);
	frozen += is_frozen;
	thawed += !is_frozen;
}

void partition_cpu_stat(struct partition *p, struct cpu_stat *out,
			struct cpu_pressure *pressure)
{
	assert_null(pressure);
	*out = (struct cpu_stat){ .steal_us = p->has_memory ? 1000 : 0 };
}

void group_cpu_apply(uint32_t i)
{
	(void)i;
}

void group_cpu_stat(uint32_t i, struct cpu_stat *out)
{
	(void)i;
	*out = (struct cpu_stat){ .nr_periods = 7 };
}

void group_cpu_remove(uint32_t i)
{
	(void)i;
}

const char *ops_exit_name(uint32_t reason)
{
	(void)reason;
	return "";
}

/* ---- helpers ---- */

static struct refusal why;

static inline struct partition *part(uint32_t index)
{
	uint32_t count;
	struct partition **all = partition_table(&count);

	assert_true(index < count);
	return all[index];
}

static inline uint32_t part_count(void)
{
	uint32_t count;

	(void)partition_table(&count);
	return count;
}

#define SPEC(notes)                                                       \
	"{\"ociVersion\":\"1.0.2\",\"vm\":{\"kernel\":{\"path\":\"k\"}}," \
	"\"annotations\":{\"io.bulkhead.memory.max\":\"64M\"" notes "}}"

static inline enum status create(const char *name, const char *text)
{
	const struct config_report *report;

	return ops_create(name, text, strlen(text), &report, &why);
}

static inline void create_good(const char *name)
{
	assert_int_equal(create(name, SPEC("")), OK);
}

static inline void end(uint32_t index, enum end_reason reason)
{
	partition_end(part(index), reason, "%s", "");
}

static inline int setup(void **state)
{
	(void)state;
	memset(frames, 0, sizeof(frames));
	frames[FRAME_FREE] = GIB(1);
	now_us = 1000000;
	machine_cpus = 3;
	alloc_count = alloc_fails_at = 0;
	applied = frozen = thawed = releases = 0;
	start_status = OK;
	groups_json = NULL;
	group_tree_init(partition_groups());
	return 0;
}

/* Everything is gone, and so are the frames. */
static inline int teardown(void **state)
{
	(void)state;
	while (part_count() > 0) {
		assert_int_equal(ops_delete(0, true, &why), OK);
	}
	assert_int_equal(frames[FRAME_FREE], GIB(1));
	assert_int_equal(partition_groups()->groups[GROUP_ROOT].promised, 0);
	return 0;
}

/* Bring partition 0 from CREATED into a state. */
static inline void bring(enum partition_state to)
{
	if (to != PARTITION_CREATED) {
		assert_int_equal(ops_start(0, &why), OK);
	}
	if (to == PARTITION_PAUSED) {
		assert_int_equal(ops_pause(0, &why), OK);
	} else if (to == PARTITION_STOPPED) {
		end(0, END_REASON_POWEROFF);
	} else if (to == PARTITION_FAILED) {
		end(0, END_REASON_TRIPLE_FAULT);
	}
}

#endif
