; halt_forever - HLT with interrupts off: nothing can wake it. The vCPU is
; parked and uses no CPU time; the VMM stays usable.

%define GUEST_NAME "halt_forever"
%include "guest.inc"

main:
	SAY	"halting with interrupts off"
	cli
.again:	hlt
	SAY	"FAIL woke up"
	jmp	.again

%include "guest_end.inc"
