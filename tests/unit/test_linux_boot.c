/* test_linux_boot.c - a bzImage is checked, placed and described (B81, B83). */
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "vmm/linux_boot.h"

#include <spec/linux_boot.h>
#include <stdio.h>
#include <string.h>

#define SETUP_SIZE  (2 * 512u)
#define BODY_SIZE   8192u
#define KERNEL_SIZE (SETUP_SIZE + BODY_SIZE)

static uint8_t kernel[KERNEL_SIZE];
static struct linux_setup_header *hdr;
static struct kernel_args args;
static struct linux_boot_entry entry;
static struct kernel_error error;
static struct gmem gm;

static int setup(void **state)
{
	(void)state;
	memset(kernel, 0, sizeof(kernel));
	hdr = (void *)(kernel + LINUX_SETUP_HEADER_OFFSET);
	*hdr = (struct linux_setup_header){
		.setup_sects = 1,
		.syssize = BODY_SIZE / 16,
		.boot_flag = LINUX_BOOT_FLAG,
		.jump = 0x6aeb,
		.header = LINUX_HEADER_MAGIC,
		.version = 0x020f,
		.loadflags = LINUX_LOADFLAGS_LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = LINUX_XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = MIB(16),
		.init_size = MIB(4),
	};
	for (uint32_t i = 0; i < BODY_SIZE; i++) {
		kernel[SETUP_SIZE + i] = (uint8_t)(i * 7);
	}
	args = (struct kernel_args){ .kernel = kernel,
				     .kernel_size = sizeof(kernel),
				     .cmdline = "console=hvc0 quiet",
				     .rsdp = gpa(0xe0000) };
	big_gmem_init(&gm, 64, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static void restore(void)
{
	teardown(NULL);
	setup(NULL);
}

static void get(uint64_t at, void *dst, size_t len)
{
	assert_int_equal(gmem_read(&gm, gpa(at), dst, len), OK);
}

/* The load is refused with @s, the text names @word, nothing is written. */
static void refused(enum status s, const char *word)
{
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), s);
	if (strstr(error.text, word) == NULL) {
		fail_msg("\"%s\" lacks \"%s\"", error.text, word);
	}
	assert_int_equal(big_gmem_populated(&gm), 0);
}

static void test_kernel_is_at_its_preferred_address(void **state)
{
	uint8_t body[BODY_SIZE];

	(void)state;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	assert_string_equal(error.text, "");
	assert_int_equal(entry.kernel_gpa, MIB(16));
	assert_int_equal(entry.kernel_end, MIB(20));
	assert_int_equal(entry.rip, MIB(16) + 0x200);
	get(MIB(16), body, sizeof(body));
	assert_memory_equal(body, kernel + SETUP_SIZE, BODY_SIZE);
}

/* syssize is rounded up; the file may end before the last paragraph does. */
static void test_last_paragraph_is_short(void **state)
{
	uint8_t body[BODY_SIZE];

	(void)state;
	args.kernel_size -= 15;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	get(MIB(16), body, sizeof(body));
	assert_memory_equal(body, kernel + SETUP_SIZE, BODY_SIZE - 15);
	assert_int_equal(body[BODY_SIZE - 15], 0);
	restore();
	args.kernel_size -= 16;
	refused(ERR_INVALID, "syssize");
}

static void test_zero_page(void **state)
{
	struct linux_boot_params z;
	char cmdline[32];

	(void)state;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	get(entry.rsi, &z, sizeof(z));
	assert_int_equal(z.hdr.header, LINUX_HEADER_MAGIC);
	assert_int_equal(z.hdr.type_of_loader, 0xff);
	assert_int_equal(z.acpi_rsdp_addr, 0xe0000);
	assert_int_equal(z.sentinel, 0);
	assert_int_equal(z.hdr.ramdisk_size, 0);
	get(z.hdr.cmd_line_ptr, cmdline, sizeof(cmdline));
	assert_string_equal(cmdline, "console=hvc0 quiet");
	assert_int_equal(z.e820_entries, 3);
	assert_int_equal(z.e820_table[0].size, 0xa0000);
	assert_int_equal(z.e820_table[1].type, E820_RESERVED);
	assert_int_equal(z.e820_table[2].addr, MIB(1));
	assert_int_equal(z.e820_table[2].size, MIB(63));
}

static void test_entry_state_is_usable(void **state)
{
	uint64_t e, gdt[4];

	(void)state;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	get(entry.gdt_base, gdt, sizeof(gdt));
	assert_int_equal(entry.gdt_limit, sizeof(gdt) - 1);
	assert_int_equal(entry.cs, 0x10);
	assert_true((gdt[2] & BIT(53)) != 0); /* L */
	assert_true((gdt[2] & BIT(47)) != 0); /* present */
	assert_int_equal(entry.ds, 0x18);
	/* Walk the tables for the entry point and the last page of 4 GiB. */
	for (int i = 0; i < 2; i++) {
		uint64_t va = i == 0 ? entry.rip : GIB(4) - 1;

		get(entry.cr3, &e, 8);
		assert_int_equal(e & 3, 3);
		get((e & ~0xfffull) + (va >> 30) * 8, &e, 8);
		assert_int_equal(e & 3, 3);
		get((e & ~0xfffull) + (va >> 21 & 511) * 8, &e, 8);
		assert_int_equal(e, align_down(va, MIB(2)) | 0x83);
	}
}

static void test_initrd_is_high_and_page_aligned(void **state)
{
	static uint8_t initrd[10000];
	struct linux_boot_params z;
	uint8_t copy[sizeof(initrd)];

	(void)state;
	memset(initrd, 0x5a, sizeof(initrd));
	args.initrd = initrd;
	args.initrd_size = sizeof(initrd);
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	assert_int_equal(entry.initrd_gpa & 0xfff, 0);
	assert_int_equal(entry.initrd_gpa, MIB(64) - 3 * 4096);
	get(entry.rsi, &z, sizeof(z));
	assert_int_equal(z.hdr.ramdisk_image, entry.initrd_gpa);
	assert_int_equal(z.hdr.ramdisk_size, sizeof(initrd));
	get(entry.initrd_gpa, copy, sizeof(copy));
	assert_memory_equal(copy, initrd, sizeof(initrd));
	hdr->initrd_addr_max = 0x2ffffff;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	assert_int_equal(entry.initrd_gpa, 0x3000000 - 3 * 4096);
}

static void test_memory_above_4g(void **state)
{
	struct linux_boot_params z;

	(void)state;
	big_gmem_free(&gm);
	big_gmem_init(&gm, 3072, 2048);
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	get(entry.rsi, &z, sizeof(z));
	assert_int_equal(z.e820_entries, 4);
	assert_int_equal(z.e820_table[2].addr + z.e820_table[2].size, GIB(3));
	assert_int_equal(z.e820_table[3].addr, GIB(4));
	assert_int_equal(z.e820_table[3].size, GIB(2));
}

static void test_small_guest_moves_down(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	big_gmem_init(&gm, 8, 0);
	hdr->kernel_alignment = 4096;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	assert_int_equal(entry.kernel_gpa, MIB(1));
	big_gmem_free(&gm);
	big_gmem_init(&gm, 8, 0);
	hdr->relocatable_kernel = 0;
	refused(ERR_NOMEM, "init_size");
}

static void test_each_bad_field_is_named(void **state)
{
	(void)state;
	hdr->boot_flag = 0;
	refused(ERR_INVALID, "boot_flag = 0x0");
	restore();
	hdr->header = 0x12345678;
	refused(ERR_INVALID, "header = 0x12345678");
	restore();
	hdr->version = 0x0205;
	refused(ERR_INVALID, "version = 0x205");
	restore();
	hdr->xloadflags = 0;
	refused(ERR_INVALID, "xloadflags = 0x0");
	restore();
	hdr->loadflags = 0;
	refused(ERR_INVALID, "loadflags");
	restore();
	hdr->setup_sects = 255;
	refused(ERR_INVALID, "setup_sects = 0xff");
	restore();
	hdr->setup_sects = 0; /* means 4: the body is then shorter */
	refused(ERR_INVALID, "syssize");
	restore();
	hdr->syssize = 0;
	refused(ERR_INVALID, "syssize = 0x0");
	restore();
	hdr->init_size = 100;
	refused(ERR_INVALID, "init_size = 0x64");
	restore();
	hdr->init_size = 0xffffffff;
	refused(ERR_NOMEM, "init_size");
	restore();
	hdr->kernel_alignment = 0x3000;
	refused(ERR_INVALID, "kernel_alignment = 0x3000");
	restore();
	hdr->pref_address = MIB(16) + 1;
	refused(ERR_INVALID, "pref_address = 0x1000001");
	restore();
	hdr->pref_address = 0;
	refused(ERR_INVALID, "pref_address = 0x0");
}

static void test_wild_addresses_do_not_wrap(void **state)
{
	(void)state;
	hdr->relocatable_kernel = 0;
	hdr->pref_address = ~0x1fffffull;
	refused(ERR_NOMEM, "init_size");
	hdr->pref_address = GIB(4);
	refused(ERR_NOMEM, "init_size");
}

static void test_truncated_files(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < KERNEL_SIZE; n += 64) {
		/* A buffer of its own, so that a read beyond it is seen. */
		uint8_t *copy = malloc(n != 0 ? n : 1);

		memcpy(copy, kernel, n);
		args.kernel = copy;
		args.kernel_size = n;
		refused(ERR_INVALID, "kernel:");
		free(copy);
	}
	args.kernel = NULL;
	args.kernel_size = KERNEL_SIZE;
	refused(ERR_INVALID, "size");
}

static void test_bad_initrds(void **state)
{
	(void)state;
	args.initrd = kernel;
	args.initrd_size = 0;
	refused(ERR_INVALID, "initrd: size = 0");
	args.initrd_size = MIB(65);
	refused(ERR_NOMEM, "initrd: size");
	args.initrd_size = MIB(44) + 1; /* would touch the kernel */
	refused(ERR_NOMEM, "initrd: size");
	args.initrd_size = UINT64_MAX;
	refused(ERR_NOMEM, "initrd: size");
	args.initrd_size = 16;
	hdr->initrd_addr_max = 0;
	refused(ERR_NOMEM, "initrd: size");
}

static void test_bad_command_lines(void **state)
{
	static char line[70000];

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	args.cmdline = line;
	refused(ERR_INVALID, "cmdline_size = 2047");
	line[2047] = '\0';
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
	restore();
	args.cmdline = "quiet\ninit=/bin/sh";
	refused(ERR_INVALID, "character 5 = 0xa");
	args.cmdline = NULL;
	assert_int_equal(linux_boot_load(&gm, &args, &entry, &error), OK);
}

static enum status no_memory(struct gmem *g, uint32_t index)
{
	(void)g;
	(void)index;
	return ERR_NOMEM;
}

static void test_memory_that_cannot_be_populated(void **state)
{
	(void)state;
	gm.populate = no_memory;
	refused(ERR_NOMEM, "partition memory");
}

/* An unmodified distribution kernel; tests run in the top folder. */
static void test_real_kernel(void **state)
{
	FILE *f = fopen("build/guest/vmlinuz", "rb");
	static uint8_t file[32 << 20];

	(void)state;
	assert_non_null(f); /* make unit-build fetches it */
	args.kernel = file;
	args.kernel_size = fread(file, 1, sizeof(file), f);
	fclose(f);
	big_gmem_free(&gm);
	big_gmem_init(&gm, 256, 0);
	if (linux_boot_load(&gm, &args, &entry, &error) != OK) {
		fail_msg("%s", error.text);
	}
	assert_int_equal(entry.kernel_gpa, MIB(16));
	big_gmem_free(&gm);
	big_gmem_init(&gm, 32, 0);
	refused(ERR_NOMEM, "raise its memory");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kernel_is_at_its_preferred_address),
		T(test_last_paragraph_is_short),
		T(test_zero_page),
		T(test_entry_state_is_usable),
		T(test_initrd_is_high_and_page_aligned),
		T(test_memory_above_4g),
		T(test_small_guest_moves_down),
		T(test_each_bad_field_is_named),
		T(test_wild_addresses_do_not_wrap),
		T(test_truncated_files),
		T(test_bad_initrds),
		T(test_bad_command_lines),
		T(test_memory_that_cannot_be_populated),
		T(test_real_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
