; db_storm - CVE-2015-8104: a data breakpoint on the very stack that the
; delivery of #DB pushes its frame to. Without an intercept the processor
; delivers #DB for ever and never leaves the guest. The VMM must stay usable,
; and `stop` must kill the partition. "alive" lines may come or not.

%define GUEST_NAME "db_storm"
%include "guest.inc"

main:
	SAY	"#DB storm"
	; All frames of #DB go to one place: IST 1 of a TSS.
	mov	rdi, SCRATCH
	mov	ecx, 0x1000 / 8
	xor	eax, eax
	rep	stosq
	mov	qword [SCRATCH + 0x24], STACK_TOP - 0x8000	; IST 1
	mov	eax, SCRATCH
	mov	[tss_entry + 2], ax
	shr	eax, 16
	mov	[tss_entry + 4], al
	lgdt	[gdtr]
	mov	ax, 0x20
	ltr	ax
	mov	byte [IDT_AT + 1 * 16 + 4], 1
	mov	word [IDT_AT + 1 * 16], handler
	mov	word [IDT_AT + 1 * 16 + 6], IMAGE_BASE >> 16
	; DR0: writes of 8 bytes where the frame's SS goes.
	mov	eax, STACK_TOP - 0x8000 - 8
	mov	dr0, rax
	mov	eax, 0x00090402		; G0, write, 8 bytes
	mov	dr7, rax
	mov	[STACK_TOP - 0x8000 - 8], rax	; the first one
	jmp	$

handler:
	iretq

section .data
	align	8
gdtr:	dw	0x2f
	dq	gdt
gdt:	dq	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
tss_entry:
	dq	0x0000890000000067, 0

%include "guest_end.inc"
