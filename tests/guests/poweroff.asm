; poweroff - the smallest guest: one line, then soft-off.

%define GUEST_NAME "poweroff"
%include "guest.inc"

main:
	xor	eax, eax
	CHECK	z, "runs"
	ret

%include "guest_end.inc"
