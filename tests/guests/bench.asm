; bench - what operations of a guest cost. Prints "bench NAME N" lines: N is
; the average in TSC ticks (in Bochs: instructions, the VMM's included) of 100
; runs after 10 to warm up; the same loop without the operation is taken off.
; Around each row the words n and n | 8000h go to the mark port, for the counter
; of tools/bochs-count.

%define GUEST_NAME "bench"
%include "guest.inc"
%include "virtio.inc"

%define RUNS		100
%define WARM_UP		10
%define VECTOR		0x51
%define TIMER_RUNS	20
%define TIMER_AHEAD	5000
%define TICK_AHEAD	600
%define EXIT_GAP	40	; more ticks than this in one go: it exited

section .rodata
	align	8
; name, operation, the same without it
rows:	dq	name_cpuid, op_cpuid, null_cpuid
	dq	name_vmcall, op_vmcall, null_vmcall
	dq	name_rdmsr, op_rdmsr, null_rdmsr
	dq	name_in, op_in, null_in
	dq	name_out, op_out, null_in
	dq	name_eoi, op_eoi, null_eoi
	dq	name_ipi, op_ipi, null_ipi
	dq	name_arm, op_arm, null_arm
	dq	name_past, op_past, null_ipi
	dq	name_tick, op_tick, null_ipi
rows_end:
row_notify:
	dq	name_notify, virtio_kick, null_kick
row_blk:
	dq	name_blk, op_blk, blk_prepare
row_console:
	dq	name_console, op_console, null_console
row_touch:
	dq	name_touch, op_touch, null_touch
row_again:
	dq	name_again, op_touch, null_touch
name_cpuid:	db "cpuid", 0
name_vmcall:	db "vmcall", 0
name_rdmsr:	db "rdmsr-apic-base", 0
name_in:	db "in-unused-port", 0
name_out:	db "out-unused-port", 0
name_eoi:	db "eoi", 0
name_ipi:	db "self-ipi", 0
name_arm:	db "arm-deadline", 0
name_past:	db "deadline-past", 0
name_tick:	db "timer-tick", 0
name_notify:	db "virtio-notify", 0
name_blk:	db "virtio-blk", 0
name_blk_exits:	db "virtio-blk-exits", 0
name_console:	db "console-16-bytes", 0
name_byte:	db "console-byte", 0
name_touch:	db "first-touch-4k", 0
name_again:	db "touch-again", 0
name_timer:	db "timer", 0
name_timer_exits: db "timer-exits", 0
bench_text:	db "bench ", 0
console_text:	db "sixteen bytes.. "

section .text
main:
	call	apic_on
	mov	word [IDT_AT + VECTOR * 16], handler
	mov	word [IDT_AT + VECTOR * 16 + 6], IMAGE_BASE >> 16
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40000 | VECTOR
	sti
	mov	rbx, rows
.next:	call	bench
	add	rbx, 24
	cmp	rbx, rows_end
	jb	.next
	call	bench_timer
	cli
	call	bench_touch
	call	bench_blk
	call	bench_console
	ret

; bench - RBX: row. Runs and prints it. RAX: average.
bench:
	call	bench_run
	mov	rdi, [rbx]
	jmp	print

; bench_run - RBX: row. RAX: average ticks of the operation alone.
bench_run:
	mov	r12, [rbx + 16]
	call	measure
	mov	rbp, r15
	inc	word [mark]
	mov	dx, MARK_PORT
	mov	ax, [mark]
	out	dx, ax
	mov	r12, [rbx + 8]
	call	measure
	mov	dx, MARK_PORT
	mov	ax, [mark]
	or	ax, 0x8000
	out	dx, ax
	mov	rax, r15
	sub	rax, rbp
	jae	.average
	xor	eax, eax
.average:
	add	rax, RUNS / 2
	xor	edx, edx
	mov	ecx, RUNS
	div	rcx
	ret

; measure - R12: routine, may clobber all but RBX, RBP, R12 to R15.
; R15: ticks of RUNS calls.
measure:
	xor	r15d, r15d
	mov	r13d, RUNS + WARM_UP
	push	rbx
.again:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	r14, rax
	call	r12
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	sub	rax, r14
	cmp	r13d, RUNS
	ja	.warm
	add	r15, rax
.warm:	mov	rbx, [rsp]
	dec	r13d
	jnz	.again
	pop	rbx
	ret

; print - RDI: name, RAX: number; a line of its own.
print:
	push	rdi
	mov	rdi, bench_text
	call	puts
	pop	rdi
	call	puts
	push	rax
	mov	al, ' '
	call	putc
	mov	rax, [rsp]
	call	put_decimal
	mov	al, 10
	call	putc
	pop	rax
	ret

; handler - the least an interrupt takes: EOI and a flag. Clobbers RAX, RCX,
; RDX, which all that waits for it expects.
handler:
	mov	ecx, X2APIC_EOI
	xor	eax, eax
	xor	edx, edx
	wrmsr
	mov	dword [flag], 1
	iretq

op_cpuid:
	xor	eax, eax
	cpuid
	ret
null_cpuid:
	xor	eax, eax
	ret
op_vmcall:
	mov	eax, 0x4242
	HYPERCALL
	ret
null_vmcall:
	mov	eax, 0x4242
	ret
op_rdmsr:
	mov	ecx, IA32_APIC_BASE
	rdmsr
	ret
null_rdmsr:
	mov	ecx, IA32_APIC_BASE
	ret
op_in:	mov	edx, 0x80
	in	al, dx
	ret
op_out:	mov	edx, 0x80
	out	dx, al
	ret
null_in:
	mov	edx, 0x80
	ret
op_eoi:	mov	ecx, X2APIC_EOI
	xor	eax, eax
	xor	edx, edx
	wrmsr
	ret
null_eoi:
	mov	ecx, X2APIC_EOI
	xor	eax, eax
	xor	edx, edx
	ret
op_ipi:	mov	dword [flag], 0
	mov	ecx, X2APIC_SELF_IPI
	mov	eax, VECTOR
	xor	edx, edx
	wrmsr
.wait:	cmp	dword [flag], 0
	je	.wait
	ret
null_ipi:
	mov	dword [flag], 1
	mov	ecx, X2APIC_SELF_IPI
	mov	eax, VECTOR
	xor	edx, edx
.wait:	cmp	dword [flag], 0
	je	.wait
	ret
op_tick:				; armed, waited for, handled
	mov	dword [flag], 0
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rax, TICK_AHEAD
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
.wait:	cmp	dword [flag], 0
	je	.wait
	ret
op_past:
	mov	dword [flag], 0
	mov	ecx, IA32_TSC_DEADLINE
	mov	eax, 1
	xor	edx, edx
	wrmsr
.wait:	cmp	dword [flag], 0
	je	.wait
	ret
op_arm:	mov	ecx, IA32_TSC_DEADLINE	; never fires
	xor	eax, eax
	mov	edx, 0x10000000
	wrmsr
	ret
null_arm:
	mov	ecx, IA32_TSC_DEADLINE
	xor	eax, eax
	mov	edx, 0x10000000
	ret
null_kick:
	mov	edx, [notify_port]
	mov	eax, [queue_index]
	ret
op_blk:	call	blk_prepare
	inc	word [AVAIL + 2]
	call	virtio_kick
	call	virtio_wait
	mov	eax, 2000 + 1		; each poll reads the status: an exit
	sub	eax, ecx
	add	[blk_exits], eax
	ret

; One request of 16 bytes on the console, as Linux sends them.
op_console:
	movzx	eax, word [AVAIL + 2]
	and	eax, QSIZE - 1
	mov	word [AVAIL + 4 + rax * 2], 0
	inc	word [AVAIL + 2]
	call	virtio_kick
	jmp	virtio_wait
null_console:
	movzx	eax, word [AVAIL + 2]
	and	eax, QSIZE - 1
	mov	word [AVAIL + 4 + rax * 2], 0
	ret

; A write to the next 4 KiB page at [touch_at], which [touch_step] moves.
op_touch:
	mov	rax, [touch_at]
	mov	[rax], rax
	add	rax, [touch_step]
	mov	[touch_at], rax
	ret
null_touch:
	mov	rax, [touch_at]
	mov	[DATA], rax
	add	rax, [touch_step]
	mov	[DATA], rax
	ret

; bench_touch - the first touch of 4 KiB pages that nothing has used yet, from
; 1 MiB below the end of low RAM downwards; then one of them again.
bench_touch:
	mov	rax, [boot_params]
	mov	eax, [rax + 0x1e0]	; alt_mem_k: KiB from 1 MiB on
	cmp	eax, 60000
	jb	.small
	shl	rax, 10
	mov	[touch_at], rax		; 1 MiB below the end
	mov	qword [touch_step], -4096
	mov	rbx, row_touch
	call	bench
	mov	rax, [touch_at]
	add	rax, 4096
	mov	[touch_at], rax
	mov	qword [touch_step], 0
	mov	rbx, row_again
	call	bench
.small:	ret

; bench_timer - arm a deadline, wait for it, EOI. The sum of the gaps that
; arming and firing leave, and how many gaps are as long as an exit: of the
; cheapest run, in which no other partition had the CPU meanwhile.
bench_timer:
	mov	r8, -1			; ticks and exits of the cheapest
	xor	r9d, r9d
	mov	r14d, TIMER_RUNS
.run:	xor	r12d, r12d		; ticks
	xor	r13d, r13d		; exits
	mov	dword [flag], 0
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	lea	rbx, [rax + TIMER_AHEAD]
	mov	ecx, IA32_TSC_DEADLINE
	rdtsc
	mov	esi, eax
	mov	eax, ebx
	mov	rdx, rbx
	shr	rdx, 32
	wrmsr
	rdtsc
	mov	edi, eax
	sub	edi, esi
	mov	esi, eax
	sub	edi, 5			; the instructions beside WRMSR
	add	r12, rdi
	cmp	edi, EXIT_GAP
	jb	.spin
	inc	r13d
.spin:	rdtsc
	mov	edi, eax
	sub	edi, esi
	mov	esi, eax
	cmp	edi, 16
	jb	.short
	sub	edi, 8
	add	r12, rdi
	cmp	edi, EXIT_GAP
	jb	.short
	inc	r13d
.short:	cmp	dword [flag], 0
	je	.spin
	rdtsc				; the gap before the flag was seen
	sub	eax, esi
	cmp	eax, 16
	jb	.done
	add	r12, rax
	cmp	eax, EXIT_GAP		; less: it was the handler alone
	jb	.done
	inc	r13d
.done:	cmp	r12, r8
	jae	.dearer
	mov	r8, r12
	mov	r9d, r13d
.dearer:
	dec	r14d
	jnz	.run
	mov	rax, r8
	mov	rdi, name_timer
	call	print
	mov	eax, r9d
	mov	rdi, name_timer_exits
	jmp	print

; bench_blk - a notification of an empty queue; a read of 4 KiB. Without a
; disk the queue is that of the entropy device.
bench_blk:
	mov	eax, 0x1042
	call	virtio_find
	je	.disk
	mov	eax, 0x1044
	call	virtio_find
	jne	.none
	call	virtio_start
	mov	rbx, row_notify
	call	bench
	jmp	.off
.disk:	call	virtio_start
	mov	rbx, row_notify
	call	bench
	call	virtio_start
	mov	rbx, row_blk
	call	bench
	cmp	byte [STATUS], 0
	CHECK	e, "the last read succeeded"
	mov	eax, [blk_exits]
	add	eax, (RUNS + WARM_UP) / 2
	xor	edx, edx
	mov	ecx, RUNS + WARM_UP
	div	ecx
	mov	rdi, name_blk_exits
	call	print
.off:	VOUT8	C_STATUS, 0
.none:	ret

bench_console:
	mov	eax, 0x1043
	call	virtio_find
	jne	.none
	mov	dword [queue_index], 1	; transmit
	call	virtio_start
	mov	qword [DESC], console_text
	mov	dword [DESC + 8], 16
	mov	dword [DESC + 12], 0
	mov	rbx, row_console
	call	bench_run
	push	rax
	mov	al, 10
	call	putc
	mov	rax, [rsp]
	mov	rdi, [rbx]
	call	print
	pop	rax
	mov	rdi, name_byte
	add	rax, 8
	shr	rax, 4
	call	print
	VOUT8	C_STATUS, 0
.none:	ret

section .data
	align	8
touch_at:	dq 0
touch_step:	dq 0
flag:		dd 0
blk_exits:	dd 0
mark:		dw 0

%include "guest_end.inc"
