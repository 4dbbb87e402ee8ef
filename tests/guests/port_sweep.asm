; port_sweep - ports (every fifth, or fewer), each size, read and written; accesses that straddle a
; device; what a PC has there and this one has not; a serial port ill-treated.

%define GUEST_NAME "port_sweep"
%include "guest.inc"
%include "hostile.inc"

%define STRIDE_BOCHS	37
%define STRIDE_FAST	5

main:	call	test_flood		; first: it pushes out what was said before
	mov	dword [stride], STRIDE_BOCHS
	mov	eax, 0x80000002
	cpuid
	cmp	eax, 'QEMU'
	jne	.slow
	mov	dword [stride], STRIDE_FAST
.slow:	call	test_unclaimed
	call	test_straddles
	call	test_legacy
	call	test_pci
	call	test_uart
	ret

; claimed - EBX: a port; CF if a device may answer there, also to four bytes
claimed:
	mov	esi, ranges
.next:	movzx	eax, word [rsi]
	movzx	ecx, word [rsi + 2]
	lea	edx, [rbx + 3]
	cmp	edx, eax
	jb	.no
	cmp	ebx, ecx
	jbe	.yes
.no:	add	esi, 4
	cmp	esi, ranges_end
	jb	.next
	clc
	ret
.yes:	stc
	ret

test_unclaimed:
	xor	r12d, r12d
	xor	r13d, r13d
	xor	ebx, ebx
.port:	call	claimed
	jc	.next
	mov	edx, ebx
	xor	eax, eax
	out	dx, al
	out	dx, ax
	out	dx, eax
	dec	eax
	out	dx, al
	out	dx, ax
	out	dx, eax
	xor	eax, eax
	in	al, dx
	cmp	eax, 0xff
	je	.one
	inc	r12d
.one:	xor	eax, eax
	in	ax, dx
	cmp	eax, 0xffff
	je	.two
	inc	r12d
.two:	xor	eax, eax
	in	eax, dx
	cmp	eax, -1
	je	.four
	inc	r12d
.four:	inc	r13d
.next:	add	ebx, [stride]
	cmp	ebx, 0x10000
	jb	.port
	SAY_NUMBER "ports tried:", r13
	ZERO	"ports that nobody claims read all ones in each size", r12d
	ret

; ONES "text", port, size: a read there is all ones, a write does no harm
%macro ONES 3
	mov	edx, %2
%if %3 == 2
	mov	ax, 0x5a5a
	out	dx, ax
	xor	eax, eax
	in	ax, dx
	cmp	eax, 0xffff
%else
	mov	eax, 0x5a5a5a5a
	out	dx, eax
	xor	eax, eax
	in	eax, dx
	cmp	eax, -1
%endif
	CHECK	e, %1
%endmacro

test_straddles:
	ONES	"two bytes in front of and in the serial port", COM1 - 1, 2
	ONES	"four bytes in front of and in the serial port", COM1 - 3, 4
	ONES	"two bytes behind the serial port's last", COM1 + 7, 2
	ONES	"four bytes behind the serial port's last", COM1 + 7, 4
	ONES	"two bytes at the last port", 0xffff, 2
	ONES	"four bytes at the last port", 0xffff, 4
	ONES	"four bytes at the last but two", 0xfffd, 4
	ONES	"four bytes across CFFh", 0xcfd, 4
	ONES	"two bytes at CFFh", 0xcff, 2
	mov	edx, COM1 + 5
	in	al, dx
	and	al, 0x60
	cmp	al, 0x60
	CHECK	e, "the serial port is as it was"
	ret

; ---- what a PC has, and this one has not ----

test_legacy:
	mov	esi, legacy
	xor	r12d, r12d
.port:	movzx	edx, word [rsi]
	xor	eax, eax
	out	dx, al
	mov	al, 0xff
	out	dx, al
	in	al, dx
	cmp	al, 0xff
	je	.next
	inc	r12d
.next:	add	esi, 2
	cmp	esi, legacy_end
	jb	.port
	ZERO	"no PIC, PIT, RTC, speaker, DMA, floppy, VGA, SMI, fast A20", r12d
	; PIC and PIT programmed as a kernel would; no interrupt comes.
	sti
	mov	al, 0x11
	out	0x20, al
	mov	al, 0x20
	out	0x21, al
	mov	al, 0x34
	out	0x43, al
	mov	al, 1
	out	0x40, al
	xor	al, al
	out	0x40, al
	mov	ecx, 10000
.wait:	pause
	dec	ecx
	jnz	.wait
	cli
	cmp	dword [IRQ_COUNT_AT + 0x20 * 4], 0
	CHECK	e, "a PIT that is not there does not tick"
	; All 128 indices of a CMOS that is not there.
	xor	ebx, ebx
	xor	r12d, r12d
.cmos:	mov	eax, ebx
	out	0x70, al
	in	al, 0x71
	cmp	al, 0xff
	je	.ones
	inc	r12d
.ones:	mov	eax, ebx
	out	0x71, al
	inc	ebx
	cmp	ebx, 128
	jb	.cmos
	ZERO	"no CMOS behind 70h and 71h", r12d
	ret

; ---- PCI configuration ----

; CONFIG address, port, size: reads EAX
%macro CONFIG_ONES 3
	mov	eax, %2
	mov	edx, 0xcf8
	out	dx, eax
	mov	edx, 0xcfc
	mov	eax, 0x12345678
	out	dx, eax
	in	eax, dx
	cmp	eax, -1
	CHECK	e, %1
%endmacro

test_pci:
	CONFIG_ONES "bus 255", 0x80ff0000, 0
	CONFIG_ONES "bus 1", 0x80010000, 0
	CONFIG_ONES "function 7", 0x80000f00, 0
	CONFIG_ONES "slot 31", 0x8000f800, 0
	CONFIG_ONES "no enable bit", 0x00000000, 0
	CONFIG_ONES "reserved bits", 0xff000000, 0
	mov	eax, 0x80000000
	mov	edx, 0xcf8
	out	dx, eax
	mov	al, 0x55
	out	dx, al				; a byte is no address
	mov	edx, 0xcfa
	out	dx, al
	mov	edx, 0xcf8
	in	eax, dx
	cmp	eax, 0x80000000
	CHECK	e, "only 32 bits set the address"
	; All offsets of all functions, in all sizes; ones and zeros written.
	mov	ebx, 0x80000000
.byte:	mov	edx, 0xcf8
	mov	eax, ebx
	out	dx, eax
	mov	edx, ebx
	and	edx, 3
	add	edx, 0xcfc
	mov	eax, -1
	out	dx, al
	out	dx, ax
	out	dx, eax
	in	eax, dx
	in	ax, dx
	in	al, dx
	xor	eax, eax
	out	dx, al
	out	dx, ax
	out	dx, eax
	inc	ebx
	test	ebx, 0xff
	jnz	.byte
	add	ebx, 0x700
	cmp	ebx, 0x80004000
	jb	.byte
	mov	edx, 0xcf8
	mov	eax, 0x80000000
	out	dx, eax
	mov	edx, 0xcfc
	in	eax, dx
	cmp	eax, 0x00081b36
	CHECK	e, "the bridge's identity cannot be written"
	mov	edx, 0xcf8
	mov	eax, 0x80000810
	out	dx, eax
	mov	edx, 0xcfc
	in	eax, dx
	mov	ecx, eax
	mov	eax, -1
	out	dx, eax
	in	eax, dx
	cmp	eax, 0xffffff01
	CHECK	e, "a BAR can be sized"
	mov	eax, 0x1234
	out	dx, eax
	in	eax, dx
	cmp	eax, ecx
	CHECK	e, "and not moved"
	ret

; ---- the serial port ----

test_uart:
	; Every value into every register but the data's; then as it was.
	xor	ebx, ebx
.value:	mov	ecx, 1
.register:
	lea	edx, [rcx + COM1]
	mov	eax, ebx
	out	dx, al
	in	al, dx
	inc	ecx
	cmp	ecx, 8
	jb	.register
	inc	ebx
	cmp	ebx, 256
	jb	.value
	; A divisor of 0; loopback: what is sent comes back, and only there.
	mov	edx, COM1 + 3
	mov	al, 0x83
	out	dx, al
	mov	edx, COM1
	xor	eax, eax
	out	dx, al
	inc	edx
	out	dx, al
	mov	edx, COM1 + 3
	mov	al, 3
	out	dx, al
	mov	edx, COM1 + 2
	mov	al, 7
	out	dx, al
	mov	edx, COM1 + 4
	mov	al, 0x1f
	out	dx, al
	mov	edx, COM1
	mov	ecx, 100
.flood:	mov	eax, ecx
	out	dx, al
	dec	ecx
	jnz	.flood
	mov	ecx, 200
	xor	r12d, r12d
.drain:	mov	edx, COM1 + 5
	in	al, dx
	test	al, 1
	jz	.empty
	mov	edx, COM1
	in	al, dx
	inc	r12d
	dec	ecx
	jnz	.drain
.empty:	mov	edx, COM1 + 4
	mov	al, 3
	out	dx, al
	cmp	r12d, 16
	CHECK	be, "loopback keeps 16 bytes, no more"
	; The THR-empty interrupt, over and over, by the IOAPIC's pin 4.
	call	apic_on
	mov	ebx, 0xfec00000
	mov	dword [rbx], 0x18
	mov	dword [rbx + 0x10], 0x34	; vector 34h, edge
	mov	edx, COM1 + 4
	mov	al, 0xb
	out	dx, al
	sti
	mov	ecx, 1000
.storm:	mov	edx, COM1 + 1
	xor	eax, eax
	out	dx, al
	mov	al, 2
	out	dx, al
	dec	ecx
	jnz	.storm
	nop
	cli
	xor	eax, eax
	out	dx, al
	mov	dword [rbx], 0x18
	mov	dword [rbx + 0x10], 0x10034
	cmp	dword [IRQ_COUNT_AT + 0x34 * 4], 1000
	CHECK	be, "1000 times THR empty: no more than 1000 interrupts"
	cmp	dword [IRQ_COUNT_AT + 0x34 * 4], 0
	CHECK	ne, "and some"
	; Control characters are bytes like others.
	SAY	{27, "[2J", 7, 8, 0x7f, 0x80, 0xff, " escape sequences"}
	ret

test_flood:
	; More output than the console keeps.
	mov	ecx, 40000
	mov	edx, COM1
	mov	al, '.'
.output:
	out	dx, al
	dec	ecx
	jnz	.output
	mov	al, 10
	out	dx, al
	SAY	"PASS 40000 bytes of output"
	ret

section .rodata
	align	4
ranges:	dw	0x64, 0x64, 0x600, 0x60f, COM1, COM1 + 7, 0xcf8, 0xcff
	dw	0x1000, 0x10ff, 0x1100, 0x11ff, 0x1200, 0x12ff, 0x1300, 0x13ff
ranges_end:
legacy:	dw	0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71
	dw	0x60, 0x92, 0xb2, 0xb3, 0x00, 0x08, 0x0f, 0x80, 0x81, 0xd0
	dw	0x3f0, 0x3f5, 0x3c0, 0x3d4, 0x3d5, 0x2f8, 0x378, 0x1f0, 0x1f7
	dw	0x170, 0x3f6, 0xcfb + 5, 0xed, 0xe9, 0x402, 0x510, 0x511, 0x8900
	dw	0x5658, 0x5659, 0xae00, 0xaf00, 0xb000, 0xb004
legacy_end:
section .data
stride:	dd	1

%include "guest_end.inc"
