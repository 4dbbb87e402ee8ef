; virtio_abuse - a hostile driver for every virtio function that a partition has:
; console, disk, socket and random numbers. Each attack on a queue ends in
; DEVICE_NEEDS_RESET; each break of the transport's rules is ignored; after a
; reset the function works. bad_virtio is the same for the disk, in more detail.

%define GUEST_NAME "virtio_abuse"
%include "guest.inc"
%include "hostile.inc"
%include "virtio.inc"

%define WILD		0xd0000000
%define MSIX_PAGE	0xe0000000
%define BUFFER		0x400000
%define F_EVENT_IDX	(1 << 29)
%define C_CONFIG_VECTOR	0x10
%define ECHO_PORT	7
%define HOST_CID	2

; A row: text, four descriptors of the queue, four of an indirect table, then
; avail.idx and the head.
struc row
.text:		resq 1
.index:		resw 1
.head:		resw 1
		resd 1
.desc:		resb 64
.table:		resb 64
.size:
endstruc
%macro ATTACK 3			; "text", avail.idx, head
[section .rodata]
%%text:	db %1, 0
section .attacks
	dq	%%text
	dw	%2, %3
	dd	0
%endmacro
%macro D 4			; address, length, flags, next
	dq	%1
	dd	%2
	dw	%3, %4
%endmacro
%macro NONE 1
	times %1 * 16 db 0
%endmacro

section .attacks follows=.data vfollows=.data align=16
attacks:
	ATTACK "a descriptor that is its own next", 1, 0
	D BUFFER, 16, F_NEXT, 0
	NONE 7
	ATTACK "a cycle of two", 1, 0
	D BUFFER, 16, F_NEXT, 1
	D BUFFER, 16, F_NEXT, 0
	NONE 6
	ATTACK "next beyond the queue", 1, 0
	D BUFFER, 16, F_NEXT, QSIZE
	NONE 7
	ATTACK "a head beyond the queue", 1, QSIZE
	NONE 8
	ATTACK "an available index that jumps", QSIZE + 1, 0
	D BUFFER, 16, 0, 0
	NONE 7
	ATTACK "an available index that goes back", 0xffff, 0
	D BUFFER, 16, 0, 0
	NONE 7
	ATTACK "a buffer outside of RAM", 1, 0
	D WILD, 64, F_WRITE, 0
	NONE 7
	ATTACK "a readable buffer outside of RAM", 1, 0
	D WILD, 64, 0, 0
	NONE 7
	ATTACK "a buffer in the MSI-X table's page", 1, 0
	D MSIX_PAGE, 64, F_NEXT, 1
	D MSIX_PAGE, 64, F_WRITE, 0
	NONE 6
	ATTACK "a buffer that ends outside of RAM", 1, 0
	D 0x1ffffc0, 128, F_NEXT, 1
	D 0x1ffffc0, 128, F_WRITE, 0
	NONE 6
	ATTACK "a buffer that wraps", 1, 0
	D 0xfffffffffffffff0, 64, F_NEXT, 1
	D 0xfffffffffffffff0, 64, F_WRITE, 0
	NONE 6
	ATTACK "4 GiB of buffer", 1, 0
	D BUFFER, 0xffffffff, F_NEXT, 1
	D BUFFER, 0xffffffff, F_WRITE, 0
	NONE 6
	ATTACK "readable behind writable", 1, 0
	D BUFFER, 64, F_WRITE | F_NEXT, 1
	D BUFFER, 64, 0, 0
	NONE 6
	ATTACK "an indirect table of 17 bytes", 1, 0
	D TABLE, 17, F_INDIRECT, 0
	NONE 7
	ATTACK "an indirect table outside of RAM", 1, 0
	D WILD, 32, F_INDIRECT, 0
	NONE 7
	ATTACK "indirect and next", 1, 0
	D TABLE, 16, F_INDIRECT | F_NEXT, 1
	NONE 7
	ATTACK "a nested indirect table", 1, 0
	D TABLE, 16, F_INDIRECT, 0
	NONE 3
	D TABLE, 16, F_INDIRECT, 0
	NONE 3
	ATTACK "a cycle in an indirect table", 1, 0
	D TABLE, 32, F_INDIRECT, 0
	NONE 3
	D BUFFER, 16, F_NEXT, 1
	D BUFFER, 16, F_NEXT, 0
	NONE 2
attacks_end:

section .text
main:
	mov	r15d, functions
.next:	mov	eax, [r15]
	call	virtio_find
	jne	.absent
	mov	eax, [r15 + 4]
	mov	[queue_index], eax
	mov	eax, [r15 + 8]
	mov	[tag], eax
	call	test_function
.absent:
	add	r15d, 16
	cmp	r15d, functions_end
	jb	.next
	call	test_rng
	call	test_vsock
	call	test_blk
	ret

; told - RDI: text, AL: verdict; with the function's name in front
told:
	push	rsi
	push	rcx
	push	rdi
	mov	rsi, rdi
	mov	edi, line
	mov	ecx, [tag]
	mov	[rdi], ecx
	mov	word [rdi + 4], ': '
	add	edi, 6
.copy:	mov	cl, [rsi]
	mov	[rdi], cl
	inc	rsi
	inc	edi
	test	cl, cl
	jnz	.copy
	mov	edi, line
	call	verdict
	pop	rdi
	pop	rcx
	pop	rsi
	ret
%macro TELL 2			; cc, "text"
%push tell
[section .rodata]
%$text:	db %2, 0
__SECT__
	set%1	al
	mov	rdi, %$text
	call	told
%pop
%endmacro

; works - the function can be started. ZF: yes.
works:
	mov	dword [want_features], F_INDIRECT_DESC
	call	virtio_start
	cmp	al, 0xf
	ret

test_function:
	call	works
	TELL	e, "starts"
	call	test_attacks
	call	test_status
	call	test_features
	call	test_queues
	call	test_ports
	call	test_kicks
	call	test_command
	ret

test_attacks:
	mov	rbx, attacks
.next:	mov	dword [want_features], F_INDIRECT_DESC
	call	virtio_start
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
	test	al, NEEDS_RESET
	setnz	al
	mov	rdi, [rbx + row.text]
	call	told
	call	works
	je	.alive
	TELL	e, "works after that"
.alive:	add	rbx, row.size
	cmp	rbx, attacks_end
	jb	.next
	ret

; ---- the transport's rules ----

test_status:
	VOUT8	C_STATUS, 0
	VOUT8	C_STATUS, 4			; DRIVER_OK at once
	call	virtio_status
	test	al, 4
	TELL	z, "no DRIVER_OK before FEATURES_OK"
	VOUT8	C_STATUS, 0
	VOUT8	C_STATUS, 8
	call	virtio_status
	test	al, 8
	TELL	z, "no FEATURES_OK before DRIVER"
	call	works
	VOUT8	C_STATUS, 1
	call	virtio_status
	cmp	al, 0xf
	TELL	e, "status bits do not go"
	VOUT8	C_STATUS, 0x80			; FAILED
	call	virtio_kick
	call	virtio_status
	test	al, 0x80
	TELL	nz, "a failed status is kept"
	VOUT8	C_STATUS, 0
	call	virtio_status
	test	al, al
	TELL	z, "and a reset clears it"
	ret

test_features:
	VOUT8	C_STATUS, 0
	VOUT8	C_STATUS, 3
	VOUT32	C_FEATURE_SELECT, 0
	VOUT32	C_FEATURE, -1
	VOUT32	C_FEATURE_SELECT, 1
	VOUT32	C_FEATURE, -1
	VOUT8	C_STATUS, 0xb
	call	virtio_status
	test	al, 8
	TELL	z, "all features at once are refused"
	VOUT8	C_STATUS, 0
	VOUT8	C_STATUS, 3
	VOUT32	C_FEATURE_SELECT, 1
	VOUT32	C_FEATURE, 0			; not VERSION_1
	VOUT8	C_STATUS, 0xb
	call	virtio_status
	test	al, 8
	TELL	z, "no VERSION_1: refused"
	call	virtio_begin
	VOUT32	C_FEATURE_SELECT, 1
	VOUT32	C_FEATURE, -1			; too late
	mov	edx, [io_base]
	add	edx, C_FEATURE
	in	eax, dx
	cmp	eax, 1
	TELL	e, "features do not change after FEATURES_OK"
	VOUT32	C_FEATURE_SELECT, 2
	VOUT32	C_FEATURE, -1
	VOUT32	C_DEVICE_FEATURE_SELECT, 0xffffffff
	mov	edx, [io_base]
	add	edx, C_DEVICE_FEATURE
	in	eax, dx
	test	eax, eax
	TELL	z, "there are no features beyond the second word"
	ret

; QUEUE_READS "text", register, size, value
%macro QUEUE_READS 4
	mov	edx, [io_base]
	add	edx, %2
	xor	eax, eax
%if %3 == 2
	in	ax, dx
%else
	in	eax, dx
%endif
	cmp	eax, %4
	TELL	e, %1
%endmacro

test_queues:
	VOUT8	C_STATUS, 0
	VOUT8	C_STATUS, 1
	VOUT8	C_STATUS, 3
	VOUT32	C_FEATURE_SELECT, 1
	VOUT32	C_FEATURE, 1
	VOUT16	C_QUEUE_SELECT, [queue_index]
	VOUT16	C_QUEUE_ENABLE, 1		; before FEATURES_OK
	QUEUE_READS "a queue is not enabled before FEATURES_OK", C_QUEUE_ENABLE, 2, 0
	call	virtio_begin
	VOUT16	C_QUEUE_SIZE, 8
	QUEUE_READS "its size does not change when it is enabled", C_QUEUE_SIZE, 2, QSIZE
	VOUT32	C_QUEUE_DESC, WILD
	QUEUE_READS "nor its address", C_QUEUE_DESC, 4, DESC
	VOUT16	C_QUEUE_ENABLE, 1
	VOUT16	C_QUEUE_ENABLE, 0
	QUEUE_READS "nor is it disabled", C_QUEUE_ENABLE, 2, 1
	VOUT8	C_STATUS, 0
	VOUT16	C_QUEUE_SELECT, [queue_index]
	VOUT16	C_QUEUE_SIZE, 3
	VOUT16	C_QUEUE_SIZE, 0
	VOUT16	C_QUEUE_SIZE, 0xffff
	mov	edx, [io_base]
	add	edx, C_QUEUE_SIZE
	in	ax, dx
	movzx	eax, ax
	lea	ecx, [rax - 1]
	test	eax, ecx
	TELL	z, "its size is always a power of two"
	VOUT16	C_QUEUE_SELECT, 0xffff
	VOUT16	C_QUEUE_ENABLE, 1
	QUEUE_READS "there is no queue ffffh", C_QUEUE_SIZE, 2, 0
	VOUT16	C_CONFIG_VECTOR, 0x1234
	QUEUE_READS "there is no vector 1234h", C_CONFIG_VECTOR, 2, 0xffff
	ret

test_ports:
	call	works
	xor	ebx, ebx
.port:	mov	edx, [io_base]
	add	edx, ebx
	in	al, dx
	in	ax, dx
	in	eax, dx
	cmp	ebx, C_STATUS			; anything but a reset
	je	.next
	mov	eax, -1
	out	dx, al
	out	dx, ax
	out	dx, eax
	inc	eax
	cmp	ebx, C_STATUS - 3
	jb	.zero
	cmp	ebx, C_STATUS
	jbe	.next
.zero:	out	dx, al
	out	dx, ax
	out	dx, eax
.next:	inc	ebx
	cmp	ebx, 256
	jb	.port
	call	works
	TELL	e, "works after all of its ports were written"
	ret

test_kicks:
	call	virtio_begin
	call	publish
	mov	ebx, 500
.early:	call	virtio_kick
	dec	ebx
	jnz	.early
	cmp	word [USED + 2], 0
	TELL	e, "kicks before DRIVER_OK do nothing"
	call	works
	mov	ebx, 500
.empty:	call	virtio_kick
	dec	ebx
	jnz	.empty
	mov	edx, [io_base]
	add	edx, NOTIFY
	mov	ecx, 32
.wild:	mov	eax, ecx
	out	dx, al
	out	dx, ax
	out	dx, eax
	add	edx, 2
	dec	ecx
	jnz	.wild
	call	virtio_status
	cmp	al, 0xf
	TELL	e, "kicks of empty and missing queues do nothing"
	; Event indices of garbage: interrupts may be lost, nothing else.
	mov	dword [want_features], F_INDIRECT_DESC | F_EVENT_IDX
	call	virtio_start
	mov	word [AVAIL], 1
	mov	word [AVAIL + 4 + QSIZE * 2], 0x7fff
	mov	word [USED + 4 + QSIZE * 8], 0xffff
	mov	ebx, 100
.event:	call	virtio_kick
	dec	ebx
	jnz	.event
	call	works
	TELL	e, "works after garbage in event indices"
	ret

; ---- the PCI command register ----

; command - AX into it
command:
	push	rax
	mov	eax, [io_base]			; slot n has the nth 256 ports
	sub	eax, 0x1000
	shr	eax, 8
	inc	eax
	shl	eax, 11
	add	eax, 0x80000004
	mov	edx, 0xcf8
	out	dx, eax
	pop	rax
	mov	edx, 0xcfc
	out	dx, ax
	ret

; publish - a descriptor that the device may write, as the first.
publish:
	mov	qword [DESC], BUFFER
	mov	dword [DESC + 8], 64
	mov	dword [DESC + 12], F_WRITE
	mov	word [AVAIL + 4], 0
	mov	word [AVAIL + 2], 1
	ret

test_command:
	call	works
	mov	ax, 6				; no I/O decoding
	call	command
	mov	edx, [io_base]
	in	eax, dx
	cmp	eax, -1
	TELL	e, "does not answer without I/O decoding"
	mov	ax, 1				; no bus master
	call	command
	call	publish
	call	virtio_kick
	mov	ecx, 1000
.wait:	pause
	dec	ecx
	jnz	.wait
	cmp	word [USED + 2], 0
	TELL	e, "does no DMA without bus mastering"
	call	virtio_status
	test	al, NEEDS_RESET
	TELL	z, "nor does it look"
	mov	ax, 7
	call	command
	call	works
	TELL	e, "works again with both"
	ret

; ---- random numbers ----

test_rng:
	mov	eax, 0x1044
	call	virtio_find
	jne	.end
	mov	dword [queue_index], 0
	mov	dword [tag], 'rng '
	call	works
	; A megabyte in one buffer, all of RAM that there is.
	mov	qword [DESC], BUFFER
	mov	dword [DESC + 8], 0x100000
	mov	dword [DESC + 12], F_WRITE
	mov	word [AVAIL + 4], 0
	inc	word [AVAIL + 2]
	call	virtio_kick
	call	virtio_wait
	cmp	word [USED + 2], 1
	TELL	e, "serves a megabyte"
	mov	eax, [USED + 8]
	cmp	eax, 0x100000
	TELL	be, "and says no more than that"
	test	eax, eax
	TELL	nz, "and no less than one byte"
	; Sixteen buffers that are all the same.
	call	works
	mov	ecx, QSIZE
	mov	edi, AVAIL + 4
	xor	eax, eax
	mov	qword [DESC], BUFFER
	mov	dword [DESC + 8], 4096
	mov	dword [DESC + 12], F_WRITE
	rep	stosw
	mov	word [AVAIL + 2], QSIZE
	call	virtio_kick
	mov	ecx, 20000
.all:	cmp	word [USED + 2], QSIZE
	je	.done
	pause
	dec	ecx
	jnz	.all
.done:	cmp	word [USED + 2], QSIZE
	TELL	e, "serves one buffer sixteen times"
.end:	ret

; ---- sockets: headers that lie ----

; hdr: src_cid, dst_cid, src_port, dst_port, len, type, op, flags, buf_alloc, fwd
test_vsock:
	mov	eax, 0x1053
	call	virtio_find
	jne	.end
	mov	dword [queue_index], 1		; to the host
	mov	dword [tag], 'sock'
	call	works
	mov	r14d, 2000
.again:	mov	edi, HEADER
	mov	ecx, 44 / 4
.fill:	call	random
	stosd
	dec	ecx
	jnz	.fill
	call	random
	bt	eax, 0
	jc	.wild
	mov	qword [HEADER], 3		; as it should be, mostly
	mov	qword [HEADER + 8], HOST_CID
	and	dword [HEADER + 16], 0xff
	mov	dword [HEADER + 20], ECHO_PORT
	mov	word [HEADER + 28], 1
	movzx	ecx, ah
	and	ecx, 7
	mov	[HEADER + 30], cx
	bt	eax, 1
	jc	.wild
	and	dword [HEADER + 24], 0x3f	; a length that fits
.wild:	mov	qword [DESC], HEADER
	mov	dword [DESC + 8], 44
	mov	dword [DESC + 12], F_NEXT | 1 << 16
	mov	qword [DESC + 16], BUFFER
	mov	dword [DESC + 24], 64
	mov	dword [DESC + 28], 0
	movzx	eax, word [AVAIL + 2]
	and	eax, QSIZE - 1
	mov	word [AVAIL + 4 + rax * 2], 0
	inc	word [AVAIL + 2]
	call	virtio_kick
	mov	ax, [AVAIL + 2]
	cmp	[USED + 2], ax
	je	.taken				; else the RSTs wait for buffers
	call	works
.taken:	call	virtio_status
	cmp	al, 0xf
	je	.fine
	call	works
.fine:	dec	r14d
	jnz	.again
	call	works
	TELL	e, "works after 2000 packets that lie"
	; A header that is too short; none at all.
	mov	qword [DESC], HEADER
	mov	dword [DESC + 8], 43
	mov	dword [DESC + 12], 0
	mov	word [AVAIL + 4], 0
	inc	word [AVAIL + 2]
	call	virtio_kick
	call	virtio_wait
	call	works
	TELL	e, "works after a packet without a header"
.end:	ret

; ---- the disk: requests that are none ----

; BLK_REQUEST "text", type, sector, length of data, flags: a status byte comes
%macro BLK_REQUEST 5
	call	works
	call	blk_prepare
	mov	dword [HEADER], %2
	mov	rax, %3
	mov	[HEADER + 8], rax
	mov	dword [DESC + 24], %4
	mov	word [DESC + 28], F_NEXT | %5
	inc	word [AVAIL + 2]
	call	virtio_kick
	call	virtio_wait
	call	virtio_status
	test	al, NEEDS_RESET
	jnz	%%answered
	cmp	byte [STATUS], 2
	ja	%%bad
%%answered:
	cmp	al, al
%%bad:	TELL	e, %1
%endmacro

test_blk:
	mov	eax, 0x1042
	call	virtio_find
	jne	.end
	mov	dword [queue_index], 0
	mov	dword [tag], 'blk '
	mov	edi, DATA
	mov	ecx, 4096 / 4
	mov	eax, -1
	rep	stosd
	BLK_REQUEST "a flush with data", 4, 0, 4096, 0
	BLK_REQUEST "GET_ID into 4 bytes", 8, 0, 4, F_WRITE
	BLK_REQUEST "a discard of 2^32 sectors", 11, 0, 4096, 0
	BLK_REQUEST "zeroes for 2^32 sectors", 13, 0, 4096, 0
	BLK_REQUEST "a discard of 15 bytes", 11, 0, 15, 0
	BLK_REQUEST "a write beyond the end", 1, 0x7fffffff, 4096, 0
	BLK_REQUEST "a write whose end wraps", 1, -1, 4096, 0
	BLK_REQUEST "a read into a readable buffer", 0, 0, 4096, 0
	BLK_REQUEST "a write from a writable buffer", 1, 0, 4096, F_WRITE
	BLK_REQUEST "type ffffffffh", -1, 0, 4096, F_WRITE
	mov	r14d, 500
.flush:	call	works
	call	blk_prepare
	mov	dword [HEADER], 4
	mov	qword [DESC + 16], STATUS
	mov	dword [DESC + 24], 1
	mov	dword [DESC + 28], F_WRITE
	inc	word [AVAIL + 2]
	call	virtio_kick
	dec	r14d
	jnz	.flush
	call	works
	TELL	e, "works after 500 flushes"
.end:	ret

section .rodata
	align	8
functions:
	dd	0x1042, 0, 'blk ', 0
	dd	0x1043, 1, 'cons', 0
	dd	0x1044, 0, 'rng ', 0
	dd	0x1053, 1, 'sock', 0
functions_end:
section .data
	align	8
tag:	dd	0
line:	times 128 db 0

section .attacks
	align	16, db 0
attacks_size	equ $ - attacks

%define EXTRA_PAYLOAD attacks_size
%include "guest_end.inc"
