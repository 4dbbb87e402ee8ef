; ept_sweep - guest-physical addresses up to the physical width: only this
; guest's RAM and its devices answer. Page tables that lead anywhere, aliases of
; one page with other memory types, large pages split and merged.

%define GUEST_NAME "ept_sweep"
%include "guest.inc"
%include "hostile.inc"

%define RAM_SIZE	(32 << 20)
%define PDPT		(SCRATCH + 0x1000)
%define DIRECTORY	(SCRATCH + 0x2000)
%define TABLE		(SCRATCH + 0x3000)
%define FRAME		(SCRATCH + 0x4000)
%define CODE		(SCRATCH + 0x5000)
%define WINDOW		(1 << 39)	; one 2 MiB page that leads anywhere
%define SMALL		(WINDOW + 0x200000)	; 4 KiB pages
%define LARGE		0x83
%define CANARY		0x5ec7e7

main:
	mov	edi, SCRATCH
	mov	ecx, 0x6000 / 8
	xor	eax, eax
	rep	stosq
	mov	rbx, cr3
	mov	qword [rbx + 8], PDPT + 3
	mov	qword [PDPT], DIRECTORY + 3
	mov	qword [DIRECTORY + 8], TABLE + 3
	mov	eax, 0x80000008
	cpuid
	movzx	eax, al
	mov	[width], eax
	SAY_NUMBER "physical address bits:", rax
	call	test_holes
	call	test_stride
	call	test_straddle
	call	test_tables
	call	test_types
	call	test_split
	call	test_repeat
	ret

; window - RAX: the 2 MiB page that WINDOW shows; RBX: WINDOW
window:
	or	rax, LARGE
	mov	[DIRECTORY], rax
	mov	rbx, WINDOW
	invlpg	[rbx]
	ret

; HOLE "text", address: read, write, read again
%macro HOLE 2
	mov	rax, %2
	mov	rsi, rax
	and	rax, ~0x1fffff
	call	window
	and	esi, 0x1fffff
	mov	rax, CANARY
	mov	rcx, [rbx + rsi]
	mov	[rbx + rsi], rax
	mov	rdx, [rbx + rsi]
	and	rcx, rdx
	cmp	rcx, -1
	CHECK	e, %1
%endmacro

test_holes:
	HOLE	"the first byte behind RAM", RAM_SIZE
	HOLE	"below 3 GiB", 0xbffffff8
	HOLE	"in front of the IOAPIC", 0xfebffff8
	HOLE	"behind the IOAPIC", 0xfec01000
	HOLE	"the local APIC's page", 0xfee00000
	HOLE	"the firmware's place", 0xfffffff0
	HOLE	"the last bytes below 4 GiB", 0xfffffff8
	HOLE	"at 4 GiB", 0x100000000
	HOLE	"at 64 GiB", 0x1000000000
	mov	ecx, [width]
	mov	eax, 1
	shl	rax, cl
	sub	rax, 8
	mov	[last], rax
	HOLE	"the last bytes of all", [last]
	ret

; All of the physical addresses, by steps that grow: each bit, and a stride.
test_stride:
	xor	r12d, r12d		; addresses that answered
	xor	r13d, r13d
	mov	r14, RAM_SIZE
	mov	r15, [last]
.step:	mov	rax, r14
	and	rax, ~0x1fffff
	call	window
	mov	rcx, r14
	and	ecx, 0x1ff000
	mov	rax, [rbx + rcx]
	cmp	rax, -1
	jne	.answer
	mov	qword [rbx + rcx], CANARY
	cmp	qword [rbx + rcx], -1
	je	.next
.answer:
	; The four pages of MSI-X tables, and the IOAPIC, may.
	mov	rax, r14
	mov	edx, 0xe0000000
	sub	rax, rdx
	cmp	rax, 0x4000
	jb	.next
	inc	r12d
.next:	inc	r13d
	mov	rax, r14
	shr	rax, 8			; 257/256 of it next
	and	rax, ~0xfff
	add	rax, 0x200000
	add	r14, rax
	cmp	r14, r15
	jb	.step
	SAY_NUMBER "addresses tried:", r13
	ZERO	"nothing but RAM and devices answers", r12d
	; Our own canary is where it was.
	mov	qword [FRAME], CANARY
	mov	eax, FRAME
	and	eax, ~0x1fffff
	call	window
	mov	rax, [rbx + (FRAME & 0x1fffff)]
	cmp	rax, CANARY
	CHECK	e, "the window shows this guest's own RAM"
	mov	qword [DIRECTORY], 0
	mov	rbx, WINDOW
	invlpg	[rbx]
	ret

; ---- a device's last bytes, and a page that is not there behind it ----

test_straddle:
	mov	eax, 0xfec00003
	mov	[TABLE], rax
	mov	qword [TABLE + 8], 0
	mov	rbx, SMALL
	invlpg	[rbx]
	lea	rcx, [rbx + 0x1000]
	invlpg	[rcx]
	EXPECT_VECTOR 14, "a read across a device's page into one that is missing", mov rax, [rbx + 0xffc]
	PAGE_FAULT "that read", SMALL + 0x1000, 0
	mov	eax, 0xfec00000
	or	eax, 3
	mov	[TABLE], rax
	mov	dword [rbx], 1
	mov	eax, [rbx + 0x10]
	cmp	eax, 0x170020
	CHECK	e, "the IOAPIC by a 4 KiB page"
	; An MMIO instruction whose own bytes cross into a page that is missing.
	mov	qword [TABLE + 16], CODE + 3
	mov	qword [TABLE + 24], 0
	mov	word [CODE + 0xfff], 0x8b	; MOV EAX, [RBX]: its second byte
	lea	rcx, [rbx + 0x2fff]
	lea	rdx, [rbx + 0x3000]
	invlpg	[rcx]
	invlpg	[rdx]
	mov	r15, rsp
	EXPECT_VECTOR 14, "an MMIO instruction half in a page that is missing", jmp rcx
	mov	rsp, r15
	mov	rax, SMALL + 0x3000
	mov	rcx, cr2
	cmp	rax, rcx
	CHECK	e, "whose fault is at the missing page"
	ret

; ---- page tables that lead nowhere sensible ----

test_tables:
	mov	rbx, SMALL
	mov	r8, 1 << 51
	mov	ecx, [width]
	cmp	ecx, 52
	jae	.wide
	or	r8, FRAME + 3
	mov	[TABLE], r8
	invlpg	[rbx]
	JUMP_IF_TCG .wide
	mov	rbx, SMALL
	EXPECT_VECTOR 14, "an entry with reserved bits", mov rax, [rbx]
	cmp	qword [last_error], 9
	CHECK	e, "and the error code says so"
.wide:	mov	rbx, SMALL
	; A table that is its own page: entries read as data.
	mov	qword [TABLE], TABLE + 3
	invlpg	[rbx]
	mov	rax, [rbx]
	and	rax, ~0x60
	cmp	rax, TABLE + 3
	CHECK	e, "a table that maps itself"
	; A directory that is its own table, and its own table's table.
	mov	qword [DIRECTORY + 16], DIRECTORY + 3
	mov	rcx, WINDOW + 0x400000
	mov	rax, cr3
	mov	cr3, rax
	mov	rax, [rcx + 0x2000 + 2 * 8]	; entry 2 once more: itself
	and	rax, ~0x60
	cmp	rax, DIRECTORY + 3
	CHECK	e, "a directory that is its own table"
	mov	qword [DIRECTORY + 16], 0
	mov	rax, cr3
	mov	cr3, rax
	ret

; ---- one page with several memory types ----

test_types:
	mov	rbx, SMALL
	mov	esi, types
	xor	r12d, r12d
	mov	ecx, 8
	xor	r9d, r9d
.alias:	movzx	eax, byte [rsi + r9]
	or	eax, FRAME + 3
	mov	[TABLE + r9 * 8], rax
	inc	r9d
	dec	ecx
	jnz	.alias
	mov	rax, cr3
	mov	cr3, rax
	mov	r14d, 500
.again:	call	random
	mov	r9, rax
	and	r9d, 7
	shl	r9d, 12
	mov	[rbx + r9], rax
	mov	rcx, rax
	shr	rcx, 60
	and	ecx, 7
	shl	ecx, 12
	cmp	[rbx + rcx], rax
	je	.same
	inc	r12d
.same:	dec	r14d
	jnz	.again
	ZERO	"eight aliases of one page, each memory type: one content", r12d
	ret

; ---- large pages split and merged, also under the code that runs ----

test_split:
	xor	r12d, r12d
	mov	r14d, 300
	mov	edi, TABLE
	xor	eax, eax
	mov	ecx, 512
.fill:	lea	rdx, [rax + 3]
	mov	[rdi], rdx
	add	rdi, 8
	add	rax, 0x1000
	dec	ecx
	jnz	.fill
	mov	dword [CODE], 0x00c3a20f	; CPUID, RET
	mov	rbx, WINDOW + (CODE & 0x1fffff)
.again:	mov	eax, CODE & ~0x1fffff		; one large page, then 512 small
	or	eax, LARGE
	mov	[DIRECTORY], rax
	invlpg	[rbx]
	push	rbx
	mov	rcx, rbx
	xor	eax, eax
	mov	r15, rcx
	xor	ecx, ecx
	call	r15
	pop	rbx
	test	eax, eax
	jz	.bad
	mov	eax, CODE & ~0x1fffff
	mov	edi, TABLE
	mov	ecx, 512
.table:	lea	rdx, [rax + 3]
	mov	[rdi], rdx
	add	rdi, 8
	add	rax, 0x1000
	dec	ecx
	jnz	.table
	mov	qword [DIRECTORY], TABLE + 3
	invlpg	[rbx]
	push	rbx
	mov	r15, rbx
	xor	eax, eax
	xor	ecx, ecx
	call	r15
	pop	rbx
	test	eax, eax
	jnz	.next
.bad:	inc	r12d
.next:	dec	r14d
	jnz	.again
	ZERO	"a large page of code split and merged 300 times", r12d
	mov	qword [DIRECTORY], 0
	mov	rax, cr3
	mov	cr3, rax
	ret

; ---- the same address again and again: RIP moves, so nobody is stopped ----

test_repeat:
	mov	ebx, 0xd0000000
	mov	r14d, 20000
	xor	r12d, r12d
.again:	mov	rax, [rbx]
	cmp	rax, -1
	je	.ones
	inc	r12d
.ones:	dec	r14d
	jnz	.again
	ZERO	"20000 reads of one hole, by one instruction", r12d
	ret

section .rodata
types:	db	0, 0x08, 0x10, 0x18, 0x80, 0x88, 0x90, 0x98
section .data
	align	8
last:	dq	0
width:	dd	0

%include "guest_end.inc"
