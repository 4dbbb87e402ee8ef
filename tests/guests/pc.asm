; pc - what platform pc adds, as a kernel for a PC uses it: MTRRs, AMD's counters,
; the clock chip, and IRQ 0 of the PIT by pin 0 of the I/O APIC, at last as fast
; as it goes.

%define GUEST_NAME "pc"
%include "guest.inc"

%define PIT_GSI		0
%define PIT_VECTOR	0x91
%define PIT		0x40
%define PIT_CONTROL	0x43
%define PORT_B		0x61
%define GATE_2		0x01
%define OUT_2		0x20
%define MODE_ONCE	0x30		; counter 0, two bytes, mode 0
%define MODE_RATE	0x34		; the same, mode 2
%define MODE_2_ONCE	0xb0		; counter 2, mode 0
%define TICKS_10MS	11932
%define RTC		0x70
%define RTC_SECONDS	0x00
%define RTC_B		0x0b
%define RTC_D		0x0d
%define RTC_CENTURY	0x32
%define MTRRCAP		0x0fe
%define MTRR_PHYSBASE0	0x200
%define MTRR_PHYSMASK0	0x201
%define MTRR_DEF_TYPE	0x2ff
%define K7_EVNTSEL0	0xc0010000
%define K7_PERFCTR3	0xc0010007
%define STORM		100		; interrupts
%define COUNT		dword [IRQ_COUNT_AT + PIT_VECTOR * 4]

; OUTB port, value: clobbers EAX, EDX.
%macro OUTB 2
	mov	edx, %1
	mov	al, %2
	out	dx, al
%endmacro

; RTC_READ register: AL; clobbers EDX.
%macro RTC_READ 1
	OUTB	RTC, %1
	mov	edx, RTC + 1
	in	al, dx
%endmacro

; LOAD control word, counter, ticks: clobbers EAX, EDX.
%macro LOAD 3
	OUTB	PIT_CONTROL, %1
	OUTB	PIT + %2, (%3) & 0xff
	OUTB	PIT + %2, (%3) >> 8
%endmacro

main:
	call	apic_on
	call	mtrrs
	call	counters
	call	clock
	IOAPIC_WRITE 0x10 + 2 * PIT_GSI + 1, 0	; to local APIC 0
	IOAPIC_WRITE 0x10 + 2 * PIT_GSI, PIT_VECTOR ; edge, not masked
	call	timer
	ret

mtrrs:
	mov	eax, 1
	cpuid
	bt	edx, 12
	CHECK	c, "CPUID shows MTRRs"
	mov	ecx, MTRRCAP
	rdmsr
	cmp	eax, 0x508
	CHECK	e, "eight variable ranges, fixed ones, write-combining"
	mov	ecx, MTRR_DEF_TYPE
	rdmsr
	cmp	eax, 0xc06
	CHECK	e, "a firmware left all memory write-back"
	WRMSR_IMM MTRR_PHYSBASE0, 0x80000000
	WRMSR_IMM MTRR_PHYSMASK0, 0xf80000800
	WRMSR_IMM MTRR_DEF_TYPE, 0
	mov	ecx, MTRR_PHYSMASK0
	rdmsr
	cmp	eax, 0x80000800
	CHECK	e, "a range remembers its mask"
	mov	ecx, MTRR_DEF_TYPE
	rdmsr
	test	eax, eax
	CHECK	z, "MTRRs can be switched off"
	WRMSR_IMM MTRR_DEF_TYPE, 0xc06
	mov	ecx, MTRR_PHYSBASE0
	mov	eax, 2
	xor	edx, edx
	EXPECT_GP "a memory type that does not exist", wrmsr
	mov	ecx, MTRRCAP
	EXPECT_GP "a write of IA32_MTRRCAP", wrmsr
	mov	ecx, 0x210
	EXPECT_GP "a ninth range", rdmsr
	ret

counters:
	mov	ecx, K7_PERFCTR3
	rdmsr
	or	eax, edx
	CHECK	z, "AMD's last counter is 0"
	mov	ecx, K7_EVNTSEL0
	xor	eax, eax
	xor	edx, edx
	EXPECT_OK "AMD's first counter is switched off", wrmsr
	inc	eax
	EXPECT_GP "AMD's first counter is switched on", wrmsr
	ret

clock:
	RTC_READ RTC_D
	cmp	al, 0x80
	CHECK	e, "the clock's time is valid"
	RTC_READ RTC_CENTURY
	cmp	al, 0x20
	CHECK	e, "it is the twenty-first century"
	OUTB	RTC, RTC_SECONDS
	OUTB	RTC + 1, 0x99
	RTC_READ RTC_SECONDS
	cmp	al, 0x59
	CHECK	be, "the seconds cannot be set"
	OUTB	RTC, RTC_B
	OUTB	RTC + 1, 0x72
	RTC_READ RTC_B
	cmp	al, 0x02
	CHECK	e, "the clock makes no interrupts"
	ret

; by_ten_ms - wait by counter 2. Clobbers RAX, RDX.
by_ten_ms:
	OUTB	PORT_B, 0
	LOAD	MODE_2_ONCE, 2, TICKS_10MS
	OUTB	PORT_B, GATE_2
.wait:	in	al, dx
	test	al, OUT_2
	jz	.wait
	ret

; await - until COUNT is EBX or more, halted.
await:
	cli
	cmp	COUNT, ebx
	jae	.done
	sti
	hlt
	jmp	await
.done:	ret

timer:
	LOAD	MODE_RATE, 0, TICKS_10MS
	mov	ebx, 5
	call	await
	cmp	COUNT, 5
	CHECK	ae, "IRQ 0 comes again and again"
	OUTB	PIT_CONTROL, MODE_RATE		; stops it
	sti
	call	by_ten_ms			; what was on its way has come
	mov	ebx, COUNT
	call	by_ten_ms
	call	by_ten_ms
	cmp	COUNT, ebx
	CHECK	e, "a control word stops it"
	inc	ebx
	LOAD	MODE_ONCE, 0, TICKS_10MS / 2
	call	await
	sti
	call	by_ten_ms
	call	by_ten_ms
	cmp	COUNT, ebx
	CHECK	e, "in mode 0 it comes once"
	LOAD	MODE_RATE, 0, 2			; 600,000 a second
	add	ebx, STORM
	call	await
	cmp	COUNT, ebx
	CHECK	ae, "a PIT at full speed"
	IOAPIC_WRITE 0x10 + 2 * PIT_GSI, 1 << 16 | PIT_VECTOR
	sti
	call	by_ten_ms
	mov	ebx, COUNT
	call	by_ten_ms
	cmp	COUNT, ebx
	CHECK	e, "its pin can be masked"
	cli
	ret

%include "guest_end.inc"
