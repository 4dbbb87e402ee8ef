/*
 * linux_boot.c - load a bzImage by the 64-bit Linux boot protocol.
 *
 * What the partition's memory looks like at the first instruction:
 *
 *	0x01000  GDT: null, null, 64-bit code (0x10), data (0x18)
 *	0x02000  PML4, PDPT, 4 directories: [0, 4 GiB) identity, 2 MiB pages
 *	0x08000  struct linux_boot_params (the "zero page")
 *	0x09000  command line
 *	0x10000  top of a small stack
 *	0xa0000  end of low RAM; ACPI tables from 0xe0000 (guest_acpi.c)
 *	pref_address, or 1 MiB upwards: the kernel, init_size bytes
 *	below min(initrd_addr_max, end of low RAM): the initrd, page aligned
 *
 * Invariants
 *  1. The file's header is copied once (boot_plan) and only the copy is used.
 *  2. Nothing is written before everything is known to fit; the writes that
 *     follow can fail only if a lazy chunk cannot be populated.
 *  3. Any sane bzImage of protocol 2.12 or later will do, not only Linux: the
 *     bare test guests are such files with a small init_size.
 */
#include "linux_boot.h"

#include <bh/string.h>
#include <spec/linux_boot.h>

#define SECTOR            512u
#define MIN_FILE          1024u /* boot sector and one setup sector */
#define DEFAULT_SECTS     4u    /* what setup_sects == 0 means */
#define PAGE_TABLE_FLAGS  0x03u /* present, writable */
#define PAGE_LARGE_FLAGS  0x83u /* and a 2 MiB leaf */
#define IDENTITY_PD_COUNT 4u

struct boot_plan {
	struct linux_setup_header hdr;
	const uint8_t *payload;
	uint64_t payload_size;
	uint64_t kernel_gpa;
	uint64_t initrd_gpa;
	uint64_t initrd_size; /* 0: none */
	size_t cmdline_len;
};

#define refuse(err, ...) kernel_refuse(ERR_INVALID, err, __VA_ARGS__)

/* A step of the plan: fills in its part of @p, or says in *@err why not. */
typedef enum status plan_fn(const struct gmem *gm, const struct kernel_args *a,
			    struct boot_plan *p, struct kernel_error *err);

/* Copy the setup header out of the file; zero what an older header lacks. */
static enum status read_header(const struct gmem *gm,
			       const struct kernel_args *a, struct boot_plan *p,
			       struct kernel_error *err)
{
	const uint8_t *file = a->kernel;
	size_t len;

	(void)gm;
	if (file == NULL || a->kernel_size < MIN_FILE) {
		return refuse(err, "kernel: size = %llu, need >= 1024 bytes",
			      (unsigned long long)a->kernel_size);
	}
	/* The header ends where the jump at 0x200 goes (boot protocol). */
	len = (size_t)file[0x201] + 0x202 - LINUX_SETUP_HEADER_OFFSET;
	if (len > sizeof(p->hdr)) {
		len = sizeof(p->hdr);
	}
	memcpy(&p->hdr, file + LINUX_SETUP_HEADER_OFFSET, len);
	return OK;
}

static bool is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* What must be true of a field, and the words for when it is not. */
struct field_check {
	bool is_ok;
	const char *field;
	uint64_t value;
	const char *need; /* stands before @bound */
	uint64_t bound;
	const char *hint;
};

/* What kind of file it is, where it wants to be and how large it is. */
static enum status check_header(const struct gmem *gm,
				const struct kernel_args *a,
				struct boot_plan *p, struct kernel_error *err)
{
	const struct linux_setup_header *h = &p->hdr;
	uint32_t sects = h->setup_sects != 0 ? h->setup_sects : DEFAULT_SECTS;
	uint64_t setup = (uint64_t)(sects + 1) * SECTOR;
	uint64_t rest = setup < a->kernel_size ? a->kernel_size - setup : 0;
	uint64_t body = (uint64_t)h->syssize * 16;
	uint64_t align = h->kernel_alignment;
	/* clang-format off */
	const struct field_check checks[] = {
		{ h->boot_flag == LINUX_BOOT_FLAG, "boot_flag", h->boot_flag,
		  "", LINUX_BOOT_FLAG, " (not a bzImage)" },
		{ h->header == LINUX_HEADER_MAGIC, "header", h->header,
		  "", LINUX_HEADER_MAGIC, " \"HdrS\" (not a bzImage)" },
		{ h->version >= LINUX_MIN_PROTOCOL, "version", h->version,
		  ">= ", LINUX_MIN_PROTOCOL, " (boot protocol 2.12, Linux 3.8)" },
		{ (h->xloadflags & LINUX_XLF_KERNEL_64) != 0, "xloadflags",
		  h->xloadflags, "bit ", LINUX_XLF_KERNEL_64,
		  " (a 64-bit kernel)" },
		{ (h->loadflags & LINUX_LOADFLAGS_LOADED_HIGH) != 0, "loadflags",
		  h->loadflags, "bit ", LINUX_LOADFLAGS_LOADED_HIGH,
		  " (a bzImage, loaded high)" },
		{ rest > 0, "setup_sects", h->setup_sects,
		  "< ", (a->kernel_size - 1) / SECTOR, " (truncated?)" },
		{ body < rest + 16, "syssize", h->syssize,
		  "<= ", (rest + 15) / 16, " as in the file (truncated?)" },
		{ body > LINUX_ENTRY64_OFFSET, "syssize", h->syssize,
		  "> ", LINUX_ENTRY64_OFFSET / 16, "" },
		{ h->init_size >= body, "init_size", h->init_size,
		  ">= ", body, " (syssize * 16)" },
		{ is_power_of_two(align) && align >= PAGE_SIZE,
		  "kernel_alignment", align,
		  "a power of two >= ", PAGE_SIZE, "" },
		{ (h->pref_address & (align - 1)) == 0 &&
		  h->pref_address >= KERNEL_HIGH_GPA,
		  "pref_address", h->pref_address,
		  ">= 1 MiB, a multiple of ", align, "" },
	};
	/* clang-format on */

	(void)gm;
	for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
		const struct field_check *c = &checks[i];

		if (!c->is_ok) {
			return refuse(
				err,
				"kernel: field %s = 0x%llx, need %s0x%llx%s",
				c->field, (unsigned long long)c->value, c->need,
				(unsigned long long)c->bound, c->hint);
		}
	}
	p->payload = (const uint8_t *)a->kernel + setup;
	p->payload_size = body < rest ? body : rest; /* body is rounded up */
	return OK;
}

static bool fits_below(uint64_t at, uint64_t len, uint64_t end)
{
	return at <= end && len <= end - at;
}

static enum status place_kernel(const struct gmem *gm,
				const struct kernel_args *a,
				struct boot_plan *p, struct kernel_error *err)
{
	const struct linux_setup_header *h = &p->hdr;
	uint64_t lowest = align_up(KERNEL_HIGH_GPA, h->kernel_alignment);

	(void)a;
	if (fits_below(h->pref_address, h->init_size, gm->low_size)) {
		p->kernel_gpa = h->pref_address;
		return OK;
	}
	if (h->relocatable_kernel != 0 &&
	    fits_below(lowest, h->init_size, gm->low_size)) {
		p->kernel_gpa = lowest;
		return OK;
	}
	return kernel_refuse(ERR_NOMEM, err,
			     "kernel: field init_size = %u KiB at 0x%llx, need "
			     "that much RAM; the partition has %llu KiB there: "
			     "raise its memory",
			     h->init_size >> 10,
			     (unsigned long long)h->pref_address,
			     (unsigned long long)(gm->low_size >> 10));
}

static enum status place_initrd(const struct gmem *gm,
				const struct kernel_args *a,
				struct boot_plan *p, struct kernel_error *err)
{
	uint64_t floor = p->kernel_gpa + p->hdr.init_size;
	uint64_t top = (uint64_t)p->hdr.initrd_addr_max + 1;

	if (a->initrd == NULL) {
		return OK;
	}
	if (a->initrd_size == 0) {
		return refuse(err, "initrd: size = 0, need a file with "
				   "content, or none at all");
	}
	if (top > gm->low_size) {
		top = gm->low_size;
	}
	if (a->initrd_size <= top) {
		p->initrd_gpa = align_down(top - a->initrd_size, PAGE_SIZE);
	}
	if (a->initrd_size > top || p->initrd_gpa < floor) {
		return kernel_refuse(
			ERR_NOMEM, err,
			"initrd: size = %llu KiB, need <= %llu KiB (RAM "
			"between the kernel's end and %llu MiB): raise memory",
			(unsigned long long)(a->initrd_size >> 10),
			(unsigned long long)(top > floor ? (top - floor) >> 10
							 : 0),
			(unsigned long long)(top >> 20));
	}
	p->initrd_size = a->initrd_size;
	return OK;
}

static enum status check_cmdline(const struct gmem *gm,
				 const struct kernel_args *a,
				 struct boot_plan *p, struct kernel_error *err)
{
	uint32_t max = p->hdr.cmdline_size;

	(void)gm;
	if (max > LINUX_BOOT_CMDLINE_MAX) {
		max = LINUX_BOOT_CMDLINE_MAX;
	}
	return kernel_check_text(a->cmdline, max, "command line",
				 "the kernel's cmdline_size", &p->cmdline_len,
				 err);
}

/* In this order: each step relies on those before it. */
static plan_fn *const plan_steps[] = {
	read_header, check_header, place_kernel, place_initrd, check_cmdline,
};

/* Page directory @n of the identity map: 512 leaves of 2 MiB. */
static enum status write_directory(struct gmem *gm, uint64_t at, uint64_t n)
{
	enum status s = OK;

	for (uint64_t j = 0; j < 512 && s == OK; j += 64) {
		uint64_t part[64];

		for (uint64_t k = 0; k < 64; k++) {
			part[k] = GIB(n) + (j + k) * MIB(2);
			part[k] |= PAGE_LARGE_FLAGS;
		}
		s = gmem_write(gm, gpa(at + j * 8), part, sizeof(part));
	}
	return s;
}

/* The memory map: low RAM, the hole with the ACPI tables, the rest. */
static uint8_t fill_e820(const struct gmem *gm, struct linux_e820_entry *t)
{
	struct kernel_range ranges[KERNEL_RANGE_MAX];
	uint32_t n = kernel_memory_map(gm, ranges);

	for (uint32_t i = 0; i < n; i++) {
		t[i] = (struct linux_e820_entry){ ranges[i].addr,
						  ranges[i].size,
						  ranges[i].type };
	}
	return (uint8_t)n;
}

/* Large (4 KiB), hence static: only one partition is loaded at a time. */
static struct linux_boot_params zero_page;

static void fill_boot_params(const struct gmem *gm, const struct kernel_args *a,
			     const struct boot_plan *p)
{
	struct linux_boot_params *z = &zero_page;

	memset(z, 0, sizeof(*z));
	z->hdr = p->hdr;
	z->hdr.type_of_loader = LINUX_LOADER_UNDEFINED;
	z->hdr.vid_mode = 0xffff; /* "normal" */
	z->hdr.cmd_line_ptr = LINUX_BOOT_CMDLINE_GPA;
	z->hdr.code32_start = (uint32_t)p->kernel_gpa;
	z->hdr.setup_data = 0;
	z->hdr.ramdisk_image = (uint32_t)p->initrd_gpa;
	z->hdr.ramdisk_size = (uint32_t)p->initrd_size;
	z->acpi_rsdp_addr = a->rsdp.v;
	z->alt_mem_k = (uint32_t)((gm->low_size - KERNEL_HIGH_GPA) >> 10);
	z->e820_entries = fill_e820(gm, z->e820_table);
}

/* GDT and page tables of the entry state, the zero page, the files. */
static enum status write_all(struct gmem *gm, const struct kernel_args *a,
			     const struct boot_plan *p)
{
	static const uint64_t gdt[] = {
		0, 0, 0x00af9b000000ffffull, /* 0x10: 64-bit code, accessed */
		0x00cf93000000ffffull,       /* 0x18: data, accessed */
	};
	const uint64_t at = LINUX_BOOT_TABLES_GPA;
	const uint64_t pml4e = (at + PAGE_SIZE) | PAGE_TABLE_FLAGS;
	uint64_t pdpt[IDENTITY_PD_COUNT];
	const struct {
		uint64_t at;
		const void *src;
		uint64_t len;
	} writes[] = {
		{ LINUX_BOOT_GDT_GPA, gdt, sizeof(gdt) },
		{ at, &pml4e, sizeof(pml4e) },
		{ at + PAGE_SIZE, pdpt, sizeof(pdpt) },
		{ LINUX_BOOT_PARAMS_GPA, &zero_page, sizeof(zero_page) },
		{ LINUX_BOOT_CMDLINE_GPA, a->cmdline, p->cmdline_len },
		{ LINUX_BOOT_CMDLINE_GPA + p->cmdline_len, "", 1 },
		{ p->kernel_gpa, p->payload, p->payload_size },
		{ p->initrd_gpa, a->initrd, p->initrd_size },
	};
	enum status s = OK;

	for (uint64_t i = 0; i < IDENTITY_PD_COUNT && s == OK; i++) {
		uint64_t pd = at + (i + 2) * PAGE_SIZE;

		pdpt[i] = pd | PAGE_TABLE_FLAGS;
		s = write_directory(gm, pd, i);
	}
	for (size_t i = 0; i < ARRAY_COUNT(writes) && s == OK; i++) {
		s = gmem_write(gm, gpa(writes[i].at), writes[i].src,
			       writes[i].len);
	}
	return s;
}

enum status linux_boot_load(struct gmem *gm, const struct kernel_args *a,
			    struct linux_boot_entry *out,
			    struct kernel_error *err)
{
	struct boot_plan p = { .payload = NULL };
	enum status s;

	err->text[0] = '\0';
	for (size_t i = 0; i < ARRAY_COUNT(plan_steps); i++) {
		s = plan_steps[i](gm, a, &p, err);
		if (s != OK) {
			return s;
		}
	}
	fill_boot_params(gm, a, &p);
	s = write_all(gm, a, &p);
	if (s != OK) {
		return kernel_refuse(s, err, "partition memory: %s",
				     status_text(s));
	}
	*out = (struct linux_boot_entry){
		.rip = p.kernel_gpa + LINUX_ENTRY64_OFFSET,
		.rsp = LINUX_BOOT_STACK_GPA,
		.rsi = LINUX_BOOT_PARAMS_GPA,
		.cr3 = LINUX_BOOT_TABLES_GPA,
		.gdt_base = LINUX_BOOT_GDT_GPA,
		.gdt_limit = 4 * 8 - 1,
		.cs = LINUX_BOOT_CS,
		.ds = LINUX_BOOT_DS,
		.kernel_gpa = p.kernel_gpa,
		.kernel_end = p.kernel_gpa + p.hdr.init_size,
		.initrd_gpa = p.initrd_gpa,
		.initrd_size = p.initrd_size,
	};
	return OK;
}
