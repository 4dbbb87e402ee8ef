"""A local APIC with its registers in memory: Debian's kernel on it.

Each access is an exit that the instruction decoder serves; the kernel's
interrupts, timer and the container behind them all go through it.
"""
import bulkhead
import pytest

APICV_OFF = ["apicv=off", "direct-apic=off"]
AT_START = 50           # accesses of a kernel that sets its APIC up
# The feature's bit is cleared by nox2apic.
SEEN = "run hello -- sh -c 'echo x2apic: $(grep -cw x2apic /proc/cpuinfo)'"


def boot(machines, on, name, options=(), words=()):
    spec = bulkhead.hello_spec()
    spec["annotations"]["io.bulkhead.apic"] = "xapic"
    spec["vm"]["kernel"]["parameters"] += words
    img = bulkhead.image(name, ["log=info", *options], {"hello": spec},
                         bulkhead.linux_files())
    m = machines(name, img, on=on, time_limit=400)
    m.prompt()
    return m


def accesses(m):
    """Exits that accesses to device memory have caused."""
    return sum(r["count"] for r in m.ask("exits hello")["reasons"]
               if r["reason"] in ("nested page fault", "EPT violation"))


@pytest.mark.parametrize("on,options", [
    pytest.param(bulkhead.Q35, [], id="q35"),
    pytest.param(bulkhead.SKYLAKE, APICV_OFF, id="skylake_x"),
], indirect=["on"])
def test_linux_on_xapic(machines, on, options):
    m = boot(machines, on, "xapic-" + bulkhead.tag(on), options, ["nox2apic"])
    m.expect("kernel: +Linux", bulkhead.BOOT_S)
    assert accesses(m) > AT_START       # EOIs need none: KVM's PV EOI
    assert "x2apic: 0" in m.command(SEEN), m.log_text()


@pytest.mark.machines(bulkhead.Q35)
def test_linux_switches_to_x2apic(machines, on):
    m = boot(machines, on, "xapic-switch")
    m.expect("kernel: +Linux", bulkhead.BOOT_S)
    assert accesses(m) > AT_START
    assert "x2apic: 1" in m.command(SEEN), m.log_text()


@pytest.mark.machines(bulkhead.SKYLAKE)
def test_apicv_refuses(machines, on):
    m = boot(machines, on, "xapic-apicv")
    why = m.command("why hello")
    assert "config-error" in why and "apicv=off" in why, why
