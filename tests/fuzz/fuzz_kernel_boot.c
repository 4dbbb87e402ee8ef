/*
 * fuzz_kernel_boot.c - any file as a PVH, multiboot or flat kernel.
 *
 * The input is laid over an ELF file that is right and has both Xen's note and
 * a multiboot header, so that the fuzzer gets past the magic numbers; or it is
 * the file itself. Checked: the entry is in RAM and not in the boot tables, a
 * refusal has a text, and then nothing was written.
 */
#include <bh/attr.h>
#include <stdbool.h>

#include "tests/lib/elf_bytes.h"
#include "vmm/kernel_detect.h"

#include <spec/multiboot.h>
#include <stdlib.h>

#define CHUNKS 16u /* 32 MiB */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *chunks[CHUNKS];
static uint32_t populated;

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static enum status populate(struct gmem *gm, uint32_t index)
{
	gm->chunks[index] = calloc(1, GMEM_CHUNK_SIZE);
	populated++;
	return OK;
}

/* input: pairs of a place in the headers and a value */
static void make_file(struct elf_bytes *e, const uint8_t *data, size_t size)
{
	const uint32_t h[] = { MULTIBOOT_HEADER_MAGIC, 3,
			       0u - MULTIBOOT_HEADER_MAGIC - 3 };

	elf_bytes_init(e, (data[0] & 1) != 0);
	memcpy(e->file + ELF_BYTES_HEADER, h, sizeof(h));
	elf_bytes_make(e);
	for (size_t i = 0; i + 2 < size && i < 96; i += 3) {
		static const uint16_t places[] = { 0, 0x40, ELF_BYTES_NOTE,
						   ELF_BYTES_HEADER };
		uint32_t at = places[data[i] >> 6] + (data[i] & 63u);

		e->file[at] = data[i + 1];
		e->file[at + 64] = data[i + 2];
	}
}

static void check_entry(const struct gmem *gm, const struct vcpu_entry *e)
{
	uint64_t at = e->rip;

	if (e->mode == VCPU_ENTRY_REAL) {
		at += (uint64_t)e->cs << 4;
		check(at >= 0x500 && at < KERNEL_LOW_TOP);
		return;
	}
	check(gmem_is_ram(gm, gpa(at), 1));
	check(at >= KERNEL_TABLES_END);
	check(at < KERNEL_LOW_TOP || at >= KERNEL_HIGH_GPA);
}

static void try_load(const uint8_t *file, size_t size, uint8_t how)
{
	struct gmem gm = { .low_size = CHUNKS * GMEM_CHUNK_SIZE,
			   .chunks = chunks,
			   .chunk_count = CHUNKS,
			   .populate = populate };
	struct kernel_args a = { .kernel = file,
				 .kernel_size = size,
				 .initrd = (how & 0x10) != 0 ? file : NULL,
				 .initrd_size = size,
				 .has_text_screen = (how & 0x20) != 0,
				 .flat_address = 0x7c00,
				 .flat_ip = 0x7c00 };
	struct vcpu_entry e;
	struct kernel_error err;
	enum status s = kernel_load(&gm, how % 6, &a, &e, &err);

	check(strnlen(err.text, sizeof(err.text)) < sizeof(err.text));
	if (s == OK) {
		if (e.mode != VCPU_ENTRY_LONG64) {
			check_entry(&gm, &e);
		}
	} else {
		check(err.text[0] != '\0' && populated == 0);
	}
	for (uint32_t i = 0; i < CHUNKS; i++) {
		free(chunks[i]);
		chunks[i] = NULL;
	}
	populated = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct elf_bytes elf;
	uint8_t *copy;
	size_t len;

	if (size < 4) {
		return 0;
	}
	if ((data[1] & 0x80) != 0) {
		len = size - 2;
		copy = malloc(len);
		memcpy(copy, data + 2, len);
	} else {
		make_file(&elf, data + 2, size - 2);
		len = ELF_BYTES_MAX - data[0] * 64u;
		copy = malloc(len);
		memcpy(copy, elf.file, len);
	}
	try_load(copy, len, data[1]);
	free(copy);
	return 0;
}
