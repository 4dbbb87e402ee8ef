/*
 * panic.c - in hosted tests a panic ends the test, unless the test expects it.
 */
#include "fake_panic.h"
#include <bh/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

jmp_buf fake_panic_jump;
bool fake_panic_is_expected;
char fake_panic_text[256];

/** panic() - report, then jump to the test that expects it, or abort. */
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, ap);
	va_end(ap);
	if (fake_panic_is_expected) {
		fake_panic_is_expected = false;
		longjmp(fake_panic_jump, 1);
	}
	fprintf(stderr, "panic: %s\n", fake_panic_text);
	abort();
}
