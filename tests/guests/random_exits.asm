; random_exits - a hundred thousand accesses that exit, from a seeded generator:
; MSRs, CPUID, ports, MMIO, hypercalls, control registers, the local APIC, virtio
; and PCI. Left out is only what ends the partition by right: power, reset, and
; the console that this guest tells its result on.
;
; The digest is of what was raised, not of values that time changes.

%define GUEST_NAME "random_exits"
%include "guest.inc"
%include "hostile.inc"

%define COUNT_FAST	100000
%define COUNT_BOCHS	10000
%define PLAYGROUND	0x400000
%define HOLE		0xd0000000

main:
	call	seed_from_cmdline
	mov	dword [count], COUNT_BOCHS
	JUMP_IF_TCG .fast
	jmp	.go
.fast:	mov	dword [count], COUNT_FAST
.go:	call	apic_on
	mov	rax, cr4
	mov	[old_cr4], rax
	mov	rax, cr0
	mov	[old_cr0], rax
	mov	r14d, [count]
.again:	call	random
	mov	r15, rax
	mov	ebx, eax
	and	ebx, 15
	inc	dword [tally + rbx * 4]
	call	[kinds + rbx * 8]
	mov	eax, [last_vector]
	rol	qword [digest], 3
	xor	[digest], rax
	dec	r14d
	jnz	.again
	; Put right what a check of the result needs.
	mov	rax, [old_cr4]
	mov	cr4, rax
	mov	rax, [old_cr0]
	mov	cr0, rax
	SAY_NUMBER "digest", [digest]
	xor	ebx, ebx
	xor	r12d, r12d
.tally:	cmp	dword [tally + rbx * 4], 0
	jne	.some
	inc	r12d
.some:	inc	ebx
	cmp	ebx, 16
	jb	.tally
	ZERO	"accesses of each of the sixteen kinds", r12d
	mov	eax, 0x4242
	HYPERCALL
	cmp	rax, -1000
	CHECK	e, "and the VMM still answers"
	ret

; Each kind: R15 is random, TRY around what it does. May clobber all but R14.

msr_number:			; ECX
	mov	rcx, r15
	shr	rcx, 32
	test	r15d, 0x10
	jz	.any
	mov	eax, ecx
	and	ecx, 0x1fff
	bt	eax, 30
	jnc	.any
	or	ecx, 0xc0000000
.any:	ret

do_rdmsr:
	call	msr_number
	TRY	rdmsr
	ret

do_wrmsr:
	call	msr_number
	cmp	ecx, 0x4b564d00			; they make the VMM write memory
	je	.clock
	cmp	ecx, 0x4b564d01
	je	.clock
	call	random
	mov	rdx, rax
	shr	rdx, 32
	TRY	wrmsr
	ret
.clock:	call	random
	and	eax, 0xfffff
	add	eax, PLAYGROUND
	xor	edx, edx
	TRY	wrmsr
	ret

do_clock:			; the clock's MSRs, with any address in RAM
	mov	ecx, 0x4b564d00
	bt	r15, 20
	adc	ecx, 0
	jmp	do_wrmsr.clock

do_apic:
	mov	ecx, r15d
	shr	ecx, 8
	and	ecx, 0xff
	add	ecx, 0x800
	call	random
	mov	rdx, rax
	shr	rdx, 63
	bt	r15, 40
	jc	.small
	shr	rax, 40
.small:	cmp	ecx, X2APIC_ICR
	jne	.write
	and	eax, ~0x300			; NMIs come all at once
.write:	TRY	wrmsr
	TRY	rdmsr
	ret

do_cpuid:
	call	random
	mov	rcx, rax
	shr	rcx, 33
	and	eax, 0xc00001ff
	TRY	cpuid
	ret

port_number:			; EDX; ZF: leave it alone
	mov	edx, r15d
	shr	edx, 8
	movzx	edx, dx
	mov	eax, edx
	and	eax, ~7
	sub	eax, COM1 & ~7
	cmp	eax, 0
	je	.no
	mov	eax, edx
	sub	eax, 0x5fd			; power, with its neighbours
	cmp	eax, 0x20
	jb	.zero
	cmp	edx, 0x64
	je	.no
	mov	eax, edx
	sub	eax, 0xcf5			; PCI has a kind of its own
	cmp	eax, 16
	jb	.zero
	or	eax, 1
	ret
.zero:	xor	eax, eax
.no:	ret

do_in:	call	port_number
	je	.no
	bt	r15, 40
	jc	.wide
	TRY	in al, dx
	ret
.wide:	TRY	in eax, dx
.no:	ret

do_out:	call	port_number
	je	.no
	call	random
	bt	r15, 40
	jc	.wide
	TRY	out dx, ax
	ret
.wide:	TRY	out dx, eax
.no:	ret

do_string:
	call	port_number
	je	.no
	mov	rcx, r15
	shr	rcx, 56
	mov	edi, PLAYGROUND
	mov	esi, PLAYGROUND
	mov	rax, r15
	shr	rax, 30
	and	eax, 0xffff8
	add	edi, eax
	add	esi, eax
	bt	r15, 41
	jc	.out
	TRY	rep insb
	ret
.out:	TRY	rep outsb
.no:	ret

do_virtio:
	mov	edx, r15d
	shr	edx, 8
	and	edx, 0x3ff
	add	edx, 0x1000
	call	random
	bt	r15, 40
	jc	.read
	bt	r15, 41
	jc	.byte
	bt	r15, 42
	jc	.word
	; Where queues may be: in the playground, or nowhere.
	and	eax, 0x1fffff
	add	eax, PLAYGROUND
	bt	r15, 43
	jc	.long
	or	eax, 0x80000000
.long:	TRY	out dx, eax
	ret
.byte:	and	al, 0xf
	TRY	out dx, al
	ret
.word:	and	eax, 0x3
	TRY	out dx, ax
	ret
.read:	TRY	in eax, dx
	ret

do_pci:
	mov	edx, 0xcf8
	mov	eax, r15d
	shr	eax, 8
	and	eax, 0x3ffc
	or	eax, 0x80000000
	bt	r15, 50
	jnc	.enable
	call	random
.enable:
	out	dx, eax
	mov	edx, 0xcfc
	call	random
	bt	r15, 40
	jc	.read
	bt	r15, 41
	jc	.byte
	TRY	out dx, eax
	ret
.byte:	TRY	out dx, al
	ret
.read:	TRY	in eax, dx
	ret

do_mmio:
	mov	ebx, IOAPIC
	mov	rcx, r15
	shr	rcx, 16
	and	ecx, 0xff0
	test	ecx, 0xf00
	jz	.near
	and	ecx, 0x10
.near:	call	random
	bt	r15, 40
	jc	.read
	TRY	mov [rbx + rcx], eax
	ret
.read:	TRY	mov eax, [rbx + rcx]
	ret

do_hole:
	mov	ebx, HOLE
	mov	rcx, r15
	shr	rcx, 16
	and	ecx, 0xffffff8
	call	random
	bt	r15, 48
	jc	.read
	TRY	mov [rbx + rcx], rax
	ret
.read:	TRY	mov rax, [rbx + rcx]
	ret

do_msix:			; the page with an MSI-X table
	mov	ebx, 0xe0000000
	mov	rcx, r15
	shr	rcx, 16
	and	ecx, 0x3ffc
	call	random
	TRY	mov [rbx + rcx], eax
	ret

do_hypercall:
	call	random
	mov	rbx, rax
	call	random
	TRY	HYPERCALL
	ret

do_cr:	mov	rcx, r15
	shr	rcx, 8
	and	ecx, 63
	bt	r15, 40
	jc	.zero
	mov	rax, [old_cr4]
	btc	rax, rcx
	TRY	mov cr4, rax
	mov	rax, [old_cr4]
	mov	cr4, rax
	ret
.zero:	mov	rax, [old_cr0]
	cmp	ecx, 31				; PG: paging stays
	je	.end
	btc	rax, rcx
	TRY	mov cr0, rax
	mov	rax, [old_cr0]
	mov	cr0, rax
.end:	ret

do_hidden:
	mov	eax, r15d
	shr	eax, 8
	and	eax, 7
	mov	ecx, [hidden + rax * 4]
	mov	[PLAYGROUND + 0x200000], ecx
	mov	byte [PLAYGROUND + 0x200004], 0xc3
	mov	[old_rsp], rsp
	mov	eax, PLAYGROUND
	xor	ecx, ecx
	mov	esi, PLAYGROUND + 0x200000
	TRY	call rsi
	mov	rsp, [old_rsp]
	ret

section .rodata
	align	8
kinds:	dq	do_rdmsr, do_wrmsr, do_clock, do_apic, do_cpuid, do_in, do_out
	dq	do_string, do_virtio, do_pci, do_mmio, do_hole, do_msix
	dq	do_hypercall, do_cr, do_hidden
hidden:	db	0x0f, 0x01, 0xc2, 0x90, 0x0f, 0x01, 0xd8, 0x90	; VMLAUNCH, VMRUN
	db	0x0f, 0x01, 0xc4, 0x90, 0x0f, 0x01, 0xc8, 0x90	; VMXOFF, MONITOR
	db	0x0f, 0x08, 0x0f, 0x09, 0x0f, 0x01, 0xd1, 0x90	; INVD, XSETBV
	db	0x0f, 0x33, 0x90, 0x90, 0x0f, 0xaa, 0x90, 0x90	; RDPMC, RSM
section .data
	align	8
old_cr0:	dq 0
old_cr4:	dq 0
old_rsp:	dq 0
digest:		dq 0
tally:		times 16 dd 0
count:		dd 0

%include "guest_end.inc"
