/*
 * hostile_chains.h - one table of bad descriptor chains for every device.
 *
 * A test of a model calls hostile_chains_run() for each queue that the model
 * takes requests from.
 */
#ifndef TESTS_HOSTILE_CHAINS_H
#define TESTS_HOSTILE_CHAINS_H

#include "fake_guest.h"

struct hostile_victim {
	struct fake_driver *d;
	uint16_t q;
	/* make the device look at the queue: a kick, or input from outside */
	void (*poke)(const struct hostile_victim *v);
	uint64_t features; /* of the device, to be negotiated */
};

/**
 * hostile_chains_run() - give @v each bad chain, after a reset each.
 *
 * After each: DEVICE_NEEDS_RESET is set, one configuration interrupt came,
 * nothing was returned in the used ring, no memory but the rings changed,
 * further kicks are ignored. At the end the device works again after a reset.
 * Return: NULL, or which row went wrong.
 */
const char *hostile_chains_run(const struct hostile_victim *v);

/** hostile_kick() - a poke that is a kick. */
void hostile_kick(const struct hostile_victim *v);

#endif
