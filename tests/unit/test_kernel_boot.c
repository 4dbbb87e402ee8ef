/*
 * test_kernel_boot.c - PVH, multiboot and flat kernels: what they find in
 * registers and memory, what is refused; and which file is which.
 */
#include "tests/lib/unit.h"

#include "big_gmem.h"
#include "tests/lib/elf_bytes.h"
#include "vmm/flat_boot.h"
#include "vmm/kernel_detect.h"
#include "vmm/multiboot_boot.h"
#include "vmm/pvh_boot.h"

#include <spec/linux_boot.h>
#include <spec/multiboot.h>

static struct elf_bytes elf;
static struct kernel_args args;
static struct kernel_error error;
static struct vcpu_entry entry;
static struct gmem gm;

static const char module_bytes[] = "a module";

static int setup(void **state)
{
	(void)state;
	big_gmem_init(&gm, 32, 0);
	elf_bytes_init(&elf, true);
	args = (struct kernel_args){
		.kernel = elf.file,
		.kernel_size = ELF_BYTES_MAX,
		.initrd = module_bytes,
		.initrd_size = sizeof(module_bytes),
		.initrd_name = "guest/module",
		.cmdline = "one two=3",
		.rsdp = gpa(0xe0000),
		.flat_address = 0x7c00,
		.flat_ip = 0x7c00,
		.flat_drive = 0x80,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	big_gmem_free(&gm);
	return 0;
}

static void again(void)
{
	teardown(NULL);
	setup(NULL);
}

static void get(uint64_t at, void *dst, size_t len)
{
	assert_int_equal(gmem_read(&gm, gpa(at), dst, len), OK);
}

static void text_at(uint64_t at, const char *want)
{
	char text[64];

	get(at, text, sizeof(text));
	assert_string_equal(text, want);
}

static void load(enum kernel_protocol p)
{
	elf_bytes_make(&elf);
	assert_int_equal(kernel_load(&gm, p, &args, &entry, &error), OK);
	assert_string_equal(error.text, "");
}

/* It is refused with @s, the text names @word, nothing is written. */
static void refused(enum kernel_protocol p, enum status s, const char *word)
{
	elf_bytes_make(&elf);
	assert_int_equal(kernel_load(&gm, p, &args, &entry, &error), s);
	if (strstr(error.text, word) == NULL) {
		fail_msg("\"%s\" lacks \"%s\"", error.text, word);
	}
	assert_int_equal(big_gmem_populated(&gm), 0);
}

static void check_kernel_bytes(void)
{
	uint8_t body[0x1000];

	get(0x100000, body, sizeof(body));
	assert_memory_equal(body, elf.file + ELF_BYTES_BODY, sizeof(body));
}

static void check_flat_32(void)
{
	uint64_t gdt[3];

	assert_int_equal(entry.mode, VCPU_ENTRY_PROT32);
	assert_int_equal(entry.gdt_limit, sizeof(gdt) - 1);
	get(entry.gdt_base, gdt, sizeof(gdt));
	assert_int_equal(gdt[entry.cs / 8], 0x00cf9b000000ffff);
	assert_int_equal(gdt[entry.ds / 8], 0x00cf93000000ffff);
}

/* ---- PVH ---- */

static void test_pvh(void **state)
{
	struct hvm_start_info i;
	struct hvm_modlist_entry m;
	struct hvm_memmap_table_entry map[4];

	(void)state;
	load(KERNEL_PVH);
	check_flat_32();
	check_kernel_bytes();
	assert_int_equal(entry.rip, 0x100020);
	get(entry.gpr[GPR_RBX], &i, sizeof(i));
	assert_int_equal(i.magic, HVM_START_MAGIC_VALUE);
	assert_int_equal(i.version, 1);
	assert_int_equal(i.rsdp_paddr, 0xe0000);
	text_at(i.cmdline_paddr, "one two=3");
	assert_int_equal(i.nr_modules, 1);
	get(i.modlist_paddr, &m, sizeof(m));
	assert_int_equal(m.paddr, 0x102000);
	assert_int_equal(m.size, sizeof(module_bytes));
	text_at(m.paddr, module_bytes);
	text_at(m.cmdline_paddr, "guest/module");
	assert_int_equal(i.memmap_entries, 3);
	get(i.memmap_paddr, map, sizeof(map));
	assert_int_equal(map[0].size, 0xa0000);
	assert_int_equal(map[1].type, E820_RESERVED);
	assert_int_equal(map[2].addr, 0x100000);
	assert_int_equal(map[2].size, MIB(31));
}

static void test_pvh_without_a_module(void **state)
{
	struct hvm_start_info i;

	(void)state;
	args.initrd = NULL;
	args.cmdline = NULL;
	load(KERNEL_PVH);
	get(entry.gpr[GPR_RBX], &i, sizeof(i));
	assert_int_equal(i.nr_modules, 0);
	assert_int_equal(i.modlist_paddr, 0);
	text_at(i.cmdline_paddr, "");
}

static void test_pvh_refusals(void **state)
{
	static char long_text[5000];

	(void)state;
	elf.note.n_type = 1;
	refused(KERNEL_PVH, ERR_INVALID, "not a PVH kernel");
	again();
	elf.note_value = 0x101000; /* bss */
	refused(KERNEL_PVH, ERR_INVALID, "PHYS32_ENTRY = 0x101000");
	again();
	elf.note_value = 0x100100020; /* above 4 GiB */
	refused(KERNEL_PVH, ERR_INVALID, "PHYS32_ENTRY");
	again();
	memset(long_text, 'x', sizeof(long_text) - 1);
	args.cmdline = long_text;
	refused(KERNEL_PVH, ERR_INVALID, "command line: longer");
	args.cmdline = "a\nb";
	refused(KERNEL_PVH, ERR_INVALID, "character 1 = 0xa");
	again();
	args.initrd_size = MIB(32);
	refused(KERNEL_PVH, ERR_NOMEM, "module: size");
	again();
	elf.p[0].p_paddr = 0x8000;
	refused(KERNEL_PVH, ERR_INVALID, "at 0x8000");
}

/* ---- multiboot ---- */

static void put_header(uint32_t at, uint32_t flags)
{
	const uint32_t h[] = { MULTIBOOT_HEADER_MAGIC, flags,
			       0u - MULTIBOOT_HEADER_MAGIC - flags };

	memcpy(elf.file + at, h, sizeof(h));
}

static void test_multiboot_elf(void **state)
{
	struct multiboot_info i;
	struct multiboot_mod_list m;
	struct multiboot_mmap_entry map[3];
	char name[9];

	(void)state;
	elf_bytes_init(&elf, false);
	put_header(ELF_BYTES_HEADER, 3);
	load(KERNEL_MULTIBOOT);
	check_flat_32();
	check_kernel_bytes();
	assert_int_equal(entry.rip, 0x100010);
	assert_int_equal(entry.gpr[GPR_RAX], MULTIBOOT_BOOTLOADER_MAGIC);
	get(entry.gpr[GPR_RBX], &i, sizeof(i));
	assert_int_equal(i.flags, 0x24d);
	assert_int_equal(i.mem_lower, 640);
	assert_int_equal(i.mem_upper, 31 * 1024);
	text_at(i.cmdline, "one two=3");
	get(i.boot_loader_name, name, sizeof(name));
	assert_memory_equal(name, "Bulkhead ", sizeof(name));
	assert_int_equal(i.mods_count, 1);
	get(i.mods_addr, &m, sizeof(m));
	assert_int_equal(m.mod_start, 0x102000);
	assert_int_equal(m.mod_end - m.mod_start, sizeof(module_bytes));
	text_at(m.mod_start, module_bytes);
	text_at(m.cmdline, "guest/module");
	assert_int_equal(i.mmap_length, sizeof(map));
	get(i.mmap_addr, map, sizeof(map));
	assert_int_equal(map[0].size, 20);
	assert_int_equal(map[2].addr, 0x100000);
	assert_int_equal(map[2].len, MIB(31));
	assert_int_equal(map[2].type, E820_RAM);
}

/* The entry point of a kernel linked high is a virtual address. */
static void test_multiboot_virtual_entry(void **state)
{
	(void)state;
	put_header(ELF_BYTES_HEADER, 0);
	elf.p[0].p_vaddr = 0xffffffff80000000;
	elf.h.e_entry = 0xffffffff80000040;
	load(KERNEL_MULTIBOOT);
	assert_int_equal(entry.rip, 0x100040);
}

static void test_multiboot_screen(void **state)
{
	struct multiboot_info i;

	(void)state;
	put_header(ELF_BYTES_HEADER, 4);
	refused(KERNEL_MULTIBOOT, ERR_UNSUPPORTED, "platform");
	args.has_text_screen = true;
	load(KERNEL_MULTIBOOT);
	get(entry.gpr[GPR_RBX], &i, sizeof(i));
	assert_true((i.flags & MULTIBOOT_INFO_FRAMEBUFFER_INFO) != 0);
	assert_int_equal(i.framebuffer_addr, 0xb8000);
	assert_int_equal(i.framebuffer_pitch, 160);
	assert_int_equal(i.framebuffer_type, 2);
}

/* A file that is no ELF; the header lies 0x100 bytes in, and is loaded at
 * 0x200100. */
static void put_kludge(uint32_t load_end, uint32_t bss_end)
{
	const struct multiboot_header h = {
		.magic = MULTIBOOT_HEADER_MAGIC,
		.flags = BIT(16),
		.checksum = 0u - MULTIBOOT_HEADER_MAGIC - BIT(16),
		.header_addr = 0x200100,
		.load_addr = 0x200080,
		.load_end_addr = load_end,
		.bss_end_addr = bss_end,
		.entry_addr = 0x200200,
	};

	memset(elf.file, 0x90, sizeof(elf.file));
	memcpy(elf.file + 0x100, &h, sizeof(h));
}

static enum status load_kludge(uint32_t load_end, uint32_t bss_end)
{
	put_kludge(load_end, bss_end);
	return kernel_load(&gm, KERNEL_AUTO, &args, &entry, &error);
}

static void test_multiboot_kludge(void **state)
{
	uint32_t magic;
	struct multiboot_info i;
	struct multiboot_mod_list m;

	(void)state;
	args.initrd = NULL;
	assert_int_equal(load_kludge(0, 0), OK);
	assert_int_equal(entry.rip, 0x200200);
	get(0x200100, &magic, 4);
	assert_int_equal(magic, MULTIBOOT_HEADER_MAGIC);
	get(0x200080, &magic, 4); /* from 0x80 in the file on */
	assert_int_equal(magic, 0x90909090);
	get(0x200080 + ELF_BYTES_MAX - 0x80, &magic, 4);
	assert_int_equal(magic, 0);
	again();
	assert_int_equal(load_kludge(0x201000, 0x300000), OK);
	get(entry.gpr[GPR_RBX], &i, sizeof(i));
	get(i.mods_addr, &m, sizeof(m));
	assert_int_equal(m.mod_start, 0x300000);
	get(0x200ffc, &magic, 4);
	assert_int_equal(magic, 0x90909090);
	get(0x201000, &magic, 4);
	assert_int_equal(magic, 0);
}

static void test_multiboot_bad_kludge(void **state)
{
	struct multiboot_header *h = (void *)(elf.file + 0x100);

	(void)state;
	assert_int_equal(load_kludge(0x200100, 0), ERR_INVALID);
	assert_int_equal(load_kludge(0x300000, 0), ERR_INVALID); /* too long */
	assert_int_equal(load_kludge(0x201000, 0x200fff), ERR_INVALID);
	assert_int_equal(load_kludge(0x201000, 0x1000), ERR_INVALID);
	assert_int_equal(load_kludge(0, 0xf0000000), ERR_NOMEM);
	assert_int_equal(load_kludge(0x200200, 0), ERR_INVALID); /* no entry */
	assert_non_null(strstr(error.text, "entry = 0x200200"));
	put_kludge(0, 0);
	h->load_addr = 0x1fffff; /* before the file's start */
	assert_int_equal(
		kernel_load(&gm, KERNEL_MULTIBOOT, &args, &entry, &error),
		ERR_INVALID);
	h->load_addr = 0x200104; /* behind the header */
	assert_int_equal(
		kernel_load(&gm, KERNEL_MULTIBOOT, &args, &entry, &error),
		ERR_INVALID);
	assert_int_equal(big_gmem_populated(&gm), 0);
}

static void test_multiboot_refusals(void **state)
{
	(void)state;
	refused(KERNEL_MULTIBOOT, ERR_INVALID, "no multiboot header");
	put_header(ELF_BYTES_HEADER, 8);
	refused(KERNEL_MULTIBOOT, ERR_UNSUPPORTED, "flags = 0x8");
	put_header(ELF_BYTES_HEADER, 3);
	elf.file[ELF_BYTES_HEADER + 8]++; /* the checksum */
	refused(KERNEL_MULTIBOOT, ERR_INVALID, "no multiboot header");
	again();
	put_header(8192 - 8, 3); /* not all within the first 8 KiB */
	refused(KERNEL_MULTIBOOT, ERR_INVALID, "no multiboot header");
	put_header(ELF_BYTES_HEADER, 3);
	elf.h.e_entry = 0x101000;
	refused(KERNEL_MULTIBOOT, ERR_INVALID, "entry = 0x101000");
}

/* ---- flat ---- */

static void test_flat(void **state)
{
	uint16_t vectors[256][2];
	uint8_t code[10];
	uint16_t word;
	uint32_t first;

	(void)state;
	args.initrd = NULL;
	load(KERNEL_FLAT);
	assert_int_equal(entry.mode, VCPU_ENTRY_REAL);
	assert_int_equal(entry.cs, 0);
	assert_int_equal(entry.ds, 0);
	assert_int_equal(entry.rip, 0x7c00);
	assert_int_equal(entry.gpr[GPR_RSP], 0x7c00);
	assert_int_equal(entry.gpr[GPR_RDX], 0x80);
	get(0x7c00, &first, 4);
	assert_int_equal(first, ELF_MAGIC); /* whatever the file is */
	get(0, vectors, sizeof(vectors));
	get(0x413, &word, 2);
	assert_int_equal(word, 640);
	assert_int_equal(vectors[0x0d][0], 0xff53);
	assert_int_equal(vectors[0x0d][1], 0xf000);
	get(0xfff53, code, 1);
	assert_int_equal(code[0], 0xcf);
	get((uint64_t)vectors[0x10][1] * 16 + vectors[0x10][0], code, 10);
	assert_memory_equal(code, "\x55\x89\xe5\x80\x4e\x06\x01\x5d\xcf\xcf",
			    10);
}

static void test_flat_refusals(void **state)
{
	(void)state;
	refused(KERNEL_FLAT, ERR_UNSUPPORTED, "initrd");
	args.initrd = NULL;
	args.flat_address = 0x4ff;
	refused(KERNEL_FLAT, ERR_INVALID, "boot.address");
	args.flat_address = 0xa0000 - ELF_BYTES_MAX + 1;
	refused(KERNEL_FLAT, ERR_INVALID, "boot.address");
	args.flat_address = 0xffffffff;
	refused(KERNEL_FLAT, ERR_INVALID, "boot.address");
	args.flat_address = 0x7c00;
	args.flat_ip = 0x7bff;
	refused(KERNEL_FLAT, ERR_INVALID, "boot.entry");
	args.flat_cs = 0x7c0;
	args.flat_ip = ELF_BYTES_MAX;
	refused(KERNEL_FLAT, ERR_INVALID, "boot.entry");
	args.flat_ip = 0;
	args.kernel_size = 0;
	refused(KERNEL_FLAT, ERR_INVALID, "size = 0");
}

/* ---- which is which ---- */

static void test_detect(void **state)
{
	uint32_t magic = LINUX_HEADER_MAGIC;

	(void)state;
	assert_int_equal(kernel_detect(NULL, 0), KERNEL_AUTO);
	assert_int_equal(kernel_detect("x", 1), KERNEL_AUTO);
	elf_bytes_make(&elf);
	assert_int_equal(kernel_detect(elf.file, ELF_BYTES_MAX), KERNEL_PVH);
	put_header(ELF_BYTES_HEADER, 0); /* both: the note counts */
	assert_int_equal(kernel_detect(elf.file, ELF_BYTES_MAX), KERNEL_PVH);
	elf.note.n_type = 0;
	elf_bytes_make(&elf);
	assert_int_equal(kernel_detect(elf.file, ELF_BYTES_MAX),
			 KERNEL_MULTIBOOT);
	elf.file[ELF_BYTES_HEADER] = 0;
	assert_int_equal(kernel_detect(elf.file, ELF_BYTES_MAX), KERNEL_AUTO);
	elf.file[510] = 0x55;
	elf.file[511] = 0xaa;
	assert_int_equal(kernel_detect(elf.file, ELF_BYTES_MAX), KERNEL_FLAT);
	assert_int_equal(kernel_detect(elf.file, 511), KERNEL_AUTO);
	memcpy(elf.file + 0x202, &magic, 4);
	assert_int_equal(kernel_detect(elf.file, ELF_BYTES_MAX), KERNEL_LINUX);
}

static void test_unknown_file(void **state)
{
	(void)state;
	args.kernel = "nothing at all";
	args.kernel_size = 14;
	refused(KERNEL_AUTO, ERR_INVALID, "annotation boot");
	refused((enum kernel_protocol)9, ERR_INVALID, "annotation boot");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pvh),
		T(test_pvh_without_a_module),
		T(test_pvh_refusals),
		T(test_multiboot_elf),
		T(test_multiboot_virtual_entry),
		T(test_multiboot_screen),
		T(test_multiboot_kludge),
		T(test_multiboot_bad_kludge),
		T(test_multiboot_refusals),
		T(test_flat),
		T(test_flat_refusals),
		T(test_detect),
		T(test_unknown_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
