/* util.c - small things that libc lacks; see util.h. */
#define _GNU_SOURCE
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <proto/rpc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

ssize_t util_read(const char *path, char *buf, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -1;
	}
	size_t len = 0;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);
		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	while (len > 0 && buf[len - 1] == '\n') {
		len--;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

int util_write(const char *path, const char *text)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		return -1;
	}
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);
	if (n >= 0 && (size_t)n != len) {
		errno = EIO;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

int util_writef(const char *path, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(text)) {
		errno = E2BIG;
		return -1;
	}
	return util_write(path, text);
}

bool util_name_ok(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(s);
	return len > 0 && len <= RPC_NAME_MAX && strspn(s, first) > 0 &&
	       strspn(s, rest) == len;
}

bool util_to_u64(const char *s, uint64_t *out)
{
	size_t len = strlen(s);
	if (len == 0 || len > 19 || strspn(s, "0123456789") != len) {
		return false;
	}
	*out = strtoull(s, NULL, 10);
	return true;
}

uint64_t util_now_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int util_mkdirs(const char *path, unsigned mode)
{
	char part[256];
	size_t len = strlen(path);
	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0') {
			continue;
		}
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST) {
			return -1;
		}
	}
	return 0;
}
