/*
 * assert.h - for our own bugs only. Nothing that a guest, an agent, a disk or
 * a configuration file can cause may reach ASSERT.
 */
#ifndef BH_ASSERT_H
#define BH_ASSERT_H

#include <bh/attr.h>

/** panic() - stop the machine with a report; the message says what broke. */
no_return void panic(const char *fmt, ...) printf_like(1, 2);

#define ASSERT(cond)            \
	(likely(cond) ? (void)0 \
		      : panic("%s:%d: ASSERT(%s)", __FILE__, __LINE__, #cond))

#endif
