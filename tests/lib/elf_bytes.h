/*
 * elf_bytes.h - small ELF kernels for tests, of both classes: headers at the
 * file's start, a note, then the segments' bytes.
 */
#ifndef TESTS_ELF_BYTES_H
#define TESTS_ELF_BYTES_H

#include <spec/elf32.h>
#include <spec/xen_pvh.h>
#include <stdbool.h>
#include <string.h>

#define ELF_BYTES_MAX    0x4000u
#define ELF_BYTES_BODY   0x1000u /* where segments' bytes begin */
#define ELF_BYTES_NOTE   0x800u
#define ELF_BYTES_HEADER 0x900u /* room for a multiboot header */

/* The fields that a test changes before elf_bytes_make(). */
struct elf_bytes {
	uint8_t file[ELF_BYTES_MAX];
	struct elf64_ehdr h;
	struct elf64_phdr p[8];
	bool is_64;
	/* PT_NOTE is p[1] */
	struct elf_nhdr note;
	char note_name[8];
	uint64_t note_value;
};

/* One segment of 4 KiB in the file, 8 KiB in memory, at 1 MiB; and a note. */
static inline void elf_bytes_init(struct elf_bytes *e, bool is_64)
{
	memset(e, 0, sizeof(*e));
	e->is_64 = is_64;
	e->h = (struct elf64_ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F',
			     is_64 ? ELF_CLASS64 : ELF_CLASS32, ELF_DATA2LSB,
			     ELF_EV_CURRENT },
		.e_type = ELF_ET_EXEC,
		.e_machine = is_64 ? ELF_EM_X86_64 : ELF_EM_386,
		.e_version = 1,
		.e_entry = 0x100010,
		.e_phoff = is_64 ? sizeof(struct elf64_ehdr)
				 : sizeof(struct elf32_ehdr),
		.e_phentsize = is_64 ? sizeof(struct elf64_phdr)
				     : sizeof(struct elf32_phdr),
		.e_phnum = 2,
	};
	e->p[0] = (struct elf64_phdr){ ELF_PT_LOAD,    ELF_PF_R | ELF_PF_X,
				       ELF_BYTES_BODY, 0x100000,
				       0x100000,       0x1000,
				       0x2000,         0x1000 };
	e->p[1] = (struct elf64_phdr){ ELF_PT_NOTE, ELF_PF_R, ELF_BYTES_NOTE,
				       0,           0,        24,
				       24,          4 };
	e->note = (struct elf_nhdr){ 4, 8, XEN_ELFNOTE_PHYS32_ENTRY };
	memcpy(e->note_name, "Xen", 4);
	e->note_value = 0x100020;
	for (uint32_t i = ELF_BYTES_BODY; i < ELF_BYTES_MAX; i++) {
		e->file[i] = (uint8_t)(i * 7 + 1);
	}
}

static inline void elf_bytes_put_phdr(struct elf_bytes *e, uint32_t i)
{
	const struct elf64_phdr *p = &e->p[i];
	const struct elf32_phdr n = {
		p->p_type,
		(uint32_t)p->p_offset,
		(uint32_t)p->p_vaddr,
		(uint32_t)p->p_paddr,
		(uint32_t)p->p_filesz,
		(uint32_t)p->p_memsz,
		p->p_flags,
		(uint32_t)p->p_align,
	};

	memcpy(e->file + (e->is_64 ? 64 + i * 56 : 52 + i * 32),
	       e->is_64 ? (const void *)p : (const void *)&n,
	       e->is_64 ? sizeof(*p) : sizeof(n));
}

/* Headers and note into the file. */
static inline void elf_bytes_make(struct elf_bytes *e)
{
	const struct elf64_ehdr *h = &e->h;
	struct elf32_ehdr n = { .e_type = h->e_type,
				.e_machine = h->e_machine,
				.e_version = h->e_version,
				.e_entry = (uint32_t)h->e_entry,
				.e_phoff = (uint32_t)h->e_phoff,
				.e_phentsize = h->e_phentsize,
				.e_phnum = h->e_phnum };

	memcpy(n.e_ident, h->e_ident, sizeof(n.e_ident));
	memcpy(e->file, e->is_64 ? (const void *)h : (const void *)&n,
	       e->is_64 ? sizeof(*h) : sizeof(n));
	for (uint32_t i = 0; i < 8; i++) {
		elf_bytes_put_phdr(e, i);
	}
	memcpy(e->file + ELF_BYTES_NOTE, &e->note, sizeof(e->note));
	memcpy(e->file + ELF_BYTES_NOTE + 12, e->note_name, 4);
	memcpy(e->file + ELF_BYTES_NOTE + 16, &e->note_value, 8);
}

#endif
