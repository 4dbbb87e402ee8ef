; nmi - NMIs to itself: delivered with interrupts off, and held back while one
; is being handled, until IRET.

%define GUEST_NAME "nmi"
%include "guest.inc"

main:
	call	apic_on
	cli
	mov	r12d, 10
.send:	call	send_nmi
	dec	r12d
	jnz	.send
	mov	ecx, 100000
.wait:	pause
	dec	ecx
	jnz	.wait
	cmp	dword [IRQ_COUNT_AT + 2 * 4], 0
	CHECK	ne, "an NMI arrives with interrupts off"
	cmp	dword [IRQ_COUNT_AT + 2 * 4], 10
	CHECK	e, "ten NMIs, one at a time, arrive ten times"

	; One that is sent from inside the handler waits for its IRET.
	mov	dword [IRQ_COUNT_AT + 2 * 4], 0
	mov	word [IDT_AT + 2 * 16], nested
	mov	word [IDT_AT + 2 * 16 + 6], IMAGE_BASE >> 16
	call	send_nmi
	mov	ecx, 100000
.spin:	pause
	dec	ecx
	jnz	.spin
	cmp	dword [depth_max], 1
	CHECK	e, "an NMI is not nested"
	cmp	dword [nested_count], 2
	CHECK	e, "the one sent by the handler arrives after IRET"
	ret

send_nmi:
	mov	ecx, X2APIC_ID
	rdmsr
	mov	edx, eax
	mov	eax, 0x4400		; NMI, assert, physical
	mov	ecx, X2APIC_ICR
	wrmsr
	ret

nested:
	push	rax
	push	rcx
	push	rdx
	inc	dword [depth]
	mov	eax, [depth]
	cmp	eax, [depth_max]
	jbe	.known
	mov	[depth_max], eax
.known:	inc	dword [nested_count]
	cmp	dword [nested_count], 1
	jne	.end
	call	send_nmi
	mov	ecx, 10000
.wait:	pause
	dec	ecx
	jnz	.wait
.end:	dec	dword [depth]
	pop	rdx
	pop	rcx
	pop	rax
	iretq

section .data
depth:		dd 0
depth_max:	dd 0
nested_count:	dd 0

%include "guest_end.inc"
