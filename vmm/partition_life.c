/*
 * partition_life.c - partitions come, run, stop and go, as the operator orders.
 *
 * Orders and states (hv/partition_ops.h, docs/protocol.md):
 *
 *	         create    start  pause  resume stop   kill   reset  delete
 *	(none)   CREATED
 *	CREATED  exists    RUN    state  state  state  state  RUN    gone
 *	RUNNING  exists    state  PAUSED ok     STOP.  STOP.  RUN    state
 *	PAUSED   exists    state  ok     RUN    STOP.  STOP.  RUN    state
 *	STOPPED  exists    RUN    state  state  ok     state  RUN    gone
 *
 * FAILED is as STOPPED. "state" is a refusal; so is "exists"; nothing has
 * changed then. A partition that is paused is RUNNING for the rest of the VMM:
 * only its CPUs are kept from it.
 *
 * Invariants
 *  1. life.promised bytes are charged to the partition's group as long as it
 *     exists, whether it runs or not: so what was created can be started.
 *  2. life.is_frozen only while it is RUNNING; life.stop.is_active likewise.
 *  3. `life` changes with the partition's lock: an exit may end the partition.
 * Context: management.
 */
#include "partition_life.h"

#include "files.h"
#include "partition.h"
#include "partition_agent.h"
#include "partition_cpu.h"
#include "partition_enter.h"
#include "partition_group.h"
#include "partition_memory.h"
#include "platform.h"

#include <bh/log.h>
#include <bh/string.h>

/* The backing deadline in partition_poll() comes after the plan's own. */
#define LIFE_STOP_SLACK_US 2000000u

static struct partition *life_at(uint32_t index)
{
	uint32_t count;

	return partition_table(&count)[index];
}

static enum partition_state life_state(const struct partition *p)
{
	return p->life.is_frozen ? PARTITION_PAUSED : p->state;
}

/* The order cannot be obeyed in the present state. */
static enum status life_refuse_state(const struct partition *p,
				     struct refusal *why, const char *what)
{
	return refusal_set(why, ERR_STATE, "partition %s is %s; %s",
			   p->config.name, partition_state_word(life_state(p)),
			   what);
}

typedef enum status life_order_fn(struct partition *p, struct refusal *why);

/* Obey an order with the partition's lock. */
static enum status life_order(uint32_t index, life_order_fn *obey,
			      struct refusal *why)
{
	struct partition *p = life_at(index);
	struct host_space *before = partition_enter(p);
	enum status s = obey(p, why);

	partition_leave(p, before);
	return s;
}

/* ---- create ---- */

static bool life_has_file(void *ctx, const char *path)
{
	uint64_t size;

	(void)ctx;
	return files_find(path, &size) != NULL;
}

/* What is free and not promised to a partition that may take it any time. */
static uint64_t life_free_memory(void)
{
	uint64_t left = pmm_count(FRAME_FREE);
	uint32_t count;
	struct partition **all = partition_table(&count);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t want = all[i]->config.limits.memory_max;
		uint64_t has = partition_memory_populated(all[i]);

		want -= has < want ? has : want;
		left -= want < left ? want : left;
	}
	return left;
}

static bool life_memory_left(void *ctx, const char *group,
			     struct config_room *out)
{
	struct group_tree *t = partition_groups();
	uint32_t i = group_tree_find(t, group), limiting;
	uint64_t room;

	(void)ctx;
	if (i == GROUP_NONE) {
		return false;
	}
	out->left = life_free_memory();
	room = group_tree_room(t, i, &limiting);
	if (room < out->left) {
		char path[CONFIG_GROUP_MAX];

		group_tree_path(t, limiting, path);
		fmt_print(out->who, sizeof(out->who), "group %s", path);
		out->left = room;
	}
	return true;
}

const struct config_checks *partition_life_checks(void)
{
	static struct config_checks checks = {
		.file_exists = life_has_file,
		.memory_left = life_memory_left,
	};

	checks.cpus = partition_cpu_machine();
	return &checks;
}

enum status partition_life_add(const struct partition_config *c,
			       struct refusal *why)
{
	struct group_tree *t = partition_groups();
	uint32_t group = group_tree_find(t, c->group);
	struct group_refusal r;
	struct partition **all;
	struct partition *p;
	uint32_t count;
	enum status s;

	if (group == GROUP_NONE) {
		return refusal_set(why, ERR_NOENT,
				   "there is no group \"%s\"; "
				   "create it first",
				   c->group);
	}
	if (group_tree_charge(t, group, c->limits.memory_max, &r) != OK) {
		char path[CONFIG_GROUP_MAX];

		group_tree_path(t, r.group, path);
		s = refusal_set(why, ERR_LIMIT,
				"group %s has not that much memory left: %luM "
				"needed, %luM free; raise its memory.max",
				path, r.need >> 20, r.free >> 20);
		why->key = limits_word(LIMIT_MEMORY_MAX);
		why->need = r.need;
		why->free = r.free;
		return s;
	}
	s = partition_add(c, group);
	if (s != OK) {
		group_tree_uncharge(t, group, c->limits.memory_max);
		return s == ERR_LIMIT
			       ? refusal_set(
					 why, s,
					 "there are %u partitions, more do not "
					 "fit; delete one first",
					 PARTITION_MAX)
			       : refusal_set(
					 why, s,
					 "no memory for one more partition; "
					 "delete one first");
	}
	all = partition_table(&count);
	p = all[count - 1];
	p->life.promised = c->limits.memory_max;
	group_tree_join(t, group);
	partition_cpu_apply(p);
	return OK;
}

/* Copy the text of config.json into frames of the partition's own. */
static enum status life_keep_text(struct partition *p, struct refusal *why)
{
	uint64_t size = align_up(p->config.text_len, PAGE_SIZE);
	char *text;

	if (pmm_alloc(p->vm.owner, size, PAGE_SIZE, &p->life.text) != OK) {
		return refusal_set(
			why, ERR_NOMEM,
			"no memory for the configuration's text; delete "
			"a partition first");
	}
	p->life.text_size = size;
	text = phys_to_virt(p->life.text);
	memcpy(text, p->config.text, p->config.text_len);
	p->config.text = text;
	return OK;
}

/* Give back all that a partition that does not run has, and its name. */
static void life_remove(struct partition *p)
{
	struct group_tree *t = partition_groups();

	group_tree_uncharge(t, p->life.group, p->life.promised);
	group_tree_leave(t, p->life.group);
	if (p->life.text_size != 0) {
		pmm_free(p->vm.owner, p->life.text, p->life.text_size);
	}
	partition_remove(p);
}

enum status ops_create(const char *name, const char *text, size_t len,
		       const struct config_report **report, struct refusal *why)
{
	static struct config_report mistakes;
	static struct config_parser parser;
	static struct partition_config c;
	char file[RPC_NAME_MAX + 8];
	struct partition **all;
	uint32_t count;
	enum status s;

	*report = NULL;
	all = partition_table(&count);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(all[i]->config.name, name) == 0) {
			return refusal_set(
				why, ERR_EXIST,
				"there is a partition %s, it is %s; take "
				"another name or delete it",
				name, partition_state_word(life_state(all[i])));
		}
	}
	fmt_print(file, sizeof(file), "%s.json", name);
	if (config_parse(&parser, file, text, len, partition_life_checks(), &c,
			 &mistakes) != OK) {
		*report = &mistakes;
		return refusal_set(why, ERR_INVALID, "%s",
				   mistakes.errors[0].text);
	}
	s = partition_life_add(&c, why);
	if (s != OK) {
		return s;
	}
	all = partition_table(&count);
	s = life_keep_text(all[count - 1], why);
	if (s != OK) {
		life_remove(all[count - 1]);
		return s;
	}
	log_info("partition %s: created", name);
	return OK;
}

const char *ops_file(const char *path, size_t *len)
{
	uint64_t size = 0;
	const char *text = files_find(path, &size);

	*len = size;
	return text;
}

/* ---- run ---- */

enum status ops_start(uint32_t index, struct refusal *why)
{
	struct partition *p = life_at(index);
	enum status s;

	if (p->state == PARTITION_RUNNING) {
		return life_refuse_state(p, why, "stop it first, or reset it");
	}
	p->life.restart = (struct restart_state){ 0 };
	p->restart_at_us = 0;
	s = partition_start(p);
	if (s != OK) {
		return refusal_set(why, s,
				   "partition %s was not started: %s: %s; "
				   "why %s tells more",
				   p->config.name,
				   end_reason_word(p->why.reason), p->why.text,
				   p->config.name);
	}
	return OK;
}

static enum status life_pause(struct partition *p, struct refusal *why)
{
	if (p->state != PARTITION_RUNNING) {
		return life_refuse_state(p, why,
					 "only what runs can be paused");
	}
	if (!p->life.is_frozen) {
		p->life.is_frozen = true;
		partition_cpu_freeze(p, true);
		log_notice("partition %s: paused", p->config.name);
	}
	return OK;
}

enum status ops_pause(uint32_t index, struct refusal *why)
{
	return life_order(index, life_pause, why);
}

static void life_thaw(struct partition *p)
{
	if (p->life.is_frozen) {
		p->life.is_frozen = false;
		partition_cpu_freeze(p, false);
	}
}

static enum status life_resume(struct partition *p, struct refusal *why)
{
	if (p->state != PARTITION_RUNNING) {
		return life_refuse_state(p, why, "start it");
	}
	if (p->life.is_frozen) {
		life_thaw(p);
		log_notice("partition %s: resumed", p->config.name);
	}
	return OK;
}

enum status ops_resume(uint32_t index, struct refusal *why)
{
	return life_order(index, life_resume, why);
}

enum status ops_reset(uint32_t index, struct refusal *why)
{
	struct partition *p = life_at(index);

	(void)why;
	p->life.restart = (struct restart_state){ 0 };
	p->reset_wanted = true;
	return OK;
}

/* ---- end ---- */

void partition_life_ended(struct partition *p, enum end_reason reason)
{
	uint64_t delay = 0;

	life_thaw(p);
	stop_plan_end(&p->life.stop, p->ended_us);
	if (restart_is_given_up(&p->config, &p->life.restart, reason)) {
		log_notice("partition %s: started again %u times, as its "
			   "restart policy allows; it stays ended",
			   p->config.name, p->life.restart.count);
	}
	if (restart_policy(&p->config, &p->life.restart, reason,
			   p->ended_us - p->started_us, &delay)) {
		p->restart_at_us = p->ended_us + delay;
	}
}

static void life_asked(void *ctx, const struct agent_reply *reply)
{
	(void)ctx;
	(void)reply; /* the guest powers off, or the next stage follows */
}

static bool life_ask(struct partition *p)
{
	static const struct agent_part none = { "{}", 2 };

	return agent_link_is_ready(&p->link) &&
	       agent_link_call(&p->link, "agent.poweroff", &none, 1, life_asked,
			       p) == OK;
}

/* Does the guest listen to the power button: is its interrupt enabled? */
static bool life_has_button(const struct partition *p)
{
	return (p->dev.ioapic.rte[VPM_BUTTON_GSI] & VIOAPIC_RTE_MASKED) == 0;
}

/* Begin the stage that is due, if one is. */
static void life_step_stop(struct partition *p, bool can_ask)
{
	bool was_asked = p->life.stop.stage != STOP_NONE;

	switch (stop_plan_step(&p->life.stop, platform_now_us(), can_ask,
			       life_has_button(p))) {
	case STOP_AGENT:
		break;
	case STOP_ACPI:
		log_info("partition %s: its power button is pressed",
			 p->config.name);
		vpm_press_button(&p->dev.pm);
		break;
	case STOP_KILL:
		partition_end(p, END_REASON_KILLED, "%s",
			      was_asked ? "it did not power off when it was "
					  "asked"
					: "it has no agent, and does not "
					  "listen to its power button");
		break;
	case STOP_NONE:
	case STOP_STAGE_COUNT:
	default:
		break;
	}
}

void partition_life_stop(struct partition *p, const struct stop_times *times)
{
	struct host_space *before = partition_enter(p);

	life_thaw(p);
	stop_plan_begin(&p->life.stop, platform_now_us(), times);
	/* A power-off from now on is what was asked for (END_REASON_STOPPED);
	 * as a deadline it only backs up the plan's own. */
	p->stop_at_us = stop_plan_deadline(&p->life.stop) + LIFE_STOP_SLACK_US;
	life_step_stop(p, times->agent_ms > 0 && life_ask(p));
	partition_leave(p, before);
}

void partition_life_poll(struct partition *p)
{
	struct host_space *before;

	if (p->state != PARTITION_RUNNING || !p->life.stop.is_active) {
		return;
	}
	before = partition_enter(p);
	if (p->life.stop.is_active) {
		life_step_stop(p, false);
	}
	partition_leave(p, before);
}

enum status ops_stop(uint32_t index, const struct stop_times *times,
		     struct refusal *why)
{
	struct partition *p = life_at(index);

	if (p->state == PARTITION_CREATED) {
		return life_refuse_state(p, why, "it was never started");
	}
	if (p->state != PARTITION_RUNNING) {
		p->restart_at_us = 0; /* nor does it start again by itself */
		return OK;
	}
	if (!p->life.stop.is_active) {
		partition_life_stop(p, times);
	}
	return OK;
}

enum status ops_kill(uint32_t index, struct refusal *why)
{
	struct partition *p = life_at(index);

	if (p->state != PARTITION_RUNNING) {
		return life_refuse_state(p, why,
					 "only what runs can be killed");
	}
	partition_end(p, END_REASON_KILLED, "%s", "");
	return OK;
}

enum status ops_delete(uint32_t index, bool is_forced, struct refusal *why)
{
	struct partition *p = life_at(index);

	if (p->state == PARTITION_RUNNING && !is_forced) {
		return life_refuse_state(p, why,
					 "stop or kill it first, or force it");
	}
	partition_end(p, END_REASON_KILLED, "%s", "it is deleted");
	if (!partition_wait_quiet(p)) {
		return refusal_set(why, ERR_BUSY,
				   "a vCPU of partition %s does not leave its "
				   "CPU; see machine.log",
				   p->config.name);
	}
	partition_agent_poll(p);
	log_info("partition %s: deleted", p->config.name);
	life_remove(p);
	return OK;
}
