; svm_run.asm - into the guest and back.
;
; uint64_t svm_run(struct vcpu *v, uint64_t vmcb, uint64_t host_vmcb, void *b)
;
; Loads the guest's general registers and VMRUNs; execution goes on behind
; VMRUN on every exit. A hot exit (svm_exit_hot) needs only the registers that C
; may change saved and reloaded; for all others the rest is saved too and
; svm_exit_rest says whether to go back in or to return.
;
; Called with the global interrupt flag 0, which it stays for the whole stay in
; this loop, but in the guest: an NMI that comes meanwhile waits, and makes the next VMRUN exit at
; once; so nothing can come between a last look and the entry. RFLAGS.IF is 1,
; which is how physical interrupts exit (V_INTR_MASKING); svm_irq_window lets
; them in.
;
; VMRUN switches what the VMM's C code needs but for GS and TR: VMSAVE and
; VMLOAD do, which switch also the SYSCALL and SYSENTER MSRs.
;
; The stack while the guest runs:
;	[rsp] = v, +8 = vmcb, +16 = host_vmcb, +24 = b, then rbp rbx r12-r15

bits 64
default rel

%ifdef GUARDED
%define svm_run svm_run_guarded
%endif

global svm_run
%ifndef GUARDED
global svm_irq_window
%endif
extern svm_exit_hot
extern svm_exit_rest

%include "gprs.inc"
%include "guard.inc"

%define VMCB_RAX 0x5f8			; vmcb.h

section .text progbits alloc exec nowrite align=16

svm_run:
	PUSH_CALLEE_SAVED
	push rcx
	push rdx
	push rsi
	push rdi
	mov rax, rdx
	sti
	vmsave			; the VMM's GS, TR and the like

.all:	; RDI = v: all registers of the guest
	mov rax, [rsp + 24]
	mov rcx, [rdi + GPR(0)]
	mov [rax + VMCB_RAX], rcx
	mov rax, [rsp + 8]
	LOAD_GUEST_GPRS

.enter:	; RAX = vmcb
	vmload
	CLEAR_BUFFERS
	vmrun
	vmsave
	mov rax, [rsp + 16]
	vmload

	mov rax, [rsp + 24]
	push rdi
	mov rdi, [rsp + 8]
	mov rax, [rax + VMCB_RAX]
	mov [rdi + GPR(0)], rax
	SAVE_SCRATCH_GPRS
	pop qword [rdi + GPR(7)]
	call svm_exit_hot		; rdi = v
	mov rdi, [rsp]
	test eax, eax
	jnz .rest
	mov rax, [rsp + 24]
	mov rcx, [rdi + GPR(0)]
	mov [rax + VMCB_RAX], rcx
	mov rax, [rsp + 8]
	LOAD_SCRATCH_GPRS
	jmp .enter

.rest:
	SAVE_REST_GPRS
	mov esi, eax
	call svm_exit_rest		; rdi = v, esi = what is left to do
	mov rdi, [rsp]
	cmp eax, EXIT_RESUME
	je .all

	STUFF_RETURN_STACK
	cli
	stgi
	add rsp, 32
	POP_CALLEE_SAVED
	ret

%ifndef GUARDED
svm_irq_window:
	stgi
	nop
	clgi
	ret
%endif
