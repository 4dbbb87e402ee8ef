; entry.asm - the VMM's first instruction, and its stacks with guard pages.
;
; State on arrival: include/bh/boot_info.h. RDI = struct boot_info.

bits 64
default rel

global vmm_entry
global boot_stack_top, boot_stack_guard
global ist_stack_tops, ist_stack_guards
extern vmm_start

%define STACK_SIZE 32768
%define IST_COUNT 4
%define IST_SIZE 8192

section .text.entry progbits alloc exec nowrite align=16

; vmm_entry(rdi = boot_info): leave boot/'s stack for our own and go on in C.
vmm_entry:
	cli
	cld
	mov rsp, boot_stack_top
	xor ebp, ebp
	push rbp			; end of the frame chain
	call vmm_start			; never returns
.stop:
	cli
	hlt
	jmp .stop

; Each stack grows down towards a page that host_map.c leaves unmapped, so an
; overflow is a page fault (and, as that has no stack either, a double fault on
; its own stack) instead of silent damage.
section .stacks nobits alloc noexec write align=4096

boot_stack_guard:
	resb 4096
	resb STACK_SIZE
boot_stack_top:

%assign i 1
%rep IST_COUNT
ist_guard_ %+ i:
	resb 4096
	resb IST_SIZE
ist_top_ %+ i:
%assign i i+1
%endrep

section .rodata progbits alloc noexec nowrite align=8
ist_stack_tops:
	dq ist_top_1, ist_top_2, ist_top_3, ist_top_4
ist_stack_guards:
	dq ist_guard_1, ist_guard_2, ist_guard_3, ist_guard_4
