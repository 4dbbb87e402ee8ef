# SPDX-License-Identifier: MIT
# What `make bench` needs beside the VMM's own boot image.
# Debian packages: bochs bochsbios vgabios bochs-term ovmf gnu-efi nasm mtools
NATIVE_EFI := build/bench/NATIVE.EFI
SELFCHECK := tests/bench/selfcheck
SELFCHECK_IMG := $(addprefix build/bench/selfcheck-,vmx.img svm.img)
NATIVE_CFLAGS := -std=gnu17 -O2 -ffreestanding -fpic -fshort-wchar \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fno-strict-aliasing -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes \
	-Werror -DGNU_EFI_USE_MS_ABI -Iinclude -isystem /usr/include/efi \
	-isystem /usr/include/efi/x86_64

build/bench/native_loader.o: tests/bench/native/native_loader.c
	@mkdir -p $(@D)
	gcc $(NATIVE_CFLAGS) -c $< -o $@

build/bench/native_loader.so: build/bench/native_loader.o
	ld -nostdlib -znocombreloc -shared -Bsymbolic -z noexecstack \
		-T /usr/lib/elf_x86_64_efi.lds /usr/lib/crt0-efi-x86_64.o $< \
		-L/usr/lib -lgnuefi -lefi -o $@
	@! nm -u $@ | grep . || { echo "$@: undefined symbols"; rm $@; false; }

$(NATIVE_EFI): build/bench/native_loader.so
	objcopy -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j .rel \
		-j .rela -j .rel.* -j .rela.* -j .reloc \
		--target efi-app-x86_64 --subsystem=10 $< $@

build/bench/selfcheck-%.img: $(SELFCHECK)/%.asm $(wildcard $(SELFCHECK)/*.inc)
	@mkdir -p $(@D)
	nasm -w+all -w+error -f bin -I$(SELFCHECK)/ -o $@ $<
	truncate -s 1474560 $@

.PHONY: bench-tools
bench-tools: $(NATIVE_EFI) $(SELFCHECK_IMG) build/tools/libbochs_count.so

# The table of what must be reached. BENCH_ARGS: see tests/bench/bench.py -h.
.PHONY: bench
bench: setup
	@$(MAKE) --no-print-directory -j2 all guests bench-tools
	@/usr/bin/python3 tests/bench/bench.py $(BENCH_ARGS)
