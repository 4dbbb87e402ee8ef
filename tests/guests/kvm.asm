; kvm - KVM's interface as a kernel with one vCPU sees it, and what it must
; refuse: hypercalls about other vCPUs, steal time, the clock.

%define GUEST_NAME "kvm"
%include "guest.inc"

%define IPI_VECTOR	0x41
%define KVM_WALL_CLOCK	0x4b564d00
%define KVM_CLOCK	0x4b564d01
%define KVM_STEAL_TIME	0x4b564d03
%define KVM_PV_EOI	0x4b564d04
%define EOI_WORD	(SCRATCH + 0x1000)
%define EOI_VECTOR	0x42
%define KICK_CPU	5
%define SEND_IPI	10
%define SCHED_YIELD	11
%define EINVAL		22
%define ENOSYS		1000
%define PAGE		SCRATCH		; steal time, at each multiple of 64
%define BEYOND		0x3000000	; 48 MiB of 32

main:
	call	test_features
	call	test_steal_time
	call	test_clock
	call	test_numbers
	call	test_ipi
	call	test_targets
	call	test_eoi
	ret

; FEATURE bit, "text": it is in EAX of leaf 40000001H
%macro FEATURE 2
	mov	eax, 0x40000001
	cpuid
	bt	eax, %1
	CHECK	c, %2
%endmacro

test_features:
	FEATURE	3, "clock"
	FEATURE	5, "steal time"
	FEATURE	7, "kick"
	FEATURE	9, "TLB flush by a flag"
	FEATURE	11, "IPIs to many"
	FEATURE	13, "yield"
	mov	eax, 0x40000001
	cpuid
	bt	eax, 4
	CHECK	nc, "no asynchronous page faults"
	ret

; STEAL address, low bits: arguments of a WRMSR of the steal time's MSR
%macro STEAL 1
	mov	ecx, KVM_STEAL_TIME
	mov	eax, (%1) & 0xffffffff
	mov	edx, (%1) >> 32
%endmacro

test_steal_time:
	STEAL	PAGE | 3
	EXPECT_GP "a reserved bit", wrmsr
	STEAL	PAGE + 32 + 1
	EXPECT_GP "half a structure further", wrmsr
	STEAL	BEYOND | 1
	EXPECT_GP "beyond RAM", wrmsr
	STEAL	0xfee00001
	EXPECT_GP "the local APIC", wrmsr
	STEAL	(1 << 52) | 1
	EXPECT_GP "no address at all", wrmsr
	mov	ecx, KVM_STEAL_TIME
	rdmsr
	or	eax, edx
	CHECK	z, "nothing has changed"
	STEAL	BEYOND
	EXPECT_OK "switched off, the address does not matter", wrmsr
	mov	edi, PAGE
	mov	ecx, 16
	mov	eax, -1
	rep	stosd
	STEAL	PAGE | 1
	EXPECT_OK "steal time", wrmsr
	mov	ecx, KVM_STEAL_TIME
	rdmsr
	cmp	eax, PAGE | 1
	CHECK	e, "reads back"
	cmp	byte [PAGE + 16], 0
	CHECK	e, "who writes it runs"
	test	dword [PAGE + 8], 1
	CHECK	z, "an even version"
	mov	rax, [PAGE]
	shr	rax, 40
	CHECK	z, "not much stolen yet"
	mov	rbx, [PAGE]
	call	nap
	cmp	byte [PAGE + 16], 0
	CHECK	e, "runs again"
	cmp	[PAGE], rbx
	CHECK	ae, "what is stolen does not get less"
	; A flush that a sibling asked for, answered when it runs again.
	; A nap that is over before HLT leaves nothing: again.
	mov	byte [PAGE + 16], 3
	mov	r13d, 100
.flush:	call	nap
	cmp	byte [PAGE + 16], 0
	je	.taken
	dec	r13d
	jnz	.flush
.taken:	cmp	byte [PAGE + 16], 0
	CHECK	e, "the flag is taken"
	STEAL	PAGE
	wrmsr
	mov	byte [PAGE + 16], 3
	call	nap
	cmp	byte [PAGE + 16], 3
	CHECK	e, "switched off, the page is the guest's"
	ret

; nap - HLT until a deadline ends it. Clobbers RAX, RCX, RDX.
nap:
	call	apic_on
	WRMSR_IMM X2APIC_LVT_TIMER, 0x40040
	rdtsc
	add	eax, 100000
	adc	edx, 0
	mov	ecx, IA32_TSC_DEADLINE
	wrmsr
	sti
	hlt
	cli
	ret

test_clock:
	WRMSR_IMM KVM_CLOCK, PAGE | 1
	test	dword [PAGE], 1
	CHECK	z, "the clock: an even version"
	cmp	dword [PAGE + 24], 0
	CHECK	ne, "the clock: a multiplier"
	mov	ecx, KVM_CLOCK
	mov	eax, BEYOND | 1
	xor	edx, edx
	EXPECT_GP "the clock beyond RAM", wrmsr
	mov	ecx, KVM_WALL_CLOCK
	mov	eax, BEYOND
	xor	edx, edx
	EXPECT_GP "the time of day beyond RAM", wrmsr
	ret

; KVM_CALL number, RBX, RCX, RDX, RSI
%macro KVM_CALL 5
	mov	rax, %1
	mov	rbx, %2
	mov	rcx, %3
	mov	rdx, %4
	mov	rsi, %5
	HYPERCALL
%endmacro

test_numbers:
%assign number 0
%rep 16
%if number != KICK_CPU && number != SEND_IPI && number != SCHED_YIELD
	KVM_CALL	number, 0, 0, 0, 0
	cmp	rax, -ENOSYS
	CHECK	e, "a number that is not offered"
%endif
%assign number number + 1
%endrep
	mov	rax, (1 << 32) | SEND_IPI
	HYPERCALL
	cmp	rax, -ENOSYS
	CHECK	e, "in 64-bit mode all of RAX counts"
	ret

test_ipi:
	call	apic_on
	mov	r12d, IRQ_COUNT_AT + IPI_VECTOR * 4
	sti
	KVM_CALL	SEND_IPI, 1, 0, 0, IPI_VECTOR
	cmp	rax, 1
	CHECK	e, "an IPI to itself reaches one"
	nop
	cmp	dword [r12], 1
	CHECK	e, "and is delivered"
	cmp	rbx, 1
	CHECK	e, "RBX is kept"
	KVM_CALL	SEND_IPI, -1, -1, 0, IPI_VECTOR
	cmp	rax, 1
	CHECK	e, "of 128 one exists"
	nop
	cmp	dword [r12], 2
	CHECK	e, "which gets it once"
	KVM_CALL	SEND_IPI, 2, 0, 0, IPI_VECTOR
	test	rax, rax
	CHECK	z, "nobody else is there"
	KVM_CALL	SEND_IPI, 1, 0, -1, IPI_VECTOR
	test	rax, rax
	CHECK	z, "nor far beyond"
	KVM_CALL	SEND_IPI, 1, 0, 0, 0
	cmp	rax, -EINVAL
	CHECK	e, "vector 0"
	KVM_CALL	SEND_IPI, 1, 0, 0, 0x241
	cmp	rax, -EINVAL
	CHECK	e, "an SMI"
	KVM_CALL	SEND_IPI, 1, 0, 0, 0x500
	cmp	rax, -EINVAL
	CHECK	e, "an INIT"
	KVM_CALL	SEND_IPI, 1, 0, 0, (1 << 32) | IPI_VECTOR
	cmp	rax, -EINVAL
	CHECK	e, "reserved bits"
	cli
	cmp	dword [r12], 2
	CHECK	e, "and none of them interrupts"
	ret

test_targets:
	KVM_CALL	KICK_CPU, 0, 0, 0, 0
	test	rax, rax
	CHECK	z, "to kick itself does nothing"
	KVM_CALL	KICK_CPU, 0, 1000, 0, 0
	test	rax, rax
	CHECK	z, "nor does nobody"
	KVM_CALL	SCHED_YIELD, 0, 0, 0, 0
	test	rax, rax
	CHECK	z, "to yield to itself"
	KVM_CALL	SCHED_YIELD, -1, 0, 0, 0
	test	rax, rax
	CHECK	z, "to yield to nobody"
	ret

; EOI by memory, where EOIs exit: the handler of EOI_VECTOR takes the bit, if it
; finds it, and its EOI by the register then has nothing to end.
test_eoi:
	mov	eax, 0x40000001
	cpuid
	bt	eax, 6
	jc	.offered
	mov	ecx, KVM_PV_EOI
	EXPECT_GP "EOI by memory is not offered", rdmsr
	ret
.offered:
	mov	ecx, KVM_PV_EOI
	mov	eax, EOI_WORD | 3
	xor	edx, edx
	EXPECT_GP "EOI by memory: a reserved bit", wrmsr
	mov	eax, BEYOND | 1
	EXPECT_GP "EOI by memory beyond RAM", wrmsr
	mov	dword [EOI_WORD], 0
	mov	eax, EOI_WORD | 1
	EXPECT_OK "EOI by memory", wrmsr
	rdmsr
	cmp	eax, EOI_WORD | 1
	CHECK	e, "EOI by memory: reads back"
	call	apic_on
	mov	qword [IRQ_HOOK_AT + EOI_VECTOR * 8], take_bit
	xor	r13d, r13d
	xor	r12d, r12d
	sti
.next:	WRMSR_IMM X2APIC_SELF_IPI, EOI_VECTOR
	inc	r12d
	mov	ecx, 1 << 16
.wait:	cmp	[IRQ_COUNT_AT + EOI_VECTOR * 4], r12d
	je	.came
	dec	ecx
	jnz	.wait
.came:	cmp	r12d, 100
	jb	.next
	cli
	cmp	dword [IRQ_COUNT_AT + EOI_VECTOR * 4], 100
	CHECK	e, "100 interrupts, each ended once"
	JUMP_IF_TCG .off			; all go by V_IRQ there
	test	r13d, r13d
	CHECK	nz, "some by memory"
.off:	WRMSR_IMM KVM_PV_EOI, 0
	mov	dword [EOI_WORD], 0
	sti
	WRMSR_IMM X2APIC_SELF_IPI, EOI_VECTOR
	mov	ecx, 1000
.more:	dec	ecx
	jnz	.more
	cli
	cmp	dword [EOI_WORD], 0
	CHECK	e, "switched off, the word is the guest's"
	ret

take_bit:
	btr	dword [EOI_WORD], 0
	adc	r13d, 0
	ret

%include "guest_end.inc"
