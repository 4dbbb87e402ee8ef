/*
 * files.c - the files that boot/ read from the ESP, by name.
 *
 * FAT does not tell upper from lower case, so neither do we.
 */
#include "files.h"

#include <bh/pmm.h>

static const struct boot_info *info;

void files_init(const struct boot_info *bi)
{
	info = bi;
}

static char files_lower(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return (char)(c - 'A' + 'a');
	}
	return c;
}

static bool files_same(const char *a, const char *b)
{
	while (*a != 0 && files_lower(*a) == files_lower(*b)) {
		a++;
		b++;
	}
	return files_lower(*a) == files_lower(*b);
}

const void *files_find(const char *path, uint64_t *size)
{
	const struct boot_file *f;

	for (uint32_t i = 0; (f = files_at(i)) != NULL; i++) {
		if (files_same(f->path, path)) {
			*size = f->size;
			return phys_to_virt(hpa(f->base));
		}
	}
	return NULL;
}

const struct boot_file *files_at(uint32_t i)
{
	return i < info->file_count ? &info->files[i] : NULL;
}
