/* test_sched_tree.c - the treap against a sorted list, and its invariants. */
#include "tests/lib/unit.h"

#include "vmm/sched_tree.h"

#include <stdlib.h>

#define COUNT 200u

static struct sched_tree t;
static struct sched_node n[COUNT];
static bool is_in[COUNT];
static uint64_t order[COUNT]; /* of insertion */

/* In order, a heap, with the right sums; the number of nodes. */
static uint32_t check_tree(void)
{
	struct sched_node *at = sched_tree_first(&t, UINT64_MAX);
	struct sched_node *before = NULL;
	uint32_t count = 0;

	for (; at != NULL; at = sched_tree_next(at)) {
		uint64_t below = at->mask;

		if (before != NULL) {
			assert_false(sched_before(at->key, before->key));
		}
		if (at->left != NULL) {
			assert_true(at->left->parent == at);
			assert_true(at->left->priority <= at->priority);
			below |= at->left->below;
		}
		if (at->right != NULL) {
			assert_true(at->right->parent == at);
			assert_true(at->right->priority <= at->priority);
			below |= at->right->below;
		}
		assert_true(at->below == below);
		before = at;
		count++;
	}
	return count;
}

/* The slow way. */
static struct sched_node *first_of(uint64_t mask)
{
	struct sched_node *found = NULL;
	uint64_t found_order = 0;

	for (uint32_t i = 0; i < COUNT; i++) {
		if (!is_in[i] || (n[i].mask & mask) == 0) {
			continue;
		}
		if (found == NULL || sched_before(n[i].key, found->key) ||
		    (n[i].key == found->key && order[i] < found_order)) {
			found = &n[i];
			found_order = order[i];
		}
	}
	return found;
}

static void test_against_a_list(void **state)
{
	uint32_t count = 0;

	(void)state;
	srand(1);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t i = (uint32_t)rand() % COUNT;
		uint64_t mask = 1ull << (rand() % 64);

		if (is_in[i]) {
			sched_tree_erase(&t, &n[i]);
			count--;
		} else {
			/* around the wrap, with equal keys */
			n[i].key = UINT64_MAX - 50 + (uint64_t)(rand() % 100);
			n[i].mask = mask | 1ull << (rand() % 64);
			order[i] = round;
			sched_tree_insert(&t, &n[i]);
			count++;
		}
		is_in[i] = !is_in[i];
		assert_ptr_equal(sched_tree_first(&t, mask), first_of(mask));
		assert_int_equal(sched_tree_has(&t, mask),
				 first_of(mask) != NULL);
		if (round % 64 == 0) {
			assert_int_equal(check_tree(), count);
		}
	}
}

/* Keys that only rise, as virtual time does, must not make a list of it. */
static void test_stays_flat(void **state)
{
	static struct sched_node many[4096];
	struct sched_tree flat = { NULL, 0 };
	uint32_t deepest = 0;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(many); i++) {
		many[i].key = i;
		many[i].mask = 1;
		sched_tree_insert(&flat, &many[i]);
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(many); i++) {
		uint32_t depth = 0;

		for (struct sched_node *p = &many[i]; p != NULL;
		     p = p->parent) {
			depth++;
		}
		deepest = depth > deepest ? depth : deepest;
	}
	assert_true(deepest < 50);
}

static void test_empty(void **state)
{
	struct sched_tree e = { NULL, 0 };

	(void)state;
	assert_null(sched_tree_first(&e, UINT64_MAX));
	assert_false(sched_tree_has(&e, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_against_a_list),
		UNIT(test_stays_flat),
		UNIT(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
