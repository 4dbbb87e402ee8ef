/*
 * guest_walk.c - a guest's own page tables, read by the VMM.
 *
 * All paging modes of SDM vol. 3, "Paging": none, 32-bit, PAE, 4-level. Each
 * entry is copied once; the walk is bounded by the number of levels.
 */
#include "guest_walk.h"

#include "partition.h"

#include <spec/x86.h>

#define PTE_P       BIT(0)
#define PTE_PS      BIT(7)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* How one paging mode cuts a linear address. */
struct walk_mode {
	uint32_t levels;
	uint32_t bits;  /* of an index */
	uint32_t entry; /* bytes */
	uint32_t large; /* levels that may hold a leaf, as bits */
};

static struct walk_mode walk_mode_of(struct guest_cpu *g)
{
	uint64_t cr4 = backend()->reg_get(&g->v, VREG_CR4);
	uint64_t efer = backend()->reg_get(&g->v, VREG_EFER);

	if ((efer & BIT(10)) != 0) {
		return (struct walk_mode){ 4, 9, 8, BIT(1) | BIT(2) };
	}
	if ((cr4 & CR4_PAE) != 0) {
		return (struct walk_mode){ 3, 9, 8, BIT(1) };
	}
	return (struct walk_mode){ 2, 10, 4,
				   (cr4 & CR4_PSE) != 0 ? BIT(1) : 0 };
}

bool guest_walk(struct guest_cpu *g, gva_t a, gpa_t *out)
{
	struct walk_mode m = walk_mode_of(g);
	uint64_t table = backend()->reg_get(&g->v, VREG_CR3) & PTE_ADDRESS;

	if ((backend()->reg_get(&g->v, VREG_CR0) & CR0_PG) == 0) {
		*out = gpa(a.v & 0xffffffff);
		return true;
	}
	if (m.levels == 3) {
		table = backend()->reg_get(&g->v, VREG_CR3) & 0xffffffe0;
	}
	for (uint32_t level = m.levels; level-- > 0;) {
		uint32_t shift = PAGE_SHIFT + m.bits * level;
		uint64_t index = a.v >> shift & (BIT(m.bits) - 1);
		uint64_t entry = 0;

		if (gmem_read(&g->partition->vm.gmem,
			      gpa(table + index * m.entry), &entry,
			      m.entry) != OK ||
		    (entry & PTE_P) == 0) {
			return false;
		}
		table = entry & PTE_ADDRESS;
		if (level == 0 ||
		    ((m.large & BIT(level)) != 0 && (entry & PTE_PS) != 0)) {
			uint64_t mask = BIT(shift) - 1;

			*out = gpa((table & ~mask) | (a.v & mask));
			return true;
		}
	}
	return false;
}
