/*
 * linux_boot.h - the x86 Linux boot protocol's tables.
 *
 * Field names and offsets are those of the kernel's documentation "The
 * Linux/x86 Boot Protocol" and "Zero Page". All fields are little-endian.
 */
#ifndef SPEC_LINUX_BOOT_H
#define SPEC_LINUX_BOOT_H

#include <bh/attr.h>

#define LINUX_BOOT_FLAG             0xaa55u
#define LINUX_HEADER_MAGIC          0x53726448u /* "HdrS" */
#define LINUX_SETUP_HEADER_OFFSET   0x1f1u
#define LINUX_ENTRY64_OFFSET        0x200u  /* 64-bit entry in the payload */
#define LINUX_MIN_PROTOCOL          0x020cu /* xloadflags came with 2.12 */
#define LINUX_LOADER_UNDEFINED      0xffu
#define LINUX_LOADFLAGS_LOADED_HIGH 0x01u
#define LINUX_XLF_KERNEL_64         0x01u
#define LINUX_E820_MAX              128u

#define E820_RAM      1u
#define E820_RESERVED 2u
#define E820_ACPI     3u

struct linux_setup_header {
	uint8_t setup_sects;
	uint16_t root_flags;
	uint32_t syssize; /* payload in units of 16 bytes */
	uint16_t ram_size;
	uint16_t vid_mode;
	uint16_t root_dev;
	uint16_t boot_flag;
	uint16_t jump; /* 0xeb, then bytes from 0x202 to the header's end */
	uint32_t header;
	uint16_t version;
	uint32_t realmode_swtch;
	uint16_t start_sys_seg;
	uint16_t kernel_version;
	uint8_t type_of_loader;
	uint8_t loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start;
	uint32_t ramdisk_image;
	uint32_t ramdisk_size;
	uint32_t bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver;
	uint8_t ext_loader_type;
	uint32_t cmd_line_ptr;
	uint32_t initrd_addr_max;
	uint32_t kernel_alignment;
	uint8_t relocatable_kernel;
	uint8_t min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size;
	uint32_t hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset;
	uint32_t payload_length;
	uint64_t setup_data;
	uint64_t pref_address;
	uint32_t init_size;
	uint32_t handover_offset;
	uint32_t kernel_info_offset;
} packed_struct;

struct linux_e820_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} packed_struct;

struct linux_boot_params {
	uint8_t screen_info[0x40];
	uint8_t apm_bios_info[0x14];
	uint8_t pad1[4];
	uint64_t tboot_addr;
	uint8_t ist_info[0x10];
	uint64_t acpi_rsdp_addr;
	uint8_t pad2[0x48];
	uint32_t ext_ramdisk_image;
	uint32_t ext_ramdisk_size;
	uint32_t ext_cmd_line_ptr;
	uint8_t pad3[0x70];
	uint32_t cc_blob_address;
	uint8_t edid_info[0x80];
	uint8_t efi_info[0x20];
	uint32_t alt_mem_k;
	uint32_t scratch;
	uint8_t e820_entries;
	uint8_t eddbuf_entries;
	uint8_t edd_mbr_sig_buf_entries;
	uint8_t kbd_status;
	uint8_t secure_boot;
	uint8_t pad4[2];
	uint8_t sentinel;
	uint8_t pad5[1];
	struct linux_setup_header hdr;
	uint8_t pad6[0x290 - LINUX_SETUP_HEADER_OFFSET -
		     sizeof(struct linux_setup_header)];
	uint32_t edd_mbr_sig_buffer[16];
	struct linux_e820_entry e820_table[LINUX_E820_MAX];
	uint8_t pad7[0x30];
	uint8_t eddbuf[0x1ec];
	uint8_t pad8[0x114];
} packed_struct;

_Static_assert(sizeof(struct linux_setup_header) == 0x7b, "setup header");
_Static_assert(sizeof(struct linux_e820_entry) == 20, "e820 entry");
_Static_assert(sizeof(struct linux_boot_params) == 4096, "zero page");
_Static_assert(offsetof(struct linux_boot_params, acpi_rsdp_addr) == 0x70,
	       "acpi_rsdp_addr");
_Static_assert(offsetof(struct linux_boot_params, ext_ramdisk_image) == 0xc0,
	       "ext_ramdisk_image");
_Static_assert(offsetof(struct linux_boot_params, alt_mem_k) == 0x1e0,
	       "alt_mem_k");
_Static_assert(offsetof(struct linux_boot_params, e820_entries) == 0x1e8,
	       "e820_entries");
_Static_assert(offsetof(struct linux_boot_params, sentinel) == 0x1ef,
	       "sentinel");
_Static_assert(offsetof(struct linux_boot_params, hdr) == 0x1f1, "hdr");
_Static_assert(offsetof(struct linux_boot_params, e820_table) == 0x2d0,
	       "e820_table");

#endif
