# Bulkhead: two commands for everybody,
#	make run	install what is missing, build, boot, and stay at the prompt
#	make test	install what is missing and run every test
# and for those who work on it: make, make check, make unit, make bench, make help.

BUILD   := build
GEN     := $(BUILD)/gen
CC      := gcc
NASM    := nasm
PYTHON  := /usr/bin/python3
VERSION := 0.1

# V=1 shows the commands; else one short line a step.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

WARN := -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wvla -Wundef \
	-Wmissing-prototypes -Wstrict-prototypes -Werror
INC  := -Iinclude -I. -Ivmm

# ---- the VMM: freestanding, general registers only, linked at -2 GiB ----
VMM_CFLAGS := -std=gnu17 -O2 -g -ffreestanding -fno-pic -mno-red-zone \
	-mgeneral-regs-only -mcmodel=kernel -fno-stack-protector \
	-fno-asynchronous-unwind-tables -ffunction-sections -fcf-protection=none \
	-fno-strict-aliasing -fno-omit-frame-pointer -momit-leaf-frame-pointer \
	-DBULKHEAD_VERSION='"$(VERSION)"' $(WARN) $(INC)
PURE_DIRS := vmm vmm/lib drivers/virt mm
VMM_SRC := $(foreach d,vmm vmm/lib mm drivers/virt drivers/phys arch/x86_64 \
	arch/x86_64/vmx tests/selftest,$(wildcard $(d)/*.c))
VMM_ASM := $(wildcard arch/x86_64/*.asm arch/x86_64/vmx/*.asm)
VMM_GEN := $(GEN)/dsdt_aml.c $(GEN)/font8x16.c
VMM_OBJ := $(VMM_SRC:%.c=$(BUILD)/vmm/%.o) $(VMM_ASM:%.asm=$(BUILD)/vmm/%.asm.o) \
	$(VMM_GEN:$(GEN)/%.c=$(BUILD)/vmm/gen/%.o)
VMM_ELF := $(BUILD)/bulkhead.elf

$(BUILD)/vmm/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(VMM_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/vmm/gen/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(VMM_CFLAGS) -Idrivers/phys -MMD -MP -c $< -o $@
$(BUILD)/vmm/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -f elf64 -g -F dwarf -o $@ $<
$(VMM_ELF): $(VMM_OBJ) linker.ld
	$(call say,LD,$@)
	$(Q)$(CC) -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,max-page-size=4096 \
		-Wl,--build-id=none -T linker.ld -o $@ $(VMM_OBJ)

$(GEN)/dsdt.aml: vmm/dsdt.asl
	@mkdir -p $(@D)
	$(call say,IASL,$<)
	$(Q)iasl -vs -p $(GEN)/dsdt $< > $(GEN)/iasl.log || { cat $(GEN)/iasl.log; exit 1; }
$(GEN)/dsdt_aml.c: $(GEN)/dsdt.aml tools/gen/aml2c.py
	$(Q)$(PYTHON) tools/gen/aml2c.py $< $@ dsdt_aml
PSF_FONT := $(firstword $(wildcard /usr/share/consolefonts/Uni2-VGA16.psf* /usr/share/consolefonts/*16.psf* /usr/share/consolefonts/*nifont*.psf*))
$(GEN)/font8x16.c: tools/gen/psf2c.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/gen/psf2c.py $(PSF_FONT) $@

-include $(VMM_OBJ:.o=.d)

# ---- boot image ----
include boot/boot.mk
include guest/guest.mk

ESP_DIR := $(BUILD)/esp
IMAGE   := $(BUILD)/bulkhead.img

all: $(VMM_ELF) $(BOOT_EFI)
