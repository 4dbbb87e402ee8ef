/*
 * host_space.c - address spaces of partitions (include/arch/host_space.h).
 *
 * A space is a root table of its own: the upper half's entries are copies of
 * the VMM's, which never change (host_map.c), but for the window's.
 *
 * Invariants
 *  1. RAM of a partition is shown in its own window alone: host_space_show()
 *     takes it out of the direct map, host_space_hide() puts it back.
 *  2. A CPU is in at most one space, host_cpus[] says in which. Its CR3 is that
 *     of the space, in the VMM and, on VT-x, in HOST_CR3 of the vCPU that it
 *     has loaded; VMRUN saves and restores CR3 itself.
 *  3. A space is destroyed only when no CPU is in it, but for the caller.
 *
 * Translations that other CPUs may still have of what left the direct map are
 * dropped when they next enter a space, or go to sleep: nothing reads through
 * them on purpose, so nobody waits.
 */
#include <arch/host_space.h>

#include "cpu_local.h"
#include "host_map.h"

#include <bh/assert.h>

#define WINDOW_SLOT (HOST_WINDOW_BASE >> 39 & 511)
#define SHARED_SLOT 256u /* the upper half's first */

struct host_cpu {
	struct host_space *space; /* (a) NULL: the VMM's own */
	uint64_t generation;      /* (a) of host_map.c, at the last flush */
} align_to(64);

static struct host_cpu host_cpus[CPU_MAX];

static void host_space_load(struct host_cpu *c, const struct host_space *s)
{
	uint64_t cr3 = s != NULL ? s->pt.root.v : host_map_cr3();

	/* First the number: what is hidden from here on is a newer one. */
	__atomic_store_n(&c->generation, host_map_generation(),
			 __ATOMIC_RELEASE);
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

struct host_space *host_space_enter(struct host_space *s)
{
	struct host_cpu *c = &host_cpus[cpu_this()->index];
	struct host_space *before = c->space;

	if (s != NULL && s->pt.root.v == 0) {
		s = NULL;
	}
	if (s == before) {
		host_map_sync();
		return before;
	}
	__atomic_store_n(&c->space, s, __ATOMIC_RELEASE);
	host_space_load(c, s);
	return before;
}

void host_map_sync(void)
{
	struct host_cpu *c = &host_cpus[cpu_this()->index];

	if (unlikely(c->generation != host_map_generation())) {
		host_space_load(c, c->space);
	}
}

bool host_map_is_synced(uint32_t index)
{
	return __atomic_load_n(&host_cpus[index].generation,
			       __ATOMIC_ACQUIRE) == host_map_generation();
}

uint64_t host_space_cr3(const struct host_space *s)
{
	return s->pt.root.v;
}

void *host_space_at(uint64_t offset)
{
	return (void *)(HOST_WINDOW_BASE + offset);
}

enum status host_space_create(struct host_space *s, frame_owner_t owner)
{
	enum status st = pt_init(&s->pt, host_map_format(), owner);
	const uint64_t *own = phys_to_virt(hpa(host_map_cr3()));
	uint64_t *root;

	if (st != OK) {
		s->pt.root = hpa(0);
		return st;
	}
	root = phys_to_virt(s->pt.root);
	for (uint32_t i = SHARED_SLOT; i < PAGE_SIZE / sizeof(*root); i++) {
		root[i] = i != WINDOW_SLOT ? own[i] : 0;
	}
	return OK;
}

bool host_space_is_elsewhere(const struct host_space *s)
{
	for (uint32_t i = 0; i < CPU_MAX; i++) {
		if (i != cpu_this()->index &&
		    __atomic_load_n(&host_cpus[i].space, __ATOMIC_ACQUIRE) ==
			    s) {
			return true;
		}
	}
	return false;
}

void host_space_destroy(struct host_space *s)
{
	uint64_t *root;

	if (s->pt.root.v == 0) {
		return;
	}
	if (host_cpus[cpu_this()->index].space == s) {
		(void)host_space_enter(NULL);
	}
	ASSERT(!host_space_is_elsewhere(s));
	/* Only the window's tables are its own. */
	root = phys_to_virt(s->pt.root);
	for (uint32_t i = SHARED_SLOT; i < PAGE_SIZE / sizeof(*root); i++) {
		root[i] = i != WINDOW_SLOT ? 0 : root[i];
	}
	pt_destroy(&s->pt);
	s->pt.root = hpa(0);
}

static bool host_space_is_inside(uint64_t offset, uint64_t size)
{
	return size <= HOST_SPACE_WINDOW_SIZE &&
	       offset <= HOST_SPACE_WINDOW_SIZE - size;
}

enum status host_space_show(struct host_space *s, uint64_t offset, hpa_t frames,
			    uint64_t size)
{
	uint64_t at = HOST_WINDOW_BASE + offset;
	uint64_t done = 0;
	enum status st = OK;

	if (!host_space_is_inside(offset, size)) {
		return ERR_TOO_BIG;
	}
	/* One leaf at a time: of one that fails nothing is there. */
	while (done < size && st == OK) {
		st = pt_map(&s->pt, at + done, hpa(frames.v + done), MIB(2),
			    PT_DATA);
		done += st == OK ? MIB(2) : 0;
	}
	if (st == OK) {
		host_map_hide(frames, size);
	} else if (pt_unmap(&s->pt, at, done) != OK) {
		panic("a window's leaf has the wrong size");
	}
	return st;
}

hpa_t host_space_hide(struct host_space *s, uint64_t offset, uint64_t size)
{
	uint32_t level;
	uint64_t leaf = pt_lookup(&s->pt, HOST_WINDOW_BASE + offset, &level);
	hpa_t frames = hpa(leaf & s->pt.format->address_mask);
	enum status st;

	ASSERT(leaf != 0 && host_space_is_inside(offset, size));
	st = pt_unmap(&s->pt, HOST_WINDOW_BASE + offset, size);
	ASSERT(st == OK);
	host_map_unhide(frames, size);
	return frames;
}
