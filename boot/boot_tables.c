/*
 * boot_tables.c - the page tables under which the VMM starts.
 * See boot_tables.h.
 */
#include "boot_tables.h"

#include <spec/elf64.h>
#include <stdbool.h>

/* SDM vol. 3, "4-Level Paging" */
#define PTE_P       BIT(0)
#define PTE_W       BIT(1)
#define PTE_PS      BIT(7)
#define PTE_NX      BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define ENTRIES      512u
#define LEVEL_PT     1u
#define LEVEL_PD     2u
#define LEVEL_PML4   4u
#define IDENTITY_MIN GIB(4)
#define IDENTITY_MAX BIT(47) /* the lower canonical half */

static uint32_t entry_index(uint64_t virt, uint32_t level)
{
	return (uint32_t)(virt >> (PAGE_SHIFT + 9 * (level - 1))) % ENTRIES;
}

static uint64_t *take_table(struct boot_tables *t)
{
	if (t->used == t->pages) {
		return NULL;
	}
	uint64_t *table = (uint64_t *)(void *)(t->pool + t->used * PAGE_SIZE);
	t->used++;
	__builtin_memset(table, 0, PAGE_SIZE);
	return table;
}

/* The table that @e points to, made if there is none; NULL: no memory. */
static uint64_t *next_table(struct boot_tables *t, uint64_t *e)
{
	if (!(*e & PTE_P)) {
		uint64_t *next = take_table(t);
		if (!next) {
			return NULL;
		}
		*e = (uint64_t)(uintptr_t)next | PTE_P | PTE_W;
	}
	return (uint64_t *)(uintptr_t)(*e & PTE_ADDRESS);
}

/* Map one page of @level (PT: 4 KiB, PD: 2 MiB); a second time is harmless. */
static enum status map_page(struct boot_tables *t, uint32_t level,
			    uint64_t virt, uint64_t entry)
{
	uint64_t *table = t->root;
	for (uint32_t l = LEVEL_PML4; l > level; l--) {
		table = next_table(t, &table[entry_index(virt, l)]);
		if (!table) {
			return ERR_NOMEM;
		}
	}
	table[entry_index(virt, level)] = entry;
	return OK;
}

static enum status map_identity(struct boot_tables *t, uint64_t base,
				uint64_t end)
{
	for (uint64_t at = align_down(base, MIB(2)); at < end; at += MIB(2)) {
		enum status st =
			map_page(t, LEVEL_PD, at, at | PTE_P | PTE_W | PTE_PS);
		if (st != OK) {
			return st;
		}
	}
	return OK;
}

/* W^X: no segment has both flags, see boot_elf.h. */
static uint64_t segment_bits(const struct boot_elf_segment *s)
{
	uint64_t bits = PTE_P;
	if (s->flags & ELF_PF_W) {
		bits |= PTE_W;
	}
	if (!(s->flags & ELF_PF_X)) {
		bits |= PTE_NX;
	}
	return bits;
}

static enum status map_segment(struct boot_tables *t,
			       const struct boot_elf_segment *s, uint64_t phys)
{
	uint64_t bits = segment_bits(s);
	for (uint64_t off = 0; off < s->mem_size; off += PAGE_SIZE) {
		enum status st = map_page(t, LEVEL_PT, s->vaddr + off,
					  (phys + off) | bits);
		if (st != OK) {
			return st;
		}
	}
	return OK;
}

static enum status map_image(struct boot_tables *t, const struct boot_elf *e,
			     uint64_t image)
{
	enum status st = OK;
	for (uint32_t i = 0; st == OK && i < e->segment_count; i++) {
		const struct boot_elf_segment *s = &e->segments[i];
		st = map_segment(t, s, image + (s->vaddr - e->base));
	}
	return st;
}

/* Is it RAM that the VMM may look at, above what is mapped in any case? */
static bool is_mapped_ram(const struct boot_range *r)
{
	return r->kind < BOOT_RANGE_RESERVED && r->base < IDENTITY_MAX;
}

static uint64_t range_end(const struct boot_range *r)
{
	uint64_t end = r->base + (r->pages << PAGE_SHIFT);
	return end < IDENTITY_MAX ? end : IDENTITY_MAX;
}

uint64_t boot_tables_pages(const struct boot_range *ranges, uint32_t count,
			   const struct boot_elf *e)
{
	/* root, the low PDPT and four PDs; then the image: PDPT, two PDs, PTs
	 * (its start and end need not be on 2 MiB) */
	uint64_t pages = 1 + 1 + 4 + 1 + 2 + e->size / MIB(2) + 2;
	uint64_t top_gib = 4;   /* first GiB that has no PD yet */
	uint64_t top_pml4e = 1; /* first 512 GiB that have no PDPT yet */

	for (uint32_t i = 0; i < count; i++) {
		if (!is_mapped_ram(&ranges[i])) {
			continue;
		}
		uint64_t first = ranges[i].base / GIB(1);
		uint64_t end = (range_end(&ranges[i]) - 1) / GIB(1) + 1;
		first = first > top_gib ? first : top_gib;
		if (first >= end) {
			continue;
		}
		pages += end - first;
		top_gib = end;
		uint64_t pml4e_end = (end - 1) / ENTRIES + 1;
		uint64_t pml4e = first / ENTRIES;
		pml4e = pml4e > top_pml4e ? pml4e : top_pml4e;
		if (pml4e < pml4e_end) {
			pages += pml4e_end - pml4e;
			top_pml4e = pml4e_end;
		}
	}
	return pages;
}

enum status boot_tables_build(struct boot_tables *t,
			      const struct boot_range *ranges, uint32_t count,
			      const struct boot_elf *e, uint64_t image)
{
	t->root = take_table(t);
	if (!t->root) {
		return ERR_NOMEM;
	}
	enum status st = map_identity(t, 0, IDENTITY_MIN);
	for (uint32_t i = 0; st == OK && i < count; i++) {
		if (is_mapped_ram(&ranges[i]) &&
		    range_end(&ranges[i]) > IDENTITY_MIN) {
			uint64_t base = ranges[i].base;
			st = map_identity(
				t, base > IDENTITY_MIN ? base : IDENTITY_MIN,
				range_end(&ranges[i]));
		}
	}
	return st == OK ? map_image(t, e, image) : st;
}
