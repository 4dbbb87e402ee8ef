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

/* The sums of those from @n up to, not with, @end. */
static void tree_sum_up(struct sched_node *n, const struct sched_node *end)
{
	for (; n != end; n = n->parent) {
		tree_sum(n);
	}
}

/* @q and all below become @n's: those before it to the left, others right. */
static void tree_split(struct sched_node *n, struct sched_node *q)
{
	struct sched_node *left = n, *right = n; /* where the next one hangs */
	struct sched_node **left_slot = &n->left, **right_slot = &n->right;

	while (q != NULL) {
		if (sched_before(n->key, q->key)) {
			*right_slot = q;
			q->parent = right;
			right = q;
			right_slot = &q->left;
			q = q->left;
		} else {
			*left_slot = q;
			q->parent = left;
			left = q;
			left_slot = &q->right;
			q = q->right;
		}
	}
	*left_slot = NULL;
	*right_slot = NULL;
	tree_sum_up(left, n);
	tree_sum_up(right, n);
	tree_sum(n);
}

void sched_tree_insert_among(struct sched_tree *t, struct sched_node *n)
{
	struct sched_node **slot = &t->top;
	struct sched_node *p = NULL;
	struct sched_node *q = t->top;

	if (n->priority == 0) {
		n->priority = tree_random(t);
	}
	while (q != NULL && q->priority >= n->priority) {
		p = q;
		p->below |= n->mask;
		slot = sched_before(n->key, p->key) ? &p->left : &p->right;
		q = *slot;
	}
	n->parent = p;
	*slot = n;
	if (q != NULL) {
		tree_split(n, q);
	}
}

void sched_tree_erase_among(struct sched_tree *t, struct sched_node *n)
{
	struct sched_node **slot = tree_slot(t, n);
	struct sched_node *p = n->parent;
	struct sched_node *left = n->left, *right = n->right;
	struct sched_node *rest;

	while (left != NULL && right != NULL) {
		struct sched_node *next;

		if (left->priority > right->priority) {
			next = left;
			left = left->right;
			*slot = next;
			slot = &next->right;
		} else {
			next = right;
			right = right->left;
			*slot = next;
			slot = &next->left;
		}
		next->parent = p;
		p = next;
	}
	rest = left != NULL ? left : right;
	*slot = rest;
	if (rest != NULL) {
		rest->parent = p;
	}
	tree_sum_up(p, NULL);
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
