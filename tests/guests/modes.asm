; modes - every mode a kernel can be in, one after the other, in each a port, an
; instruction that exits, and an exception: from 64-bit mode down to real mode,
; up to protected mode, to 32-bit and PAE paging, and back to 64-bit mode.

%define GUEST_NAME "modes"
%include "guest.inc"

; Below 64 KiB, for real mode: what is copied there, and its stack.
%define LOW		0x20000
%define LOW_SEGMENT	(LOW >> 4)
%define IVT_SAVE	SCRATCH
%define PD32		(SCRATCH + 0x1000)	; a 32-bit page directory
%define PDPT		(SCRATCH + 0x2000)	; PAE's
%define PDPT_BAD	(SCRATCH + 0x2020)
%define PAE_PD		(SCRATCH + 0x3000)
%define SEEN		(SCRATCH + 0x4000)	; what each mode found, dwords

%define SEL_CODE16	0x20
%define SEL_DATA16	0x28
%define SEL_CODE32	0x30

; What each mode leaves at SEEN.
%define SEEN_REAL_CPUID	0
%define SEEN_REAL_GP	4
%define SEEN_REAL_SP	8
%define SEEN_REAL_CR0	12
%define SEEN_REAL_STRING 16
%define SEEN_PROT_CPUID	20
%define SEEN_PROT_CR0	24
%define SEEN_PSE_WORD	28
%define SEEN_PAE_BAD	32
%define SEEN_PAE_WORD	36
%define SEEN_PAE_CR0	40

main:
	SAY	"64-bit mode, real mode, protected mode, paging, and back"
	mov	edi, SCRATCH
	mov	ecx, 0x5000 / 8
	xor	eax, eax
	rep	stosq
	mov	esi, low_start			; the code for real mode
	mov	edi, LOW
	mov	ecx, low_end - low_start
	rep	movsb
	mov	edi, IVT_SAVE			; the vector of #GP
	mov	eax, [13 * 4]
	mov	[rdi], eax
	mov	dword [13 * 4], (LOW_SEGMENT << 16) | (real_gp - low_start)
	; page tables: 4 MiB and 2 MiB one to one, and SCRATCH once more above
	mov	dword [PD32], 0x83
	mov	dword [PD32 + 256 * 4], 0x83		; 1 GiB: 0 again
	mov	dword [PDPT], PAE_PD | 1
	mov	dword [PDPT + 8], PAE_PD | 1		; 1 GiB: 0 again
	mov	dword [PDPT_BAD], PAE_PD | 1
	mov	dword [PDPT_BAD + 8], PAE_PD | 3	; bit 1 is reserved
	mov	dword [PAE_PD], 0x83
	mov	[saved_rsp], rsp
	mov	rax, cr3
	mov	[saved_cr3], eax
	lidt	[idt_real]
	lgdt	[gdtr]
	jmp	far dword [to_compat]

bits 32
compat:
	mov	eax, SEL_DATA16
	mov	ss, eax
	mov	ds, eax
	mov	es, eax
	mov	eax, cr0			; paging off, then long mode
	btr	eax, 31
	mov	cr0, eax
	mov	ecx, IA32_EFER
	rdmsr
	btr	eax, 8
	wrmsr
	xor	eax, eax
	mov	cr4, eax
	jmp	SEL_CODE16:(code16 - low_start)

section .data
	align	16
low_start:
bits 16
code16:	mov	eax, cr0
	and	al, 0xfe
	mov	cr0, eax
	jmp	LOW_SEGMENT:(real - low_start)
real:	mov	ax, LOW_SEGMENT
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, 0x8000
	mov	byte [cs:cs_byte - low_start], 'r'	; CS is writable here
	mov	dx, COM1			; a port
	mov	al, [cs_byte - low_start]
	out	dx, al
	mov	si, text - low_start		; a string
	mov	cx, text_size
	cld
	rep	outsb
	mov	[seen - low_start + SEEN_REAL_STRING], cx
	xor	eax, eax
	cpuid
	mov	[seen - low_start + SEEN_REAL_CPUID], eax
	mov	eax, cr0
	mov	[seen - low_start + SEEN_REAL_CR0], eax
	; #GP through the interrupt vector table: three words and no error code
	mov	ecx, 0xdeadbeef
	rdmsr
after_gp:
	mov	[seen - low_start + SEEN_REAL_SP], sp
	; up again; LMSW sets PE
	smsw	ax
	or	al, 1
	lmsw	ax
	jmp	dword SEL_CODE32:prot32

real_gp:
	inc	dword [cs:seen - low_start + SEEN_REAL_GP]
	mov	bp, sp
	mov	word [bp], after_gp - low_start
	iret

text:	db	"eal mode", 10
text_size equ $ - text
cs_byte: db	'?'
	align	4
seen:	times 20 db 0
low_end:

section .text
bits 32
prot32:
	mov	eax, 0x18
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	esp, STACK_TOP - 0x1000
	mov	esi, LOW + (seen - low_start)
	mov	edi, SEEN
	mov	ecx, 5
	rep	movsd
	mov	edx, COM1
	mov	al, 'p'
	out	dx, al
	mov	al, 10
	out	dx, al
	xor	eax, eax
	cpuid
	mov	[SEEN + SEEN_PROT_CPUID], eax
	mov	eax, cr0
	mov	[SEEN + SEEN_PROT_CR0], eax
	lidt	[idt32_pointer]
	; 32-bit paging with large pages
	mov	dword [SCRATCH + 0x4ffc], 'word'
	mov	eax, 0x10			; PSE
	mov	cr4, eax
	mov	eax, PD32
	mov	cr3, eax
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	jmp	.flat
.flat:	mov	eax, [0x40000000 + SCRATCH + 0x4ffc]
	mov	[SEEN + SEEN_PSE_WORD], eax
	mov	eax, cr0
	btr	eax, 31
	mov	cr0, eax
	; PAE paging: reserved bits in a PDPTE are a #GP ...
	mov	eax, 0x20
	mov	cr4, eax
	mov	eax, PDPT_BAD
	mov	cr3, eax			; no paging: not looked at
	mov	eax, cr0
	or	eax, 0xe0000000			; PG, and caches off: exits
	mov	dword [fixup], .bad_done
	mov	cr0, eax
	jmp	.bad_missing
.bad_done:
	mov	dword [SEEN + SEEN_PAE_BAD], 1
.bad_missing:
	; ... else they are taken, also by a MOV that the VMM carries out
	mov	eax, PDPT
	mov	cr3, eax
	mov	eax, cr0
	or	eax, 0xe0000000
	mov	cr0, eax
	mov	eax, [0x40000000 + SCRATCH + 0x4ffc]
	mov	[SEEN + SEEN_PAE_WORD], eax
	mov	eax, cr0
	mov	[SEEN + SEEN_PAE_CR0], eax
	in	al, 0x61			; an exit in this mode
	mov	eax, cr0
	and	eax, 0x1fffffff
	mov	cr0, eax			; paging off, caches on
	; and home: 4-level paging, LME, PG
	mov	eax, [saved_cr3]
	mov	cr3, eax
	mov	ecx, IA32_EFER
	rdmsr
	bts	eax, 8
	wrmsr
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	jmp	0x10:home

; #GP in 32-bit code: go on at [fixup].
gp32:	add	esp, 4
	mov	eax, [fixup]
	mov	dword [fixup], 0
	mov	[esp], eax
	iretd

bits 64
home:
	mov	eax, 0x18
	mov	ss, eax
	mov	ds, eax
	mov	es, eax
	mov	rsp, [saved_rsp]
	lidt	[idtr]
	mov	eax, [IVT_SAVE]
	mov	[13 * 4], eax
	mov	al, 10
	call	putc
	cmp	dword [SEEN + SEEN_REAL_CPUID], 0
	CHECK	ne, "real mode: CPUID answers"
	cmp	dword [SEEN + SEEN_REAL_GP], 1
	CHECK	e, "real mode: RDMSR of nothing is a #GP"
	cmp	word [SEEN + SEEN_REAL_SP], 0x8000
	CHECK	e, "real mode: an exception pushes no error code"
	cmp	word [SEEN + SEEN_REAL_STRING], 0
	CHECK	e, "real mode: REP OUTSB is carried out"
	test	dword [SEEN + SEEN_REAL_CR0], 0x80000001
	CHECK	z, "real mode: CR0.PE and CR0.PG read 0"
	mov	eax, [SEEN + SEEN_REAL_CPUID]
	cmp	[SEEN + SEEN_PROT_CPUID], eax
	CHECK	e, "protected mode: CPUID answers the same"
	mov	eax, [SEEN + SEEN_PROT_CR0]
	and	eax, 0x80000001
	cmp	eax, 1
	CHECK	e, "protected mode: CR0.PE reads 1, CR0.PG 0"
	cmp	dword [SEEN + SEEN_PSE_WORD], 'word'
	CHECK	e, "32-bit paging: a 4 MiB page at 1 GiB"
	JUMP_IF_AMD .walked		; reads PDPTEs when it walks
	cmp	dword [SEEN + SEEN_PAE_BAD], 1
	CHECK	e, "PAE paging: a reserved bit in a PDPTE is a #GP"
.walked:
	cmp	dword [SEEN + SEEN_PAE_WORD], 'word'
	CHECK	e, "PAE paging: the PDPTEs are taken with CR0.PG"
	mov	eax, [SEEN + SEEN_PAE_CR0]
	and	eax, 0xe0000001
	cmp	eax, 0xe0000001
	CHECK	e, "PAE paging: CR0.CD and CR0.NW read as written"
	mov	ecx, IA32_EFER
	rdmsr
	test	eax, 1 << 10
	CHECK	nz, "64-bit mode again"
	ret

section .data
	align	8
saved_rsp: dq	0
saved_cr3: dd	0
gdtr:	dw	gdt_end - gdt - 1
	dq	gdt
	align	8
gdt:	dq	0, 0
	dq	0x00af9b000000ffff		; 0x10: 64-bit code
	dq	0x00cf93000000ffff		; 0x18: data
	dq	0x00009b000000ffff | LOW << 16	; 0x20: 16-bit code at LOW
	dq	0x000093000000ffff		; 0x28: 16-bit data
	dq	0x00cf9b000000ffff		; 0x30: 32-bit code
gdt_end:
to_compat:
	dd	compat
	dw	SEL_CODE32
idt_real: dw	0x3ff
	dq	0
	align	8
idt32:	times 13 dq 0
	dw	gp32_low, SEL_CODE32, 0x8e00, gp32_high
idt32_pointer:
	dw	14 * 8 - 1
	dd	idt32

gp32_low  equ (IMAGE_BASE + (gp32 - text_start)) & 0xffff
gp32_high equ (IMAGE_BASE + (gp32 - text_start)) >> 16

%include "guest_end.inc"
