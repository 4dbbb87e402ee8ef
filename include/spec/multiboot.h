/*
 * multiboot.h - the "Multiboot Specification version 0.6.96": the header that a
 * kernel has and the information that it gets. All fields are little-endian,
 * all addresses physical.
 */
#ifndef SPEC_MULTIBOOT_H
#define SPEC_MULTIBOOT_H

#include <bh/attr.h>

#define MULTIBOOT_SEARCH           8192u /* the header lies within these */
#define MULTIBOOT_HEADER_ALIGN     4u
#define MULTIBOOT_HEADER_MAGIC     0x1badb002u
#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002u

#define MULTIBOOT_PAGE_ALIGN      BIT(0) /* modules on page boundaries */
#define MULTIBOOT_MEMORY_INFO     BIT(1)
#define MULTIBOOT_VIDEO_MODE      BIT(2)
#define MULTIBOOT_MUST_UNDERSTAND 0xffffu
#define MULTIBOOT_AOUT_KLUDGE     BIT(16) /* the address fields are valid */

struct multiboot_header {
	uint32_t magic;
	uint32_t flags;
	uint32_t checksum; /* the three add up to 0 */
	uint32_t header_addr;
	uint32_t load_addr;
	uint32_t load_end_addr; /* 0: the file's end */
	uint32_t bss_end_addr;  /* 0: none */
	uint32_t entry_addr;
	uint32_t mode_type;
	uint32_t width;
	uint32_t height;
	uint32_t depth;
};

#define MULTIBOOT_INFO_MEMORY           BIT(0)
#define MULTIBOOT_INFO_CMDLINE          BIT(2)
#define MULTIBOOT_INFO_MODS             BIT(3)
#define MULTIBOOT_INFO_MEM_MAP          BIT(6)
#define MULTIBOOT_INFO_BOOT_LOADER_NAME BIT(9)
#define MULTIBOOT_INFO_FRAMEBUFFER_INFO BIT(12)

#define MULTIBOOT_FRAMEBUFFER_TYPE_EGA_TEXT 2u

struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower; /* KiB from 0 */
	uint32_t mem_upper; /* KiB from 1 MiB to the first hole */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count;
	uint32_t mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length;
	uint32_t mmap_addr;
	uint32_t drives_length;
	uint32_t drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t vbe_control_info;
	uint32_t vbe_mode_info;
	uint16_t vbe_mode;
	uint16_t vbe_interface_seg;
	uint16_t vbe_interface_off;
	uint16_t vbe_interface_len;
	uint64_t framebuffer_addr;
	uint32_t framebuffer_pitch;
	uint32_t framebuffer_width;
	uint32_t framebuffer_height;
	uint8_t framebuffer_bpp;
	uint8_t framebuffer_type;
	uint8_t color_info[6];
} packed_struct;

struct multiboot_mmap_entry {
	uint32_t size; /* of the rest */
	uint64_t addr;
	uint64_t len;
	uint32_t type; /* as e820 has them */
} packed_struct;

struct multiboot_mod_list {
	uint32_t mod_start;
	uint32_t mod_end; /* first byte behind it */
	uint32_t cmdline;
	uint32_t pad;
};

_Static_assert(sizeof(struct multiboot_header) == 48, "header");
_Static_assert(sizeof(struct multiboot_info) == 116, "information");
_Static_assert(offsetof(struct multiboot_info, framebuffer_addr) == 88,
	       "framebuffer_addr");
_Static_assert(sizeof(struct multiboot_mmap_entry) == 24, "memory map");

#endif
