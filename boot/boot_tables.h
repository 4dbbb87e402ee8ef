/*
 * boot_tables.h - the page tables under which the VMM starts. Pure: a table's
 * physical address is its address, as under UEFI's identity map.
 *
 * What they map is a contract, see bh/boot_info.h: the first 4 GiB and all RAM
 * at their physical addresses in 2 MiB pages (writable, executable), and the
 * VMM's image at its link address in 4 KiB pages (W^X). Global bits are off.
 */
#ifndef BOOT_TABLES_H
#define BOOT_TABLES_H

#include "boot_elf.h"

#include <bh/boot_info.h>
#include <bh/status.h>

struct boot_tables {
	uint64_t *root; /* PML4 */
	uint8_t *pool;  /* page aligned, zeroed page by page when taken */
	uint64_t pages; /* in the pool */
	uint64_t used;
};

/**
 * boot_tables_pages() - pages that boot_tables_build() will take at most.
 * @ranges, @count: as boot_memmap_build() makes them: sorted, disjoint
 */
uint64_t boot_tables_pages(const struct boot_range *ranges, uint32_t count,
			   const struct boot_elf *e);

/**
 * boot_tables_build() - make the tables in @t's pool.
 * @image: physical address of the image that boot_elf_load() has written
 *
 * Return: OK; ERR_NOMEM if the pool is too small.
 */
must_check enum status
boot_tables_build(struct boot_tables *t, const struct boot_range *ranges,
		  uint32_t count, const struct boot_elf *e, uint64_t image);

#endif
