; hyper - hypercalls of every number, and instructions that exit over and over:
; each is answered, none may hold up the others.

%define GUEST_NAME "hyper"
%include "guest.inc"
%include "hostile.inc"

%define STORM	2000

main:
	call	test_numbers
	call	test_storms
	call	test_cpuid_ports
	call	test_time
	call	test_locks
	ret

test_numbers:
	xor	r12d, r12d		; answers that are no error
	xor	r13d, r13d		; registers that changed
	xor	r14d, r14d
.number:
	mov	rbx, 0x1111111111111111
	mov	rcx, 0x2222222222222222
	mov	rdx, 0x3333333333333333
	mov	rsi, 0x4444444444444444
	mov	rdi, 0x5555555555555555
	mov	rbp, 0x6666666666666666
	mov	r8, 0x7777777777777777
	mov	rax, r14
	HYPERCALL
	cmp	rax, -1000
	je	.refused
	cmp	r14d, 5			; kick, 10: send IPIs, 11: yield
	je	.refused
	lea	eax, [r14 - 10]
	cmp	eax, 1
	jbe	.refused
	inc	r12d
.refused:
	mov	rax, 0x1111111111111111
	xor	rbx, rax
	mov	rax, 0x2222222222222222
	xor	rcx, rax
	mov	rax, 0x3333333333333333
	xor	rdx, rax
	mov	rax, 0x4444444444444444
	xor	rsi, rax
	mov	rax, 0x5555555555555555
	xor	rdi, rax
	mov	rax, 0x6666666666666666
	xor	rbp, rax
	mov	rax, 0x7777777777777777
	xor	r8, rax
	or	rbx, rcx
	or	rdx, rsi
	or	rdi, rbp
	or	rbx, r8
	or	rbx, rdx
	or	rbx, rdi
	jz	.kept
	inc	r13d
.kept:	inc	r14d
	cmp	r14d, 0x10000
	jb	.number
	ZERO	"hypercalls 0 to ffffh, but KVM's three: all refused", r12d
	ZERO	"and no other register changes", r13d
	mov	r14d, 1000
	xor	r12d, r12d
.random:
	call	random
	mov	rbx, rax
	call	random
	mov	rcx, rax
	call	random
	mov	rdx, rax
	call	random
	mov	rsi, rax
	call	random
	HYPERCALL
	cmp	rax, -1000
	je	.next
	inc	r12d
.next:	dec	r14d
	jnz	.random
	ZERO	"1000 hypercalls of random numbers: all refused", r12d
	ret

; STORM "text", insn: so many of it
%macro DO_STORM 2+
	mov	r14d, STORM
%%again:
	%2
	dec	r14d
	jnz	%%again
	SAY	%strcat(%1, " storm is over")
%endmacro

test_storms:
	DO_STORM "hypercall", HYPERCALL
	DO_STORM "WBINVD", wbinvd
	DO_STORM "INVD", invd
	DO_STORM "PAUSE", pause
	mov	rbx, cr4
	DO_STORM "CR4", mov cr4, rbx
	mov	ebx, 0xfec00000
	DO_STORM "IOAPIC", mov eax, [rbx]
	cmp	eax, 0
	CHECK	e, "2000 reads of the IOAPIC, all answered"
	mov	ecx, 0x480
	mov	r14d, STORM
	xor	r12d, r12d
.msr:	TRY	rdmsr
	cmp	dword [last_vector], 13
	je	.refused
	inc	r12d
.refused:
	dec	r14d
	jnz	.msr
	ZERO	"2000 reads of IA32_VMX_BASIC: all #GP", r12d
	mov	r14d, STORM
	xor	r12d, r12d
.ud:	TRY	vmxoff
	cmp	dword [last_vector], 6
	je	.was_ud
	inc	r12d
.was_ud:
	dec	r14d
	jnz	.ud
	ZERO	"2000 VMXOFFs: all #UD", r12d
	ret

test_cpuid_ports:
	mov	r14d, STORM
	xor	r12d, r12d
.port:	mov	edx, 0x80
	in	eax, dx
	cmp	eax, -1
	je	.ones
	inc	r12d
.ones:	dec	r14d
	jnz	.port
	ZERO	"2000 reads of an unused port", r12d
	ret

; ---- the TSC over exits, and the instructions that read it ----

test_time:
	mov	r14d, 2000
	xor	r12d, r12d
	xor	ebx, ebx
.again:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, rbx
	ja	.later
	inc	r12d
.later:	mov	rbx, rax
	test	r14d, 3
	jnz	.no_exit
	push	rbx
	xor	eax, eax
	cpuid
	pop	rbx
.no_exit:
	dec	r14d
	jnz	.again
	ZERO	"the TSC grows over exits", r12d
	mov	eax, 0x80000001
	cpuid
	bt	edx, 27
	jnc	.no_rdtscp
	mov	ecx, 0xc0000103			; TSC_AUX
	mov	eax, 0x1234
	xor	edx, edx
	wrmsr
	mov	r14d, 2000
	xor	r12d, r12d
.p:	rdtscp
	cmp	ecx, 0x1234
	je	.same
	inc	r12d
.same:	dec	r14d
	jnz	.p
	ZERO	"RDTSCP always has this guest's TSC_AUX", r12d
.no_rdtscp:
	mov	r14d, 1
	xor	r12d, r12d
.pmc:	mov	ecx, r14d
	TRY	rdpmc
	cmp	dword [last_vector], 13
	je	.gp
	inc	r12d
.gp:	shl	r14d, 1
	jnz	.pmc
	ZERO	"RDPMC of 32 counters: all #GP", r12d
	ret

; ---- locked accesses across lines and pages ----

test_locks:
	mov	ebx, SCRATCH + 0x103e
	mov	qword [rbx], 0
	mov	r14d, STORM
.line:	lock inc dword [rbx]
	dec	r14d
	jnz	.line
	cmp	dword [rbx], STORM
	CHECK	e, "2000 locked increments across a cache line"
	mov	ebx, SCRATCH + 0x1ffe
	mov	qword [rbx], 0
	mov	r14d, STORM
.page:	lock inc dword [rbx]
	dec	r14d
	jnz	.page
	cmp	dword [rbx], STORM
	CHECK	e, "2000 locked increments across a page"
	; Code that rewrites itself between exits.
	mov	r14d, 1000
	xor	r12d, r12d
	mov	ebx, 0xfec00000
	mov	dword [rbx], 1
.smc:	mov	byte [SCRATCH + 0x3000], 0x8b	; MOV EAX, [RBX+10h]; RET
	mov	dword [SCRATCH + 0x3001], 0x00c31043
	mov	eax, SCRATCH + 0x3000
	call	rax
	cmp	eax, 0x170020
	jne	.wrong
	mov	byte [SCRATCH + 0x3000], 0x89	; MOV [RBX+10h], EAX
	mov	eax, SCRATCH + 0x3000
	call	rax
	jmp	.next
.wrong:	inc	r12d
.next:	dec	r14d
	jnz	.smc
	ZERO	"1000 MMIO instructions, each rewritten before it is run", r12d
	ret

%include "guest_end.inc"
