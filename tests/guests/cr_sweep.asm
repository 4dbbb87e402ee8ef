; cr_sweep - control registers, EFER, XCR0: every bit alone. What CPUID does not
; offer is #GP and changes nothing.

%define GUEST_NAME "cr_sweep"
%include "guest.inc"
%include "hostile.inc"

main:
	call	test_cr4
	call	test_cr0
	call	test_cr3
	call	test_cr8
	call	test_efer
	call	test_xcr
	ret

; OFFERS leaf, register, bit, bits of CR4: adds them to R15 if CPUID has it
%macro OFFERS 4
	mov	eax, %1
	xor	ecx, ecx
	cpuid
	bt	%2, %3
	jnc	%%no
	or	r15, %4
%%no:
%endmacro

; cr4_offered - R15: the bits that CPUID offers
cr4_offered:
	mov	r15d, 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 10
	OFFERS	1, edx, 1, 3		; VME, PVI
	OFFERS	1, edx, 2, 1 << 3	; DE
	OFFERS	1, edx, 7, 1 << 6	; MCE
	OFFERS	7, ecx, 2, 1 << 11	; UMIP
	OFFERS	7, ecx, 16, 1 << 12	; LA57
	OFFERS	1, ecx, 5, 1 << 13	; VMX
	OFFERS	1, ecx, 6, 1 << 14	; SMX
	OFFERS	7, ebx, 0, 1 << 16	; FSGSBASE
	OFFERS	1, ecx, 17, 1 << 17	; PCID
	OFFERS	1, ecx, 26, 1 << 18	; XSAVE
	OFFERS	7, ecx, 23, 1 << 19	; KL
	OFFERS	7, ebx, 7, 1 << 20	; SMEP
	OFFERS	7, ebx, 20, 1 << 21	; SMAP
	OFFERS	7, ecx, 3, 1 << 22	; PKU
	OFFERS	7, ecx, 7, 1 << 23	; CET
	OFFERS	7, ecx, 31, 1 << 24	; PKS
	OFFERS	7, edx, 5, 1 << 25	; UINTR
	ret

test_cr4:
	call	cr4_offered
	SAY_NUMBER "CR4 has", r15
	bt	r15, 13
	CHECK	nc, "VMXE is not offered"
	bt	r15, 14
	CHECK	nc, "SMXE is not offered"
	mov	rbx, cr4
	xor	r12d, r12d		; hidden bits that did not raise #GP
	xor	r13d, r13d		; offered bits that could not be set
	xor	r14d, r14d		; CR4 not as it should be
	xor	r9d, r9d
.bit:	mov	rax, rbx
	bts	rax, r9
	mov	rcx, rax
	TRY	mov cr4, rax
	mov	rdx, cr4
	bt	r15, r9
	jc	.offered
	cmp	dword [last_vector], 13
	je	.same
	inc	r12d
.same:	cmp	rdx, rbx
	je	.next
	inc	r14d
	jmp	.next
.offered:
	cmp	dword [last_vector], -1
	je	.changed
	inc	r13d
.changed:
	cmp	rdx, rcx
	je	.next
	inc	r14d
.next:	mov	cr4, rbx
	inc	r9d
	cmp	r9d, 64
	jb	.bit
	ZERO	"each hidden bit of CR4 raises #GP", r12d
	ZERO	"each offered bit of CR4 can be set", r13d
	ZERO	"CR4 reads back what was accepted, and nothing else", r14d
	mov	rax, rbx
	btr	rax, 5
	EXPECT_GP "CR4.PAE off in long mode", mov cr4, rax
	ret

test_cr0:
	mov	rbx, cr0
	mov	rax, rbx
	btr	eax, 4
	EXPECT_OK "CR0.ET off", mov cr0, rax
	mov	rax, cr0
	bt	eax, 4
	CHECK	c, "CR0.ET reads 1"
	xor	r12d, r12d
	mov	r9d, 6			; reserved: no #GP, no effect
.bit:	mov	rax, rbx
	bts	rax, r9
	TRY	mov cr0, rax
	cmp	dword [last_vector], -1
	je	.next
	inc	r12d
.next:	mov	cr0, rbx
	inc	r9d
	cmp	r9d, 29
	jb	.bit
	ZERO	"bits 6 to 28 of CR0 raise nothing", r12d
	mov	rax, rbx
	bts	eax, 29
	EXPECT_GP "CR0.NW without CD", mov cr0, rax
	mov	eax, 0x80000010
	EXPECT_GP "CR0.PG without PE", mov cr0, rax
	; CD is the guest's belief only: no cache is ever off for others.
	mov	r12d, 2000
	mov	rax, rbx
	bts	eax, 30
.storm:	mov	cr0, rax
	mov	cr0, rbx
	dec	r12d
	jnz	.storm
	bts	eax, 29
	EXPECT_OK "CR0.CD and NW together", mov cr0, rax
	mov	rcx, cr0
	and	ecx, 0x60000000
	cmp	ecx, 0x60000000
	CHECK	e, "read back"
	mov	cr0, rbx
	mov	rcx, cr0
	cmp	rcx, rbx
	CHECK	e, "CR0 is as it was, after 4000 changes of CD"
	ret

test_cr3:
	mov	eax, 0x80000008
	cpuid
	movzx	r9d, al
	mov	rbx, cr3
	xor	r12d, r12d
.bit:	mov	rax, rbx
	bts	rax, r9
	TRY	mov cr3, rax
	cmp	dword [last_vector], 13
	je	.next
	inc	r12d
.next:	mov	cr3, rbx
	inc	r9d
	cmp	r9d, 63
	jb	.bit
	ZERO	"each bit of CR3 above the physical width raises #GP", r12d
	mov	eax, 1
	cpuid
	bt	ecx, 17
	jnc	.no_pcid
	mov	rbx, cr3
	lea	rax, [rbx + 5]
	mov	cr3, rax
	mov	rax, cr4
	bts	rax, 17
	EXPECT_GP "CR4.PCIDE while CR3 has low bits", mov cr4, rax
	mov	cr3, rbx
	EXPECT_OK "CR4.PCIDE", mov cr4, rax
	mov	rcx, rbx
	bts	rcx, 63
	or	rcx, 7
	EXPECT_OK "CR3 with a PCID that keeps its translations", mov cr3, rcx
	mov	cr3, rbx
	btr	rax, 17
	mov	cr4, rax
.no_pcid:
	ret

test_cr8:
	xor	r12d, r12d
	mov	r9d, 4
.bit:	xor	eax, eax
	bts	rax, r9
	TRY	mov cr8, rax
	cmp	dword [last_vector], 13
	je	.next
	inc	r12d
.next:	inc	r9d
	cmp	r9d, 64
	jb	.bit
	ZERO	"each bit of CR8 from 4 on raises #GP", r12d
	mov	rax, cr8
	test	rax, rax
	CHECK	z, "CR8 is still 0"
	xor	ebx, ebx
.level:	mov	cr8, rbx
	mov	rax, cr8
	cmp	rax, rbx
	jne	.bad
	inc	ebx
	cmp	ebx, 16
	jb	.level
.bad:	cmp	ebx, 16
	CHECK	e, "CR8 takes 0 to 15"
	xor	eax, eax
	mov	cr8, rax
	ret

%define EFER_OWN (1 << 0 | 1 << 8 | 1 << 10 | 1 << 11)

test_efer:
	mov	ecx, IA32_EFER
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	mov	rbx, rax
	mov	r8d, EFER_OWN
	xor	r12d, r12d
	xor	r9d, r9d
.bit:	mov	rax, rbx
	btc	rax, r9
	bt	r8, r9
	jc	.next
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_EFER
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.next
	inc	r12d
.next:	inc	r9d
	cmp	r9d, 64
	jb	.bit
	ZERO	"each hidden bit of EFER raises #GP", r12d
	mov	rax, rbx
	btr	rax, 8
	xor	edx, edx
	mov	ecx, IA32_EFER
	EXPECT_GP "EFER.LME off while paging is on", wrmsr
	mov	rax, rbx
	btr	rax, 10
	xor	edx, edx
	TRY	wrmsr
	rdmsr
	bt	eax, 10
	CHECK	c, "EFER.LMA is not the guest's to write"
	mov	rax, rbx
	btc	rax, 11
	xor	edx, edx
	EXPECT_OK "EFER.NXE", wrmsr
	mov	eax, ebx
	wrmsr
	ret

; ---- XCR0 ----

test_xcr:
	mov	eax, 1
	cpuid
	bt	ecx, 26
	jnc	.none
	xor	ecx, ecx
	EXPECT_UD "XGETBV without CR4.OSXSAVE", xgetbv
	xor	ecx, ecx
	EXPECT_UD "XSETBV without CR4.OSXSAVE", xsetbv
	mov	rax, cr4
	bts	rax, 18
	mov	cr4, rax
	mov	eax, 13
	xor	ecx, ecx
	cpuid
	shl	rdx, 32
	or	rax, rdx
	mov	r15, rax			; all that is offered
	SAY_NUMBER "XCR0 offers", r15
	xor	r12d, r12d
	xor	ebx, ebx
.bit:	mov	eax, 3
	bts	rax, rbx
	mov	rdx, rax
	mov	rsi, rax
	shr	rdx, 32
	xor	ecx, ecx
	TRY	xsetbv
	; What is not offered is #GP, and the parts of AVX-512 are, alone.
	mov	edi, -1
	mov	rax, r15
	not	rax
	test	rsi, rax
	jnz	.refused
	test	esi, 0xe0
	jz	.expect
.refused:
	mov	edi, 13
.expect:
	cmp	[last_vector], edi
	je	.next
	inc	r12d
.next:	inc	ebx
	cmp	ebx, 64
	jb	.bit
	ZERO	"XCR0 takes each bit that is offered, and no other", r12d
	xor	r12d, r12d
	mov	ebx, 1
.xcr:	mov	ecx, ebx
	mov	eax, 3
	xor	edx, edx
	TRY	xsetbv
	cmp	dword [last_vector], 13
	je	.other
	inc	r12d
.other:	shl	ebx, 1
	jnz	.xcr
	ZERO	"XSETBV of any register but XCR0 raises #GP", r12d
	mov	eax, 3
	xor	edx, edx
	xor	ecx, ecx
	xsetbv
.none:	ret

%include "guest_end.inc"
