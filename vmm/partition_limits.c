/*
 * partition_limits.c - limits of partitions and groups change while they run.
 *
 * Every change is decoded and checked first, then made as a whole. memory.max
 * of a partition that runs is refused: a guest's RAM is fixed from its start to
 * its end. A group's can change any time, but not below what is promised.
 * Context: management.
 */
#include "files.h"
#include "partition.h"
#include "partition_cpu.h"
#include "partition_group.h"
#include "partition_memory.h"

#include <bh/log.h>
#include <bh/string.h>

struct group_tree *partition_groups(void)
{
	static struct group_tree tree;

	if (!tree.groups[GROUP_ROOT].in_use) {
		group_tree_init(&tree);
	}
	return &tree;
}

/* A value that cgroup v2 would not take. */
static enum status limits_refuse(struct refusal *why, enum status s,
				 const struct limit_change *c,
				 enum limit_key bad)
{
	bool is_burst = bad == LIMIT_CPU_MAX_BURST &&
			(c->keys & BIT(LIMIT_CPU_MAX_BURST)) == 0;

	if (is_burst) {
		(void)refusal_set(why, s,
				  "cpu.max.burst is larger than that quota "
				  "of cpu.max; lower it first, or with it");
	} else {
		(void)refusal_set(why, s,
				  "\"%s\" is not a value of %s; write %s",
				  c->values[bad].text, limits_word(bad),
				  limits_form(bad));
	}
	why->key = limits_word(bad);
	return s;
}

/* ---- partitions ---- */

/* Memory lacks: @who has it not. */
static enum status limits_refuse_memory(struct refusal *why, enum status s,
					const char *who, uint64_t need,
					uint64_t free)
{
	(void)refusal_set(
		why, s,
		"%s has not that much memory left: %luM needed, %luM free", who,
		need >> 20, free >> 20);
	why->key = limits_word(LIMIT_MEMORY_MAX);
	why->need = need;
	why->free = free;
	return s;
}

/* Have @bytes promised to @p in place of what it had. */
static enum status limits_promise(struct partition *p, uint64_t bytes,
				  struct refusal *why)
{
	struct group_tree *t = partition_groups();
	char who[24 + CONFIG_GROUP_MAX] = "group ";
	struct group_refusal r;
	enum status s;

	group_tree_uncharge(t, p->life.group, p->life.promised);
	s = group_tree_charge(t, p->life.group, bytes, &r);
	if (s == OK) {
		p->life.promised = bytes;
		return OK;
	}
	group_tree_path(t, r.group, who + strlen(who));
	s = limits_refuse_memory(why, s, who, r.need, r.free);
	if (group_tree_charge(t, p->life.group, p->life.promised, &r) != OK) {
		p->life.promised = 0; /* cannot be: it was given back above */
	}
	return s;
}

static enum status limits_set_memory(struct partition *p, uint64_t bytes,
				     struct refusal *why)
{
	uint64_t own = partition_memory_populated(p);
	struct config_room room = { .who = "the machine" };
	enum status s;

	if (bytes == p->config.limits.memory_max) {
		return OK;
	}
	if (p->state == PARTITION_RUNNING) {
		s = refusal_set(
			why, ERR_STATE,
			"partition %s runs: a guest's RAM is fixed until "
			"it ends; stop it, update memory.max, start it",
			p->config.name);
		why->key = limits_word(LIMIT_MEMORY_MAX);
		return s;
	}
	if (!config_is_memory(bytes)) {
		s = refusal_set(
			why, ERR_INVALID,
			"memory.max of a partition is a multiple of 2M from "
			"32M on; write it such as 256M");
		why->key = limits_word(LIMIT_MEMORY_MAX);
		return s;
	}
	/* what it has, and what it is promised, is its own already */
	own = own > p->config.limits.memory_max ? own
						: p->config.limits.memory_max;
	(void)partition_life_checks()->memory_left(NULL, "", &room);
	if (bytes > room.left + own) {
		return limits_refuse_memory(why, ERR_NOMEM, room.who, bytes,
					    room.left + own);
	}
	return limits_promise(p, bytes, why);
}

enum status ops_update(uint32_t index, const struct limit_change *c,
		       struct refusal *why)
{
	uint32_t count;
	struct partition *p = partition_table(&count)[index];
	struct limits next = p->config.limits;
	enum limit_key bad;
	enum status s = limits_apply(&next, c, &bad);

	if (s != OK) {
		return limits_refuse(why, s, c, bad);
	}
	if (next.cpus != 0 && (next.cpus & partition_cpu_machine()) == 0) {
		s = refusal_set(
			why, ERR_INVALID,
			"the machine has none of these CPUs; version tells "
			"how many there are");
		why->key = limits_word(LIMIT_CPUSET_CPUS);
		return s;
	}
	s = limits_set_memory(p, next.memory_max, why);
	if (s == OK) {
		p->config.limits = next;
		partition_cpu_apply(p);
	}
	return s;
}

/* ---- groups ---- */

static enum status groups_find(const char *path, uint32_t *out,
			       struct refusal *why)
{
	*out = group_tree_find(partition_groups(), path);
	if (*out == GROUP_NONE) {
		return refusal_set(why, ERR_NOENT,
				   "there is no group \"%s\"; "
				   "groups shows which there are",
				   path);
	}
	return OK;
}

static enum status groups_update(uint32_t i, const struct limit_change *c,
				 struct refusal *why)
{
	struct group_tree *t = partition_groups();
	enum limit_key bad;
	enum status s = group_tree_update(t, i, c, &bad);

	if (s == OK) {
		group_cpu_apply(i);
		return OK;
	}
	if (s == ERR_DENIED) {
		return refusal_set(why, s,
				   "the root has no limits; name a group");
	}
	if (s != ERR_BUSY) {
		return limits_refuse(why, s, c, bad);
	}
	(void)refusal_set(
		why, s,
		"%luM are promised to the group's partitions already; "
		"delete some or lower their memory.max first",
		t->groups[i].promised >> 20);
	why->key = limits_word(bad);
	why->need = t->groups[i].promised;
	return s;
}

enum status ops_group_create(const char *path, const struct limit_change *c,
			     struct refusal *why)
{
	struct group_tree *t = partition_groups();
	uint32_t i;
	enum status s = group_tree_add(t, path, &i);

	if (s != OK) {
		return refusal_set(
			why, s, "group \"%s\": %s", path,
			s == ERR_EXIST   ? "there is one already"
			: s == ERR_NOENT ? "the group above it is not there; "
					   "create that first"
			: s == ERR_LIMIT
				? "too many groups (31) or too deep (7); "
				  "delete one first"
				: "names of a-z 0-9, then also _ . -, "
				  "with / between; at most 127 bytes");
	}
	s = groups_update(i, c, why);
	if (s != OK && group_tree_remove(t, i) != OK) {
		log_warn("group %s: created, without its limits", path);
	}
	return s;
}

enum status ops_group_update(const char *path, const struct limit_change *c,
			     struct refusal *why)
{
	uint32_t i;
	enum status s = groups_find(path, &i, why);

	return s == OK ? groups_update(i, c, why) : s;
}

enum status ops_group_delete(const char *path, struct refusal *why)
{
	struct group_tree *t = partition_groups();
	uint32_t i;
	enum status s = groups_find(path, &i, why);

	if (s != OK) {
		return s;
	}
	s = group_tree_remove(t, i);
	if (s == OK) {
		group_cpu_remove(i);
		return OK;
	}
	return refusal_set(why, s,
			   s == ERR_BUSY
				   ? "group \"%s\" has groups or partitions "
				     "in it; delete them first"
				   : "group \"%s\" is the root",
			   path);
}

/* What the scheduler does not add up for a group. */
static void groups_add_use(struct group_view *g, uint32_t i,
			   struct partition *p)
{
	const struct group_tree *t = partition_groups();
	uint32_t at = p->life.group;
	struct cpu_stat st = { 0 };

	while (at != i && at != GROUP_ROOT) {
		at = t->groups[at].parent;
	}
	if (at != i) {
		return;
	}
	partition_cpu_stat(p, &st, NULL);
	g->memory_current += partition_memory_populated(p);
	g->cpu.steal_us += st.steal_us;
}

bool ops_group(uint32_t n, struct group_view *out)
{
	const struct group_tree *t = partition_groups();
	uint32_t i = GROUP_ROOT + 1, count;
	struct partition **all = partition_table(&count);

	for (; i < GROUP_MAX; i++) {
		if (t->groups[i].in_use && n-- == 0) {
			break;
		}
	}
	if (i == GROUP_MAX) {
		return false;
	}
	*out = (struct group_view){
		.partition_count = t->groups[i].partition_count,
		.limits = t->groups[i].limits,
		.cpus_effective =
			group_tree_cpus(t, i, partition_cpu_machine()),
		.memory_promised = t->groups[i].promised,
	};
	group_tree_path(t, i, out->path);
	group_cpu_stat(i, &out->cpu);
	for (uint32_t k = 0; k < count; k++) {
		groups_add_use(out, i, all[k]);
	}
	return true;
}

/* ---- groups.json ---- */

/* All groups are new. */
static void groups_loaded(void)
{
	for (uint32_t i = GROUP_ROOT + 1; i < GROUP_MAX; i++) {
		if (partition_groups()->groups[i].in_use) {
			group_cpu_apply(i);
		}
	}
}

void partition_life_load_groups(void)
{
	static struct config_parser parser;
	static struct config_report report;
	uint64_t size = 0;
	const char *text = files_find("groups.json", &size);
	char line[480];

	if (text == NULL) {
		return;
	}
	if (group_tree_parse(&parser, text, size, partition_groups(),
			     &report) == OK) {
		groups_loaded();
		return;
	}
	for (uint32_t i = 0; i < report.count; i++) {
		(void)config_error_print(&report.errors[i], "groups.json", line,
					 sizeof(line));
		log_error("%s", line);
	}
	log_error("groups.json: %u error(s); there are no groups",
		  report.total);
}
