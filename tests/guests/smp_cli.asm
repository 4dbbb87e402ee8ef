; smp_cli - every vCPU spins with interrupts off, for ever: each CPU must be got
; back from it, others must go on, and `kill` must end it.

%define GUEST_NAME "smp_cli"
%include "guest.inc"
%include "smp.inc"

main:
	call	smp_init
	sti
	call	smp_start_all
	mov	rsi, spin
	call	smp_call_all
	mov	r8d, [cpu_count]
	dec	r8d
	AWAIT	e, "all others spin", cmp [spinning], r8d
	SAY	"spinning with interrupts off"
spin:	cli
	lock inc dword [spinning]
	jmp	$

section .data
spinning:	dd 0

%include "guest_end.inc"
