/* test_kernel_image.c - an ELF kernel is read, checked and placed. */
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "tests/lib/elf_bytes.h"
#include "vmm/kernel_image.h"

static struct elf_bytes elf;
static struct kernel_image image;
static struct kernel_error error;
static struct gmem gm;

static int setup(void **state)
{
	(void)state;
	big_gmem_init(&gm, 32, 0);
	elf_bytes_init(&elf, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static enum status read_it(uint64_t size)
{
	elf_bytes_make(&elf);
	error.text[0] = '\0';
	return kernel_read_elf(elf.file, size, &image, &error);
}

static void refused(enum status s, const char *word)
{
	assert_int_equal(read_it(ELF_BYTES_MAX), s);
	if (strstr(error.text, word) == NULL) {
		fail_msg("\"%s\" lacks \"%s\"", error.text, word);
	}
}

/* Reading goes well, placing does not. */
static void misplaced(enum status s, const char *word)
{
	uint64_t end;

	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_int_equal(kernel_place(&gm, &image, &end, &error), s);
	if (strstr(error.text, word) == NULL) {
		fail_msg("\"%s\" lacks \"%s\"", error.text, word);
	}
}

static void test_both_classes(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		elf_bytes_init(&elf, wide != 0);
		assert_int_equal(read_it(ELF_BYTES_MAX), OK);
		assert_int_equal(image.count, 1);
		assert_int_equal(image.segments[0].gpa, 0x100000);
		assert_int_equal(image.segments[0].file_size, 0x1000);
		assert_int_equal(image.segments[0].memory_size, 0x2000);
		assert_ptr_equal(image.segments[0].bytes,
				 elf.file + ELF_BYTES_BODY);
		assert_int_equal(image.entry, 0x100010);
		assert_true(image.has_pvh_entry);
		assert_int_equal(image.pvh_entry, 0x100020);
	}
}

static void test_no_elf(void **state)
{
	(void)state;
	assert_false(kernel_is_elf(elf.file, 0));
	assert_false(kernel_is_elf("\x7f"
				   "ELF",
				   4));
	elf.h.e_ident[1] = 'e';
	refused(ERR_INVALID, "no ELF");
	elf_bytes_init(&elf, true);
	elf.h.e_ident[ELF_EI_CLASS] = 3;
	refused(ERR_INVALID, "x86");
	elf_bytes_init(&elf, true);
	elf.h.e_machine = 183;
	refused(ERR_INVALID, "e_machine = 183");
	elf_bytes_init(&elf, true);
	elf.h.e_type = 1;
	refused(ERR_INVALID, "e_type = 1");
}

static void test_truncated(void **state)
{
	(void)state;
	assert_int_equal(read_it(60), ERR_INVALID);  /* within the header */
	assert_int_equal(read_it(100), ERR_INVALID); /* program headers */
	assert_int_equal(read_it(ELF_BYTES_BODY + 0xfff), ERR_INVALID);
	assert_non_null(strstr(error.text, "truncated"));
	assert_int_equal(read_it(ELF_BYTES_BODY + 0x1000), OK);
}

static void test_program_headers(void **state)
{
	(void)state;
	elf.h.e_phnum = 0;
	refused(ERR_INVALID, "e_phnum = 0");
	elf.h.e_phnum = 65;
	refused(ERR_INVALID, "e_phnum = 65");
	elf_bytes_init(&elf, true);
	elf.h.e_phoff = ~0ull - 50;
	refused(ERR_INVALID, "e_phnum");
	elf_bytes_init(&elf, true);
	elf.h.e_phentsize = 55;
	refused(ERR_INVALID, "e_phnum");
	elf_bytes_init(&elf, true);
	elf.p[0].p_type = ELF_PT_NULL;
	refused(ERR_INVALID, "without a segment");
	elf_bytes_init(&elf, true);
	elf.p[0].p_memsz = 0;
	elf.p[0].p_filesz = 0;
	refused(ERR_INVALID, "without a segment");
}

static void test_too_many_segments(void **state)
{
	static uint8_t file[64 + 64 * 56];

	(void)state;
	elf.h.e_phnum = 33;
	elf.p[0].p_offset = 0;
	elf.p[0].p_filesz = 0;
	elf_bytes_make(&elf);
	memcpy(file, elf.file, 64);
	for (uint32_t i = 0; i < 33; i++) {
		memcpy(file + 64 + i * 56, elf.file + 64, 56);
	}
	assert_int_equal(kernel_read_elf(file, sizeof(file), &image, &error),
			 ERR_TOO_BIG);
	file[56] = 32;
	assert_int_equal(kernel_read_elf(file, sizeof(file), &image, &error),
			 OK);
	assert_int_equal(image.count, 32);
}

static void test_segment_bytes(void **state)
{
	(void)state;
	elf.p[0].p_filesz = 0x2001;
	refused(ERR_INVALID, "p_filesz = 0x2001");
	elf.p[0].p_filesz = 0x1000;
	elf.p[0].p_offset = ~0ull - 0xffe; /* the sum wraps */
	refused(ERR_INVALID, "truncated");
}

static void test_places(void **state)
{
	uint64_t end;

	(void)state;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_int_equal(kernel_place(&gm, &image, &end, &error), OK);
	assert_int_equal(end, 0x102000);
	elf.p[0].p_paddr = 0x10000; /* also below 640 KiB */
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_int_equal(kernel_place(&gm, &image, &end, &error), OK);
	assert_int_equal(end, 0x100000);
	elf.p[0].p_paddr = 0xffff; /* the boot tables */
	misplaced(ERR_INVALID, "at 0xffff");
	elf.p[0].p_paddr = 0x9e001; /* into the screen */
	misplaced(ERR_INVALID, "at 0x9e001");
	elf.p[0].p_paddr = 0xe0000; /* ACPI */
	misplaced(ERR_INVALID, "1 MiB");
	elf.p[0].p_paddr = MIB(32) - 0x1fff;
	misplaced(ERR_NOMEM, "raise its memory");
	elf.p[0].p_paddr = ~0ull - 0xfff; /* the sum wraps */
	misplaced(ERR_NOMEM, "raise its memory");
}

static void test_overlap(void **state)
{
	uint64_t end;

	(void)state;
	elf.h.e_phnum = 3;
	elf.p[2] = elf.p[0];
	elf.p[2].p_paddr = 0x101fff;
	misplaced(ERR_INVALID, "overlap");
	elf.p[2].p_paddr = 0x102000;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_int_equal(kernel_place(&gm, &image, &end, &error), OK);
	assert_int_equal(end, 0x104000);
}

static void test_notes(void **state)
{
	(void)state;
	elf.note.n_type = 17;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_false(image.has_pvh_entry);
	elf_bytes_init(&elf, true);
	memcpy(elf.note_name, "Gnu", 4);
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_false(image.has_pvh_entry);
	elf_bytes_init(&elf, true);
	elf.note.n_descsz = 4; /* 32 bits */
	elf.note_value = 0xffffffff00100020;
	elf.p[1].p_filesz = 20;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_true(image.has_pvh_entry);
	assert_int_equal(image.pvh_entry, 0x100020);
}

static void test_hostile_notes(void **state)
{
	(void)state;
	elf.note.n_namesz = ~0u;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_false(image.has_pvh_entry);
	elf_bytes_init(&elf, true);
	elf.note.n_descsz = ~0u;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_false(image.has_pvh_entry);
	elf_bytes_init(&elf, true);
	elf.note.n_descsz = 9;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_false(image.has_pvh_entry);
	elf_bytes_init(&elf, true);
	elf.p[1].p_offset = ELF_BYTES_MAX - 8; /* beyond the file's end */
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_false(image.has_pvh_entry);
}

static void test_addresses(void **state)
{
	(void)state;
	elf.p[0].p_vaddr = 0xffffffff80000000;
	assert_int_equal(read_it(ELF_BYTES_MAX), OK);
	assert_int_equal(kernel_to_gpa(&image, 0xffffffff80000010), 0x100010);
	assert_int_equal(kernel_to_gpa(&image, 0x200000), 0x200000);
	assert_true(kernel_is_code(&image, 0x100fff));
	assert_false(kernel_is_code(&image, 0x101000)); /* bss */
	assert_false(kernel_is_code(&image, 0xfffff));
}

static void test_extras(void **state)
{
	struct kernel_args a = { .initrd = elf.file, .initrd_size = 0x1000 };
	struct kernel_extras x;

	(void)state;
	assert_int_equal(kernel_place_extras(&gm, &a, MIB(31), &x, &error), OK);
	assert_int_equal(x.module_gpa, MIB(31));
	assert_int_equal(x.module_size, 0x1000);
	assert_int_equal(x.cmdline_len + x.name_len, 0);
	a.initrd_size = MIB(1) + 1;
	assert_int_equal(kernel_place_extras(&gm, &a, MIB(31), &x, &error),
			 ERR_NOMEM);
	a.initrd_size = 0;
	assert_int_equal(kernel_place_extras(&gm, &a, MIB(31), &x, &error),
			 ERR_INVALID);
	a.initrd = NULL;
	a.cmdline = "quiet";
	assert_int_equal(kernel_place_extras(&gm, &a, MIB(31), &x, &error), OK);
	assert_int_equal(x.module_size, 0);
	assert_int_equal(x.cmdline_len, 5);
	a.initrd_name = "a\nb";
	assert_int_equal(kernel_place_extras(&gm, &a, MIB(31), &x, &error),
			 ERR_INVALID);
	assert_non_null(strstr(error.text, "module's text"));
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_both_classes),
		T(test_no_elf),
		T(test_truncated),
		T(test_program_headers),
		T(test_too_many_segments),
		T(test_segment_bytes),
		T(test_places),
		T(test_overlap),
		T(test_notes),
		T(test_hostile_notes),
		T(test_addresses),
		T(test_extras),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
