/*
 * selftest.h - tests that run inside the VMM, on the (emulated) machine itself.
 *
 *	TEST(ring_keeps_the_newest_bytes)
 *	{
 *		SELFTEST_EXPECT(ring_tail(&r) == 4);
 *	}
 *
 * Each TEST() puts a row into the linker's section "selftests"; the boot option
 * selftest=on runs them all (vmm/selftest.c). A test ends at its first failure.
 */
#ifndef BH_SELFTEST_H
#define BH_SELFTEST_H

#include <bh/attr.h>
#include <stdbool.h>

struct selftest_run {
	const char *failure; /* text of the condition that did not hold */
	const char *file;
	uint32_t line;
};

struct selftest {
	const char *name;
	void (*run)(struct selftest_run *run);
};

#define TEST(test_name)                                              \
	static void selftest_##test_name(struct selftest_run *run);  \
	__attribute__((section("selftests"), used,                   \
		       aligned(8))) static const struct selftest     \
		selftest_row_##test_name = { #test_name,             \
					     selftest_##test_name }; \
	static void selftest_##test_name(                            \
		__attribute__((unused)) struct selftest_run *run)

/* In a TEST(): the condition holds, or the test has failed and ends. */
#define SELFTEST_EXPECT(cond)                                          \
	if (!selftest_check(run, (cond), #cond, __FILE__, __LINE__)) { \
		return;                                                \
	}                                                              \
	(void)0

/** selftest_check() - note @text as the failure of @run if not @is_true. */
static inline bool selftest_check(struct selftest_run *run, bool is_true,
				  const char *text, const char *file,
				  uint32_t line)
{
	if (!is_true) {
		run->failure = text;
		run->file = file;
		run->line = line;
	}
	return is_true;
}

/**
 * selftest_run_all() - run every test, log "selftest NAME: ok|FAIL ..." for
 * each and "selftest: N passed, N failed" at the end.
 * @between: called after each test, to drain the log; may be NULL
 * Return: how many failed.
 */
uint32_t selftest_run_all(void (*between)(void));

#endif
