; smp_memory - vCPUs that share memory: a spin lock whose holder is taken off its
; CPU, and a page that one unmaps while the others read it.

%define GUEST_NAME "smp_memory"
%include "guest.inc"
%include "smp.inc"

%define TURNS		20		; with the lock, each vCPU
%define LONG_TURN	7		; one of so many outlasts a slice
%define LONG_MS		8
%define UNMAPS		20
%define VECTOR_SHOOT	0x73
%define PAGE		0xc00000	; 2 MiB that nobody else uses
%define PAGE_ENTRY	(PAGE >> 21) * 8	; in the page directory

; In a vCPU's block.
%define CPU_READS	(CPU_FREE + 0)
%define CPU_STALE	(CPU_FREE + 4)	; reads that should have faulted
%define CPU_FAULTS	(CPU_FREE + 8)
%define CPU_IS_TOLD	(CPU_FREE + 12)	; the page is gone, and it knows

main:
	call	smp_init
	sti
	call	smp_start_all
	call	test_lock
	jmp	test_unmap

; ---- a spin lock ----

test_lock:
	mov	eax, 0x40000010
	cpuid
	imul	rax, rax, LONG_MS
	mov	[long_ticks], rax
	mov	rsi, contend
	call	smp_call_all
	call	contend
	call	smp_wait_all
	imul	eax, [cpu_count], TURNS
	cmp	[counter], eax
	CHECK	e, "a spin lock whose holder loses its CPU: each has its turns"
	cmp	dword [intruders], 0
	CHECK	e, "and has it alone"
	ret

contend:
	mov	r12d, TURNS
.turn:	lock bts dword [spin_lock], 0
	jnc	.mine
	pause
	jmp	.turn
.mine:	lock inc dword [inside]
	cmp	dword [inside], 1
	je	.alone
	lock inc dword [intruders]
.alone:	mov	eax, r12d
	xor	edx, edx
	mov	ecx, LONG_TURN
	div	ecx
	test	edx, edx
	jnz	.short
	rdtsc
	shl	rdx, 32
	lea	rbx, [rax + rdx]
	add	rbx, [long_ticks]
.long:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, rbx
	jb	.long
.short:	mov	eax, [counter]		; not atomic: the lock is what makes it so
	pause
	inc	eax
	mov	[counter], eax
	lock dec dword [inside]
	mov	dword [spin_lock], 0
	dec	r12d
	jnz	.turn
	ret

; ---- a page that goes away ----

test_unmap:
	mov	rax, cr3
	mov	rax, [rax]
	and	rax, ~0xfff
	mov	rax, [rax]
	and	rax, ~0xfff
	lea	r14, [rax + PAGE_ENTRY]
	mov	word [IDT_AT + 14 * 16], gone
	mov	word [IDT_AT + 14 * 16 + 6], IMAGE_BASE >> 16
	mov	qword [IRQ_HOOK_AT + VECTOR_SHOOT * 8], shoot
	mov	r13d, UNMAPS
.round:	mov	edi, SMP_CPUS
	mov	ecx, SMP_MAX
.clear:	mov	dword [rdi + CPU_READS], 0
	mov	dword [rdi + CPU_IS_TOLD], 0
	add	edi, 0x1000
	dec	ecx
	jnz	.clear
	mov	rsi, reader
	call	smp_call_all
	mov	edi, 1
.reads:	BLOCK_OF esi, edi
.look:	pause
	cmp	dword [rsi + CPU_READS], 0
	je	.look
	inc	edi
	cmp	edi, [cpu_count]
	jb	.reads
	and	qword [r14], ~1
	invlpg	[PAGE]
	SEND	ICR_FIXED | ICR_OTHERS | VECTOR_SHOOT, 0
	call	smp_wait_all
	or	qword [r14], 1
	dec	r13d
	jnz	.round
	mov	edi, SMP_CPUS
	xor	ebx, ebx		; stale reads
	xor	r12d, r12d		; faults
	mov	ecx, SMP_MAX
.sum:	add	ebx, [rdi + CPU_STALE]
	add	r12d, [rdi + CPU_FAULTS]
	add	edi, 0x1000
	dec	ecx
	jnz	.sum
	test	ebx, ebx
	CHECK	z, "a page that another one unmapped is not read any more"
	mov	eax, [cpu_count]
	dec	eax
	imul	eax, eax, UNMAPS
	cmp	r12d, eax
	CHECK	e, "each reader faults, each time"
	ret

; Reads until that faults.
reader:	mov	ebx, gs:[CPU_IS_TOLD]
	mov	eax, [PAGE]
	add	gs:[CPU_STALE], ebx
	inc	dword gs:[CPU_READS]
	test	ebx, ebx
	jz	reader
	ret

; #PF: the reader's, at its only access.
gone:	inc	dword gs:[CPU_FAULTS]
	mov	qword [rsp + 8], .end
	add	rsp, 8			; the error code
	iretq
.end:	ret

shoot:	invlpg	[PAGE]
	mov	dword gs:[CPU_IS_TOLD], 1
	jmp	smp_count

section .data
	align	8
long_ticks:	dq 0
spin_lock:	dd 0
inside:		dd 0
intruders:	dd 0
counter:	dd 0

%include "guest_end.inc"
