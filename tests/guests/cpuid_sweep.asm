; cpuid_sweep - what CPUID says is the same each time and tells nothing of the
; machine that is not offered; and every instruction that it hides raises #UD.

%define GUEST_NAME "cpuid_sweep"
%include "guest.inc"
%include "hostile.inc"

%define RANDOM_COUNT	20000

main:
	xor	eax, eax
	cpuid
	cmp	ebx, 'Genu'
	sete	[is_intel]
	call	test_leaves
	call	test_random
	call	test_hidden
	call	test_encodings
	ret

; LEAF_ZERO "text", leaf [, leaf ...]: all four registers of subleaves 0 to 3
%macro LEAF_ZERO 2-*
	xor	r12d, r12d
%push leaf
%define %$text %1
%rep %0 - 1
	mov	r9d, %2
	call	leaf_or
%rotate 1
%endrep
	ZERO	%$text, r12d
%pop
%endmacro

leaf_or:
	xor	r10d, r10d
.sub:	mov	eax, r9d
	mov	ecx, r10d
	cpuid
	or	r12d, eax
	or	r12d, ebx
	or	r12d, ecx
	or	r12d, edx
	inc	r10d
	cmp	r10d, 4
	jb	.sub
	ret

test_leaves:
	LEAF_ZERO "no serial number, MONITOR, power, counters", 3, 5, 8, 9, 10
	LEAF_ZERO "no QoS, SGX, PT, PCONFIG, KL, hybrid, LBR", 0xf, 0x10, 0x12, 0x14, 0x18, 0x19, 0x1a, 0x1b, 0x1c
	LEAF_ZERO "no AMX, topology of the host, TDX", 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22
	LEAF_ZERO "no SVM, no SEV, no topology of AMD's", 0x8000000a, 0x8000001b, 0x8000001d, 0x8000001e, 0x8000001f, 0x80000020
	LEAF_ZERO "nothing behind the last leaves", 0x100, 0x7fffffff, 0x80000100, 0xbfffffff, 0xc0000000, 0xffffffff
	LEAF_ZERO "nothing between the hypervisor's leaves", 0x40000002, 0x4000000f, 0x40000011, 0x40000080, 0x40000101, 0x40000200
	xor	eax, eax
	cpuid
	cmp	eax, 0x20
	CHECK	b, "the largest leaf is below 20h"
	mov	eax, 1
	cpuid
	shr	ebx, 16
	cmp	bl, 1
	CHECK	be, "one logical processor"
	shr	ebx, 8
	CHECK	z, "with APIC id 0"

	; The upper halves of the registers are not looked at, and become 0.
	mov	rax, 0xffffffff00000000
	mov	rcx, rax
	mov	rbx, rax
	mov	rdx, rax
	cpuid
	mov	r8, rax
	or	r8, rbx
	or	r8, rcx
	or	r8, rdx
	shr	r8, 32
	CHECK	z, "CPUID clears the upper halves"
	ret

; sum - R8: of what CPUID answers to EAX, ECX
sum:	cpuid
	rol	r8, 7
	add	r8, rax
	rol	r8, 7
	add	r8, rbx
	rol	r8, 7
	add	r8, rcx
	rol	r8, 7
	add	r8, rdx
	ret

test_random:
	mov	r13d, 2
.twice:	mov	r12, r8
	mov	rax, 0x123456789abcdef
	mov	[seed], rax
	xor	r8d, r8d
	mov	r14d, RANDOM_COUNT
.again:	call	random
	mov	rcx, rax
	shr	rcx, 32
	and	ecx, 0x3f
	test	r14d, 3
	jz	.any
	and	eax, 0xc000003f
.any:	call	sum
	dec	r14d
	jnz	.again
	dec	r13d
	jnz	.twice
	cmp	r8, r12
	CHECK	e, "20000 random leaves, twice: the same"
	SAY_NUMBER "sum", r8
	xor	r8d, r8d
	mov	r13d, 2
.sweep:	mov	r12, r8
	xor	r8d, r8d
	xor	r9d, r9d
.leaf:	xor	r10d, r10d
.sub:	mov	eax, r9d
	mov	ecx, r10d
	call	sum
	inc	r10d
	cmp	r10d, 65
	jb	.sub
	inc	r9d
	cmp	r9d, 0x20
	jb	.leaf
	dec	r13d
	jnz	.sweep
	cmp	r8, r12
	CHECK	e, "leaves 0 to 1fh with subleaves 0 to 64, twice: the same"
	ret

; ---- instructions that CPUID hides ----

; A row of 32 bytes: text, leaf, register (0 EAX .. 3 EDX), bit (from 32 on: of
; subleaf 1; 255: always hidden), and bytes, which have to raise #UD if the bit is
; clear.
%macro HIDDEN 5+		; "text", leaf, reg, bit, bytes
section .hidden
	dq	%%text
	dd	%2
	db	%3, %4
%%bytes:	db	%5
%%end:	times 18 - (%%end - %%bytes) db 0x90
[section .rodata]
%%text:	db	%1, 0
__SECT__
%endmacro
%define ROW_SIZE 32
%define INTEL 0x80	; only there: QEMU takes it for another, or for good
%define ALWAYS 0, 0, 255

section .hidden follows=.data vfollows=.data align=16
hidden:
	HIDDEN "XGETBV without CR4.OSXSAVE", ALWAYS, 0x0f, 0x01, 0xd0
	HIDDEN "MONITOR", 1, 2, 3, 0x0f, 0x01, 0xc8
	HIDDEN "MWAIT", 1, 2, 3, 0x0f, 0x01, 0xc9
	HIDDEN "MONITORX", 0x80000001, 2, 29, 0x0f, 0x01, 0xfa
	HIDDEN "VMXON", 1, 2, 5, 0xf3, 0x0f, 0xc7, 0x33
	HIDDEN "VMCALL's neighbour VMLAUNCH", 1, 2, 5, 0x0f, 0x01, 0xc2
	HIDDEN "GETSEC", 1, 2, 6, 0x0f, 0x37
	HIDDEN "ENCLS", 7, 1, 2, 0x0f, 0x01, 0xcf
	HIDDEN "ENCLU", 7, 1, 2, 0x0f, 0x01, 0xd7
	HIDDEN "ENCLV", 7, 1, 2, 0x0f, 0x01, 0xc0
	HIDDEN "PCONFIG", 7, 3, 18, 0x0f, 0x01, 0xc5
	HIDDEN "INVPCID", 7, 1, 10, 0x66, 0x0f, 0x38, 0x82, 0x03
	HIDDEN "RDTSCP", 0x80000001, 3, 27, 0x0f, 0x01, 0xf9
	HIDDEN "XSAVES", 0xd, 0, 32 + 3, 0x0f, 0xc7, 0x2b
	HIDDEN "XRSTORS", 0xd, 0, 32 + 3, 0x0f, 0xc7, 0x1b
	HIDDEN "UMONITOR", 7, 2 | INTEL, 5, 0xf3, 0x0f, 0xae, 0xf0
	HIDDEN "UMWAIT", 7, 2 | INTEL, 5, 0xf2, 0x0f, 0xae, 0xf0
	HIDDEN "ENQCMD", 7, 2, 29, 0xf2, 0x0f, 0x38, 0xf8, 0x03
	HIDDEN "ENQCMDS", 7, 2, 29, 0xf3, 0x0f, 0x38, 0xf8, 0x03
	HIDDEN "LOADIWKEY", 7, 2, 23, 0xf3, 0x0f, 0x38, 0xdc, 0xc1
	HIDDEN "ENCODEKEY128", 7, 2, 23, 0xf3, 0x0f, 0x38, 0xfa, 0xc0
	HIDDEN "AESENC128KL", 7, 2, 23, 0xf3, 0x0f, 0x38, 0xdc, 0x03
	HIDDEN "RDPKRU without CR4.PKE", ALWAYS, 0x0f, 0x01, 0xee
	HIDDEN "WRPKRU without CR4.PKE", ALWAYS, 0x0f, 0x01, 0xef
	HIDDEN "RDFSBASE without CR4.FSGSBASE", ALWAYS, 0xf3, 0x48, 0x0f, 0xae, 0xc0
	HIDDEN "SETSSBSY", 7, 2, 7, 0xf3, 0x0f, 0x01, 0xe8
	HIDDEN "WRSSD", 7, 2, 7, 0x0f, 0x38, 0xf6, 0x03
	HIDDEN "CLUI", 7, 3, 5, 0xf3, 0x0f, 0x01, 0xee
	HIDDEN "SENDUIPI", 7, 3, 5, 0xf3, 0x0f, 0xc7, 0xf0
	HIDDEN "SERIALIZE", 7, 3, 14, 0x0f, 0x01, 0xe8
	HIDDEN "HRESET", 7, 0, 32 + 22, 0xf3, 0x0f, 0x3a, 0xf0, 0xc0, 0x00
	HIDDEN "TILELOADD", 7, 3, 24, 0xc4, 0xe2, 0x7b, 0x4b, 0x04, 0x23
	HIDDEN "AVX without CR4.OSXSAVE", ALWAYS, 0xc5, 0xf8, 0x57, 0xc0
	HIDDEN "AVX-512 without XCR0", ALWAYS, 0x62, 0xf1, 0x7c, 0x48, 0x57, 0xc0
	HIDDEN "KMOVW without XCR0", ALWAYS, 0xc5, 0xf8, 0x92, 0xc0
	HIDDEN "SEAMCALL", ALWAYS, 0x66, 0x0f, 0x01, 0xcf
	HIDDEN "TDCALL", ALWAYS, 0x66, 0x0f, 0x01, 0xcc
	HIDDEN "RDPRU", 0x80000008, 1, 4, 0x0f, 0x01, 0xfd
	HIDDEN "INVLPGB", 0x80000008, 1, 3, 0x0f, 0x01, 0xfe
	HIDDEN "TLBSYNC", 0x80000008, 1, 3, 0x0f, 0x01, 0xff
	HIDDEN "PVALIDATE", ALWAYS, 0xf2, 0x0f, 0x01, 0xff
	HIDDEN "PSMASH", ALWAYS, 0xf3, 0x0f, 0x01, 0xff
	HIDDEN "UD0", ALWAYS, 0x0f, 0xff, 0xc0
	HIDDEN "UD1", ALWAYS, 0x0f, 0xb9, 0xc0
	HIDDEN "UD2", ALWAYS, 0x0f, 0x0b
	HIDDEN "LOCK CPUID", ALWAYS, 0xf0, 0x0f, 0xa2
	HIDDEN "LOCK NOP", ALWAYS, 0xf0, 0x90
	HIDDEN "LOCK OUT", 0, INTEL, 255, 0xf0, 0xee
	HIDDEN "LOCK HLT", ALWAYS, 0xf0, 0xf4
	HIDDEN "LOCK RDMSR", ALWAYS, 0xf0, 0x0f, 0x32
	HIDDEN "LOCK MOV to memory", 0, INTEL, 255, 0xf0, 0x89, 0x03
	HIDDEN "PUSH ES in 64-bit mode", ALWAYS, 0x06
	HIDDEN "AAM in 64-bit mode", ALWAYS, 0xd4, 0x0a
	HIDDEN "MOV to CR1", ALWAYS, 0x0f, 0x22, 0xc8
	HIDDEN "MOV to CR5", ALWAYS, 0x0f, 0x22, 0xe8
	HIDDEN "MOV from CR15", ALWAYS, 0x44, 0x0f, 0x20, 0xf8
	HIDDEN "MOV to CS", ALWAYS, 0x8e, 0xc8
hidden_end:

section .text

; test_hidden - each row in a page of its own
test_hidden:
	mov	rax, cr4
	and	rax, ~(1 << 18 | 1 << 16 | 1 << 22)
	mov	cr4, rax
	mov	r14d, hidden
.row:	mov	r9d, [r14 + 8]
	movzx	r10d, byte [r14 + 13]
	test	byte [r14 + 12], INTEL
	jz	.any
	cmp	byte [is_intel], 0
	je	.next
.any:	cmp	r10d, 255
	je	.hidden
	mov	ecx, r10d
	shr	ecx, 5
	and	r10d, 31
.leaf:	mov	eax, r9d
	cpuid
	movzx	r9d, byte [r14 + 12]
	and	r9d, ~INTEL
	cmp	r9d, 1
	cmove	eax, ebx
	cmp	r9d, 2
	cmove	eax, ecx
	cmp	r9d, 3
	cmove	eax, edx
	bt	eax, r10d
	jc	.next				; it is offered
.hidden:
	mov	edi, SCRATCH
	lea	rsi, [r14 + 14]
	mov	ecx, 18
	rep	movsb
	mov	byte [rdi], 0xc3
	mov	ebx, SCRATCH + 0x1000
	mov	eax, ebx
	xor	ecx, ecx
	xor	edx, edx
	mov	r15, rsp
	mov	edi, SCRATCH
	TRY	call rdi
	mov	rsp, r15
	cmp	dword [last_vector], 6
	sete	al
	mov	rdi, [r14]
	call	verdict
.next:	add	r14d, ROW_SIZE
	cmp	r14d, hidden_end
	jb	.row
	ret

; ---- lengths and prefixes ----

test_encodings:
	; 14 prefixes and CPUID are 16 bytes: too long, whatever it is.
	mov	edi, SCRATCH
	mov	al, 0x2e
	mov	ecx, 14
	rep	stosb
	mov	dword [rdi], 0x00c3a20f
	mov	r15, rsp
	xor	eax, eax
	mov	edi, SCRATCH
	EXPECT_GP "an instruction of 16 bytes", call rdi
	mov	rsp, r15
	inc	edi				; 15 bytes: fine
	xor	eax, eax
	EXPECT_OK "CPUID with 13 prefixes", call rdi
	cmp	ebx, 'Genu'
	je	.right
	cmp	ebx, 'Auth'
.right:	CHECK	e, "and it answers"
	ret

section .data
is_intel:	db 0

section .hidden
	align	16, db 0
hidden_size equ $ - hidden

%define EXTRA_PAYLOAD hidden_size
%include "guest_end.inc"
