; msr_sweep - all MSRs of the usual ranges and random ones, read and written with
; hostile values: #GP, or a virtual register of this guest's own. What can be
; read is the same before and after.

%define GUEST_NAME "msr_sweep"
%include "guest.inc"
%include "hostile.inc"

%define RANDOM_COUNT	3000
%define IMAGE		0x400000	; a value an MSR; all ones: #GP

main:
	mov	rax, cr4
	call	test_denied
	call	test_debug
	call	test_values
	call	test_edges
	call	test_apic_base
	call	test_tsc
	call	test_ranges
	call	test_random
	ret

; denied - R9D: first, R10D: last; adds to R12D those that do not raise #GP on
; RDMSR, and on WRMSR of 0 and of all ones.
denied:
.msr:	mov	ecx, r9d
	TRY	rdmsr
	call	.look
	mov	ecx, r9d
	xor	eax, eax
	xor	edx, edx
	TRY	wrmsr
	call	.look
	mov	ecx, r9d
	mov	eax, -1
	mov	edx, eax
	TRY	wrmsr
	call	.look
	inc	r9d
	cmp	r9d, r10d
	jbe	.msr
	ret
.look:	cmp	dword [last_vector], 13
	je	.gp
	inc	r12d
.gp:	ret

; DENIED "text", first, last [, first, last ...]
%macro DENIED 3-*
	xor	r12d, r12d
%push denied
%define %$text %1
%rep (%0 - 1) / 2
	mov	r9d, %2
	mov	r10d, %3
	call	denied
%rotate 2
%endrep
	ZERO	%$text, r12d
%pop
%endmacro

test_denied:
	DENIED	"VMX capabilities", 0x480, 0x4ff
	DENIED	"SMRR, SMBASE, SMI count", 0x1f2, 0x1f3, 0x9e, 0x9e, 0x34, 0x34
	DENIED	"MTRRs", 0xfe, 0xfe, 0x200, 0x20f, 0x250, 0x250, 0x258, 0x259, 0x268, 0x26f, 0x2ff, 0x2ff
	DENIED	"machine check banks", 0x179, 0x17b, 0x280, 0x29f, 0x400, 0x47f
	DENIED	"thermal and power", 0x19a, 0x19d, 0x1a2, 0x1a2, 0x1b0, 0x1b2, 0x606, 0x606, 0x610, 0x61e, 0x638, 0x64f
	DENIED	"turbo, HWP, uncore, clock modulation", 0x1ad, 0x1ae, 0x198, 0x199, 0x770, 0x777, 0x620, 0x621, 0xce, 0xce, 0xe2, 0xe2
	DENIED	"performance counters and PEBS", 0xc1, 0xc8, 0x186, 0x18d, 0x309, 0x30b, 0x345, 0x345, 0x38d, 0x391, 0x3f1, 0x3f8, 0x4c1, 0x4c8
	DENIED	"branch records, BTS, PT", 0x1c8, 0x1c9, 0x600, 0x600, 0x680, 0x69f, 0x6c0, 0x6df, 0x560, 0x561, 0x570, 0x589, 0xdc0, 0xddf
	DENIED	"SGX", 0x8c, 0x8f, 0x300, 0x304
	DENIED	"CET, UINTR, PKS", 0x6a0, 0x6a8, 0x6e1, 0x6e1, 0x985, 0x98b
	DENIED	"speculation controls that CPUID does not show", 0x48, 0x49, 0x10a, 0x10b, 0x122, 0x122
	DENIED	"XSS without XSAVES, TSC_ADJUST, UMWAIT", 0x3b, 0x3b, 0xe1, 0xe1
	DENIED	"AMD's: SMM, SVM, IBS, performance", 0xc0010000, 0xc0010014, 0xc0010016, 0xc001001e, 0xc0010050, 0xc0010054, 0xc0010056, 0xc0010068, 0xc0010110, 0xc0010118, 0xc0010130, 0xc0010141, 0xc0010200, 0xc001020b, 0xc0011000, 0xc001103f
	DENIED	"hypervisors' ranges that are not ours", 0x40000000, 0x40000110, 0x4b564d02, 0x4b564d02, 0x4b564d05, 0x4b564d10
	ret

; ---- DEBUGCTL ----

test_debug:
	xor	r12d, r12d
	xor	ebx, ebx
.bit:	xor	eax, eax
	bts	rax, rbx
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, 0x1d9
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.next
	inc	r12d
.next:	inc	ebx
	cmp	ebx, 64
	jb	.bit
	ZERO	"each bit of DEBUGCTL raises #GP", r12d
	mov	ecx, 0x1d9
	rdmsr
	or	eax, edx
	CHECK	z, "DEBUGCTL reads 0"
	ret

; ---- values that would break a VM entry, and types that do not exist ----

%macro REFUSES 2		; MSR, value: adds to R12D if it is taken
	mov	ecx, %1
	mov	rax, %2
	mov	rdx, rax
	shr	rdx, 32
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	%%gp
	inc	r12d
%%gp:
%endmacro

test_values:
	JUMP_IF_TCG .no_canonical
	xor	r12d, r12d
%assign n 0
%rep 9
%if n == 0
%define number 0xc0000082
%elif n == 1
%define number 0xc0000083
%elif n == 2
%define number 0xc0000100
%elif n == 3
%define number 0xc0000101
%elif n == 4
%define number 0xc0000102
%elif n == 5
%define number 0x175
%else
%define number 0x176
%endif
%if n < 7
	REFUSES	number, 1 << 47
	REFUSES	number, 1 << 63
	REFUSES	number, 0x0123456789abcdef
	REFUSES	number, ~(1 << 47)
	REFUSES	number, ~(1 << 62)
%endif
%assign n n + 1
%endrep
	ZERO	"addresses that are none are refused", r12d
.no_canonical:
	xor	r12d, r12d
	xor	ebx, ebx
.byte:	mov	r8d, 2
	call	pat
	mov	r8d, 3
	call	pat
	mov	r8d, 8
	call	pat
	mov	r8d, 0xff
	call	pat
	inc	ebx
	cmp	ebx, 8
	jb	.byte
	ZERO	"PAT takes no type that does not exist", r12d
	mov	ecx, 0x277
	rdmsr
	cmp	eax, 0x00070406
	CHECK	e, "PAT is as after a reset"
	mov	ecx, 0x3a
	rdmsr
	and	eax, ~0
	cmp	eax, 1
	CHECK	e, "FEATURE_CONTROL is locked, all off"
	xor	r12d, r12d
	REFUSES	0x3a, 5
	REFUSES	0x3a, 0
	ZERO	"FEATURE_CONTROL cannot be written", r12d
	mov	ecx, 0x1a0
	rdmsr
	mov	ebx, eax
	mov	eax, -1
	mov	edx, -1
	TRY	wrmsr
	mov	ecx, 0x1a0
	rdmsr
	cmp	eax, ebx
	CHECK	e, "MISC_ENABLE does not change"
	mov	ecx, 0x8b
	rdmsr
	mov	ebx, edx
	mov	eax, IMAGE
	xor	edx, edx
	mov	ecx, 0x79
	TRY	wrmsr				; no microcode is loaded
	mov	ecx, 0x8b
	rdmsr
	cmp	edx, ebx
	CHECK	e, "the microcode is not updated"
	ret

; pat - type R8D in byte EBX
pat:
	mov	ecx, ebx
	shl	ecx, 3
	mov	rax, 0x0007040600070406
	mov	rdx, 0xff
	shl	rdx, cl
	not	rdx
	and	rax, rdx
	mov	edx, r8d
	shl	rdx, cl
	or	rax, rdx
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, 0x277
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.gp
	inc	r12d
.gp:	ret

test_edges:
	DENIED	"the edges of the bitmaps", 0x1ff0, 0x2010, 0xbffffff0, 0xbfffffff, 0xc0001ff0, 0xc0002010, 0xfffffff0, 0xfffffffe
	ret

; ---- the local APIC's place and mode ----

test_apic_base:
	mov	ecx, IA32_APIC_BASE
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	mov	rbx, rax
	xor	r12d, r12d
	xor	r9d, r9d
.bit:	mov	rax, rbx			; off, xAPIC, moved, too wide
	btc	rax, r9
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_APIC_BASE
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.next
	inc	r12d
.next:	inc	r9d
	cmp	r9d, 64
	jb	.bit
	mov	rax, rbx			; both off at once: where the
	and	eax, ~0xc00			; registers are not APICv's it may
	mov	rdx, rax
	shr	rdx, 32
	TRY	wrmsr
	cmp	dword [last_vector], 13
	je	.off
	mov	rax, rbx			; and back, by xAPIC mode
	and	eax, ~0x400
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
	mov	rax, rbx
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
.off:	ZERO	"APIC_BASE takes no other value than its own", r12d
	mov	ecx, IA32_APIC_BASE
	rdmsr
	cmp	eax, ebx
	CHECK	e, "APIC_BASE reads as before"
	ret

; ---- the TSC ----

test_tsc:
	rdtsc
	mov	ebx, edx
	mov	ecx, 0x10
	xor	eax, eax
	xor	edx, edx
	TRY	wrmsr
	mov	ecx, 0x10
	mov	eax, -1
	mov	edx, 0x7fffffff
	TRY	wrmsr
	rdtsc
	sub	edx, ebx
	cmp	edx, 0x1000
	CHECK	b, "writes of the TSC move no clock"
	mov	ecx, IA32_TSC_DEADLINE
	mov	eax, -1
	mov	edx, -1
	EXPECT_OK "a TSC deadline of all ones", wrmsr
	xor	eax, eax
	xor	edx, edx
	wrmsr
	ret

; ---- everything: read, written with 0, all ones and one bit, read again ----

; own - EBX: an MSR; ZF if it is this guest's own, and may change.
own:
	mov	eax, ebx
	and	eax, ~0xff
	cmp	eax, 0x800			; apic_abuse has those
	je	.end
	mov	esi, own_list
.next:	lodsd
	cmp	eax, ebx
	je	.end
	cmp	esi, own_list_end
	jb	.next
	test	ebx, ebx			; MSR 0 is none of them
	jnz	.end
	cmp	eax, ebx
.end:	ret

; read - EBX: an MSR; RAX: its value, all ones: #GP
read:
	mov	ecx, ebx
	TRY	rdmsr
	cmp	dword [last_vector], -1
	jne	.gp
	shl	rdx, 32
	or	rax, rdx
	ret
.gp:	mov	rax, -1
	ret

; RANGE first, last: R8: where the image goes on
%macro RANGE 3
	mov	ebx, %2
	mov	r10d, %3
	call	%1
%endmacro
%macro ALL_RANGES 1
	mov	r8d, IMAGE
	RANGE	%1, 0, 0x1fff
	RANGE	%1, 0x40000000, 0x400000ff
	RANGE	%1, 0xc0000000, 0xc0001fff
	RANGE	%1, 0xc0010000, 0xc00103ff
%endmacro

take:	call	own
	je	.next
	call	read
	mov	[r8], rax
.next:	add	r8, 8
	inc	ebx
	cmp	ebx, r10d
	jbe	take
	ret

write:	call	own
	je	.next
	xor	eax, eax
	xor	edx, edx
	call	.one
	mov	eax, -1
	mov	edx, eax
	call	.one
	mov	eax, ebx
	and	eax, 63
	xor	edx, edx
	bts	rdx, rax
	mov	eax, edx
	shr	rdx, 32
	call	.one
.next:	inc	ebx
	cmp	ebx, r10d
	jbe	write
	ret
.one:	mov	ecx, ebx
	TRY	wrmsr
	cmp	dword [last_vector], -1
	jne	.gp
	inc	r13d
.gp:	ret

compare:
	call	own
	je	.next
	call	read
	cmp	rax, [r8]
	je	.next
	inc	r12d
	SAY_NUMBER "changed:", rbx
.next:	add	r8, 8
	inc	ebx
	cmp	ebx, r10d
	jbe	compare
	ret

test_ranges:
	xor	r12d, r12d
	xor	r13d, r13d
	ALL_RANGES take
	ALL_RANGES write
	ALL_RANGES compare
	SAY_NUMBER "writes that were taken:", r13
	ZERO	"17,664 MSRs read the same after writes of 0, all ones and one bit", r12d
	ret

test_random:
	mov	r14d, RANDOM_COUNT
	xor	r13d, r13d
.again:	call	random
	mov	rbx, rax
	shr	rbx, 32
	test	r14d, 1
	jz	.any
	mov	eax, ebx			; or in the ranges
	and	ebx, 0x1fff
	bt	eax, 20
	jc	.any
	or	ebx, 0xc0000000
.any:	call	own
	je	.next
	call	random
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, ebx
	TRY	wrmsr
	mov	ecx, ebx
	TRY	rdmsr
	cmp	dword [last_vector], -1
	jne	.next
	inc	r13d
.next:	dec	r14d
	jnz	.again
	SAY_NUMBER "random ones that could be read:", r13
	mov	r8d, IMAGE
	xor	r12d, r12d
	RANGE	compare, 0, 0x1fff
	ZERO	"the image is the same after 3000 random writes", r12d
	ret

section .rodata
	align	4
own_list:
	dd	0x10, 0x1b, 0x174, 0x175, 0x176, 0x277, 0x6e0
	dd	0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084
	dd	0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103
	dd	0x4b564d00, 0x4b564d01
own_list_end:

%include "guest_end.inc"
