; irq.asm - to wait for an interrupt, and to get rid of interrupts.
;
; void irq_wait(uint64_t seen)			include/arch/irq.h
; void irq_drain_window(const void *idtr)	for irq_drain() (trap.c)
;
; An NMI between the look at the count and HLT would be handled and then slept
; over; the handler sees the place (irq_wait .. irq_wait_end) and goes on behind
; HLT.

bits 64
default rel

global irq_wait
global irq_wait_end
global irq_drain_window
global drain_stubs
global drain_spurious
extern trap_stubs

%define X2APIC_EOI  0x80b
%define X2APIC_ISR0 0x810
%define MC 18
%define NMI_COUNT 40			; struct cpu.nmi_count
%define DRAIN_BITS 8			; struct cpu.drain_bits (cpu_local.h)

section .text progbits alloc exec nowrite align=16

irq_wait:
	cmp rdi, [gs:NMI_COUNT]
	jne irq_wait_end
	sti
	hlt
irq_wait_end:
	cli
	ret

; Let in what is pending, through the table at [rdi], and nothing else.
irq_drain_window:
	sub rsp, 16
	sidt [rsp]
	lidt [rdi]
	sti
	nop				; STI holds off for one instruction
	nop
	cli
	lidt [rsp]
	add rsp, 16
	ret

; One gate a vector: write the vector down, end the interrupt.
%assign v 16
%rep 240
drain_stub_%[v]:
	push v
	jmp near drain_common
%assign v v+1
%endrep

; A machine check has this vector, too; but then it is not in service.
drain_machine_check:
	push rax
	push rcx
	push rdx
	mov ecx, X2APIC_ISR0
	rdmsr
	bt eax, MC
	pop rdx
	pop rcx
	pop rax
	jc drain_stub_18
	push rax
	mov rax, [trap_stubs + MC * 8]
	xchg rax, [rsp]
	ret

drain_spurious:				; vector 15: lapic_lend.c; no EOI
	iretq

drain_common:
	push rax
	push rcx
	push rdx
	mov eax, [rsp + 24]
	bts [gs:DRAIN_BITS], eax
	mov ecx, X2APIC_EOI
	xor eax, eax
	xor edx, edx
	wrmsr
	pop rdx
	pop rcx
	pop rax
	add rsp, 8			; vector
	iretq

section .rodata progbits alloc noexec nowrite align=8
drain_stubs:				; from vector 16 on
%assign v 16
%rep 240
%if v == MC
	dq drain_machine_check
%else
	dq drain_stub_%[v]
%endif
%assign v v+1
%endrep
