/*
 * boot.h - what the impure parts of boot/ share: the run's context and the
 * steps, in the order in which main.c takes them.
 *
 * A step that fails has already told the user why (boot_con_refuse) and
 * returns the EFI error that goes back to the firmware.
 */
#ifndef BOOT_H
#define BOOT_H

#include "boot_elf.h"
#include "boot_madt.h"
#include "boot_memmap.h"
#include "boot_tables.h"

#include <bh/boot_info.h>
#include <efi.h>
#include <stdbool.h>

#define BOOT_CLAIM_MAX  (BOOT_FILE_MAX + 16u)
#define BOOT_STACK_SIZE KIB(64)

struct boot_ctx {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	struct boot_info *info; /* LoaderData, handed over */
	struct boot_elf elf;    /* the embedded VMM, checked */
	struct boot_tables tables;
	uint64_t stack_top;
	uint64_t descriptors; /* address of the GDT and the two pointers */
	struct boot_claim claims[BOOT_CLAIM_MAX]; /* pages we allocated */
	uint32_t claim_count;
	struct boot_memmap_input map; /* buffers for the last memory map */
	uint64_t map_room;            /* bytes in the map buffer */
};

/* boot_vmm.asm */
extern const uint8_t boot_vmm_start[];
extern const uint8_t boot_vmm_end[];

/**
 * boot_mem_alloc() - pages of EfiLoaderData above 1 MiB, recorded as a claim.
 * @kind: enum boot_range_kind under which the VMM will see them
 *
 * Return: address, zeroed; 0 if there are none (nothing is printed).
 */
uint64_t boot_mem_alloc(struct boot_ctx *ctx, uint64_t pages, uint32_t kind);
/** boot_mem_low_page() - one page below 1 MiB, claimed as reserved; 0: none. */
uint64_t boot_mem_low_page(struct boot_ctx *ctx);
/**
 * boot_mem_black_box() - BOOT_BLACK_BOX_SIZE bytes at a place that is the same
 * at each start, claimed as reserved, untouched; 0: all places are taken.
 */
uint64_t boot_mem_black_box(struct boot_ctx *ctx);
/** boot_mem_free_all() - give everything back: the firmware goes on. */
void boot_mem_free_all(struct boot_ctx *ctx);

/** boot_check_machine() - can a VMM run here at all? */
must_check EFI_STATUS boot_check_machine(void);
/** boot_files_read() - every file below \bulkhead\ into memory. */
must_check EFI_STATUS boot_files_read(struct boot_ctx *ctx);
/** boot_machine_find() - framebuffer, RSDP, processors into boot_info. */
void boot_machine_find(struct boot_ctx *ctx);
/** boot_handover_prepare() - image, stack, tables, buffers. */
must_check EFI_STATUS boot_handover_prepare(struct boot_ctx *ctx);
/**
 * boot_handover_go() - leave boot services and jump into the VMM.
 *
 * Allocates and prints nothing.
 * Return: only if ExitBootServices was never accepted.
 */
EFI_STATUS boot_handover_go(struct boot_ctx *ctx);
/**
 * boot_pci_quiesce() - no more DMA by devices that the firmware drove.
 *
 * Context: after ExitBootServices, when the firmware's drivers have stopped.
 * Return: functions whose bus mastering was switched off.
 */
uint32_t boot_pci_quiesce(void);

#endif
