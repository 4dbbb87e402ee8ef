/* guest_walk.h - a guest's own page tables, read by the VMM. */
#ifndef VMM_GUEST_WALK_H
#define VMM_GUEST_WALK_H

#include "guest_cpu.h"

/**
 * guest_walk() - the guest-physical address of @a, by the tables that CR3
 * names now. No permission is checked: the processor already did the access.
 * Return: false if nothing maps it.
 */
must_check bool guest_walk(struct guest_cpu *g, gva_t a, gpa_t *out);

#endif
