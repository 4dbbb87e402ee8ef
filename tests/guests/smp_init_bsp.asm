; smp_init_bsp - a processor sends INIT to the one that booted: that would start
; the firmware, and there is none; the partition ends as by a reset.

%define GUEST_NAME "smp_init_bsp"
%include "guest.inc"
%include "smp.inc"

main:
	call	smp_init
	sti
	call	smp_start_all
	SAY	"INIT of the boot processor"
	mov	edi, 1
	mov	rsi, init
	call	smp_call
	call	smp_wait_all
	mov	ecx, 10000000
.wait:	pause
	dec	ecx
	jnz	.wait
	SAY	"FAIL still here"
	ret

init:	SEND	ICR_INIT, 0
	ret

%include "guest_end.inc"
