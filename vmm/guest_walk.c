/*
 * guest_walk.c - a guest's own page tables, read by the VMM.
 *
 * All paging modes of SDM vol. 3, "Paging": none, 32-bit, PAE, 4-level. Each
 * entry is copied once; the walk is bounded by the number of levels, and a walk
 * whose entries another CPU changes meanwhile starts again a few times.
 *
 * Not looked at: protection keys, which a program can change itself; reserved
 * address bits, as no RAM is there; PAE's PDPTEs are read from memory, not from
 * where MOV to CR3 put them.
 */
#include "guest_walk.h"

#include <spec/x86.h>
#include <spec/x86_msr.h>

#define PTE_P       BIT(0)
#define PTE_RW      BIT(1)
#define PTE_US      BIT(2)
#define PTE_A       BIT(5)
#define PTE_D       BIT(6)
#define PTE_PS      BIT(7)
#define PTE_XD      BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define WALK_LEVELS 4
#define WALK_TRIES  4

/* How one paging mode cuts a linear address. */
struct walk_mode {
	uint32_t levels;
	uint32_t bits;  /* of an index */
	uint32_t entry; /* bytes */
	uint32_t large; /* levels that may hold a leaf, as bits */
};

/* One walk: what it came by, and what the rights of all levels together are. */
struct walk {
	struct gmem *gm;
	struct walk_mode mode;
	uint64_t entry[WALK_LEVELS]; /* as it was read, by level */
	gpa_t at[WALK_LEVELS];
	uint32_t leaf; /* level of the entry that maps the page */
	bool is_writable;
	bool is_user;
	bool is_no_execute;
};

static struct walk_mode walk_mode_of(const struct walk_regs *r)
{
	if ((r->efer & EFER_LMA) != 0) {
		return (struct walk_mode){ 4, 9, 8, BIT(1) | BIT(2) };
	}
	if ((r->cr4 & CR4_PAE) != 0) {
		return (struct walk_mode){ 3, 9, 8, BIT(1) };
	}
	return (struct walk_mode){ 2, 10, 4,
				   (r->cr4 & CR4_PSE) != 0 ? BIT(1) : 0 };
}

/* A PAE PDPTE has no rights and no accessed bit. */
static bool walk_has_rights(const struct walk *w, uint32_t level)
{
	return w->mode.levels != 3 || level != 2;
}

/* The bits of a present entry that are reserved, whatever the address width. */
static uint64_t walk_reserved(const struct walk *w, const struct walk_regs *r,
			      uint32_t level)
{
	uint64_t entry = w->entry[level];
	uint64_t bits = 0;

	if (w->mode.entry == 4) {
		return 0;
	}
	if ((r->efer & EFER_NXE) == 0 || !walk_has_rights(w, level)) {
		bits |= PTE_XD;
	}
	if (level > 0 && (entry & PTE_PS) != 0) {
		bits |= (w->mode.large & BIT(level)) != 0
				? (BIT(PAGE_SHIFT + 9 * level) - 1) & ~0x1fffull
				: PTE_PS;
	}
	return entry & bits;
}

/* Read the entries down to the leaf; false, with *@error, if there is none. */
static bool walk_down(struct walk *w, const struct walk_regs *r, gva_t a,
		      uint32_t *error)
{
	const struct walk_mode *m = &w->mode;
	uint64_t table =
		r->cr3 & (m->levels == 3 ? 0xffffffe0ull : PTE_ADDRESS);

	for (uint32_t level = m->levels; level-- > 0;) {
		uint64_t index = a.v >> (PAGE_SHIFT + m->bits * level) &
				 (BIT(m->bits) - 1);
		uint64_t entry = 0;

		w->at[level] = gpa(table + index * m->entry);
		if (gmem_read(w->gm, w->at[level], &entry, m->entry) != OK ||
		    (entry & PTE_P) == 0) {
			return false;
		}
		w->entry[level] = entry;
		if (walk_reserved(w, r, level) != 0) {
			*error |= WALK_PRESENT | WALK_RESERVED;
			return false;
		}
		if (walk_has_rights(w, level)) {
			w->is_writable &= (entry & PTE_RW) != 0;
			w->is_user &= (entry & PTE_US) != 0;
			w->is_no_execute |= (entry & PTE_XD) != 0;
		}
		w->leaf = level;
		if ((m->large & BIT(level)) != 0 && (entry & PTE_PS) != 0) {
			break;
		}
		table = entry & PTE_ADDRESS;
	}
	return true;
}

/* SDM vol. 3, "Determination of Access Rights". */
static bool walk_permits(const struct walk *w, const struct walk_regs *r,
			 uint32_t access)
{
	bool by_user = (access & WALK_USER) != 0;

	if (by_user && !w->is_user) {
		return false;
	}
	if ((access & WALK_FETCH) != 0) {
		return !w->is_no_execute &&
		       (by_user || !w->is_user || (r->cr4 & CR4_SMEP) == 0);
	}
	if (!by_user && w->is_user && (r->cr4 & CR4_SMAP) != 0 &&
	    (r->rflags & RFLAGS_AC) == 0) {
		return false;
	}
	return (access & WALK_WRITE) == 0 || w->is_writable ||
	       (!by_user && (r->cr0 & CR0_WP) == 0);
}

/* Set @bits in an entry, if it still is what was read. */
static bool walk_mark(struct walk *w, uint32_t level, uint64_t bits)
{
	uint64_t was = w->entry[level];
	uint32_t was32 = (uint32_t)was;
	void *p;

	if ((was & bits) == bits) {
		return true;
	}
	p = gmem_map(w->gm, w->at[level], w->mode.entry);
	if (p == NULL) {
		return false;
	}
	if (w->mode.entry == 4) {
		return __atomic_compare_exchange_n(
			(uint32_t *)p, &was32, was32 | (uint32_t)bits, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return __atomic_compare_exchange_n((uint64_t *)p, &was, was | bits,
					   false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* Accessed on all levels, dirty on the leaf; false: an entry has changed. */
static bool walk_mark_all(struct walk *w, uint32_t access)
{
	for (uint32_t level = w->mode.levels; level-- > w->leaf;) {
		uint64_t bits = PTE_A;

		if (!walk_has_rights(w, level)) {
			continue;
		}
		if (level == w->leaf && (access & WALK_WRITE) != 0) {
			bits |= PTE_D;
		}
		if (!walk_mark(w, level, bits)) {
			return false;
		}
	}
	return true;
}

static gpa_t walk_address(const struct walk *w, gva_t a)
{
	uint64_t entry = w->entry[w->leaf];
	uint64_t mask = BIT(PAGE_SHIFT + w->mode.bits * w->leaf) - 1;
	uint64_t page = entry & PTE_ADDRESS & ~mask;

	if (w->mode.entry == 4 && w->leaf != 0) {
		page |= (entry & 0x1fe000) << 19; /* PSE-36 */
	}
	return gpa(page | (a.v & mask));
}

bool guest_walk(struct gmem *gm, const struct walk_regs *r, gva_t a,
		uint32_t access, gpa_t *out, uint32_t *error)
{
	bool has_fetch_bit =
		(r->cr4 & CR4_SMEP) != 0 ||
		((r->cr4 & CR4_PAE) != 0 && (r->efer & EFER_NXE) != 0);

	if ((r->efer & EFER_LMA) == 0) {
		a = gva(a.v & 0xffffffff); /* CS base + EIP may wrap */
	}
	if ((r->cr0 & CR0_PG) == 0) {
		*out = gpa(a.v);
		return true;
	}
	*error = access & ~(has_fetch_bit ? 0u : (uint32_t)WALK_FETCH);
	for (uint32_t i = 0; i < WALK_TRIES; i++) {
		struct walk w = { .gm = gm,
				  .mode = walk_mode_of(r),
				  .is_writable = true,
				  .is_user = true };

		if (!walk_down(&w, r, a, error)) {
			return false;
		}
		if (!walk_permits(&w, r, access)) {
			*error |= WALK_PRESENT;
			return false;
		}
		if ((access & WALK_FETCH) != 0 || walk_mark_all(&w, access)) {
			*out = walk_address(&w, a);
			return true;
		}
	}
	return false; /* the guest changes them all the time: fault again */
}
