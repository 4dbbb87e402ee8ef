/*
 * log.c - lines for people. /dev/kmsg puts them in order with the kernel's
 * own; with "quiet" on the command line only errors reach the console.
 */
#define _GNU_SOURCE
#include "log.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int log_fd = -1;

void log_open(void)
{
	log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[320];
	int len = snprintf(line, sizeof(line), "<%d>agent: ", (int)level);
	va_list ap;
	va_start(ap, fmt);
	int more =
		vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	len += more > 0 ? more : 0;
	if (len > (int)sizeof(line) - 2) {
		len = (int)sizeof(line) - 2;
	}
	line[len++] = '\n';
	int fd = log_fd >= 0 ? log_fd : STDERR_FILENO;
	ssize_t n = write(fd, line, (size_t)len);
	(void)n; /* nobody left to tell */
}
