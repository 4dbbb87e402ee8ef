# guests.mk - the bare guests: tests/guests/NAME.asm -> build/guests/NAME.bin,
# files that boot like Linux, and tests/guests/kernels/NAME.asm, which boot
# otherwise. `make guests` builds all and checks the headers.

GUEST_SRC := $(wildcard tests/guests/*.asm)
GUEST_INC := $(wildcard tests/guests/*.inc)
GUEST_BIN := $(GUEST_SRC:tests/guests/%.asm=build/guests/%.bin)
KERNEL_SRC := $(wildcard tests/guests/kernels/*.asm)
KERNEL_INC := $(wildcard tests/guests/kernels/*.inc)
KERNEL_BIN := $(KERNEL_SRC:tests/guests/%.asm=build/guests/%.bin)

build/guests/%.bin: tests/guests/%.asm $(GUEST_INC)
	@mkdir -p $(@D)
	nasm -w+all -w+error -f bin -Itests/guests/ -o $@ $<
build/guests/kernels/%.bin: tests/guests/kernels/%.asm $(KERNEL_INC)
	@mkdir -p $(@D)
	nasm -w+all -w+error -f bin -Itests/guests/kernels/ -o $@ $<

.PHONY: guests guests-check
guests: $(GUEST_BIN) $(KERNEL_BIN) guests-check
guests-check: $(GUEST_BIN)
	/usr/bin/python3 tests/guests/check_headers.py $(GUEST_BIN)
