/*
 * log_sink.h - who drains the log, and how.
 *
 * The log itself (<bh/log.h>) only stores lines in a ring. Each sink keeps its
 * own position in that ring, so a slow one loses lines (and is told how many
 * bytes) without holding up the others.
 */
#ifndef VMM_LIB_LOG_SINK_H
#define VMM_LIB_LOG_SINK_H

#include <bh/log.h>
#include <bh/ring.h>
#include <stdbool.h>

#define LOG_RING_SIZE KIB(64)
#define LOG_LINE_MAX \
	512 /* bytes of one line, time stamp and newline included */

struct log_sink {
	/* (c) take what fits now without waiting; bytes taken, 0 if none */
	size_t (*write)(void *ctx, const uint8_t *bytes, size_t len);
	/* (c) take all, waiting a bounded time; for panics; may be NULL */
	void (*write_sync)(void *ctx, const uint8_t *bytes, size_t len);
	void *ctx;           /* (c) */
	uint64_t pos;        /* position in the log's ring */
	uint64_t lost_count; /* bytes overwritten before this sink took them */
	struct log_sink *next; /* (c) */
};

/** log_init() - an empty log, no sink, no clock, level INFO. */
void log_init(void);
/** log_set_level() - lines above @level (less urgent) are dropped. */
void log_set_level(enum log_level level);
/** log_set_clock() - @now_us gives microseconds since start; NULL: none. */
void log_set_clock(uint64_t (*now_us)(void));
/** log_add_sink() - start draining to @s from the oldest byte on. */
void log_add_sink(struct log_sink *s);
/* Takes each line at once: for what has to be kept whatever comes next. */
typedef void log_tap_fn(void *ctx, const char *text, size_t len);
/**
 * log_set_tap() - give each line to @tap before log_printf() returns, those
 * that are still in the ring first.
 */
void log_set_tap(log_tap_fn *tap, void *ctx);
/**
 * log_drain() - move what the sinks take now, without waiting.
 * Return: true if a sink still has bytes to take.
 */
bool log_drain(void);
/** log_panic_begin() - from now on no lock is taken. */
void log_panic_begin(void);
/** log_panic_flush() - everything out through write_sync. */
void log_panic_flush(void);
/** log_read() - copy from position *@pos on; as ring_read(). */
size_t log_read(uint64_t *pos, void *dst, size_t len, uint64_t *lost);
/** log_bytes() - the ring itself, for management. */
const struct ring *log_bytes(void);
/** log_head() - the position behind the last byte. */
uint64_t log_head(void);

#endif
