; debug_zoo - debug registers, single steps and shadows over instructions that
; exit: the trap comes where the architecture says, and only for the guest.

%define GUEST_NAME "debug_zoo"
%include "guest.inc"
%include "hostile.inc"

%define SHADOW_VECTOR	0x51
%define DR6_BD		13
%define DR6_BS		14

; STEP "text", insn: with RFLAGS.TF, #DB right behind it, DR6.BS set
%macro STEP 2+
	push	rax
	xor	eax, eax
	mov	dr6, rax
	pop	rax
	mov	dword [last_vector], -1
	mov	qword [fixup], %%after
	pushf
	or	dword [rsp], 0x100
	popf
	%2
%%behind:
	nop
	nop
%%after:
	mov	qword [fixup], 0
	cmp	dword [last_vector], 1
	CHECK	e, %strcat("a single step over ", %1, " traps")
	cmp	qword [last_rip], %%behind
	CHECK	e, %strcat("a single step over ", %1, ": RIP")
	mov	rax, dr6
	bt	eax, DR6_BS
	CHECK	c, %strcat("a single step over ", %1, ": DR6.BS")
%endmacro

main:
	call	test_steps
	call	test_shadows
	call	test_icebp
	call	test_registers
	call	test_breakpoints
	call	test_double_fault
	ret

test_steps:
	xor	eax, eax
	STEP	"CPUID", cpuid
	mov	edx, COM1 + 7
	STEP	"OUT", out dx, al
	STEP	"IN", in al, dx
	mov	ecx, IA32_APIC_BASE
	STEP	"RDMSR", rdmsr
	mov	ecx, IA32_EFER
	rdmsr
	STEP	"WRMSR", wrmsr
	mov	eax, 0x4242
	STEP	"a hypercall", HYPERCALL
	mov	ebx, IOAPIC
	STEP	"a read of the IOAPIC", mov eax, [rbx]
	STEP	"a write of the IOAPIC", mov [rbx], eax
	STEP	"WBINVD", wbinvd
	mov	rax, cr4
	STEP	"MOV to CR4", mov cr4, rax
	mov	rax, cr0
	STEP	"MOV to CR0", mov cr0, rax
	mov	rax, cr8
	STEP	"MOV to CR8", mov cr8, rax
	STEP	"HLT", hlt
	mov	esi, SCRATCH
	mov	edx, COM1 + 7
	STEP	"OUTSB", outsb
	; #UD comes before the trap, and the handler is not stepped into.
	mov	qword [fixup], .ud
	mov	dword [last_vector], -1
	pushf
	or	dword [rsp], 0x100
	popf
	vmxoff
.ud:	mov	qword [fixup], 0
	cmp	dword [last_vector], 6
	CHECK	e, "a single step over VMXOFF is #UD"
	ret

; ---- what blocks interrupts and traps for one instruction ----

test_shadows:
	mov	ax, ss
	xor	ecx, ecx
	mov	dword [last_vector], -1
	mov	qword [fixup], .after
	push	rax
	xor	eax, eax
	mov	dr6, rax
	pop	rax
	pushf
	or	dword [rsp], 0x100
	popf
	mov	ss, ax				; its own trap waits
	cpuid
.behind:
	nop
	nop
.after:	mov	qword [fixup], 0
	cmp	dword [last_vector], 1
	CHECK	e, "MOV SS and CPUID with TF trap"
	JUMP_IF_TCG .no_rip			; traps behind MOV SS
	cmp	qword [last_rip], .behind
	CHECK	e, "and behind the CPUID"
.no_rip:
	; CVE-2018-8897: a data breakpoint on what MOV SS reads.
	mov	ax, ss
	mov	[SCRATCH], ax
	mov	eax, SCRATCH
	mov	dr0, rax
	mov	eax, 0x000f0402			; G0, read or write, 4 bytes
	and	eax, ~(3 << 18)			; one byte
	mov	dr7, rax
	xor	eax, eax
	mov	dr6, rax
	mov	dword [last_vector], -1
	mov	qword [fixup], .popped
	mov	ss, [SCRATCH]
	cpuid
.watched:
	nop
	nop
	nop
.popped:
	mov	qword [fixup], 0
	mov	eax, 0x400
	mov	dr7, rax
	mov	eax, [last_vector]
	cmp	eax, 1
	je	.trap
	cmp	eax, -1				; lost by the emulator: no harm
.trap:	CHECK	e, "a watched MOV SS before an exit does no harm"

	; An interrupt that waits comes behind the instruction that follows STI.
	call	apic_on
	mov	eax, shadow_handler
	mov	edi, IDT_AT + SHADOW_VECTOR * 16
	mov	[rdi], ax
	shr	eax, 16
	mov	[rdi + 6], ax
	WRMSR_IMM X2APIC_SELF_IPI, SHADOW_VECTOR
	xor	eax, eax
	sti
	cpuid
.sti:	nop
	cli
	cmp	qword [shadow_rip], .sti
	CHECK	e, "an interrupt waits for the CPUID behind STI"
	WRMSR_IMM X2APIC_SELF_IPI, SHADOW_VECTOR
	sti
	hlt
.hlt:	nop
	cli
	cmp	qword [shadow_rip], .hlt
	CHECK	e, "an interrupt waits for the HLT behind STI, and ends it"
	WRMSR_IMM X2APIC_SELF_IPI, SHADOW_VECTOR
	mov	ebx, IOAPIC
	sti
	mov	eax, [rbx]
.mmio:	nop
	cli
	cmp	qword [shadow_rip], .mmio
	CHECK	e, "an interrupt waits for the MMIO access behind STI"
	cmp	dword [shadow_count], 3
	CHECK	e, "and each came once"
	ret

shadow_handler:
	push	rax
	push	rcx
	push	rdx
	mov	rax, [rsp + 24]
	mov	[shadow_rip], rax
	inc	dword [shadow_count]
	WRMSR_IMM X2APIC_EOI, 0
	pop	rdx
	pop	rcx
	pop	rax
	iretq

; ---- INT1 ----

test_icebp:
	JUMP_IF_TCG .tcg			; takes it for a debugger's
	mov	dword [last_vector], -1
	mov	qword [fixup], .after
	db	0xf1
.behind:
	nop
.after:	mov	qword [fixup], 0
	cmp	dword [last_vector], 1
	CHECK	e, "INT1 traps"
	cmp	qword [last_rip], .behind
	CHECK	e, "INT1 traps behind itself"
.tcg:	mov	dword [last_vector], -1
	mov	qword [fixup], .after3
	int3
.behind3:
	nop
.after3:
	mov	qword [fixup], 0
	cmp	dword [last_vector], 3
	CHECK	e, "INT3 traps"
	cmp	qword [last_rip], .behind3
	CHECK	e, "INT3 traps behind itself"
	ret

; ---- DR4 to DR7 ----

test_registers:
	xor	r12d, r12d
	mov	r13d, 32
.high:	mov	rax, dr6
	bts	rax, r13
	TRY	mov dr6, rax
	cmp	dword [last_vector], 13
	je	.six
	inc	r12d
.six:	mov	eax, 0x400
	bts	rax, r13
	TRY	mov dr7, rax
	cmp	dword [last_vector], 13
	je	.seven
	inc	r12d
.seven:	inc	r13d
	cmp	r13d, 64
	jb	.high
	ZERO	"bits 32 to 63 of DR6 and DR7 are #GP", r12d
	mov	rax, cr4
	btr	rax, 3
	mov	cr4, rax
	xor	eax, eax
	mov	dr6, rax
	mov	rax, dr6
	db	0x0f, 0x21, 0xe3		; MOV RBX, DR4
	cmp	rax, rbx
	CHECK	e, "DR4 is DR6 without CR4.DE"

	JUMP_IF_TCG .tcg			; has no such bit
	; General detect: an access to a debug register is #DB.
	mov	eax, 0x2400
	mov	dr7, rax
	TRY	mov rax, dr0
	cmp	dword [last_vector], 1
	CHECK	e, "DR7.GD makes MOV from DR0 a #DB"
	mov	rax, dr7
	bt	eax, 13
	CHECK	nc, "which clears DR7.GD"
	mov	rax, dr6
	bt	eax, DR6_BD
	CHECK	c, "and sets DR6.BD"
.tcg:	ret

; ---- breakpoints: where the VMM is, and on what exits ----

test_breakpoints:
	mov	rax, 0xffffffff80000000		; the VMM's image is there
	mov	dr0, rax
	mov	rax, 0xffffffff80001000
	mov	dr1, rax
	mov	rax, 0xffff800000000000
	mov	dr2, rax
	xor	eax, eax
	mov	dr3, rax
	mov	eax, 0x3f3004ff | 0x0f000000	; two for execution, two for data
	mov	dr7, rax
	xor	eax, eax
	mov	dr6, rax
	mov	r12d, 1000
.exit:	xor	eax, eax
	cpuid
	mov	edx, 0x80
	in	al, dx
	dec	r12d
	jnz	.exit
	mov	rax, dr6
	and	eax, 0xf
	CHECK	z, "breakpoints where the VMM is hit nothing in 2000 exits"
	mov	eax, 0x400
	mov	dr7, rax
	; An instruction breakpoint on one that exits: #DB before it.
	mov	eax, .here
	mov	dr0, rax
	mov	eax, 0x402
	mov	dr7, rax
	mov	dword [last_vector], -1
	mov	qword [fixup], .after
	xor	eax, eax
.here:	cpuid
	nop
.after:	mov	qword [fixup], 0
	mov	eax, 0x400
	mov	dr7, rax
	cmp	dword [last_vector], 1
	CHECK	e, "a breakpoint on a CPUID is hit"
	cmp	qword [last_rip], .here
	CHECK	e, "and before it"
	ret

; ---- faults while faults are delivered ----

test_double_fault:
	and	byte [IDT_AT + 14 * 16 + 5], 0x7f	; #PF: not present
	mov	rbx, 1 << 40
	TRY	mov rax, [rbx]
	cmp	dword [last_vector], 8
	CHECK	e, "#PF whose gate is missing is #DF"
	or	byte [IDT_AT + 14 * 16 + 5], 0x80
	TRY	mov rax, [rbx]
	cmp	dword [last_vector], 14
	CHECK	e, "#PF with its gate is #PF"
	ret

section .data
	align	8
shadow_rip:	dq 0
shadow_count:	dd 0

%include "guest_end.inc"
