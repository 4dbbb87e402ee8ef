/*
 * elf64.h - ELF for 64-bit objects, the part that a loader needs.
 *
 * Names are those of the System V ABI's "Object Files" chapter. The prefix
 * Elf64_ is ours to drop: struct elf64_ehdr, struct elf64_phdr.
 */
#ifndef SPEC_ELF64_H
#define SPEC_ELF64_H

#include <stdint.h>

#define ELF_EI_CLASS   4
#define ELF_EI_DATA    5
#define ELF_EI_VERSION 6
#define ELF_EI_NIDENT  16

#define ELF_CLASS64    2u
#define ELF_DATA2LSB   1u
#define ELF_EV_CURRENT 1u
#define ELF_ET_EXEC    2u
#define ELF_EM_X86_64  62u

#define ELF_PT_NULL    0u
#define ELF_PT_LOAD    1u
#define ELF_PT_DYNAMIC 2u
#define ELF_PT_INTERP  3u

#define ELF_PF_X 1u
#define ELF_PF_W 2u
#define ELF_PF_R 4u

struct elf64_ehdr {
	uint8_t e_ident[ELF_EI_NIDENT];
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint64_t e_entry;
	uint64_t e_phoff;
	uint64_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};

struct elf64_phdr {
	uint32_t p_type;
	uint32_t p_flags;
	uint64_t p_offset;
	uint64_t p_vaddr;
	uint64_t p_paddr;
	uint64_t p_filesz;
	uint64_t p_memsz;
	uint64_t p_align;
};

_Static_assert(sizeof(struct elf64_ehdr) == 64, "ELF-64 header");
_Static_assert(sizeof(struct elf64_phdr) == 56, "ELF-64 program header");

#endif
