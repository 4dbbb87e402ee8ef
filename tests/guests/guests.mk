# guests.mk - the bare guests: tests/guests/NAME.asm -> build/guests/NAME.bin,
# files that boot like Linux. `make guests` builds all and checks their headers.

GUEST_SRC := $(wildcard tests/guests/*.asm)
GUEST_INC := $(wildcard tests/guests/*.inc)
GUEST_BIN := $(GUEST_SRC:tests/guests/%.asm=build/guests/%.bin)

build/guests/%.bin: tests/guests/%.asm $(GUEST_INC)
	@mkdir -p $(@D)
	nasm -w+all -w+error -f bin -Itests/guests/ -o $@ $<

.PHONY: guests guests-check
guests: $(GUEST_BIN) guests-check
guests-check: $(GUEST_BIN)
	/usr/bin/python3 tests/guests/check_headers.py $(GUEST_BIN)
