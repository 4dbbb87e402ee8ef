/*
 * boot_info.h - what the UEFI application (boot/) hands to the VMM.
 *
 * Built before ExitBootServices in memory of type EfiLoaderData, passed by
 * physical address in RDI. All addresses in it are physical. The state at the
 * VMM's entry point:
 *   - long mode, 4-level paging by page tables that boot/ built: identity map
 *     of the first 4 GiB and of all RAM (2 MiB pages, writable, executable),
 *     and the VMM image at its link address (W^X by segment);
 *   - interrupts off, RSP = top of a 64 KiB identity-mapped stack (LoaderData);
 *   - RDI = physical (= identity-mapped) address of struct boot_info;
 *   - only the boot CPU runs; EFI services are gone.
 */
#ifndef BH_BOOT_INFO_H
#define BH_BOOT_INFO_H

#include <bh/attr.h>

#define BOOT_INFO_MAGIC   0x3149424b48524b42ull
#define BOOT_INFO_VERSION 2u
#define BOOT_RANGE_MAX    256
#define BOOT_CPU_MAX      64
#define BOOT_FILE_MAX     64
#define BOOT_PATH_MAX     96
#define BOOT_OPTIONS_MAX  4096

#define BOOT_BLACK_BOX_SIZE KIB(128)

enum boot_range_kind {
	BOOT_RANGE_FREE = 1,     /* RAM that the VMM may use at once */
	BOOT_RANGE_BOOT = 2,     /* RAM used by boot/: tables, stack, boot_info;
				    free after the VMM has left them */
	BOOT_RANGE_IMAGE = 3,    /* the VMM image */
	BOOT_RANGE_FILE = 4,     /* a file that boot/ read */
	BOOT_RANGE_ACPI = 5,     /* ACPI tables (reclaimable) */
	BOOT_RANGE_RESERVED = 6, /* never touch */
	BOOT_RANGE_MMIO = 7,
};

struct boot_range {
	uint64_t base;  /* bytes, page aligned */
	uint64_t pages; /* 4 KiB pages */
	uint32_t kind;  /* enum boot_range_kind */
	uint32_t efi_type;
};

struct boot_file {
	char path[BOOT_PATH_MAX]; /* below \bulkhead\, '/' between parts */
	uint64_t base;            /* page aligned */
	uint64_t size;            /* bytes */
};

enum boot_pixel_format { BOOT_PIXEL_NONE, BOOT_PIXEL_RGBX, BOOT_PIXEL_BGRX };

struct boot_framebuffer {
	uint64_t base;
	uint64_t size;   /* bytes */
	uint32_t width;  /* pixels */
	uint32_t height; /* pixels */
	uint32_t stride; /* pixels a line */
	uint32_t format; /* enum boot_pixel_format; NONE: no framebuffer */
};

struct boot_info {
	uint64_t magic;
	uint32_t version;
	uint32_t size;       /* sizeof(struct boot_info) */
	uint64_t image_base; /* physical address of the loaded VMM ELF */
	uint64_t image_size; /* bytes in memory, page aligned */
	uint64_t rsdp;       /* 0: none (OVMF in Bochs) */
	uint64_t trampoline; /* a page below 1 MiB for starting CPUs; 0: none */
	uint64_t black_box;  /* BOOT_BLACK_BOX_SIZE bytes, as the last run left
				them (docs/black-box.md); 0: none */
	uint64_t tsc_start;  /* TSC when boot/ started */
	uint64_t tsc_exit;   /* TSC at ExitBootServices */
	struct boot_framebuffer fb;
	uint32_t range_count;
	uint32_t cpu_count;
	uint32_t file_count;
	uint32_t uart_port; /* COM1's I/O port when probed present, else 0 */
	struct boot_range ranges[BOOT_RANGE_MAX]; /* sorted, disjoint */
	uint32_t cpu_apic_ids[BOOT_CPU_MAX];      /* [0] = the boot CPU */
	struct boot_file files[BOOT_FILE_MAX];
	char options[BOOT_OPTIONS_MAX]; /* text of boot.cfg, NUL-terminated */
};

#endif
