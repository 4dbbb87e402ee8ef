; regs - what a guest finds in the registers at its start is a reset's, nothing
; of a neighbour's; what it puts there stays while others run.

%define GUEST_NAME "regs"
%include "guest.inc"
%include "hostile.inc"

%define X87		(SCRATCH + 0x000)	; FXSAVE
%define AREA		(SCRATCH + 0x1000)	; XSAVE
%define ROUNDS		300

main:
	call	test_fresh
	call	test_own
	ret

%macro IS_ZERO 0
	test	rax, rax
	jz	%%zero
	inc	r12d
%%zero:
%endmacro

test_fresh:
	xor	r12d, r12d
	mov	rax, dr0
	IS_ZERO
	mov	rax, dr1
	IS_ZERO
	mov	rax, dr2
	IS_ZERO
	mov	rax, dr3
	IS_ZERO
	ZERO	"DR0 to DR3 are 0 at the start", r12d
	mov	rax, dr7
	cmp	rax, 0x400
	CHECK	e, "DR7 is as after a reset"
	mov	rax, cr2
	test	rax, rax
	CHECK	z, "CR2 is 0 at the start"
	xor	r12d, r12d
	mov	esi, zero_msrs
.msr:	mov	ecx, [rsi]
	TRY	rdmsr
	cmp	dword [last_vector], -1
	jne	.next
	or	eax, edx
	IS_ZERO
.next:	add	esi, 4
	cmp	esi, zero_msrs_end
	jb	.msr
	ZERO	"STAR, LSTAR, FS, GS, SYSENTER and the like are 0 at the start", r12d

	; x87 and SSE, all that FXSAVE and XSAVE can show.
	mov	rax, cr4
	or	eax, 1 << 9
	mov	cr4, rax
	fxsave64 [X87]
	xor	r12d, r12d
	mov	esi, X87 + 32
	mov	ecx, (8 * 16 + 16 * 16) / 8
.fx:	lodsq
	IS_ZERO
	dec	ecx
	jnz	.fx
	ZERO	"x87 and XMM registers are 0 at the start", r12d
	cmp	word [X87], 0x37f
	CHECK	e, "the x87 control word is as after FNINIT"
	cmp	byte [X87 + 4], 0
	CHECK	e, "the x87 stack is empty"
	cmp	dword [X87 + 24], 0x1f80
	CHECK	e, "MXCSR is as after a reset"
	mov	eax, 1
	cpuid
	bt	ecx, 26
	jnc	.no_xsave
	mov	rax, cr4
	bts	rax, 18
	mov	cr4, rax
	xor	ecx, ecx
	xgetbv
	cmp	eax, 1
	CHECK	e, "XCR0 is 1 at the start"
	mov	eax, 13
	xor	ecx, ecx
	cpuid
	xor	ecx, ecx
	xor	edx, edx
	xsetbv
	mov	eax, -1
	mov	edx, -1
	xsave64	[AREA]
	; What each component beyond SSE holds, whether in use or not.
	xor	r12d, r12d
	mov	r9d, 2
.component:
	mov	eax, 13
	mov	ecx, r9d
	cpuid
	mov	ecx, eax
	jecxz	.absent
	lea	esi, [rbx + AREA]
.byte:	lodsb
	movzx	eax, al
	or	r12d, eax
	dec	ecx
	jnz	.byte
.absent:
	inc	r9d
	cmp	r9d, 20
	jb	.component
	ZERO	"no component beyond SSE holds anything at the start", r12d
	cmp	qword [AREA + 520], 0
	CHECK	e, "XSAVE writes its header"
.no_xsave:
	ret

; ---- markers that stay ----

%assign marker 0x5ec7e7000000
test_own:
	cmp	dword [fail_count], 0
	jne	.end
	; AVX where there is, else SSE
	xor	r13d, r13d
	mov	rax, cr4
	bt	eax, 18
	jnc	.fill
	xor	ecx, ecx
	xgetbv
	and	eax, 4
	mov	r13d, eax
.fill:
%assign i 0
%rep 15
	mov	rax, marker + i
	movq	xmm %+ i, rax
	movlhps	xmm %+ i, xmm %+ i
%assign i i + 1
%endrep
	test	r13d, r13d
	jz	.sse
%assign i 0
%rep 15
	vperm2f128 ymm %+ i, ymm %+ i, ymm %+ i, 0
%assign i i + 1
%endrep
.sse:	mov	rax, marker + 0x100
	mov	dr0, rax
	mov	dr3, rax
	mov	cr2, rax
	mov	esi, own_msrs
	mov	r8, marker + 0x200
.msr:	mov	ecx, [rsi]
	mov	eax, r8d
	mov	rdx, r8
	shr	rdx, 32
	wrmsr
	inc	r8
	add	esi, 4
	cmp	esi, own_msrs_end
	jb	.msr
	mov	ecx, 0xffffffff
	fninit
	fldpi

	call	apic_on
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40040
	mov	eax, 0x40000010
	cpuid
	mov	r15d, eax			; ticks a millisecond
	xor	r12d, r12d
	mov	r14d, ROUNDS
.round:	rdtsc					; sleep a millisecond: others run
	shl	rdx, 32
	or	rax, rdx
	add	rax, r15
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	sti
	hlt
	cli
	call	look
	dec	r14d
	jnz	.round
	ZERO	"300 times asleep, and every register is as it was", r12d
.end:	ret

%macro SAME 0
	cmp	rax, r8
	je	%%same
	inc	r12d
%%same:
%endmacro

look:
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
	test	r13d, r13d
	jz	.no_avx
	mov	r8, marker
%assign i 0
%rep 15
	vperm2f128 ymm15, ymm %+ i, ymm %+ i, 1
	movq	rax, xmm15
	SAME
	inc	r8
%assign i i + 1
%endrep
.no_avx:
	mov	r8, marker + 0x100
	mov	rax, dr0
	SAME
	mov	rax, dr3
	SAME
	mov	rax, cr2
	SAME
	mov	r8, marker + 0x200
	mov	esi, own_msrs
.msr:	mov	ecx, [rsi]
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	SAME
	inc	r8
	add	esi, 4
	cmp	esi, own_msrs_end
	jb	.msr
	fnstsw	ax
	and	eax, 0x3800
	mov	r8d, 0x3800
	SAME
	ret

section .rodata
	align	4
zero_msrs:
	dd	0x174, 0x175, 0x176
	dd	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084
	dd	0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103
zero_msrs_end:
own_msrs:
	dd	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101
	dd	0xc0000102, 0x175, 0x176
own_msrs_end:

%include "guest_end.inc"
