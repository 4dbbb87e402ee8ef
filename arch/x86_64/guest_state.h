/*
 * guest_state.h - the guest state that neither VT-x nor AMD-V switches: vector
 * and x87 registers, XCR0, DR0 to DR3 and TSC_AUX.
 *
 * The VMM uses none of it, so it stays live in the CPU over all exits of one
 * vCPU and is switched only when the CPU changes to another one. It is switched
 * eagerly: nothing of one guest is ever left for the next.
 */
#ifndef ARCH_X86_64_GUEST_STATE_H
#define ARCH_X86_64_GUEST_STATE_H

#include <hv/vcpu.h>

struct guest_state {
	hpa_t fpu_page;    /* XSAVE area */
	uint64_t fpu_size; /* bytes of it */
	uint64_t dr[4];
	uint64_t tsc_aux;
	bool has_tsc_aux;
};

/** guest_state_create() - its frames, paid by @owner. Return: ERR_NOMEM. */
must_check enum status guest_state_create(struct guest_state *s,
					  frame_owner_t owner,
					  bool has_tsc_aux);
void guest_state_destroy(struct guest_state *s, frame_owner_t owner);

/** guest_state_reset() - what a reset leaves (SDM vol. 3, "Processor State
 * After Reset"; x87 and SSE as "Initialization" has them). */
void guest_state_reset(struct guest_state *s);

/** guest_state_save() - out of this CPU, which holds @v. */
void guest_state_save(struct vcpu *v, struct guest_state *s);
/** guest_state_restore() - into this CPU, which is to hold @v. */
void guest_state_restore(const struct vcpu *v, const struct guest_state *s);

/** guest_xcr0_set() - XCR0 of @v, at once if this CPU holds it. */
void guest_xcr0_set(struct vcpu *v, uint64_t xcr0);

#endif
