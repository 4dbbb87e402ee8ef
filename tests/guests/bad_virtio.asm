; bad_virtio - a hostile driver for virtio-blk. Each attack must end as it
; says: the device sets DEVICE_NEEDS_RESET, or answers with a status byte, and
; after a reset an honest request works again. The partition always goes on.

%define GUEST_NAME "bad_virtio"
%include "guest.inc"
%include "virtio.inc"

%define WILD	0xd0000000		; neither RAM nor a device
%define EITHER	0			; served or NEEDS_RESET, but alive
%define BROKEN	1			; NEEDS_RESET
%define SERVED	2			; used, with this status byte

; A row: text, what is expected, status byte, avail.idx, avail.ring[0], type
; and sector of the request, 4 descriptors, 4 indirect ones.
struc row
.text:		resq 1
.expect:	resd 1
.status:	resd 1
.index:		resw 1
.head:		resw 1
.type:		resd 1
.sector:	resq 1
.desc:		resb 64
.table:		resb 64
.size:
endstruc

%macro ATTACK 4-6 0, 0		; "text", expect, avail.idx, head, type, sector
[section .rodata]
%%text:	db %1, 0
section .attacks
	dq	%%text
	dd	(%2) & 0xff, (%2) >> 8
	dw	%3, %4
	dd	%5
	dq	%6
%endmacro
%macro D 4			; address, length, flags, next
	dq	%1
	dd	%2
	dw	%3, %4
%endmacro
%macro NONE 1
	times %1 * 16 db 0
%endmacro
%define HONEST_HEAD	D HEADER, 16, F_NEXT, 1
%define HONEST_DATA	D DATA, 4096, F_NEXT | F_WRITE, 2
%define HONEST_STATUS	D STATUS, 1, F_WRITE, 0

section .attacks follows=.data vfollows=.data align=16
attacks:
	ATTACK "descriptor that is its own next", BROKEN, 1, 0
	D HEADER, 16, F_NEXT, 0
	NONE 7
	ATTACK "cycle of two descriptors", BROKEN, 1, 0
	D HEADER, 16, F_NEXT, 1
	D DATA, 16, F_NEXT, 0
	NONE 6
	ATTACK "writable cycle", BROKEN, 1, 0
	D HEADER, 16, F_NEXT, 1
	D DATA, 16, F_NEXT | F_WRITE, 1
	NONE 6
	ATTACK "next beyond the queue", BROKEN, 1, 0
	D HEADER, 16, F_NEXT, QSIZE
	NONE 7
	ATTACK "next is FFFFh", BROKEN, 1, 0
	D HEADER, 16, F_NEXT, 0xffff
	NONE 7
	ATTACK "head beyond the queue", BROKEN, 1, QSIZE
	NONE 8
	ATTACK "head is FFFFh", BROKEN, 1, 0xffff
	NONE 8
	ATTACK "available index jumps", BROKEN, QSIZE + 1, 0
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "available index goes back", BROKEN, 0xffff, 0
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "header outside of RAM", BROKEN, 1, 0
	D WILD, 16, F_NEXT, 1
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "data outside of RAM", BROKEN, 1, 0
	HONEST_HEAD
	D WILD, 4096, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "data in the APIC page", BROKEN, 1, 0
	HONEST_HEAD
	D 0xfee00000, 4096, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "status outside of RAM", BROKEN, 1, 0
	HONEST_HEAD
	HONEST_DATA
	D WILD, 1, F_WRITE, 0
	NONE 5
	ATTACK "address + length wraps", BROKEN, 1, 0
	HONEST_HEAD
	D 0xfffffffffffffff0, 4096, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "address beyond the physical width", BROKEN, 1, 0
	HONEST_HEAD
	D 0x7fffffffffff0000, 4096, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "length of 4 GiB - 1", BROKEN, 1, 0
	HONEST_HEAD
	D DATA, 0xffffffff, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "readable after writable", BROKEN, 1, 0
	HONEST_HEAD
	HONEST_DATA
	D STATUS, 1, F_NEXT, 3
	D STATUS, 1, F_WRITE, 0
	NONE 4
	ATTACK "header is writable", BROKEN, 1, 0
	D HEADER, 16, F_NEXT | F_WRITE, 1
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "no status byte", BROKEN, 1, 0
	D HEADER, 16, 0, 0
	NONE 7
	ATTACK "header of 8 bytes", EITHER, 1, 0
	D HEADER, 8, F_NEXT, 1
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "descriptor of length 0", EITHER, 1, 0
	HONEST_HEAD
	D DATA, 0, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "indirect table of 17 bytes", BROKEN, 1, 0
	D TABLE, 17, F_INDIRECT, 0
	NONE 7
	ATTACK "indirect table of 0 bytes", BROKEN, 1, 0
	D TABLE, 0, F_INDIRECT, 0
	NONE 7
	ATTACK "indirect table of 4 GiB", BROKEN, 1, 0
	D TABLE, 0xfffffff0, F_INDIRECT, 0
	NONE 7
	ATTACK "indirect table outside of RAM", BROKEN, 1, 0
	D WILD, 48, F_INDIRECT, 0
	NONE 7
	ATTACK "indirect and next", BROKEN, 1, 0
	D TABLE, 48, F_INDIRECT | F_NEXT, 1
	HONEST_DATA
	HONEST_STATUS
	NONE 1
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 1
	ATTACK "nested indirect table", BROKEN, 1, 0
	D TABLE, 48, F_INDIRECT, 0
	NONE 3
	D TABLE, 48, F_INDIRECT, 0
	NONE 3
	ATTACK "cycle in an indirect table", BROKEN, 1, 0
	D TABLE, 32, F_INDIRECT, 0
	NONE 3
	D HEADER, 16, F_NEXT, 1
	D DATA, 16, F_NEXT, 0
	NONE 2
	ATTACK "next beyond the indirect table", BROKEN, 1, 0
	D TABLE, 32, F_INDIRECT, 0
	NONE 3
	D HEADER, 16, F_NEXT, 5
	NONE 3
	ATTACK "honest indirect request", SERVED, 1, 0
	D TABLE, 48, F_INDIRECT, 0
	NONE 3
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 1
	ATTACK "sector beyond the disk", SERVED | 1 << 8, 1, 0, 0, 0x7fffffffffff
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "sector whose byte offset wraps", SERVED | 1 << 8, 1, 0, 0, 0x80000000000000
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 5
	ATTACK "length not a multiple of 512", SERVED | 1 << 8, 1, 0
	HONEST_HEAD
	D DATA, 100, F_NEXT | F_WRITE, 2
	HONEST_STATUS
	NONE 5
	ATTACK "unknown request type", SERVED | 2 << 8, 1, 0, 0x1234
	HONEST_HEAD
	HONEST_DATA
	HONEST_STATUS
	NONE 5
attacks_end:

section .text
main:
	mov	eax, 0x1042
	call	virtio_find
	je	.found
	SAY	"SKIP: there is no virtio-blk"
	ret
.found:	mov	dword [want_features], F_INDIRECT_DESC
	call	honest
	CHECK	e, "an honest request works"

	mov	rbx, attacks
.next:	call	attack
	add	rbx, row.size
	cmp	rbx, attacks_end
	jb	.next

	call	bad_queues
	call	bad_protocol
	ret

; honest - resets the device and reads 4 KiB. ZF: it worked.
honest:
	call	virtio_start
	call	blk_prepare
	inc	word [AVAIL + 2]
	call	virtio_kick
	call	virtio_wait
	cmp	word [USED + 2], 1
	jne	.end
	cmp	byte [STATUS], 0
	jne	.end
	call	virtio_status
	cmp	al, 0xf
.end:	ret

; attack - RBX: row. Reports it, then checks that the device lives.
attack:
	call	virtio_start
	mov	byte [STATUS], 0xee
	mov	eax, [rbx + row.type]
	mov	[HEADER], rax
	mov	rax, [rbx + row.sector]
	mov	[HEADER + 8], rax
	lea	rsi, [rbx + row.desc]
	mov	edi, DESC
	mov	ecx, 8
	rep	movsq
	mov	edi, TABLE
	mov	ecx, 8
	rep	movsq
	mov	ax, [rbx + row.head]
	mov	[AVAIL + 4], ax
	mov	ax, [rbx + row.index]
	mov	[AVAIL + 2], ax
	call	virtio_kick
	call	virtio_wait
	call	virtio_status
	mov	r8d, eax
	mov	ecx, [rbx + row.expect]
	cmp	ecx, BROKEN
	jne	.not_broken
	test	r8b, NEEDS_RESET
	setnz	al
	jmp	.report
.not_broken:
	mov	al, 1
	cmp	ecx, SERVED
	jne	.report
	cmp	word [USED + 2], 1
	sete	al
	mov	cl, [STATUS]
	cmp	cl, [rbx + row.status]
	sete	cl
	and	al, cl
	test	r8b, NEEDS_RESET
	setz	cl
	and	al, cl
.report:
	mov	rdi, [rbx + row.text]
	call	verdict
	call	honest
	je	.alive
	xor	eax, eax
	mov	rdi, dead_text
	call	verdict
.alive:	ret

; Queue addresses that are no RAM, unaligned, overlapping, at RAM's end.
%macro BAD_QUEUE 4		; "text", desc, avail, used
	mov	dword [desc_at], %2
	mov	dword [avail_at], %3
	mov	dword [used_at], %4
	call	virtio_start
	call	blk_prepare
	inc	word [AVAIL + 2]
	call	virtio_kick
	call	virtio_wait
	mov	dword [desc_at], DESC
	mov	dword [avail_at], AVAIL
	mov	dword [used_at], USED
	call	honest
	CHECK	e, %1
%endmacro

bad_queues:
	BAD_QUEUE "alive after descriptors outside of RAM", WILD, AVAIL, USED
	BAD_QUEUE "alive after available ring outside of RAM", DESC, WILD, USED
	BAD_QUEUE "alive after used ring outside of RAM", DESC, AVAIL, WILD
	BAD_QUEUE "alive after descriptors in the APIC page", 0xfee00000, AVAIL, USED
	BAD_QUEUE "alive after unaligned descriptors", DESC + 1, AVAIL, USED
	BAD_QUEUE "alive after an unaligned used ring", DESC, AVAIL, USED + 1
	BAD_QUEUE "alive after rings on top of each other", DESC, DESC, DESC
	BAD_QUEUE "alive after rings at the end of 32 bits", 0xfffffff0, 0xfffffffe, 0xfffffffc
	ret

; The transport's own rules.
bad_protocol:
	; Kicks that must be ignored: before DRIVER_OK, after a reset, of no queue.
	call	virtio_begin
	call	virtio_kick
	VOUT8	C_STATUS, 0
	call	virtio_kick
	mov	edx, [io_base]
	add	edx, NOTIFY
	mov	ecx, 16
.kick:	xor	eax, eax
	out	dx, ax
	out	dx, al
	out	dx, eax
	add	edx, 2
	dec	ecx
	jnz	.kick
	call	honest
	CHECK	e, "alive after kicks at wrong times"

	; An unknown feature bit: FEATURES_OK does not stick.
	VOUT8	C_STATUS, 0
	VOUT8	C_STATUS, 3
	VOUT32	C_FEATURE_SELECT, 1
	VOUT32	C_FEATURE, 0x80000001
	VOUT8	C_STATUS, 0xb
	call	virtio_status
	test	al, 8
	CHECK	z, "an unknown feature is refused"

	; A queue size that is no power of two, and none at all.
	call	virtio_begin
	VOUT16	C_QUEUE_SIZE, 3
	VOUT16	C_QUEUE_SIZE, 0
	VOUT16	C_QUEUE_SIZE, 0xffff
	VOUT16	C_QUEUE_SELECT, 0xffff
	VOUT16	C_QUEUE_ENABLE, 1
	VOUT8	C_STATUS, 0xf
	call	virtio_kick
	call	honest
	CHECK	e, "alive after bad queue sizes and numbers"

	; Write all ones and zeros to every port of the BAR, in each size.
	xor	ebx, ebx
.port:	mov	edx, [io_base]
	add	edx, ebx
	mov	eax, -1
	out	dx, al
	out	dx, ax
	out	dx, eax
	in	eax, dx
	xor	eax, eax
	out	dx, eax
	inc	ebx
	cmp	ebx, 256
	jb	.port
	call	honest
	CHECK	e, "alive after wild port writes"

	; Two thousand kicks of an empty queue.
	call	virtio_start
	mov	ebx, 2000
.storm:	call	virtio_kick
	dec	ebx
	jnz	.storm
	call	honest
	CHECK	e, "alive after a kick storm"
	ret

section .rodata
dead_text:	db "device works again after that", 0

section .attacks
	align	16, db 0
attacks_size	equ $ - attacks

%define EXTRA_PAYLOAD attacks_size
%include "guest_end.inc"
