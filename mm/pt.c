/*
 * pt.c - the one page-table walker: host tables, EPT, NPT.
 *
 * Level 0 holds 4 KiB leaves, level 1 2 MiB, level 2 1 GiB; the root is level
 * format->levels - 1. A parent is written after its children are zeroed, so a
 * walker in hardware never sees a half table; and a table stays where it is
 * until pt_destroy(), even if it is empty: a processor may keep pointers to
 * tables, and would walk whatever the frame became.
 */
#include <arch/pt_walk.h>

#include <bh/assert.h>

#define PT_ENTRIES 512u

static uint32_t pt_shift(uint32_t level)
{
	return PAGE_SHIFT + 9 * level;
}

static uint32_t pt_index(uint64_t va, uint32_t level)
{
	return (uint32_t)(va >> pt_shift(level)) & (PT_ENTRIES - 1);
}

static volatile uint64_t *pt_table(const struct pt *pt, uint64_t entry)
{
	return phys_to_virt(hpa(entry & pt->format->address_mask));
}

static bool pt_is_present(const struct pt *pt, uint64_t entry)
{
	return (entry & pt->format->present_mask) != 0;
}

static bool pt_is_leaf(const struct pt *pt, uint64_t entry, uint32_t level)
{
	return level == 0 || (entry & pt->format->large_bit) != 0;
}

enum status pt_init(struct pt *pt, const struct pt_format *format,
		    frame_owner_t owner)
{
	enum status s;

	pt->format = format;
	pt->owner = owner;
	s = pmm_alloc(owner, PAGE_SIZE, PAGE_SIZE, &pt->root);
	pt->table_count = s == OK ? 1 : 0;
	return s;
}

/* The table below *@slot, made if absent; NULL with *@s set on failure. */
static volatile uint64_t *pt_descend(struct pt *pt, volatile uint64_t *slot,
				     uint32_t level, enum status *s)
{
	hpa_t frame;

	if (pt_is_present(pt, *slot)) {
		*s = pt_is_leaf(pt, *slot, level) ? ERR_EXIST : OK;
		return *s == OK ? pt_table(pt, *slot) : NULL;
	}
	*s = pmm_alloc(pt->owner, PAGE_SIZE, PAGE_SIZE, &frame);
	if (*s != OK) {
		return NULL;
	}
	pt->table_count++;
	*slot = frame.v | pt->format->table_bits;
	return phys_to_virt(frame);
}

static uint32_t pt_leaf_level(const struct pt *pt, uint64_t va, uint64_t pa,
			      uint64_t size)
{
	uint64_t low = va | pa;

	if (pt->format->has_1g && low % GIB(1) == 0 && size >= GIB(1)) {
		return PT_LEVEL_1G;
	}
	if (pt->format->has_2m && low % MIB(2) == 0 && size >= MIB(2)) {
		return PT_LEVEL_2M;
	}
	return PT_LEVEL_4K;
}

enum status pt_reserve(struct pt *pt, uint64_t va)
{
	uint32_t top = pt->format->levels - 1;
	volatile uint64_t *root = phys_to_virt(pt->root);
	enum status s;

	(void)pt_descend(pt, &root[pt_index(va, top)], top, &s);
	return s;
}

static uint64_t pt_leaf_bits(const struct pt *pt, uint64_t bits, uint32_t level)
{
	return level == 0 ? bits
			  : (bits & ~pt->format->large_denied) |
				    pt->format->large_bit;
}

/*
 * Write the leaf for @va, at *@leaf_level or, where tables for smaller leaves
 * are there already, at theirs.
 */
static enum status pt_set_leaf(struct pt *pt, uint64_t va, uint64_t entry,
			       uint32_t *leaf_level)
{
	volatile uint64_t *table = phys_to_virt(pt->root);
	uint32_t level = pt->format->levels - 1;
	volatile uint64_t *slot = &table[pt_index(va, level)];
	enum status s = OK;

	while (level > *leaf_level ||
	       (pt_is_present(pt, *slot) && !pt_is_leaf(pt, *slot, level))) {
		table = pt_descend(pt, slot, level, &s);
		if (table == NULL) {
			return s;
		}
		level--;
		slot = &table[pt_index(va, level)];
	}
	if (pt_is_present(pt, *slot)) {
		return ERR_EXIST;
	}
	*slot = pt_leaf_bits(pt, entry, level);
	*leaf_level = level;
	return OK;
}

enum status pt_map(struct pt *pt, uint64_t va, hpa_t pa, uint64_t size,
		   enum pt_kind kind)
{
	uint64_t bits = pt->format->leaf_bits[kind];
	uint64_t done = 0;

	ASSERT(bits != 0 && (va | pa.v | size) % PAGE_SIZE == 0);
	while (done < size) {
		uint32_t level =
			pt_leaf_level(pt, va + done, pa.v + done, size - done);
		enum status s = pt_set_leaf(pt, va + done, (pa.v + done) | bits,
					    &level);

		if (s != OK) {
			return s;
		}
		done += 1ull << pt_shift(level);
	}
	return OK;
}

/*
 * The slot of the leaf that maps @va; NULL if there is none. @level: where the
 * leaf is, or where the walk found nothing.
 */
static volatile uint64_t *pt_find(const struct pt *pt, uint64_t va,
				  uint32_t *level)
{
	volatile uint64_t *table = phys_to_virt(pt->root);

	for (uint32_t l = pt->format->levels - 1;; l--) {
		volatile uint64_t *slot = &table[pt_index(va, l)];

		*level = l;
		if (!pt_is_present(pt, *slot)) {
			return NULL;
		}
		if (pt_is_leaf(pt, *slot, l)) {
			return slot;
		}
		table = pt_table(pt, *slot);
	}
}

/* A table of leaves one level below @entry; 0: no memory. */
static uint64_t pt_split_leaf(struct pt *pt, uint64_t entry, uint32_t level)
{
	const struct pt_format *f = pt->format;
	uint64_t step = 1ull << pt_shift(level - 1);
	uint64_t bits = entry & ~f->address_mask;
	volatile uint64_t *table;
	hpa_t frame;

	if (pmm_alloc(pt->owner, PAGE_SIZE, PAGE_SIZE, &frame) != OK) {
		return 0;
	}
	if (level - 1 == PT_LEVEL_4K) {
		bits = (bits & ~f->large_bit) | f->large_denied;
	}
	table = phys_to_virt(frame);
	for (uint32_t i = 0; i < PT_ENTRIES; i++) {
		table[i] = ((entry & f->address_mask) + i * step) | bits;
	}
	pt->table_count++;
	return frame.v;
}

enum status pt_split(struct pt *pt, uint64_t va)
{
	uint32_t level;
	volatile uint64_t *slot = pt_find(pt, va, &level);

	if (slot == NULL) {
		return ERR_NOENT;
	}
	for (; level > PT_LEVEL_4K; level--) {
		uint64_t table = pt_split_leaf(pt, *slot, level);

		if (table == 0) {
			return ERR_NOMEM;
		}
		*slot = table | pt->format->table_bits;
		slot = pt_table(pt, *slot) + pt_index(va, level - 1);
	}
	return OK;
}

void pt_unmap_page(struct pt *pt, uint64_t va)
{
	uint32_t level;
	volatile uint64_t *slot = pt_find(pt, va, &level);

	if (slot != NULL && level == PT_LEVEL_4K) {
		*slot = 0;
	}
}

enum status pt_unmap(struct pt *pt, uint64_t va, uint64_t size)
{
	enum status s = OK;
	uint64_t done = 0;

	ASSERT((va | size) % PAGE_SIZE == 0);
	while (done < size) {
		uint32_t level;
		volatile uint64_t *slot = pt_find(pt, va + done, &level);
		uint64_t span = 1ull << pt_shift(level);
		uint64_t inside = (va + done) & (span - 1);

		if (slot != NULL && inside == 0 && span <= size - done) {
			*slot = 0;
		} else if (slot != NULL) {
			s = ERR_INVALID;
		}
		done += span - inside;
	}
	return s;
}

uint64_t pt_lookup(const struct pt *pt, uint64_t va, uint32_t *level)
{
	volatile uint64_t *slot = pt_find(pt, va, level);

	return slot != NULL ? *slot : 0;
}

/* The next table below @table, from entry *@index on; 0 if there is none. */
static uint64_t pt_next_child(const struct pt *pt, uint64_t table,
			      uint32_t level, uint32_t *index)
{
	volatile uint64_t *entries = phys_to_virt(hpa(table));

	while (level > 0 && *index < PT_ENTRIES) {
		uint64_t entry = entries[(*index)++];

		if (pt_is_present(pt, entry) && !pt_is_leaf(pt, entry, level)) {
			return entry & pt->format->address_mask;
		}
	}
	return 0;
}

/* Tables are at most four deep, so the walk is written as four loops would be:
 * an explicit stack of one index a level instead of recursion. */
void pt_destroy(struct pt *pt)
{
	uint64_t tables[4];
	uint32_t index[4] = { 0 };
	uint32_t top = pt->format->levels - 1;
	uint32_t level = top;

	if (pt->table_count == 0) {
		return;
	}
	tables[top] = pt->root.v;
	for (;;) {
		uint64_t child =
			pt_next_child(pt, tables[level], level, &index[level]);

		if (child != 0) {
			level--;
			tables[level] = child;
			index[level] = 0;
			continue;
		}
		pmm_free(pt->owner, hpa(tables[level]), PAGE_SIZE);
		pt->table_count--;
		if (level == top) {
			return;
		}
		level++;
	}
}
