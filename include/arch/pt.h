/*
 * pt.h - a page-table format as data, for the one walker in mm/pt.c.
 *
 * The host's own tables, Intel's EPT and AMD's NPT differ in a few bits, which
 * stand here; the walk is the same (design.md, decision 1).
 */
#ifndef ARCH_PT_H
#define ARCH_PT_H

#include <bh/attr.h>
#include <stdbool.h>

/* What a leaf maps; each format says which bits that takes. */
enum pt_kind {
	PT_GUEST_RAM,    /* guest memory: all accesses, write-back */
	PT_GUEST_SHARED, /* a page of the VMM that a guest reads and writes */
	PT_TEXT,         /* VMM code */
	PT_RODATA,       /* VMM constants */
	PT_DATA,         /* VMM data and direct map */
	PT_MMIO,         /* device registers, uncached */
	PT_FRAMEBUFFER,  /* write-combining */
	PT_KIND_COUNT
};

#define PT_LEVEL_4K 0u
#define PT_LEVEL_2M 1u
#define PT_LEVEL_1G 2u

struct pt_format {
	const char *name;
	uint32_t levels;       /* 4: a root table of 512 GiB entries */
	uint64_t present_mask; /* an entry with none of these is absent */
	uint64_t table_bits;   /* permissions of an entry that points to one */
	uint64_t large_bit;    /* marks a leaf above level 0 */
	uint64_t address_mask; /* the address in an entry */
	bool has_2m;           /* leaves at PT_LEVEL_2M may be used */
	bool has_1g;           /* leaves at PT_LEVEL_1G may be used */
	uint64_t large_denied; /* bits that only leaves at PT_LEVEL_4K have */
	uint64_t leaf_bits[PT_KIND_COUNT]; /* 0: kind not possible here */
};

#endif
