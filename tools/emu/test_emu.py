"""test_emu.py - the runner's own tests; no emulator is started."""
import json
import os
import socket
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import emu                                              # noqa: E402
import host                                             # noqa: E402
import machine as machine_module                        # noqa: E402
import machines                                         # noqa: E402
from hub import Channel, Hub                            # noqa: E402
from machine import OUTCOMES, HostError, Machine, Slot  # noqa: E402
from on_bochs import Bochs                              # noqa: E402
from on_qemu import ENDS                                # noqa: E402

MKESP = os.path.join(HERE, "..", "image", "mkesp")


@pytest.fixture
def hub(tmp_path):
    h = Hub()
    ours, theirs = socket.socketpair()
    log = str(tmp_path / "com.log")
    channel = Channel("com", theirs.detach(), log, pace=4096)
    h.add_channel(channel)
    h.start()
    h.test = (channel, ours, log)
    yield h
    h.stop()
    ours.close()


def test_output_goes_to_log_and_peer(hub):
    channel, machine, log = hub.test
    a, b = socket.socketpair()
    hub.add_peer(channel, b.detach(), replay=b"old ")
    time.sleep(0.05)
    machine.sendall(b"hello")
    a.settimeout(5)
    got = b""
    while len(got) < 9:
        got += a.recv(100)
    assert got == b"old hello"
    with open(log, "rb") as f:
        assert f.read() == b"hello"


def test_input_from_a_unix_socket(hub, tmp_path):
    channel, machine, _ = hub.test
    path = str(tmp_path / "s")
    hub.listen(channel, path)
    c = socket.socket(socket.AF_UNIX)
    for _ in range(100):
        try:
            c.connect(path)
            break
        except OSError:
            time.sleep(0.01)
    c.sendall(b"x" * 10000)
    machine.settimeout(5)
    got = b""
    while len(got) < 10000:
        got += machine.recv(4096)
    assert got == b"x" * 10000


def test_a_peer_that_does_not_read_holds_up_nobody(hub):
    channel, machine, log = hub.test
    a, b = socket.socketpair()
    hub.add_peer(channel, b.detach())
    machine.settimeout(10)
    machine.sendall(b"y" * 3_000_000)
    for _ in range(200):
        if os.path.getsize(log) == 3_000_000:
            break
        time.sleep(0.05)
    assert os.path.getsize(log) == 3_000_000
    a.close()


def test_input_is_paced(tmp_path):
    h = Hub()
    ours, theirs = socket.socketpair()
    channel = Channel("com", theirs.detach(), str(tmp_path / "l"), pace=8)
    h.add_channel(channel)
    h.start()
    start = time.monotonic()
    h.send(channel, b"z" * 400)
    ours.settimeout(5)
    got = b""
    while len(got) < 400:
        part = ours.recv(4096)
        got += part
    assert time.monotonic() - start >= 0.045
    h.stop()


@pytest.mark.parametrize("line,outcome", [
    ("00000000000i[SYS   ] bx_pc_system_c::Reset(HARDWARE) called", None),
    ("00153221467i[SYS   ] bx_pc_system_c::Reset(SOFTWARE) called", "reset"),
    ("123i[SYS   ] something else", None),
    ("123e[CPU0  ] WRMSR: nothing final", None),
    ("123p[UNMAP ] >>PANIC<< Shutdown port: shutdown requested", "shutdown"),
    ("123p[ACPI  ] >>PANIC<< ACPI control: soft power off", "shutdown"),
    ("123p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception with no "
     "resolution", "triple-fault"),
    ("123p[CPU0  ] >>PANIC<< VMCALL in VMX root", "panic"),
])
def test_lines_of_bochs_log_are_judged(line, outcome):
    reason = Bochs.judge_line(line)
    assert (reason and reason[0]) == outcome


def image_file(tmp_path):
    path = tmp_path / "i.img"
    path.write_bytes(b"\0" * 512)
    return str(path)


def test_refusal_is_seen_across_pieces(tmp_path):
    m = Machine(image_file(tmp_path), workdir=str(tmp_path / "w"))
    for piece in (b"Bulkhead\r\nbulk", b"head: cannot st", b"art: no VT",
                  b"-x; buy one\r\nba", b"ck\r\n"):
        m._watch_com1(piece)
    assert m._refusal[0] == "no VT-x; buy one"


def test_no_refusal_in_plain_text(tmp_path):
    m = Machine(image_file(tmp_path), workdir=str(tmp_path / "w"))
    m._watch_com1(b"bulkhead> cannot start\r\n" * 100)
    assert m._refusal is None


def test_stay_ignores_a_refusal(tmp_path):
    m = Machine(image_file(tmp_path), workdir=str(tmp_path / "w"), stay=True)
    m._watch_com1(b"bulkhead: cannot start: x\r\n")
    assert m._refusal is None


def test_errors_name_the_remedy(tmp_path):
    with pytest.raises(HostError, match="make it with: make"):
        Machine(str(tmp_path / "none.img"))
    image = image_file(tmp_path)
    with pytest.raises(HostError, match="there is no machine"):
        Machine(image, on="vmware")
    with pytest.raises(HostError, match="bochs only"):
        Machine(image, on="qemu", instrument=image)
    with pytest.raises(HostError, match="no such library"):
        Machine(image, instrument=str(tmp_path / "none.so"))
    with pytest.raises(HostError, match="QEMU only"):
        Machine(image, on="bochs", drives=[("ide", image)])
    with pytest.raises(HostError, match="QEMU only"):
        Machine(image, on="bochs", extra=["-S"])


def test_controllers_and_cards_are_those_of_the_board(tmp_path):
    image = image_file(tmp_path)
    with pytest.raises(HostError, match="q35 has no disk 'ide'; it can have: "
                       "ahci, nvme, virtio-blk"):
        Machine(image, on="q35", disk="ide")
    with pytest.raises(HostError, match="no nic 'ne2k'; .*e1000"):
        Machine(image, on="q35", nic="ne2k")
    with pytest.raises(HostError, match="it can have: none"):
        Machine(image, on="bochs", nic="e1000")


# ---- the table ----

def test_every_row_is_found_by_each_of_its_names():
    names = [n for row in machines.TABLE for n in (row.name,) + row.short]
    assert len(names) == len(set(names))
    for row in machines.TABLE:
        for name in (row.name,) + row.short:
            assert machines.find(name) is row
        assert row.backend in host.NEEDS
        assert row.disks and row.what


@pytest.mark.parametrize("short,name", [
    ("bochs", "bochs/skylake_x"), ("ryzen", "bochs/ryzen"),
    ("qemu", "qemu-tcg/q35"), ("q35", "qemu-tcg/q35"),
    ("i440fx", "qemu-tcg/i440fx"), ("kvm", "kvm/q35"),
    ("haswell", "bochs/haswell"),
])
def test_short_names(short, name):
    assert machines.find(short).name == name


@pytest.mark.parametrize("wrong,near", [
    ("qemv", "qemu"), ("Ryzen", "ryzen"), ("bochs/skylake", "bochs/skylake_x"),
])
def test_unknown_machine_is_answered_with_list_and_nearest(wrong, near):
    with pytest.raises(HostError) as e:
        machines.find(wrong)
    assert "did you mean %s?" % near in str(e.value)
    for row in machines.TABLE:
        assert row.name in str(e.value)


def test_the_document_has_every_row():
    with open(os.path.join(HERE, "../../docs/testing.md")) as f:
        lines = f.read().splitlines()
    for row in machines.TABLE:
        line, = [x for x in lines if x.startswith("| `%s` |" % row.name)]
        cells = [c.strip() for c in line.split("|")]
        assert cells[2] == ", ".join("`%s`" % n for n in row.short)
        assert row.extension is None or row.extension in cells[3]
        assert cells[4] == ("ACPI" if row.acpi else "no ACPI")


def test_far_from_any_machine():
    with pytest.raises(HostError) as e:
        machines.find("zzzzzz")
    assert "did you mean" not in str(e.value)


def test_table_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(host, "cpu_flags", lambda: {"svm"})
    monkeypatch.setitem(host.NEEDS, "qemu", [("/nonexistent", "some-qemu")])
    monkeypatch.setattr(sys, "argv", ["emu.py", "machines"])
    assert emu.main() == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    for row, line in zip(machines.TABLE, lines[1:]):
        assert line.startswith(row.name + " ") and row.model in line
    assert "qemu-tcg/q35: packages are missing: apt-get install some-qemu" \
        in text
    monkeypatch.setattr(sys, "argv", ["emu.py", "machines", "--json"])
    assert emu.main() == 0
    rows = {r["name"]: r for r in json.loads(capsys.readouterr().out)}
    assert rows["kvm/q35"]["extension"] == "AMD-V"      # the host's
    assert rows["qemu-tcg/q35"]["missing"] == ["some-qemu"]
    assert rows["bochs/skylake_x"]["acpi"] is False


def test_unknown_machine_on_the_command_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["emu.py", "run", "--on", "qemv"])
    assert emu.main() == 2
    assert "did you mean qemu?" in capsys.readouterr().err


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(host.NEEDS, "bochs", [("/nonexistent", "vgabios"),
                                              ("no-such-program", "bochs"),
                                              ("/nonexistent2", "bochs")])
    assert host.missing_packages("bochs") == ["vgabios", "bochs"]
    with pytest.raises(HostError, match="apt-get install vgabios bochs"):
        host.require("bochs")


# ---- KVM: what is in the way, and what to do ----

def test_kvm_without_an_extension():
    text = host.kvm_obstacle(flags=set())
    assert "neither VT-x nor AMD-V" in text and "switch virtualization on" in \
        text


@pytest.mark.parametrize("flag,module", [("vmx", "kvm_intel"),
                                         ("svm", "kvm_amd")])
def test_kvm_without_a_device(tmp_path, flag, module):
    text = host.kvm_obstacle({flag}, kvm=str(tmp_path / "kvm"))
    assert "cannot be opened" in text and "modprobe " + module in text
    plain = tmp_path / "plain"
    plain.write_text("")
    text = host.kvm_obstacle({flag}, kvm=str(plain))
    assert "does not answer" in text and "modprobe " + module in text


def test_kvm_of_another_user(monkeypatch):
    def refuse(path, flags):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(host.os, "open", refuse)
    assert "adduser USER kvm" in host.kvm_obstacle({"svm"})


@pytest.mark.parametrize("flag,module", [("vmx", "kvm_intel"),
                                         ("svm", "kvm_amd")])
def test_kvm_nested(tmp_path, monkeypatch, flag, module):
    monkeypatch.setattr(host, "_device_obstacle", lambda kvm, module: None)

    def obstacle():
        return host.kvm_obstacle({flag}, modules=str(tmp_path))
    assert "%s is not loaded; as root: modprobe %s nested=1" % (
        module, module) == obstacle()
    parameter = tmp_path / module / "parameters/nested"
    parameter.parent.mkdir(parents=True)
    for text, usable in (("N\n", False), ("0\n", False), ("Y\n", True),
                         ("1\n", True)):
        parameter.write_text(text)
        assert (obstacle() is None) == usable
        assert usable or "modprobe -r %s && modprobe %s nested=1" % (
            module, module) in obstacle()


def test_kvm_refuses_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "cpu_flags", lambda: set())
    monkeypatch.setattr(host, "require", lambda backend: None)
    monkeypatch.setattr(machine_module, "SLOT_PATH", str(tmp_path / "slot.%d"))
    m = Machine(image_file(tmp_path), on="kvm", workdir=str(tmp_path / "w"))
    with pytest.raises(HostError, match="kvm cannot run here: .*switch virtual"
                       ".*--on qemu"):
        m.start()
    Slot().take(lambda text: pytest.fail("the slot was not given back"))


# ---- what `make run` takes ----

def test_pick_without_kvm(monkeypatch):
    monkeypatch.setattr(host, "cpu_flags", lambda: set())
    row, reason = machines.pick()
    assert row.name == "bochs/skylake_x"
    assert "neither VT-x nor AMD-V" in reason and "\n" not in reason
    hint = machines.pick_hint(row)
    assert "ON=qemu is the fast way" in hint and "\n" not in hint


def test_pick_with_kvm(monkeypatch):
    monkeypatch.setattr(host, "kvm_obstacle", lambda: None)
    row, reason = machines.pick()
    assert row.name == "kvm/q35" and "nested" in reason
    assert machines.pick_hint(row) is None


# ---- QEMU's command line and events ----

def qemu_command(tmp_path, **more):
    m = Machine(image_file(tmp_path), workdir=str(tmp_path / "w"), **more)
    return " ".join(m._emulator.command(7, 8, 9)), m


def test_command_of_q35(tmp_path):
    text, m = qemu_command(tmp_path, on="qemu", cpus=2)
    for words in ("-machine q35,smm=off -accel tcg,thread=single",
                  "-cpu max,+svm,+npt -smp 2", "-no-reboot",
                  "-rtc base=2023-11-14T22:13:20,clock=vm",
                  "file=%s -device ide-hd,drive=disk0,bus=ide.0,"
                  "bootindex=0" % m.image,
                  "-chardev socket,id=com1,fd=7", "-mem-prealloc"):
        assert words in text, text
    assert "-netdev" not in text


def test_command_with_everything(tmp_path):
    disk = image_file(tmp_path)
    text, _ = qemu_command(tmp_path, on="i440fx", disk="nvme", nic="e1000",
                           drives=[("virtio-blk", disk), ("ahci", disk)] +
                           [("ide", disk)] * 3, memory=4096)
    for words in ("-machine pc,smm=off", "-m 4096",
                  "-device nvme,drive=disk0,serial=disk0,bootindex=0",
                  "-device virtio-blk-pci,drive=disk1 ",
                  "-device ahci,id=ahci ",
                  "-device ide-hd,drive=disk2,bus=ahci.0 ",
                  "-device ide-hd,drive=disk4,bus=ide.0,unit=1 ",
                  "-device ide-hd,drive=disk5,bus=ide.1,unit=0 ",
                  "-device e1000,netdev=net"):
        assert words in text, text
    assert text.count("snapshot=on") == 6
    assert "prealloc" not in text


def test_command_of_kvm(tmp_path):
    text, _ = qemu_command(tmp_path, on="kvm")
    assert "-accel kvm -cpu host -smp 1" in text and "tcg" not in text


@pytest.mark.parametrize("reason,outcome", [
    ("guest-shutdown", "shutdown"), ("guest-reset", "reset"),
    ("host-signal", "killed"), ("guest-panic", "panic"),
])
def test_qmp_events_are_judged(tmp_path, reason, outcome):
    _, m = qemu_command(tmp_path, on="qemu")
    line = json.dumps({"event": "SHUTDOWN", "data": {"reason": reason}})
    m._emulator._watch_qmp(b'{"return": {}}\r\njunk\r\n' + line[:20].encode())
    assert m._emulator.look() is None
    m._emulator._watch_qmp(line[20:].encode() + b"\r\n")
    assert m._emulator.look() == (outcome, reason)
    assert set(ENDS.values()) <= set(OUTCOMES)


def test_a_triple_fault_is_no_plain_reset(tmp_path):
    _, m = qemu_command(tmp_path, on="qemu")
    reset = ("reset", "guest-reset")
    assert m._emulator.verdict(reset) == reset
    (tmp_path / "w/resets.log").write_text("CPU Reset (CPU 0)\nEAX=0\n")
    assert m._emulator.verdict(reset) == reset
    (tmp_path / "w/resets.log").write_text("CPU Reset\nTriple fault\nCPU R")
    assert m._emulator.verdict(reset)[0] == "triple-fault"


def test_slots(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_module, "SLOT_PATH", str(tmp_path / "slot.%d"))
    said = []
    a, b, c = Slot(), Slot(), Slot()
    a.take(said.append)
    b.take(said.append)
    assert not said

    def give(text):
        said.append(text)
        a.give()
    assert c.take(give) > 0
    assert len(said) == 1
    b.give()
    c.give()


def test_tail_is_harmless_to_the_terminal(tmp_path):
    m = Machine(image_file(tmp_path), workdir=str(tmp_path / "w"))
    (tmp_path / "w/com1.log").write_bytes(b"1\r\n\x1b[2J\x1b[=3h2\r\n3\r\n")
    assert m.tail(2).splitlines()[1:3] == ["2", "3"]


def test_replay_names_everything(tmp_path):
    image = image_file(tmp_path)
    m = Machine(image, on="qemu", model="max,-svm", memory=256, cpus=2,
                time_limit=9, workdir=str(tmp_path / "w"), disk="nvme",
                nic="e1000", drives=[("ahci", image)], extra=["-S"],
                reboots=True)
    assert m.replay == (
        "tools/emu/emu.py run --on qemu-tcg/q35 --image %s --memory 256 "
        "--cpus 2 --model max,-svm --disk nvme --nic e1000 --drive ahci=%s "
        "--extra=-S --reboots --time-limit 9" % (image, image))
    m = Machine(image, workdir=str(tmp_path / "w"))
    assert m.replay == ("tools/emu/emu.py run --on bochs/skylake_x --image %s "
                        "--memory 512 --cpus 1" % image)


def run_mkesp(*args):
    return subprocess.run([MKESP, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("plain", [False, True])
def test_mkesp_is_deterministic(tmp_path, plain):
    efi = tmp_path / "BOOTX64.EFI"
    efi.write_bytes(b"MZ" * 500)
    tree = tmp_path / "tree"
    (tree / "hello").mkdir(parents=True)
    (tree / "boot.cfg").write_text("a=b\n")
    (tree / "hello" / "a long file name.json").write_text("{}")
    extra = ["--plain"] if plain else []
    images = []
    for n in "12":
        out = tmp_path / ("esp%s.img" % n)
        done = run_mkesp("--efi", str(efi), "--tree", str(tree), "--out",
                         str(out), *extra)
        assert done.returncode == 0, done.stdout
        images.append(out.read_bytes())
    assert images[0] == images[1]
    offset = "" if plain else "@@1M"
    text = subprocess.run(["mtype", "-i", str(out) + offset,
                           "::/bulkhead/boot.cfg"], stdout=subprocess.PIPE)
    assert text.stdout == b"a=b\n"
    assert len(images[0]) % (512 * 16 * 63) == 0
    assert (images[0][512:520] == b"EFI PART") != plain


def test_mkesp_errors(tmp_path):
    done = run_mkesp("--efi", str(tmp_path / "no"), "--out",
                     str(tmp_path / "x"))
    assert done.returncode == 1 and "build it with: make" in done.stdout
    efi = tmp_path / "e"
    efi.write_bytes(b"MZ")
    done = run_mkesp("--efi", str(efi), "--tree", str(tmp_path / "no"),
                     "--out", str(tmp_path / "x"))
    assert done.returncode == 1 and "no such folder" in done.stdout
    done = run_mkesp("--efi", str(efi), "--size", "8", "--out",
                     str(tmp_path / "x"))
    assert done.returncode == 1 and "at least 20 MiB" in done.stdout
    big = tmp_path / "big"
    big.mkdir()
    (big / "f").write_bytes(b"\0" * (30 << 20))
    done = run_mkesp("--efi", str(efi), "--tree", str(big), "--size", "20",
                     "--out", str(tmp_path / "x"))
    assert done.returncode == 1 and "mcopy failed" in done.stdout
    assert not (tmp_path / "x").exists()
