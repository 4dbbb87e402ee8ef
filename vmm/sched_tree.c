/*
 * sched_tree.c - the treap under the scheduler's queues.
 *
 * Invariants
 *   1. in order from left to right the keys do not decrease;
 *   2. no node has a priority above its parent's;
 *   3. below is the union of a node's mask and its children's below.
 */
#include "sched_tree.h"

static uint32_t tree_random(struct sched_tree *t)
{
	/* xorshift; the state is never 0 */
	uint32_t x = t->seed == 0 ? 0x9e3779b9u : t->seed;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	t->seed = x;
	return x;
}

static void tree_sum(struct sched_node *n)
{
	n->below = n->mask | (n->left != NULL ? n->left->below : 0) |
		   (n->right != NULL ? n->right->below : 0);
}

/* The pointer that holds @n: its parent's, or the tree's. */
static struct sched_node **tree_slot(struct sched_tree *t, struct sched_node *n)
{
	if (n->parent == NULL) {
		return &t->top;
	}
	return n->parent->left == n ? &n->parent->left : &n->parent->right;
}

/* @n takes the place of its parent, which becomes its child. */
static void tree_rotate_up(struct sched_tree *t, struct sched_node *n)
{
	struct sched_node *p = n->parent;
	struct sched_node *moved;

	*tree_slot(t, p) = n;
	n->parent = p->parent;
	if (p->left == n) {
		moved = n->right;
		p->left = moved;
		n->right = p;
	} else {
		moved = n->left;
		p->right = moved;
		n->left = p;
	}
	p->parent = n;
	if (moved != NULL) {
		moved->parent = p;
	}
	n->below = p->below;
	tree_sum(p);
}

void sched_tree_insert_among(struct sched_tree *t, struct sched_node *n)
{
	struct sched_node **slot = &t->top;
	struct sched_node *p = NULL;

	if (n->priority == 0) {
		n->priority = tree_random(t);
	}
	do {
		p = *slot;
		p->below |= n->mask;
		slot = sched_before(n->key, p->key) ? &p->left : &p->right;
	} while (*slot != NULL);
	n->parent = p;
	*slot = n;
	while (n->parent != NULL && n->parent->priority < n->priority) {
		tree_rotate_up(t, n);
	}
}

void sched_tree_erase_among(struct sched_tree *t, struct sched_node *n)
{
	struct sched_node *child;

	while (n->left != NULL && n->right != NULL) {
		tree_rotate_up(t, n->left->priority > n->right->priority
					  ? n->left
					  : n->right);
	}
	child = n->left != NULL ? n->left : n->right;
	*tree_slot(t, n) = child;
	if (child != NULL) {
		child->parent = n->parent;
	}
	for (struct sched_node *p = n->parent; p != NULL; p = p->parent) {
		tree_sum(p);
	}
}

struct sched_node *sched_tree_first(const struct sched_tree *t, uint64_t mask)
{
	struct sched_node *n = t->top;

	if (n == NULL || (n->below & mask) == 0) {
		return NULL;
	}
	/* Something below n may be taken, in each turn. */
	for (;;) {
		if (n->left != NULL && (n->left->below & mask) != 0) {
			n = n->left;
		} else if ((n->mask & mask) != 0) {
			return n;
		} else {
			n = n->right;
		}
	}
}

struct sched_node *sched_tree_next(struct sched_node *n)
{
	struct sched_node *p;

	if (n->right != NULL) {
		n = n->right;
		while (n->left != NULL) {
			n = n->left;
		}
		return n;
	}
	p = n->parent;
	while (p != NULL && p->right == n) {
		n = p;
		p = n->parent;
	}
	return p;
}
