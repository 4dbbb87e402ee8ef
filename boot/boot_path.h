/*
 * boot_path.h - the path of a file below \bulkhead\, grown and cut name by
 * name while the folders are walked. Pure.
 */
#ifndef BOOT_PATH_H
#define BOOT_PATH_H

#include <bh/boot_info.h>
#include <bh/status.h>
#include <stdbool.h>

struct boot_path {
	char text[BOOT_PATH_MAX]; /* NUL-terminated, '/' between names */
	uint32_t len;
};

/** boot_path_init() - the folder \bulkhead itself: an empty path. */
void boot_path_init(struct boot_path *p);

/**
 * boot_path_push() - go down to @name (UCS-2, NUL-terminated).
 *
 * Return: OK; ERR_INVALID for an empty name or one with characters other than
 *	   printable ASCII; ERR_TOO_BIG if the path does not fit. @p is
 *	   unchanged on failure.
 */
must_check enum status boot_path_push(struct boot_path *p,
				      const uint16_t *name);
/** boot_path_pop() - go up by one name; nothing happens at the top. */
void boot_path_pop(struct boot_path *p);
/** boot_path_is_dots() - is @name "." or ".."? */
bool boot_path_is_dots(const uint16_t *name);
/** boot_path_equals() - does @p spell @text? ASCII case is ignored, as on FAT.
 */
bool boot_path_equals(const struct boot_path *p, const char *text);

#endif
