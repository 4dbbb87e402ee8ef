"""A local APIC with its registers in memory: Debian's kernel on it.

Each access is an exit that the instruction decoder serves; the kernel's
interrupts, timer and the container behind them all go through it.
"""
import bulkhead
import pytest

AT_START = 50           # accesses of a kernel that sets its APIC up
# The feature's bit is cleared by nox2apic.
SEEN = "run hello -- sh -c 'echo x2apic: $(grep -cw x2apic /proc/cpuinfo)'"


def boot(machines, on, name, words=()):
    spec = bulkhead.hello_spec()
    spec["annotations"]["io.bulkhead.apic"] = "xapic"
    spec["vm"]["kernel"]["parameters"] += words
    img = bulkhead.image(name, ["log=info"], {"hello": spec},
                         bulkhead.linux_files())
    m = machines(name, img, on=on, time_limit=400)
    m.prompt()
    return m


def accesses(m):
    """Exits that accesses to device memory have caused."""
    return sum(r["count"] for r in m.ask("exits hello")["reasons"]
               if r["reason"] in ("nested page fault", "EPT violation"))


@pytest.mark.machines(bulkhead.Q35, bulkhead.SKYLAKE)
def test_linux_on_xapic(machines, on):
    """On VT-x: beside a machine's APICv, which this partition does without."""
    m = boot(machines, on, "xapic-" + bulkhead.tag(on), ["nox2apic"])
    m.expect("kernel: +Linux", bulkhead.BOOT_S)
    assert accesses(m) > AT_START       # EOIs need none: KVM's PV EOI
    assert "x2apic: 0" in m.command(SEEN), m.log_text()


@pytest.mark.machines(bulkhead.Q35)
def test_linux_switches_to_x2apic(machines, on):
    m = boot(machines, on, "xapic-switch")
    m.expect("kernel: +Linux", bulkhead.BOOT_S)
    assert accesses(m) > AT_START
    assert "x2apic: 1" in m.command(SEEN), m.log_text()
