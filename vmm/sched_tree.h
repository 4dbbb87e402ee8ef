/*
 * sched_tree.h - an ordered tree of waiting things, searched by CPU.
 *
 * A treap: ordered by key from left to right, and a heap of random priorities
 * from the top down, which keeps it balanced without a rule to remember. A node
 * gets its priority when it is added for the first time, and keeps it. Each
 * node knows which CPUs may take it and the union of that below it, so "the
 * first one that CPU c may take" is a walk down one path.
 *
 * Keys are compared by their difference, so they may wrap; those in one tree
 * lie within 2^63 of each other. Equal keys keep the order they came in.
 * The owner serializes.
 */
#ifndef VMM_SCHED_TREE_H
#define VMM_SCHED_TREE_H

#include <bh/attr.h>
#include <stdbool.h>

struct sched_node {
	struct sched_node *parent, *left, *right;
	uint64_t key;
	uint64_t mask;     /* CPUs that may take it */
	uint64_t below;    /* union of the masks of it and all below it */
	uint32_t priority; /* 0: none yet */
};

struct sched_tree {
	struct sched_node *top;
	uint32_t seed; /* of the priorities; any value */
};

/** sched_before() - is key @a before @b? */
static inline bool sched_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

/* Where something else waits, too. */
void sched_tree_insert_among(struct sched_tree *t, struct sched_node *n);
void sched_tree_erase_among(struct sched_tree *t, struct sched_node *n);

/** sched_tree_insert() - add @n by its key and mask; it is in no tree. */
static inline void sched_tree_insert(struct sched_tree *t, struct sched_node *n)
{
	n->left = NULL;
	n->right = NULL;
	n->below = n->mask;
	if (t->top != NULL) {
		sched_tree_insert_among(t, n);
		return;
	}
	/* The usual case: a partition has one vCPU that waits. */
	n->parent = NULL;
	t->top = n;
}

/** sched_tree_erase() - take @n out; it is in @t. */
static inline void sched_tree_erase(struct sched_tree *t, struct sched_node *n)
{
	if (t->top == n && n->left == NULL && n->right == NULL) {
		t->top = NULL;
	} else {
		sched_tree_erase_among(t, n);
	}
}

/** sched_tree_first() - the first node that has a CPU of @mask; or NULL. */
struct sched_node *sched_tree_first(const struct sched_tree *t, uint64_t mask);

/** sched_tree_has() - is there a node that has a CPU of @mask? */
static inline bool sched_tree_has(const struct sched_tree *t, uint64_t mask)
{
	return t->top != NULL && (t->top->below & mask) != 0;
}

/** sched_tree_next() - the node after @n, whatever its mask; or NULL. */
struct sched_node *sched_tree_next(struct sched_node *n);

#endif
