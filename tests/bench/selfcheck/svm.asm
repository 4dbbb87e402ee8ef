; SPDX-License-Identifier: MIT
;
; The same as vmx.asm by AMD-V: a boot sector that is its own tiny VMM, whose
; exits take a number of instructions known from this text. No nested paging.
;
; Memory: 20000h VMCB, 21000h host save area, 22000h I/O permission map (12 KiB)
; and 25000h MSR permission map (8 KiB); the rest is in boot.inc.

%define CR4_BITS	0x20		; PAE
%define HYPERCALL	vmmcall
%include "boot.inc"

VMCB		equ 0x20000
APIC		equ 0xfee00000
VECTOR		equ 0x20
; Addresses in the VMCB (APM vol. 2, "Layout of VMCB")
%define INTERCEPT3	VMCB + 0x00c
%define INTERCEPT4	VMCB + 0x010
%define IOPM_BASE	VMCB + 0x040
%define MSRPM_BASE	VMCB + 0x048
%define ASID		VMCB + 0x058
%define V_INTR		VMCB + 0x060
%define EXITCODE	VMCB + 0x070
%define NRIP		VMCB + 0x0c8
%define SEGMENT(n)	VMCB + 0x400 + 16 * n
%define EFER		VMCB + 0x4d0
%define CR4		VMCB + 0x548
%define CR3		VMCB + 0x550
%define CR0		VMCB + 0x558
%define DR7		VMCB + 0x560
%define DR6		VMCB + 0x568
%define RFLAGS		VMCB + 0x570
%define RIP		VMCB + 0x578
%define RSP		VMCB + 0x5d8
%define RAX		VMCB + 0x5f8

	; VMCB all 0, both permission maps all 1: everything exits.
	mov	edi, VMCB
	xor	eax, eax
	mov	ecx, 0x2000 / 4
	rep	stosd
	dec	eax
	mov	ecx, 0x5000 / 4
	rep	stosd

	; EFER: SVME; then where the host's state goes.
	mov	ecx, 0xc0000080
	rdmsr
	bts	eax, 12
	wrmsr
	mov	[EFER], eax
	mov	ecx, 0xc0010117
	mov	eax, 0x21000
	xor	edx, edx
	wrmsr

	; Constants of the VMCB from the table, then what is read here.
	mov	esi, fields
	mov	ecx, (fields.end - fields) / 8
.next_field:
	mov	edi, [rsi]
	mov	eax, [rsi + 4]
	mov	[rdi], eax
	add	esi, 8
	dec	ecx
	jnz	.next_field
	mov	rax, cr0
	mov	[CR0], rax
	mov	rax, cr4
	mov	[CR4], rax

	; A local APIC and a gate for the VMM's one interrupt.
	lidt	[idtr]
	mov	edi, APIC + 0xf0
	mov	dword [rdi], 0x1ff

	; Mark 1 from root mode, then the guest. RAX = VMCB after each exit.
	mov	eax, 1
	out	MARK_PORT, ax
	clgi
	mov	eax, VMCB
	vmload
	jmp	again

; Every exit ends behind VMRUN. Clobbers RBX, RBP, R9; a guest's registers are
; left alone except where noted. Numbers below: instructions to the label +
; those after it, RESUME = 3 among them.
resume:	mov	rbp, [NRIP]
	mov	[RIP], rbp
again:	vmrun
on_exit:
	mov	ebx, [EXITCODE]
	cmp	ebx, 0x72
	je	.cpuid
	cmp	ebx, 0x7b
	je	.io
	cmp	ebx, 0x7c
	je	.rdmsr
	cmp	ebx, 0x60
	je	.interrupt
	cmp	ebx, 0x81
	je	.vmmcall
	cmp	ebx, -1
	je	.invalid
	mov	esi, text_failed
	jmp	shutdown

.cpuid:	; 3 + NOPs + 1 + RESUME = CPUID_ROOT
	times CPUID_NOPS nop
	jmp	resume

.io:	; 5 + 3 + REP_BYTES + 4 + RESUME (2 more with the IPI) = IO_ROOT
	mov	r9, rcx
	mov	edi, 0x9000
	mov	ecx, REP_BYTES
	rep	stosb
	mov	rcx, r9
	cmp	word [RAX], 3		; the guest's third mark wants an IPI
	je	.ipi
	jmp	resume
.ipi:	mov	edi, APIC + 0x300	; to itself, while interrupts wait
	mov	dword [rdi], 0x40000 | VECTOR
	jmp	resume

.rdmsr:	; 7 + 6 + RESUME = RDMSR_ROOT, two of them of the VMCB
	rdmsr
	mov	[RAX], eax
	mov	eax, VMCB
	vmsave
	vmload
	jmp	resume

.interrupt: ; 9 + 5 + 3 of the handler + 1 = INTR_ROOT; RIP stays: VMRUN
	; exited before the guest's next instruction
	sti
	stgi				; here it comes
	clgi
	cli
	jmp	again

.vmmcall: ; a VMRUN that raises #GP, then one that fails: no address space
	add	eax, 8
	vmrun
	mov	eax, VMCB
	mov	dword [ASID], 0
	jmp	again

.invalid:
	mov	eax, 5
	out	MARK_PORT, ax
	mov	esi, text_done
	jmp	shutdown

on_gp:	add	rsp, 8			; over VMRUN, 3 bytes
	add	dword [rsp], 3
	iretq

on_interrupt:
	mov	edi, APIC + 0xb0	; EOI
	mov	dword [rdi], 0
	iretq

%include "guest.inc"

	align	8
idtr:	dw	(VECTOR + 1) * 16 - 1
	dq	idt
%macro gate 1
	dw	%1, 0x08, 0x8e00, 0
	dq	0
%endmacro
idt:	times 13 * 2 dq 0
	gate	on_gp
	times (VECTOR - 14) * 2 dq 0
	gate	on_interrupt

; address of a field (4 bytes), value
%macro guest_segment 4 ; n, selector, limit, attributes
	dd	SEGMENT(%1), %2 | %4 << 16
	dd	SEGMENT(%1) + 4, %3
%endmacro
fields:
	; INTR, CPUID, I/O, MSRs
	dd	INTERCEPT3, 1 << 0 | 1 << 18 | 1 << 27 | 1 << 28
	dd	INTERCEPT4, 1 << 0 | 1 << 1	; VMRUN (must), VMMCALL
	dd	IOPM_BASE, 0x22000
	dd	MSRPM_BASE, 0x25000
	dd	ASID, 1
	guest_segment	0, 0x10, 0xffffffff, 0xc93	; ES
	guest_segment	1, 0x08, 0xffffffff, 0xa9b	; CS
	guest_segment	2, 0x10, 0xffffffff, 0xc93	; SS
	guest_segment	3, 0x10, 0xffffffff, 0xc93	; DS
	guest_segment	6, 0x00, 0xffff, 0		; GDTR, its base
	dd	SEGMENT(6) + 8, gdt
	guest_segment	8, 0x00, 0xffff, 0		; IDTR
	guest_segment	9, 0x18, 0x67, 0x8b		; TR, its base
	dd	SEGMENT(9) + 8, tss
	dd	CR3, 0x10000
	dd	DR6, 0xffff0ff0
	dd	DR7, 0x400
	dd	RFLAGS, 0x202
	dd	RIP, guest
	dd	RSP, 0x38000
.end:
	PAD
