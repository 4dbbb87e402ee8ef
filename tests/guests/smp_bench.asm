; smp_bench - what interrupts between vCPUs cost: "bench NAME N" lines as those
; of bench.asm, with marks around each row. The number on the command line says
; which: 1, two vCPUs that have a CPU each; 2, two that share one.

%define GUEST_NAME "smp_bench"
%include "guest.inc"
%include "smp.inc"

%define RUNS		100
%define WARM_UP		10
%define VECTOR_ACK	0x70
%define VECTOR_ROUND	0x71
%define GAP		20000		; ticks in which the other gets to its HLT
%define LAST_MARK	0x8100

main:
	call	smp_init
	sti
	call	smp_start_all
	mov	word [IDT_AT + VECTOR_ACK * 16], on_ack
	mov	word [IDT_AT + VECTOR_ACK * 16 + 6], IMAGE_BASE >> 16
	mov	word [IDT_AT + VECTOR_ROUND * 16], on_round
	mov	word [IDT_AT + VECTOR_ROUND * 16 + 6], IMAGE_BASE >> 16
	cmp	dword [rounds], 2
	je	.shared

	mov	rdi, name_halted
	mov	rsi, op_send
	call	measure
	mov	edi, 1
	mov	rsi, run
	call	smp_call
	mov	rdi, name_running
	mov	rsi, op_send
	call	measure
	mov	byte [go], 1
	call	smp_wait_all
.shared:
	mov	edi, 1
	mov	rsi, answer
	call	smp_call
	mov	rdi, name_round
	mov	rsi, op_round
	call	measure
	call	smp_wait_all
	mov	ax, LAST_MARK
	mov	dx, MARK_PORT
	out	dx, ax
	ret

; measure - RDI: name, RSI: operation, may clobber RAX to RDX. Its average ticks.
measure:
	push	rdi
	xor	r13d, r13d
	mov	r12d, RUNS + WARM_UP
	inc	word [mark]
	mov	dx, MARK_PORT
	mov	ax, [mark]
	out	dx, ax
.run:	call	rest
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	r14, rax
	call	rsi
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	sub	rax, r14
	cmp	r12d, RUNS
	ja	.warm
	add	r13, rax
.warm:	dec	r12d
	jnz	.run
	mov	dx, MARK_PORT
	mov	ax, [mark]
	or	ax, 0x8000
	out	dx, ax
	mov	rdi, bench_text
	call	puts
	pop	rdi
	call	puts
	mov	al, ' '
	call	putc
	mov	rax, r13
	add	rax, RUNS / 2
	xor	edx, edx
	mov	ecx, RUNS
	div	rcx
	call	put_decimal
	mov	al, 10
	jmp	putc

; Until the other one has handled it.
op_send:
	mov	dword [acked], 0
	SEND	ICR_FIXED | VECTOR_ACK, 1
.wait:	cmp	dword [acked], 0
	je	.wait
	ret
on_ack:
	mov	dword [acked], 1
	jmp	ack
on_round:
	inc	dword gs:[CPU_FREE]
ack:	push	rax
	push	rcx
	push	rdx
	mov	ecx, X2APIC_EOI
	xor	eax, eax
	xor	edx, edx
	wrmsr
	pop	rdx
	pop	rcx
	pop	rax
	iretq

; There and back, between two that halt.
op_round:
	mov	dword gs:[CPU_FREE], 0
	SEND	ICR_FIXED | VECTOR_ROUND, 1
	HALT_UNTIL ne, cmp dword gs:[CPU_FREE], 0
	ret
answer:	mov	r12d, RUNS + WARM_UP
.wait:	HALT_UNTIL ne, cmp dword gs:[CPU_FREE], 0
	mov	dword gs:[CPU_FREE], 0
	SEND	ICR_FIXED | VECTOR_ROUND, 0
	dec	r12d
	jnz	.wait
	ret

run:	cmp	byte [go], 0
	je	run
	ret

rest:	rdtsc
	mov	r8d, eax
.wait:	rdtsc
	sub	eax, r8d
	cmp	eax, GAP
	jb	.wait
	ret

section .rodata
bench_text:	db "bench ", 0
name_halted:	db "ipi-halted", 0
name_running:	db "ipi-running", 0
name_round:	db "ipi-round", 0
section .data
	align	8
acked:		dd 0
mark:		dw 0
go:		db 0

%include "guest_end.inc"
