; pvh - an ELF file with Xen's note: partition of 32 MiB, command line
; "one two=3", a module "module.txt" with the text "a module" and a line's end.

%define GUEST_NAME "pvh"
%define ELF_AT 0x1000000
%include "elf32.inc"

	align	4, db 0
note:	dd	4, 4, 18		; name's and value's size, PHYS32_ENTRY
	db	"Xen", 0
	dd	pvh_entry
note_end:

elf_entry:
	ud2				; not where it starts

pvh_entry:
%include "kernel32.inc"
	call	check_state
	mov	ebx, [first_ebx]
	cmp	dword [ebx], 0x336ec578
	CHECK	e, "EBX is the start info: magic"
	cmp	dword [ebx + 4], 1
	CHECK	e, "version 1"
	mov	esi, [ebx + 24]
	SAME_TEXT "the command line", "one two=3"
	mov	eax, [ebx + 32]
	call	check_rsdp
	cmp	dword [ebx + 12], 1
	CHECK	e, "one module"
	mov	ebp, [ebx + 16]
	mov	esi, [ebp + 16]
	SAME_TEXT "the module's text", "module.txt"
	mov	esi, [ebp]
	cmp	esi, elf_memory_end
	CHECK	ae, "the module is behind the kernel"
	cmp	dword [ebp + 8], 9
	CHECK	e, "the module's size"
	cmp	dword [esi], 'a mo'
	CHECK	e, "the module's bytes"
	cmp	dword [ebx + 48], 3
	CHECK	e, "three parts of memory"
	mov	ebp, [ebx + 40]
	cmp	dword [ebp + 8], 0xa0000
	CHECK	e, "640 KiB of RAM"
	cmp	dword [ebp + 24 + 16], 2
	CHECK	e, "a hole that is reserved"
	cmp	dword [ebp + 48], 0x100000
	CHECK	e, "RAM at 1 MiB"
	cmp	dword [ebp + 48 + 8], 31 * 0x100000
	CHECK	e, "... of 31 MiB"
	cmp	dword [elf_end], 0
	CHECK	e, "memory behind the file is 0"
	jmp	finish

	align	16, db 0
elf_end:
elf_memory_end equ elf_end + 0x10000
