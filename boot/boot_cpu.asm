; boot_cpu.asm - the instructions that C has no words for.
;
; System V calling convention throughout; position independent. Contracts are
; in boot_cpu.h.

default rel
bits 64

MSR_EFER	equ 0xc0000080
EFER_NXE_BIT	equ 11
CR0_WP_BIT	equ 16
CR4_PGE_BIT	equ 7
CR4_PCIDE_BIT	equ 17
CR4_CET_BIT	equ 23
SELECTOR_CODE	equ 0x08
SELECTOR_DATA	equ 0x10

section .text

; in: edi port; out: eax value
global boot_cpu_in8
boot_cpu_in8:
	mov	edx, edi
	xor	eax, eax
	in	al, dx
	ret

; in: edi port, esi value
global boot_cpu_out8
boot_cpu_out8:
	mov	edx, edi
	mov	eax, esi
	out	dx, al
	ret

; in: edi port; out: eax value
global boot_cpu_in32
boot_cpu_in32:
	mov	edx, edi
	in	eax, dx
	ret

; in: edi port, esi value
global boot_cpu_out32
boot_cpu_out32:
	mov	edx, edi
	mov	eax, esi
	out	dx, eax
	ret

; in: edi port, esi value
global boot_cpu_out16
boot_cpu_out16:
	mov	edx, edi
	mov	eax, esi
	out	dx, ax
	ret

; in: edi MSR; out: rax value
global boot_cpu_rdmsr
boot_cpu_rdmsr:
	mov	ecx, edi
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	ret

; out: rax time-stamp counter
global boot_cpu_rdtsc
boot_cpu_rdtsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

; out: rax CR4
global boot_cpu_cr4
boot_cpu_cr4:
	mov	rax, cr4
	ret

global boot_cpu_cli
boot_cpu_cli:
	cli
	ret

; in: edi leaf, esi subleaf, rdx struct boot_cpuid *; rbx kept
global boot_cpu_cpuid
boot_cpu_cpuid:
	push	rbx
	mov	r8, rdx
	mov	eax, edi
	mov	ecx, esi
	cpuid
	mov	[r8], eax
	mov	[r8 + 4], ebx
	mov	[r8 + 8], ecx
	mov	[r8 + 12], edx
	pop	rbx
	ret

; in: rdi CR3, rsi stack top, rdx entry point, rcx argument, r8 GDT pointer,
; r9 IDT pointer; does not return
global boot_cpu_enter
boot_cpu_enter:
	cli
	cld
	mov	r12, rdi
	mov	r14, rdx
	mov	r15, rcx

; Supervisor shadow stacks would fault on the new stack, PCIDs would change the
; meaning of CR3's low bits, and global pages would outlive the CR3 load.
	mov	rax, cr4
	btr	rax, CR4_CET_BIT
	btr	rax, CR4_PCIDE_BIT
	btr	rax, CR4_PGE_BIT
	mov	cr4, rax

; Our tables use the no-execute bit, which is reserved while EFER.NXE = 0.
	mov	ecx, MSR_EFER
	rdmsr
	bts	eax, EFER_NXE_BIT
	wrmsr
	mov	cr3, r12
	mov	rsp, rsi

; Read-only pages bind the supervisor only while CR0.WP = 1.
	mov	rax, cr0
	bts	rax, CR0_WP_BIT
	mov	cr0, rax

; The firmware's descriptor tables lie in memory that is now free.
	lgdt	[r8]
	lidt	[r9]
	mov	eax, SELECTOR_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	push	SELECTOR_CODE
	lea	rax, [.flat]
	push	rax
	retfq

.flat:
	xor	ebp, ebp
	mov	rdi, r15
	jmp	r14

section .note.GNU-stack noalloc noexec nowrite progbits
