/*
 * multiboot_boot.c - load a kernel by the Multiboot Specification, version 1.
 *
 * 32-bit protected mode, flat, paging and interrupts off, EAX = magic, EBX =
 * struct multiboot_info. What is where:
 *
 *	0x0413  KiB of low memory, as a BIOS has it: Xen looks there first
 *	0x1000  GDT: null, code (0x08), data (0x10)
 *	0x2000  struct multiboot_info, 0x2800 the module's entry
 *	0x3000  the memory map
 *	0x4000  the module's text, 0x4100 the loader's name
 *	0x9000  the command line
 *	the kernel's segments at their physical addresses
 *	behind them, page aligned: the module
 */
#include "multiboot_boot.h"

#include "kernel_image.h"

#include <bh/string.h>
#include <spec/multiboot.h>

#define LOADER_NAME     "Bulkhead " BULKHEAD_VERSION
#define LOADER_NAME_GPA (KERNEL_NAMES_GPA + KERNEL_NAME_MAX + 1)

#define TEXT_SCREEN_GPA 0xb8000u
#define TEXT_COLUMNS    80u
#define TEXT_ROWS       25u

struct multiboot_plan {
	struct multiboot_header header;
	uint64_t header_at; /* in the file */
	struct kernel_image image;
	struct kernel_extras extras;
	uint64_t entry;
};

/* The header's offset; UINT64_MAX: there is none. */
static uint64_t find_header(const uint8_t *file, uint64_t size)
{
	uint64_t end = size < MULTIBOOT_SEARCH ? size : MULTIBOOT_SEARCH;
	uint32_t words[3];

	for (uint64_t at = 0; at + sizeof(words) <= end;
	     at += MULTIBOOT_HEADER_ALIGN) {
		memcpy(words, file + at, sizeof(words));
		if (words[0] == MULTIBOOT_HEADER_MAGIC &&
		    words[0] + words[1] + words[2] == 0) {
			return at;
		}
	}
	return UINT64_MAX;
}

bool multiboot_is_kernel(const void *file, uint64_t size)
{
	return find_header(file, size) != UINT64_MAX;
}

static enum status read_header(const struct kernel_args *a,
			       struct multiboot_plan *p,
			       struct kernel_error *err)
{
	struct multiboot_header *h = &p->header;
	uint32_t known = MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO;
	uint64_t left;

	p->header_at = find_header(a->kernel, a->kernel_size);
	if (p->header_at == UINT64_MAX) {
		return kernel_refuse(ERR_INVALID, err,
				     "kernel: no multiboot header (0x%x) in "
				     "the first %u bytes",
				     MULTIBOOT_HEADER_MAGIC, MULTIBOOT_SEARCH);
	}
	left = a->kernel_size - p->header_at;
	memset(h, 0, sizeof(*h));
	memcpy(h, (const uint8_t *)a->kernel + p->header_at,
	       left < sizeof(*h) ? (size_t)left : sizeof(*h));
	if (a->has_text_screen) {
		known |= MULTIBOOT_VIDEO_MODE;
	}
	if ((h->flags & MULTIBOOT_MUST_UNDERSTAND & ~known) != 0) {
		return kernel_refuse(
			ERR_UNSUPPORTED, err,
			"kernel: multiboot flags = 0x%x, need only bits of "
			"0x%x (bit 2 is a screen: annotation platform, \"pc\")",
			h->flags, known);
	}
	return OK;
}

/* One segment, as the header's address fields say. */
static enum status read_kludge(const struct kernel_args *a,
			       struct multiboot_plan *p,
			       struct kernel_error *err)
{
	const struct multiboot_header *h = &p->header;
	uint64_t before = (uint64_t)h->header_addr - h->load_addr;
	uint64_t start = p->header_at - before;
	uint64_t left = a->kernel_size - start;
	uint64_t size = h->load_end_addr == 0
				? left
				: (uint64_t)h->load_end_addr - h->load_addr;
	uint64_t memory = h->bss_end_addr == 0
				  ? size
				  : (uint64_t)h->bss_end_addr - h->load_addr;

	if (h->load_addr > h->header_addr || before > p->header_at ||
	    (h->load_end_addr != 0 && h->load_end_addr <= h->header_addr) ||
	    (h->bss_end_addr != 0 && h->bss_end_addr < h->load_addr) ||
	    size > left || memory < size) {
		return kernel_refuse(
			ERR_INVALID, err,
			"kernel: multiboot addresses: header 0x%x, load 0x%x "
			"to 0x%x, bss to 0x%x, need these in that order and "
			"within the file",
			h->header_addr, h->load_addr, h->load_end_addr,
			h->bss_end_addr);
	}
	memset(&p->image, 0, sizeof(p->image));
	p->image.count = 1;
	p->image.segments[0] = (struct kernel_segment){
		.gpa = h->load_addr,
		.vaddr = h->load_addr,
		.file_size = size,
		.memory_size = memory,
		.bytes = (const uint8_t *)a->kernel + start,
	};
	p->image.entry = h->entry_addr;
	return OK;
}

static enum status read_image(const struct kernel_args *a,
			      struct multiboot_plan *p,
			      struct kernel_error *err)
{
	if ((p->header.flags & MULTIBOOT_AOUT_KLUDGE) != 0) {
		return read_kludge(a, p, err);
	}
	return kernel_read_elf(a->kernel, a->kernel_size, &p->image, err);
}

static enum status multiboot_plan_make(const struct gmem *gm,
				       const struct kernel_args *a,
				       struct multiboot_plan *p,
				       struct kernel_error *err)
{
	uint64_t end = 0;
	enum status s = read_header(a, p, err);

	if (s == OK) {
		s = read_image(a, p, err);
	}
	if (s == OK) {
		s = kernel_place(gm, &p->image, &end, err);
	}
	if (s != OK) {
		return s;
	}
	p->entry = kernel_to_gpa(&p->image, p->image.entry);
	if (!kernel_is_code(&p->image, p->entry)) {
		return kernel_refuse(ERR_INVALID, err,
				     "kernel: entry = 0x%llx, need an address "
				     "in a segment's bytes",
				     (unsigned long long)p->image.entry);
	}
	return kernel_place_extras(gm, a, end, &p->extras, err);
}

static uint32_t multiboot_memory_map(const struct gmem *gm,
				     struct multiboot_mmap_entry *out)
{
	struct kernel_range ranges[KERNEL_RANGE_MAX];
	uint32_t n = kernel_memory_map(gm, ranges);

	for (uint32_t i = 0; i < n; i++) {
		out[i] = (struct multiboot_mmap_entry){
			sizeof(out[i]) - sizeof(out[i].size), ranges[i].addr,
			ranges[i].size, ranges[i].type
		};
	}
	return n * (uint32_t)sizeof(out[0]);
}

static struct multiboot_info multiboot_information(const struct gmem *gm,
						   const struct kernel_args *a,
						   uint32_t modules,
						   uint32_t map_size)
{
	struct multiboot_info i = {
		.flags = MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_CMDLINE |
			 MULTIBOOT_INFO_MODS | MULTIBOOT_INFO_MEM_MAP |
			 MULTIBOOT_INFO_BOOT_LOADER_NAME,
		.mem_lower = KERNEL_LOW_TOP >> 10,
		.mem_upper = (uint32_t)((gm->low_size - KERNEL_HIGH_GPA) >> 10),
		.cmdline = KERNEL_CMDLINE_GPA,
		.mods_count = modules,
		.mods_addr = KERNEL_MODULES_GPA,
		.mmap_length = map_size,
		.mmap_addr = KERNEL_MAP_GPA,
		.boot_loader_name = LOADER_NAME_GPA,
	};

	if (a->has_text_screen) {
		i.flags |= MULTIBOOT_INFO_FRAMEBUFFER_INFO;
		i.framebuffer_addr = TEXT_SCREEN_GPA;
		i.framebuffer_pitch = TEXT_COLUMNS * 2;
		i.framebuffer_width = TEXT_COLUMNS;
		i.framebuffer_height = TEXT_ROWS;
		i.framebuffer_bpp = 16;
		i.framebuffer_type = MULTIBOOT_FRAMEBUFFER_TYPE_EGA_TEXT;
	}
	return i;
}

static enum status multiboot_write(struct gmem *gm, const struct kernel_args *a,
				   const struct multiboot_plan *p)
{
	struct multiboot_mmap_entry map[KERNEL_RANGE_MAX];
	uint32_t map_size = multiboot_memory_map(gm, map);
	uint32_t modules = p->extras.module_size != 0;
	const struct multiboot_mod_list module = {
		.mod_start = (uint32_t)p->extras.module_gpa,
		.mod_end = (uint32_t)(p->extras.module_gpa +
				      p->extras.module_size),
		.cmdline = KERNEL_NAMES_GPA,
	};
	const struct multiboot_info info =
		multiboot_information(gm, a, modules, map_size);
	const struct {
		uint64_t at;
		const void *src;
		uint64_t len;
	} writes[] = {
		{ KERNEL_INFO_GPA, &info, sizeof(info) },
		{ KERNEL_MODULES_GPA, &module, modules * sizeof(module) },
		{ KERNEL_MAP_GPA, map, map_size },
		{ LOADER_NAME_GPA, LOADER_NAME, sizeof(LOADER_NAME) },
	};
	enum status s = kernel_write_gdt32(gm);

	if (s == OK) {
		s = kernel_write_bda(gm);
	}
	for (size_t i = 0; i < ARRAY_COUNT(writes) && s == OK; i++) {
		s = gmem_write(gm, gpa(writes[i].at), writes[i].src,
			       writes[i].len);
	}
	if (s == OK) {
		s = kernel_write_extras(gm, a, &p->extras);
	}
	return s == OK ? kernel_write(gm, &p->image) : s;
}

enum status multiboot_boot_load(struct gmem *gm, const struct kernel_args *a,
				struct vcpu_entry *out,
				struct kernel_error *err)
{
	static struct multiboot_plan p; /* as in pvh_boot.c */
	enum status s;

	err->text[0] = '\0';
	s = multiboot_plan_make(gm, a, &p, err);
	if (s != OK) {
		return s;
	}
	s = multiboot_write(gm, a, &p);
	if (s != OK) {
		return kernel_refuse(s, err, "partition memory: %s",
				     status_text(s));
	}
	*out = kernel_entry32((uint32_t)p.entry);
	out->gpr[GPR_RAX] = MULTIBOOT_BOOTLOADER_MAGIC;
	out->gpr[GPR_RBX] = KERNEL_INFO_GPA;
	return OK;
}
