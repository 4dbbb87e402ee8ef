; exits - what a well-behaved and a curious kernel does: every exit that has an
; architectural answer gets exactly that answer.

%define GUEST_NAME "exits"
%include "guest.inc"

%define TIMER_VECTOR	0x40
%define IPI_VECTOR	0x41

main:
	call	test_cpuid
	call	test_hidden_instructions
	call	test_control_registers
	call	test_lmsw
	call	test_bits
	call	test_msrs
	call	test_xsetbv
	call	test_ports
	call	test_hypercall
	call	test_debug
	call	test_time
	call	test_interrupts
	ret

; ---- CPUID: shown and hidden ----

; cpuid_bit leaf, subleaf, register, bit, expected (0, 1), "text"
%macro CPUID_BIT 6
	mov	eax, %1
	mov	ecx, %2
	cpuid
	bt	%3, %4
%if %5
	CHECK	c, %6
%else
	CHECK	nc, %6
%endif
%endmacro

test_cpuid:
	CPUID_BIT 1, 0, ecx, 5, 0, "CPUID hides VMX"
	CPUID_BIT 1, 0, ecx, 6, 0, "CPUID hides SMX"
	CPUID_BIT 1, 0, ecx, 3, 0, "CPUID hides MONITOR"
	CPUID_BIT 1, 0, ecx, 31, 1, "CPUID shows a hypervisor"
	CPUID_BIT 1, 0, ecx, 21, 1, "CPUID shows x2APIC"
	CPUID_BIT 1, 0, ecx, 24, 1, "CPUID shows TSC deadline"
	CPUID_BIT 0x80000001, 0, ecx, 2, 0, "CPUID hides SVM"
	CPUID_BIT 0x80000001, 0, ecx, 12, 0, "CPUID hides SKINIT"
	CPUID_BIT 7, 0, ebx, 2, 0, "CPUID hides SGX"
	CPUID_BIT 7, 0, ebx, 25, 0, "CPUID hides processor trace"
	CPUID_BIT 7, 0, ecx, 5, 0, "CPUID hides WAITPKG"
	CPUID_BIT 7, 0, ecx, 16, 0, "CPUID hides LA57"
	mov	eax, 0x40000000
	cpuid
	cmp	ebx, 'KVMK'
	CHECK	e, "CPUID 40000000 has KVM's signature"
	cmp	eax, 0x40000001
	CHECK	ae, "CPUID 40000000 names its last leaf"

	; Leaf 0Ah: no performance counters.
	mov	eax, 10
	xor	ecx, ecx
	cpuid
	test	al, al
	CHECK	z, "CPUID hides performance counters"

	; All leaves twice: the sum does not change.
	call	cpuid_sum
	mov	r12, rax
	call	cpuid_sum
	cmp	rax, r12
	CHECK	e, "CPUID sweep is deterministic"
	ret

; cpuid_sum - RAX: a sum over leaves 0 to 40h, 8000000xh, 4000000xh.
cpuid_sum:
	xor	r8, r8
	xor	r9d, r9d
	mov	r10d, 0x40
	call	.range
	mov	r9d, 0x40000000
	mov	r10d, 0x40000110
	call	.range
	mov	r9d, 0x80000000
	mov	r10d, 0x80000030
	call	.range
	mov	rax, r8
	ret
.range:	xor	r11d, r11d
.leaf:	mov	eax, r9d
	mov	ecx, r11d
	cpuid
	cmp	r9d, 0xf		; leaf 1 is CPU-local only by APIC id
	rol	r8, 7
	add	r8, rax
	rol	r8, 7
	add	r8, rbx
	rol	r8, 7
	add	r8, rcx
	rol	r8, 7
	add	r8, rdx
	inc	r11d
	cmp	r11d, 3
	jb	.leaf
	inc	r9d
	cmp	r9d, r10d
	jbe	.range
	ret

; ---- instructions that CPUID hides ----

test_hidden_instructions:
	EXPECT_UD "VMXON", vmxon [SCRATCH]
	EXPECT_UD "VMXOFF", vmxoff
	EXPECT_UD "VMLAUNCH", vmlaunch
	EXPECT_UD "VMRESUME", vmresume
	EXPECT_UD "VMCLEAR", vmclear [SCRATCH]
	EXPECT_UD "VMPTRLD", vmptrld [SCRATCH]
	EXPECT_UD "VMPTRST", vmptrst [SCRATCH]
	EXPECT_UD "VMREAD", vmread rax, rbx
	EXPECT_UD "VMWRITE", vmwrite rax, rbx
	EXPECT_UD "INVEPT", invept rax, [SCRATCH]
	EXPECT_UD "INVVPID", invvpid rax, [SCRATCH]
	mov	eax, SCRATCH
	EXPECT_UD "VMRUN", db 0x0f, 0x01, 0xd8
	EXPECT_UD "VMLOAD", db 0x0f, 0x01, 0xda
	EXPECT_UD "VMSAVE", db 0x0f, 0x01, 0xdb
	EXPECT_UD "STGI", db 0x0f, 0x01, 0xdc
	EXPECT_UD "CLGI", db 0x0f, 0x01, 0xdd
	EXPECT_UD "SKINIT", db 0x0f, 0x01, 0xde
	EXPECT_UD "INVLPGA", db 0x0f, 0x01, 0xdf
	xor	eax, eax
	EXPECT_UD "VMFUNC", db 0x0f, 0x01, 0xd4
	xor	eax, eax
	EXPECT_UD "GETSEC", db 0x0f, 0x37
	EXPECT_UD "RSM", rsm
	mov	rax, SCRATCH
	xor	ecx, ecx
	xor	edx, edx
	EXPECT_UD "MONITOR", monitor
	xor	eax, eax
	EXPECT_UD "MWAIT", mwait
	; Without WAITPKG these bytes are reserved on an Intel processor, and an
	; MFENCE with a superfluous prefix to others.
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'
	je	.no_tpause
	EXPECT_UD "TPAUSE", db 0x66, 0x0f, 0xae, 0xf1
.no_tpause:
	EXPECT_UD "ENCLS", db 0x0f, 0x01, 0xcf
	EXPECT_UD "PCONFIG", db 0x0f, 0x01, 0xc5
	EXPECT_UD "UD2", ud2
	; Caches: nothing to do, and no fault.
	EXPECT_OK "WBINVD", wbinvd
	EXPECT_OK "INVD", invd
	mov	ecx, 100
.pause:	pause
	dec	ecx
	jnz	.pause
	xor	ecx, ecx
	EXPECT_GP "RDPMC", rdpmc
	mov	ecx, 0x40000000
	EXPECT_GP "RDPMC of a fixed counter", rdpmc
	mov	ecx, -1
	EXPECT_GP "RDPMC of counter ffffffffh", rdpmc
	; The I/O permission, system and debug instructions that stay the guest's.
	EXPECT_OK "SMSW", smsw rax
	EXPECT_OK "CLTS", clts
	EXPECT_OK "INVLPG", invlpg [SCRATCH]
	EXPECT_OK "SGDT", sgdt [SCRATCH]
	ret

; ---- control registers ----

; CR_BIT cr4, bit: setting one bit raises #GP and changes nothing
%macro CR_BIT 3			; cr, bit, "text"
	mov	rbx, %1
	mov	rax, rbx
	bts	rax, %2
	EXPECT_GP %3, mov %1, rax
	mov	rax, %1
	cmp	rax, rbx
	CHECK	e, %strcat(%3, " leaves it as it was")
%endmacro

test_control_registers:
	mov	rax, cr4
	bt	rax, 13
	CHECK	nc, "CR4.VMXE reads 0"
	CR_BIT	cr4, 13, "CR4.VMXE"
	CR_BIT	cr4, 14, "CR4.SMXE"
	CR_BIT	cr4, 12, "CR4.LA57"
	CR_BIT	cr4, 15, "CR4 bit 15"
	CR_BIT	cr4, 24, "CR4.PKS"
	CR_BIT	cr4, 25, "CR4.UINTR"
	CR_BIT	cr4, 31, "CR4 bit 31"
	CR_BIT	cr4, 40, "CR4 bit 40"
	CR_BIT	cr0, 40, "CR0 bit 40"
	CR_BIT	cr0, 29, "CR0.NW without CD"

	; Bits that are the guest's own.
	mov	rbx, cr4
	mov	rax, rbx
	or	eax, 1 << 2 | 1 << 9		; TSD, OSFXSR
	EXPECT_OK "CR4.TSD and OSFXSR", mov cr4, rax
	mov	rcx, cr4
	cmp	rcx, rax
	CHECK	e, "CR4 reads back"
	mov	cr4, rbx
	mov	rbx, cr0
	mov	rax, rbx
	bts	eax, 30				; CD
	EXPECT_OK "CR0.CD", mov cr0, rax
	mov	rcx, cr0
	bt	ecx, 30
	CHECK	c, "CR0.CD reads back"
	mov	cr0, rbx
	mov	rax, rbx
	btr	eax, 0				; PE off with PG on
	EXPECT_GP "CR0.PE=0 with PG=1", mov cr0, rax
	mov	rax, rbx
	btr	eax, 31				; PG off in 64-bit mode
	EXPECT_GP "CR0.PG=0 in 64-bit mode", mov cr0, rax
	mov	rax, cr0
	cmp	rax, rbx
	CHECK	e, "CR0 is as it was"

	mov	eax, 5
	EXPECT_OK "CR8 = 5", mov cr8, rax
	mov	rax, cr8
	cmp	eax, 5
	CHECK	e, "CR8 reads back"
	mov	eax, 16
	EXPECT_GP "CR8 = 16", mov cr8, rax
	xor	eax, eax
	mov	cr8, rax

	mov	rax, cr3
	bts	rax, 52
	EXPECT_GP "CR3 bit 52", mov cr3, rax

	mov	ecx, IA32_EFER
	rdmsr
	mov	ebx, eax
	bts	eax, 12
	EXPECT_GP "EFER.SVME", wrmsr
	mov	eax, ebx
	bts	eax, 1
	EXPECT_GP "EFER bit 1", wrmsr
	mov	eax, ebx
	btr	eax, 8
	EXPECT_GP "EFER.LME off with paging", wrmsr
	mov	eax, ebx
	bts	eax, 0
	EXPECT_OK "EFER.SCE", wrmsr
	rdmsr
	bt	eax, 0
	CHECK	c, "EFER.SCE reads back"
	ret

; ---- LMSW, and the bits of CR0 and CR4 one at a time ----

test_lmsw:
	mov	rbx, cr0
	mov	eax, ebx
	or	eax, 8				; TS
	EXPECT_OK "LMSW", lmsw ax
	mov	rcx, cr0
	bt	ecx, 3
	CHECK	c, "LMSW sets TS"
	EXPECT_OK "CLTS after LMSW", clts
	mov	rcx, cr0
	bt	ecx, 3
	CHECK	nc, "CLTS clears TS"
	mov	word [SCRATCH], 0xfff8		; TS; all above bit 3 is ignored
	EXPECT_OK "LMSW from memory", lmsw [SCRATCH]
	mov	rcx, cr0
	mov	eax, ecx
	and	eax, 0xf
	cmp	eax, 9
	CHECK	e, "LMSW sets the low bits, and cannot clear PE"
	mov	rax, rbx
	xor	rax, rcx
	test	rax, ~0xf
	CHECK	z, "LMSW leaves the other bits of CR0"
	mov	cr0, rbx
	ret

; sweep cr - set bits 0 to 63 of a control register, one at a time. R12D counts
; the bits that raise #GP, R13D those that do not read back as they should.
%macro SWEEP 1
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r9d, r9d
	mov	rbx, %1
%%bit:	mov	r8, rbx				; what shall read back
	mov	rax, rbx
	bts	rax, r9
	mov	qword [fixup], %%fault
	mov	%1, rax
	mov	r8, rax
	jmp	%%look
%%fault:
	inc	r12d
%%look:	mov	qword [fixup], 0
	mov	rcx, %1
	cmp	rcx, r8
	je	%%next
	inc	r13d
%%next:	mov	%1, rbx
	inc	r9d
	cmp	r9d, 64
	jb	%%bit
%endmacro

test_bits:
	SWEEP	cr4
	cmp	r12d, 40
	CHECK	ae, "most bits of CR4 raise #GP"
	test	r13d, r13d
	CHECK	z, "CR4 reads back every bit, or stays as it was"
	mov	ecx, 32
	mov	rbx, cr0
	xor	r12d, r12d
.bit:	mov	rax, rbx
	bts	rax, rcx
	mov	qword [fixup], .fault
	mov	cr0, rax
	inc	r12d
.fault:	inc	ecx
	cmp	ecx, 64
	jb	.bit
	mov	qword [fixup], 0
	test	r12d, r12d
	CHECK	z, "bits 32 to 63 of CR0 raise #GP"
	mov	rax, cr0
	cmp	rax, rbx
	CHECK	e, "CR0 is as it was after all that"
	ret

; ---- MSRs: default deny ----

%macro MSR_DENIED 2		; msr, "text"
	mov	ecx, %1
	EXPECT_GP %strcat("RDMSR ", %2), rdmsr
	mov	ecx, %1
	xor	eax, eax
	xor	edx, edx
	EXPECT_GP %strcat("WRMSR ", %2), wrmsr
%endmacro
%macro MSR_REFUSED 3		; msr, value, "text"
	mov	ecx, %1
	mov	rax, %2
	mov	rdx, rax
	shr	rdx, 32
	EXPECT_GP %3, wrmsr
%endmacro

test_msrs:
	MSR_DENIED 0x480, "IA32_VMX_BASIC"
	MSR_DENIED 0x48c, "IA32_VMX_EPT_VPID_CAP"
	MSR_DENIED 0x491, "IA32_VMX_VMFUNC"
	MSR_DENIED 0xc0010114, "VM_CR"
	MSR_DENIED 0xc0010117, "VM_HSAVE_PA"
	MSR_DENIED 0x570, "IA32_RTIT_CTL"
	MSR_DENIED 0x600, "IA32_DS_AREA"
	MSR_DENIED 0x38f, "IA32_PERF_GLOBAL_CTRL"
	MSR_DENIED 0x1f2, "IA32_SMRR_PHYSBASE"
	MSR_DENIED 0x610, "MSR_PKG_POWER_LIMIT"
	MSR_DENIED 0x1fff, "1fffh"
	MSR_DENIED 0x2000, "2000h"
	MSR_DENIED 0xbfffffff, "bfffffffh"
	MSR_DENIED 0xc0002000, "c0002000h"
	MSR_DENIED 0xc0010114, "AMD's VM_CR"
	MSR_DENIED 0xffffffff, "ffffffffh"
	JUMP_IF_TCG .no_canonical	; these are open: the processor checks
	MSR_REFUSED 0xc0000082, 0x800000000000, "non-canonical LSTAR"
	MSR_REFUSED 0xc0000100, 0x800000000000, "non-canonical FS_BASE"
	MSR_REFUSED 0xc0000102, 0x1000000000000000, "non-canonical KERNEL_GS_BASE"
	MSR_REFUSED 0x176, 0x800000000000, "non-canonical SYSENTER_EIP"
.no_canonical:
	MSR_REFUSED 0x277, 0x02, "PAT with a reserved type"
	MSR_REFUSED 0x1d9, 0xffffffff, "DEBUGCTL all ones"
	MSR_REFUSED 0x03a, 0x5, "FEATURE_CONTROL is locked"

	; Read everything; write 0 to all that could not be read.
	xor	r12d, r12d		; readable
	xor	r13d, r13d		; writable although unreadable
	xor	ebx, ebx
.low:	call	try_msr
	inc	ebx
	cmp	ebx, 0x2000
	jb	.low
	mov	ebx, 0xc0000000
.high:	call	try_msr
	inc	ebx
	cmp	ebx, 0xc0002000
	jb	.high
	mov	rdi, prefix
	call	puts
	mov	rdi, readable_text
	call	puts
	mov	eax, r12d
	call	put_decimal
	mov	al, 10
	call	putc
	cmp	r12d, 10
	CHECK	a, "some MSRs can be read"
	cmp	r12d, 200
	CHECK	b, "few MSRs can be read"
	; write-only by design: microcode trigger, PRED_CMD, EOI, self-IPI
	cmp	r13d, 4
	CHECK	be, "unreadable MSRs cannot be written"
	ret

; try_msr - EBX: number. Counts in R12D and R13D.
try_msr:
	mov	qword [fixup], .write
	mov	ecx, ebx
	rdmsr
	inc	r12d
	jmp	.end
.write:	mov	qword [fixup], .end
	mov	ecx, ebx
	xor	eax, eax
	xor	edx, edx
	cmp	ebx, X2APIC_SELF_IPI	; vector 0 would be an error to keep
	je	.end
	wrmsr
	inc	r13d
.end:	mov	qword [fixup], 0
	ret

; ---- XSETBV ----

%macro XSETBV_REFUSED 3		; XCR, value, "text"
	mov	ecx, %1
	mov	eax, (%2) & 0xffffffff
	mov	edx, (%2) >> 32
	EXPECT_GP %3, xsetbv
%endmacro

test_xsetbv:
	mov	eax, 1
	cpuid
	bt	ecx, 26
	jc	.offered
	EXPECT_UD "XSETBV without XSAVE", xsetbv
	ret
.offered:
	mov	rax, cr4
	bts	rax, 18
	mov	cr4, rax
	mov	eax, 1
	cpuid
	bt	ecx, 27
	CHECK	c, "CPUID.OSXSAVE follows CR4"
	XSETBV_REFUSED 0, 0, "XCR0 = 0"
	XSETBV_REFUSED 0, 2, "XCR0 without x87"
	XSETBV_REFUSED 0, 5, "XCR0 with YMM, without SSE"
	XSETBV_REFUSED 0, 0x4000000000000003, "XCR0 bit 62"
	XSETBV_REFUSED 0, 0x23, "XCR0 with a part of AVX-512"
	XSETBV_REFUSED 1, 1, "XCR1"
	mov	eax, 13
	xor	ecx, ecx
	cpuid
	mov	r12d, eax			; all that is offered
	mov	eax, r12d
	xor	edx, edx
	xor	ecx, ecx
	EXPECT_OK "XCR0 with all that CPUID offers", xsetbv
	xor	ecx, ecx
	xgetbv
	cmp	eax, r12d
	CHECK	e, "XCR0 reads back"
	mov	eax, 3
	xor	edx, edx
	xor	ecx, ecx
	xsetbv
	ret

; ---- ports ----

test_ports:
	; Unclaimed ports read all ones in each size; writes vanish.
	mov	dx, 0x80
	xor	eax, eax
	in	al, dx
	cmp	al, 0xff
	CHECK	e, "IN 8 bits from an unused port"
	xor	eax, eax
	in	ax, dx
	cmp	eax, 0xffff
	CHECK	e, "IN 16 bits from an unused port"
	xor	eax, eax
	in	eax, dx
	cmp	eax, 0xffffffff
	CHECK	e, "IN 32 bits from an unused port"
	xor	eax, eax
	in	al, 0x60
	cmp	al, 0xff
	CHECK	e, "IN with an immediate port"
	mov	rax, 0x1122334455667788
	mov	rbx, rax
	in	al, dx
	mov	bl, 0xff
	cmp	rax, rbx
	CHECK	e, "IN 8 bits keeps the rest of RAX"
	mov	eax, 0x12345678
	EXPECT_OK "OUT 32 bits to an unused port", out dx, eax
	mov	dx, 0xffff
	in	eax, dx
	cmp	eax, -1
	CHECK	e, "IN 32 bits at the last port"
	mov	dx, 0xb2		; the SMI port of real machines
	EXPECT_OK "OUT to the SMI port", out dx, al

	; All ports but the console's: count those that answer.
	xor	r12d, r12d
	xor	ebx, ebx
.port:	mov	eax, ebx
	and	eax, 0xfff8
	cmp	eax, COM1
	je	.next
	mov	edx, ebx
	in	al, dx
	cmp	al, 0xff
	je	.next
	inc	r12d
.next:	inc	ebx
	cmp	ebx, 0x10000
	jb	.port
	cmp	r12d, 1100		; four virtio functions and a few more
	CHECK	b, "nearly all ports read all ones"
	ret

; ---- hypercalls ----

test_hypercall:
	mov	rax, 0x4242
	mov	rbx, 0x1111111111111111
	mov	rcx, 0x2222222222222222
	mov	rdx, 0x3333333333333333
	mov	rsi, -1
	EXPECT_OK "a hypercall of an unknown number", HYPERCALL
	test	rax, rax
	CHECK	s, "a hypercall answers with an error"
	mov	rax, 0x1111111111111111
	cmp	rbx, rax
	CHECK	e, "a hypercall keeps RBX"
	mov	rax, 0x3333333333333333
	cmp	rdx, rax
	CHECK	e, "a hypercall keeps RDX"
	mov	ebx, 1000
	xor	r12d, r12d
.call:	lea	eax, [rbx + 100]
	HYPERCALL
	test	rax, rax
	jns	.served
	inc	r12d
.served:
	dec	ebx
	jnz	.call
	cmp	r12d, 1000
	CHECK	e, "1000 unknown numbers, 1000 errors"
	EXPECT_UD "the other vendor's hypercall", OTHER_HYPERCALL
	ret

; ---- debug registers and single steps ----

test_debug:
	mov	rax, 0x123456
	mov	dr0, rax
	mov	rbx, dr0
	cmp	rbx, rax
	CHECK	e, "DR0 reads back"
	mov	rax, 0x100000400
	EXPECT_GP "DR7 bit 32", mov dr7, rax
	mov	rax, cr4
	bts	rax, 3				; DE
	mov	cr4, rax
	EXPECT_UD "DR4 with CR4.DE", mov rax, dr4
	mov	rax, cr4
	btr	rax, 3
	mov	cr4, rax

	; TF over instructions that exit: the trap comes right behind them.
	xor	eax, eax
	EXPECT_VECTOR 1, "single step over CPUID traps", call .step_cpuid
	cmp	qword [last_rip], .behind_cpuid
	CHECK	e, "single step over CPUID: RIP"
	EXPECT_VECTOR 1, "single step over OUT traps", call .step_out
	cmp	qword [last_rip], .behind_out
	CHECK	e, "single step over OUT: RIP"
	mov	rax, dr6
	bt	eax, 14
	CHECK	c, "DR6.BS is set"
	xor	eax, eax
	mov	dr6, rax
	ret
.step_cpuid:
	add	rsp, 8				; the fixup does not return
	pushf
	or	dword [rsp], 0x100
	popf
	cpuid
.behind_cpuid:
	nop
	nop
.step_out:
	add	rsp, 8
	mov	dx, 0x80
	pushf
	or	dword [rsp], 0x100
	popf
	out	dx, al
.behind_out:
	nop
	nop

; ---- time ----

test_time:
	mov	ecx, 1000
	xor	ebx, ebx
	xor	r12d, r12d
.again:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, rbx
	ja	.later
	inc	r12d
.later:	mov	rbx, rax
	dec	ecx
	jnz	.again
	test	r12d, r12d
	CHECK	z, "RDTSC always grows"
	mov	eax, 0x80000001
	cpuid
	bt	edx, 27
	jc	.rdtscp
	EXPECT_UD "RDTSCP is hidden", rdtscp
	ret
.rdtscp:
	EXPECT_OK "RDTSCP is offered", rdtscp
	ret

; ---- interrupts: x2APIC, self-IPI, TSC deadline, HLT, NMI ----

; wait_for - EBX: vector, RDI: the count it must reach. Spins at most 2^24
; times. ZF set if it did.
wait_for:
	mov	ecx, 1 << 24
.spin:	cmp	[IRQ_COUNT_AT + rbx * 4], edi
	je	.end
	pause
	dec	ecx
	jnz	.spin
	cmp	[IRQ_COUNT_AT + rbx * 4], edi
.end:	ret

test_interrupts:
	call	apic_on
	mov	ecx, IA32_APIC_BASE
	rdmsr
	and	eax, 0xc00
	cmp	eax, 0xc00
	CHECK	e, "x2APIC mode is on"
	mov	ecx, X2APIC_ID
	EXPECT_OK "RDMSR of the APIC id", rdmsr
	mov	ecx, X2APIC_ID
	EXPECT_GP "WRMSR of the APIC id", wrmsr
	mov	ecx, X2APIC_EOI
	mov	eax, 1
	xor	edx, edx
	EXPECT_GP "EOI of a value other than 0", wrmsr

	; Self-IPI: held back while interrupts are off, then delivered at once.
	WRMSR_IMM X2APIC_SELF_IPI, IPI_VECTOR
	mov	ecx, 1000
.off:	dec	ecx
	jnz	.off
	cmp	dword [IRQ_COUNT_AT + IPI_VECTOR * 4], 0
	CHECK	e, "self-IPI waits for STI"
	sti
	nop
	mov	ebx, IPI_VECTOR
	mov	edi, 1
	call	wait_for
	CHECK	e, "self-IPI is delivered"
	mov	r12d, 100
.ipi:	WRMSR_IMM X2APIC_SELF_IPI, IPI_VECTOR
	inc	edi
	call	wait_for
	jne	.missed
	dec	r12d
	jnz	.ipi
.missed:
	test	r12d, r12d
	CHECK	z, "100 self-IPIs with EOI"

	; The TPR holds it back.
	mov	eax, 5
	mov	cr8, rax
	WRMSR_IMM X2APIC_SELF_IPI, IPI_VECTOR
	mov	ecx, 1000
.tpr:	dec	ecx
	jnz	.tpr
	cmp	[IRQ_COUNT_AT + IPI_VECTOR * 4], edi
	CHECK	e, "TPR 5 holds vector 41h back"
	xor	eax, eax
	mov	cr8, rax
	inc	edi
	call	wait_for
	CHECK	e, "TPR 0 lets it through"

	; TSC deadline: in the past, soon with a spin, soon with HLT.
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR
	mov	ebx, TIMER_VECTOR
	WRMSR_IMM IA32_TSC_DEADLINE, 1
	mov	edi, 1
	call	wait_for
	CHECK	e, "a deadline in the past fires at once"
	mov	r8d, 20000
	call	arm
	mov	edi, 2
	call	wait_for
	CHECK	e, "a deadline fires in a spin"
	cli
	mov	r8d, 100000
	call	arm
	sti
	hlt
	cmp	dword [IRQ_COUNT_AT + TIMER_VECTOR * 4], 3
	CHECK	e, "a deadline ends HLT"
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, [deadline]
	CHECK	ae, "and not too early"
	mov	ecx, IA32_TSC_DEADLINE
	rdmsr
	or	eax, edx
	CHECK	z, "the deadline reads 0 after firing"
	mov	r8d, 1 << 22
	call	arm
	WRMSR_IMM IA32_TSC_DEADLINE, 0
	mov	ecx, 100000
.quiet:	dec	ecx
	jnz	.quiet
	cmp	dword [IRQ_COUNT_AT + TIMER_VECTOR * 4], 3
	CHECK	e, "a disarmed deadline stays quiet"

	; An NMI to itself.
	mov	ecx, X2APIC_ID
	rdmsr
	mov	edx, eax
	mov	eax, 0x4400			; NMI, assert, physical
	mov	ecx, X2APIC_ICR
	wrmsr
	mov	ebx, 2
	mov	edi, 1
	call	wait_for
	CHECK	e, "an NMI arrives"
	cli
	ret

; arm - R8D: ticks from now.
arm:	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rax, r8
	mov	[deadline], rax
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	ret

section .rodata
readable_text:	db "readable MSRs: ", 0
section .data
deadline:	dq 0

%include "guest_end.inc"
