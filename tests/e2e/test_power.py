"""Power-off and reboot of the machine, with ACPI's tables and without them;
and what else is taken from the tables."""
import re
import struct

import bulkhead
import pexpect
import pexpect.fdpexpect
import pytest

pytestmark = pytest.mark.machines(bulkhead.Q35)

# what `version` tells of the tables, by the machine's last word
FACTS = {
    "skylake_x": {"tables": "none", "cpus": "none", "pm_timer": "none",
                  "hpet": "none", "ecam": "none", "console": "none",
                  "power_off": "none", "reset": "none"},
    "q35": {"cpus": "1", "ioapics": "1", "pm_timer": "port 0x608",
            "hpet": "0xfed00000", "power_off": "port 0x604",
            "ecam": "0xb0000000 segment 0 buses 0-255", "console": "none",
            "reset": "port 0xcf9"},
    "i440fx": {"cpus": "1", "ioapics": "1", "pm_timer": "port 0xb008",
               "hpet": "0xfed00000", "power_off": "port 0xb004",
               "ecam": "none", "console": "none", "reset": "none"},
}
TIMERS = (r"TSC runs at \d+ kHz \([^;]+; measured: (ACPI PM timer|HPET) \d+, "
          r"(HPET|PIT) \d+; CPUID says \d+\)")


@pytest.fixture(scope="module")
def small_image(on):
    """No partition: the machine alone."""
    return bulkhead.image("power-" + bulkhead.tag(on), ["log=info"])


def boot(machines, image, on, what, **more):
    m = machines("%s-%s" % (what, bulkhead.tag(on)), image, on=on,
                 time_limit=300, **more)
    m.prompt()
    return m


@pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.Q35, bulkhead.I440FX)
def test_reboot_and_poweroff(machines, small_image, on):
    """The prompt comes a second time, and then the machine is off."""
    m = boot(machines, small_image, on, "power", reboots=True)
    assert m.ask("version")["acpi"].items() >= FACTS[on.split("/")[1]].items()
    m.com1.send("reboot\r")
    m.expect("rebooting")
    m.expect(re.escape("Bulkhead boot "), bulkhead.BOOT_S)
    m.prompt()
    assert m.poweroff().outcome == "shutdown"
    text = m.log_text()
    assert "power off" in text
    assert "cannot be switched off" not in text


def test_reboot_is_said_by_the_emulator(machines, small_image, on):
    m = boot(machines, small_image, on, "reset")
    assert m.bhk("reboot").returncode == 0
    result = m.machine.wait(bulkhead.COMMAND_S)
    assert result and result.outcome == "reset", result


@pytest.mark.machines(bulkhead.Q35, bulkhead.I440FX)
def test_power_with_the_firmware_in_smm(machines, small_image, on):
    """ACPI is off at the start: an SMI switches it on before S5 works."""
    m = boot(machines, small_image, on, "smm", extra=["-machine", "smm=on"])
    assert m.poweroff().outcome == "shutdown"


@pytest.mark.machines(bulkhead.Q35)
def test_reboot_stops_partitions_first(machines, on):
    img = bulkhead.image("reboot-" + bulkhead.tag(on), ["log=info"],
                         {"hello": bulkhead.hello_spec()},
                         bulkhead.linux_files())
    m = boot(machines, img, on, "partition")
    m.expect("kernel: +Linux", bulkhead.BOOT_S)
    m.com1.send("reboot\r")
    result = m.machine.wait(bulkhead.COMMAND_S)
    assert result and result.outcome == "reset", result
    text = m.log_text()
    order = [text.index(words) for words in (
        "rebooting", "partition hello: stopped: ", "the guest complied",
        "] reboot")]
    assert order == sorted(order), text


# -- what else is taken from the tables --------------------------------------

def test_timers_and_processors(machines, small_image, on):
    m = boot(machines, small_image, on, "tables", cpus=2)
    text = m.log_text()
    assert re.search(TIMERS, text), text
    acpi = m.ask("version")["acpi"]
    assert acpi["cpus"] == "2"
    assert "and the MADT differ" not in text
    m.kill()


def spcr(folder, port, gsi, kind=0, baud=7):
    """QEMU's words for an SPCR that names a port."""
    path = folder / "spcr.bin"
    path.write_bytes(struct.pack(
        "<B3xBBBBQBBIBBBBBBHHBBBIBI", kind, 1, 8, 0, 1, port, 2, 0, gsi, baud,
        0, 1, 0, 3, 0, 0xffff, 0xffff, 0, 0, 0, 0, 0, 0))
    return ["-acpitable", "sig=SPCR,rev=2,data=%s" % path]


class Line:
    """A prompt on another line than COM1."""

    def __init__(self, path):
        self.line = pexpect.fdpexpect.fdspawn(
            bulkhead.connect(path), timeout=bulkhead.BOOT_S, encoding="utf-8",
            codec_errors="replace")

    def command(self, text):
        self.line.send(text + "\r")
        self.line.expect_exact(text + "\r\n", bulkhead.COMMAND_S)
        self.line.expect_exact(bulkhead.PROMPT, bulkhead.COMMAND_S)
        return self.line.before


def test_console_of_spcr(machines, small_image, on, tmp_path):
    """A third port, on an interrupt that the MADT overrides."""
    port = str(tmp_path / "com3")
    words = ["-chardev", "socket,id=com3,server=on,wait=off,path=" + port,
             "-device", "isa-serial,iobase=0x3e8,irq=5,index=2,chardev=com3"]
    m = machines("spcr", small_image, on=on, time_limit=120,
                 extra=words + spcr(tmp_path, 0x3e8, 5))
    line = Line(port)
    line.line.expect_exact(bulkhead.PROMPT)
    assert "clock: TSC runs at" in line.line.before
    assert '"console":"port 0x3e8"' in line.command("version --json")
    line.line.send("poweroff\r")
    result = m.machine.wait(bulkhead.COMMAND_S)
    assert result and result.outcome == "shutdown", result
    text = m.log_text()
    assert "console: goes on at port 0x3e8, as SPCR says" in text
    assert "clock:" not in text, "COM1 got more than the port of SPCR"


def test_console_of_spcr_that_is_no_16550(machines, small_image, on,
                                          tmp_path):
    m = boot(machines, small_image, on, "pl011",
             extra=spcr(tmp_path, 0x3e8, 5, kind=3))
    assert ("console: SPCR names a port, but it is no 16550: COM1 stays the "
            "console") in m.log_text()
    assert m.poweroff().outcome == "shutdown"
