/*
 * selftest.c - runs the tests that TEST() put into the image.
 *
 * The rows lie between two symbols of linker.ld. An image without tests has
 * none there, and says so.
 */
#include <bh/log.h>
#include <bh/selftest.h>

extern const struct selftest __selftests_start[];
extern const struct selftest __selftests_end[];

static bool selftest_run_one(const struct selftest *t)
{
	struct selftest_run run = { 0 };

	t->run(&run);
	if (run.failure == NULL) {
		log_info("selftest %s: ok", t->name);
		return true;
	}
	log_error("selftest %s: FAIL %s:%u: %s", t->name, run.file, run.line,
		  run.failure);
	return false;
}

/**
 * selftest_run_all() - run every test, log "selftest NAME: ok|FAIL ..." for
 * each and "selftest: N passed, N failed" at the end.
 * @between: called after each test, to drain the log; may be NULL
 *
 * Context: boot CPU, before the first partition starts.
 * Return: how many failed.
 */
uint32_t selftest_run_all(void (*between)(void))
{
	uint32_t passed_count = 0;
	uint32_t failed_count = 0;

	for (const struct selftest *t = __selftests_start; t < __selftests_end;
	     t++) {
		if (selftest_run_one(t)) {
			passed_count++;
		} else {
			failed_count++;
		}
		if (between != NULL) {
			between();
		}
	}
	log_info("selftest: %u passed, %u failed", passed_count, failed_count);
	return failed_count;
}
