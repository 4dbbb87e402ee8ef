/* util.h - files in one call, names, and clean-up attributes. */
#ifndef AGENT_UTIL_H
#define AGENT_UTIL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void util_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static inline void util_free(char **p)
{
	free(*p);
	*p = NULL;
}

static inline void util_unref(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

#define auto_close __attribute__((cleanup(util_close)))
#define auto_free  __attribute__((cleanup(util_free)))
#define auto_json  __attribute__((cleanup(util_unref)))

/** util_read() - a small file as text, NUL-terminated, without its last LF.
 *  Return: bytes, or -1 with errno. */
ssize_t util_read(const char *path, char *buf, size_t size);
/** util_write() - one write() of @text; 0, or -1 with errno. */
int util_write(const char *path, const char *text);
/** util_writef() - util_write() of a formatted text. */
int util_writef(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** util_name_ok() - is @s a name: [a-z0-9][a-z0-9_.-]{0,62}? */
bool util_name_ok(const char *s);
/** util_to_u64() - all of @s as a decimal number; false on junk. */
bool util_to_u64(const char *s, uint64_t *out);
/** util_now_ms() - CLOCK_BOOTTIME in milliseconds. */
uint64_t util_now_ms(void);
/** util_mkdirs() - create @path and its parents; 0, or -1 with errno. */
int util_mkdirs(const char *path, unsigned mode);

#endif
