; smp_io - ports from all vCPUs at once: configuration space, the console, a
; virtio device. What one does is not mixed up with another's.

%define GUEST_NAME "smp_io"
%include "guest.inc"
%include "smp.inc"
%include "virtio.inc"

%define LINES 20
%define SCRATCH_PORT	(COM1 + 7)	; the UART's scratch register

main:
	call	smp_init
	sti
	mov	eax, 0x1044		; entropy
	call	virtio_find
	CHECK	e, "there is an entropy device"
	call	virtio_start
	call	smp_start_all

	; Lines, under a lock; the test looks whether they are whole.
	mov	rsi, write_lines
	call	smp_call_all
	call	write_lines
	call	smp_wait_all
	mov	eax, [cpu_count]
	imul	eax, eax, LINES
	cmp	[lines], eax
	CHECK	e, "all lines are written"

	; This one has requests; the others pull at every other port.
	mov	byte [go], 0
	mov	rsi, pull
	call	smp_call_all
	xor	r12d, r12d
.request:
	mov	qword [DESC], DATA
	mov	dword [DESC + 8], 64
	mov	dword [DESC + 12], F_WRITE
	mov	qword [DATA], 0
	movzx	eax, word [AVAIL + 2]
	and	eax, QSIZE - 1
	mov	word [AVAIL + 4 + rax * 2], 0
	inc	word [AVAIL + 2]
	call	virtio_kick
	mov	r8w, [AVAIL + 2]
	call	await_begin
.wait:	cmp	[USED + 2], r8w
	je	.done
	pause
	call	await_is_over
	jb	.wait
	jmp	.stuck
.done:	cmp	qword [DATA], 0
	je	.stuck
	inc	r12d
	cmp	r12d, 500
	jne	.request
.stuck:	cmp	r12d, 500
	CHECK	e, "500 requests, each is served"
	mov	byte [go], 1
	call	smp_wait_all
	cmp	dword [wrong], 0
	CHECK	e, "each of the others saw what it is owed"
	cmp	dword [pulls], 0
	CHECK	ne, "they had their turns"
	ret

; "line of N: " and a fixed text, a byte at a time.
write_lines:
	mov	r14d, LINES
.line:	call	lock_take
	mov	rdi, text_line
	call	puts
	mov	eax, r15d
	call	put_decimal
	mov	rdi, text_rest
	call	puts
	inc	dword [lines]
	call	lock_drop
	dec	r14d
	jnz	.line
	ret

; Configuration space under a lock, as its two ports want it; the rest without.
pull:	call	lock_take
	mov	dx, 0xcf8
	mov	eax, r15d
	and	eax, 3
	shl	eax, 11
	add	eax, 0x80000000
	mov	esi, eax
	out	dx, eax
	in	eax, dx
	cmp	eax, esi
	je	.same
	lock inc dword [wrong]
.same:	mov	dx, 0xcfc
	in	eax, dx
	mov	ecx, eax
	in	eax, dx
	call	compare
	call	lock_drop
	mov	dx, 0x600		; reads as 0
	in	al, dx
	mov	dx, 0x1f0		; nobody's
	in	eax, dx
	mov	ecx, -1
	call	compare
	mov	dx, SCRATCH_PORT
	mov	al, 0x5a
	out	dx, al
	in	al, dx
	cmp	al, 0x5a
	je	.scratch
	lock inc dword [wrong]
.scratch:
	mov	edx, [io_base]
	add	edx, C_STATUS
	in	al, dx
	movzx	eax, al
	mov	ecx, 0xf
	call	compare
	lock inc dword [pulls]
	cmp	byte [go], 0
	je	pull
	ret
compare:				; EAX and ECX are the same
	cmp	eax, ecx
	je	.same
	lock inc dword [wrong]
.same:	ret

section .rodata
text_line:	db "line of ", 0
text_rest:	db ": the quick brown fox jumps over the lazy dog", 10, 0
section .data
	align	8
lines:		dd 0
wrong:		dd 0
pulls:		dd 0
go:		db 0

%include "guest_end.inc"
