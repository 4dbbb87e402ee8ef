/*
 * boot_mem.c - memory that outlives boot services.
 *
 * Only standard types are used: some firmware refuses ExitBootServices when it
 * finds others. Every allocation is a claim, so that the VMM learns what it
 * is, and a refusal can give all of it back.
 */
#include "boot.h"

#define LOW_END       MIB(1)
#define LOW_PAGE_LAST (LOW_END - PAGE_SIZE)

static bool record(struct boot_ctx *ctx, uint64_t base, uint64_t pages,
		   uint32_t kind)
{
	if (ctx->claim_count == BOOT_CLAIM_MAX) {
		return false;
	}
	ctx->claims[ctx->claim_count] = (struct boot_claim){
		.base = base,
		.pages = pages,
		.kind = kind,
	};
	ctx->claim_count++;
	return true;
}

uint64_t boot_mem_alloc(struct boot_ctx *ctx, uint64_t pages, uint32_t kind)
{
	EFI_PHYSICAL_ADDRESS base = 0;
	EFI_STATUS st = ctx->bs->AllocatePages(AllocateAnyPages, EfiLoaderData,
					       pages, &base);
	if (EFI_ERROR(st)) {
		return 0;
	}
	if (base < LOW_END || !record(ctx, base, pages, kind)) {
		/* firmware hands out the top first: below 1 MiB is the rest */
		(void)ctx->bs->FreePages(base, pages);
		return 0;
	}
	ctx->bs->SetMem((void *)(uintptr_t)base, pages * PAGE_SIZE, 0);
	return base;
}

uint64_t boot_mem_low_page(struct boot_ctx *ctx)
{
	EFI_PHYSICAL_ADDRESS base = LOW_PAGE_LAST;
	EFI_STATUS st = ctx->bs->AllocatePages(AllocateMaxAddress,
					       EfiLoaderData, 1, &base);
	if (EFI_ERROR(st)) {
		return 0;
	}
	if (base == 0 || base >= LOW_END ||
	    !record(ctx, base, 1, BOOT_RANGE_RESERVED)) {
		(void)ctx->bs->FreePages(base, 1);
		return 0;
	}
	return base;
}

/*
 * Where the black box may be, in this order (docs/adr/0011): memory that no
 * firmware we know uses on its way through a reset. The first place costs no
 * partition a 2 MiB page, because the megabyte below has holes anyway.
 */
static const uint64_t black_box_places[] = {
	MIB(2) - BOOT_BLACK_BOX_SIZE,
	MIB(64) - BOOT_BLACK_BOX_SIZE,
	MIB(256) - BOOT_BLACK_BOX_SIZE,
};

uint64_t boot_mem_black_box(struct boot_ctx *ctx)
{
	uint64_t pages = BOOT_BLACK_BOX_SIZE / PAGE_SIZE;

	for (uint32_t i = 0; i < ARRAY_COUNT(black_box_places); i++) {
		EFI_PHYSICAL_ADDRESS base = black_box_places[i];
		EFI_STATUS st = ctx->bs->AllocatePages(
			AllocateAddress, EfiLoaderData, pages, &base);
		if (EFI_ERROR(st)) {
			continue;
		}
		if (record(ctx, base, pages, BOOT_RANGE_RESERVED)) {
			return base;
		}
		(void)ctx->bs->FreePages(base, pages);
	}
	return 0;
}

void boot_mem_free_all(struct boot_ctx *ctx)
{
	for (uint32_t i = 0; i < ctx->claim_count; i++) {
		(void)ctx->bs->FreePages(ctx->claims[i].base,
					 ctx->claims[i].pages);
	}
	ctx->claim_count = 0;
}
