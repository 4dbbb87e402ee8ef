; lent_apic - a local APIC used in every way that matters to its being lent
; (docs/adr/0009): alone on its CPU, this guest has the processor's own. It must
; see no difference, and what it leaves behind must hurt nobody: it ends by a
; triple fault with interrupts in service and requested, the TPR up, the timer
; armed. Started again, it must find a clean one.

%define GUEST_NAME "lent_apic"
%include "guest.inc"

%define X2APIC_TPR	0x808
%define X2APIC_ISR0	0x810
%define X2APIC_IRR0	0x820
%define TIMER_VECTOR	0x80
%define COUNT(v)	dword [IRQ_COUNT_AT + (v) * 4]
%define HOOK(v)		qword [IRQ_HOOK_AT + (v) * 8]

main:
	call	apic_on
	mov	ecx, X2APIC_IRR0
	call	count_bits
	test	ebx, ebx
	CHECK	z, "nothing is requested at the start"
	mov	ecx, X2APIC_ISR0
	call	count_bits
	test	ebx, ebx
	CHECK	z, "nothing is in service at the start"
	mov	ecx, X2APIC_TPR
	rdmsr
	test	eax, eax
	CHECK	z, "the TPR is 0 at the start"
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR
	mov	ecx, IA32_TSC_DEADLINE
	rdmsr
	or	eax, edx
	CHECK	z, "the timer is not armed at the start"

	sti
	mov	r12d, 200
.tick:	mov	r13d, COUNT(TIMER_VECTOR)
	mov	eax, 3000
	call	arm
.until:	pause
	cmp	COUNT(TIMER_VECTOR), r13d
	je	.until
	dec	r12d
	jnz	.tick
	cmp	COUNT(TIMER_VECTOR), 200
	CHECK	e, "200 deadlines, 200 interrupts"
	mov	eax, -100000			; in the past: at once
	call	arm
	nop
	cmp	COUNT(TIMER_VECTOR), 201
	CHECK	e, "a deadline in the past fires at once"

	; A deadline that was armed before an exit that looks at the APIC.
	mov	eax, 20000000
	call	arm
	mov	ecx, X2APIC_IRR0
	rdmsr
	mov	ecx, IA32_TSC_DEADLINE
	rdmsr
	or	eax, edx
	CHECK	nz, "an armed deadline can be read after an exit"
	sti
.far:	pause
	cmp	COUNT(TIMER_VECTOR), 202
	jne	.far
	SAY	"and it fires"

	; All vectors that a handler counts, requested at once; but FFh, which
	; is the spurious one: Bochs never ends that.
	cli
	mov	r12d, 32
.each:	mov	eax, r12d
	call	raise
	inc	r12d
	cmp	r12d, 255
	jne	.each
	mov	ecx, X2APIC_IRR0
	call	count_bits
	cmp	ebx, 223
	CHECK	e, "223 vectors requested, 223 bits in IRR"
	mov	COUNT(TIMER_VECTOR), 0
	sti
	nop
	cli
	mov	r12d, 32
	xor	ebx, ebx
.sum:	cmp	dword [IRQ_COUNT_AT + r12 * 4], 1
	sete	al
	movzx	eax, al
	add	ebx, eax
	inc	r12d
	cmp	r12d, 255
	jne	.sum
	cmp	ebx, 223
	CHECK	e, "each arrives once"
	mov	ecx, X2APIC_IRR0
	call	count_bits
	test	ebx, ebx
	CHECK	z, "IRR is empty then"

	; An exit that looks at the APIC from inside a handler.
	mov	HOOK(0x91), in_service
	sti
	mov	eax, 0x91
	call	raise
	nop
	cmp	dword [isr_bits], 1
	CHECK	e, "one vector was in service in its handler"
	cmp	dword [low_early], 1
	CHECK	e, "a lower one waits for the EOI"
	cmp	COUNT(0x41), 2
	CHECK	e, "and arrives after it"

	; Task priority, by its MSR and by CR8.
	WRMSR_IMM X2APIC_TPR, 0x60
	mov	eax, 0x52
	call	raise
	nop
	cmp	COUNT(0x52), 1
	CHECK	e, "TPR 60h holds vector 52h back"
	mov	rax, cr8
	cmp	eax, 6
	CHECK	e, "CR8 shows the TPR"
	mov	eax, 5
	mov	cr8, rax
	nop
	cmp	COUNT(0x52), 1
	CHECK	e, "CR8 = 5 holds it back, too"
	xor	eax, eax
	mov	cr8, rax
	nop
	cmp	COUNT(0x52), 2
	CHECK	e, "CR8 = 0 lets it in"
	EXPECT_GP "bad TPR", WRMSR_IMM X2APIC_TPR, 0x100
	EXPECT_GP "bad self-IPI", WRMSR_IMM X2APIC_SELF_IPI, 0x100000000
	EXPECT_GP "bad EOI", WRMSR_IMM X2APIC_EOI, 1

	; While halted the APIC is not lent; its timer must wake the CPU.
	mov	r12d, 20
.sleep:	cli
	mov	r13d, COUNT(TIMER_VECTOR)
	mov	eax, 20000
	call	arm
.halt:	sti
	hlt
	cli
	cmp	COUNT(TIMER_VECTOR), r13d
	je	.halt
	dec	r12d
	jnz	.sleep
	SAY	"PASS 20 times woken from HLT"

	; A periodic timer cannot be lent, and must work all the same.
	WRMSR_IMM X2APIC_LVT_TIMER, 0x20000 | TIMER_VECTOR
	mov	r13d, COUNT(TIMER_VECTOR)
	WRMSR_IMM 0x838, 30000
	add	r13d, 10
	sti
.period:
	pause
	cmp	COUNT(TIMER_VECTOR), r13d
	jl	.period
	SAY	"PASS ten periods"
	WRMSR_IMM 0x838, 0
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR

	cmp	dword [fail_count], 0
	CHECK	e, "nothing failed so far"
	SAY	"leaving a mess"
	mov	HOOK(0x33), mess
	mov	eax, 0x33
	call	raise
	nop
	SAY	"FAIL still here"
	ret

; In the handler of 91h: look at ISR by MSR, raise a lower vector.
in_service:
	push	rbx
	mov	ecx, X2APIC_ISR0
	call	count_bits
	mov	[isr_bits], ebx
	mov	eax, 0x41
	call	raise
	sti				; priority, not IF, holds it back
	nop
	cli
	mov	eax, COUNT(0x41)
	mov	[low_early], eax
	pop	rbx
	ret

; In the handler of 33h: every vector requested, also those below 20h.
mess:
	mov	r12d, 16
.next:	mov	eax, r12d
	call	raise
	inc	r12d
	cmp	r12d, 256
	jne	.next
	WRMSR_IMM X2APIC_TPR, 0xf0
	mov	eax, 100000
	call	arm
	lidt	[nothing]
	int3

; raise - self-IPI of vector EAX. Clobbers RAX, RCX, RDX.
raise:
	mov	ecx, X2APIC_SELF_IPI
	xor	edx, edx
	wrmsr
	ret

; arm - deadline in EAX (signed) ticks. Clobbers RAX, RCX, RDX.
arm:
	movsxd	rcx, eax
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rax, rcx
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	ret

; count_bits - in the 8 MSRs from ECX on; EBX: how many. Clobbers RAX, RCX, RDX.
count_bits:
	push	r12
	xor	ebx, ebx
	mov	r12d, 8
.msr:	rdmsr
.bit:	test	eax, eax
	jz	.none
	inc	ebx
	mov	edx, eax
	dec	edx
	and	eax, edx
	jmp	.bit
.none:	inc	ecx
	dec	r12d
	jnz	.msr
	pop	r12
	ret

section .data
isr_bits:	dd 0
low_early:	dd -1
nothing:	dw 0
		dq 0

%include "guest_end.inc"
