; mode_zoo - every mode that a processor has, entered and left, with exits in
; each of them, and the ways in that the architecture forbids. A VM entry must
; never fail: what is forbidden is #GP for the guest.
;
; Code of 32 and 16 bits runs in a copy of it at LOW, below 64 KiB; it comes
; back to 64-bit mode by long_again, and what it found is looked at there.

%define GUEST_NAME "mode_zoo"
%include "guest.inc"
%include "hostile.inc"

%define LOW		0xa000		; the copy
%define REAL_STACK	0xd000
%define IDT32		(SCRATCH + 0x4000)
%define PAGES32		(SCRATCH + 0x5000)	; 4 MiB pages
%define PDPT32		(SCRATCH + 0x6000)	; PAE: 4 entries
%define PD32		(SCRATCH + 0x7000)	; PAE: 2 MiB pages, 1 GiB
%define TSS32_AT	(SCRATCH + 0x8000)
%define GDT_COPY	(SCRATCH + 0x9000)
%define HIGH_CODE	(SCRATCH + 0xb000)	; behind the canonical hole
%define HIGH_PDPT	(SCRATCH + 0xc000)
%define HIGH_PD		(SCRATCH + 0xd000)
%define HIGH_PT		(SCRATCH + 0xe000)

%define CODE64	0x10
%define DATA32	0x18
%define CODE32	0x20
%define CODE16	0x28
%define DATA16	0x30
%define CODE_LD	0x38			; L and D both set
%define TSS16	0x48
%define TSS_32	0x50
%define CONFORM	0x58

%define IN_LOW(label) (LOW + (label) - low_start)

; The 32-bit code between MODE32 and MODE32_END runs without paging, EFER.LME
; off, interrupts off; RSP, RBX, RBP, RSI and RDI live on, R8 to R14 do not.
%macro MODE32 0
%push mode32
	mov	dword [low_target], IN_LOW(%$code)
	call	leave_long
	jmp	%$behind
	section .low
	bits	32
%$code:
%endmacro
%macro MODE32_END 0
	jmp	dword CODE32:IN_LOW(long_again)
	bits	64
	section .text
%$behind:
%pop
%endmacro

; A trap in 32-bit code: [low_fault] is where it goes on, [low_vector] tells.
%macro TRY32 1+
	mov	dword [low_vector], -1
	mov	dword [low_fault], IN_LOW(%%after)
	%1
%%after:
%endmacro
%macro EXPECT32 3+		; vector or -1, "text", insn
	MODE32
	TRY32	%3
	MODE32_END
	cmp	dword [low_vector], %1
	CHECK	e, %2
%endmacro

main:
	mov	esi, low_start
	mov	edi, LOW
	mov	ecx, low_end - low_start
	rep	movsb
	mov	edi, SCRATCH
	mov	ecx, 0x10000 / 8
	xor	eax, eax
	rep	stosq
	mov	esi, gdt
	mov	edi, GDT_COPY
	mov	ecx, (gdt_end - gdt) / 8
	rep	movsq
	lgdt	[gdtr]
	JUMP_IF_TCG .tcg
	mov	dword [is_tcg], 0
.tcg:	call	make_idt32
	call	make_pages
	call	test_protected
	call	test_activation
	call	test_paging32
	call	test_pae
	call	test_real
	call	test_toggle
	call	test_vm86
	call	test_canonical
	call	test_compat
	ret

make_idt32:
	xor	ebx, ebx
.gate:	lea	eax, [rbx * 8 + IN_LOW(stubs32)]
	mov	[IDT32 + rbx * 8], ax
	mov	word [IDT32 + rbx * 8 + 2], CODE32
	mov	word [IDT32 + rbx * 8 + 4], 0x8e00
	mov	word [IDT32 + rbx * 8 + 6], 0
	inc	ebx
	cmp	ebx, 32
	jb	.gate
	ret

make_pages:
	mov	edi, PAGES32
	mov	eax, 0x87
	mov	ecx, 1024
.four:	mov	[rdi], eax
	add	eax, 0x400000
	add	edi, 4
	dec	ecx
	jnz	.four
	mov	edi, PD32
	mov	eax, 0x87
	mov	ecx, 512
.two:	mov	[rdi], rax
	add	eax, 0x200000
	add	edi, 8
	dec	ecx
	jnz	.two
	mov	qword [PDPT32], PD32 + 1
	ret

; leave_long - to 32-bit code at [low_target] without paging. The return address
; of the caller's caller is gone: long_again jumps to [long_rip].
leave_long:
	pop	rax
	mov	[long_rip], rax
	mov	[long_rsp], rsp
	mov	[long_regs], rbx
	mov	[long_regs + 8], rbp
	mov	rax, cr0
	mov	[long_cr0], rax
	mov	rax, cr3
	mov	[long_cr3], rax
	mov	rax, cr4
	mov	[long_cr4], rax
	jmp	far dword [to_low]

section .low follows=.data vfollows=.data align=16
low_start:
section .text

; ---- 32-bit protected mode without paging ----

test_protected:
	EXPECT32 -1, "32 bits: CPUID", call sub_cpuid
	EXPECT32 6, "32 bits: VMXON", vmxon [SCRATCH]
	EXPECT32 6, "32 bits: VMXOFF", vmxoff
	EXPECT32 6, "32 bits: VMLAUNCH", vmlaunch
	EXPECT32 6, "32 bits: VMRESUME", vmresume
	EXPECT32 6, "32 bits: VMCLEAR", vmclear [SCRATCH]
	EXPECT32 6, "32 bits: VMPTRLD", vmptrld [SCRATCH]
	EXPECT32 6, "32 bits: VMREAD", vmread eax, ebx
	EXPECT32 6, "32 bits: VMWRITE", vmwrite eax, ebx
	EXPECT32 6, "32 bits: INVEPT", invept eax, [SCRATCH]
	EXPECT32 6, "32 bits: INVVPID", invvpid eax, [SCRATCH]
	EXPECT32 6, "32 bits: VMFUNC", db 0x0f, 0x01, 0xd4
	EXPECT32 6, "32 bits: GETSEC", db 0x0f, 0x37
	EXPECT32 6, "32 bits: RSM", rsm
	EXPECT32 6, "32 bits: UD2", ud2
	EXPECT32 13, "32 bits: a null CS", jmp 0:0
	EXPECT32 13, "32 bits: RDMSR of IA32_VMX_BASIC", call sub_rdmsr
	EXPECT32 -1, "32 bits: conforming code", call CONFORM:IN_LOW(sub_retf)
	ret

; ---- the ways into long mode that are forbidden ----

; LONG_ON cr0 bits: in 32-bit code, LME and PAE on, then CR0 |= bits
%macro LONG_ON 1
	mov	eax, [long_cr3]
	mov	cr3, eax
	mov	eax, cr4
	or	eax, 1 << 5
	mov	cr4, eax
	mov	ecx, IA32_EFER
	rdmsr
	bts	eax, 8
	wrmsr
	mov	eax, cr0
	or	eax, %1
	TRY32	mov cr0, eax
%endmacro
%define PG	0x80000000
%define CD	0x40000000

test_activation:
	; CS.L set: SDM vol. 3, "IA-32e Mode Operation Consistency Checks".
	; Bochs 2.7's Ryzen refuses VMRUN with CS.L and CS.D in any mode.
	mov	eax, 0x80000002
	cpuid
	cmp	ebx, 'Ryze'
	je	.no_l
	cmp	ebx, 'ryze'
	je	.no_l
	MODE32
	jmp	CODE_LD:IN_LOW(.ld)
.ld:	LONG_ON	PG
	MODE32_END
	cmp	dword [low_vector], 13
	CHECK	e, "long mode with CS.L and CS.D set is refused"
	MODE32
	jmp	CODE_LD:IN_LOW(.ldcd)
.ldcd:	LONG_ON	PG | CD
	MODE32_END
	cmp	dword [low_vector], 13
	CHECK	e, "the same while CR0.CD changes"
.no_l:	MODE32
	mov	ax, TSS16
	ltr	ax
	LONG_ON	PG
	MODE32_END
	cmp	dword [low_vector], 13
	CHECK	e, "long mode with a 16-bit TSS is refused"
	MODE32
	and	byte [GDT_COPY + TSS16 + 5], ~2
	mov	ax, TSS16
	ltr	ax
	LONG_ON	PG | CD
	MODE32_END
	cmp	dword [low_vector], 13
	CHECK	e, "the same while CR0.CD changes, too"
	MODE32
	mov	ax, TSS_32
	ltr	ax
	MODE32_END
	SAY	"a 32-bit TSS is loaded from here on"
	ret

; ---- 32-bit paging ----

test_paging32:
	MODE32
	mov	eax, PAGES32
	mov	cr3, eax
	mov	eax, 1 << 4		; PSE, no PAE
	mov	cr4, eax
	mov	eax, cr0
	or	eax, PG
	mov	cr0, eax
	jmp	.paged
.paged:	xor	eax, eax
	TRY32	cpuid
	mov	esi, [low_vector]
	mov	edx, 0xfec00000		; an IOAPIC register, by its own page
	mov	dword [edx], 1
	mov	edi, [edx + 0x10]
	mov	eax, cr0
	btr	eax, 31
	mov	cr0, eax
	MODE32_END
	cmp	esi, -1
	CHECK	e, "32-bit paging: CPUID"
	cmp	edi, 0x170020
	CHECK	e, "32-bit paging: a read of the IOAPIC"
	ret

; ---- PAE paging: CR3's four entries are the processor's ----

; PAE_ON bits for CR0
%macro PAE_ON 1
	mov	eax, PDPT32
	mov	cr3, eax
	mov	eax, 1 << 5
	mov	cr4, eax
	mov	eax, cr0
	or	eax, %1
	TRY32	mov cr0, eax
%endmacro
%macro PAE_OFF 0
	mov	eax, cr0
	and	eax, ~(PG | CD)
	mov	cr0, eax
%endmacro

test_pae:
	MODE32
	PAE_ON	PG
	mov	edi, cr0
	xor	eax, eax
	TRY32	cpuid
	mov	esi, [low_vector]
	PAE_OFF
	MODE32_END
	test	edi, edi
	CHECK	s, "PAE paging is on"
	cmp	esi, -1
	CHECK	e, "PAE paging: CPUID"
	MODE32
	PAE_ON	PG | CD
	xor	eax, eax
	TRY32	cpuid
	mov	esi, [low_vector]
	PAE_OFF
	MODE32_END
	cmp	esi, -1
	CHECK	e, "PAE paging, turned on with CR0.CD: CPUID"
	; Another table: what MOV to CR3 loads is what counts, also after exits.
	MODE32
	PAE_ON	PG
	mov	dword [PDPT32 + 8], PD32 + 1
	mov	eax, cr3
	mov	cr3, eax
	xor	eax, eax
	cpuid
	mov	eax, [0x40000000 + SCRATCH]
	mov	esi, [SCRATCH]
	sub	esi, eax
	mov	eax, cr4		; an exit that changes no paging bit
	or	eax, 1 << 18
	TRY32	mov cr4, eax
	mov	eax, [0x40000000 + SCRATCH]
	mov	eax, cr4
	btr	eax, 18
	mov	cr4, eax
	mov	dword [PDPT32 + 8], 0
	PAE_OFF
	MODE32_END
	test	esi, esi
	CHECK	z, "PAE paging: a second gigabyte, after exits"
	; Reserved bits in an entry: #GP, and nothing changes.
	MODE32
	mov	dword [PDPT32 + 8], 0xfe7
	PAE_ON	PG | CD
	mov	esi, [low_vector]
	mov	edi, cr0
	PAE_OFF
	mov	dword [PDPT32 + 8], 0
	MODE32_END
	JUMP_IF_AMD .amd		; reads them when it walks
	cmp	esi, 13
	CHECK	e, "PAE entries with reserved bits are refused"
	test	edi, edi
	CHECK	ns, "and paging stays off"
.amd:	ret

; ---- real mode, with segments of 4 GiB and without ----
%include "mode_zoo_real.inc"

; ---- PE on and off, over and over ----

test_toggle:
	MODE32
	jmp	CODE16:IN_LOW(toggle16)
	MODE32_END
	cmp	r15d, 1000
	CHECK	e, "PE goes on and off a thousand times, with exits between"
	ret

section .low
bits 16
toggle16:
	mov	ax, DATA16
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	gs, ax
	mov	ecx, 1000
	xor	ebp, ebp
.again:	mov	eax, cr0
	and	eax, ~1
	mov	cr0, eax
	jmp	0:IN_LOW(.real)
.real:	push	ecx
	xor	eax, eax
	cpuid
	pop	ecx
	mov	eax, cr0
	or	eax, 1
	mov	cr0, eax
	jmp	CODE16:IN_LOW(.prot)
.prot:	push	ecx
	xor	eax, eax
	cpuid
	pop	ecx
	inc	ebp
	dec	ecx
	jnz	.again
	mov	ax, DATA32
	mov	ds, ax
	mov	[dword real_result], ebp
	jmp	dword CODE32:IN_LOW(from_real)
bits 64
section .text

; ---- virtual 8086 mode ----

test_vm86:
	MODE32
	; A #GP leads back: TSS_32 has the stack.
	mov	dword [TSS32_AT + 4], REAL_STACK
	mov	dword [TSS32_AT + 8], DATA32
	mov	word [TSS32_AT + 0x66], 0x68
	mov	byte [TSS32_AT + 0x68 + 0x2000], 0xff
	mov	eax, PAGES32
	mov	cr3, eax
	mov	eax, 1 << 4
	mov	cr4, eax
	mov	eax, cr0
	or	eax, PG
	mov	cr0, eax
	jmp	.go
.go:	mov	dword [low_fault], IN_LOW(.back)
	mov	dword [low_vector], -1
	xor	ebp, ebp
	mov	[low_esp], esp
	push	dword 0			; GS, FS, DS, ES
	push	dword 0
	push	dword 0
	push	dword 0
	push	dword 0			; SS:ESP
	push	dword REAL_STACK - 0x200
	push	dword 0x23002		; VM, IOPL 3
	push	dword 0
	push	dword IN_LOW(vm86)
	iretd
.back:	mov	esp, [low_esp]
	mov	ax, DATA32
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	[low_bits], ebp
	mov	eax, cr0
	btr	eax, 31
	mov	cr0, eax
	MODE32_END
	cmp	dword [low_vector], 13
	CHECK	e, "virtual 8086 mode is left by #GP"
	cmp	r15d, 3
	CHECK	e, "virtual 8086 mode: CPUID and OUT"
	ret

section .low
bits 16
vm86:	xor	eax, eax
	cpuid
	test	eax, eax
	jz	.none
	or	ebp, 1
.none:	mov	dx, COM1 + 7
	mov	al, 0xa5
	out	dx, al
	in	al, dx
	cmp	al, 0xa5
	jne	.end
	or	ebp, 2
.end:	hlt				; #GP: IOPL does not help
bits 64
section .text

; ---- instructions that end where the canonical addresses end ----

%define TOP	0x00007ffffffff000

; AT_END length, "text", "bytes": an instruction whose last byte is at
; 7fffffffffffh; then the next fetch is #GP.
%macro AT_END 3+
	mov	edi, HIGH_CODE
	mov	ecx, 0x1000
	mov	al, 0x90
	rep	stosb
	mov	rdi, HIGH_CODE + 0x1000 - %1
	call	%%bytes
	db	%3
%%bytes:
	pop	rsi
	mov	ecx, %1
	rep	movsb
	mov	rbx, TOP + 0x1000 - %1
	mov	edx, COM1 + 7
	xor	eax, eax
	mov	ecx, IA32_APIC_BASE
	mov	edi, 0xfec00000
	EXPECT_GP %2, jmp rbx
%endmacro

test_canonical:
	mov	rbx, cr3
	mov	edi, HIGH_PDPT
	mov	ecx, 0x3000 / 8
	xor	eax, eax
	rep	stosq
	mov	qword [HIGH_PDPT + 511 * 8], HIGH_PD + 3
	mov	qword [HIGH_PD + 511 * 8], HIGH_PT + 3
	mov	qword [HIGH_PT + 511 * 8], HIGH_CODE + 3
	mov	qword [rbx + 255 * 8], HIGH_PDPT + 3
	mov	cr3, rbx
	JUMP_IF_TCG .tcg		; fetches on, with no #GP
	AT_END	1, "NOP at the end of the canonical addresses", 0x90
	AT_END	2, "CPUID at the end of the canonical addresses", 0x0f, 0xa2
	AT_END	1, "OUT at the end of the canonical addresses", 0xee
	AT_END	1, "IN at the end of the canonical addresses", 0xec
	AT_END	2, "RDMSR at the end of the canonical addresses", 0x0f, 0x32
	AT_END	2, "WBINVD at the end of the canonical addresses", 0x0f, 0x09
	AT_END	2, "MMIO at the end of the canonical addresses", 0x8b, 0x07
.tcg:	mov	rbx, cr3
	mov	qword [rbx + 255 * 8], 0
	mov	cr3, rbx
	ret

; ---- compatibility mode, and leaving long mode with PCIDE ----

test_compat:
	mov	[long_rsp], rsp
	mov	qword [long_rip], .from_compat
	mov	rax, cr4
	mov	[long_cr4], rax
	mov	eax, 1
	cpuid
	bt	ecx, 17
	jnc	.no_pcid
	mov	rax, cr3
	and	rax, ~0xfff
	mov	cr3, rax
	mov	rax, cr4
	bts	rax, 17
	EXPECT_OK "CR4.PCIDE in long mode", mov cr4, rax
.no_pcid:
	mov	dword [low_target], IN_LOW(compat32)
	jmp	far dword [to_compat]
.from_compat:
	mov	rax, cr4
	bt	rax, 17
	jnc	.no_check
	cmp	r15d, 13
	CHECK	e, "leaving long mode with CR4.PCIDE is refused"
	mov	rax, cr4
	btr	rax, 17
	mov	cr4, rax
.no_check:
	test	esi, esi
	CHECK	nz, "compatibility mode: CPUID"
	ret

section .low
bits 32
; Traps here go by the 64-bit IDT: the fixup leads to 64-bit code.
compat32:
	mov	ax, DATA32
	mov	ds, ax
	mov	ss, ax
	mov	esp, REAL_STACK
	xor	eax, eax
	cpuid
	mov	esi, eax
	mov	dword [last_vector], -1
	mov	dword [fixup], IN_LOW(.refused)
	mov	dword [fixup + 4], 0
	mov	eax, cr0
	and	eax, ~PG
	or	eax, CD			; both change: it always exits
	mov	cr0, eax
	; Only without PCIDE: back on.
	mov	eax, cr0
	or	eax, PG
	and	eax, ~CD
	mov	cr0, eax
.refused:
	jmp	dword CODE64:IN_LOW(.long)
bits 64
.long:	mov	qword [fixup], 0
	mov	rsp, [long_rsp]
	mov	r15d, [last_vector]
	jmp	[long_rip]

; ---- what the tests in LOW share ----

bits 32
; From compatibility mode: paging, LME and PAE off, 32-bit IDT.
low_entry:
	mov	ax, DATA32
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	gs, ax
	mov	esp, REAL_STACK
	mov	eax, cr0
	btr	eax, 31
	mov	cr0, eax
	mov	ecx, IA32_EFER
	rdmsr
	btr	eax, 8
	wrmsr
	xor	eax, eax
	mov	cr4, eax
	lidt	[IN_LOW(low_idtr)]
	mov	dword [low_bits], 0
	jmp	[low_target]

; Back to 64-bit mode, at [long_rip].
long_again:
	mov	ax, DATA32
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	eax, cr0		; paging is off in all tests' ends
	and	eax, ~(PG | CD)
	mov	cr0, eax
	mov	eax, [long_cr4]
	mov	cr4, eax
	mov	eax, [long_cr3]
	mov	cr3, eax
	mov	ecx, IA32_EFER
	rdmsr
	bts	eax, 8
	wrmsr
	; A TSS of 16 bits would be in the way.
	and	byte [GDT_COPY + TSS_32 + 5], ~2
	mov	ax, TSS_32
	ltr	ax
	mov	eax, [long_cr0]
	mov	cr0, eax
	jmp	dword CODE64:IN_LOW(.long)
bits 64
.long:	lidt	[idtr]
	mov	rsp, [long_rsp]
	mov	rbx, [long_regs]
	mov	r15d, [low_bits]
	jmp	[long_rip]

bits 32
sub_cpuid:
	xor	eax, eax
	cpuid
	ret
sub_rdmsr:
	mov	ecx, 0x480
	rdmsr
	ret
sub_retf:
	xor	eax, eax
	cpuid
	retf

	align	8
stubs32:
%assign v 0
%rep 32
	align	8
	push	dword v
	jmp	strict near trap32
%assign v v + 1
%endrep
	align	8
; The stack is not kept: tests that trap need none.
trap32:
	pop	eax
	mov	cx, DATA32
	mov	ds, cx
	mov	es, cx
	mov	ss, cx
	mov	[low_vector], eax
	mov	esp, REAL_STACK
	mov	ax, cs
	jmp	[low_fault]

	align	8
real_idtr:
	dw	0x3ff
	dd	0
low_idtr:
	dw	32 * 8 - 1
	dd	IDT32
	align	16, db 0
low_end:
section .text
bits 64

section .rodata
	align	8
to_low:	dd	IN_LOW(low_entry)
	dw	CODE32
	align	8
to_compat:
	dd	IN_LOW(compat32)
	dw	CODE32
	align	8
gdtr:	dw	gdt_end - gdt - 1
	dq	GDT_COPY
	align	8
gdt:	dq	0, 0
	dq	0x00af9b000000ffff	; 10h: 64-bit code
	dq	0x00cf93000000ffff	; 18h: data
	dq	0x00cf9b000000ffff	; 20h: 32-bit code
	dq	0x00009b000000ffff	; 28h: 16-bit code
	dq	0x000093000000ffff	; 30h: 16-bit data
	dq	0x00ef9b000000ffff	; 38h: code with L and D
	dq	0x00af9b000000ffff	; 40h: code with L
	dq	0x0000810000000000 | 0x2b | (TSS32_AT & 0xffffff) << 16
	dq	0x0000890000002068 | (TSS32_AT & 0xffffff) << 16
	dq	0x00cf9f000000ffff	; 58h: conforming code
gdt_end:

section .data
	align	8
long_rip:	dq 0
long_rsp:	dq 0
long_regs:	dq 0, 0
long_cr0:	dq 0
long_cr3:	dq 0
long_cr4:	dq 0
low_target:	dd 0
low_fault:	dd 0
low_vector:	dd 0
low_bits:	dd 0
low_esp:	dd 0
real_result:	dd 0
is_tcg:		dd 1

%define EXTRA_PAYLOAD (low_end - low_start)
%include "guest_end.inc"
