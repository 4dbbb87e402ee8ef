; button - a guest that listens to its power button: it waits for the interrupt
; of the generic event device (dsdt.asl), reads the event register, and powers
; off. Nobody presses it: it halts for ever.

%define GUEST_NAME "button"
%include "guest.inc"

%define EVENT_PORT	0x603		; vpm.h: VPM_PORT_EVENT
%define BUTTON_GSI	9		; vpm.h: VPM_BUTTON_GSI
%define BUTTON_VECTOR	0x90
%define COUNT(v)	dword [IRQ_COUNT_AT + (v) * 4]

main:
	call	apic_on
	mov	edx, EVENT_PORT
	in	al, dx
	test	al, al
	CHECK	z, "nothing has happened yet"
	IOAPIC_WRITE 0x10 + 2 * BUTTON_GSI + 1, 0	; to local APIC 0
	IOAPIC_WRITE 0x10 + 2 * BUTTON_GSI, BUTTON_VECTOR ; edge, not masked
	SAY	"waiting for the power button"
.wait:	cli
	cmp	COUNT(BUTTON_VECTOR), 0
	jne	.pressed
	sti
	hlt
	jmp	.wait
.pressed:
	mov	edx, EVENT_PORT
	in	al, dx
	cmp	al, 1
	CHECK	e, "the event register tells the button"
	in	al, dx
	test	al, al
	CHECK	z, "and forgets it when it is read"
	cmp	COUNT(BUTTON_VECTOR), 1
	CHECK	e, "one press, one interrupt"
	ret

%include "guest_end.inc"
