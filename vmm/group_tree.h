/*
 * group_tree.h - groups of partitions, nested, with limits as in cgroup v2.
 *
 * A group has the limits of hv/limits.h and belongs to another group; number 0
 * is the root, which has none. What a group may use binds all below it:
 * memory.max limits the sum that is promised to the partitions in it and
 * below, cpuset.cpus the CPUs that they see, weight and quota go to the
 * scheduler. docs/config.md tells how groups.json describes them.
 */
#ifndef VMM_GROUP_TREE_H
#define VMM_GROUP_TREE_H

#include "config.h"

#include <hv/limits.h>

#define GROUP_MAX       32 /* groups, the root among them */
#define GROUP_DEPTH_MAX 7  /* below the root; a partition is one more */
#define GROUP_ROOT      0u
#define GROUP_NONE      UINT32_MAX

struct group {
	bool in_use;
	uint32_t parent; /* of the root: the root */
	uint32_t depth;  /* of the root: 0 */
	uint32_t child_count;
	uint32_t partition_count; /* in it, not below */
	uint64_t promised;        /* bytes, to partitions in it and below */
	struct limits limits;
	char name[RPC_NAME_MAX + 1];
};

struct group_tree {
	struct group groups[GROUP_MAX];
};

/* Why a promise is not given. */
struct group_refusal {
	uint32_t group; /* whose memory.max it is */
	uint64_t need;  /* bytes that were asked for */
	uint64_t free;  /* bytes that are left */
};

/** group_tree_init() - the root alone. */
void group_tree_init(struct group_tree *t);

/**
 * group_tree_find() - the group at @path ("a/b"; "": the root).
 * Return: its number; GROUP_NONE.
 */
uint32_t group_tree_find(const struct group_tree *t, const char *path);

/** group_tree_path() - the path of group @i; "" for the root. */
void group_tree_path(const struct group_tree *t, uint32_t i,
		     char path[CONFIG_GROUP_MAX]);

/**
 * group_tree_add() - a group at @path, without limits.
 * @out: its number
 *
 * Return: OK; ERR_INVALID: no usable path; ERR_NOENT: the group above is not
 * there; ERR_EXIST; ERR_LIMIT: too many groups or too deep.
 */
must_check enum status group_tree_add(struct group_tree *t, const char *path,
				      uint32_t *out);

/**
 * group_tree_remove() - take group @i away.
 * Return: OK; ERR_BUSY while groups or partitions are in it; ERR_DENIED for
 * the root.
 */
must_check enum status group_tree_remove(struct group_tree *t, uint32_t i);

/**
 * group_tree_update() - change limits of group @i: all of @c, or none.
 * @bad: which value was refused
 *
 * Return: OK; as limits_apply(); ERR_BUSY: more memory than that is promised
 * already; ERR_DENIED for the root.
 */
must_check enum status group_tree_update(struct group_tree *t, uint32_t i,
					 const struct limit_change *c,
					 enum limit_key *bad);

/** group_tree_room() - bytes that may still be promised to partitions of group
 *  @i, and by whose limit; LIMITS_NO_MEMORY, GROUP_ROOT: no limit. */
uint64_t group_tree_room(const struct group_tree *t, uint32_t i,
			 uint32_t *limiting);

/**
 * group_tree_charge() - promise @bytes to a partition of group @i.
 * Return: OK; ERR_LIMIT with *@why, nothing is promised.
 */
must_check enum status group_tree_charge(struct group_tree *t, uint32_t i,
					 uint64_t bytes,
					 struct group_refusal *why);

/** group_tree_uncharge() - the promise is not needed any more. */
void group_tree_uncharge(struct group_tree *t, uint32_t i, uint64_t bytes);

/** group_tree_join() - a partition came to group @i. */
void group_tree_join(struct group_tree *t, uint32_t i);
/** group_tree_leave() - and has left it. */
void group_tree_leave(struct group_tree *t, uint32_t i);

/**
 * group_tree_cpus() - cpuset.cpus.effective of group @i: of its own CPUs those
 * that the group above has; all of them if it has none of its own.
 * @machine: the CPUs of the machine
 */
uint64_t group_tree_cpus(const struct group_tree *t, uint32_t i,
			 uint64_t machine);

/**
 * group_tree_parse() - the groups that groups.json describes.
 * @p:	    working memory
 * @report: every mistake that was found
 *
 * Return: OK with *@t filled; ERR_INVALID with *@report and *@t untouched.
 */
must_check enum status group_tree_parse(struct config_parser *p,
					const char *text, size_t len,
					struct group_tree *t,
					struct config_report *report);

#endif
