; exceptions.asm - the 256 interrupt gates of the VMM.
;
; Every gate pushes an error code (0 where the processor pushes none) and its
; vector, and meets the others in trap_common, which builds struct trap_frame
; (trap.h) and calls trap_dispatch(frame). Interrupts are off in the VMM except
; while it idles, so this path is never hot.

bits 64
default rel

global trap_stubs
extern trap_dispatch

section .text progbits alloc exec nowrite align=16

%macro TRAP_STUB 1
align 16
trap_stub_%1:
%if !(%1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30)
	push 0
%endif
	push %1
	jmp trap_common
%endmacro

%assign v 0
%rep 256
TRAP_STUB v
%assign v v+1
%endrep

; Order of the pushes = struct trap_frame, read upwards.
trap_common:
	cld
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	mov rdi, rsp
	mov rbp, rsp
	and rsp, -16
	call trap_dispatch
	mov rsp, rbp
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16			; vector and error code
	iretq

section .rodata progbits alloc noexec nowrite align=8
trap_stubs:
%assign v 0
%rep 256
	dq trap_stub_ %+ v
%assign v v+1
%endrep
