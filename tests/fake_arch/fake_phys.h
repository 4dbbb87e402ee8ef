/*
 * fake_phys.h - physical memory for hosted tests: one arena that begins at
 * physical address 0, so that mm/pmm.c and mm/pt.c run under sanitizers.
 */
#ifndef TESTS_FAKE_PHYS_H
#define TESTS_FAKE_PHYS_H

#include <bh/addr.h>

/** fake_phys_init() - @size bytes of memory, full of what nobody wrote. */
void fake_phys_init(uint64_t size);

/** fake_phys_done() - release the arena. */
void fake_phys_done(void);

#endif
