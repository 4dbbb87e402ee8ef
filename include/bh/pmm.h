/*
 * pmm.h - page frames: every 4 KiB frame of RAM has exactly one owner.
 *
 * Owners: FRAME_FREE, FRAME_VMM, one number per partition, and FRAME_NOT_RAM.
 * A frame changes owner only through FRAME_FREE, and free frames are zero: what
 * one partition wrote, no other can read.
 * Context: any CPU; takes the pmm lock (a leaf, docs/locking.md).
 */
#ifndef BH_PMM_H
#define BH_PMM_H

#include <bh/addr.h>
#include <bh/boot_info.h>
#include <bh/status.h>

typedef uint8_t frame_owner_t;

#define FRAME_FREE           ((frame_owner_t)0)
#define FRAME_VMM            ((frame_owner_t)1)
#define FRAME_BOOT           ((frame_owner_t)2)  /* boot/: files, tables */
#define FRAME_PARTITION_BASE ((frame_owner_t)16) /* + partition number */
#define FRAME_NOT_RAM        ((frame_owner_t)255)

/** pmm_owner_of_partition() - the owner mark of partition @index (< 200). */
static inline frame_owner_t pmm_owner_of_partition(uint32_t index)
{
	return (frame_owner_t)(FRAME_PARTITION_BASE + index);
}

/**
 * pmm_init() - take over the machine's RAM as @bi describes it.
 *
 * Needs the direct map (phys_to_virt) for all RAM. The owner table is placed in
 * the first free range that holds it (one byte a frame).
 * Return: ERR_NOMEM if no range is large enough.
 */
must_check enum status pmm_init(const struct boot_info *bi);

/**
 * pmm_release_boot() - free what only the hand-over needed (tables, stack).
 * Call once the VMM runs on its own.
 */
void pmm_release_boot(const struct boot_info *bi);

/**
 * pmm_alloc() - @size bytes of zeroed, physically contiguous frames.
 * @owner: who gets them; @size: bytes, a multiple of 4 KiB;
 * @align: bytes, a power of two >= 4 KiB.
 * Return: OK and the address in @out; ERR_NOMEM, nothing taken.
 */
must_check enum status pmm_alloc(frame_owner_t owner, uint64_t size,
				 uint64_t align, hpa_t *out);

/** pmm_free() - give frames back; ASSERTs that @owner has all of them. */
void pmm_free(frame_owner_t owner, hpa_t base, uint64_t size);

/**
 * pmm_free_clean() - as pmm_free(), for frames that the caller has cleared
 * itself, because the direct map did not show them.
 */
void pmm_free_clean(frame_owner_t owner, hpa_t base, uint64_t size);

/** pmm_count() - bytes that @owner has now. */
uint64_t pmm_count(frame_owner_t owner);

/** pmm_total() - bytes of RAM, whoever has them. */
uint64_t pmm_total(void);

/** pmm_owner_of() - who has the frame at @a; FRAME_NOT_RAM if it is none. */
frame_owner_t pmm_owner_of(hpa_t a);

/** phys_to_virt() - where the VMM's direct map shows @a (RAM and MMIO). */
void *phys_to_virt(hpa_t a);
/** virt_to_phys() - the inverse, for addresses of the direct map only. */
hpa_t virt_to_phys(const void *p);

/** frames_zero() - clear whole frames, with the widest stores there are. */
void frames_zero(void *dst, uint64_t size);

#endif
