# guest.mk - what runs inside a partition: kernel, initramfs, container root.
#
# Included by the top Makefile, or used alone: make -f guest/guest.mk guest
# Needs: gcc libc6-dev libjansson-dev libseccomp-dev libcap-dev busybox-static
#	 erofs-utils kmod python3 apt dpkg

BUILD ?= build
GUEST := $(BUILD)/guest
GUEST_CC ?= gcc
GUEST_BUSYBOX ?= /bin/busybox

GUEST_CFLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Wconversion \
	-Wno-sign-conversion -Wshadow -Wvla -Wundef -Wmissing-prototypes \
	-Werror -Iinclude -iquote guest/agent
# one place for everything the agent needs: no file of the guest is trusted
GUEST_LDLIBS := -ljansson -lseccomp -lcap

GUEST_AGENT_SRC := $(sort $(wildcard guest/agent/*.c))
GUEST_AGENT_OBJ := $(GUEST_AGENT_SRC:guest/agent/%.c=$(GUEST)/agent.o/%.o)

# Parts without a kernel underneath, for unit tests and fuzzers on the host
GUEST_PURE_SRC := $(addprefix guest/agent/, caps.c config.c config_devices.c \
	config_linux.c config_mounts.c config_process.c config_resources.c \
	devices.c error.c filter.c line.c options.c out_ring.c rpc.c run_config.c log.c utf8.c util.c)
# test_agent_link.c is about the VMM's end of the wire
GUEST_TEST_SRC := $(filter-out tests/unit/test_agent_link.c, \
	$(sort $(wildcard tests/unit/test_agent_*.c)))
GUEST_TESTS := $(GUEST_TEST_SRC:tests/unit/%.c=$(GUEST)/tests/%)
# test_agent_link.c's fuzzer, too
GUEST_FUZZ_SRC := $(filter-out tests/fuzz/fuzz_agent_link.c, \
	$(sort $(wildcard tests/fuzz/fuzz_agent_*.c)))
GUEST_FUZZ_BIN := $(GUEST_FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/bin/%)
GUEST_FUZZ_OBJ := $(patsubst guest/agent/%.c,$(BUILD)/fuzz/agent/%.o, \
	$(filter-out guest/agent/log.c,$(GUEST_PURE_SRC)))
GUEST_SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

.PHONY: guest guest-agent guest-unit guest-e2e
guest: $(GUEST)/vmlinuz $(GUEST)/initrd.img $(GUEST)/rootfs.erofs
guests: $(GUEST)/smp.erofs
guest-agent: $(GUEST)/agent

$(GUEST)/agent.o/%.o: guest/agent/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(GUEST)/agent: $(GUEST_AGENT_OBJ)
	$(GUEST_CC) -static -o $@.full $^ $(GUEST_LDLIBS)
	strip -o $@ $@.full

$(GUEST)/kernel/.stamp: guest/image/fetch-kernel.sh
	@mkdir -p $(@D)
	sh $< $(@D)
	@touch $@

$(GUEST)/vmlinuz: $(GUEST)/kernel/.stamp
	cp $(GUEST)/kernel/boot/vmlinuz-* $@

# Other kernels, for tests/e2e/test_kernels.py: what PVH, multiboot and old
# habits need. The packages are unpacked, never installed.
KERNEL_PACKAGES := memtest86+ xen-hypervisor-4.17-amd64
.PHONY: kernels
kernels: $(GUEST)/memtest.bin $(GUEST)/xen.elf $(GUEST)/vmlinux

$(KERNEL_PACKAGES:%=$(GUEST)/%/.stamp): $(GUEST)/%/.stamp: \
		guest/image/fetch-package.sh
	@mkdir -p $(@D)
	sh $< $(@D) $*
	@touch $@

$(GUEST)/memtest.bin: $(GUEST)/memtest86+/.stamp
	cp $(GUEST)/memtest86+/boot/memtest86+x64.bin $@
# a multiboot loader unpacks, as GRUB does
$(GUEST)/xen.elf: $(GUEST)/xen-hypervisor-4.17-amd64/.stamp
	gzip -dc $(GUEST)/xen-hypervisor-4.17-amd64/boot/xen-4.17-amd64.gz > $@
$(GUEST)/vmlinux: $(GUEST)/vmlinuz guest/image/unpack-vmlinux.py
	python3 guest/image/unpack-vmlinux.py $< $@

$(GUEST)/initrd.img: $(GUEST)/agent $(GUEST)/kernel/.stamp \
		guest/image/mkinitrd.py guest/image/newc.py \
		guest/image/modules.list guest/image/default-config.json
	python3 guest/image/mkinitrd.py $@ --agent $(GUEST)/agent \
		--kernel $(GUEST)/kernel --modules guest/image/modules.list \
		--busybox $(GUEST_BUSYBOX) \
		--config guest/image/default-config.json

$(GUEST)/rootfs.erofs: guest/image/mkrootfs.sh
	@mkdir -p $(@D)
	sh $< $@ $(GUEST_BUSYBOX) $(GUEST)/rootfs

# The same with a program for tests/e2e/test_smp.py
$(GUEST)/smp_work: tests/e2e/smp_work.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -D_GNU_SOURCE -static -pthread -o $@ $<
	strip $@

$(GUEST)/smp.erofs: guest/image/mkrootfs.sh $(GUEST)/smp_work
	sh $< $@ $(GUEST_BUSYBOX) $(GUEST)/smp_rootfs $(GUEST)/smp_work

$(GUEST)/tests/test_agent_%: tests/unit/test_agent_%.c $(GUEST_PURE_SRC)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_SANITIZE) -I. -o $@ $^ -lcmocka \
		$(GUEST_LDLIBS)

# The fuzzers bring their own connection and log: tests/fuzz/agent_fuzz.h
$(BUILD)/fuzz/agent/%.o: guest/agent/%.c
	@mkdir -p $(@D)
	clang $(GUEST_CFLAGS) $(GUEST_SANITIZE) -fsanitize=fuzzer-no-link \
		-MMD -MP -c $< -o $@
$(GUEST_FUZZ_BIN): $(BUILD)/fuzz/bin/%: tests/fuzz/%.c \
		tests/fuzz/agent_fuzz.h $(GUEST_FUZZ_OBJ)
	@mkdir -p $(@D)
	clang $(GUEST_CFLAGS) $(GUEST_SANITIZE) -fsanitize=fuzzer -I. -o $@ \
		$< $(GUEST_FUZZ_OBJ) $(GUEST_LDLIBS)

guest-unit: $(GUEST_TESTS)
	@set -e; for t in $^; do echo "$$t"; ./$$t; done

guest-e2e: guest
	/usr/bin/python3 -m pytest -q -p no:cacheprovider \
		tests/e2e/test_agent_qemu.py tests/e2e/test_agent_isolation_qemu.py

-include $(GUEST_AGENT_OBJ:.o=.d) $(GUEST_FUZZ_OBJ:.o=.d)
