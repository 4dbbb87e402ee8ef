/*
 * boot_elf.c - check and load the VMM's ELF file. See boot_elf.h.
 *
 * The file is our own, but it may be damaged or be somebody else's: every
 * field is checked against the bytes that are there before it is used.
 */
#include "boot_elf.h"

#include <spec/elf64.h>
#include <stdbool.h>

#define PROGRAM_HEADER_MAX 32u

static void copy_bytes(void *dst, const void *src, uint64_t len)
{
	__builtin_memcpy(dst, src, (size_t)len);
}

/* Rule 1. Return: what is wrong, or NULL. */
static const char *header_fault(const struct elf64_ehdr *h, size_t size)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

	if (__builtin_memcmp(h->e_ident, magic, sizeof(magic)) != 0) {
		return "not an ELF file";
	}
	if (h->e_ident[ELF_EI_CLASS] != ELF_CLASS64 ||
	    h->e_ident[ELF_EI_DATA] != ELF_DATA2LSB ||
	    h->e_ident[ELF_EI_VERSION] != ELF_EV_CURRENT) {
		return "not a little-endian ELF64 file";
	}
	if (h->e_type != ELF_ET_EXEC || h->e_machine != ELF_EM_X86_64) {
		return "not an x86-64 executable at a fixed address";
	}
	if (h->e_phentsize != sizeof(struct elf64_phdr) || h->e_phnum == 0 ||
	    h->e_phnum > PROGRAM_HEADER_MAX) {
		return "bad program header table";
	}
	if (h->e_phoff > size ||
	    size - h->e_phoff < h->e_phnum * sizeof(struct elf64_phdr)) {
		return "program headers reach beyond the end of the file";
	}
	return NULL;
}

/* Rules 2 and 3 for one segment by itself. */
static const char *load_fault(const struct elf64_phdr *p, size_t size)
{
	if (p->p_filesz > p->p_memsz) {
		return "segment is larger in the file than in memory";
	}
	if (p->p_offset > size || size - p->p_offset < p->p_filesz) {
		return "segment reaches beyond the end of the file";
	}
	if (p->p_vaddr % PAGE_SIZE != 0) {
		return "segment does not start on a page";
	}
	if (p->p_vaddr < BOOT_ELF_LINK_MIN || p->p_vaddr >= BOOT_ELF_LINK_END ||
	    p->p_memsz > BOOT_ELF_LINK_END - p->p_vaddr) {
		return "segment is not within the top 2 GiB";
	}
	if ((p->p_flags & ELF_PF_W) && (p->p_flags & ELF_PF_X)) {
		return "segment is both writable and executable";
	}
	return NULL;
}

static uint64_t segment_end(const struct boot_elf_segment *s)
{
	return align_up(s->vaddr + s->mem_size, PAGE_SIZE);
}

static const char *add_segment(struct boot_elf *out, const uint8_t *file,
			       size_t size, const struct elf64_phdr *p)
{
	const char *fault = load_fault(p, size);
	if (fault) {
		return fault;
	}
	uint32_t n = out->segment_count;
	if (n == BOOT_ELF_SEGMENT_MAX) {
		return "too many segments";
	}
	if (n > 0 && p->p_vaddr < segment_end(&out->segments[n - 1])) {
		return "segments are not sorted or share a page";
	}
	out->segments[n] = (struct boot_elf_segment){
		.vaddr = p->p_vaddr,
		.mem_size = p->p_memsz,
		.file_size = p->p_filesz,
		.data = file + p->p_offset,
		.flags = p->p_flags,
	};
	out->segment_count = n + 1;
	return NULL;
}

static const char *read_segments(struct boot_elf *out, const uint8_t *file,
				 size_t size, const struct elf64_ehdr *h)
{
	for (uint32_t i = 0; i < h->e_phnum; i++) {
		struct elf64_phdr p;
		copy_bytes(&p, file + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == ELF_PT_INTERP || p.p_type == ELF_PT_DYNAMIC) {
			return "needs a dynamic linker";
		}
		if (p.p_type != ELF_PT_LOAD || p.p_memsz == 0) {
			continue;
		}
		const char *fault = add_segment(out, file, size, &p);
		if (fault) {
			return fault;
		}
	}
	return out->segment_count == 0 ? "nothing to load" : NULL;
}

/* Rule 4, and the size of the whole. */
static const char *image_fault(struct boot_elf *out)
{
	const struct boot_elf_segment *last =
		&out->segments[out->segment_count - 1];
	out->base = out->segments[0].vaddr;
	out->size = segment_end(last) - out->base;
	if (out->size > BOOT_ELF_SPAN_MAX) {
		return "image is larger than 64 MiB";
	}
	for (uint32_t i = 0; i < out->segment_count; i++) {
		const struct boot_elf_segment *s = &out->segments[i];
		if ((s->flags & ELF_PF_X) && out->entry >= s->vaddr &&
		    out->entry - s->vaddr < s->mem_size) {
			return NULL;
		}
	}
	return "entry point is not in an executable segment";
}

enum status boot_elf_check(const void *file, size_t size, struct boot_elf *out)
{
	*out = (struct boot_elf){ 0 };
	struct elf64_ehdr h;
	if (size < sizeof(h)) {
		out->fault = "shorter than an ELF header";
		return ERR_INVALID;
	}
	copy_bytes(&h, file, sizeof(h));
	out->entry = h.e_entry;
	out->fault = header_fault(&h, size);
	if (!out->fault) {
		out->fault = read_segments(out, file, size, &h);
	}
	if (!out->fault) {
		out->fault = image_fault(out);
	}
	return out->fault ? ERR_INVALID : OK;
}

void boot_elf_load(const struct boot_elf *e, void *dst)
{
	uint8_t *image = dst;
	__builtin_memset(image, 0, (size_t)e->size);
	for (uint32_t i = 0; i < e->segment_count; i++) {
		const struct boot_elf_segment *s = &e->segments[i];
		copy_bytes(image + (s->vaddr - e->base), s->data, s->file_size);
	}
}
