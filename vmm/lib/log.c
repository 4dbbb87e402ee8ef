/*
 * log.c - the VMM's log: lines in a ring, drained to the sinks.
 *
 * log_printf() formats one line into a buffer on the stack, then appends it
 * under the lock: lines are never torn. Nothing here waits for a device.
 *
 * Invariants
 *  1. A line ends in exactly one LF; an LF or other control byte inside a
 *     message becomes '?', so a hostile text cannot forge a second line.
 *  2. A sink's position only grows, and never passes the ring's head.
 * Locks: log_lock is the innermost of all (docs/locking.md). A sink's write()
 * is called outside of it, by one drainer at a time; the tap within it.
 */
#include "log_sink.h"
#include <bh/ring.h>
#include <bh/string.h>
#include <bh/sync.h>

#define LOG_DRAIN_CHUNK 64

static struct spinlock log_lock = SPINLOCK_INIT;
static struct spinlock drain_lock = SPINLOCK_INIT;
static uint8_t log_buf[LOG_RING_SIZE];
static struct ring log_ring = { log_buf, LOG_RING_SIZE, 0 }; /* [log_lock] */
static enum log_level max_level = LOG_INFO;
static uint64_t (*clock_us)(void);
static struct log_sink *sinks;
static log_tap_fn *log_tap; /* [log_lock] */
static void *log_tap_ctx;
static bool is_panicking; /* locks are no longer taken */

static void log_lock_take(void)
{
	if (!is_panicking) {
		spin_lock(&log_lock);
	}
}

static void log_lock_drop(void)
{
	if (!is_panicking) {
		spin_unlock(&log_lock);
	}
}

/** log_init() - an empty log, no sink, no clock, level INFO. */
void log_init(void)
{
	ring_init(&log_ring, log_buf, LOG_RING_SIZE);
	max_level = LOG_INFO;
	clock_us = NULL;
	sinks = NULL;
	log_tap = NULL;
	is_panicking = false;
}

/** log_set_level() - lines above @level (less urgent) are dropped. */
void log_set_level(enum log_level level)
{
	max_level = level;
}

/** log_set_clock() - @now_us gives microseconds since start; NULL: none. */
void log_set_clock(uint64_t (*now_us)(void))
{
	clock_us = now_us;
}

/** log_add_sink() - start draining to @s from the oldest byte on. */
void log_add_sink(struct log_sink *s)
{
	s->pos = ring_tail(&log_ring);
	s->lost_count = 0;
	s->next = sinks;
	sinks = s;
}

/**
 * log_set_tap() - give each line to @tap before log_printf() returns, those
 * that are still in the ring first.
 *
 * Context of @tap: the log's lock (or a panic): it neither waits nor logs.
 */
void log_set_tap(log_tap_fn *tap, void *ctx)
{
	uint64_t pos = 0;
	char chunk[LOG_DRAIN_CHUNK];
	size_t got;

	log_lock_take();
	while ((got = ring_read(&log_ring, &pos, chunk, sizeof(chunk), NULL)) >
	       0) {
		tap(ctx, chunk, got);
	}
	log_tap_ctx = ctx;
	log_tap = tap;
	log_lock_drop();
}

/* "[    1.234567] " at the start of @line; its length. */
static size_t log_stamp(char *line, size_t size)
{
	uint64_t us = clock_us != NULL ? clock_us() : 0;

	return fmt_print(line, size, "[%5llu.%06llu] ",
			 (unsigned long long)(us / 1000000),
			 (unsigned long long)(us % 1000000));
}

/** log_printf() - append one line (no trailing newline in @fmt) to the log. */
void log_printf(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	size_t text;
	size_t len;
	va_list ap;

	if (level > max_level) {
		return;
	}
	text = log_stamp(line, sizeof(line));
	va_start(ap, fmt);
	len = text + fmt_vprint(line + text, sizeof(line) - text, fmt, ap);
	va_end(ap);
	len = len < sizeof(line) ? len : sizeof(line) - 1;
	for (size_t i = text; i < len; i++) {
		if ((uint8_t)line[i] < ' ' || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	line[len] = '\n'; /* over the NUL */
	log_lock_take();
	ring_write(&log_ring, line, len + 1);
	if (log_tap != NULL) {
		log_tap(log_tap_ctx, line, len + 1);
	}
	log_lock_drop();
}

/** log_read() - copy from position *@pos on; as ring_read(). */
size_t log_read(uint64_t *pos, void *dst, size_t len, uint64_t *lost)
{
	size_t got;

	log_lock_take();
	got = ring_read(&log_ring, pos, dst, len, lost);
	log_lock_drop();
	return got;
}

/** log_head() - the position behind the last byte. */
uint64_t log_head(void)
{
	uint64_t head;

	log_lock_take();
	head = log_ring.head;
	log_lock_drop();
	return head;
}

/* Feed one sink until it takes no more; true if it has bytes left. */
static bool log_drain_sink(struct log_sink *s)
{
	uint8_t chunk[LOG_DRAIN_CHUNK];
	uint64_t pos = s->pos;
	uint64_t lost;
	size_t got;
	size_t taken;

	for (uint32_t i = 0; i <= LOG_RING_SIZE / LOG_DRAIN_CHUNK; i++) {
		got = log_read(&pos, chunk, sizeof(chunk), &lost);
		s->lost_count += lost;
		s->pos = pos - got;
		if (got == 0) {
			return false;
		}
		taken = s->write(s->ctx, chunk, got);
		s->pos += taken;
		if (taken < got) {
			return true;
		}
	}
	return true;
}

/**
 * log_drain() - move what the sinks take now, without waiting.
 * Return: true if a sink still has bytes to take.
 */
bool log_drain(void)
{
	bool is_left = false;

	if (!spin_trylock(&drain_lock)) {
		return true; /* another CPU is at it */
	}
	for (struct log_sink *s = sinks; s != NULL; s = s->next) {
		is_left = log_drain_sink(s) || is_left;
	}
	spin_unlock(&drain_lock);
	return is_left;
}

/**
 * log_panic_begin() - from now on no lock is taken.
 *
 * The panicking CPU may itself hold log_lock: a torn line is better than a
 * silent end. Context: panic, on the only CPU that still runs.
 */
void log_panic_begin(void)
{
	is_panicking = true;
}

/**
 * log_panic_flush() - everything out through write_sync.
 * Context: after log_panic_begin().
 */
void log_panic_flush(void)
{
	uint8_t chunk[LOG_DRAIN_CHUNK];
	size_t got;

	for (struct log_sink *s = sinks; s != NULL; s = s->next) {
		if (s->write_sync == NULL) {
			continue;
		}
		do {
			got = ring_read(&log_ring, &s->pos, chunk,
					sizeof(chunk), NULL);
			s->write_sync(s->ctx, chunk, got);
		} while (got != 0);
	}
}

/** log_bytes() - the ring itself, for management's machine.log. */
const struct ring *log_bytes(void)
{
	return &log_ring;
}
