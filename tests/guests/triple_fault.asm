; triple_fault - an exception with an empty IDT. The partition ends with the
; reason triple-fault; nothing behind UD2 is ever printed.

%define GUEST_NAME "triple_fault"
%include "guest.inc"

main:
	lidt	[empty]
	ud2
	SAY	"FAIL still here"
	ret

section .data
empty:	dw 0
	dq 0

%include "guest_end.inc"
