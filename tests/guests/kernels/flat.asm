; flat - a boot sector and more, as a BIOS would start it at 7C00H: real mode,
; DL is the drive. Ends by the exit port with the number of failed checks + 40H.

%define GUEST_NAME "flat"
%define COM1		0x3f8
%define EXIT_PORT	0xf4

%macro CHECK 2			; cc, "text"
	push	ax
	push	si
	set%1	al
	mov	si, %%text
	call	verdict
	pop	si
	pop	ax
	jmp	%%over
%%text:	db	%2, 10, 0
%%over:
%endmacro

bits 16
	org	0x7c00
start:	mov	[cs:first_dx], dx
	mov	[cs:first_sp], sp
	pushf
	pop	word [cs:first_flags]
	mov	word [cs:start], 0x1234	; CS is RAM, and writable
	cld
	mov	si, prefix
	call	puts
	mov	si, start_text
	call	puts
	jmp	second

verdict:
	push	si
	push	si
	mov	si, prefix
	call	puts
	mov	si, pass_text
	test	al, al
	jnz	.word
	inc	byte [fail_count]
	mov	si, fail_text
.word:	call	puts
	pop	si
	call	puts
	pop	si
	ret

puts:	push	ax
	push	dx
	mov	dx, COM1
.next:	lodsb
	test	al, al
	jz	.end
	out	dx, al
	jmp	.next
.end:	pop	dx
	pop	ax
	ret

first_dx:	dw 0
first_sp:	dw 0
first_flags:	dw 0
fail_count:	db 0
prefix:		db "guest ", GUEST_NAME, ": ", 0
start_text:	db "start", 10, 0
pass_text:	db "PASS ", 0
fail_text:	db "FAIL ", 0
	times 510 - ($ - $$) db 0
	db	0x55, 0xaa

; What a boot sector would have to read from the disk first.
second:	mov	ax, cs
	test	ax, ax
	CHECK	z, "CS is 0"
	mov	ax, ds
	mov	cx, es
	or	ax, cx
	mov	cx, ss
	or	ax, cx
	CHECK	z, "DS, ES and SS are 0"
	cmp	byte [first_dx], 0x80
	CHECK	e, "DL is the drive"
	cmp	word [first_sp], 0x7c00
	CHECK	e, "SP is below the boot sector"
	test	word [first_flags], 0x300
	CHECK	z, "IF and TF are 0"
	smsw	ax
	test	al, 1
	CHECK	z, "real mode"
	cmp	word [start], 0x1234
	CHECK	e, "CS is writable"
	cmp	word [0x413], 640
	CHECK	e, "the BIOS's word for low memory"
	; no BIOS: a service comes back with CF, nothing else changes
	mov	ax, 0x0e41
	mov	bx, 7
	clc
	int	0x10
	CHECK	c, "INT 10H comes back with CF set"
	cmp	ax, 0x0e41
	CHECK	e, "... and AX as it was"
	; segments of real mode reach 64 KiB, and 1 MiB by their base
	mov	ax, 0x9000
	mov	es, ax
	mov	word [es:0xfff0], 0xcafe
	mov	ax, 0x9fff
	mov	es, ax
	cmp	word [es:0], 0xcafe
	CHECK	e, "segments overlap as they should"
	; an exception goes through the vector table
	mov	word [6 * 4], undefined
	mov	word [6 * 4 + 2], 0
	xor	cx, cx
	ud2
	cmp	cx, 1
	CHECK	e, "UD2 goes through the interrupt vector table"
	; the text screen's place is RAM
	mov	ax, 0xb800
	mov	es, ax
	mov	word [es:0], 0x0741
	cmp	word [es:0], 0x0741
	CHECK	e, "0xB8000 keeps what is written"
	sti
	mov	si, prefix
	call	puts
	mov	si, done_text
	call	puts
	mov	al, [fail_count]
	add	al, 0x40
	out	EXIT_PORT, al
	mov	si, fail_text		; nobody comes here
	call	puts
.halt:	hlt
	jmp	.halt

undefined:
	inc	cx
	push	bp
	mov	bp, sp
	add	word [bp + 2], 2	; behind UD2
	pop	bp
	iret

done_text:	db "done", 10, 0
