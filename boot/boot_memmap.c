/*
 * boot_memmap.c - from the firmware's memory map to boot_info's ranges.
 * See boot_memmap.h for the invariants.
 *
 * Every descriptor and every claim becomes a span. The ends of all spans,
 * sorted, cut memory into pieces within which nothing changes; a piece gets
 * the least usable kind of the spans that cover it.
 */
#include "boot_memmap.h"

#include <stdbool.h>

#define EFI_ATTRIBUTE_WB      0x8ull
#define EFI_ATTRIBUTE_NV      0x8000ull
#define EFI_ATTRIBUTE_SP      0x40000ull
#define EFI_ATTRIBUTE_RUNTIME 0x8000000000000000ull
#define ADDRESS_MAX           (1ull << 52)

/* UEFI "EFI_MEMORY_TYPE" in its order; rows that are not here are reserved. */
/* clang-format off */
static const uint8_t kind_of_type[] = {
	[0]  = BOOT_RANGE_RESERVED, /* EfiReservedMemoryType */
	[1]  = BOOT_RANGE_FREE,     /* EfiLoaderCode */
	[2]  = BOOT_RANGE_FREE,     /* EfiLoaderData */
	[3]  = BOOT_RANGE_FREE,     /* EfiBootServicesCode */
	[4]  = BOOT_RANGE_FREE,     /* EfiBootServicesData */
	[5]  = BOOT_RANGE_RESERVED, /* EfiRuntimeServicesCode */
	[6]  = BOOT_RANGE_RESERVED, /* EfiRuntimeServicesData */
	[7]  = BOOT_RANGE_FREE,     /* EfiConventionalMemory */
	[8]  = BOOT_RANGE_RESERVED, /* EfiUnusableMemory */
	[9]  = BOOT_RANGE_ACPI,     /* EfiACPIReclaimMemory */
	[10] = BOOT_RANGE_RESERVED, /* EfiACPIMemoryNVS */
	[11] = BOOT_RANGE_MMIO,     /* EfiMemoryMappedIO */
	[12] = BOOT_RANGE_MMIO,     /* EfiMemoryMappedIOPortSpace */
	[13] = BOOT_RANGE_RESERVED, /* EfiPalCode */
	[14] = BOOT_RANGE_RESERVED, /* EfiPersistentMemory */
};
/* clang-format on */

uint32_t boot_memmap_kind(uint32_t efi_type, uint64_t attribute)
{
	if (efi_type >= ARRAY_COUNT(kind_of_type)) {
		return BOOT_RANGE_RESERVED;
	}
	uint32_t kind = kind_of_type[efi_type];
	bool is_plain_ram =
		(attribute & EFI_ATTRIBUTE_WB) &&
		!(attribute & (EFI_ATTRIBUTE_RUNTIME | EFI_ATTRIBUTE_NV |
			       EFI_ATTRIBUTE_SP));
	if (kind == BOOT_RANGE_FREE && !is_plain_ram) {
		return BOOT_RANGE_RESERVED;
	}
	return kind;
}

/* A span of whole pages; false if there is nothing (left) of it. */
static bool make_span(struct boot_memmap_span *s, uint64_t base, uint64_t pages,
		      uint32_t kind)
{
	if (pages == 0 || base >= ADDRESS_MAX) {
		return false;
	}
	uint64_t room = (ADDRESS_MAX - base + PAGE_SIZE - 1) >> PAGE_SHIFT;
	uint64_t end = base + ((pages < room ? pages : room) << PAGE_SHIFT);
	/* UEFI promises alignment; without it, a page is free only as a whole
	 */
	if (kind == BOOT_RANGE_FREE) {
		s->base = align_up(base, PAGE_SIZE);
		s->end = align_down(end, PAGE_SIZE);
	} else {
		s->base = align_down(base, PAGE_SIZE);
		s->end = align_up(end, PAGE_SIZE);
	}
	s->kind = kind;
	return s->base < s->end;
}

static enum status read_spans(const struct boot_memmap_input *in,
			      uint32_t *count)
{
	const uint8_t *map = in->map;
	uint64_t desc_count = in->map_size / in->desc_size;
	uint32_t n = 0;

	if (desc_count + in->claim_count > in->span_max) {
		return ERR_LIMIT;
	}
	for (uint64_t i = 0; i < desc_count; i++) {
		struct boot_memmap_desc d;
		__builtin_memcpy(&d, map + i * in->desc_size, sizeof(d));
		uint32_t kind = boot_memmap_kind(d.type, d.attribute);
		in->spans[n].efi_type = d.type;
		if (make_span(&in->spans[n], d.physical_start, d.page_count,
			      kind)) {
			n++;
		}
	}
	for (uint32_t i = 0; i < in->claim_count; i++) {
		const struct boot_claim *c = &in->claims[i];
		in->spans[n].efi_type = 2; /* EfiLoaderData */
		if (make_span(&in->spans[n], c->base, c->pages, c->kind)) {
			n++;
		}
	}
	*count = n;
	return OK;
}

/* Insertion sort: firmware maps are nearly sorted already. */
static void sort_bounds(uint64_t *bounds, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		uint64_t v = bounds[i];
		uint32_t at = i;
		while (at > 0 && bounds[at - 1] > v) {
			bounds[at] = bounds[at - 1];
			at--;
		}
		bounds[at] = v;
	}
}

/* The least usable span that covers [@base, ...), or NULL for a hole. */
static const struct boot_memmap_span *
covering_span(const struct boot_memmap_span *spans, uint32_t count,
	      uint64_t base)
{
	const struct boot_memmap_span *best = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct boot_memmap_span *s = &spans[i];
		if (base >= s->base && base < s->end &&
		    (!best || s->kind > best->kind)) {
			best = s;
		}
	}
	return best;
}

/* Invariant 4: which of @count ranges to give up; @count if none. */
static uint32_t least_useful(const struct boot_range *out, uint32_t count)
{
	uint32_t victim = count;
	for (uint32_t i = 0; i < count; i++) {
		if (out[i].kind >= BOOT_RANGE_RESERVED) {
			return i;
		}
		if (out[i].kind == BOOT_RANGE_FREE &&
		    (victim == count || out[i].pages < out[victim].pages)) {
			victim = i;
		}
	}
	return victim;
}

/* Is @a worth giving up @b for, a range that least_useful() chose? */
static bool is_more_useful(const struct boot_range *a,
			   const struct boot_range *b)
{
	if (a->kind >= BOOT_RANGE_RESERVED) {
		return false;
	}
	if (a->kind == BOOT_RANGE_FREE && b->kind == BOOT_RANGE_FREE) {
		return a->pages > b->pages;
	}
	return true;
}

static void append_range(struct boot_range *out, uint32_t *count,
			 const struct boot_range *r)
{
	if (*count > 0) {
		struct boot_range *last = &out[*count - 1];
		uint64_t last_end = last->base + (last->pages << PAGE_SHIFT);
		if (last_end == r->base && last->kind == r->kind) {
			last->pages += r->pages;
			return;
		}
	}
	if (*count == BOOT_RANGE_MAX) {
		uint32_t victim = least_useful(out, *count);
		if (victim == *count || !is_more_useful(r, &out[victim])) {
			return;
		}
		for (uint32_t i = victim; i + 1 < *count; i++) {
			out[i] = out[i + 1];
		}
		(*count)--;
	}
	out[*count] = *r;
	(*count)++;
}

enum status boot_memmap_build(const struct boot_memmap_input *in,
			      struct boot_range *out, uint32_t *count)
{
	uint32_t span_count = 0;

	*count = 0;
	if (in->desc_size < sizeof(struct boot_memmap_desc)) {
		return ERR_INVALID;
	}
	enum status st = read_spans(in, &span_count);
	if (st != OK) {
		return st;
	}
	for (size_t i = 0; i < span_count; i++) {
		in->bounds[2 * i] = in->spans[i].base;
		in->bounds[2 * i + 1] = in->spans[i].end;
	}
	sort_bounds(in->bounds, 2 * span_count);
	for (uint32_t i = 0; i + 1 < 2 * span_count; i++) {
		uint64_t base = in->bounds[i];
		uint64_t end = in->bounds[i + 1];
		if (base == end) {
			continue;
		}
		const struct boot_memmap_span *s =
			covering_span(in->spans, span_count, base);
		if (s) {
			append_range(
				out, count,
				&(struct boot_range){
					.base = base,
					.pages = (end - base) >> PAGE_SHIFT,
					.kind = s->kind,
					.efi_type = s->efi_type,
				});
		}
	}
	return OK;
}
