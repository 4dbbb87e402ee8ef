/*
 * host_map.h - the VMM's own address space.
 *
 *   DIRECT_MAP_BASE     HPA p is seen at DIRECT_MAP_BASE + p: RAM write-back
 *                       and never executable; devices on demand
 *   HOST_WINDOW_BASE    RAM of the partition for which the CPU works, in no
 *                       other space than its own (host_space.c)
 *   HOST_STACK_BASE     stacks of CPUs but the first, each above a page that
 *                       is not mapped
 *   0xffffffff80000000  the image, W^X, with such pages under its stacks
 */
#ifndef ARCH_X86_64_HOST_MAP_H
#define ARCH_X86_64_HOST_MAP_H

#include <arch/pt.h>
#include <bh/boot_info.h>
#include <bh/pmm.h>

#define DIRECT_MAP_BASE  0xffff800000000000ull
#define DIRECT_MAP_SIZE  (64ull << 40)
#define HOST_WINDOW_BASE 0xffffc00000000000ull
#define HOST_STACK_BASE  0xffffd00000000000ull

/**
 * host_map_early() - make phys_to_virt() work on boot/'s page tables.
 *
 * boot/ maps RAM one to one; the same root entries are entered again at
 * DIRECT_MAP_BASE, so that no pointer changes when the final map is loaded.
 */
void host_map_early(void);

/**
 * host_map_init() - build the final map from @bi and load it on this CPU.
 * Return: ERR_NOMEM.
 */
must_check enum status host_map_init(const struct boot_info *bi);

/** host_map_load() - load the map, and what its bits need, on this CPU. */
void host_map_load(void);

/**
 * host_map_device() - show [@base, @base + @size) of device memory in the
 * direct map, uncached or (@is_framebuffer) write-combining.
 * Return: its address, or NULL if out of memory.
 */
void *host_map_device(hpa_t base, uint64_t size, bool is_framebuffer);

/**
 * host_map_stack() - a stack of @size bytes (a multiple of 4 KiB) above a page
 * that is not mapped, so that an overflow faults.
 *
 * It is kept for good: a CPU has its stacks until the machine ends.
 * Return: the address above its last byte, 4 KiB aligned; NULL: out of memory.
 */
void *host_map_stack(uint64_t size);

/** host_map_cr3() - CR3 of the VMM's own space, which shows no partition. */
uint64_t host_map_cr3(void);

/** host_map_format() - the format of the VMM's tables: leaves up to 2 MiB. */
const struct pt_format *host_map_format(void);

/** host_map_hide() - take @size bytes at @a, both multiples of 2 MiB, out of
 * the direct map. CPUs notice by host_map_sync(). */
void host_map_hide(hpa_t a, uint64_t size);
/** host_map_unhide() - put them back. */
void host_map_unhide(hpa_t a, uint64_t size);

/** host_map_generation() - a number that each host_map_hide() changes. */
uint64_t host_map_generation(void);

#endif
