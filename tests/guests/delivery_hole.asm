; delivery_hole - an exception whose IDT is outside of RAM. The partition ends
; with the reason event-delivery (or ept-violation); no re-injection loop.

%define GUEST_NAME "delivery_hole"
%include "guest.inc"

main:
	SAY	"IDT at d0000000, UD2"
	lidt	[wild]
	ud2
	SAY	"FAIL still here"
	ret

section .data
wild:	dw 0xfff
	dq 0xd0000000

%include "guest_end.inc"
