; smp_ipi - interrupts between vCPUs: each delivery mode and each way to name
; whom it is for; to one that runs, that halts, that has interrupts off.

%define GUEST_NAME "smp_ipi"
%include "guest.inc"
%include "smp.inc"

%define X2APIC_TPR	0x808
%define X2APIC_ESR	0x828
%define BLOCK1		(SMP_CPUS + 0x1000)
%define COUNT1(v)	dword [BLOCK1 + CPU_COUNTS + (v) * 4]
%define COUNT0(v)	dword [SMP_CPUS + CPU_COUNTS + (v) * 4]
%define LOWEST_COUNT	64

main:
	call	smp_init
	sti
	call	smp_start_all

	SAY	"to one that halts"
	call	each_way
	SAY	"to one that runs"
	mov	byte [go], 0
	mov	rsi, run
	call	smp_call_all
	call	each_way
	call	stop_all

	; With interrupts off they wait; NMIs do not.
	call	smp_clear
	mov	byte [go], 0
	mov	edi, 1
	mov	rsi, run_masked
	call	smp_call
	AWAIT	ne, "one runs with interrupts off", cmp byte [is_masked], 0
	SEND	ICR_FIXED | 0x51, 1
	SEND	ICR_FIXED | 0x61, 1
	SEND	ICR_NMI, 1
	AWAIT	ae, "an NMI gets through", cmp dword [BLOCK1 + CPU_NMIS], 1
	cmp	COUNT1(0x51), 0
	CHECK	e, "interrupts do not"
	call	stop_all
	AWAIT	e, "they arrive with STI", cmp COUNT1(0x51), 1
	cmp	COUNT1(0x61), 1
	CHECK	e, "both"
	cmp	dword [order], 0x5161
	CHECK	e, "the higher one first"

	; HLT with interrupts off: only an NMI wakes it.
	call	smp_clear
	mov	byte [woken], 0
	mov	byte [is_masked], 0
	mov	edi, 1
	mov	rsi, halt_masked
	call	smp_call
	AWAIT	ne, "one has its interrupts off", cmp byte [is_masked], 0
	mov	r12d, 50
.knock:	SEND	ICR_FIXED | 0x52, 1
	dec	r12d
	jnz	.knock
	call	rest
	cmp	byte [woken], 0
	CHECK	e, "HLT with interrupts off: no interrupt wakes it"
	SEND	ICR_NMI, 1
	AWAIT	ne, "an NMI does", cmp byte [woken], 0
	call	smp_wait_all
	AWAIT	e, "then the interrupt is there", cmp COUNT1(0x52), 1

	; Task priority.
	call	smp_clear
	mov	byte [go], 0
	mov	byte [is_masked], 0
	mov	edi, 1
	mov	rsi, run_tpr
	call	smp_call
	AWAIT	ne, "one runs with TPR 60h", cmp byte [is_masked], 0
	SEND	ICR_FIXED | 0x53, 1
	SEND	ICR_FIXED | 0x73, 1
	AWAIT	e, "a higher vector arrives", cmp COUNT1(0x73), 1
	cmp	COUNT1(0x53), 0
	CHECK	e, "a lower one waits"
	call	stop_all
	AWAIT	e, "until the TPR is 0", cmp COUNT1(0x53), 1

	; Refused or ignored.
	call	smp_clear
	EXPECT_GP "reserved bits of the ICR", SEND 0x2000 | ICR_FIXED | 0x54, 1
	WRMSR_IMM X2APIC_ESR, 0
	SEND	ICR_FIXED | 0x0f, 1
	WRMSR_IMM X2APIC_ESR, 0
	mov	ecx, X2APIC_ESR
	rdmsr
	test	eax, 0x20
	CHECK	nz, "vector 0Fh: send illegal vector"
	SEND	0x4200 | 0x54, 1		; SMI
	SEND	0x4700 | 0x54, 1		; ExtINT
	SEND	0x4300 | 0x54, 1		; reserved
	SEND	ICR_NMI | ICR_SELF, 0		; not a valid combination
	SEND	ICR_FIXED | ICR_LOGICAL | 0x54, 0x00010001	; no such cluster
	SEND	ICR_LOWEST | ICR_LOGICAL | 0x54, 0x00020001
	SEND	ICR_FIXED | 0x54, SMP_MAX + 4
	call	rest
	mov	eax, 0x54
	call	smp_sum
	test	eax, eax
	CHECK	z, "SMI, ExtINT, reserved, nobody: nothing arrives"
	mov	eax, [SMP_CPUS + CPU_NMIS]
	add	eax, [BLOCK1 + CPU_NMIS]
	CHECK	z, "and no NMI"
	ret

; each_way - all modes and destinations, while the others halt or run.
each_way:
	call	smp_clear
	mov	r8d, [cpu_count]
	mov	r9d, r8d
	dec	r9d			; the others
	SEND	ICR_FIXED | 0x40, 1
	AWAIT	e, "fixed, physical", cmp COUNT1(0x40), 1
	SEND	ICR_FIXED | ICR_LOGICAL | 0x41, 2
	AWAIT	e, "fixed, logical, one of the cluster", cmp COUNT1(0x41), 1
	mov	ebx, 1
	mov	ecx, r8d
	shl	ebx, cl
	dec	ebx			; the whole cluster
	SEND	ICR_FIXED | ICR_LOGICAL | 0x42, ebx
	mov	ebp, 0x42
	AWAIT	e, "fixed, logical, all of the cluster", call total
	cmp	COUNT0(0x42), 1
	CHECK	e, "the sender among them"
	SEND	ICR_FIXED | ICR_LOGICAL | 0x43, 0xffff
	mov	ebp, 0x43
	AWAIT	e, "bits of those that are not there do no harm", call total
	SEND	ICR_FIXED | 0x44, 0xffffffff
	mov	ebp, 0x44
	AWAIT	e, "broadcast", call total
	SEND	ICR_FIXED | ICR_ALL | 0x45, 1
	mov	ebp, 0x45
	AWAIT	e, "shorthand: all", call total
	SEND	ICR_FIXED | ICR_OTHERS | 0x46, 1
	mov	ebp, 0x46
	AWAIT	e, "shorthand: all but self", call total_others
	cmp	COUNT0(0x46), 0
	CHECK	e, "self not among them"
	SEND	ICR_FIXED | ICR_SELF | 0x47, 1
	AWAIT	e, "shorthand: self", cmp COUNT0(0x47), 1
	WRMSR_IMM X2APIC_SELF_IPI, 0x47
	AWAIT	e, "the self-IPI register", cmp COUNT0(0x47), 2
	mov	eax, 0x47
	call	smp_sum
	cmp	eax, 2
	CHECK	e, "nobody else gets it"

	; Each must be there before the next: two of one vector are one.
	xor	r12d, r12d
	mov	ebp, 0x48
.lowest:
	SEND	ICR_LOWEST | ICR_LOGICAL | 0x48, ebx
	inc	r12d
	call	await_begin
.come:	call	sum_is_r12
	je	.next
	pause
	call	await_is_over
	jb	.come
	jmp	.stuck
.next:	cmp	r12d, LOWEST_COUNT
	jne	.lowest
.stuck:	call	rest
	mov	eax, 0x48
	call	smp_sum
	cmp	eax, LOWEST_COUNT
	CHECK	e, "lowest priority: to one of them each time"
	cmp	COUNT1(0x48), 0
	CHECK	ne, "not always to the same"

	SEND	ICR_NMI, 1
	AWAIT	e, "NMI", cmp dword [BLOCK1 + CPU_NMIS], 1
	SEND	ICR_NMI | ICR_OTHERS, 0
	AWAIT	e, "NMI to all but self", cmp dword [BLOCK1 + CPU_NMIS], 2
	cmp	dword [SMP_CPUS + CPU_NMIS], 0
	CHECK	e, "not to self"
	SEND	ICR_NMI, 0xffffffff
	AWAIT	e, "NMI by broadcast", cmp dword [BLOCK1 + CPU_NMIS], 3
	AWAIT	e, "to self, too", cmp dword [SMP_CPUS + CPU_NMIS], 1

	; What the others got in all, while nobody looked.
	call	rest
	cmp	COUNT1(0x40), 1
	CHECK	e, "each came once"
	mov	eax, 0x40
	call	smp_sum
	cmp	eax, 1
	CHECK	e, "and to one alone"
	ret

; total - ZF: vector EBP came once to each vCPU. R8D: how many there are.
total:	mov	eax, ebp
	push	rcx
	push	rdi
	call	smp_sum
	pop	rdi
	pop	rcx
	cmp	eax, r8d
	ret
total_others:
	mov	eax, ebp
	push	rcx
	push	rdi
	call	smp_sum
	pop	rdi
	pop	rcx
	cmp	eax, r9d
	ret
sum_is_r12:
	mov	eax, ebp
	call	smp_sum
	cmp	eax, r12d
	ret

stop_all:
	mov	byte [go], 1
	jmp	smp_wait_all

run:	pause
	cmp	byte [go], 0
	je	run
	ret

run_masked:
	cli
	mov	qword [IRQ_HOOK_AT + 0x51 * 8], in_order
	mov	qword [IRQ_HOOK_AT + 0x61 * 8], in_order
	mov	byte [is_masked], 1
.wait:	pause
	cmp	byte [go], 0
	je	.wait
	sti
	nop
	ret

in_order:				; the last two vectors
	mov	ecx, [order]
	shr	ecx, 8
	mov	edx, eax
	shl	edx, 8
	or	ecx, edx
	mov	[order], ecx
	jmp	smp_count

halt_masked:
	cli
	mov	byte [is_masked], 1
	hlt
	mov	byte [woken], 1
	sti
	ret

run_tpr:
	WRMSR_IMM X2APIC_TPR, 0x60
	mov	byte [is_masked], 1
.wait:	pause
	cmp	byte [go], 0
	je	.wait
	WRMSR_IMM X2APIC_TPR, 0
	ret

rest:	mov	ecx, 20000
.turn:	pause
	dec	ecx
	jnz	.turn
	ret

section .data
	align	8
order:		dd 0
go:		db 0
is_masked:	db 0
woken:		db 0

%include "guest_end.inc"
