/*
 * xen_pvh.h - Xen's PVH boot protocol, "x86/HVM direct boot ABI" (version 1 of
 * the start info). All fields are little-endian, all addresses physical.
 */
#ifndef SPEC_XEN_PVH_H
#define SPEC_XEN_PVH_H

#include <stdint.h>

/* The ELF note of a kernel that can be started so: its entry point. */
#define XEN_ELFNOTE_NAME         "Xen"
#define XEN_ELFNOTE_PHYS32_ENTRY 18u

#define HVM_START_MAGIC_VALUE 0x336ec578u
#define HVM_START_VERSION     1u

struct hvm_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	/* since version 1 */
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct hvm_modlist_entry {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

/* Types are those of e820. */
struct hvm_memmap_table_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "start info");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "module");
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "memory map");

#endif
