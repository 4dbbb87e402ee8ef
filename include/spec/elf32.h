/*
 * elf32.h - ELF for 32-bit objects and notes, the part that a loader needs; the
 * numbers that both classes share are in elf64.h.
 */
#ifndef SPEC_ELF32_H
#define SPEC_ELF32_H

#include <spec/elf64.h>

#define ELF_MAGIC   0x464c457fu /* 7FH "ELF", little-endian */
#define ELF_CLASS32 1u
#define ELF_ET_DYN  3u
#define ELF_EM_386  3u
#define ELF_PT_NOTE 4u

struct elf32_ehdr {
	uint8_t e_ident[ELF_EI_NIDENT];
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint32_t e_entry;
	uint32_t e_phoff;
	uint32_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};

struct elf32_phdr {
	uint32_t p_type;
	uint32_t p_offset;
	uint32_t p_vaddr;
	uint32_t p_paddr;
	uint32_t p_filesz;
	uint32_t p_memsz;
	uint32_t p_flags;
	uint32_t p_align;
};

/* A note: this, the name, the descriptor; both padded to 4 (or 8) bytes. */
struct elf_nhdr {
	uint32_t n_namesz;
	uint32_t n_descsz;
	uint32_t n_type;
};

_Static_assert(sizeof(struct elf32_ehdr) == 52, "ELF-32 header");
_Static_assert(sizeof(struct elf32_phdr) == 32, "ELF-32 program header");

#endif
