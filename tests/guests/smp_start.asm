; smp_start - INIT and SIPI: in which state a processor begins, what they do to
; one that runs, that halts, that has been started before, that is not there.

%define GUEST_NAME "smp_start"
%include "guest.inc"
%include "smp.inc"

%define LOOPS 100
%define TSC_ROUNDS 1000
%define CR0_PE_PG 0x80000001

main:
	call	smp_init
	sti
	mov	eax, 1
	cpuid
	shr	ebx, 16
	movzx	ebx, bl
	cmp	[cpu_count], ebx
	CHECK	be, "leaf 1 has room for as many processors as leaf 0Bh names"
	cmp	dword [cpu_count], 2
	CHECK	ae, "there are several"

	; Not started: nothing but INIT and SIPI reaches it.
	SEND	ICR_NMI, 1
	SEND	ICR_FIXED | 0x40, 1
	call	rest
	cmp	dword [arrived], 0
	CHECK	e, "an NMI and an interrupt start nobody"
	SEND	ICR_SIPI | SMP_PAGE, 1
	AWAIT	e, "a SIPI without INIT starts one that was reset", cmp dword [arrived], 1
	cmp	dword [SMP_CPUS + 0x1000 + CPU_NMIS], 0
	CHECK	e, "an NMI from before the SIPI is lost"
	cmp	dword [SMP_CPUS + 0x1000 + CPU_COUNTS + 0x40 * 4], 0
	CHECK	e, "and so is the interrupt"
	mov	r8d, SMP_CPUS + 0x1000
	cmp	dword [r8 + CPU_FIRST_CS], SMP_PAGE << 8
	CHECK	e, "CS is the vector << 8"
	test	dword [r8 + CPU_FIRST_CR0], CR0_PE_PG
	CHECK	z, "it begins in real mode"
	test	dword [r8 + CPU_FIRST_FLAGS], 0x200
	CHECK	z, "with interrupts off"
	cmp	dword [r8 + CPU_FIRST_SVR], 0xff
	CHECK	e, "its local APIC is software-disabled"
	test	dword [r8 + CPU_FIRST_LVT], 0x10000
	CHECK	nz, "and its timer masked"
	cmp	dword [r8 + CPU_ID], 1
	CHECK	e, "its APIC id is 1"

	; A SIPI for one that runs is ignored.
	mov	edi, 1
	mov	rsi, spin
	call	smp_call
	AWAIT	ne, "it runs a loop", cmp dword [beats], 0
	SEND	ICR_SIPI | SMP_PAGE2, 1
	call	rest
	cmp	dword [arrived], 1
	CHECK	e, "a SIPI for one that runs is ignored"
	mov	r9d, [beats]
	AWAIT	ne, "it goes on", cmp [beats], r9d

	; INIT stops it, NMIs and interrupts are lost, a SIPI starts it anew.
	SEND	0x8500, 1		; level, de-asserted
	call	rest
	mov	r9d, [beats]
	AWAIT	ne, "INIT's de-assertion does nothing", cmp [beats], r9d
	SEND	ICR_INIT, 1
	call	rest
	call	beats_go_on
	CHECK	e, "INIT stops it"
	SEND	ICR_NMI, 1
	SEND	ICR_FIXED | 0x41, 1
	call	rest
	mov	qword [SMP_CPUS + 0x1000 + CPU_WORK], 0
	SEND	ICR_SIPI | SMP_PAGE2, 1
	AWAIT	e, "a SIPI starts it anew", cmp dword [arrived], 2
	cmp	dword [r8 + CPU_FIRST_CS], SMP_PAGE2 << 8
	CHECK	e, "at the other page"
	cmp	dword [r8 + CPU_NMIS], 0
	CHECK	e, "what came between INIT and SIPI is lost: the NMI"
	cmp	dword [r8 + CPU_COUNTS + 0x41 * 4], 0
	CHECK	e, "and the interrupt"

	; The same from HLT, many times, with and without waiting between.
	mov	r12d, LOOPS
.loop:	mov	r13d, [arrived]
	inc	r13d
	SEND	ICR_INIT, 1
	SEND	ICR_SIPI | SMP_PAGE, 1
	SEND	ICR_SIPI | SMP_PAGE2, 1
	call	await_begin
.come:	cmp	[arrived], r13d
	je	.came
	pause
	call	await_is_over
	jb	.come
	jmp	.stuck
.came:	dec	r12d
	jnz	.loop
.stuck:	test	r12d, r12d
	CHECK	z, "100 times INIT and SIPI, 100 starts"
	mov	r12d, LOOPS * 10
.init:	SEND	ICR_INIT, 1
	dec	r12d
	jnz	.init
	mov	r13d, [arrived]
	inc	r13d
	SEND	ICR_SIPI | SMP_PAGE, 1
	AWAIT	e, "1000 INITs and a SIPI: one start", cmp [arrived], r13d
	call	rest
	cmp	[arrived], r13d
	CHECK	e, "no second one"

	; Beyond the configuration.
	SEND	ICR_INIT, [cpu_count]
	SEND	ICR_SIPI | SMP_PAGE, [cpu_count]
	SEND	ICR_INIT, 0x1000
	SEND	ICR_SIPI | SMP_PAGE, 0x1000
	SEND	ICR_NMI, 0xfffffffe
	SEND	ICR_FIXED | 0x42, 0x7fffffff
	call	rest
	cmp	[arrived], r13d
	CHECK	e, "nobody starts whom the configuration does not name"

	; All of them, by a shorthand; the one that halts, too.
	mov	dword [arrived], 0
	call	smp_start_all
	mov	rsi, nothing
	call	smp_call_all
	call	smp_wait_all
	SAY	"PASS each comes out of HLT for a call, and answers"

	; Each sees a TSC that is not behind any other's.
	mov	rsi, compare_tsc
	call	smp_call_all
	call	compare_tsc
	call	smp_wait_all
	cmp	qword [tsc_behind], 0
	CHECK	e, "no TSC is behind that which another one saw before"
	mov	eax, [cpu_count]
	imul	eax, eax, TSC_ROUNDS
	cmp	[tsc_count], eax
	CHECK	e, "as often as was meant"
	ret

nothing:
	ret

spin:	inc	dword [beats]
	jmp	spin

; beats_go_on - ZF: 20 ms, and nothing has changed.
beats_go_on:
	mov	eax, [beats]
	push	rax
	call	rest
	pop	rax
	cmp	[beats], eax
	ret

; rest - a while, in which the others could do something. RAX to RDX.
rest:	push	r8
	mov	eax, 0x40000010
	cpuid
	imul	rax, rax, 20		; 20 ms
	mov	r8, rax
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	r8, rax
.wait:	pause
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, r8
	jb	.wait
	pop	r8
	ret

compare_tsc:
	mov	r14d, TSC_ROUNDS
.round:	call	lock_take
	lfence
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, [tsc_last]
	jae	.good
	inc	qword [tsc_behind]
.good:	mov	[tsc_last], rax
	inc	dword [tsc_count]
	call	lock_drop
	pause
	dec	r14d
	jnz	.round
	ret

section .data
	align	8
tsc_last:	dq 0
tsc_behind:	dq 0
tsc_count:	dd 0
beats:		dd 0

%include "guest_end.inc"
