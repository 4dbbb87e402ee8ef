/* guest_walk.h - a guest's own page tables, read by the VMM. */
#ifndef VMM_GUEST_WALK_H
#define VMM_GUEST_WALK_H

#include <bh/gmem.h>

/* Kinds of access, and with PRESENT and RESERVED the #PF error code. */
#define WALK_PRESENT  BIT(0)
#define WALK_WRITE    BIT(1)
#define WALK_USER     BIT(2) /* at CPL 3 */
#define WALK_RESERVED BIT(3)
#define WALK_FETCH    BIT(4)

/* The registers that translate, as the guest sees them. */
struct walk_regs {
	uint64_t cr0, cr3, cr4, efer, rflags;
};

/**
 * guest_walk() - the guest-physical address of @a, by the tables of @r.
 * @access: WALK_WRITE, WALK_USER, WALK_FETCH; 0 is a kernel's read
 * @error: on false, the error code of the page fault
 *
 * A data access sets the accessed and dirty bits as the processor does. A
 * fetch changes nothing: the processor has been there before.
 * Return: false if nothing maps @a, or not for this access.
 */
must_check bool guest_walk(struct gmem *gm, const struct walk_regs *r, gva_t a,
			   uint32_t access, gpa_t *out, uint32_t *error);

#endif
