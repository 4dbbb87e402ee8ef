/* test_log.c - lines, levels, and sinks of different speed. */
#include "tests/lib/unit.h"
#include "vmm/lib/log_sink.h"
#include <bh/string.h>

struct sink_store {
	char text[2 * LOG_RING_SIZE];
	size_t len;
	size_t room; /* bytes it still takes */
	uint32_t sync_count;
};

static struct sink_store store;
static struct sink_store other;
static uint64_t now_us;

static uint64_t test_clock(void)
{
	return now_us;
}

static size_t sink_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct sink_store *s = ctx;
	size_t taken = len < s->room ? len : s->room;

	assert_true(s->len + taken < sizeof(s->text));
	memcpy(s->text + s->len, bytes, taken);
	s->len += taken;
	s->room -= taken;
	s->text[s->len] = '\0';
	return taken;
}

static void sink_write_sync(void *ctx, const uint8_t *bytes, size_t len)
{
	struct sink_store *s = ctx;

	s->room = SIZE_MAX;
	s->sync_count++;
	assert_int_equal(sink_write(s, bytes, len), len);
}

static struct log_sink sink = { .write = sink_write,
				.write_sync = sink_write_sync,
				.ctx = &store };
static struct log_sink slow = { .write = sink_write, .ctx = &other };

static int setup(void **state)
{
	(void)state;
	memset(&store, 0, sizeof(store));
	memset(&other, 0, sizeof(other));
	store.room = SIZE_MAX;
	now_us = 0;
	log_init();
	log_set_clock(test_clock);
	return 0;
}

static void test_line(void **state)
{
	(void)state;
	log_add_sink(&sink);
	now_us = 1234567;
	log_info("vmm: %s %d", "text", 42);
	assert_false(log_drain());
	assert_string_equal(store.text, "[    1.234567] vmm: text 42\n");
}

static void test_levels(void **state)
{
	(void)state;
	log_add_sink(&sink);
	log_debug("hidden");
	log_set_level(LOG_WARN);
	log_info("hidden");
	log_notice("hidden");
	log_warn("seen");
	log_error("seen too");
	log_drain();
	assert_string_equal(store.text, "[    0.000000] seen\n"
					"[    0.000000] seen too\n");
}

static void test_a_message_cannot_forge_a_line(void **state)
{
	(void)state;
	log_add_sink(&sink);
	log_info("guest said: %s", "a\n[    9.000000] vmm: all is lost\x1b[2J");
	log_drain();
	assert_string_equal(store.text,
			    "[    0.000000] guest said: a?[    9.000000] vmm: "
			    "all is lost?[2J\n");
}

static void test_long_line_is_cut(void **state)
{
	char text[2 * LOG_LINE_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_add_sink(&sink);
	log_info("%s", text);
	log_info("next");
	log_drain();
	assert_int_equal(store.text[LOG_LINE_MAX - 1], '\n');
	assert_string_equal(store.text + LOG_LINE_MAX, "[    0.000000] next\n");
}

static void test_slow_sink_gets_all_in_the_end(void **state)
{
	(void)state;
	log_add_sink(&sink);
	log_add_sink(&slow);
	log_info("one");
	log_info("two");
	for (int i = 0; i < 100; i++) {
		other.room = 3;
		if (!log_drain()) {
			break;
		}
		assert_true(other.room == 0);
	}
	assert_string_equal(other.text, store.text);
	assert_int_equal(slow.lost_count, 0);
}

static void test_stuck_sink_loses_and_others_do_not(void **state)
{
	uint64_t written = 0;

	(void)state;
	log_add_sink(&slow); /* takes nothing */
	log_add_sink(&sink);
	for (int i = 0; i < 4000; i++) {
		log_info("line %04d", i);
		log_drain();
		written += strlen("[    0.000000] line 0000\n");
	}
	assert_int_equal(store.len, written);
	other.room = SIZE_MAX;
	assert_false(log_drain());
	assert_int_equal(slow.lost_count, written - LOG_RING_SIZE);
	assert_int_equal(other.len, LOG_RING_SIZE);
}

static void test_late_sink_gets_the_past(void **state)
{
	(void)state;
	log_info("before");
	log_add_sink(&sink);
	log_drain();
	assert_string_equal(store.text, "[    0.000000] before\n");
}

static void test_panic_flush(void **state)
{
	(void)state;
	store.room = 0;
	log_add_sink(&sink);
	log_add_sink(&slow); /* has no write_sync: is passed over */
	log_info("before");
	log_drain();
	log_panic_begin();
	log_error("panic: reason");
	log_panic_flush();
	assert_true(store.sync_count > 0);
	assert_string_equal(store.text, "[    0.000000] before\n"
					"[    0.000000] panic: reason\n");
}

static char tapped[256];

static void tap(void *ctx, const char *text, size_t len)
{
	size_t at = strlen(tapped);

	assert_ptr_equal(ctx, &store);
	assert_true(at + len < sizeof(tapped));
	memcpy(tapped + at, text, len);
	tapped[at + len] = '\0';
}

static void test_tap_gets_each_line_at_once(void **state)
{
	(void)state;
	log_info("before");
	log_set_tap(tap, &store);
	assert_string_equal(tapped, "[    0.000000] before\n");
	log_debug("not logged");
	log_info("after");
	log_panic_begin();
	log_error("panic");
	assert_string_equal(tapped, "[    0.000000] before\n"
				    "[    0.000000] after\n"
				    "[    0.000000] panic\n");
}

static void test_read_by_position(void **state)
{
	uint64_t pos = log_head();
	uint64_t lost;
	char text[64];
	size_t got;

	(void)state;
	log_info("first");
	pos = log_head();
	log_info("second");
	got = log_read(&pos, text, sizeof(text), &lost);
	text[got] = '\0';
	assert_string_equal(text, "[    0.000000] second\n");
	assert_int_equal(pos, log_head());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_line, setup),
		cmocka_unit_test_setup(test_levels, setup),
		cmocka_unit_test_setup(test_a_message_cannot_forge_a_line,
				       setup),
		cmocka_unit_test_setup(test_long_line_is_cut, setup),
		cmocka_unit_test_setup(test_slow_sink_gets_all_in_the_end,
				       setup),
		cmocka_unit_test_setup(test_stuck_sink_loses_and_others_do_not,
				       setup),
		cmocka_unit_test_setup(test_late_sink_gets_the_past, setup),
		cmocka_unit_test_setup(test_panic_flush, setup),
		cmocka_unit_test_setup(test_tap_gets_each_line_at_once, setup),
		cmocka_unit_test_setup(test_read_by_position, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
