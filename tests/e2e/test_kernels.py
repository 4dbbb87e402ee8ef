"""Other people's kernels, by the boot protocols they know: docs/boot-protocols.md.

One boot has the small kernels of tests/guests/kernels, which check what they
were given, and some that have to be refused in words. Another has Debian's
memtest86+ in two partitions at once, Debian's Linux as an ELF file by PVH, and
Debian's Xen by multiboot. Needs `make kernels`.
"""
import re
import time

import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.RYZEN,
                                  bulkhead.Q35)

PROBES = {  # name -> further annotations
    "pvh": {}, "multiboot": {}, "multiboot_elf": {},
    "flat": {"boot": "flat", "exit-port": "0xf4"},
}
MEMTEST = ("m1", "m2")
MEMTEST_ARGS = "nosmp nosm nobench nopause console=ttyS0,115200".split()
# What follows the -- goes to its Dom0. In QEMU 7.2's TCG an IRET of CPL 3, which
# Dom0's kernel has there, reads its stack as CPL 0 would: no SMAP.
XEN_ARGS = ("xen no-real-mode com1=115200,8n1,0x3f8,0 console=com1 loglvl=all "
            "noreboot smap=0 -- console=hvc0 earlyprintk=xen"
            ).split()
LINUX_S = 240
XEN_S = 400
MEMTEST_S = 300


def probe_spec(name):
    notes = {"io.bulkhead." + k: v for k, v in PROBES[name].items()}
    spec = bulkhead.bare_spec("kernels_" + name, notes)
    if name != "flat":
        spec["vm"]["kernel"].update(initrd="module.txt",
                                    parameters=["one", "two=3"])
    return spec


def memtest_spec():
    spec = bulkhead.bare_spec("memtest", {"io.bulkhead.platform": "pc"})
    spec["vm"]["kernel"]["parameters"] = MEMTEST_ARGS
    return spec


def linux_spec():
    """`make run`'s partition, but for the kernel's form."""
    spec = bulkhead.hello_spec()
    spec["vm"]["kernel"]["path"] = "vmlinux"
    spec["annotations"].update({"io.bulkhead.boot": "pvh",
                                "io.bulkhead.memory.max": "192M"})
    return spec


def refused_specs():
    """name -> its spec, and a word of the sentence that refuses it."""
    text = bulkhead.bare_spec("x")
    text["vm"]["kernel"]["path"] = "module.txt"
    pvh = bulkhead.bare_spec("kernels_multiboot",
                             {"io.bulkhead.boot": "pvh"})
    flat = bulkhead.bare_spec("kernels_flat",
                              {"io.bulkhead.boot.address": "0x9fc00"})
    port = bulkhead.bare_spec("kernels_flat",
                              {"io.bulkhead.exit-port": "0x3f8"})
    return {"no_kernel": (text, "neither a bzImage"),
            "no_pvh": (pvh, "no ELF file"),
            "too_high": (flat, "boot.address"),
            "bad_port": (port, "io.bulkhead.exit-port names a port")}


def xen_spec():
    """Xen, with a Linux as its module, as GRUB would start it."""
    spec = bulkhead.bare_spec("x", {"io.bulkhead.platform": "pc",
                                    "io.bulkhead.memory.max": "256M"})
    spec["vm"]["kernel"] = {"path": "xen.elf", "initrd": "vmlinuz",
                            "parameters": XEN_ARGS}
    return spec


class Run:
    """One boot, and what is seen of its partitions."""

    def __init__(self, machines, on, name, specs, files, **more):
        name = "%s-%s" % (name, bulkhead.tag(on))
        self.m = machines(name, bulkhead.image(name, ["log=info"], specs,
                                               files),
                          on=on, time_limit=900, log_errors=False, **more)
        self.m.prompt()

    def console(self, name, until, seconds):
        """The console of a partition, as soon as it has @until in it."""
        end = time.monotonic() + seconds
        rpc = self.m.rpc()
        try:
            while True:
                text = rpc.console(name)
                if re.search(until, text):
                    return text
                assert time.monotonic() < end, "%s: no %r in:\n%s" % (
                    name, until, text[-2000:])
                time.sleep(0.5)
        finally:
            rpc.close()

    def why(self, name):
        return self.m.command("why " + name)


def boot_probes(machines, on):
    """The small kernels, and those that are refused."""
    specs = {n: probe_spec(n) for n in PROBES}
    specs.update({n: spec for n, (spec, _) in refused_specs().items()})
    files = {"module.txt": b"a module\n"}
    for n in PROBES:
        files["kernels_%s.bin" % n] = (
            bulkhead.BUILD / "guests/kernels" / (n + ".bin"))
    return Run(machines, on, "probes", specs, files)


def boot_kernels(machines, on):
    """Two memory tests, Linux, and Xen."""
    specs = {n: memtest_spec() for n in MEMTEST if on != bulkhead.RYZEN}
    specs.update({"linux": linux_spec(), "xen": xen_spec()})
    files = bulkhead.linux_files("initrd.img", "rootfs.erofs", "vmlinuz",
                                 "vmlinux", "memtest.bin", "xen.elf")
    return Run(machines, on, "kernels", specs, files, memory=768)


_runs = {}      # (machine, boot) -> its Run, or the exception that it was


def once(machines, on, boot):
    """The boot that @boot makes, made once."""
    if (on, boot) not in _runs:
        try:
            _runs[on, boot] = boot(machines, on)
        except Exception as e:
            _runs[on, boot] = e
    if isinstance(_runs[on, boot], Exception):
        pytest.fail("the boot failed: %s" % _runs[on, boot])
    return _runs[on, boot]


@pytest.fixture
def probes(machines, on):
    return once(machines, on, boot_probes)


@pytest.fixture
def kernels(machines, on):
    return once(machines, on, boot_kernels)


@pytest.mark.parametrize("name", sorted(PROBES))
def test_probe(probes, name):
    console = probes.console(name, "guest %s: done" % name, 60)
    assert "FAIL" not in console, console
    assert "guest %s: start" % name in console
    if name == "flat":
        why = probes.why(name)
        assert "partition flat: poweroff" in why
        assert "exit port 0xf4: value 0x40, exit status 129" in why
    else:
        assert re.search(r"done, [1-9]\d* passed, 0 failed", console)


@pytest.mark.parametrize("name", sorted(refused_specs()))
def test_refused(probes, name):
    assert refused_specs()[name][1] in probes.why(name)


def test_the_small_ones_end(probes):
    assert probes.m.poweroff().outcome == "shutdown"


def screen(text):
    """What memtest86+ says on its serial screen, without the escapes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", text)


def test_memtest_in_two_partitions(kernels, on):
    """Both pass test after test meanwhile, with a clock and without errors."""
    if on == bulkhead.RYZEN:    # as cli_loop in tests/guests/expect.json
        pytest.skip("Bochs 2.7 lets no physical interrupt exit from a guest "
                    "that was entered with IF=0: memtest86+ keeps the CPU")
    for name in MEMTEST:
        text = screen(kernels.console(name, r"#[4-9] ", MEMTEST_S))
        assert "Memtest86+" in text or "Memory" in text, text
        assert re.search(r"Errors: 0\b", text), text
        assert not re.search(r"Errors: [1-9]", text), text
        assert re.search(r"Time: +\d:\d\d:\d\d", text), text
    states = {p["name"]: p["state"] for p in kernels.m.ask("ps")["partitions"]}
    assert [states[n] for n in MEMTEST] == ["running", "running"]


def test_linux_by_pvh(kernels):
    """Debian's kernel as an ELF file, to its container's output."""
    hello = r"\[linux\] Hello from a container"
    if not re.search(hello, kernels.m.log_text()):
        kernels.m.expect(hello, LINUX_S)


def test_xen_by_multiboot(kernels):
    """Debian's Xen reads all that a multiboot kernel is told, finds timers and
    a clock, and starts a Linux as its Dom0, which is paravirtual."""
    text = kernels.console("xen", r"installing Xen timer", XEN_S)
    for line in ("Bootloader: Bulkhead", "Command line: no-real-mode com1=",
                 "[0000000000000000, 000000000009ffff] (usable)",
                 "[0000000000100000, 000000000fffffff] (usable)",
                 "System RAM: 255MB", "ACPI: RSDP 000E0000",
                 "Platform timer is 1.193MHz PIT", "TSC deadline timer enabled",
                 "*** Building a PV Dom0 ***", "Hypervisor detected: Xen PV",
                 "Booting kernel on Xen"):
        assert line in text, text


def test_all_end(kernels):
    assert kernels.m.poweroff().outcome == "shutdown"
