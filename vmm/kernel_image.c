/*
 * kernel_image.c - a kernel as pieces of a file that belong at addresses; an
 * ELF file is read into that.
 *
 * Invariants
 *  1. Headers are copied once out of the file, and only the copies are used.
 *  2. Sums are compared by subtraction from the bound: no addition can wrap.
 *  3. Loops: over KERNEL_PHDR_MAX program headers, over pairs of at most
 *     KERNEL_SEGMENT_MAX segments, over a note section's bytes, 12 at least a
 *     round.
 *  4. Segments lie in [KERNEL_TABLES_END, 640 KiB) or from 1 MiB on: never over
 *     the boot tables, the screen or the ACPI tables.
 */
#include "kernel_image.h"

#include <bh/string.h>
#include <spec/elf32.h>
#include <spec/xen_pvh.h>

#define NOTE_ALIGN_4 4u
#define NOTE_ALIGN_8 8u

/* An ELF file under way; the header's fields, whatever the class. */
struct elf_reader {
	const uint8_t *file;
	uint64_t size;
	struct elf64_ehdr h;
	struct kernel_image *out;
	struct kernel_error *err;
};

static bool elf_has(const struct elf_reader *r, uint64_t at, uint64_t len)
{
	return at <= r->size && len <= r->size - at;
}

bool kernel_is_elf(const void *file, uint64_t size)
{
	uint32_t magic;

	if (size < sizeof(struct elf32_ehdr)) {
		return false;
	}
	memcpy(&magic, file, sizeof(magic));
	return magic == ELF_MAGIC;
}

static void elf_widen_header(struct elf_reader *r)
{
	struct elf32_ehdr n;

	memcpy(&n, r->file, sizeof(n));
	memcpy(r->h.e_ident, n.e_ident, sizeof(n.e_ident));
	r->h.e_type = n.e_type;
	r->h.e_machine = n.e_machine;
	r->h.e_entry = n.e_entry;
	r->h.e_phoff = n.e_phoff;
	r->h.e_phentsize = n.e_phentsize;
	r->h.e_phnum = n.e_phnum;
}

static bool elf_is_64(const struct elf_reader *r)
{
	return r->h.e_ident[ELF_EI_CLASS] == ELF_CLASS64;
}

static uint32_t elf_phdr_size(const struct elf_reader *r)
{
	return elf_is_64(r) ? sizeof(struct elf64_phdr)
			    : sizeof(struct elf32_phdr);
}

static enum status elf_read_header(struct elf_reader *r)
{
	const struct elf64_ehdr *h = &r->h;

	if (!kernel_is_elf(r->file, r->size)) {
		return kernel_refuse(ERR_INVALID, r->err,
				     "kernel: no ELF file (its first bytes)");
	}
	elf_widen_header(r);
	if (elf_is_64(r)) {
		if (!elf_has(r, 0, sizeof(r->h))) {
			return kernel_refuse(ERR_INVALID, r->err,
					     "kernel: ELF header is truncated");
		}
		memcpy(&r->h, r->file, sizeof(r->h));
	}
	if ((!elf_is_64(r) && h->e_ident[ELF_EI_CLASS] != ELF_CLASS32) ||
	    h->e_ident[ELF_EI_DATA] != ELF_DATA2LSB ||
	    (h->e_machine != ELF_EM_386 && h->e_machine != ELF_EM_X86_64)) {
		return kernel_refuse(
			ERR_INVALID, r->err,
			"kernel: ELF e_machine = %u, need 3 or 62 (x86)",
			h->e_machine);
	}
	if (h->e_type != ELF_ET_EXEC && h->e_type != ELF_ET_DYN) {
		return kernel_refuse(
			ERR_INVALID, r->err,
			"kernel: ELF e_type = %u, need 2 or 3 (a program)",
			h->e_type);
	}
	if (h->e_phnum == 0 || h->e_phnum > KERNEL_PHDR_MAX ||
	    h->e_phentsize < elf_phdr_size(r) ||
	    !elf_has(r, h->e_phoff, (uint64_t)h->e_phnum * h->e_phentsize)) {
		return kernel_refuse(ERR_INVALID, r->err,
				     "kernel: ELF e_phnum = %u at 0x%llx, need "
				     "1 to %u program headers in the file",
				     h->e_phnum, (unsigned long long)h->e_phoff,
				     KERNEL_PHDR_MAX);
	}
	return OK;
}

static struct elf64_phdr elf_phdr(const struct elf_reader *r, uint32_t index)
{
	const uint8_t *at =
		r->file + r->h.e_phoff + (uint64_t)index * r->h.e_phentsize;
	struct elf64_phdr wide;
	struct elf32_phdr n;

	if (elf_is_64(r)) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&n, at, sizeof(n));
	return (struct elf64_phdr){ n.p_type,  n.p_flags, n.p_offset,
				    n.p_vaddr, n.p_paddr, n.p_filesz,
				    n.p_memsz, n.p_align };
}

static enum status elf_add_segment(struct elf_reader *r,
				   const struct elf64_phdr *p)
{
	struct kernel_image *i = r->out;

	if (p->p_memsz == 0) {
		return OK;
	}
	if (p->p_filesz > p->p_memsz || !elf_has(r, p->p_offset, p->p_filesz)) {
		return kernel_refuse(
			ERR_INVALID, r->err,
			"kernel: ELF segment at 0x%llx: p_filesz = 0x%llx, "
			"need <= p_memsz and what the file has (truncated?)",
			(unsigned long long)p->p_paddr,
			(unsigned long long)p->p_filesz);
	}
	if (i->count == KERNEL_SEGMENT_MAX) {
		return kernel_refuse(ERR_TOO_BIG, r->err,
				     "kernel: ELF segments: need at most %u",
				     KERNEL_SEGMENT_MAX);
	}
	i->segments[i->count++] = (struct kernel_segment){
		.gpa = p->p_paddr,
		.vaddr = p->p_vaddr,
		.file_size = p->p_filesz,
		.memory_size = p->p_memsz,
		.bytes = r->file + p->p_offset,
	};
	return OK;
}

/* The entry of Xen's note, 4 or 8 bytes; others are passed over. */
static void elf_take_note(struct elf_reader *r, const struct elf_nhdr *n,
			  const uint8_t *name, const uint8_t *desc)
{
	if (n->n_type == XEN_ELFNOTE_PHYS32_ENTRY &&
	    n->n_namesz == sizeof(XEN_ELFNOTE_NAME) &&
	    memcmp(name, XEN_ELFNOTE_NAME, sizeof(XEN_ELFNOTE_NAME)) == 0 &&
	    (n->n_descsz == 4 || n->n_descsz == 8)) {
		r->out->has_pvh_entry = true;
		r->out->pvh_entry = 0;
		memcpy(&r->out->pvh_entry, desc, n->n_descsz);
	}
}

/* A note section that is no good ends there; that is no reason to refuse. */
static void elf_read_notes(struct elf_reader *r, const struct elf64_phdr *p)
{
	uint64_t align =
		p->p_align == NOTE_ALIGN_8 ? NOTE_ALIGN_8 : NOTE_ALIGN_4;
	const uint8_t *at = r->file + p->p_offset;
	uint64_t left = p->p_filesz;

	if (!elf_has(r, p->p_offset, p->p_filesz)) {
		return;
	}
	while (left >= sizeof(struct elf_nhdr)) {
		struct elf_nhdr n;
		uint64_t name_end;
		uint64_t desc_end;

		memcpy(&n, at, sizeof(n));
		name_end = align_up(sizeof(n) + (uint64_t)n.n_namesz, align);
		if (name_end > left || n.n_descsz > left - name_end) {
			return;
		}
		elf_take_note(r, &n, at + sizeof(n), at + name_end);
		desc_end = align_up(name_end + n.n_descsz, align);
		if (desc_end >= left) {
			return;
		}
		at += desc_end;
		left -= desc_end;
	}
}

enum status kernel_read_elf(const void *file, uint64_t size,
			    struct kernel_image *out, struct kernel_error *err)
{
	struct elf_reader r = {
		.file = file, .size = size, .out = out, .err = err
	};
	enum status s;

	memset(out, 0, sizeof(*out));
	s = elf_read_header(&r);
	for (uint32_t i = 0; s == OK && i < r.h.e_phnum; i++) {
		struct elf64_phdr p = elf_phdr(&r, i);

		if (p.p_type == ELF_PT_LOAD) {
			s = elf_add_segment(&r, &p);
		} else if (p.p_type == ELF_PT_NOTE) {
			elf_read_notes(&r, &p);
		}
	}
	if (s == OK && out->count == 0) {
		s = kernel_refuse(ERR_INVALID, err,
				  "kernel: ELF file without a segment to load");
	}
	out->entry = r.h.e_entry;
	return s;
}

bool kernel_is_code(const struct kernel_image *i, uint64_t gpa)
{
	for (uint32_t k = 0; k < i->count; k++) {
		const struct kernel_segment *s = &i->segments[k];

		if (gpa >= s->gpa && gpa - s->gpa < s->file_size) {
			return true;
		}
	}
	return false;
}

uint64_t kernel_to_gpa(const struct kernel_image *i, uint64_t vaddr)
{
	for (uint32_t k = 0; k < i->count; k++) {
		const struct kernel_segment *s = &i->segments[k];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->memory_size) {
			return s->gpa + (vaddr - s->vaddr);
		}
	}
	return vaddr;
}

static bool is_within(const struct kernel_segment *s, uint64_t start,
		      uint64_t end)
{
	return s->gpa >= start && s->gpa <= end &&
	       s->memory_size <= end - s->gpa;
}

static enum status place_segment(const struct gmem *gm,
				 const struct kernel_segment *s,
				 struct kernel_error *err)
{
	if (is_within(s, KERNEL_TABLES_END, KERNEL_LOW_TOP) ||
	    is_within(s, KERNEL_HIGH_GPA, gm->low_size)) {
		return OK;
	}
	if (s->gpa >= KERNEL_HIGH_GPA) {
		return kernel_refuse(
			ERR_NOMEM, err,
			"kernel: 0x%llx bytes at 0x%llx, need that much RAM; "
			"the partition has %llu KiB there: raise its memory",
			(unsigned long long)s->memory_size,
			(unsigned long long)s->gpa,
			(unsigned long long)(gm->low_size >> 10));
	}
	return kernel_refuse(ERR_INVALID, err,
			     "kernel: 0x%llx bytes at 0x%llx, need an address "
			     "from 0x%x to 0x%x or from 1 MiB on",
			     (unsigned long long)s->memory_size,
			     (unsigned long long)s->gpa, KERNEL_TABLES_END,
			     KERNEL_LOW_TOP);
}

/* Neither can wrap: both are within RAM. */
static bool is_overlap(const struct kernel_segment *a,
		       const struct kernel_segment *b)
{
	return a->gpa < b->gpa + b->memory_size &&
	       b->gpa < a->gpa + a->memory_size;
}

/* Is segment @k apart from those before it? */
static enum status place_apart(const struct kernel_image *i, uint32_t k,
			       struct kernel_error *err)
{
	const struct kernel_segment *s = &i->segments[k];

	for (uint32_t n = 0; n < k; n++) {
		if (is_overlap(s, &i->segments[n])) {
			return kernel_refuse(
				ERR_INVALID, err,
				"kernel: segments at 0x%llx and 0x%llx "
				"overlap, need separate ones",
				(unsigned long long)i->segments[n].gpa,
				(unsigned long long)s->gpa);
		}
	}
	return OK;
}

enum status kernel_place(const struct gmem *gm, const struct kernel_image *i,
			 uint64_t *end, struct kernel_error *err)
{
	*end = KERNEL_HIGH_GPA;
	for (uint32_t k = 0; k < i->count; k++) {
		const struct kernel_segment *p = &i->segments[k];
		enum status s = place_segment(gm, p, err);

		if (s == OK) {
			s = place_apart(i, k, err);
		}
		if (s != OK) {
			return s;
		}
		if (p->gpa + p->memory_size > *end) {
			*end = p->gpa + p->memory_size;
		}
	}
	*end = align_up(*end, PAGE_SIZE);
	return OK;
}

enum status kernel_write(struct gmem *gm, const struct kernel_image *i)
{
	enum status s = OK;

	for (uint32_t k = 0; k < i->count && s == OK; k++) {
		const struct kernel_segment *p = &i->segments[k];

		s = gmem_write(gm, gpa(p->gpa), p->bytes, p->file_size);
	}
	return s;
}

static enum status place_module(const struct gmem *gm,
				const struct kernel_args *a, uint64_t end,
				struct kernel_extras *out,
				struct kernel_error *err)
{
	out->module_size = 0;
	if (a->initrd == NULL) {
		return OK;
	}
	if (a->initrd_size == 0) {
		return kernel_refuse(ERR_INVALID, err,
				     "module: size = 0, need a file with "
				     "content, or none at all");
	}
	if (end > gm->low_size || a->initrd_size > gm->low_size - end) {
		return kernel_refuse(
			ERR_NOMEM, err,
			"module: size = %llu KiB, need <= %llu KiB (RAM behind "
			"the kernel): raise memory",
			(unsigned long long)(a->initrd_size >> 10),
			(unsigned long long)(end > gm->low_size
						     ? 0
						     : (gm->low_size - end) >>
							       10));
	}
	out->module_gpa = end;
	out->module_size = a->initrd_size;
	return OK;
}

enum status kernel_place_extras(const struct gmem *gm,
				const struct kernel_args *a, uint64_t end,
				struct kernel_extras *out,
				struct kernel_error *err)
{
	enum status s = place_module(gm, a, end, out, err);

	if (s == OK) {
		s = kernel_check_text(a->cmdline, KERNEL_CMDLINE_MAX,
				      "command line", "the page for it",
				      &out->cmdline_len, err);
	}
	if (s == OK) {
		s = kernel_check_text(a->initrd_name, KERNEL_NAME_MAX,
				      "module's text", "its place",
				      &out->name_len, err);
	}
	return s;
}

enum status kernel_write_extras(struct gmem *gm, const struct kernel_args *a,
				const struct kernel_extras *x)
{
	enum status s = gmem_write(gm, gpa(KERNEL_CMDLINE_GPA), a->cmdline,
				   x->cmdline_len);

	if (s == OK) {
		s = gmem_write(gm, gpa(KERNEL_NAMES_GPA), a->initrd_name,
			       x->name_len);
	}
	if (s == OK && x->module_size != 0) {
		s = gmem_write(gm, gpa(x->module_gpa), a->initrd,
			       x->module_size);
	}
	return s;
}
