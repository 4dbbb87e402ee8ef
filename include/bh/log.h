/*
 * log.h - the VMM's log: a ring in memory, drained to the consoles.
 *
 * Who erred decides the level: the guest erred -> NOTICE; the machine or the
 * operator -> ERROR or WARN; we erred -> ASSERT (assert.h). DEBUG is for us.
 * Context: any; never blocks on a device.
 */
#ifndef BH_LOG_H
#define BH_LOG_H

#include <bh/attr.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/** log_printf() - append one line (no trailing newline in @fmt) to the log. */
void log_printf(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_error(...)  log_printf(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)   log_printf(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_printf(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)   log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...)  log_printf(LOG_DEBUG, __VA_ARGS__)

#endif
