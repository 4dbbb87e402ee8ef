/*
 * boot_memmap.h - from the firmware's memory map to boot_info's ranges. Pure.
 *
 * Invariants of the result:
 *  1. Ranges are sorted, page aligned, not empty and disjoint; neighbours of
 *     one kind are one range.
 *  2. Where descriptors or claims overlap, the less usable kind wins: enum
 *     boot_range_kind is ordered by that.
 *  3. A range is FREE only if every descriptor there says so: RAM of a type
 *     that the firmware has given up, write-back, not needed at run time.
 *  4. If there are more ranges than fit, ranges that nobody may touch go first
 *     (what is not listed is not to be touched either), then the smallest free
 *     ones. Claims never go.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <bh/boot_info.h>
#include <bh/status.h>

/* UEFI "EFI_MEMORY_DESCRIPTOR"; descriptors are desc_size apart, not sizeof */
struct boot_memmap_desc {
	uint32_t type;
	uint32_t pad;
	uint64_t physical_start;
	uint64_t virtual_start;
	uint64_t page_count;
	uint64_t attribute;
};

/* Memory that boot/ uses itself and hands over under a name. */
struct boot_claim {
	uint64_t base;
	uint64_t pages;
	uint32_t kind; /* enum boot_range_kind */
};

/* One interval while the map is built. */
struct boot_memmap_span {
	uint64_t base;
	uint64_t end;
	uint32_t kind;
	uint32_t efi_type;
};

struct boot_memmap_input {
	const void *map;
	uint64_t map_size;  /* bytes */
	uint64_t desc_size; /* bytes from one descriptor to the next */
	const struct boot_claim *claims;
	uint32_t claim_count;
	uint32_t span_max; /* room in the two work arrays, see below */
	struct boot_memmap_span *spans; /* span_max of them */
	uint64_t *bounds;               /* 2 * span_max of them */
};

/** boot_memmap_kind() - enum boot_range_kind of a descriptor by itself. */
uint32_t boot_memmap_kind(uint32_t efi_type, uint64_t attribute);

/**
 * boot_memmap_build() - fill @out with at most BOOT_RANGE_MAX ranges.
 *
 * Needs no memory but what @in brings, so it can run after ExitBootServices.
 * Return: OK; ERR_INVALID for a desc_size smaller than a descriptor; ERR_LIMIT
 *	   if the work arrays are too small.
 */
must_check enum status boot_memmap_build(const struct boot_memmap_input *in,
					 struct boot_range *out,
					 uint32_t *count);

#endif
