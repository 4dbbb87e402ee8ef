/*
 * pt_walk.h - building and walking page tables of any format.
 *
 * A table belongs to one owner (pmm.h) that pays for its frames.
 * Context: the caller serializes changes to one table and flushes TLBs.
 */
#ifndef ARCH_PT_WALK_H
#define ARCH_PT_WALK_H

#include <arch/pt.h>
#include <bh/pmm.h>

struct pt {
	const struct pt_format *format;
	hpa_t root;
	frame_owner_t owner;
	uint32_t table_count; /* frames used, the root included */
};

/** pt_init() - an empty table. Return: ERR_NOMEM. */
must_check enum status pt_init(struct pt *pt, const struct pt_format *format,
			       frame_owner_t owner);

/**
 * pt_map() - map [@va, @va + @size) to @pa with the largest leaves that fit.
 * All page aligned. Nothing may be mapped there. Where tables for smaller
 * leaves are there from before, the leaves are of that size.
 * Return: ERR_EXIST if something is; ERR_NOMEM. A part may be mapped then: the
 * caller destroys the table or unmaps it. A range that has been mapped before
 * takes no memory.
 */
must_check enum status pt_map(struct pt *pt, uint64_t va, hpa_t pa,
			      uint64_t size, enum pt_kind kind);

/** pt_reserve() - make the table that the root's entry for @va points to, so
 * that the entry does not change any more. Return: ERR_NOMEM. */
must_check enum status pt_reserve(struct pt *pt, uint64_t va);

/**
 * pt_split() - have 4 KiB leaves where @va is, with the bits that larger ones
 * are denied (pt_format.large_denied). The addresses stay as they are, so no
 * CPU needs to forget what it knows of them.
 * Return: OK, also if they are there; ERR_NOENT if nothing is mapped; ERR_NOMEM
 * (the leaves may be smaller than before).
 */
must_check enum status pt_split(struct pt *pt, uint64_t va);

/** pt_unmap_page() - drop the 4 KiB leaf at @va, if it is one. */
void pt_unmap_page(struct pt *pt, uint64_t va);

/**
 * pt_unmap() - drop all leaves in [@va, @va + @size), page aligned. Tables
 * stay, so that the range can be mapped again without memory.
 * Return: ERR_INVALID if a leaf reaches beyond the range: that one stays.
 */
must_check enum status pt_unmap(struct pt *pt, uint64_t va, uint64_t size);

/**
 * pt_lookup() - the leaf entry that maps @va.
 * @level: where it was found (PT_LEVEL_*). Return: 0 if nothing maps it.
 */
uint64_t pt_lookup(const struct pt *pt, uint64_t va, uint32_t *level);

/** pt_destroy() - give all table frames back (not what they map). */
void pt_destroy(struct pt *pt);

#endif
