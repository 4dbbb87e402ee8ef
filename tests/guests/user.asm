; user - what a program at CPL 3 may not do: every instruction of the kernel's
; raises the exception that the architecture names, none reaches the VMM as a
; call. The hypercall, which exits at every CPL, is #UD and changes no register.
; With IOPL 3 it has the ports, and of memory still only what is a user's.

%define GUEST_NAME "user"
%include "guest.inc"

%define USER_RETURN	0x21		; interrupt that leads back to CPL 0
%define USER_STACK	(SCRATCH + 0x2000)
%define TSS		(SCRATCH + 0x4000)
%define TSS_STACK	(SCRATCH + 0x8000)
%define PDPT		(SCRATCH + 0xa000)
%define PAGE_DIRECTORY	(SCRATCH + 0xb000)
%define PAGE_TABLE	(SCRATCH + 0xc000)
%define FRAME		(SCRATCH + 0xd000)	; and the one behind it
%define VIRT		(1 << 39)	; user, kernel, read-only, nothing
%define USER_CODE	0x23
%define USER_DATA	0x2b
%define TSS_SELECTOR	0x30

; EXPECT_USER vector or -1, "text", insn: @insn at CPL 3
%macro EXPECT_USER 3+
%push user
	mov	qword [fixup], %$after
	mov	dword [last_vector], -1
	mov	qword [user_rip], %$code
	call	user_enter
	jmp	%$check
%$code:
	%3
%$after:
	int	USER_RETURN
%$check:
	mov	qword [fixup], 0
	mov	r8d, %1
	cmp	[last_vector], r8d
	CHECK	e, %2
%pop
%endmacro
%macro USER_GP 2+
	EXPECT_USER 13, %strcat(%1, " at CPL 3"), %2
%endmacro
%macro USER_UD 2+
	EXPECT_USER 6, %strcat(%1, " at CPL 3"), %2
%endmacro

; AMD-V's instructions: #UD where there are none. Where the VMM itself uses them
; the processor looks at the CPL before any intercept: #GP.
%macro USER_SVM 2+
	EXPECT_USER [svm_vector], %strcat(%1, " at CPL 3"), %2
%endmacro

main:
	call	user_init
	EXPECT_USER -1, "CPL 3 is reached and left", mov bx, cs
	cmp	bx, USER_CODE
	CHECK	e, "CS at CPL 3"
	call	test_calls
	call	test_hidden
	call	test_privileged
	call	test_io
	call	test_io_pages
	ret

; user_init - all memory for users, segments, a TSS, and the way back.
user_init:
	mov	rax, cr3
	or	qword [rax], 4
	mov	rsi, [rax]
	and	rsi, ~0xfff
	mov	ecx, 4
.table:	or	qword [rsi], 4
	mov	rdi, [rsi]
	and	rdi, ~0xfff
	mov	edx, 512
.entry:	or	qword [rdi], 4
	add	rdi, 8
	dec	edx
	jnz	.entry
	add	rsi, 8
	dec	ecx
	jnz	.table
	mov	cr3, rax

	mov	edi, TSS
	mov	ecx, 0x68 / 8
	xor	eax, eax
	rep	stosq
	mov	qword [TSS + 4], TSS_STACK	; RSP0
	mov	word [TSS + 0x66], 0x68		; no I/O bitmap
	lgdt	[user_gdtr]
	mov	ax, TSS_SELECTOR
	ltr	ax
	mov	eax, user_return
	mov	edi, IDT_AT + USER_RETURN * 16
	mov	[rdi], ax
	mov	word [rdi + 4], 0xee00		; DPL 3
	shr	eax, 16
	mov	[rdi + 6], ax
	ret

; user_enter - go to [user_rip] at CPL 3 with [user_flags]; returns behind
; USER_RETURN.
user_enter:
	mov	[kernel_rsp], rsp
	push	qword USER_DATA
	push	qword USER_STACK
	push	qword [user_flags]
	push	qword USER_CODE
	push	qword [user_rip]
	iretq

user_return:
	mov	rsp, [kernel_rsp]
	push	rax
	mov	ax, 0x18
	mov	ss, ax
	mov	ds, ax
	mov	es, ax
	pop	rax
	ret

test_calls:
	mov	eax, 9
	mov	ebx, 0x1234
	USER_UD	"a hypercall", HYPERCALL
	cmp	rax, 9
	CHECK	e, "a hypercall at CPL 3 keeps RAX"
	cmp	rbx, 0x1234
	CHECK	e, "a hypercall at CPL 3 keeps RBX"
	mov	rax, -1
	USER_UD	"a hypercall of number -1", HYPERCALL
	mov	eax, 9
	EXPECT_OK "a hypercall at CPL 0 is answered", HYPERCALL
	cmp	rax, -1000
	CHECK	e, "with -ENOSYS"
	xor	eax, eax
	EXPECT_USER -1, "CPUID at CPL 3", cpuid
	test	eax, eax
	CHECK	nz, "CPUID at CPL 3 answers"
	ret

test_hidden:
	USER_UD	"VMXON", vmxon [SCRATCH]
	USER_UD	"VMXOFF", vmxoff
	USER_UD	"VMLAUNCH", vmlaunch
	USER_UD	"VMRESUME", vmresume
	USER_UD	"VMCLEAR", vmclear [SCRATCH]
	USER_UD	"VMPTRLD", vmptrld [SCRATCH]
	USER_UD	"VMPTRST", vmptrst [SCRATCH]
	USER_UD	"VMREAD", vmread rax, rbx
	USER_UD	"VMWRITE", vmwrite rax, rbx
	USER_UD	"INVEPT", invept rax, [SCRATCH]
	USER_UD	"INVVPID", invvpid rax, [SCRATCH]
	xor	eax, eax
	xor	eax, eax
	cpuid
	mov	ecx, 13
	cmp	ebx, 'Auth'
	jne	.intel
	mov	[svm_vector], ecx
.intel:	mov	eax, SCRATCH
	USER_SVM "VMRUN", db 0x0f, 0x01, 0xd8
	USER_SVM "VMLOAD", db 0x0f, 0x01, 0xda
	USER_SVM "VMSAVE", db 0x0f, 0x01, 0xdb
	USER_SVM "STGI", db 0x0f, 0x01, 0xdc
	USER_SVM "CLGI", db 0x0f, 0x01, 0xdd
	USER_SVM "INVLPGA", db 0x0f, 0x01, 0xdf
	JUMP_IF_TCG .no_skinit
	mov	eax, SCRATCH
	USER_SVM "SKINIT", db 0x0f, 0x01, 0xde
	jmp	.skinit_done
.no_skinit:
	USER_UD	"SKINIT, which TCG does not have,", db 0x0f, 0x01, 0xde
.skinit_done:
	xor	eax, eax
	USER_UD	"VMFUNC", db 0x0f, 0x01, 0xd4
	USER_UD	"GETSEC", db 0x0f, 0x37
	USER_UD	"RSM", rsm
	mov	eax, SCRATCH
	xor	ecx, ecx
	xor	edx, edx
	USER_UD	"MONITOR", monitor
	xor	eax, eax
	USER_UD	"MWAIT", mwait
	USER_UD	"ENCLS", db 0x0f, 0x01, 0xcf
	ret

test_privileged:
	USER_GP	"HLT", hlt
	USER_GP	"INVD", invd
	USER_GP	"WBINVD", wbinvd
	USER_GP	"CLTS", clts
	xor	eax, eax
	USER_GP	"LMSW", lmsw ax
	USER_GP	"INVLPG", invlpg [SCRATCH]
	USER_GP	"MOV from CR0", mov rax, cr0
	USER_GP	"MOV to CR0", mov cr0, rax
	USER_GP	"MOV to CR3", mov cr3, rax
	USER_GP	"MOV to CR4", mov cr4, rax
	USER_GP	"MOV from CR8", mov rax, cr8
	USER_GP	"MOV to CR8", mov cr8, rax
	USER_GP	"MOV to DR7", mov dr7, rax
	USER_GP	"LGDT", lgdt [user_gdtr]
	USER_GP	"LIDT", lidt [idtr]
	USER_GP	"LTR", ltr ax
	mov	ecx, IA32_APIC_BASE
	USER_GP	"RDMSR", rdmsr
	USER_GP	"WRMSR", wrmsr
	mov	ecx, 0x480
	USER_GP	"RDMSR of IA32_VMX_BASIC", rdmsr
	xor	ecx, ecx
	USER_GP	"RDPMC", rdpmc
	mov	ecx, 0x40000000
	USER_GP	"RDPMC of a fixed counter", rdpmc

	mov	rbx, cr4
	mov	rax, rbx
	bts	rax, 2				; TSD
	mov	cr4, rax
	USER_GP	"RDTSC with CR4.TSD", rdtsc
	mov	cr4, rbx
	EXPECT_USER -1, "RDTSC without CR4.TSD at CPL 3", rdtsc

	mov	eax, 1
	cpuid
	bt	ecx, 26
	jnc	.no_xsave
	mov	rax, cr4
	bts	rax, 18				; OSXSAVE
	mov	cr4, rax
	xor	ecx, ecx
	xgetbv
	mov	ebx, eax
	mov	eax, 3				; valid, and not what it is
	xor	edx, edx
	USER_GP	"XSETBV", xsetbv
	xgetbv					; its own EAX, EDX
	cmp	eax, ebx
	CHECK	e, "XSETBV at CPL 3 leaves XCR0"
.no_xsave:
	ret

test_io:
	mov	dx, 0x80
	USER_GP	"IN", in al, dx
	USER_GP	"OUT", out dx, al
	mov	esi, SCRATCH
	mov	edi, SCRATCH
	USER_GP	"INSB", insb
	USER_GP	"OUTSB", outsb
	mov	ecx, 2
	USER_GP	"REP OUTSB", rep outsb
	USER_GP	"CLI", cli
	USER_GP	"STI", sti
	ret

; USER_FAULT "text", address, error code, insn: @insn at CPL 3 raises #PF
%macro USER_FAULT 4+
	EXPECT_USER 14, %strcat(%1, " at CPL 3"), %4
	PAGE_FAULT %1, %2, %3
%endmacro

test_io_pages:
	mov	edi, PDPT
	mov	ecx, 0x5000 / 8
	xor	eax, eax
	rep	stosq
	mov	rbx, cr3
	mov	qword [rbx + 8], PDPT + 7
	mov	qword [PDPT], PAGE_DIRECTORY + 7
	mov	qword [PAGE_DIRECTORY], PAGE_TABLE + 7
	mov	qword [PAGE_TABLE], FRAME + 7		; the user's
	mov	qword [PAGE_TABLE + 8], FRAME + 0x1003	; the kernel's
	mov	qword [PAGE_TABLE + 16], FRAME + 0x1005	; read-only
	mov	cr3, rbx
	mov	qword [user_flags], 0x3002		; IOPL 3

	mov	edx, 0x80
	mov	rdi, VIRT
	mov	rsi, VIRT
	EXPECT_USER -1, "INSB with IOPL 3 at CPL 3", insb
	cmp	byte [FRAME], 0xff
	CHECK	e, "INSB with IOPL 3 stores the byte"
	EXPECT_USER -1, "OUTSB with IOPL 3 at CPL 3", outsb
	mov	rdi, VIRT + 0x1000
	USER_FAULT "INSD into a kernel's page", VIRT + 0x1000, 7, insd
	cmp	dword [FRAME + 0x1000], 0
	CHECK	e, "INSD into a kernel's page stores nothing"
	mov	rsi, VIRT + 0x1000
	USER_FAULT "OUTSB from a kernel's page", VIRT + 0x1000, 5, outsb
	mov	rdi, VIRT + 0xfc0
	mov	ecx, 0x80
	USER_FAULT "REP INSB into a kernel's page", VIRT + 0x1000, 7, rep insb
	cmp	ecx, 0x40
	CHECK	e, "REP INSB into a kernel's page: RCX"
	mov	rsi, VIRT + 0xffe
	USER_FAULT "OUTSD half from a kernel's page", VIRT + 0x1000, 5, outsd
	mov	rdi, VIRT + 0x3000
	USER_FAULT "INSB into a page that is missing", VIRT + 0x3000, 6, insb

	mov	rax, cr0
	btr	rax, 16			; WP: the kernel's business only
	mov	cr0, rax
	mov	rdi, VIRT + 0x2000
	USER_FAULT "INSB into a read-only page", VIRT + 0x2000, 7, insb
	mov	rsi, VIRT + 0x2000
	EXPECT_USER -1, "OUTSB from a read-only page at CPL 3", outsb

	and	qword [rbx + 8], ~4
	mov	cr3, rbx
	mov	rsi, VIRT
	USER_FAULT "OUTSB under a kernel's entry", VIRT, 5, outsb
	mov	rdi, 1 << 47
	EXPECT_USER 13, "INSB to a non-canonical address at CPL 3", insb
	mov	qword [user_flags], 2
	ret

%define TSS_LOW (0x67 | (TSS & 0xffffff) << 16 | 0x89 << 40 | (TSS >> 24) << 56)

section .data
	align	8
user_gdtr:	dw 0x3f
		dq user_gdt
user_gdt:	dq 0, 0
		dq 0x00af9b000000ffff	; 10h: 64-bit code
		dq 0x00cf93000000ffff	; 18h: data
		dq 0x00affb000000ffff	; 20h: 64-bit code, CPL 3
		dq 0x00cff3000000ffff	; 28h: data, CPL 3
		dq TSS_LOW, 0		; 30h: TSS
svm_vector:	dd 6
user_rip:	dq 0
user_flags:	dq 2
kernel_rsp:	dq 0

%include "guest_end.inc"
