/*
 * progress.h - does a vCPU get on, or does one exit come again and again?
 *
 * An exit that is answered by "try again" comes from the same instruction. If
 * what it waits for never comes, for a mistake of ours or by a trick of the
 * guest's, guest and VMM would go round for ever.
 */
#ifndef VMM_PROGRESS_H
#define VMM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_TRIES_MAX 1000u

/* The last exit that is tried again: (v). */
struct progress {
	uint64_t rip, address, left;
	uint32_t count; /* how often in a row it was the same */
};

/**
 * progress_is_stuck() - count an exit that is to be tried again.
 * @address: what the instruction wants to reach
 * @left: what it still has to do, RCX of a repeated one: it gets less
 * Return: true if the same has come PROGRESS_TRIES_MAX times in a row.
 */
static inline bool progress_is_stuck(struct progress *p, uint64_t rip,
				     uint64_t address, uint64_t left)
{
	if (p->rip != rip || p->address != address || p->left != left) {
		*p = (struct progress){ rip, address, left, 0 };
	}
	return ++p->count > PROGRESS_TRIES_MAX;
}

#endif
