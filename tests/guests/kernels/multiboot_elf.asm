; multiboot_elf - an ELF file with a multiboot header.

%define GUEST_NAME "multiboot_elf"
%define ELF_AT 0x100000
%include "elf32.inc"

note:
note_end:
	align	4, db 0
	dd	0x1badb002, 3, -(0x1badb002 + 3)

elf_entry:
%include "multiboot_body.inc"

	align	16, db 0
elf_end:
bss	equ elf_end
elf_memory_end equ elf_end + 0x10000
kernel_end equ elf_memory_end
