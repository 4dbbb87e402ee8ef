/*
 * fuzz_linux_boot.c - any file as a kernel, any text as a command line.
 *
 * The input is laid over a header that is right, so that the fuzzer gets past
 * the magic numbers. Checked: what was placed lies in RAM and does not overlap;
 * a refusal has a text, and nothing was written.
 */
#include "vmm/linux_boot.h"

#include <spec/linux_boot.h>
#include <stdlib.h>
#include <string.h>

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

static const struct linux_setup_header good = {
	.setup_sects = 1,
	.syssize = 64,
	.boot_flag = LINUX_BOOT_FLAG,
	.jump = 0x6aeb,
	.header = LINUX_HEADER_MAGIC,
	.version = 0x020f,
	.loadflags = LINUX_LOADFLAGS_LOADED_HIGH,
	.initrd_addr_max = 0x7fffffff,
	.kernel_alignment = 4096,
	.relocatable_kernel = 1,
	.xloadflags = LINUX_XLF_KERNEL_64,
	.cmdline_size = 255,
	.pref_address = MIB(1),
	.init_size = MIB(1),
};

static void check_placement(const struct gmem *gm,
			    const struct linux_boot_entry *e)
{
	check(gmem_is_ram(gm, gpa(e->kernel_gpa),
			  e->kernel_end - e->kernel_gpa));
	check(e->kernel_gpa >= KERNEL_HIGH_GPA);
	check(e->rip > e->kernel_gpa && e->rip < e->kernel_end);
	if (e->initrd_size != 0) {
		check(gmem_is_ram(gm, gpa(e->initrd_gpa), e->initrd_size));
		check(e->initrd_gpa >= e->kernel_end);
	}
}

/* input: {offset, value} pairs over the header, then 64 bytes of the rest */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gmem gm = { .low_size = CHUNKS * GMEM_CHUNK_SIZE,
			   .chunks = chunks,
			   .chunk_count = CHUNKS,
			   .populate = populate };
	struct kernel_args a = { 0 };
	struct linux_boot_entry e;
	struct kernel_error err;
	uint8_t *file;
	char cmdline[300];
	size_t file_size, n;
	enum status s;

	if (size < 4) {
		return 0;
	}
	file_size = 2048 - data[0] * 8u;
	file = calloc(1, 2048);
	memcpy(file + LINUX_SETUP_HEADER_OFFSET, &good, sizeof(good));
	n = data[1] % 32;
	for (size_t i = 2; i + 1 < size && n > 0; i += 2, n--) {
		file[LINUX_SETUP_HEADER_OFFSET + data[i] % 0x90] = data[i + 1];
	}
	a.kernel = realloc(file, file_size != 0 ? file_size : 1);
	a.kernel_size = file_size;
	if ((data[1] & 0x40) != 0) {
		a.initrd = data;
		a.initrd_size = size;
	}
	n = size < sizeof(cmdline) ? size : sizeof(cmdline) - 1;
	memcpy(cmdline, data, n);
	cmdline[n] = '\0';
	a.cmdline = (data[1] & 0x80) != 0 ? cmdline : "quiet";
	populated = 0;
	s = linux_boot_load(&gm, &a, &e, &err);
	check(strnlen(err.text, sizeof(err.text)) < sizeof(err.text));
	if (s == OK) {
		check_placement(&gm, &e);
	} else {
		check(err.text[0] != '\0' && populated == 0);
	}
	for (uint32_t i = 0; i < CHUNKS; i++) {
		free(chunks[i]);
		chunks[i] = NULL;
	}
	free((void *)(uintptr_t)a.kernel);
	return 0;
}
