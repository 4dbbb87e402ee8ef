"""test_emu.py - the runner's own tests; no emulator is started."""
import os
import socket
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import host                                             # noqa: E402
import machine as machine_module                        # noqa: E402
from hub import Channel, Hub                            # noqa: E402
from machine import HostError, Machine, Slot            # noqa: E402

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


@pytest.mark.parametrize("text,outcome", [
    ("Shutdown port: shutdown requested", "shutdown"),
    ("ACPI control: soft power off", "shutdown"),
    ("exception(): 3rd (13) exception with no resolution", "triple-fault"),
    ("VMCALL in VMX root", "panic"),
])
def test_bochs_panics_are_judged(text, outcome):
    assert Machine._judge_panic(text)[0] == outcome


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
    with pytest.raises(HostError, match="make image"):
        Machine(str(tmp_path / "none.img"))
    image = image_file(tmp_path)
    with pytest.raises(HostError, match="no backend"):
        Machine(image, on="vmware")
    with pytest.raises(HostError, match="bochs only"):
        Machine(image, on="qemu", instrument=image)
    with pytest.raises(HostError, match="no such library"):
        Machine(image, instrument=str(tmp_path / "none.so"))


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(host.NEEDS, "bochs", [("/nonexistent", "vgabios"),
                                              ("no-such-program", "bochs"),
                                              ("/nonexistent2", "bochs")])
    assert host.missing_packages("bochs") == ["vgabios", "bochs"]
    with pytest.raises(HostError, match="apt-get install vgabios bochs"):
        host.require("bochs")


def test_kvm_obstacles(tmp_path):
    nested = tmp_path / "nested"
    assert "no VT-x" in host.kvm_obstacle(flags=set())
    assert "cannot be opened" in host.kvm_obstacle(
        flags={"vmx"}, kvm=str(tmp_path / "kvm"))
    plain = tmp_path / "plain"
    plain.write_text("")
    assert "does not answer" in host.kvm_obstacle(
        flags={"vmx"}, kvm=str(plain), nested=str(nested))


def test_pick_without_vmx(monkeypatch):
    monkeypatch.setattr(host, "cpu_flags", lambda: {"svm"})
    on, model, reason, seconds = host.pick()
    assert (on, model) == ("bochs", "corei7_skylake_x")
    assert "no VT-x" in reason and seconds > 0


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


def test_replay_names_everything(tmp_path):
    image = image_file(tmp_path)
    m = Machine(image, on="qemu", model="max,-svm", memory=256, cpus=2,
                time_limit=9, workdir=str(tmp_path / "w"))
    assert m.replay == ("tools/emu/emu.py run --on qemu --model max,-svm "
                        "--image %s --memory 256 --cpus 2 --time-limit 9"
                        % image)


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
