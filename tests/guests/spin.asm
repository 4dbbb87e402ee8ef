; spin - uses all the CPU it gets, for ever. With a command line that begins
; with 1 it finds out how much that is where cpu.max gives it a part of each
; period: between the ends of eleven gaps, which are ten periods. It prints
; "bench cpu-max N", N in thousandths of a percent, and tells the counter.

%define GUEST_NAME "spin"
%include "guest.inc"

%define PERIODS	10
%define GAP_MS	10			; longer than that it was throttled
%define STEP	500			; ticks between two looks, if it had the CPU
%define LAST_MARK	0x8200

main:
	SAY	"spinning"
	mov	rsi, [boot_params]
	mov	esi, [rsi + 0x228]	; cmd_line_ptr
	cmp	byte [rsi], '1'
	jne	.spin
	mov	eax, 0x40000010		; kHz of the TSC
	cpuid
	imul	r8, rax, GAP_MS
	call	until_gap
	mov	r15, rax		; the first period begins
	xor	r14d, r14d		; ticks that it had
	mov	r13d, PERIODS
.period:
	call	until_gap
	dec	r13d
	jnz	.period
	sub	rax, r15
	mov	rcx, rax
	imul	rax, r14, 100000
	xor	edx, edx
	div	rcx
	mov	rdi, text
	call	puts
	call	put_decimal
	mov	al, 10
	call	putc
	mov	ax, LAST_MARK
	mov	dx, MARK_PORT
	out	dx, ax
.spin:	inc	qword [count]
	jmp	.spin

; until_gap - R8: ticks of a gap. Adds to R14 those that it had the CPU; returns
; at the end of a gap, RAX: TSC.
until_gap:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	rbx, rax
.look:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	rcx, rax
	sub	rcx, rbx
	mov	rbx, rax
	cmp	rcx, STEP
	ja	.away
	add	r14, rcx
	jmp	.look
.away:	cmp	rcx, r8
	jb	.look
	ret

section .rodata
text:		db "bench cpu-max ", 0
section .data
	align	8
count:		dq 0

%include "guest_end.inc"
