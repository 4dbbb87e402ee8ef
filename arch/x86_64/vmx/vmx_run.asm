; vmx_run.asm - into the guest and back.
;
; uint64_t vmx_run(struct vcpu *v, uint64_t is_launched)
;
; Loads the guest's general registers, VMLAUNCHes or VMRESUMEs, and comes back
; at vmx_exit_point on every exit. A hot exit (vmx_exit_hot) needs only the
; registers that C may change saved and reloaded; for all others the rest is
; saved too and vmx_exit_rest says whether to go back in or to return. If the
; entry instruction itself fails, the result is VMX_RUN_FAILED.
;
; Nothing but the general registers is switched here: the VMM uses no vector,
; x87, debug or SYSCALL state, so the guest's stays live in the CPU.
;
; The stack while the guest runs:  [rsp] = v, then rbp rbx r12-r15, return.

bits 64
default rel

global vmx_run
global vmx_exit_point
extern vmx_exit_hot
extern vmx_exit_rest
extern vmx_set_host_rsp

%define VMX_RUN_FAILED 0xff
%define VMX_RESUME 1
%define GPR(n) (8 * (n))		; struct vcpu.gpr[n], SDM register numbers

section .text progbits alloc exec nowrite align=16

%macro LOAD_GUEST_GPRS 0		; from struct vcpu at rdi
	mov rax, [rdi + GPR(0)]
	mov rcx, [rdi + GPR(1)]
	mov rdx, [rdi + GPR(2)]
	mov rbx, [rdi + GPR(3)]
	mov rbp, [rdi + GPR(5)]
	mov rsi, [rdi + GPR(6)]
	mov r8,  [rdi + GPR(8)]
	mov r9,  [rdi + GPR(9)]
	mov r10, [rdi + GPR(10)]
	mov r11, [rdi + GPR(11)]
	mov r12, [rdi + GPR(12)]
	mov r13, [rdi + GPR(13)]
	mov r14, [rdi + GPR(14)]
	mov r15, [rdi + GPR(15)]
	mov rdi, [rdi + GPR(7)]
%endmacro

; rdi = v, rsi = is_launched
vmx_run:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdi
	mov rbx, rsi
	mov rdi, rsp
	call vmx_set_host_rsp		; HOST_RSP = here, where [rsp] = v
	mov rdi, [rsp]
	test rbx, rbx
	LOAD_GUEST_GPRS			; moves leave the flags alone
	jnz .resume
	vmlaunch
	jmp .failed
.resume:
	vmresume
.failed:
	mov eax, VMX_RUN_FAILED
	jmp vmx_leave

; HOST_RIP: every VM exit arrives here, with RSP = HOST_RSP.
align 16
vmx_exit_point:
	push rdi
	mov rdi, [rsp + 8]
	mov [rdi + GPR(0)], rax
	mov [rdi + GPR(1)], rcx
	mov [rdi + GPR(2)], rdx
	mov [rdi + GPR(3)], rbx
	mov [rdi + GPR(6)], rsi
	mov [rdi + GPR(8)], r8
	mov [rdi + GPR(9)], r9
	mov [rdi + GPR(10)], r10
	mov [rdi + GPR(11)], r11
	pop qword [rdi + GPR(7)]
	call vmx_exit_hot		; rdi = v
	mov rdi, [rsp]
	test eax, eax
	jnz .rest
	mov rax, [rdi + GPR(0)]
	mov rcx, [rdi + GPR(1)]
	mov rdx, [rdi + GPR(2)]
	mov rbx, [rdi + GPR(3)]
	mov rsi, [rdi + GPR(6)]
	mov r8,  [rdi + GPR(8)]
	mov r9,  [rdi + GPR(9)]
	mov r10, [rdi + GPR(10)]
	mov r11, [rdi + GPR(11)]
	mov rdi, [rdi + GPR(7)]
	vmresume
	mov eax, VMX_RUN_FAILED
	jmp vmx_leave

.rest:
	mov [rdi + GPR(5)], rbp
	mov [rdi + GPR(12)], r12
	mov [rdi + GPR(13)], r13
	mov [rdi + GPR(14)], r14
	mov [rdi + GPR(15)], r15
	mov esi, eax
	call vmx_exit_rest		; rdi = v, esi = what is left to do
	cmp eax, VMX_RESUME
	jne vmx_leave
	mov rdi, [rsp]
	LOAD_GUEST_GPRS
	vmresume
	mov eax, VMX_RUN_FAILED

vmx_leave:
	pop rdi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

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
