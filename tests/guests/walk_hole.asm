; walk_hole - page tables outside of RAM: the processor's own walk leaves the
; map. The partition ends with the reason ept-violation; no endless loop.

%define GUEST_NAME "walk_hole"
%include "guest.inc"

main:
	SAY	"CR3 = d0000000"
	mov	eax, 0xd0000000
	mov	cr3, rax
	nop
	SAY	"FAIL still here"
	ret

%include "guest_end.inc"
