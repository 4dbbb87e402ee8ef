; SPDX-License-Identifier: MIT
;
; A boot sector that is its own tiny VMM: it enters a guest by VT-x and answers
; its exits with a known number of instructions, so that what bochs-count
; reports can be compared with what must be (test_selfcheck.py holds the same
; numbers). No EPT: the guest runs in the VMM's own 64-bit address space.
;
; Memory: 20000h VMXON region, 21000h VMCS; the rest is in boot.inc.

%define CR4_BITS	0x2020		; PAE, VMXE
%define HYPERCALL	vmcall
%include "boot.inc"

	; IA32_FEATURE_CONTROL: enable and lock, if nobody did.
	mov	ecx, 0x3a
	rdmsr
	test	al, 1
	jnz	.locked
	mov	eax, 5
	xor	edx, edx
	wrmsr
.locked:
	; VMXON and an empty VMCS: both begin with the revision.
	mov	ecx, 0x480
	rdmsr
	mov	[0x20000], eax
	mov	[0x21000], eax
	mov	dword [0x21004], 0
	vmxon	[vmxon_at]
	jbe	fail
	vmclear	[vmcs_at]
	jbe	fail
	vmptrld	[vmcs_at]
	jbe	fail

	; Constants of the VMCS from the table, then what is read here.
	mov	esi, fields
	mov	edi, (fields.end - fields) / 12
.next_field:
	mov	eax, [rsi]
	movsxd	rdx, dword [rsi + 4]
	vmwrite	rax, rdx
	jbe	fail
	add	esi, 12
	dec	edi
	jnz	.next_field

	; The controls: what each capability MSR demands plus what is wanted.
	mov	esi, controls
	mov	edi, 4
.next_control:
	mov	ecx, [rsi]
	rdmsr
	or	eax, [rsi + 4]
	and	eax, edx
	mov	edx, eax
	mov	eax, [rsi + 8]
	vmwrite	rax, rdx
	jbe	fail
	add	esi, 12
	dec	edi
	jnz	.next_control

	mov	rdx, cr0
	mov	eax, 0x6800		; guest CR0
	vmwrite	rax, rdx
	mov	eax, 0x6c00		; host CR0
	vmwrite	rax, rdx
	mov	rdx, cr4
	mov	eax, 0x6804
	vmwrite	rax, rdx
	mov	eax, 0x6c04
	vmwrite	rax, rdx

	; Mark 1 from root mode, then the guest. R15 = 4402h, exit reason.
	mov	eax, 1
	out	MARK_PORT, ax
	mov	r15d, 0x4402
	mov	r14d, 0x681e		; guest RIP
	mov	r13d, 0x440c		; instruction length
	vmlaunch
fail:	mov	esi, text_failed
	jmp	shutdown

; on_exit - every exit ends here.
; Clobbers RBX RBP R8..R12; a guest's RAX RCX RDX are left alone except
; where noted. Numbers below: instructions to the label + those after it.
on_exit:
	vmread	rbx, r15
	vmread	rbp, r14
	vmread	r8, r13
	add	rbp, r8
	cmp	bx, 10
	je	.cpuid
	cmp	bx, 30
	je	.io
	cmp	bx, 31
	je	.rdmsr
	cmp	bx, 7
	je	.window
	cmp	bx, 18
	je	.vmcall
	jmp	fail

.cpuid:	; 6 + NOPs + 2 = CPUID_ROOT
	times CPUID_NOPS nop
	vmwrite	r14, rbp
	vmresume

.io:	; 8 + 4 + REP_BYTES + 2 + 2 (or 6, with the window) = IO_ROOT
	mov	r9, rcx
	mov	edi, 0x9000
	mov	ecx, REP_BYTES
	rep	stosb
	mov	rcx, r9
	cmp	ax, 3			; the guest's third mark wants a window
	je	.open
	vmwrite	r14, rbp
	vmresume
.open:	mov	r10d, 0x4002
	vmread	r11, r10
	bts	r11, 2
	vmwrite	r10, r11
	vmwrite	r14, rbp
	vmresume

.rdmsr:	; 10 + 1 + 2 = RDMSR_ROOT
	rdmsr
	vmwrite	r14, rbp
	vmresume

.window: ; 12 + 5 = WINDOW_ROOT; no instruction was executed: RIP stays
	mov	r10d, 0x4002
	vmread	r11, r10
	btr	r11, 2
	vmwrite	r10, r11
	vmresume

.vmcall:
	mov	eax, 5
	out	MARK_PORT, ax
	mov	esi, text_done

%include "guest.inc"

	align	8
vmxon_at: dq	0x20000
vmcs_at:  dq	0x21000

; capability MSR, bits wanted, VMCS field
controls:
	dd	0x481, 0, 0x4000			; pin-based
	dd	0x482, (1 << 7) | (1 << 24), 0x4002	; HLT, all I/O
	dd	0x483, 1 << 9, 0x400c			; host is 64-bit
	dd	0x484, 1 << 9, 0x4012			; guest is 64-bit

%macro field 2
	dd	%1, %2, 0
%endmacro
%macro guest_segment 4 ; n, selector, limit, access rights
	field	0x0800 + 2 * %1, %2
	field	0x4800 + 2 * %1, %3
	field	0x4814 + 2 * %1, %4
	field	0x6806 + 2 * %1, 0
%endmacro
fields:
	guest_segment	0, 0x10, 0xffffffff, 0xc093	; ES
	guest_segment	1, 0x08, 0xffffffff, 0xa09b	; CS
	guest_segment	2, 0x10, 0xffffffff, 0xc093	; SS
	guest_segment	3, 0x10, 0xffffffff, 0xc093	; DS
	guest_segment	4, 0x00, 0xffff, 0x10000	; FS
	guest_segment	5, 0x00, 0xffff, 0x10000	; GS
	guest_segment	6, 0x00, 0xffff, 0x10000	; LDTR
	guest_segment	7, 0x18, 0x67, 0x8b		; TR
	field	0x6814, tss			; its base
	field	0x4810, 0xffff			; GDTR, IDTR limits, bases
	field	0x4812, 0
	field	0x6816, gdt
	field	0x6818, 0
	field	0x6802, 0x10000			; CR3
	field	0x681a, 0x400			; DR7
	field	0x681c, 0x38000			; RSP
	field	0x681e, guest			; RIP
	field	0x6820, 0x202			; RFLAGS
	field	0x2800, -1			; VMCS link pointer
	field	0x2802, 0			; IA32_DEBUGCTL
	field	0x4824, 0			; interruptibility
	field	0x4826, 0			; activity
	field	0x6822, 0			; pending debug exceptions
	field	0x4004, 0			; exception bitmap
	field	0x400a, 0			; CR3-target count
	field	0x400e, 0			; MSR counts
	field	0x4010, 0
	field	0x4014, 0
	field	0x4016, 0			; nothing injected
	field	0x6000, 0			; CR0, CR4 masks
	field	0x6002, 0
	field	0x0c00, 0x10			; host selectors
	field	0x0c02, 0x08
	field	0x0c04, 0x10
	field	0x0c06, 0x10
	field	0x0c08, 0
	field	0x0c0a, 0
	field	0x0c0c, 0x18
	field	0x6c02, 0x10000			; host CR3
	field	0x6c06, 0			; FS, GS, TR, GDTR, IDTR bases
	field	0x6c08, 0
	field	0x6c0a, tss
	field	0x6c0c, gdt
	field	0x6c0e, 0
	field	0x6c14, 0x30000			; host RSP
	field	0x6c16, on_exit			; host RIP
.end:
	PAD
