; witness - does checked work for ever, while other guests try what they can.
;
; Two MiB of a pattern that is read, checked and written anew page by page; all
; registers that a neighbour could leak or change; its own timer. Five times a
; second, and whenever a byte comes on its console, it tells how far it got:
;
;	guest witness: beat B, R rounds, F faults

%define GUEST_NAME "witness"
%include "guest.inc"
%include "hostile.inc"

%define PATTERN		0x400000
%define PATTERN_PAGES	512
%define TIMER_VECTOR	0x60
%define HV_TIMING_LEAF	0x40000010
%define BEATS_A_SECOND	5

; The MSRs that it owns, and what they hold.
%macro MSR_LIST 0
	dd	0xc0000081		; STAR
	dd	0xc0000082		; LSTAR
	dd	0xc0000083		; CSTAR
	dd	0xc0000100		; FS_BASE
	dd	0xc0000101		; GS_BASE
	dd	0xc0000102		; KERNEL_GS_BASE
	dd	0x175			; SYSENTER_ESP
	dd	0x176			; SYSENTER_EIP
%endmacro

main:
	call	vectors_on
	call	fill
	call	set_registers
	call	apic_on
	mov	qword [IRQ_HOOK_AT + TIMER_VECTOR * 8], tick
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR
	mov	eax, HV_TIMING_LEAF
	cpuid
	mov	eax, eax			; kHz
	imul	rax, rax, 1000 / BEATS_A_SECOND
	mov	[period], rax
	call	arm
	sti
.round:	call	work
	call	check_registers
	cli
	cmp	dword [due], 0
	je	.ask
	mov	dword [due], 0
	inc	qword [beats]
	call	report
	jmp	.next
.ask:	mov	edx, COM1 + 5
	in	al, dx
	test	al, 1
	jz	.next
	mov	edx, COM1
	in	al, dx
	call	report
.next:	sti
	jmp	.round

; work - check one page and write it anew with another key.
work:
	mov	eax, [page]
	mov	ebx, eax
	shl	ebx, 12
	add	ebx, PATTERN
	mov	r8, [keys + rax * 8]
	mov	r9, r8
	ror	r9, 13
	add	r9, rax
	add	r9, 1
	mov	[keys + rax * 8], r9
	mov	ecx, 4096 / 8
.word:	mov	rdx, rbx
	imul	rdx, r8
	cmp	[rbx], rdx
	je	.good
	inc	qword [faults]
	cmp	qword [faults], 1
	jne	.good
	SAY	"FAIL the pattern in memory has changed"
.good:	mov	rdx, rbx
	imul	rdx, r9
	mov	[rbx], rdx
	add	ebx, 8
	dec	ecx
	jnz	.word
	inc	eax
	and	eax, PATTERN_PAGES - 1
	mov	[page], eax
	inc	qword [rounds]
	ret

fill:
	xor	eax, eax
	mov	ebx, PATTERN
.page:	call	random_key
	mov	[keys + rax * 8], r8
	mov	ecx, 4096 / 8
.word:	mov	rdx, rbx
	imul	rdx, r8
	mov	[rbx], rdx
	add	ebx, 8
	dec	ecx
	jnz	.word
	inc	eax
	cmp	eax, PATTERN_PAGES
	jb	.page
	ret

; random_key - R8
random_key:
	push	rax
	call	random
	mov	r8, rax
	pop	rax
	ret

; vectors_on - SSE, and AVX where it is offered. [has_avx]
vectors_on:
	mov	rax, cr4
	or	eax, 1 << 9 | 1 << 10
	mov	cr4, rax
	mov	eax, 1
	cpuid
	and	ecx, 1 << 26 | 1 << 28		; XSAVE, AVX
	cmp	ecx, 1 << 26 | 1 << 28
	jne	.no
	mov	rax, cr4
	bts	rax, 18
	mov	cr4, rax
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 7
	xsetbv
	mov	byte [has_avx], 1
.no:	ret

%assign marker 0x0b5e55ed0000
set_registers:
%assign i 0
%rep 15
	mov	rax, marker + i
	movq	xmm %+ i, rax
	movlhps	xmm %+ i, xmm %+ i
%assign i i + 1
%endrep
	cmp	byte [has_avx], 0
	je	.no_avx
%assign i 0
%rep 15
	vperm2f128 ymm %+ i, ymm %+ i, ymm %+ i, 0
%assign i i + 1
%endrep
.no_avx:
	fninit
	fldpi
	mov	rax, marker + 0x100
	mov	dr0, rax
	inc	rax
	mov	dr1, rax
	inc	rax
	mov	dr2, rax
	inc	rax
	mov	dr3, rax
	inc	rax
	mov	cr2, rax
	mov	r8, marker + 0x200
	xor	ebx, ebx
.msr:	mov	ecx, [msrs + rbx * 4]
	mov	eax, r8d
	mov	rdx, r8
	shr	rdx, 32
	wrmsr
	inc	r8
	inc	ebx
	cmp	ebx, (msrs_end - msrs) / 4
	jb	.msr
	ret

; SAME: RAX must be R8; counts
%macro SAME 0
	cmp	rax, r8
	je	%%same
	call	changed
%%same:
%endmacro

check_registers:
	mov	r8, marker
%assign i 0
%rep 15
	movq	rax, xmm %+ i
	SAME
	movhlps	xmm15, xmm %+ i
	movq	rax, xmm15
	SAME
	inc	r8
%assign i i + 1
%endrep
	cmp	byte [has_avx], 0
	je	.no_avx
	mov	r8, marker
%assign i 0
%rep 15
	vperm2f128 ymm15, ymm %+ i, ymm %+ i, 1
	movq	rax, xmm15
	SAME
	inc	r8
%assign i i + 1
%endrep
	xor	ecx, ecx
	xgetbv
	mov	r8d, 7
	SAME
.no_avx:
	fnstsw	ax
	and	eax, 0x3800			; one value on the stack
	mov	r8d, 0x3800
	SAME
	fld	st0
	fistp	qword [pi]
	mov	rax, [pi]
	mov	r8d, 3
	SAME
	mov	r8, marker + 0x100
	mov	rax, dr0
	SAME
	inc	r8
	mov	rax, dr1
	SAME
	inc	r8
	mov	rax, dr2
	SAME
	inc	r8
	mov	rax, dr3
	SAME
	inc	r8
	mov	rax, cr2
	SAME
	mov	r8, marker + 0x200
	xor	ebx, ebx
.msr:	mov	ecx, [msrs + rbx * 4]
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	SAME
	inc	r8
	inc	ebx
	cmp	ebx, (msrs_end - msrs) / 4
	jb	.msr
	ret

; changed - R8: what it was, RAX: what it is
changed:
	inc	qword [faults]
	cmp	qword [faults], 1
	jne	.end
	SAY	"FAIL a register has changed"
	SAY_NUMBER "it was", r8
	SAY_NUMBER "it is", rax
.end:	ret

; The timer's interrupt: the main loop reports.
tick:
	mov	dword [due], 1
arm:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rax, [period]
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	ret

report:
	mov	rdi, prefix
	call	puts
	mov	rdi, beat_text
	call	puts
	mov	rax, [beats]
	call	put_decimal
	mov	rdi, comma_text
	call	puts
	mov	rax, [rounds]
	call	put_decimal
	mov	rdi, rounds_text
	call	puts
	mov	rax, [faults]
	call	put_decimal
	mov	rdi, faults_text
	jmp	puts

section .rodata
beat_text:	db "beat ", 0
comma_text:	db ", ", 0
rounds_text:	db " rounds, ", 0
faults_text:	db " faults", 10, 0
	align	4
msrs:	MSR_LIST
msrs_end:

section .data
	align	8
beats:		dq 0
rounds:		dq 0
faults:		dq 0
period:		dq 0
pi:		dq 0
page:		dd 0
due:		dd 0
has_avx:	db 0
	align	8
keys:		times PATTERN_PAGES dq 0

%include "guest_end.inc"
