; mmio_forms - device memory with every form of instruction that is emulated:
; registers, flags and memory end as the architecture says.

%define GUEST_NAME "mmio_forms"
%include "guest.inc"
%include "hostile.inc"

%define HOLE		0xd0000000
%define VERSION		0x170020
%define ID		0x0a000000

; EXPECT_RAX "text", value, insn: with RAX = 1122334455667788h before
%macro EXPECT_RAX 3+
	mov	rax, 0x1122334455667788
	%3
	mov	r8, %2
	cmp	rax, r8
	CHECK	e, %1
%endmacro
; ID_AFTER "text", value, insn: register 0 of the IOAPIC, ID before
%macro ID_AFTER 3+
	mov	dword [rbx], 0
	mov	dword [rbx + 0x10], ID
	%3
	mov	eax, [rbx + 0x10]
	cmp	eax, %2
	CHECK	e, %1
%endmacro

main:
	mov	ebx, IOAPIC
	mov	dword [rbx], 1
	lea	rsi, [rbx + 0x10]
	call	test_loads
	call	test_stores
	call	test_arithmetic
	call	test_strings
	call	test_sizes
	call	test_modes
	ret

test_loads:
	EXPECT_RAX "MOV of 4 bytes clears the upper half", VERSION, mov eax, [rsi]
	EXPECT_RAX "MOV of 1 byte from IOREGSEL", 0x1122334455667701, mov al, [rbx]
	EXPECT_RAX "MOV to AH", 0x1122334455660188, mov ah, [rbx]
	EXPECT_RAX "MOV of 2 bytes", 0x1122334455660001, mov ax, [rbx]
	EXPECT_RAX "MOV of 8 bytes from IOREGSEL", 1, mov rax, [rbx]
	EXPECT_RAX "MOVZX of 1 byte", 1, movzx eax, byte [rbx]
	EXPECT_RAX "MOVZX of 2 bytes to 64 bits", 1, movzx rax, word [rbx]
	EXPECT_RAX "MOVSXD", VERSION, movsxd rax, dword [rsi]
	mov	edx, HOLE
	EXPECT_RAX "MOVSX of 1 byte of ones", -1, movsx rax, byte [rdx]
	EXPECT_RAX "MOVSX of 2 bytes of ones to 32 bits", 0xffffffff, movsx eax, word [rdx]
	EXPECT_RAX "MOVZX of 2 bytes of ones", 0xffff, movzx eax, word [rdx]
	EXPECT_RAX "MOV of 8 bytes of ones", -1, mov rax, [rdx]
	mov	r12, rsi
	EXPECT_RAX "MOV by R12", VERSION, mov eax, [r12]
	mov	r13d, 4
	EXPECT_RAX "MOV with base, index, scale, displacement", VERSION, mov eax, [rbx + r13 * 4]
	EXPECT_RAX "MOV with a negative displacement", VERSION, mov eax, [rsi + r13 * 4 - 16]
	mov	r9, 0xff00000000000000
	or	r9, rsi
	EXPECT_RAX "MOV with a 32-bit address", VERSION, mov eax, [r9d]
	EXPECT_RAX "MOV from an absolute address", VERSION, mov eax, [qword IOAPIC + 0x10]
	mov	eax, 1
	mov	edx, HOLE
	mov	r15, [rdx]
	cmp	r15, -1
	CHECK	e, "MOV to R15"
	mov	rbp, rsp
	mov	rsp, [rsi]
	xchg	rsp, rbp
	cmp	rbp, 0
	CHECK	e, "MOV to RSP"
	ret

test_stores:
	ID_AFTER "MOV of 4 bytes", 0x05000000, mov dword [rsi], 0x05ffffff
	mov	eax, 0x03000000
	ID_AFTER "MOV from EAX", 0x03000000, mov [rsi], eax
	mov	r10d, 0x07000000
	ID_AFTER "MOV from R10D", 0x07000000, mov [rsi], r10d
	ID_AFTER "MOV of 1 byte does nothing to IOWIN", ID, mov byte [rsi], 5
	mov	rax, 0x0600000001000000
	ID_AFTER "MOV of 8 bytes does nothing to IOWIN", ID, mov [rsi], rax
	mov	byte [rbx], 1
	mov	eax, [rsi]
	cmp	eax, VERSION
	CHECK	e, "MOV of 1 byte selects a register"
	mov	eax, 0
	ID_AFTER "MOV to an absolute address", 0, mov [qword IOAPIC + 0x10], eax
	mov	ah, 1
	mov	[rbx], ah
	mov	eax, [rsi]
	cmp	eax, VERSION
	CHECK	e, "MOV from AH"
	ret

test_arithmetic:
	ID_AFTER "OR", 0x0b000000, or dword [rsi], 0x01000000
	ID_AFTER "AND", 0x02000000, and dword [rsi], 0x06000000
	ID_AFTER "XOR", 0x05000000, xor dword [rsi], 0x0f000000
	ID_AFTER "ADD", 0x0c000000, add dword [rsi], 0x02000000
	ID_AFTER "LOCK OR", 0x0b000000, lock or dword [rsi], 0x01000000
	ID_AFTER "LOCK AND", 0x02000000, lock and dword [rsi], 0x06000000
	ID_AFTER "LOCK ADD", 0x0c000000, lock add dword [rsi], 0x02000000
	mov	ecx, 0x01000000
	ID_AFTER "OR of a register", 0x0b000000, or [rsi], ecx
	mov	ecx, 0x04000000
	ID_AFTER "XCHG", 0x04000000, xchg [rsi], ecx
	cmp	ecx, ID
	CHECK	e, "XCHG gives what was there"
	mov	dword [rbx], 1
	mov	ecx, 0xff
	and	ecx, [rsi]
	CHECK	nz, "AND into a register: ZF"
	cmp	ecx, 0x20
	CHECK	e, "AND into a register"
	cmp	dword [rsi], VERSION
	CHECK	e, "CMP with an immediate: equal"
	cmp	dword [rsi], VERSION + 1
	CHECK	b, "CMP with an immediate: below"
	cmp	dword [rsi], 5
	CHECK	g, "CMP with a short immediate: greater"
	test	dword [rsi], 0x20
	CHECK	nz, "TEST"
	test	dword [rsi], 0x40
	CHECK	z, "TEST: zero"
	mov	eax, VERSION
	cmp	[rsi], eax
	CHECK	e, "CMP with a register"
	mov	eax, 5
	add	eax, [rsi]
	cmp	eax, VERSION + 5
	CHECK	e, "ADD into a register"
	ret

test_strings:
	mov	edi, IOAPIC + 0x10
	mov	dword [rbx], 0
	mov	eax, 0x09000000
	stosd
	cmp	edi, IOAPIC + 0x14
	CHECK	e, "STOSD moves RDI"
	mov	eax, [rsi]
	cmp	eax, 0x09000000
	CHECK	e, "STOSD stores"
	mov	edi, HOLE
	mov	ecx, 100
	mov	eax, -1
	rep	stosq
	cmp	edi, HOLE + 800
	CHECK	e, "REP STOSQ into a hole: RDI"
	test	ecx, ecx
	CHECK	z, "REP STOSQ into a hole: RCX"
	std
	mov	ecx, 100
	mov	edi, HOLE + 800
	rep	stosb
	cld
	cmp	edi, HOLE + 700
	CHECK	e, "REP STOSB downwards"
	xor	ecx, ecx
	mov	edi, HOLE
	rep	stosb
	cmp	edi, HOLE
	CHECK	e, "REP STOSB of nothing"
	ret

; ---- sizes and places that a device does not have ----

test_sizes:
	mov	dword [rbx], 1
	xor	r12d, r12d
	xor	r9d, r9d
.offset:
	cmp	r9d, 0x10
	je	.next
	cmp	r9d, 4
	jb	.next
	mov	eax, [rbx + r9]
	test	eax, eax
	jz	.eight
	inc	r12d
.eight:	mov	rax, [rbx + r9]
	test	rax, rax
	jz	.write
	inc	r12d
.write:	mov	dword [rbx + r9], -1
	mov	word [rbx + r9], -1
	mov	byte [rbx + r9], -1
.next:	inc	r9d
	cmp	r9d, 0xf8
	jb	.offset
	ZERO	"registers that an IOAPIC does not have read 0", r12d
	mov	dword [rbx], 1
	cmp	dword [rsi], VERSION
	CHECK	e, "and are not there to be written"
	mov	rax, [rbx + 0xffc - 4]
	test	rax, rax
	CHECK	z, "eight bytes at the end of the page"
	ret

; ---- instructions in compatibility mode ----

test_modes:
	mov	[old_rsp], rsp
	lgdt	[gdtr]
	jmp	far dword [to_32]
.back:	mov	rsp, [old_rsp]
	cmp	r14d, VERSION
	CHECK	e, "MOV in 32-bit code"
	cmp	r15d, VERSION & 0xffff
	CHECK	e, "MOVZX in 32-bit code with a 16-bit operand"
	ret

bits 32
code32:	mov	ax, 0x18
	mov	ds, ax
	mov	ss, ax
	mov	ecx, IOAPIC
	mov	dword [ecx], 1
	mov	ebp, [ecx + 0x10]
	mov	edx, [IOAPIC + 0x10]
	and	edx, 0xffff
	jmp	0x10:.long
bits 64
.long:	mov	r14d, ebp
	mov	r15d, edx
	jmp	test_modes.back

section .rodata
	align	8
to_32:	dd	code32
	dw	0x20
	align	8
gdtr:	dw	0x27
	dq	gdt
gdt:	dq	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
	dq	0x00cf9b000000ffff
section .data
	align	8
old_rsp: dq	0

%include "guest_end.inc"
