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
INC  := -Iinclude -I. -iquote vmm

# ---- the VMM: freestanding, general registers only, linked at -2 GiB ----
VMM_CFLAGS := -std=gnu17 -O2 -g -ffreestanding -fno-pic -mno-red-zone \
	-mgeneral-regs-only -mpreferred-stack-boundary=3 -mcmodel=kernel -fno-stack-protector \
	-fno-asynchronous-unwind-tables -ffunction-sections -fcf-protection=none \
	-fno-strict-aliasing \
	-DBULKHEAD_VERSION='"$(VERSION)"' $(WARN) $(INC)
VMM_SRC := $(foreach d,vmm vmm/lib mm drivers/virt drivers/phys arch/x86_64 \
	arch/x86_64/vmx arch/x86_64/svm tests/selftest,$(wildcard $(d)/*.c))
VMM_ASM := $(wildcard $(addprefix arch/x86_64/,*.asm vmx/*.asm svm/*.asm))
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
	$(Q)$(NASM) -f elf64 -g -F dwarf -Iarch/x86_64/ -MD $(@:.o=.d) -o $@ $<
$(VMM_ELF): $(VMM_OBJ) linker.ld
	$(call say,LD,$@)
	$(Q)$(CC) -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
		-Wl,--build-id=none -T linker.ld -o $@ $(VMM_OBJ)

$(GEN)/dsdt.aml: vmm/dsdt.asl
	@mkdir -p $(@D)
	$(call say,IASL,$<)
	$(Q)iasl -vs -p $(GEN)/dsdt $< > $(GEN)/iasl.log || { cat $(GEN)/iasl.log; exit 1; }
$(GEN)/dsdt_aml.c: $(GEN)/dsdt.aml tools/gen/aml2c.py
	$(Q)$(PYTHON) tools/gen/aml2c.py $< $@ dsdt_aml
PSF_FONT := /usr/share/consolefonts/Unifont-APL8x16.psf.gz
$(GEN)/font8x16.c: tools/gen/psf2c.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/gen/psf2c.py $(PSF_FONT) $@

-include $(VMM_OBJ:.o=.d)

# ---- everything that is not the VMM ----
include boot/boot.mk guest/guest.mk tools/bhk/bhk.mk tests/guests/guests.mk \
	tools/bochs-count/bochs-count.mk tests/bench/bench.mk tests/sched/sched.mk

# ---- the boot image: what \bulkhead\ holds, and the ESP around it ----
ESP   := $(BUILD)/esp
IMAGE := $(BUILD)/bulkhead.img
ESP_FILES := $(ESP)/boot.cfg $(ESP)/vmlinuz $(ESP)/initrd.img \
	$(ESP)/rootfs.erofs $(patsubst guest/partitions/%,$(ESP)/partitions/%, \
	$(wildcard guest/partitions/*.json))

$(ESP)/boot.cfg: boot/boot.cfg
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(ESP)/partitions/%.json: guest/partitions/%.json
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(ESP)/%: $(GUEST)/%
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(IMAGE): $(BOOT_EFI) $(ESP_FILES) tools/image/mkesp
	$(call say,IMAGE,$@)
	$(Q)$(PYTHON) tools/image/mkesp --efi $(BOOT_EFI) --tree $(ESP) --out $@

all: $(IMAGE) $(BHK) $(BUILD)/tools/libbochs_count.so

# ---- unit tests: every pure file, hosted, under ASan and UBSan ----
IMPURE := vmm/lib/libc.c $(addprefix vmm/,exits.c files.c guest_cpu.c guest_pv.c \
	cpu_loop.c main.c management.c mmio.c partition.c partition_agent.c \
	partition_cpu.c partition_devices.c partition_enter.c \
	partition_load.c partition_memory.c partition_ops.c platform.c \
	recorder.c selftest.c smp.c)
PURE_SRC := $(filter-out $(IMPURE),$(foreach d,vmm vmm/lib drivers/virt \
	drivers/phys tests/lib tests/fake_arch,$(wildcard $(d)/*.c))) $(addprefix mm/,gmem.c pmm.c pt.c) \
	$(BOOT_PURE_SRCS) $(addprefix arch/x86_64/,entry_state.c \
	feature_notes.c mitigate.c \
	$(addprefix vmx/,vmcs.c vmx_caps.c entry_check.c) \
	$(addprefix svm/,svm_caps.c svm_insn.c svm_check.c svm_exit.c))
HOST_WARN := $(WARN) -Wno-missing-prototypes -Wno-conversion
HOST_CFLAGS := -std=gnu17 -O1 -g -D_GNU_SOURCE -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(HOST_WARN) \
	$(INC) -Idrivers/phys -Itests/lib -Itests/fake_arch -Iboot \
	-DBULKHEAD_VERSION='"$(VERSION)"'
PURE_LIB := $(BUILD)/unit/libpure.a
PURE_OBJ := $(PURE_SRC:%.c=$(BUILD)/unit/%.o) $(BUILD)/unit/gen/font8x16.o \
	$(BUILD)/unit/gen/dsdt_aml.o
UNIT_SRC := $(filter-out $(GUEST_TEST_SRC),$(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/bin/%)

$(BUILD)/unit/%.o: %.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/unit/gen/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(PURE_LIB): $(PURE_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/unit/bin/%: $(BUILD)/unit/tests/unit/%.o $(PURE_LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $< $(PURE_LIB) -lcmocka
unit-build: $(UNIT_BIN) $(GUEST_TESTS) $(GUEST)/vmlinuz
.PRECIOUS: $(BUILD)/unit/%.o
-include $(PURE_OBJ:.o=.d) $(UNIT_SRC:%.c=$(BUILD)/unit/%.d)

# ---- fuzzers: libFuzzer on every parser and device model ----
FUZZ_SRC := $(filter-out $(GUEST_FUZZ_SRC),$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/bin/%)
FUZZ_OBJ := $(PURE_SRC:%.c=$(BUILD)/fuzz/%.o) $(BUILD)/fuzz/gen/font8x16.o \
	$(BUILD)/fuzz/gen/dsdt_aml.o

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)
	$(Q)clang $(HOST_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(BUILD)/fuzz/gen/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(Q)clang $(HOST_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(BUILD)/fuzz/libpure.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/fuzz/bin/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(BUILD)/fuzz/libpure.a
	@mkdir -p $(@D)
	$(Q)clang $(HOST_CFLAGS) -fsanitize=fuzzer -o $@ $< $(BUILD)/fuzz/libpure.a
fuzz-build: $(FUZZ_BIN) $(GUEST_FUZZ_BIN)
-include $(FUZZ_OBJ:.o=.d)
.PRECIOUS: $(BUILD)/fuzz/%.o

# ---- commands ----
setup:
	@sh tools/setup.sh

# The sub-make sees the packages that setup has just installed.
run: setup
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tools/emu/emu.py run --on $(or $(ON),auto) --image $(IMAGE) \
		--reboots --memory 512 --com1 stdio --com2-socket $(BUILD)/run/bulkhead.sock \
		--workdir $(BUILD)/run $(RUN_ARGS)

# Two partitions side by side, told scene by scene; the fast machine, or ON=NAME.
demo-partitions: setup
	@$(MAKE) --no-print-directory all guests
	@$(PYTHON) tools/demo/partitions.py --on $(or $(ON),qemu) $(DEMO_ARGS)

# The machines there are: names for ON=, what each is, what is missing for it.
machines:
	@$(PYTHON) tools/emu/emu.py machines

# Two workers with an emulator each. A test or folder named in TEST_ARGS is run
# alone; ON=NAME takes the tests of one machine.
JOBS := 2
test: setup
	@$(MAKE) --no-print-directory -j2 all unit-build fuzz-build guests kernels bench-tools
	@$(PYTHON) -m pytest -q -p no:cacheprovider -n $(JOBS) --dist loadgroup \
		$(if $(ON),--on $(ON)) $(TEST_ARGS) \
		$(if $(filter tests/% tools/%,$(TEST_ARGS)),,tests tools/emu)

unit: unit-build
	@$(PYTHON) -m pytest -q -p no:cacheprovider tests/unit $(TEST_ARGS)

check: setup
	@sh tools/check/check.sh

clean:
	rm -rf $(BUILD)

help:
	@sed -n '1,4p' Makefile | sed 's/^# \?//'
	@echo '  make            build everything: $(IMAGE), bhk, the bench counter'
	@echo '  make run        ... and boot it (ON=NAME picks the machine: ON=qemu)'
	@echo '  make demo-partitions  two partitions, limited, moved, crashed (ON=NAME)'
	@echo '  make machines   the machines and their names'
	@echo '  make test       every test there is (ON=NAME, TEST_ARGS="-k NAME"'
	@echo '                  or TEST_ARGS=tests/FILE pick some; JOBS=1: in turn)'
	@echo '  make unit       only the hosted unit tests (a minute)'
	@echo '  make check      format, tidy, layers, headers alone, gcc and clang'
	@echo '  make bench      instructions and exits in Bochs, beside the peers'
	@echo '  make sched-plots  the scheduler simulated: pictures in build/sched'
	@echo '  make clean      remove $(BUILD)/'
	@echo '  V=1             show the commands'

.PHONY: all setup run demo-partitions machines test unit unit-build fuzz-build check clean help
