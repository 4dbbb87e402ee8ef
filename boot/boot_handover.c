/*
 * boot_handover.c - from boot services into the VMM.
 *
 * boot_handover_prepare() does all that allocates, prints or can fail.
 * boot_handover_go() then only
 *  1. takes the memory map and leaves boot services with its key, again and
 *     again if the map changed in between (nothing else may be called after a
 *     first failed ExitBootServices);
 *  2. stops the devices' DMA;
 *  3. turns the map into boot_info's ranges;
 *  4. switches descriptor tables, page tables and stack, and jumps.
 */
#include "boot.h"
#include "boot_con.h"
#include "boot_cpu.h"

/* room for descriptors that our own allocations and the firmware's events add
 * between the first look at the map and the last one */
#define MAP_SLACK  64u
#define EXIT_TRIES 16u

/* The flat descriptors of boot_cpu_enter(); selector 8 code, 0x10 data. */
struct descriptors {
	uint64_t gdt[4];
	struct table_pointer {
		uint16_t limit;
		uint64_t base;
	} packed_struct gdtr, idtr;
};

#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_DATA   0x00cf93000000ffffull

static EFI_STATUS out_of_memory(const CHAR16 *what, uint64_t bytes)
{
	return boot_con_refuse(EFI_OUT_OF_RESOURCES,
			       L"out of memory: %s needs %ld KiB; give the "
			       L"machine more memory",
			       what, bytes / 1024);
}

static EFI_STATUS load_image(struct boot_ctx *ctx)
{
	uint64_t pages = ctx->elf.size / PAGE_SIZE;
	uint64_t base = boot_mem_alloc(ctx, pages, BOOT_RANGE_IMAGE);
	if (base == 0) {
		return out_of_memory(L"the VMM", ctx->elf.size);
	}
	boot_elf_load(&ctx->elf, (void *)(uintptr_t)base);
	ctx->info->image_base = base;
	ctx->info->image_size = ctx->elf.size;
	return EFI_SUCCESS;
}

/* The stack, and one page with the descriptor tables. */
static EFI_STATUS make_stack(struct boot_ctx *ctx)
{
	uint64_t pages = BOOT_STACK_SIZE / PAGE_SIZE;
	uint64_t base = boot_mem_alloc(ctx, pages + 1, BOOT_RANGE_BOOT);
	if (base == 0) {
		return out_of_memory(L"the stack", BOOT_STACK_SIZE);
	}
	struct descriptors *d = (void *)(uintptr_t)base;
	d->gdt[1] = GDT_CODE64;
	d->gdt[2] = GDT_DATA;
	d->gdtr.limit = sizeof(d->gdt) - 1;
	d->gdtr.base = (uint64_t)(uintptr_t)d->gdt;
	ctx->descriptors = base;
	ctx->stack_top = base + PAGE_SIZE + BOOT_STACK_SIZE;
	return EFI_SUCCESS;
}

/* Buffers for the map and for sorting it, with slack. */
static EFI_STATUS make_map_buffers(struct boot_ctx *ctx)
{
	UINTN size = 0;
	UINTN key = 0;
	UINTN desc_size = 0;
	UINT32 version = 0;

	EFI_STATUS st =
		ctx->bs->GetMemoryMap(&size, NULL, &key, &desc_size, &version);
	if (st != EFI_BUFFER_TOO_SMALL ||
	    desc_size < sizeof(struct boot_memmap_desc)) {
		return boot_con_refuse(EFI_DEVICE_ERROR,
				       L"the firmware gives no memory map "
				       L"(%r); update the firmware",
				       st);
	}
	uint64_t count = size / desc_size + MAP_SLACK;
	uint64_t span_max = count + BOOT_CLAIM_MAX + 1;
	uint64_t map_bytes = align_up(count * desc_size, PAGE_SIZE);
	uint64_t span_bytes =
		align_up(span_max * sizeof(struct boot_memmap_span), PAGE_SIZE);
	uint64_t bound_bytes =
		align_up(2 * span_max * sizeof(uint64_t), PAGE_SIZE);
	uint64_t bytes = map_bytes + span_bytes + bound_bytes;
	uint64_t base = boot_mem_alloc(ctx, bytes / PAGE_SIZE, BOOT_RANGE_BOOT);
	if (base == 0) {
		return out_of_memory(L"the memory map", bytes);
	}
	ctx->map_room = count * desc_size;
	ctx->map = (struct boot_memmap_input){
		.map = (void *)(uintptr_t)base,
		.claims = ctx->claims,
		.span_max = (uint32_t)span_max,
		.spans = (void *)(uintptr_t)(base + map_bytes),
		.bounds = (void *)(uintptr_t)(base + map_bytes + span_bytes),
	};
	return EFI_SUCCESS;
}

static EFI_STATUS take_map(struct boot_ctx *ctx, UINTN *key)
{
	UINTN size = ctx->map_room;
	UINTN desc_size = 0;
	UINT32 version = 0;
	EFI_STATUS st = ctx->bs->GetMemoryMap(
		&size, (EFI_MEMORY_DESCRIPTOR *)(uintptr_t)ctx->map.map, key,
		&desc_size, &version);
	ctx->map.map_size = size;
	ctx->map.desc_size = desc_size;
	ctx->map.claim_count = ctx->claim_count;
	return st;
}

static enum status build_ranges(struct boot_ctx *ctx)
{
	return boot_memmap_build(&ctx->map, ctx->info->ranges,
				 &ctx->info->range_count);
}

/* RAM does not come or go later, only its types change: the map of now says
 * what the page tables have to cover. */
static EFI_STATUS make_tables(struct boot_ctx *ctx)
{
	UINTN key = 0;
	EFI_STATUS st = take_map(ctx, &key);
	if (EFI_ERROR(st) || build_ranges(ctx) != OK) {
		return boot_con_refuse(EFI_DEVICE_ERROR,
				       L"the firmware's memory map is not "
				       L"usable (%r); update the firmware",
				       st);
	}
	const struct boot_info *info = ctx->info;
	struct boot_tables *t = &ctx->tables;
	t->pages =
		boot_tables_pages(info->ranges, info->range_count, &ctx->elf);
	uint64_t pool = boot_mem_alloc(ctx, t->pages, BOOT_RANGE_BOOT);
	if (pool == 0) {
		return out_of_memory(L"the page tables", t->pages * PAGE_SIZE);
	}
	t->pool = (uint8_t *)(uintptr_t)pool;
	if (boot_tables_build(t, info->ranges, info->range_count, &ctx->elf,
			      info->image_base) != OK) {
		return boot_con_refuse(EFI_ABORTED,
				       L"the page tables do not fit %ld "
				       L"pages; this is a bug, report it",
				       t->pages);
	}
	return EFI_SUCCESS;
}

static void say_memory(const struct boot_ctx *ctx)
{
	const struct boot_info *info = ctx->info;
	uint64_t free_pages = 0;
	for (uint32_t i = 0; i < info->range_count; i++) {
		if (info->ranges[i].kind == BOOT_RANGE_FREE) {
			free_pages += info->ranges[i].pages;
		}
	}
	boot_con_print(L"memory: %ld MiB free; VMM %ld KiB at 0x%lx\n",
		       free_pages / 256, info->image_size / 1024,
		       info->image_base);
}

EFI_STATUS boot_handover_prepare(struct boot_ctx *ctx)
{
	EFI_STATUS st = load_image(ctx);
	if (!EFI_ERROR(st)) {
		st = make_stack(ctx);
	}
	if (!EFI_ERROR(st)) {
		st = make_map_buffers(ctx);
	}
	if (!EFI_ERROR(st)) {
		st = make_tables(ctx);
	}
	if (!EFI_ERROR(st)) {
		say_memory(ctx);
	}
	return st;
}

static EFI_STATUS leave_boot_services(struct boot_ctx *ctx)
{
	EFI_STATUS st = EFI_ABORTED;
	for (uint32_t i = 0; i < EXIT_TRIES; i++) {
		UINTN key = 0;
		st = take_map(ctx, &key);
		if (EFI_ERROR(st)) {
			return st;
		}
		st = ctx->bs->ExitBootServices(ctx->image, key);
		if (!EFI_ERROR(st)) {
			return st;
		}
	}
	return st;
}

EFI_STATUS boot_handover_go(struct boot_ctx *ctx)
{
	EFI_STATUS st = leave_boot_services(ctx);
	if (EFI_ERROR(st)) {
		return st;
	}
	boot_cpu_cli();
	ctx->info->tsc_exit = boot_cpu_rdtsc();
	(void)boot_pci_quiesce();

	/* the real-mode vectors and the BIOS data area share page 0 */
	ctx->claims[ctx->claim_count] = (struct boot_claim){
		.base = 0,
		.pages = 1,
		.kind = BOOT_RANGE_RESERVED,
	};
	ctx->map.claim_count = ctx->claim_count + 1;
	if (build_ranges(ctx) != OK) {
		boot_con_raw("bulkhead: cannot start: the last memory map is "
			     "not usable; update the firmware\r\n");
		return EFI_ABORTED;
	}
	const struct descriptors *d = (void *)(uintptr_t)ctx->descriptors;
	boot_cpu_enter((uint64_t)(uintptr_t)ctx->tables.root, ctx->stack_top,
		       ctx->elf.entry, (uint64_t)(uintptr_t)ctx->info, &d->gdtr,
		       &d->idtr);
}
