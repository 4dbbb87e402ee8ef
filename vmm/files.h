/* files.h - the files that boot/ read from the ESP, by name. */
#ifndef VMM_FILES_H
#define VMM_FILES_H

#include <bh/boot_info.h>
#include <stdbool.h>

/** files_init() - remember what boot/ brought. */
void files_init(const struct boot_info *bi);
/** files_find() - the bytes of @path below \bulkhead\; NULL if there is none.
 */
const void *files_find(const char *path, uint64_t *size);
/** files_at() - file number @i; NULL behind the last. */
const struct boot_file *files_at(uint32_t i);

#endif
