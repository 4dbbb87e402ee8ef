; ac_storm - CVE-2015-5307: in 32-bit protected mode, ring 3, an unaligned
; access raises #AC, whose handler runs in ring 3 too, on an unaligned stack:
; pushing its frame raises #AC again, for ever. Without an intercept the
; processor never leaves the guest. The VMM must stay usable, and `stop` must
; kill the partition.

%define GUEST_NAME "ac_storm"
%include "guest.inc"
%include "mode32.inc"

%define PAGE_DIRECTORY	SCRATCH		; 4 MiB pages
%define IDT32		(SCRATCH + 0x1000)
%define USER_STACK	(SCRATCH + 0x3000)

main:
	SAY	"#AC storm"
	mov	edi, PAGE_DIRECTORY
	mov	eax, 0x87		; present, writable, user, 4 MiB
	mov	ecx, 1024
.pde:	mov	[rdi], eax
	add	eax, 0x400000
	add	edi, 4
	dec	ecx
	jnz	.pde
	; #AC: an interrupt gate to ring-3 code, so the stack is not switched.
	mov	edi, IDT32
	xor	eax, eax
	mov	ecx, 0x800 / 4
	rep	stosd
	mov	eax, handler
	mov	[IDT32 + 17 * 8], ax
	mov	word [IDT32 + 17 * 8 + 2], 0x33
	mov	word [IDT32 + 17 * 8 + 4], 0xee00
	shr	eax, 16
	mov	[IDT32 + 17 * 8 + 6], ax
	lgdt	[gdtr]
	lidt	[idtr32]
	jmp	far dword [compat]

section .rodata
	align	8
compat:	dd	compat_mode
	dw	0x20
section .text

bits 32
compat_mode:
	mov	ax, 0x28
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, STACK_TOP
	LONG_MODE_OFF
	mov	eax, 0x10		; CR4: PSE, no PAE
	mov	cr4, eax
	mov	eax, PAGE_DIRECTORY
	mov	cr3, eax
	mov	eax, cr0
	or	eax, 0x80040000		; PG, AM
	mov	cr0, eax
	jmp	.paged
.paged:	push	dword 0x3b		; SS
	push	dword USER_STACK + 1	; ESP: unaligned
	push	dword 0x40002		; EFLAGS: AC
	push	dword 0x33		; CS
	push	dword user
	mov	ax, 0x3b
	mov	ds, ax
	iretd

user:
	mov	eax, [USER_STACK + 1]	; the first #AC
handler:
	jmp	$
bits 64

section .data
	align	8
gdtr:	dw	0x3f
	dq	gdt
gdt:	dq	0, 0
	dq	0x00af9b000000ffff	; 10h: 64-bit code
	dq	0x00cf93000000ffff	; 18h: data
	dq	0x00cf9b000000ffff	; 20h: 32-bit code
	dq	0x00cf93000000ffff	; 28h: data
	dq	0x00cffb000000ffff	; 30h: ring-3 code
	dq	0x00cff3000000ffff	; 38h: ring-3 data
idtr32:	dw	0x7ff
	dq	IDT32

%include "guest_end.inc"
