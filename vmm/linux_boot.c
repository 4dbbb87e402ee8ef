/*
 * linux_boot.c - load a bzImage by the 64-bit Linux boot protocol.
 *
 * What the partition's memory looks like at the first instruction:
 *
 *	0x01000  GDT: null, null, 64-bit code (0x10), data (0x18)
 *	0x02000  PML4, PDPT, 4 page directories: [0, 4 GiB) identity, 2 MiB
 *pages 0x08000  struct linux_boot_params (the "zero page") 0x09000  command
 *line 0x10000  top of a small stack 0xa0000  end of low RAM; ACPI tables live
 *at 0xe0000 (guest_acpi.c) pref_address, or 1 MiB upwards: the kernel,
 *init_size bytes below min(initrd_addr_max, end of low RAM): the initrd, page
 *aligned
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
	size_t cmdline_len;
};

#define refuse(err, ...) refuse_with(ERR_INVALID, err, __VA_ARGS__)

static enum status refuse_with(enum status s, struct linux_boot_error *err,
			       const char *fmt, ...) printf_like(3, 4);

static enum status refuse_with(enum status s, struct linux_boot_error *err,
			       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return s;
}

/* Copy the setup header out of the file; zero what an older header lacks. */
static enum status read_header(const struct linux_boot_args *a,
			       struct linux_setup_header *h,
			       struct linux_boot_error *err)
{
	const uint8_t *file = a->kernel;
	size_t len;

	if (file == NULL || a->kernel_size < MIN_FILE) {
		return refuse(err, "kernel: size = %llu, need >= 1024 bytes",
			      (unsigned long long)a->kernel_size);
	}
	/* The header ends where the jump at 0x200 goes (boot protocol). */
	len = (size_t)file[0x201] + 0x202 - LINUX_SETUP_HEADER_OFFSET;
	if (len > sizeof(*h)) {
		len = sizeof(*h);
	}
	memset(h, 0, sizeof(*h));
	memcpy(h, file + LINUX_SETUP_HEADER_OFFSET, len);
	return OK;
}

static bool is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* Fields that say what kind of file it is. */
static enum status check_identity(const struct linux_setup_header *h,
				  struct linux_boot_error *err)
{
	if (h->boot_flag != LINUX_BOOT_FLAG) {
		return refuse(err,
			      "kernel: field boot_flag = 0x%x, need 0xaa55 "
			      "(not a bzImage)",
			      h->boot_flag);
	}
	if (h->header != LINUX_HEADER_MAGIC) {
		return refuse(err,
			      "kernel: field header = 0x%x, need 0x53726448 "
			      "\"HdrS\" (not a bzImage)",
			      h->header);
	}
	if (h->version < LINUX_MIN_PROTOCOL) {
		return refuse(err,
			      "kernel: field version = 0x%x, need >= 0x%x "
			      "(boot protocol 2.12, Linux 3.8)",
			      h->version, LINUX_MIN_PROTOCOL);
	}
	if ((h->xloadflags & LINUX_XLF_KERNEL_64) == 0) {
		return refuse(err,
			      "kernel: field xloadflags = 0x%x, need bit 0 "
			      "(a 64-bit kernel)",
			      h->xloadflags);
	}
	if ((h->loadflags & LINUX_LOADFLAGS_LOADED_HIGH) == 0) {
		return refuse(err,
			      "kernel: field loadflags = 0x%x, need bit 0 "
			      "(a bzImage, loaded high)",
			      h->loadflags);
	}
	return OK;
}

/* Fields that say where it wants to be, and how large it is. */
static enum status check_layout(const struct linux_boot_args *a,
				struct boot_plan *p,
				struct linux_boot_error *err)
{
	const struct linux_setup_header *h = &p->hdr;
	uint32_t sects = h->setup_sects != 0 ? h->setup_sects : DEFAULT_SECTS;
	uint64_t setup_size = (uint64_t)(sects + 1) * SECTOR;
	uint64_t body = (uint64_t)h->syssize * 16;

	if (setup_size >= a->kernel_size) {
		return refuse(err,
			      "kernel: field setup_sects = %u, need less than "
			      "the file's %llu bytes (truncated?)",
			      h->setup_sects,
			      (unsigned long long)a->kernel_size);
	}
	p->payload = (const uint8_t *)a->kernel + setup_size;
	p->payload_size = a->kernel_size - setup_size;
	if (body > p->payload_size || body <= LINUX_ENTRY64_OFFSET) {
		return refuse(err,
			      "kernel: field syssize = %u (%llu bytes), need "
			      "513..%llu bytes as in the file (truncated?)",
			      h->syssize, (unsigned long long)body,
			      (unsigned long long)p->payload_size);
	}
	p->payload_size = body;
	if (h->init_size < body) {
		return refuse(err,
			      "kernel: field init_size = %u, need >= %llu "
			      "(syssize * 16)",
			      h->init_size, (unsigned long long)body);
	}
	if (!is_power_of_two(h->kernel_alignment) ||
	    h->kernel_alignment < PAGE_SIZE) {
		return refuse(err,
			      "kernel: field kernel_alignment = 0x%x, need a "
			      "power of two >= 4096",
			      h->kernel_alignment);
	}
	if ((h->pref_address & (h->kernel_alignment - 1)) != 0 ||
	    h->pref_address < LINUX_BOOT_HIGH_GPA) {
		return refuse(err,
			      "kernel: field pref_address = 0x%llx, need a "
			      "multiple of 0x%x from 1 MiB on",
			      (unsigned long long)h->pref_address,
			      h->kernel_alignment);
	}
	return OK;
}

static bool fits_below(uint64_t at, uint64_t len, uint64_t end)
{
	return at <= end && len <= end - at;
}

static enum status place_kernel(const struct gmem *gm, struct boot_plan *p,
				struct linux_boot_error *err)
{
	const struct linux_setup_header *h = &p->hdr;
	uint64_t lowest = align_up(LINUX_BOOT_HIGH_GPA, h->kernel_alignment);

	if (fits_below(h->pref_address, h->init_size, gm->low_size)) {
		p->kernel_gpa = h->pref_address;
		return OK;
	}
	if (h->relocatable_kernel != 0 &&
	    fits_below(lowest, h->init_size, gm->low_size)) {
		p->kernel_gpa = lowest;
		return OK;
	}
	return refuse_with(ERR_NOMEM, err,
			   "kernel: field init_size = %u KiB at 0x%llx, need "
			   "that much RAM; the partition has %llu KiB there: "
			   "raise its memory",
			   h->init_size >> 10,
			   (unsigned long long)h->pref_address,
			   (unsigned long long)(gm->low_size >> 10));
}

static enum status place_initrd(const struct gmem *gm,
				const struct linux_boot_args *a,
				struct boot_plan *p,
				struct linux_boot_error *err)
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
		return refuse_with(
			ERR_NOMEM, err,
			"initrd: size = %llu KiB, need <= %llu KiB (RAM "
			"between the kernel's end and %llu MiB): raise memory",
			(unsigned long long)(a->initrd_size >> 10),
			(unsigned long long)(top > floor ? (top - floor) >> 10
							 : 0),
			(unsigned long long)(top >> 20));
	}
	return OK;
}

static enum status check_cmdline(const char *s, struct boot_plan *p,
				 struct linux_boot_error *err)
{
	uint32_t max = p->hdr.cmdline_size;

	if (max > LINUX_BOOT_CMDLINE_MAX) {
		max = LINUX_BOOT_CMDLINE_MAX;
	}
	p->cmdline_len = s != NULL ? strnlen(s, (size_t)max + 1) : 0;
	if (p->cmdline_len > max) {
		return refuse(err,
			      "command line: longer than the kernel's "
			      "cmdline_size = %u, need at most %u characters",
			      p->hdr.cmdline_size, max);
	}
	for (size_t i = 0; i < p->cmdline_len; i++) {
		uint8_t c = (uint8_t)s[i];

		if (c < ' ' || c == 0x7f) {
			return refuse(err,
				      "command line: character %zu = 0x%x, "
				      "need printable text",
				      i, c);
		}
	}
	return OK;
}

static enum status make_plan(const struct gmem *gm,
			     const struct linux_boot_args *a,
			     struct boot_plan *p, struct linux_boot_error *err)
{
	enum status s;

	memset(p, 0, sizeof(*p));
	s = read_header(a, &p->hdr, err);
	if (s == OK) {
		s = check_identity(&p->hdr, err);
	}
	if (s == OK) {
		s = check_layout(a, p, err);
	}
	if (s == OK) {
		s = place_kernel(gm, p, err);
	}
	if (s == OK) {
		s = place_initrd(gm, a, p, err);
	}
	if (s == OK) {
		s = check_cmdline(a->cmdline, p, err);
	}
	return s;
}

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

/* GDT and page tables of the entry state. */
static enum status write_cpu_tables(struct gmem *gm)
{
	static const uint64_t gdt[] = {
		0, 0, 0x00af9b000000ffffull, /* 0x10: 64-bit code, accessed */
		0x00cf93000000ffffull,       /* 0x18: data, accessed */
	};
	const uint64_t pdpt = LINUX_BOOT_TABLES_GPA + PAGE_SIZE;
	const uint64_t pml4e = pdpt | PAGE_TABLE_FLAGS;
	enum status s;

	s = gmem_write(gm, gpa(LINUX_BOOT_GDT_GPA), gdt, sizeof(gdt));
	if (s == OK) {
		s = gmem_write(gm, gpa(LINUX_BOOT_TABLES_GPA), &pml4e,
			       sizeof(pml4e));
	}
	for (uint64_t i = 0; i < IDENTITY_PD_COUNT && s == OK; i++) {
		uint64_t pd = pdpt + (i + 1) * PAGE_SIZE;
		uint64_t pdpte = pd | PAGE_TABLE_FLAGS;

		s = gmem_write(gm, gpa(pdpt + i * 8), &pdpte, sizeof(pdpte));
		if (s == OK) {
			s = write_directory(gm, pd, i);
		}
	}
	return s;
}

/* The memory map: low RAM, the hole with the ACPI tables, the rest. */
static uint8_t fill_e820(const struct gmem *gm, struct linux_e820_entry *t)
{
	uint8_t n = 0;

	t[n++] = (struct linux_e820_entry){ 0, LINUX_BOOT_LOW_TOP, E820_RAM };
	t[n++] = (struct linux_e820_entry){ LINUX_BOOT_LOW_TOP,
					    LINUX_BOOT_HIGH_GPA -
						    LINUX_BOOT_LOW_TOP,
					    E820_RESERVED };
	t[n++] = (struct linux_e820_entry){ LINUX_BOOT_HIGH_GPA,
					    gm->low_size - LINUX_BOOT_HIGH_GPA,
					    E820_RAM };
	if (gm->high_size != 0) {
		t[n++] = (struct linux_e820_entry){ GMEM_HIGH_BASE,
						    gm->high_size, E820_RAM };
	}
	return n;
}

/* Large (4 KiB), hence static: only one partition is loaded at a time. */
static struct linux_boot_params zero_page;

static enum status write_boot_params(struct gmem *gm,
				     const struct linux_boot_args *a,
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
	if (a->initrd != NULL) {
		z->hdr.ramdisk_image = (uint32_t)p->initrd_gpa;
		z->hdr.ramdisk_size = (uint32_t)a->initrd_size;
	} else {
		z->hdr.ramdisk_image = 0;
		z->hdr.ramdisk_size = 0;
	}
	z->acpi_rsdp_addr = a->rsdp.v;
	z->alt_mem_k = (uint32_t)((gm->low_size - LINUX_BOOT_HIGH_GPA) >> 10);
	z->e820_entries = fill_e820(gm, z->e820_table);
	return gmem_write(gm, gpa(LINUX_BOOT_PARAMS_GPA), z, sizeof(*z));
}

static enum status write_files(struct gmem *gm, const struct linux_boot_args *a,
			       const struct boot_plan *p)
{
	const char nul = '\0';
	enum status s;

	s = gmem_write(gm, gpa(LINUX_BOOT_CMDLINE_GPA), a->cmdline,
		       p->cmdline_len);
	if (s == OK) {
		s = gmem_write(gm, gpa(LINUX_BOOT_CMDLINE_GPA + p->cmdline_len),
			       &nul, 1);
	}
	if (s == OK) {
		s = gmem_write(gm, gpa(p->kernel_gpa), p->payload,
			       p->payload_size);
	}
	if (s == OK && a->initrd != NULL) {
		s = gmem_write(gm, gpa(p->initrd_gpa), a->initrd,
			       a->initrd_size);
	}
	return s;
}

enum status linux_boot_load(struct gmem *gm, const struct linux_boot_args *a,
			    struct linux_boot_entry *out,
			    struct linux_boot_error *err)
{
	struct boot_plan p;
	enum status s;

	err->text[0] = '\0';
	s = make_plan(gm, a, &p, err);
	if (s != OK) {
		return s;
	}
	s = write_cpu_tables(gm);
	if (s == OK) {
		s = write_boot_params(gm, a, &p);
	}
	if (s == OK) {
		s = write_files(gm, a, &p);
	}
	if (s != OK) {
		return refuse_with(s, err, "partition memory: %s",
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
		.initrd_size = a->initrd != NULL ? a->initrd_size : 0,
	};
	return OK;
}
