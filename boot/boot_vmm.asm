; boot_vmm.asm - the VMM's ELF file, carried inside BOOTX64.EFI.
; The path comes from boot.mk as the quoted macro VMM_ELF.

section .rodata align=4096
global boot_vmm_start
global boot_vmm_end
boot_vmm_start:
	incbin VMM_ELF
boot_vmm_end:

section .note.GNU-stack noalloc noexec nowrite progbits
