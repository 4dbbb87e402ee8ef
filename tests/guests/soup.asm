; soup - random instructions from a seeded generator, with random registers, in
; 64-bit, 32-bit and 16-bit code. Whatever they do, they do it to this guest: no
; VM entry fails, no exit is without an answer, and this guest gets to its end.
;
; A piece of soup has a budget, after which the local APIC's timer takes it away.
; The generator leaves out what would end the test by right: HLT, CLI, ports
; (random_exits has those), writes of MSRs, control and debug registers and
; descriptor tables, far transfers. While a piece is eaten, all of this guest but
; the pot, the playground and the stack of interrupts is read-only (CR0.WP), and
; what is not RAM is not mapped.

%define GUEST_NAME "soup"
%include "guest.inc"
%include "hostile.inc"

%define POT		0x300000	; where it is cooked and eaten
%define IST		(SCRATCH + 0x8000)	; end of the stack of interrupts
%define TABLE		(SCRATCH + 0x9000)	; the first 2 MiB, in small pages
%define DIRECTORY	(SCRATCH + 0xa000)
%define PDPT		(SCRATCH + 0xb000)
%define PML4		(SCRATCH + 0xc000)
%define CODE64		0x10
%define DATA		0x18
%define TSS		0x20
%define CODE32		0x30
%define CODE16		0x38
%define SPICES		9		; of 16 ingredients
%define PLAYGROUND	0x400000	; what registers point at
%define TIMER_VECTOR	0x42
%define STARTS_FAST	6000
%define STARTS_BOCHS	4000

main:
	call	seed_from_cmdline
	call	apic_on
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR
	mov	dword [starts], STARTS_BOCHS
	JUMP_IF_TCG .fast
	jmp	.go
.fast:	mov	dword [starts], STARTS_FAST
.go:	mov	eax, 0x40000010
	cpuid
	shr	eax, 1				; half a millisecond
	mov	[budget], eax
	call	own_stacks
	call	own_pages
	mov	r14d, [starts]
.piece:	mov	[left], r14d
	call	cook
	call	eat
	mov	r14d, [left]
	dec	r14d
	jnz	.piece
	SAY_NUMBER "digest", [digest]
	mov	eax, [late]
	SAY_NUMBER "ended by the timer:", rax
	mov	eax, [starts]
	shr	eax, 1
	cmp	[late], eax
	CHECK	b, "most of it ends by an exception"
	cmp	dword [survived], 1000
	CHECK	a, "pieces of soup, and this guest is still here"
	ret

; own_stacks - exceptions and interrupts on IST 1, whatever RSP is then.
own_stacks:
	mov	edi, SCRATCH
	mov	ecx, 0x1000 / 8
	xor	eax, eax
	rep	stosq
	mov	qword [SCRATCH + 0x24], IST
	lgdt	[gdtr]
	mov	ax, TSS
	ltr	ax
	mov	edi, IDT_AT
	mov	ecx, 256
.gate:	mov	byte [rdi + 4], 1
	add	edi, 16
	dec	ecx
	jnz	.gate
	; Exceptions and interrupts come to us, not to guest.inc.
	mov	ecx, 256
	mov	edi, IDT_AT
	mov	eax, stub0
.own:	mov	[rdi], ax
	mov	edx, eax
	shr	edx, 16
	mov	[rdi + 6], dx
	add	edi, 16
	add	eax, 16
	dec	ecx
	jnz	.own
	ret

; own_pages - 0 to 2 MiB in small pages, read-only but for the stack of interrupts;
; the pot; the playground, where nothing can be executed.
own_pages:
	mov	ecx, IA32_EFER
	rdmsr
	bts	eax, 11				; NX
	wrmsr
	mov	edi, TABLE
	mov	eax, 1
	mov	ecx, 512
.page:	mov	[rdi], rax
	add	edi, 8
	add	eax, 0x1000
	dec	ecx
	jnz	.page
	or	qword [TABLE + ((IST - 0x1000) >> 12) * 8], 2
	mov	qword [DIRECTORY], TABLE + 3
	mov	qword [DIRECTORY + 8], 0x200000 + 0x83
	mov	rax, (1 << 63) + PLAYGROUND + 0x83
	mov	[DIRECTORY + 16], rax
	mov	qword [PDPT], DIRECTORY + 3
	mov	qword [PML4], PDPT + 3
	mov	eax, PML4
	mov	cr3, rax
	ret

; cook - fill the pot: a start of random bytes, better ones more often.
cook:
	mov	edi, POT
	mov	ebx, POT + 64
.next:	call	random
	movzx	ecx, al
	and	ecx, 15
	cmp	ecx, SPICES
	jae	.plain
	; a prefix or opcode of the exiting kind
	movzx	edx, ah
	and	edx, 31
	lea	rsi, [spice + rdx * 4]
	mov	edx, [rsi]
	mov	[rdi], edx
	shr	rax, 16
	and	eax, 3
	inc	eax
	add	edi, eax
	jmp	.more
.plain:	shr	rax, 8
	mov	[rdi], eax
	add	edi, 4
.more:	cmp	edi, ebx
	jb	.next
	; A bed of INT3s: whoever falls out of the soup comes to us.
	mov	al, 0xcc
	mov	ecx, 64
	rep	stosb
	call	clean
	ret

; clean - take out what would end the partition or this test by right: OUT and
; IN, HLT, CLI and STI-HLT, MOV to control registers, WRMSR, far transfers.
clean:
	mov	esi, POT
	mov	ecx, 160
.byte:	mov	al, [rsi]
	and	al, 0xf4			; E4-E7, EC-EF: IN, OUT
	cmp	al, 0xe4
	je	.out
	mov	al, [rsi]
	and	al, 0xfc
	cmp	al, 0x6c			; INS, OUTS
	je	.out
	mov	al, [rsi]
	cmp	al, 0xf4			; HLT
	je	.out
	cmp	al, 0xfa			; CLI
	je	.out
	cmp	al, 0xcf			; IRET
	je	.out
	cmp	al, 0xcb			; RETF
	je	.out
	cmp	al, 0xca
	je	.out
	cmp	al, 0x9d			; POPF: IF, TF
	je	.out
	cmp	al, 0x9a			; far CALL and JMP of 32-bit code
	je	.out
	cmp	al, 0xea
	je	.out
	cmp	word [rsi], 0x220f		; MOV to CR
	je	.out
	cmp	word [rsi], 0x300f		; WRMSR
	je	.out
	cmp	word [rsi], 0x230f		; MOV to DR
	je	.out
	cmp	word [rsi], 0x010f		; LGDT, LIDT, LMSW and others
	je	.group
	cmp	word [rsi], 0x000f		; LLDT, LTR
	je	.out
	cmp	word [rsi], 0x070f		; SYSRET
	je	.out
	cmp	word [rsi], 0x050f		; SYSCALL
	je	.out
	cmp	word [rsi], 0x340f		; SYSENTER, SYSEXIT
	je	.out
	cmp	word [rsi], 0x350f
	je	.out
	cmp	byte [rsi], 0xff		; far JMP and CALL
	jne	.next
	mov	al, [rsi + 1]
	and	al, 0x38
	cmp	al, 0x18
	je	.out
	cmp	al, 0x28
	je	.out
	jmp	.next
.group:	mov	al, [rsi + 2]
	cmp	al, 0xc0			; VMX, SVM, XSETBV ... may stay
	jae	.regs
	mov	al, [rsi + 2]
	and	al, 0x38
	cmp	al, 0x20			; SMSW
	je	.next
	cmp	al, 0x08			; SGDT, SIDT
	jbe	.next
	jmp	.out
.regs:	cmp	al, 0xf0			; LMSW register
	jb	.next
	cmp	al, 0xf8
	jb	.out
	jmp	.next
.out:	mov	byte [rsi], 0x40		; harmless as ModRM of 0F 01, too
.next:	inc	esi
	dec	ecx
	jnz	.byte
	ret

; eat - run it with random registers that often point at the playground.
eat:
	mov	[kept_rsp], rsp
	mov	edi, registers
	mov	ecx, 15
.register:
	call	random
	mov	rdx, rax
	and	edx, 3
	jz	.wild
	shr	rax, 8
	and	eax, 0xffff8
	add	eax, PLAYGROUND
.wild:	mov	[rdi], rax
	add	edi, 8
	dec	ecx
	jnz	.register
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rax, [budget]
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	; Half of it 64-bit code, a quarter each 32-bit and 16-bit, whose
	; segments begin at the pot.
	call	random
	and	eax, 3
	movzx	ecx, byte [kinds + rax]
	mov	[kind], rcx
	mov	eax, POT
	xor	edx, edx
	cmp	ecx, CODE64
	cmovne	eax, edx
	mov	[spoon], rax
	mov	rax, cr0
	bts	rax, 16				; WP
	mov	cr0, rax
	mov	rax, [registers]
	mov	rbx, [registers + 8]
	mov	rcx, [registers + 16]
	mov	rdx, [registers + 24]
	mov	rbp, [registers + 32]
	mov	rsi, [registers + 40]
	mov	rdi, [registers + 48]
	mov	r8, [registers + 56]
	mov	r9, [registers + 64]
	mov	r10, [registers + 72]
	mov	r11, [registers + 80]
	mov	r12, [registers + 88]
	mov	r13, [registers + 96]
	mov	r14, [registers + 104]
	mov	r15, [registers + 112]
	mov	rsp, PLAYGROUND + 0x80000
	push	qword DATA
	push	qword PLAYGROUND + 0x80000
	push	qword 0x202
	push	qword [kind]
	push	qword [spoon]
	iretq

; Vectors 0 to 255: 16 bytes a stub; RAX: the vector.
	align	16
stub0:
%assign v 0
%rep 256
	align	16
	mov	eax, v
	jmp	strict near swallow
%assign v v + 1
%endrep

; Whatever ended it: back to eat's caller, on its stack.
swallow:
	mov	rcx, cr0
	btr	rcx, 16
	mov	cr0, rcx
	cld
	rol	qword [digest], 5
	xor	[digest], rax
	mov	rsp, IST - 0x100		; a clean frame
	push	qword DATA
	push	qword STACK_TOP
	push	qword 2
	push	qword CODE64
	push	qword .back
	iretq
.back:	mov	rsp, [kept_rsp]
	mov	cx, DATA
	mov	ds, cx
	mov	es, cx
	mov	ss, cx
	inc	dword [survived]
	cmp	eax, TIMER_VECTOR
	jne	.early
	inc	dword [late]
	WRMSR_IMM X2APIC_EOI, 0
.early:	WRMSR_IMM IA32_TSC_DEADLINE, 0
	ret

section .rodata
	align	4
; What exits, or is hidden, or is privileged.
spice:	db	0x0f, 0xa2, 0x90, 0x90	; CPUID
	db	0x0f, 0x32, 0x90, 0x90	; RDMSR
	db	0x0f, 0x01, 0xc1, 0x90	; VMCALL
	db	0x0f, 0x01, 0xd9, 0x90	; VMMCALL
	db	0x0f, 0x01, 0xd8, 0x90	; VMRUN
	db	0x0f, 0x01, 0xd0, 0x90	; XGETBV
	db	0x0f, 0x01, 0xd1, 0x90	; XSETBV
	db	0x0f, 0x01, 0xc8, 0x90	; MONITOR
	db	0x0f, 0x01, 0xc9, 0x90	; MWAIT
	db	0x0f, 0x01, 0xf9, 0x90	; RDTSCP
	db	0x0f, 0x20, 0xc0, 0x90	; MOV from CR0
	db	0x0f, 0x20, 0xe0, 0x90	; MOV from CR4
	db	0x44, 0x0f, 0x20, 0xc0	; MOV from CR8
	db	0x0f, 0x21, 0xf8, 0x90	; MOV from DR7
	db	0x0f, 0x08, 0x0f, 0x09	; INVD, WBINVD
	db	0x0f, 0x31, 0x0f, 0x33	; RDTSC, RDPMC
	db	0x0f, 0x37, 0x0f, 0xaa	; GETSEC, RSM
	db	0x0f, 0x06, 0x0f, 0x0b	; CLTS, UD2
	db	0x0f, 0xc7, 0x33, 0x90	; VMPTRLD
	db	0x0f, 0x78, 0xc3, 0x90	; VMREAD
	db	0x66, 0x0f, 0x38, 0x80	; INVEPT
	db	0x66, 0x0f, 0x38, 0x82	; INVPCID
	db	0x0f, 0x01, 0x3b, 0x90	; INVLPG
	db	0xf3, 0x90, 0xf3, 0x90	; PAUSE
	db	0xf0, 0x0f, 0x38, 0x90	; LOCK, three-byte opcodes
	db	0xc4, 0xe2, 0x7d, 0x90	; VEX
	db	0xc5, 0xf8, 0x90, 0x90	; VEX
	db	0x62, 0xf1, 0x7c, 0x48	; EVEX
	db	0xf3, 0x0f, 0xae, 0x90	; group 15
	db	0x0f, 0xae, 0x90, 0x90
	db	0xcd, 0x80, 0xcc, 0xf1	; INT, INT3, INT1
	db	0x0f, 0x01, 0xca, 0x90	; CLAC
	align	8
gdtr:	dw	0x3f
	dq	gdt
gdt:	dq	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
	dq	0x0000890000000067 | (SCRATCH & 0xffffff) << 16, 0
	dq	0x00c09b000000ffff | (POT & 0xffffff) << 16 | 0x000f000000000000
	dq	0x00009b000000ffff | (POT & 0xffffff) << 16
kinds:	db	CODE64, CODE64, CODE32, CODE16

section .data
	align	8
kept_rsp:	dq 0
kind:		dq 0
spoon:		dq 0
budget:		dq 0
digest:		dq 0
registers:	times 16 dq 0
starts:		dd 0
left:		dd 0
survived:	dd 0
late:		dd 0

%include "guest_end.inc"
