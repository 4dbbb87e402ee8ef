# boot.mk - BOOTX64.EFI: the UEFI application that carries the VMM.
#
# In:  BUILD (default build), VMM_ELF (default $(BUILD)/vmm.elf), CC
# Out: $(BUILD)/BOOTX64.EFI; BOOT_PURE_SRCS (sources that also build hosted)
# Alone: make -f boot/boot.mk VMM_ELF=path/to/elf
# Debian packages: gnu-efi nasm gcc binutils

BUILD ?= build
VMM_ELF ?= $(BUILD)/vmm.elf
BOOT_NASM ?= nasm
BOOT_DIR := $(BUILD)/boot
BOOT_EFI := $(BUILD)/BOOTX64.EFI
BOOT_EFI_INCLUDE ?= /usr/include/efi
BOOT_EFI_LIB ?= /usr/lib

BOOT_PURE_SRCS := boot/boot_elf.c boot/boot_madt.c boot/boot_memmap.c \
	boot/boot_path.c boot/boot_tables.c
BOOT_SRCS := boot/main.c boot/boot_check.c boot/boot_con.c boot/boot_files.c \
	boot/boot_handover.c boot/boot_libc.c boot/boot_machine.c \
	boot/boot_mem.c boot/boot_pci.c $(BOOT_PURE_SRCS)
BOOT_OBJS := $(patsubst boot/%.c,$(BOOT_DIR)/%.o,$(BOOT_SRCS)) \
	$(BOOT_DIR)/boot_cpu.o $(BOOT_DIR)/boot_vmm.o

# EFI calls use Microsoft's convention: the compiler does it (MS_ABI).
# CHAR16 strings need a 16-bit wchar_t.
BOOT_CFLAGS := -std=gnu17 -O2 -ffreestanding -fpic -fshort-wchar -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wvla -Wundef \
	-Wmissing-prototypes -Werror -DGNU_EFI_USE_MS_ABI \
	-Iinclude -Iboot -I. -isystem $(BOOT_EFI_INCLUDE) \
	-isystem $(BOOT_EFI_INCLUDE)/x86_64 \
	$(if $(VERSION),-DBOOT_VERSION='L"$(VERSION)"')

.PHONY: boot
boot: $(BOOT_EFI)

$(BOOT_DIR):
	@mkdir -p $@

$(BOOT_DIR)/%.o: boot/%.c boot/boot.mk | $(BOOT_DIR)
	$(call say,CC,$<)
	$(Q)$(CC) $(BOOT_CFLAGS) -MMD -MP -c $< -o $@

$(BOOT_DIR)/boot_cpu.o: boot/boot_cpu.asm | $(BOOT_DIR)
	$(call say,NASM,$<)
	$(Q)$(BOOT_NASM) -f elf64 $< -o $@

$(BOOT_DIR)/vmm.stripped: $(VMM_ELF) | $(BOOT_DIR)
	$(Q)objcopy --strip-all $< $@

$(BOOT_DIR)/boot_vmm.o: boot/boot_vmm.asm $(BOOT_DIR)/vmm.stripped
	$(call say,NASM,$<)
	$(Q)$(BOOT_NASM) -f elf64 -DVMM_ELF='"$(BOOT_DIR)/vmm.stripped"' $< -o $@

$(BOOT_DIR)/boot.so: $(BOOT_OBJS)
	$(call say,LD,$@)
	$(Q)ld -nostdlib -znocombreloc -shared -Bsymbolic -z noexecstack \
		-T $(BOOT_EFI_LIB)/elf_x86_64_efi.lds \
		$(BOOT_EFI_LIB)/crt0-efi-x86_64.o $(BOOT_OBJS) \
		-L$(BOOT_EFI_LIB) -lefi -lgnuefi -o $@
	@! nm -u $@ | grep . || { echo "boot.so: undefined symbols"; rm $@; false; }

$(BOOT_EFI): $(BOOT_DIR)/boot.so
	$(call say,EFI,$@)
	$(Q)objcopy -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j .rel \
		-j .rela -j .rel.* -j .rela.* -j .reloc \
		--target efi-app-x86_64 --subsystem=10 $< $@

-include $(wildcard $(BOOT_DIR)/*.d)
