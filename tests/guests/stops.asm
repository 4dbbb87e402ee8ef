; stops - what has to end a partition. A byte on the console chooses the case;
; the test starts this guest again for each (tests/guests/expect.json).

%define GUEST_NAME "stops"
%include "guest.inc"
%include "hostile.inc"

%define HOLE	0xd0000000

main:
	mov	rax, cr4
	or	eax, 1 << 9
	mov	cr4, rax
	SAY	"which?"
.wait:	mov	edx, COM1 + 5
	in	al, dx
	test	al, 1
	jz	.wait
	mov	edx, COM1
	in	al, dx
	movzx	ebx, al
	SAY_NUMBER "case", rbx
	sub	ebx, 'a'
	cmp	ebx, (cases_end - cases) / 8
	jae	.end
	mov	rax, [cases + rbx * 8]
	mov	ebx, IOAPIC
	mov	edi, IOAPIC
	mov	esi, IOAPIC
	mov	ecx, 2
	call	rax
	SAY	"FAIL still here"
.end:	ret

section .rodata
	align	8
cases:
%macro CASE 1+
	dq	%%code
[section .text]
%%code:	%1
	ret
__SECT__
%endmacro

	CASE	movsd				; a
	CASE	rep movsb			; b
	CASE	cmpxchg8b [rbx]			; c
	CASE	lock cmpxchg [rbx], eax		; d
	CASE	push qword [rbx]		; e
	CASE	pop qword [rbx]			; f
	CASE	call [rbx]			; g
	CASE	bts [rbx], eax			; h
	CASE	movups xmm0, [rbx]		; i
	CASE	movaps [rbx], xmm0		; j
	CASE	fxsave64 [rbx]			; k
	CASE	fld dword [rbx]			; l
	CASE	sub [rbx], eax			; m
	CASE	inc dword [rbx]			; n
	CASE	lgdt [rbx]			; o
	CASE	adc [rbx], eax			; p
	dq	stack, idt, gdt, pages, fetch, wrap, real, nest, task, halves
cases_end:

section .text
stack:	mov	esp, IOAPIC + 0x100		; q: a stack on a device
	push	rax
	ret

idt:	lidt	[wild]				; r: an IDT that is a hole
	int3
	ret

gdt:	lgdt	[wild]				; s: a GDT that is a hole
	mov	ax, 0x18
	mov	ds, ax
	mov	fs, ax
	ret

pages:	mov	eax, IOAPIC			; t: page tables on a device
	mov	cr3, rax
	nop
	ret

fetch:	mov	eax, IOAPIC			; u: instructions from a device
	jmp	rax

wrap:	mov	esp, HOLE + 0x100		; v: an exception whose stack is a hole
	ud2
	ret

real:	mov	eax, 0xfffffff0			; w: the reset vector
	jmp	rax

; x: #UD, whose gate is #GP, whose gate is not there, nor is #DF's
nest:	lidt	[none]
	ud2
	ret

task:	mov	eax, HOLE			; y: SYSENTER's stack, then a fault
	mov	rsp, rax
	int	0x80
	ret

halves:	mov	eax, [rbx + 0xffe]		; z: across the end of a device
	ret

section .data
	align	8
wild:	dw	0xfff
	dq	HOLE
none:	dw	0
	dq	0

%include "guest_end.inc"
