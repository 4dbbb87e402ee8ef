; ap_start.asm - a processor's way from its SIPI to C.
;
; The code between ap_trampoline and ap_trampoline_end is copied to the page
; below 1 MiB at which the SIPI starts a processor, in real mode with CS = page
; >> 4 and IP = 0 (SDM vol. 3, "MP Initialization Protocol Algorithm"). The
; words behind ap_trampoline_words (struct ap_words, ap_start.c) are filled in
; there by the processor that starts it. Long mode is entered from real mode in
; one step: PE and PG are set together.
;
; A processor that comes so late that nobody waits for it any more finds the
; word `taken` set, and halts for good.

default abs

global ap_trampoline
global ap_trampoline_words
global ap_trampoline_end

%define EFER	0xc0000080
%define EFER_LME_NXE (1 << 8 | 1 << 11)
%define OFFSET(label) (label - ap_trampoline)

section .rodata progbits alloc noexec nowrite align=16

bits 16
ap_trampoline:
	cli
	cld
	mov	ax, cs
	mov	ds, ax
	xor	ebx, ebx
	mov	bx, ax
	shl	ebx, 4			; where this page is
	o32 lgdt [OFFSET(ap_gdtr)]
	mov	eax, [OFFSET(ap_cr4)]
	mov	cr4, eax
	mov	eax, [OFFSET(ap_cr3)]
	mov	cr3, eax
	mov	ecx, EFER
	rdmsr
	or	eax, EFER_LME_NXE
	wrmsr
	mov	eax, [OFFSET(ap_cr0)]
	mov	cr0, eax
	jmp	dword far [OFFSET(ap_far)]

bits 64
ap_long:
	mov	ax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	eax, 1
	xchg	eax, [rbx + OFFSET(ap_taken)]
	test	eax, eax
	jnz	.late
	mov	rsp, [rbx + OFFSET(ap_stack)]
	mov	rdi, [rbx + OFFSET(ap_cpu)]
	mov	rax, [rbx + OFFSET(ap_entry)]
	xor	ebp, ebp
	push	rbp			; end of the frame chain
	jmp	rax
.late:	cli
	hlt
	jmp	.late

	align	8
ap_trampoline_words:			; struct ap_words
ap_gdt:		dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff
ap_entry:	dq 0
ap_cpu:		dq 0
ap_stack:	dq 0
ap_cr3:		dd 0
ap_cr4:		dd 0
ap_cr0:		dd 0
ap_taken:	dd 0
ap_far:		dd OFFSET(ap_long)
		dw 0x08
ap_gdtr:	dw 3 * 8 - 1
		dd OFFSET(ap_gdt)
ap_trampoline_end:
