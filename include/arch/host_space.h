/*
 * host_space.h - the VMM's address space while it works for one partition.
 *
 * All spaces show the same VMM: image, stacks, direct map, devices. A
 * partition's space shows its RAM too, in a window; the direct map does not
 * show RAM that a partition has. So whoever reads RAM of a partition without
 * having entered its space faults (docs/adr/0012).
 *
 * Locks: changes of one space are serialized by its owner. A CPU enters and
 * leaves for itself.
 */
#ifndef ARCH_HOST_SPACE_H
#define ARCH_HOST_SPACE_H

#include <arch/pt_walk.h>

#define HOST_SPACE_WINDOW_SIZE GIB(512)

struct host_space {
	struct pt pt; /* root and the window's tables; the rest is shared */
};

/** host_space_create() - an empty window; @owner pays for its tables.
 * Return: ERR_NOMEM. */
must_check enum status host_space_create(struct host_space *s,
					 frame_owner_t owner);

/**
 * host_space_destroy() - give the tables back; what it showed has been hidden.
 *
 * The calling CPU leaves the space if it is in it; no other CPU may be.
 */
void host_space_destroy(struct host_space *s);

/** host_space_at() - the address of @offset in the window of any space. */
void *host_space_at(uint64_t offset);

/**
 * host_space_show() - move frames from the direct map into the window.
 * @offset: where, from the window's start; all three are multiples of 2 MiB
 *
 * Call host_map_sync() before somebody else uses the frames.
 * Return: ERR_TOO_BIG beyond the window; ERR_EXIST; ERR_NOMEM. Nothing has
 * changed then.
 */
must_check enum status host_space_show(struct host_space *s, uint64_t offset,
				       hpa_t frames, uint64_t size);

/**
 * host_space_hide() - move frames back into the direct map, where everybody
 * reads them: whoever calls has cleared them.
 * Return: the first frame; what is shown at @offset must be one run.
 */
hpa_t host_space_hide(struct host_space *s, uint64_t offset, uint64_t size);

/**
 * host_space_enter() - load @s on this CPU; NULL, or one that was destroyed:
 * the VMM's own, which shows no partition. Cheap if it is loaded.
 * Return: the space that was loaded; NULL: the VMM's own.
 */
struct host_space *host_space_enter(struct host_space *s);

/** host_space_is_elsewhere() - is a CPU other than the caller's in @s? */
bool host_space_is_elsewhere(const struct host_space *s);

/** host_space_cr3() - CR3 of @s. */
uint64_t host_space_cr3(const struct host_space *s);

/**
 * host_map_sync() - forget what other CPUs, or this one, took out of the direct
 * map since this CPU last did so. Cheap if there is nothing.
 * Context: anywhere, NMIs included.
 */
void host_map_sync(void);

/** host_map_is_synced() - has CPU @index nothing to forget? */
bool host_map_is_synced(uint32_t index);

#endif
