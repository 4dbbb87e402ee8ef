; string_io - INS and OUTS, alone and with REP: the port sees every element in
; order, the registers end where the architecture says, and a page that is not
; there is a page fault at the element that needed it, with all before it done.
; Memory outside of RAM is no buffer: a page fault too. So is a page whose
; entries do not permit the access; prefixes mean what they mean for MOVS.

%define GUEST_NAME "string_io"
%include "guest.inc"

%define UART_SCRATCH	(COM1 + 7)	; reads back what was written
%define PCI_ADDRESS	0xcf8		; the same with 32 bits
%define UNUSED_PORT	0x80		; reads all ones
%define BUFFER		SCRATCH
%define PDPT		(SCRATCH + 0x2000)
%define PAGE_DIRECTORY	(SCRATCH + 0x3000)
%define PAGE_TABLE	(SCRATCH + 0x4000)
%define FRAME_1		(SCRATCH + 0x8000)
%define FRAME_0		(SCRATCH + 0xa000)	; not in order, not adjacent
%define HOLE		0xd0000000
%define VIRT		(1 << 39)	; page 0, page 1, nothing, the hole
%define FS_BASE		0xc0000100	; IA32_FS_BASE
%define WP		16		; CR0
%define SMAP		21		; CR4
%define UART_DATA	COM1
%define UART_MODEM	(COM1 + 4)
%define LOOPBACK	0x13

main:
	call	map
	call	test_single
	call	test_rep
	call	test_pages
	call	test_faults
	call	test_rights
	call	test_order
	call	test_prefixes
	call	test_canonical
	ret

; map - four pages at VIRT; the buffer gets the bytes 0, 1, 2, ...
map:
	mov	edi, SCRATCH
	mov	ecx, 0xc000 / 8
	xor	eax, eax
	rep	stosq
	mov	rbx, cr3
	mov	qword [rbx + 8], PDPT + 3
	mov	qword [PDPT], PAGE_DIRECTORY + 3
	mov	qword [PAGE_DIRECTORY], PAGE_TABLE + 3
	mov	qword [PAGE_TABLE], FRAME_0 + 3
	mov	qword [PAGE_TABLE + 8], FRAME_1 + 3
	mov	eax, HOLE + 3
	mov	[PAGE_TABLE + 24], rax
	mov	cr3, rbx
	xor	eax, eax
.fill:	mov	[BUFFER + rax], al
	inc	eax
	cmp	eax, 0x400
	jb	.fill
	ret

; ---- one element ----

test_single:
	mov	esi, BUFFER + 0x5a
	mov	edx, UART_SCRATCH
	outsb
	cmp	rsi, BUFFER + 0x5b
	CHECK	e, "OUTSB moves RSI by 1"
	in	al, dx
	cmp	al, 0x5a
	CHECK	e, "OUTSB writes the byte"
	mov	edi, BUFFER + 0x500
	insb
	cmp	rdi, BUFFER + 0x501
	CHECK	e, "INSB moves RDI by 1"
	cmp	word [BUFFER + 0x500], 0x5a
	CHECK	e, "INSB stores one byte"

	mov	edx, UNUSED_PORT
	mov	edi, BUFFER + 0x510
	insw
	cmp	dword [BUFFER + 0x510], 0xffff
	CHECK	e, "INSW stores two bytes"
	cmp	rdi, BUFFER + 0x512
	CHECK	e, "INSW moves RDI by 2"

	mov	dword [BUFFER + 0x520], 0x80000800
	mov	edx, PCI_ADDRESS
	mov	esi, BUFFER + 0x520
	outsd
	in	eax, dx
	cmp	eax, 0x80000800
	CHECK	e, "OUTSD writes four bytes"
	mov	edi, BUFFER + 0x530
	insd
	cmp	dword [BUFFER + 0x530], 0x80000800
	CHECK	e, "INSD stores four bytes"
	ret

; ---- REP ----

test_rep:
	mov	esi, BUFFER
	mov	ecx, 200
	mov	edx, UART_SCRATCH
	rep	outsb
	test	rcx, rcx
	CHECK	z, "REP OUTSB counts RCX down to 0"
	cmp	rsi, BUFFER + 200
	CHECK	e, "REP OUTSB moves RSI by 200"
	in	al, dx
	cmp	al, 199
	CHECK	e, "REP OUTSB writes the last byte last"

	mov	edi, BUFFER + 0x600
	mov	ecx, 300
	mov	edx, UNUSED_PORT
	rep	insb
	cmp	rdi, BUFFER + 0x600 + 300
	CHECK	e, "REP INSB moves RDI by 300"
	mov	edi, BUFFER + 0x600
	mov	ecx, 301
	mov	al, 0xff
	repe	scasb
	cmp	ecx, 0
	CHECK	e, "REP INSB stores 300 bytes"
	cmp	byte [BUFFER + 0x600 + 300], 0
	CHECK	e, "REP INSB stores no byte more"

	mov	esi, BUFFER + 7
	xor	ecx, ecx
	mov	edx, UART_SCRATCH
	rep	outsb
	cmp	rsi, BUFFER + 7
	CHECK	e, "REP OUTSB with RCX 0 moves nothing"
	in	al, dx
	cmp	al, 199
	CHECK	e, "REP OUTSB with RCX 0 writes nothing"

	std
	mov	esi, BUFFER + 99
	mov	ecx, 90
	rep	outsb
	cld
	cmp	rsi, BUFFER + 9
	CHECK	e, "REP OUTSB downwards moves RSI by -90"
	in	al, dx
	cmp	al, 10
	CHECK	e, "REP OUTSB downwards ends with the lowest byte"
	ret

; ---- buffers across pages ----

test_pages:
	mov	rbx, VIRT
	mov	word [FRAME_0 + 0xffe], 0x0800
	mov	word [FRAME_1], 0x8000
	lea	rsi, [rbx + 0xffe]
	mov	edx, PCI_ADDRESS
	outsd
	in	eax, dx
	cmp	eax, 0x80000800
	CHECK	e, "OUTSD across two pages"
	mov	word [FRAME_0 + 0xffe], 0
	mov	word [FRAME_1], 0
	lea	rdi, [rbx + 0xffe]
	insd
	cmp	word [FRAME_0 + 0xffe], 0x0800
	CHECK	e, "INSD across two pages: the first"
	cmp	dword [FRAME_1], 0x8000
	CHECK	e, "INSD across two pages: the second"

	mov	byte [FRAME_1 + 0x1f], 0xa5
	lea	rsi, [rbx + 0xfe0]
	mov	ecx, 0x40
	mov	edx, UART_SCRATCH
	rep	outsb
	in	al, dx
	cmp	al, 0xa5
	CHECK	e, "REP OUTSB across two pages"
	lea	rdi, [rbx + 0xfe0]
	mov	ecx, 0x40
	rep	insb
	cmp	byte [FRAME_0 + 0xfe0], 0xa5
	CHECK	e, "REP INSB across two pages: the first byte"
	cmp	word [FRAME_1 + 0x1f], 0xa5
	CHECK	e, "REP INSB across two pages: the last byte"
	cmp	byte [FRAME_0 + 0x1000], 0
	CHECK	e, "REP INSB leaves the frame behind the first alone"
	ret

; ---- buffers that are not there ----

test_faults:
	mov	rbx, VIRT
	mov	edx, UNUSED_PORT
	lea	rdi, [rbx + 0x1fc0]
	mov	ecx, 0x80
	EXPECT_VECTOR 14, "REP INSB into a page that is missing", rep insb
	PAGE_FAULT "REP INSB into a page that is missing", VIRT + 0x2000, 2
	cmp	rcx, 0x40
	CHECK	e, "REP INSB has done all before the fault: RCX"
	lea	rax, [rbx + 0x2000]
	cmp	rdi, rax
	CHECK	e, "REP INSB has done all before the fault: RDI"
	cmp	byte [FRAME_1 + 0xfff], 0xff
	CHECK	e, "REP INSB has done all before the fault: memory"

	; The same from its registers after the page has come.
	mov	qword [PAGE_TABLE + 16], FRAME_0 + 3
	invlpg	[rbx + 0x2000]
	mov	byte [FRAME_0 + 0x40], 0
	EXPECT_OK "REP INSB goes on where it was", rep insb
	cmp	word [FRAME_0 + 0x3f], 0x00ff
	CHECK	e, "REP INSB stores the rest"
	mov	qword [PAGE_TABLE + 16], 0
	invlpg	[rbx + 0x2000]

	lea	rsi, [rbx + 0x1ffe]
	mov	edx, PCI_ADDRESS
	mov	eax, 0x80001000
	out	dx, eax
	EXPECT_VECTOR 14, "OUTSD half in a page that is missing", outsd
	PAGE_FAULT "OUTSD half in a page that is missing", VIRT + 0x2000, 0
	in	eax, dx
	cmp	eax, 0x80001000
	CHECK	e, "OUTSD that faults writes nothing"
	lea	rax, [rbx + 0x1ffe]
	cmp	rsi, rax
	CHECK	e, "OUTSD that faults leaves RSI"

	; 2^64 - 1 elements end at the first page that is missing.
	mov	edx, UNUSED_PORT
	lea	rdi, [rbx + 0x1000]
	mov	rcx, -1
	EXPECT_VECTOR 14, "REP INSB of 2^64 - 1 bytes", rep insb
	cmp	rcx, -1 - 0x1000
	CHECK	e, "REP INSB of 2^64 - 1 bytes: RCX"

	; Neither RAM nor a device behind the page: no buffer.
	lea	rsi, [rbx + 0x3000]
	mov	ecx, 3
	EXPECT_VECTOR 14, "REP OUTSB from outside of RAM", rep outsb
	PAGE_FAULT "REP OUTSB from outside of RAM", VIRT + 0x3000, 0
	cmp	rcx, 3
	CHECK	e, "REP OUTSB from outside of RAM: RCX"
	lea	rdi, [rbx + 0x3000]
	EXPECT_VECTOR 14, "REP INSB to outside of RAM", rep insb
	PAGE_FAULT "REP INSB to outside of RAM", VIRT + 0x3000, 2
	ret

; ---- pages that are there, but not for this access ----

; SET_ENTRY address, value: an entry of the tables, and the TLB without it
%macro SET_ENTRY 2
	mov	qword [%1], %2
	mov	rax, cr3
	mov	cr3, rax
%endmacro

test_rights:
	mov	rbx, VIRT
	mov	edx, UNUSED_PORT
	mov	rax, cr0
	bts	rax, WP
	mov	cr0, rax
	SET_ENTRY PAGE_TABLE, FRAME_0 + 1
	mov	dword [FRAME_0], 0
	mov	rdi, rbx
	EXPECT_VECTOR 14, "INSD into a read-only page", insd
	PAGE_FAULT "INSD into a read-only page", VIRT, 3
	cmp	dword [FRAME_0], 0
	CHECK	e, "INSD into a read-only page stores nothing"
	cmp	rdi, rbx
	CHECK	e, "INSD into a read-only page leaves RDI"
	mov	rsi, rbx
	EXPECT_OK "OUTSB from a read-only page", outsb

	SET_ENTRY PAGE_TABLE, FRAME_0 + 3
	SET_ENTRY PAGE_TABLE + 8, FRAME_1 + 1
	mov	word [FRAME_0 + 0xffe], 0
	lea	rdi, [rbx + 0xffe]
	EXPECT_VECTOR 14, "INSD half in a read-only page", insd
	PAGE_FAULT "INSD half in a read-only page", VIRT + 0x1000, 3
	cmp	word [FRAME_0 + 0xffe], 0
	CHECK	e, "INSD half in a read-only page stores no half"
	lea	rdi, [rbx + 0xfc0]
	mov	ecx, 0x80
	EXPECT_VECTOR 14, "REP INSB up to a read-only page", rep insb
	cmp	ecx, 0x40
	CHECK	e, "REP INSB up to a read-only page: RCX"
	SET_ENTRY PAGE_TABLE + 8, FRAME_1 + 3

	SET_ENTRY PAGE_DIRECTORY, PAGE_TABLE + 1
	mov	rdi, rbx
	EXPECT_VECTOR 14, "INSB under a read-only directory entry", insb
	PAGE_FAULT "INSB under a read-only directory entry", VIRT, 3
	mov	rax, cr0
	btr	rax, WP
	mov	cr0, rax
	EXPECT_OK "INSB into a read-only page without CR0.WP", insb
	SET_ENTRY PAGE_DIRECTORY, PAGE_TABLE + 3

	; What the processor would leave in the entries.
	SET_ENTRY PAGE_TABLE, FRAME_0 + 3
	mov	rsi, rbx
	outsb
	mov	eax, [PAGE_TABLE]
	and	eax, 0x60
	cmp	eax, 0x20
	CHECK	e, "OUTSB sets the accessed bit"
	mov	rdi, rbx
	insb
	mov	eax, [PAGE_TABLE]
	and	eax, 0x60
	cmp	eax, 0x60
	CHECK	e, "INSB sets the dirty bit"
	mov	eax, [PAGE_DIRECTORY]
	and	eax, 0x60
	cmp	eax, 0x20
	CHECK	e, "INSB sets the accessed bit of the directory"

	mov	r8, (1 << 51) + FRAME_0 + 3
	SET_ENTRY PAGE_TABLE, r8
	mov	rsi, rbx
	EXPECT_VECTOR 14, "OUTSB from an address too wide", outsb
	SET_ENTRY PAGE_TABLE, FRAME_0 + 3

; A user's page, for the kernel with SMAP
	mov	eax, 7
	xor	ecx, ecx
	cpuid
	mov	edx, UNUSED_PORT
	bt	ebx, 20
	mov	rbx, VIRT
	jnc	.no_smap
	mov	rax, cr3
	or	qword [rax + 8], 4
	or	qword [PDPT], 4
	or	qword [PAGE_DIRECTORY], 4
	SET_ENTRY PAGE_TABLE, FRAME_0 + 7
	mov	rax, cr4
	bts	rax, SMAP
	mov	cr4, rax
	mov	rdi, rbx
	EXPECT_VECTOR 14, "INSB into a user's page with SMAP", insb
	PAGE_FAULT "INSB into a user's page with SMAP", VIRT, 3
	mov	rsi, rbx
	EXPECT_VECTOR 14, "OUTSB from a user's page with SMAP", outsb
	PAGE_FAULT "OUTSB from a user's page with SMAP", VIRT, 1
	stac
	EXPECT_OK "INSB into a user's page with SMAP and AC", insb
	clac
	mov	rax, cr4
	btr	rax, SMAP
	mov	cr4, rax
	EXPECT_OK "OUTSB from a user's page without SMAP", outsb
	SET_ENTRY PAGE_TABLE, FRAME_0 + 3
.no_smap:
	ret

; ---- memory is looked at before the port is ----

test_order:
	mov	dx, UART_MODEM
	mov	al, LOOPBACK
	out	dx, al
	mov	dx, UART_DATA
	mov	al, 0x5a
	out	dx, al
	mov	rdi, VIRT + 0x2000
	mov	qword [fixup], .after
	mov	dword [last_vector], -1
	insb
.after:	mov	qword [fixup], 0
	in	al, dx
	mov	cl, al
	mov	dx, UART_MODEM
	mov	al, 3
	out	dx, al				; checks print there
	cmp	dword [last_vector], 14
	CHECK	e, "INSB from the UART into a page that is missing"
	cmp	cl, 0x5a
	CHECK	e, "INSB that faults has read no byte from the port"
	ret

; ---- address size and segment ----

test_prefixes:
	mov	edx, UNUSED_PORT
	mov	dword [BUFFER + 0x700], 0
	mov	rdi, (7 << 32) + BUFFER + 0x700
	EXPECT_OK "A32 INSB goes by EDI", a32 insb
	cmp	dword [BUFFER + 0x700], 0xff
	CHECK	e, "A32 INSB stores at EDI"
	cmp	rdi, BUFFER + 0x701
	CHECK	e, "A32 INSB clears the upper half of RDI"

	mov	rsi, (9 << 32) + BUFFER + 0x10
	mov	rcx, (5 << 32) + 3
	mov	edx, UART_SCRATCH
	EXPECT_OK "A32 REP OUTSB goes by ECX and ESI", a32 rep outsb
	test	rcx, rcx
	CHECK	z, "A32 REP OUTSB counts ECX down, RCX is 0"
	cmp	rsi, BUFFER + 0x13
	CHECK	e, "A32 REP OUTSB moves ESI by 3"
	in	al, dx
	cmp	al, [BUFFER + 0x12]
	CHECK	e, "A32 REP OUTSB writes three bytes"

	WRMSR_IMM FS_BASE, BUFFER + 0x20
	mov	byte [BUFFER + 0x22], 0xc3
	mov	edx, UART_SCRATCH
	mov	esi, 2
	EXPECT_OK "OUTSB by FS", fs outsb
	in	al, dx
	cmp	al, 0xc3
	CHECK	e, "OUTSB by FS reads behind FS's base"
	cmp	rsi, 3
	CHECK	e, "OUTSB by FS moves RSI"
	mov	byte [BUFFER + 0x22], 0xc4
	mov	rsi, (1 << 32) + 2
	EXPECT_OK "A32 OUTSB by FS", a32 fs outsb
	in	al, dx
	cmp	al, 0xc4
	CHECK	e, "A32 OUTSB by FS adds the base to ESI"
	mov	edx, UNUSED_PORT
	mov	byte [BUFFER + 0x730], 0
	mov	edi, BUFFER + 0x730
	EXPECT_OK "INSB by FS", fs insb
	cmp	byte [BUFFER + 0x730], 0xff
	CHECK	e, "INSB is by ES, whatever the prefix"
	ret

; ---- addresses that are none ----

test_canonical:
	mov	edx, UNUSED_PORT
	mov	rdi, 1 << 47
	EXPECT_GP "INSB to a non-canonical address", insb
	cmp	qword [last_error], 0
	CHECK	e, "INSB to a non-canonical address: error code"
	mov	rsi, -1 << 48
	EXPECT_GP "OUTSB from a non-canonical address", outsb
	mov	rsi, (1 << 47) - 2
	EXPECT_GP "OUTSD that ends in a non-canonical address", outsd
	WRMSR_IMM FS_BASE, (1 << 47) - 0x1000
	mov	edx, UNUSED_PORT
	mov	esi, 0x1000
	EXPECT_GP "OUTSB by FS from a non-canonical address", fs outsb
	mov	rsi, -1 << 47
	EXPECT_VECTOR 14, "OUTSB from the lowest address above", outsb
	PAGE_FAULT "OUTSB from the lowest address above", -1 << 47, 0
	ret

%include "guest_end.inc"
