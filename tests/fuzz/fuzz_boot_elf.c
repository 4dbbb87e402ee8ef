/* fuzz_boot_elf.c - any file: refused in words, or loadable in bounds. */
#include "boot/boot_elf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_elf e;
	if (boot_elf_check(data, size, &e) != OK) {
		if (!e.fault) {
			abort();
		}
		return 0;
	}
	if (e.size > BOOT_ELF_SPAN_MAX || e.size % PAGE_SIZE != 0) {
		abort();
	}
	void *image = malloc(e.size);
	boot_elf_load(&e, image);
	free(image);
	return 0;
}
