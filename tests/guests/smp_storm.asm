; smp_storm - many interrupts between vCPUs: none may be lost, and each must
; wake its vCPU. How many: the first number on the command line.

%define GUEST_NAME "smp_storm"
%include "guest.inc"
%include "smp.inc"

%define FLOOD		10		; times as many that nobody answers
%define VECTOR_PING	0x70
%define VECTOR_STORM	0x71
%define VECTOR_LAST	0x72
%define COUNT(n, v)	dword [SMP_CPUS + (n) * 0x1000 + CPU_COUNTS + (v) * 4]

main:
	call	smp_init
	sti
	cmp	dword [rounds], 0
	CHECK	ne, "the command line says how many"
	call	smp_start_all
	mov	qword [IRQ_HOOK_AT + VECTOR_PING * 8], on_ping
	mov	qword [IRQ_HOOK_AT + VECTOR_STORM * 8], on_storm
	mov	qword [IRQ_HOOK_AT + VECTOR_LAST * 8], on_last

	; Two that halt and wake each other: without the wake-up all stands still.
	mov	edi, 1
	mov	rsi, pong
	call	smp_call
	mov	r12d, [rounds]
.ping:	SEND	ICR_FIXED | VECTOR_PING, 1
	call	pinged
	dec	r12d
	jnz	.ping
	call	smp_wait_all
	SAY	"PASS two in HLT, each wakes the other"
	mov	eax, [rounds]
	cmp	COUNT(0, VECTOR_PING), eax
	CHECK	e, "as many wake-ups of this one as rounds"
	cmp	COUNT(1, VECTOR_PING), eax
	CHECK	e, "and of the other"

	; Each sends to the next, all at once; the next one answers.
	mov	rsi, storm
	call	smp_call_all
	call	storm
	call	smp_wait_all
	mov	ecx, [cpu_count]
	imul	ecx, [rounds]
	mov	ebx, ecx
	mov	eax, VECTOR_STORM
	call	smp_sum
	cmp	eax, ebx
	CHECK	e, "a storm among all: none is lost, none comes twice"

	; Without waiting: several may be one, but what was sent before the last
	; one is seen by its handler.
	mov	rsi, nothing
	call	smp_call_all
	call	smp_wait_all
	call	unanswered
	cmp	dword [last_seen], r12d
	CHECK	e, "the last of many is seen by one that halts"
	mov	byte [go], 0
	mov	edi, 1
	mov	rsi, run
	call	smp_call
	call	unanswered
	cmp	dword [last_seen], r12d
	CHECK	e, "and by one that runs"
	mov	byte [go], 1
	call	smp_wait_all
	cmp	COUNT(1, VECTOR_LAST), 2
	CHECK	ae, "some came"
	ret

; unanswered - IPIs to vCPU 1, which are not waited for; then wait for the last.
; R12D: how many.
unanswered:
	xor	r12d, r12d
.send:	inc	r12d
	mov	[last_sent], r12d
	SEND	ICR_FIXED | VECTOR_LAST, 1
	imul	eax, [rounds], FLOOD
	cmp	r12d, eax
	jne	.send
	AWAIT	e, "it comes", cmp [last_seen], r12d
	ret
on_last:
	mov	ecx, [last_sent]
	mov	[last_seen], ecx
	jmp	smp_count

pong:	mov	r12d, [rounds]
.wait:	call	pinged
	SEND	ICR_FIXED | VECTOR_PING, 0
	dec	r12d
	jnz	.wait
	ret

; pinged - in HLT until the handler was there: nothing else tells of the ping, so
; each one is a wake-up.
pinged:	HALT_UNTIL ne, cmp byte gs:[CPU_FREE], 0
	mov	byte gs:[CPU_FREE], 0
	ret
on_ping:
	mov	byte gs:[CPU_FREE], 1
	jmp	smp_count

; storm - R15D: this vCPU. [rounds] IPIs to the next one; each is answered by
; its handler, which also calls, so that nobody has to spin on a CPU that the
; other one needs.
storm:	mov	r12d, [rounds]
	lea	r13d, [r15 + 1]
	cmp	r13d, [cpu_count]
	jne	.send
	xor	r13d, r13d
.send:	mov	byte [pending + r15], 1
	SEND	ICR_FIXED | VECTOR_STORM, r13d
	HALT_UNTIL e, cmp byte [pending + r15], 0
	dec	r12d
	jnz	.send
	ret

; EAX: vector. Answer the one before this one; all is done when it has that.
on_storm:
	call	smp_count
	push	rax
	mov	ecx, gs:[CPU_ID]
	dec	ecx
	jns	.have
	mov	ecx, [cpu_count]
	dec	ecx
.have:	mov	byte [pending + rcx], 0
	SEND	ICR_FIXED | VECTOR_PING, ecx
	pop	rax
	ret

run:	pause
	cmp	byte [go], 0
	je	run
nothing:
	ret

section .data
	align	8
pending:	times SMP_MAX db 0
last_sent:	dd 0
last_seen:	dd 0
go:		db 0

%include "guest_end.inc"
