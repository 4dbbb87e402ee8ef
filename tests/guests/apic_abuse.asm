; apic_abuse - the local APIC, its timer and the IOAPIC with everything that is
; reserved, illegal or too often. Only this guest's own interrupts may suffer.

%define GUEST_NAME "apic_abuse"
%include "guest.inc"
%include "hostile.inc"

%define X2APIC_TPR	0x808
%define X2APIC_ESR	0x828
%define X2APIC_LVT_ERROR 0x837
%define X2APIC_INIT	0x838
%define X2APIC_DIVIDE	0x83e
%define COUNT(v)	dword [IRQ_COUNT_AT + (v) * 4]

main:
	call	apic_on
	call	test_registers
	call	test_icr
	call	test_self
	call	test_eoi
	call	test_disabled
	call	test_timer
	call	test_ioapic
	call	test_random
	ret

%macro WRITES 3			; vector or -1, MSR, value
	mov	ecx, %2
	mov	eax, (%3) & 0xffffffff
	mov	edx, (%3) >> 32
	TRY	wrmsr
	cmp	dword [last_vector], %1
	je	%%fine
	inc	r12d
	mov	eax, %2
	SAY_NUMBER "taken, or refused:", rax
%%fine:
%endmacro

; ---- each register: reserved bits, read-only, missing ----

test_registers:
	xor	r12d, r12d
	xor	ebx, ebx
.high:	cmp	ebx, 0x30			; ICR has 64 bits
	je	.next
	lea	ecx, [rbx + 0x800]
	xor	eax, eax
	mov	edx, 1
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.next
	inc	r12d
.next:	inc	ebx
	cmp	ebx, 0x100
	jb	.high
	ZERO	"bits 32 to 63 of x2APIC registers are reserved", r12d
	xor	r12d, r12d
	mov	esi, read_only
.fixed:	movzx	ecx, byte [rsi]
	add	ecx, 0x800
	xor	eax, eax
	xor	edx, edx
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.gp
	inc	r12d
.gp:	inc	esi
	cmp	esi, read_only_end
	jb	.fixed
	ZERO	"read-only and missing registers cannot be written", r12d
	xor	r12d, r12d
	WRITES	13, X2APIC_TPR, 0x100
	WRITES	13, X2APIC_EOI, 1
	WRITES	13, X2APIC_SIVR, 0x10000
	WRITES	13, X2APIC_ESR, 1
	WRITES	13, X2APIC_LVT_TIMER, 0x60040		; both mode bits
	WRITES	13, X2APIC_LVT_TIMER, 0x80000000
	WRITES	13, X2APIC_LVT_ERROR, 0x20000
	WRITES	13, 0x835, 0x80000000
	WRITES	13, X2APIC_DIVIDE, 4
	WRITES	13, X2APIC_DIVIDE, 0x10
	WRITES	13, X2APIC_SELF_IPI, 0x100
	ZERO	"reserved bits of the registers raise #GP", r12d
	ret

; ---- IPIs ----

test_icr:
	WRMSR_IMM X2APIC_ESR, 0
	xor	r12d, r12d
	xor	ebx, ebx
	; Every delivery mode, shorthand and trigger, vectors 0 to 15 and 50h,
	; to all kinds of destinations that are not this vCPU.
.mode:	mov	eax, ebx
	shl	eax, 8
	and	eax, 0x700
	mov	ecx, ebx
	shr	ecx, 3
	and	ecx, 3
	shl	ecx, 14				; level, trigger
	or	eax, ecx
	or	eax, 0x0c0000			; all but self
	mov	r8d, eax
	xor	r9d, r9d
.vector:
	mov	eax, r8d
	or	eax, r9d
	mov	edx, 0x1234
	mov	ecx, X2APIC_ICR
	TRY	wrmsr
	inc	r9d
	cmp	r9d, 17
	jb	.vector
	inc	ebx
	cmp	ebx, 32
	jb	.mode
	SAY	"all delivery modes to nobody"
	mov	ebx, 1
.nobody:
	mov	eax, 0x4050			; physical, then logical
	mov	edx, ebx
	mov	ecx, X2APIC_ICR
	TRY	wrmsr
	mov	eax, 0x4850
	mov	edx, ebx
	and	edx, ~1
	TRY	wrmsr
	shl	ebx, 1
	jnz	.nobody
	sti
	nop
	nop
	cli
	cmp	COUNT(0x50), 0
	CHECK	e, "messages to others do not come here"
	; Modes that are not: SMI, reserved, start-up to itself. INIT of a boot
	; processor ends the partition: smp_init_bsp.
	xor	r12d, r12d
	mov	eax, 0x4200
	call	self
	mov	eax, 0x4300
	call	self
	mov	eax, 0x4600
	call	self
	mov	eax, 0x4700
	call	self
	ZERO	"SMI, SIPI and reserved modes to itself", r12d
	xor	r12d, r12d
	WRITES	13, X2APIC_ICR, 0x00002000 | 0x50	; reserved bits
	WRITES	13, X2APIC_ICR, 0x00100000 | 0x50
	WRITES	13, X2APIC_ICR, 0xf0000000 | 0x50
	ZERO	"reserved bits of ICR raise #GP", r12d
	mov	ecx, X2APIC_ESR
	xor	eax, eax
	xor	edx, edx
	wrmsr
	rdmsr
	test	eax, 1 << 5
	CHECK	nz, "illegal vectors are in ESR"
	ret

; self - ICR of EAX to this vCPU
self:	xor	edx, edx
	mov	ecx, X2APIC_ICR
	TRY	wrmsr
	cmp	dword [last_vector], -1
	je	.taken
	inc	r12d
.taken:	ret

test_self:
	WRMSR_IMM X2APIC_ESR, 0
	xor	ebx, ebx
.low:	mov	ecx, X2APIC_SELF_IPI
	mov	eax, ebx
	xor	edx, edx
	wrmsr
	inc	ebx
	cmp	ebx, 16
	jb	.low
	WRMSR_IMM X2APIC_ESR, 0
	mov	ecx, X2APIC_ESR
	rdmsr
	test	eax, 1 << 5
	CHECK	nz, "self-IPIs of vectors 0 to 15 are errors"
	mov	ebx, 1000
	sti
.storm:	mov	ecx, X2APIC_SELF_IPI
	mov	eax, 0x52
	xor	edx, edx
	wrmsr
	dec	ebx
	jnz	.storm
	nop
	cli
	cmp	COUNT(0x52), 1000
	CHECK	e, "1000 self-IPIs, each delivered"
	ret

; ---- EOI, and its lack ----

test_eoi:
	mov	ebx, 1000
.eoi:	WRMSR_IMM X2APIC_EOI, 0
	dec	ebx
	jnz	.eoi
	SAY	"PASS EOI with nothing in service"
	; Never an EOI: lower vectors wait, higher ones come.
	mov	eax, no_eoi
	mov	[IDT_AT + 0x60 * 16], ax
	shr	eax, 16
	mov	[IDT_AT + 0x60 * 16 + 6], ax
	WRMSR_IMM X2APIC_SELF_IPI, 0x60
	sti
	nop
	WRMSR_IMM X2APIC_SELF_IPI, 0x53
	WRMSR_IMM X2APIC_SELF_IPI, 0x71
	nop
	cli
	cmp	COUNT(0x53), 0
	CHECK	e, "without EOI a lower vector waits"
	cmp	COUNT(0x71), 1
	CHECK	e, "and a higher one comes"
	WRMSR_IMM X2APIC_EOI, 0
	sti
	nop
	nop
	cli
	cmp	COUNT(0x53), 1
	CHECK	e, "the EOI lets it in"
	WRMSR_IMM X2APIC_TPR, 0xff
	WRMSR_IMM X2APIC_SELF_IPI, 0xfe
	sti
	nop
	cli
	cmp	COUNT(0xfe), 0
	CHECK	e, "TPR ffh holds everything back"
	WRMSR_IMM X2APIC_TPR, 0
	sti
	nop
	nop
	cli
	cmp	COUNT(0xfe), 1
	CHECK	e, "TPR 0 lets it in"
	ret

no_eoi:
	iretq

; ---- disabled by software, with interrupts pending ----

test_disabled:
	WRMSR_IMM X2APIC_SELF_IPI, 0x54
	WRMSR_IMM X2APIC_SIVR, 0xff
	sti
	nop
	mov	ecx, 100
.off:	pause
	dec	ecx
	jnz	.off
	cli
	mov	ecx, X2APIC_LVT_TIMER
	rdmsr
	bt	eax, 16
	CHECK	c, "a disabled APIC masks its LVTs"
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40
	mov	ecx, X2APIC_LVT_TIMER
	rdmsr
	bt	eax, 16
	CHECK	c, "and keeps them masked"
	WRMSR_IMM X2APIC_SIVR, 0x1ff
	sti
	nop
	nop
	cli
	cmp	COUNT(0x54), 1
	CHECK	e, "what was pending comes once"
	ret

; ---- the timer ----

test_timer:
	mov	esi, divisors
.divisor:
	movzx	eax, byte [rsi]
	mov	ecx, X2APIC_DIVIDE
	xor	edx, edx
	wrmsr
	WRMSR_IMM X2APIC_LVT_TIMER, 0x20061	; periodic
	WRMSR_IMM X2APIC_INIT, 1		; as often as can be
	sti
	mov	ecx, 2000
.run:	pause
	dec	ecx
	jnz	.run
	cli
	WRMSR_IMM X2APIC_INIT, 0
	inc	esi
	cmp	esi, divisors_end
	jb	.divisor
	WRMSR_IMM X2APIC_DIVIDE, 0xb
	WRMSR_IMM X2APIC_LVT_TIMER, 0x20061
	WRMSR_IMM X2APIC_INIT, 1
	mov	dword [IRQ_COUNT_AT + 0x61 * 4], 0
	mov	eax, 0x40000010
	cpuid
	mov	ebx, eax			; kHz: ticks a millisecond
	imul	rbx, rbx, 20
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	lea	r8, [rax + rbx]			; 20 ms from now
	sti
.period:
	pause
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, r8
	jb	.period
	cli
	WRMSR_IMM X2APIC_INIT, 0
	WRMSR_IMM X2APIC_LVT_TIMER, 0x10061
	cmp	COUNT(0x61), 0
	CHECK	ne, "a period of one tick: interrupts come"
	cmp	COUNT(0x61), 1500		; 20 us each at most, in 20 ms
	CHECK	b, "but no more than one in 20 microseconds"
	; Deadlines in the past and a tick ahead, over and over.
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40062
	sti
	mov	ebx, 1000
.past:	mov	ecx, IA32_TSC_DEADLINE
	mov	eax, 1
	xor	edx, edx
	wrmsr
	rdtsc
	add	eax, 1
	adc	edx, 0
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	dec	ebx
	jnz	.past
	nop
	cli
	WRMSR_IMM IA32_TSC_DEADLINE, 0
	WRMSR_IMM X2APIC_LVT_TIMER, 0x10000
	cmp	COUNT(0x62), 1000
	CHECK	ae, "2000 deadlines at once: 1000 interrupts and more"
	; The timer's vector below 16.
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40005
	WRMSR_IMM IA32_TSC_DEADLINE, 1
	sti
	mov	ecx, 1000
.low:	pause
	dec	ecx
	jnz	.low
	cli
	WRMSR_IMM X2APIC_LVT_TIMER, 0x10000
	SAY	"PASS a timer with vector 5"
	ret

; ---- the IOAPIC ----

test_ioapic:
	mov	ebx, IOAPIC
	; Each index, each byte offset, each size.
	xor	r9d, r9d
.index:	mov	[rbx], r9d
	mov	eax, [rbx + 0x10]
	mov	dword [rbx + 0x10], -1
	mov	dword [rbx + 0x10], 0
	inc	r9d
	cmp	r9d, 0x100
	jb	.index
	xor	r9d, r9d
.offset:
	mov	al, [rbx + r9]
	mov	ax, [rbx + r9]
	mov	eax, [rbx + r9]
	mov	rax, [rbx + r9]
	inc	r9d
	cmp	r9d, 0xf8
	jb	.offset
	mov	dword [rbx], 1
	cmp	dword [rbx + 0x10], 0x170020
	CHECK	e, "the IOAPIC's version cannot be written"
	mov	dword [rbx], 0x18
	mov	dword [rbx + 0x10], 0x1d00f	; vector 15, status, remote IRR
	mov	eax, [rbx + 0x10]
	test	eax, 0x5000
	CHECK	z, "remote IRR and delivery status cannot be written"
	; A level pin that the guest's own serial port holds: one interrupt an
	; EOI, whatever is written meanwhile.
	mov	dword [rbx], 0x19
	mov	dword [rbx + 0x10], 0
	mov	dword [rbx], 0x18
	mov	dword [rbx + 0x10], 0x8055	; level, vector 55h
	mov	qword [IRQ_HOOK_AT + 0x55 * 8], level
	mov	edx, COM1 + 4
	mov	al, 0xb
	out	dx, al
	mov	edx, COM1 + 1
	mov	al, 2
	out	dx, al				; THR is empty, for ever
	sti
	mov	ecx, 100000
.level:	pause
	cmp	COUNT(0x55), 200
	jae	.enough
	dec	ecx
	jnz	.level
.enough:
	cli
	mov	edx, COM1 + 1
	xor	eax, eax
	out	dx, al
	mov	dword [rbx], 0x18
	mov	dword [rbx + 0x10], 0x10000
	cmp	COUNT(0x55), 1
	CHECK	ae, "a level-triggered line that stays up interrupts again"
	; Messages with illegal vectors and modes, to nobody.
	mov	r9d, 0x700
.mode:	mov	dword [rbx], 0x19
	mov	dword [rbx + 0x10], 0x55000000
	mov	dword [rbx], 0x18
	mov	eax, r9d
	or	eax, 5
	mov	[rbx + 0x10], eax
	mov	edx, COM1 + 1
	mov	al, 2
	out	dx, al
	xor	eax, eax
	out	dx, al
	sub	r9d, 0x100
	jns	.mode
	mov	dword [rbx], 0x18
	mov	dword [rbx + 0x10], 0x10000
	SAY	"PASS an IOAPIC pin with vector 5 and every mode"
	ret

level:	mov	edx, COM1 + 1			; off and on: THR empty again
	xor	eax, eax
	out	dx, al
	cmp	COUNT(0x55), 200
	jae	.enough
	mov	al, 2
	out	dx, al
.enough:
	ret

; ---- anything anywhere ----

test_random:
	WRMSR_IMM X2APIC_SIVR, 0x1ff
	mov	r14d, 2000
.again:	call	random
	mov	rbx, rax
	mov	ecx, eax
	and	ecx, 0xff
	add	ecx, 0x800
	cmp	ecx, X2APIC_ICR			; NMIs to itself need a handler
	je	.next
	mov	rax, rbx
	shr	rax, 16
	mov	rdx, rbx
	shr	rdx, 63
	TRY	wrmsr
	TRY	rdmsr
.next:	dec	r14d
	jnz	.again
	WRMSR_IMM X2APIC_INIT, 0
	WRMSR_IMM X2APIC_LVT_TIMER, 0x10000
	WRMSR_IMM X2APIC_SIVR, 0x1ff
	WRMSR_IMM X2APIC_TPR, 0
	mov	ecx, 300			; all that may be in service
.eoi:	push	rcx
	WRMSR_IMM X2APIC_EOI, 0
	pop	rcx
	dec	ecx
	jnz	.eoi
	sti
	mov	ecx, 1000
.drain:	pause
	dec	ecx
	jnz	.drain
	cli
	mov	dword [IRQ_COUNT_AT + 0x81 * 4], 0
	WRMSR_IMM X2APIC_SELF_IPI, 0x81
	sti
	nop
	nop
	cli
	cmp	COUNT(0x81), 1
	CHECK	e, "the APIC works after 2000 random writes"
	ret

section .rodata
read_only:
	db	0x02, 0x03, 0x0a, 0x0d, 0x10, 0x17, 0x18, 0x1f, 0x20, 0x27
	db	0x00, 0x01, 0x04, 0x07, 0x09, 0x0c, 0x0e, 0x29, 0x2e, 0x31
	db	0x39, 0x3a, 0x3d, 0x40, 0x41, 0x80, 0xff
read_only_end:
divisors: db	0, 1, 2, 3, 8, 9, 10, 11
divisors_end:

%include "guest_end.inc"
