/*
 * fake_panic.h - a test that expects a panic.
 *
 *	FAKE_EXPECT_PANIC(ring_init(&r, buf, 3));
 */
#ifndef TESTS_FAKE_PANIC_H
#define TESTS_FAKE_PANIC_H

#include <setjmp.h>
#include <stdbool.h>

extern jmp_buf fake_panic_jump;
extern bool fake_panic_is_expected;
extern char fake_panic_text[256];

/* Run @statement and fail (cmocka) unless it panics. */
#define FAKE_EXPECT_PANIC(statement)                    \
	do {                                            \
		fake_panic_is_expected = true;          \
		if (setjmp(fake_panic_jump) == 0) {     \
			statement;                      \
			fake_panic_is_expected = false; \
			fail_msg("no panic");           \
		}                                       \
	} while (0)

#endif
