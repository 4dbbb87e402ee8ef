; vmx_run.asm - into the guest and back.
;
; uint64_t vmx_run(struct vcpu *v, uint64_t is_launched)
;
; Loads the guest's general registers, VMLAUNCHes or VMRESUMEs, and comes back
; at vmx_exit_point on every exit. A hot exit (vmx_exit_hot) needs only the
; registers that C may change saved and reloaded; for all others the rest is
; saved too and vmx_exit_rest says whether to go back in or to return. If the
; entry instruction itself fails, the result is EXIT_RUN_FAILED.
;
; Nothing but the general registers is switched here: the VMM uses no vector,
; x87, debug or SYSCALL state, so the guest's stays live in the CPU.
;
; vmx_run_guarded.asm assembles this a second time, for processors that need
; more at entries and exits (guard.inc): vmx_run_guarded.
;
; The stack while the guest runs:  [rsp] = v, then rbp rbx r12-r15, return.

bits 64
default rel

%ifdef GUARDED
%define vmx_run        vmx_run_guarded
%define vmx_exit_point vmx_exit_point_guarded
%endif

global vmx_run
global vmx_exit_point
extern vmx_exit_hot
extern vmx_exit_rest
extern vmx_set_host_rsp

%include "gprs.inc"
%include "guard.inc"

section .text progbits alloc exec nowrite align=16

; rdi = v, rsi = is_launched
vmx_run:
	PUSH_CALLEE_SAVED
	push rdi
	mov rbx, rsi
	mov rdi, rsp
	call vmx_set_host_rsp		; HOST_RSP = here, where [rsp] = v
	mov rdi, [rsp]
	test rbx, rbx
	mov rax, [rdi + GPR(0)]		; moves leave the flags alone
	LOAD_GUEST_GPRS
	jnz .resume
	CLEAR_BUFFERS
	vmlaunch
	jmp .failed
.resume:
	CLEAR_BUFFERS
	vmresume
.failed:
	mov eax, EXIT_RUN_FAILED
	jmp vmx_leave

; HOST_RIP: every VM exit arrives here, with RSP = HOST_RSP.
align 16
vmx_exit_point:
	push rdi
	mov rdi, [rsp + 8]
	mov [rdi + GPR(0)], rax
	SAVE_SCRATCH_GPRS
	pop qword [rdi + GPR(7)]
	call vmx_exit_hot		; rdi = v
	mov rdi, [rsp]
	test eax, eax
	jnz .rest
	mov rax, [rdi + GPR(0)]
	LOAD_SCRATCH_GPRS
	CLEAR_BUFFERS
	vmresume
	mov eax, EXIT_RUN_FAILED
	jmp vmx_leave

.rest:
	SAVE_REST_GPRS
	mov esi, eax
	call vmx_exit_rest		; rdi = v, esi = what is left to do
	cmp eax, EXIT_RESUME
	jne vmx_leave
	mov rdi, [rsp]
	mov rax, [rdi + GPR(0)]
	LOAD_GUEST_GPRS
	CLEAR_BUFFERS
	vmresume
	mov eax, EXIT_RUN_FAILED

vmx_leave:
	STUFF_RETURN_STACK
	pop rdi
	POP_CALLEE_SAVED
	ret

%ifndef GUARDED
; void vmx_nmi_unblock(void): after an NMI exit NMIs stay blocked until an
; IRET; execute one that goes nowhere.
global vmx_nmi_unblock
vmx_nmi_unblock:
	mov rax, rsp
	mov ecx, ss
	push rcx
	push rax
	pushfq
	mov ecx, cs
	push rcx
	lea rcx, [.back]
	push rcx
	iretq
.back:
	ret
%endif
