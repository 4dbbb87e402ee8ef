"""What cannot work is refused in words, with a remedy.

Machines without VT-x or without EPT; files that are missing, cut or wrong.
"""
import json
import re

import bulkhead
import pytest


def refused(m):
    """The words of the refusal."""
    result = m.machine.wait(bulkhead.BOOT_S)
    assert result and result.outcome == "refused", result
    return result.detail


@pytest.fixture(scope="module")
def small_image(on):
    """No partition: enough for a boot that is refused."""
    return bulkhead.image("small-" + bulkhead.tag(on), ["log=info"])


@pytest.mark.machines(bulkhead.Q35)
def test_no_vt_x(machines, on, small_image):
    """QEMU's TCG; the firmware goes on after the refusal."""
    m = machines("noext", small_image, on=on, model="max,-svm", stay=True,
                 time_limit=120)
    text = m.expect(r"bulkhead: cannot start: [^\n]*\n", bulkhead.BOOT_S)
    assert "VT-x" in text.split("cannot start:")[1], text
    m.expect("BdsDxe|Shell>|Boot Manager", bulkhead.COMMAND_S)
    assert m.machine.is_running()
    m.kill()


@pytest.mark.machines(bulkhead.Q35)
def test_no_nested_paging(machines, on, small_image):
    """AMD-V without it is refused, with what to do."""
    m = machines("nonpt", small_image, on=on, model="max,+svm,-npt",
                 time_limit=120)
    words = refused(m) + m.log_text()
    assert "AMD-V" in words and "missing: nested paging" in words, words
    assert "add +npt" in words, words


@pytest.mark.machines("bochs/penryn")
def test_no_ept(machines, on, small_image):
    m = machines("penryn", small_image, on=on, time_limit=180)
    words = refused(m) + m.log_text()
    assert "EPT" in words, words


@pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.Q35)
def test_no_partition(machines, on, small_image):
    m = machines("empty-" + bulkhead.tag(on), small_image, on=on, time_limit=180)
    m.prompt()
    assert "no partition: put partitions/NAME.json" in m.log_text()
    assert m.poweroff().outcome == "shutdown"


# -- files -------------------------------------------------------------------

faults = pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.Q35)


def broken(**changes):
    """A good partition of a bare guest with annotations changed."""
    notes = {"io.bulkhead." + k.replace("__", "."): v
             for k, v in changes.items()}
    return bulkhead.bare_spec("poweroff", notes)


def no_kernel():
    spec = broken()
    spec["vm"]["kernel"]["path"] = "vmlinux"
    return spec


def unknown_note():
    spec = broken()
    spec["annotations"]["io.bulkhead.memory.mux"] = "32M"
    return spec


def cut_kernel():
    spec = broken()
    spec["vm"]["kernel"]["path"] = "cut.bin"
    return spec


# file -> (spec, what its error must say)
BROKEN = {
    "kernel": (no_kernel(),
               ["partitions/kernel.json", "/vm/kernel/path", "vmlinux"]),
    "syntax": ('{\n "ociVersion": "1.1.0",\n "vm": {\n  "kernel": }\n}\n',
               ["partitions/syntax.json", "4:"]),
    "short": (json.dumps(broken())[:-40], ["partitions/short.json"]),
    "note": (unknown_note(),
             ["partitions/note.json", "io.bulkhead.memory.mux",
              "io.bulkhead.memory.max"]),
    "large": (broken(memory__max="64G"),
              ["partitions/large.json", "io.bulkhead.memory.max",
               "ask for at most"]),
    "type": (broken(vcpus="many"),
             ["partitions/type.json", "io.bulkhead.vcpus", "many"]),
}


@pytest.fixture(scope="module")
def faulty(machines, on):
    """All faults in one boot, and a good partition among them."""
    guest = bulkhead.BUILD / "guests/poweroff.bin"
    parts = {name: spec for name, (spec, _) in BROKEN.items()}
    parts["cut"] = cut_kernel()
    parts["good"] = bulkhead.bare_spec("halt_forever")
    files = bulkhead.guest_files("poweroff", "halt_forever")
    files["cut.bin"] = guest.read_bytes()[:700]
    name = "faulty-" + bulkhead.tag(on)
    img = bulkhead.image(name, ["log=info", "vpidd=off",
                                    "apicv=perhaps", "just words"],
                         parts, files)
    m = machines(name, img, on=on, time_limit=240)
    m.prompt()
    return m


@faults
@pytest.mark.parametrize("name", BROKEN)
def test_broken_partition_file(faulty, name):
    text = faulty.log_text()
    lines = [x for x in text.splitlines()
             if "partitions/%s.json" % name in x]
    assert lines, text
    for words in BROKEN[name][1]:
        assert words in "\n".join(lines), lines
    assert "this partition cannot start" in lines[-1]


@faults
@pytest.mark.parametrize("name", BROKEN)
def test_broken_partition_is_listed(faulty, name):
    parts = {p["name"]: p for p in faulty.ask("ps")["partitions"]}
    assert parts[name]["state"] == "failed"
    assert parts[name]["reason"] == "config-error"
    assert "config-error" in faulty.command("why " + name)
    assert "partition %s was not started: config-error: " % name in (
        faulty.command("start " + name))


@faults
def test_cut_kernel(faulty):
    assert "partition cut: not started; type: why cut" in faulty.log_text()
    assert "kernel: size = 700, need >= 1024" in faulty.command("why cut")


@faults
def test_boot_cfg_mistakes(faulty):
    text = faulty.log_text()
    assert 'boot.cfg:2:1: unknown option "vpidd"; did you mean vpid?' in text
    assert 'boot.cfg:3:' in text and 'apicv cannot be "perhaps"' in text
    assert '"just words" has no value' in text


@faults
def test_the_good_partition_runs(faulty):
    states = {p["name"]: p["state"] for p in faulty.ask("ps")["partitions"]}
    assert states.pop("good") == "running"
    assert set(states) == {"cut", *BROKEN}
    assert set(states.values()) == {"failed"}


@faults
def test_poweroff_after_faults(faulty):
    faulty.command("kill good")
    assert faulty.poweroff().outcome == "shutdown"


@pytest.mark.machines(bulkhead.Q35)
def test_cut_initrd(machines, on):
    """What is missing in the guest is said: by Linux or by the agent."""
    spec = bulkhead.hello_spec()
    spec["vm"]["kernel"]["parameters"][0] = "console=ttyS0"
    spec["annotations"]["io.bulkhead.console"] = "ttyS0"
    files = bulkhead.linux_files()
    files["initrd.img"] = files["initrd.img"].read_bytes()[:1500000]
    img = bulkhead.image("cutinitrd", ["log=info"], {"hello": spec}, files)
    m = machines("cutinitrd", img, on=on, time_limit=300)
    m.prompt()
    m.expect(r"partition hello: (guest-panic|reboot|poweroff)[^\n]*\n",
             bulkhead.BOOT_S)
    out = m.command("why hello")
    assert re.search("Initramfs unpacking failed|Kernel panic|"
                     "agent: .*powering off", out), out
    assert m.poweroff().outcome == "shutdown"
