; cli_loop - spins with interrupts off for ever. Only the preemption timer gets
; the CPU back: the VMM and its console must stay usable, `stop` must kill it.

%define GUEST_NAME "cli_loop"
%include "guest.inc"

main:
	SAY	"spinning with interrupts off"
	cli
	jmp	$

%include "guest_end.inc"
