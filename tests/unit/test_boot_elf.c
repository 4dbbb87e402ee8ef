/* test_boot_elf.c - a sound file loads; each broken rule is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_elf.h"

#include <spec/elf64.h>
#include <stdlib.h>

#define BASE      0xffffffff80100000ull
#define TEXT_AT   0x1000u
#define DATA_AT   0x2000u
#define FILE_SIZE 0x2100u

/* Header, two program headers, a page of code, 256 bytes of data. */
static struct {
	union {
		uint8_t bytes[FILE_SIZE];
		struct {
			struct elf64_ehdr h;
			struct elf64_phdr p[4];
		} s;
	} u;
	size_t size;
} f;

static int make_file(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	memset(f.u.bytes + TEXT_AT, 0xc3, 0x1000);
	memset(f.u.bytes + DATA_AT, 0x5a, 0x100);
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	memcpy(f.u.s.h.e_ident, ident, sizeof(ident));
	f.u.s.h.e_type = ELF_ET_EXEC;
	f.u.s.h.e_machine = ELF_EM_X86_64;
	f.u.s.h.e_entry = BASE + 0x10;
	f.u.s.h.e_phoff = sizeof(struct elf64_ehdr);
	f.u.s.h.e_phentsize = sizeof(struct elf64_phdr);
	f.u.s.h.e_phnum = 2;
	f.u.s.p[0] = (struct elf64_phdr){ .p_type = ELF_PT_LOAD,
					  .p_flags = ELF_PF_R | ELF_PF_X,
					  .p_offset = TEXT_AT,
					  .p_vaddr = BASE,
					  .p_filesz = 0x1000,
					  .p_memsz = 0x1000 };
	f.u.s.p[1] = (struct elf64_phdr){ .p_type = ELF_PT_LOAD,
					  .p_flags = ELF_PF_R | ELF_PF_W,
					  .p_offset = DATA_AT,
					  .p_vaddr = BASE + 0x2000,
					  .p_filesz = 0x100,
					  .p_memsz = 0x1800 };
	f.size = FILE_SIZE;
	return 0;
}

static void refused(const char *words)
{
	struct boot_elf e;
	assert_int_equal(boot_elf_check(f.u.bytes, f.size, &e), ERR_INVALID);
	assert_non_null(e.fault);
	assert_non_null(strstr(e.fault, words));
}

static void sound_file_loads(void **state)
{
	(void)state;
	struct boot_elf e;
	assert_int_equal(boot_elf_check(f.u.bytes, f.size, &e), OK);
	assert_null(e.fault);
	assert_int_equal(e.base, BASE);
	assert_int_equal(e.size, 0x4000);
	assert_int_equal(e.segment_count, 2);
	uint8_t *image = malloc(e.size);
	memset(image, 0xee, e.size);
	boot_elf_load(&e, image);
	assert_int_equal(image[0xfff], 0xc3);
	assert_int_equal(image[0x1000], 0); /* the gap */
	assert_int_equal(image[0x20ff], 0x5a);
	assert_int_equal(image[0x2100], 0); /* bss */
	assert_int_equal(image[0x3fff], 0);
	free(image);
}

static void unaligned_file_is_read(void **state)
{
	(void)state;
	struct boot_elf e;
	uint8_t *copy = malloc(f.size + 1);
	memcpy(copy + 1, f.u.bytes, f.size);
	assert_int_equal(boot_elf_check(copy + 1, f.size, &e), OK);
	free(copy);
}

static void empty_segments_and_notes_are_skipped(void **state)
{
	(void)state;
	struct boot_elf e;
	f.u.s.h.e_phnum = 4;
	f.u.s.p[2] = (struct elf64_phdr){ .p_type = ELF_PT_LOAD };
	f.u.s.p[3] = (struct elf64_phdr){ .p_type = 4, .p_memsz = 9 };
	assert_int_equal(boot_elf_check(f.u.bytes, f.size, &e), OK);
	assert_int_equal(e.segment_count, 2);
}

static void short_file(void **state)
{
	(void)state;
	f.size = sizeof(struct elf64_ehdr) - 1;
	refused("shorter");
	f.size = 0;
	refused("shorter");
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < FILE_SIZE; n++) {
		struct boot_elf e;
		uint8_t *part = malloc(n + 1); /* ASan guards its end */
		memcpy(part, f.u.bytes, n);
		part = realloc(part, n ? n : 1);
		assert_int_equal(boot_elf_check(part, n, &e), ERR_INVALID);
		free(part);
	}
}

static void wrong_headers(void **state)
{
	f.u.s.h.e_ident[0] = 0;
	refused("not an ELF");
	make_file(state);
	f.u.s.h.e_ident[ELF_EI_CLASS] = 1;
	refused("ELF64");
	make_file(state);
	f.u.s.h.e_ident[ELF_EI_DATA] = 2;
	refused("little-endian");
	make_file(state);
	f.u.s.h.e_machine = 40;
	refused("x86-64");
	make_file(state);
	f.u.s.h.e_type = 3;
	refused("fixed address");
	make_file(state);
	f.u.s.h.e_phentsize = 32;
	refused("header table");
	make_file(state);
	f.u.s.h.e_phnum = 0;
	refused("header table");
	make_file(state);
	f.u.s.h.e_phnum = 0xffff;
	refused("header table");
	make_file(state);
	f.u.s.h.e_phoff = UINT64_MAX - 8;
	refused("beyond the end");
}

static void wrong_segments(void **state)
{
	f.u.s.p[1].p_filesz = 0x1801;
	refused("larger in the file");
	make_file(state);
	f.u.s.p[1].p_offset = UINT64_MAX;
	refused("beyond the end");
	make_file(state);
	f.u.s.p[1].p_filesz = 0x101;
	refused("beyond the end");
	make_file(state);
	f.u.s.p[0].p_vaddr += 0x10;
	refused("start on a page");
	make_file(state);
	f.u.s.p[0].p_vaddr = 0x100000;
	refused("top 2 GiB");
	make_file(state);
	f.u.s.p[1].p_vaddr = 0xfffffffffffff000ull;
	refused("top 2 GiB");
	make_file(state);
	f.u.s.p[0].p_flags |= ELF_PF_W;
	refused("both writable and executable");
	make_file(state);
	f.u.s.p[1].p_vaddr = BASE;
	refused("sorted");
	make_file(state);
	f.u.s.p[1].p_type = ELF_PT_INTERP;
	refused("dynamic linker");
	make_file(state);
	f.u.s.p[1].p_type = ELF_PT_DYNAMIC;
	refused("dynamic linker");
	make_file(state);
	f.u.s.p[1].p_memsz = MIB(65);
	refused("64 MiB");
	make_file(state);
	f.u.s.p[0].p_type = ELF_PT_NULL;
	f.u.s.p[1].p_type = ELF_PT_NULL;
	refused("nothing to load");
}

static void wrong_entry(void **state)
{
	(void)state;
	f.u.s.h.e_entry = BASE + 0x2000; /* data */
	refused("entry point");
	f.u.s.h.e_entry = BASE + 0x1000; /* one past */
	refused("entry point");
	f.u.s.h.e_entry = BASE - 1;
	refused("entry point");
}

static void too_many_segments(void **state)
{
	(void)state;
	struct boot_elf e;
	uint8_t *big = calloc(1, 0x4000);
	memcpy(big, f.u.bytes, FILE_SIZE);
	struct elf64_ehdr *h = (void *)big;
	struct elf64_phdr *p = (void *)(big + h->e_phoff);
	h->e_phnum = BOOT_ELF_SEGMENT_MAX + 1;
	for (uint32_t i = 0; i < h->e_phnum; i++) {
		p[i] = p[0];
		p[i].p_vaddr = BASE + i * PAGE_SIZE;
	}
	assert_int_equal(boot_elf_check(big, 0x4000, &e), ERR_INVALID);
	assert_non_null(strstr(e.fault, "too many"));
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sound_file_loads, make_file),
		cmocka_unit_test_setup(unaligned_file_is_read, make_file),
		cmocka_unit_test_setup(empty_segments_and_notes_are_skipped,
				       make_file),
		cmocka_unit_test_setup(short_file, make_file),
		cmocka_unit_test_setup(every_truncation_is_refused, make_file),
		cmocka_unit_test_setup(wrong_headers, make_file),
		cmocka_unit_test_setup(wrong_segments, make_file),
		cmocka_unit_test_setup(wrong_entry, make_file),
		cmocka_unit_test_setup(too_many_segments, make_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
