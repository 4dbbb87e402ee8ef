/*
 * main.c - BOOTX64.EFI: brings the VMM and its files into memory, collects
 * what only the firmware knows, and hands the machine over.
 *
 * The order of efi_main() is the order of the book: watchdog, consoles, is
 * this machine fit, is the VMM sound, files, machine, memory; then the point
 * of no return. Up to that point every failure is one line with cause and
 * remedy, all memory is given back, and the firmware goes on.
 */
#include "boot.h"
#include "boot_con.h"
#include "boot_cpu.h"

#include <efilib.h>

#ifndef BOOT_VERSION
#define BOOT_VERSION L"0"
#endif

#define REFUSAL_WAIT_US 5000000u

static struct boot_ctx boot;

static EFI_STATUS make_info(struct boot_ctx *ctx, uint64_t tsc_start)
{
	uint64_t pages = align_up(sizeof(*ctx->info), PAGE_SIZE) / PAGE_SIZE;
	uint64_t base = boot_mem_alloc(ctx, pages, BOOT_RANGE_BOOT);
	if (base == 0) {
		return boot_con_refuse(EFI_OUT_OF_RESOURCES,
				       L"out of memory; give the machine more");
	}
	ctx->info = (struct boot_info *)(uintptr_t)base;
	ctx->info->magic = BOOT_INFO_MAGIC;
	ctx->info->version = BOOT_INFO_VERSION;
	ctx->info->size = sizeof(*ctx->info);
	ctx->info->tsc_start = tsc_start;
	return EFI_SUCCESS;
}

static EFI_STATUS check_vmm(struct boot_ctx *ctx)
{
	size_t size = (size_t)(boot_vmm_end - boot_vmm_start);
	if (boot_elf_check(boot_vmm_start, size, &ctx->elf) != OK) {
		return boot_con_refuse(EFI_LOAD_ERROR,
				       L"the VMM image is corrupt (%a); build "
				       L"and install BOOTX64.EFI again",
				       ctx->elf.fault);
	}
	return EFI_SUCCESS;
}

static EFI_STATUS prepare(struct boot_ctx *ctx, uint64_t tsc_start)
{
	EFI_STATUS st = boot_check_machine();
	if (!EFI_ERROR(st)) {
		st = check_vmm(ctx);
	}
	if (!EFI_ERROR(st)) {
		st = make_info(ctx, tsc_start);
	}
	if (!EFI_ERROR(st)) {
		/* before anything large, so that its place is free */
		ctx->info->black_box = boot_mem_black_box(ctx);
		st = boot_files_read(ctx);
	}
	if (EFI_ERROR(st)) {
		return st;
	}
	/* long reads may have outlived a watchdog that was set again */
	(void)ctx->bs->SetWatchdogTimer(0, 0, 0, NULL);
	boot_machine_find(ctx);
	return boot_handover_prepare(ctx);
}

/** efi_main() - the firmware's entry point into this application. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	uint64_t tsc_start = boot_cpu_rdtsc();
	struct boot_ctx *ctx = &boot;

	InitializeLib(image, st);
	ctx->image = image;
	ctx->st = st;
	ctx->bs = st->BootServices;
	(void)ctx->bs->SetWatchdogTimer(0, 0, 0, NULL);
	/* some network boot loaders start us above TPL_APPLICATION */
	(void)ctx->bs->RaiseTPL(TPL_HIGH_LEVEL);
	ctx->bs->RestoreTPL(TPL_APPLICATION);
	boot_con_init(st);
	boot_con_print(L"\nBulkhead boot " BOOT_VERSION L"\n");

	EFI_STATUS result = prepare(ctx, tsc_start);
	if (EFI_ERROR(result)) {
		boot_mem_free_all(ctx);
		boot_con_print(L"bulkhead: back to the firmware\n");
		(void)ctx->bs->Stall(REFUSAL_WAIT_US);
		return result;
	}
	boot_con_print(L"leaving the firmware\n");
	(void)boot_handover_go(ctx);

	/* Boot services are half gone: only a restart is left. */
	boot_con_raw("bulkhead: cannot start: the firmware refused "
		     "ExitBootServices; restarting\r\n");
	st->RuntimeServices->ResetSystem(EfiResetCold, EFI_ABORTED, 0, NULL);
	return EFI_ABORTED;
}
