/*
 * group_tree.c - groups of partitions: paths, limits, promises of memory.
 *
 * Invariants
 *  1. A group's parent is in use, and its depth is one less: so every walk up
 *     ends at the root after at most GROUP_DEPTH_MAX steps, and there are no
 *     cycles. A group never moves.
 *  2. promised of a group is the sum of what its own partitions and the groups
 *     in it are promised; it never exceeds memory_max.
 *  3. The root has no limit and is never removed.
 */
#include "group_tree.h"

#include <bh/assert.h>
#include <bh/string.h>

void group_tree_init(struct group_tree *t)
{
	memset(t, 0, sizeof(*t));
	t->groups[GROUP_ROOT].in_use = true;
	limits_default(&t->groups[GROUP_ROOT].limits);
}

/* ---- paths ---- */

/* Bytes of the first name of @path. */
static size_t group_name_len(const char *path)
{
	size_t n = 0;

	while (path[n] != '\0' && path[n] != '/') {
		n++;
	}
	return n;
}

/* The group called @name (@len bytes) in group @parent. */
static uint32_t group_child(const struct group_tree *t, uint32_t parent,
			    const char *name, size_t len)
{
	for (uint32_t i = GROUP_ROOT + 1; i < GROUP_MAX; i++) {
		const struct group *g = &t->groups[i];

		if (g->in_use && g->parent == parent &&
		    strlen(g->name) == len && memcmp(g->name, name, len) == 0) {
			return i;
		}
	}
	return GROUP_NONE;
}

/*
 * Walk down @path. *@rest is what is left: "" if all of it was found, else
 * from the first name on that is not there.
 */
static uint32_t group_walk(const struct group_tree *t, const char *path,
			   const char **rest)
{
	uint32_t at = GROUP_ROOT;

	while (*path != '\0') {
		size_t len = group_name_len(path);
		uint32_t child = group_child(t, at, path, len);

		if (child == GROUP_NONE ||
		    (path[len] == '/' && path[len + 1] == '\0')) {
			break;
		}
		at = child;
		path += len + (path[len] == '/');
	}
	*rest = path;
	return at;
}

uint32_t group_tree_find(const struct group_tree *t, const char *path)
{
	const char *rest;
	uint32_t at = group_walk(t, path, &rest);

	return *rest == '\0' ? at : GROUP_NONE;
}

void group_tree_path(const struct group_tree *t, uint32_t i,
		     char path[CONFIG_GROUP_MAX])
{
	uint32_t chain[GROUP_DEPTH_MAX];
	uint32_t count = 0;
	size_t at = 0;

	path[0] = '\0';
	for (; i != GROUP_ROOT && count < GROUP_DEPTH_MAX;
	     i = t->groups[i].parent) {
		chain[count++] = i;
	}
	while (count > 0) {
		at += fmt_print(path + at, CONFIG_GROUP_MAX - at, "%s%s",
				at > 0 ? "/" : "",
				t->groups[chain[--count]].name);
	}
}

/* ---- groups come and go ---- */

enum status group_tree_add(struct group_tree *t, const char *path,
			   uint32_t *out)
{
	const char *rest;
	uint32_t parent = group_walk(t, path, &rest);
	size_t len = group_name_len(rest);
	uint32_t i = GROUP_ROOT + 1;
	struct group *g;

	if (!config_is_group(path, strlen(path))) {
		return ERR_INVALID;
	}
	if (*rest == '\0') {
		return ERR_EXIST;
	}
	if (rest[len] != '\0') {
		return ERR_NOENT;
	}
	while (i < GROUP_MAX && t->groups[i].in_use) {
		i++;
	}
	if (i == GROUP_MAX || t->groups[parent].depth == GROUP_DEPTH_MAX) {
		return ERR_LIMIT;
	}
	g = &t->groups[i];
	*g = (struct group){ .in_use = true,
			     .parent = parent,
			     .depth = t->groups[parent].depth + 1 };
	memcpy(g->name, rest, len);
	limits_default(&g->limits);
	t->groups[parent].child_count++;
	*out = i;
	return OK;
}

enum status group_tree_remove(struct group_tree *t, uint32_t i)
{
	struct group *g = &t->groups[i];

	if (i == GROUP_ROOT) {
		return ERR_DENIED;
	}
	if (g->child_count != 0 || g->partition_count != 0) {
		return ERR_BUSY;
	}
	ASSERT(g->promised == 0);
	t->groups[g->parent].child_count--;
	g->in_use = false;
	return OK;
}

enum status group_tree_update(struct group_tree *t, uint32_t i,
			      const struct limit_change *c, enum limit_key *bad)
{
	struct group *g = &t->groups[i];
	struct limits next = g->limits;
	enum status s = ERR_DENIED;

	*bad = LIMIT_CPU_WEIGHT;
	if (i != GROUP_ROOT) {
		s = limits_apply(&next, c, bad);
	}
	if (s == OK && next.memory_max < g->promised) {
		*bad = LIMIT_MEMORY_MAX;
		s = ERR_BUSY;
	}
	if (s == OK) {
		g->limits = next;
	}
	return s;
}

/* ---- memory ---- */

uint64_t group_tree_room(const struct group_tree *t, uint32_t i,
			 uint32_t *limiting)
{
	uint64_t room = LIMITS_NO_MEMORY;

	*limiting = GROUP_ROOT;
	for (; i != GROUP_ROOT; i = t->groups[i].parent) {
		const struct group *g = &t->groups[i];

		if (g->limits.memory_max != LIMITS_NO_MEMORY &&
		    g->limits.memory_max - g->promised < room) {
			room = g->limits.memory_max - g->promised;
			*limiting = i;
		}
	}
	return room;
}

enum status group_tree_charge(struct group_tree *t, uint32_t i, uint64_t bytes,
			      struct group_refusal *why)
{
	uint64_t room = group_tree_room(t, i, &why->group);

	why->need = bytes;
	why->free = room;
	if (bytes > room) {
		return ERR_LIMIT;
	}
	for (; i != GROUP_ROOT; i = t->groups[i].parent) {
		t->groups[i].promised += bytes;
	}
	t->groups[GROUP_ROOT].promised += bytes;
	return OK;
}

void group_tree_uncharge(struct group_tree *t, uint32_t i, uint64_t bytes)
{
	for (; i != GROUP_ROOT; i = t->groups[i].parent) {
		ASSERT(t->groups[i].promised >= bytes);
		t->groups[i].promised -= bytes;
	}
	t->groups[GROUP_ROOT].promised -= bytes;
}

void group_tree_join(struct group_tree *t, uint32_t i)
{
	t->groups[i].partition_count++;
}

void group_tree_leave(struct group_tree *t, uint32_t i)
{
	t->groups[i].partition_count--;
}

/* ---- CPUs ---- */

uint64_t group_tree_cpus(const struct group_tree *t, uint32_t i,
			 uint64_t machine)
{
	uint32_t chain[GROUP_DEPTH_MAX];
	uint32_t count = 0;
	uint64_t cpus = machine;

	for (; i != GROUP_ROOT && count < GROUP_DEPTH_MAX;
	     i = t->groups[i].parent) {
		chain[count++] = i;
	}
	while (count > 0) {
		uint64_t own = t->groups[chain[--count]].limits.cpus & cpus;

		cpus = own != 0 ? own : cpus;
	}
	return cpus;
}

/* ---- groups.json ---- */

struct group_parse {
	struct json_doc *doc;
	struct config_report *report;
	struct group_tree tree;
};

/* A value of a limit: a string, or a number as it is written. */
static void group_parse_limit(struct group_parse *c, struct group *g,
			      json_ref key, enum limit_key limit)
{
	json_ref r = json_value(c->doc, key);
	char text[LIMITS_TEXT_MAX];
	enum status s = OK;
	size_t len = 0;

	if (json_kind(c->doc, r) == JSON_NUMBER) {
		const char *raw = json_raw(c->doc, r, &len);

		len = len < sizeof(text) ? len : sizeof(text) - 1;
		memcpy(text, raw, len);
		text[len] = '\0';
	} else {
		s = json_string(c->doc, r, text, sizeof(text), &len);
	}
	if (s == OK) {
		s = limits_set(&g->limits, limit, text, len);
	}
	if (s != OK) {
		config_mistake(c->doc, c->report, r,
			       "\"%s\" is not a value of %s; write %s", text,
			       limits_word(limit), limits_form(limit));
	}
}

/* One member of a group's object; true: it is its "groups". */
static bool group_parse_member(struct group_parse *c, struct group *g,
			       json_ref key, uint32_t *seen)
{
	char word[32];
	enum limit_key limit;

	if (json_string(c->doc, key, word, sizeof(word), NULL) != OK) {
		word[0] = '\0';
	}
	limit = limits_find(word);
	if (limit == LIMIT_COUNT && strcmp(word, "groups") != 0) {
		config_mistake(c->doc, c->report, key,
			       "unknown member; a group has \"groups\" and the "
			       "limits cpu.weight, cpu.max, cpu.max.burst, "
			       "cpuset.cpus, memory.max");
		return false;
	}
	if ((*seen & BIT(limit)) != 0) {
		config_mistake(c->doc, c->report, key,
			       "stands twice; keep one of the two");
		return false;
	}
	*seen |= (uint32_t)BIT(limit); /* LIMIT_COUNT's is that of "groups" */
	if (limit != LIMIT_COUNT) {
		group_parse_limit(c, g, key, limit);
	}
	return limit == LIMIT_COUNT;
}

/* The limits of group @i, described at @obj; its "groups", or JSON_NONE. */
static json_ref group_parse_limits(struct group_parse *c, uint32_t i,
				   json_ref obj)
{
	struct group *g = &c->tree.groups[i];
	json_ref inner = JSON_NONE;
	uint32_t seen = 0;

	if (json_kind(c->doc, obj) != JSON_OBJECT) {
		config_mistake(c->doc, c->report, obj,
			       "a group is an object; write {} for one "
			       "without limits");
		return JSON_NONE;
	}
	for (json_ref k = json_first(c->doc, obj); k >= 0;
	     k = json_next(c->doc, k)) {
		if (group_parse_member(c, g, k, &seen)) {
			inner = json_value(c->doc, k);
		}
	}
	if (limits_check(&g->limits) != OK) {
		config_mistake(c->doc, c->report, obj,
			       "cpu.max.burst is larger than the quota of "
			       "cpu.max; write less");
	}
	if (inner != JSON_NONE && json_kind(c->doc, inner) != JSON_OBJECT) {
		config_mistake(c->doc, c->report, inner,
			       "groups is an object: a name and an object for "
			       "each; write {\"NAME\": {}}");
		return JSON_NONE;
	}
	return inner;
}

/* The group that key @k names, in group @parent; GROUP_NONE: a mistake. */
static uint32_t group_parse_name(struct group_parse *c, uint32_t parent,
				 json_ref k)
{
	char path[CONFIG_GROUP_MAX + RPC_NAME_MAX + 2];
	char name[RPC_NAME_MAX + 1];
	enum status s = ERR_INVALID;
	uint32_t i = GROUP_NONE;
	size_t len = 0;

	if (json_string(c->doc, k, name, sizeof(name), &len) == OK &&
	    config_is_name(name, len)) {
		group_tree_path(&c->tree, parent, path);
		len = strlen(path);
		fmt_print(path + len, sizeof(path) - len, "%s%s",
			  len > 0 ? "/" : "", name);
		s = group_tree_add(&c->tree, path, &i);
	}
	if (s != OK) {
		config_mistake(
			c->doc, c->report, k,
			s == ERR_EXIST ? "stands twice; keep one of the two"
			: s == ERR_LIMIT
				? "more groups than fit: at most %u, %u deep; "
				  "leave some out"
				: "cannot name a group; a-z 0-9 first, then "
				  "also _ . -, a path of at most 127 bytes",
			GROUP_MAX - 1, GROUP_DEPTH_MAX);
	}
	return i;
}

/* All groups, without recursion: a stack of the keys under way. */
static void group_parse_all(struct group_parse *c, json_ref groups)
{
	struct {
		json_ref key;
		uint32_t parent;
	} stack[GROUP_DEPTH_MAX + 1];
	uint32_t depth = 0;

	stack[0].key = json_first(c->doc, groups);
	stack[0].parent = GROUP_ROOT;
	for (;;) {
		json_ref k = stack[depth].key;
		json_ref inner = JSON_NONE;
		uint32_t i;

		if (k < 0 && depth == 0) {
			return;
		}
		if (k < 0) {
			depth--;
			continue;
		}
		stack[depth].key = json_next(c->doc, k);
		i = group_parse_name(c, stack[depth].parent, k);
		if (i != GROUP_NONE) {
			inner = group_parse_limits(c, i, json_value(c->doc, k));
		}
		/* the deepest ones' groups are refused by their names */
		if (inner != JSON_NONE && depth < GROUP_DEPTH_MAX) {
			depth++;
			stack[depth].key = json_first(c->doc, inner);
			stack[depth].parent = i;
		}
	}
}

enum status group_tree_parse(struct config_parser *p, const char *text,
			     size_t len, struct group_tree *t,
			     struct config_report *report)
{
	static struct group_parse c; /* management context, one at a time */
	json_ref groups;

	c.doc = &p->doc;
	c.report = report;
	group_tree_init(&c.tree);
	if (config_open(p, text, len, report) != OK) {
		return ERR_INVALID;
	}
	groups = json_member(c.doc, 0, "groups");
	if (json_kind(c.doc, 0) != JSON_OBJECT ||
	    json_kind(c.doc, groups) != JSON_OBJECT ||
	    json_count(c.doc, 0) != 1) {
		config_mistake(c.doc, report, 0,
			       "expected {\"groups\": {...}} and nothing else; "
			       "docs/config.md shows an example");
	} else {
		group_parse_all(&c, groups);
	}
	if (report->total > 0) {
		return ERR_INVALID;
	}
	*t = c.tree;
	return OK;
}
