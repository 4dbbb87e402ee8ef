; multiboot - a flat file that says by its multiboot header where it belongs.

%define GUEST_NAME "multiboot"
bits 32
	org	0x200000

start:	times 0x40 nop			; the header need not come first
	align	4
header:	dd	0x1badb002		; magic
	dd	0x00010003		; aligned modules, memory, addresses
	dd	-(0x1badb002 + 0x00010003)
	dd	header
	dd	start
	dd	data_end
	dd	bss_end
	dd	entry

entry:
%include "multiboot_body.inc"

	align	16, db 0
data_end:
bss	equ data_end
bss_end	equ data_end + 0x10000
kernel_end equ bss_end
