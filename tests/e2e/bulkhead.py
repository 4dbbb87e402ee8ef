"""bulkhead.py - boot Bulkhead on an emulated machine and talk to it.

An Image is a boot image with its own \\bulkhead\\ folder; a Booted is a
running machine: its prompt on COM1 (pexpect), bhk on COM2. Nothing sleeps:
each step waits for bytes. Needs `make all` (and `make guests`).

A test module keeps its machines in the fixture `machines` (conftest.py), which
ends them; a failure shows the tail of the serial log and how to repeat the run.
Where it runs is its mark `machines` and the fixture `on`.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import pexpect
import pexpect.fdpexpect

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
sys.path.insert(0, str(ROOT / "tools/emu"))

import machines                                         # noqa: E402
from machine import Machine                             # noqa: E402

SKYLAKE, RYZEN = "bochs/skylake_x", "bochs/ryzen"
Q35, I440FX = "qemu-tcg/q35", "qemu-tcg/i440fx"

PROMPT = "bulkhead> "
BOOT_S = 300        # to the prompt and to the container, host busy
COMMAND_S = 60
TRIES, RETRY_S = 6, 10     # where a line may lose bytes
HELLO = ROOT / "guest/partitions/hello.json"


def hello_spec():
    """The partition spec that `make run` boots."""
    return json.loads(HELLO.read_text())


def tag(on):
    """A short word for the machine @on, for names of files."""
    return "kvm" if on.startswith("kvm/") else on.split("/")[1]


def extension(on):
    """"VT-x" or "AMD-V": what the VMM uses on the machine @on."""
    return machines.extension_of(machines.find(on))


def backend(on):
    """The VMM's word for it."""
    return {"VT-x": "vmx", "AMD-V": "svm"}[extension(on)]


def bare_spec(name, annotations=None, image=None):
    """A partition with a bare guest of tests/guests and no container."""
    notes = {"io.bulkhead.memory.max": "32M", "io.bulkhead.vcpus": "1",
             "io.bulkhead.autostart": "true",
             "io.bulkhead.console": "ttyS0"}
    notes.update(annotations or {})
    vm = {"kernel": {"path": name + ".bin"}}
    if image:
        vm["image"] = {"path": image, "format": "raw"}
    return {"ociVersion": "1.1.0", "vm": vm, "annotations": notes}


def image(name, options=(), partitions=None, files=None):
    """Make build/e2e/NAME.img.

    options     lines of boot.cfg
    partitions  name -> spec (an object) or the file's text
    files       further files of \\bulkhead\\: path -> source path or bytes
    """
    tree = BUILD / "e2e" / name
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "partitions").mkdir(parents=True)
    (tree / "boot.cfg").write_text("".join(o + "\n" for o in options))
    for part, spec in (partitions or {}).items():
        text = spec if isinstance(spec, str) else json.dumps(spec, indent=1)
        (tree / "partitions" / (part + ".json")).write_text(text)
    for path, source in (files or {}).items():
        if isinstance(source, bytes):
            (tree / path).write_bytes(source)
        else:
            shutil.copyfile(source, tree / path)
    out = BUILD / "e2e" / (name + ".img")
    subprocess.run([sys.executable, str(ROOT / "tools/image/mkesp"), "--efi",
                    str(BUILD / "BOOTX64.EFI"), "--tree", str(tree), "--out",
                    str(out)], check=True)
    shutil.rmtree(tree)
    return out


def linux_files(*names):
    """Files of the guest for image(): the kernel and what belongs to it."""
    return {n: BUILD / "guest" / n
            for n in names or ("vmlinuz", "initrd.img", "rootfs.erofs")}


def guest_files(*names):
    return {n + ".bin": BUILD / "guests" / (n + ".bin") for n in names}


def connect(path, timeout=COMMAND_S):
    """A descriptor of a unix socket that is about to be there."""
    end = time.monotonic() + timeout
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s.detach()
        except OSError:
            s.close()
            assert time.monotonic() < end, "%s does not answer" % path
            time.sleep(0.1)


def clean(text):
    """Serial text as a person sees it: no wiped prompts, no escapes."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    text = re.sub(r"\r +\r", "\r", text)
    lines = [re.sub(r"^.*\r(?=.)", "", line.rstrip("\r"))
             for line in text.split("\n")]
    return "\n".join(lines)


class Booted:
    """A machine and its prompt."""

    def __init__(self, name, img, on=SKYLAKE, time_limit=600, **more):
        # a socket's path has at most 107 bytes: keep the folder's short
        self.machine = Machine(image=str(img), on=on, time_limit=time_limit,
                               workdir=str(BUILD / "e2e" / (name + ".d")),
                               **more)
        self.started, self.on = None, on

    def start(self):
        self.machine.start()
        self.started = time.monotonic()
        self.com1 = pexpect.fdpexpect.fdspawn(
            self.machine.com1_fd, timeout=COMMAND_S, encoding="utf-8",
            codec_errors="replace")
        return self

    # -- COM1 --------------------------------------------------------------

    def expect(self, pattern, timeout=COMMAND_S):
        """Wait for a regular expression on COM1; what came before it."""
        try:
            self.com1.expect(pattern, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF, OSError) as e:
            raise AssertionError(
                "%r did not come on COM1 (%s)" % (pattern, self._state(e))
            ) from None
        return clean(self.com1.before + self.com1.after)

    def _state(self, error):
        result = self.machine.wait(2) if not isinstance(
            error, pexpect.TIMEOUT) else self.machine.result
        if result:
            return "the machine ended: %s %s" % (result.outcome,
                                                 result.detail)
        return "in %s s" % error.__class__.__name__.lower()

    def prompt(self, timeout=BOOT_S):
        return self.expect(re.escape(PROMPT), timeout)

    def command(self, line, timeout=COMMAND_S):
        """Type a command; its output, without echo and prompt."""
        self.com1.send(line + "\r")
        self.expect(re.escape(line) + "\r+\n", timeout)
        out = self.prompt(timeout)
        return out[:-len(PROMPT)].rstrip("\n")

    def ask(self, line, timeout=COMMAND_S):
        """The result of a command with --json."""
        out = self.command(line + " --json", timeout)
        for text in out.splitlines():
            if text.startswith("{"):
                reply = json.loads(text)
                assert "result" in reply, "%s: %s" % (line, text)
                return reply["result"]
        raise AssertionError("%s --json: no JSON in:\n%s" % (line, out))

    def log_text(self):
        """All that COM1 has said."""
        with open(self.machine.com1_log, errors="replace", newline="") as f:
            return clean(f.read())

    # -- COM2 --------------------------------------------------------------

    def bhk(self, *words, timeout=COMMAND_S, stdin=None):
        """Run bhk; the CompletedProcess (text)."""
        return subprocess.run(
            [str(BUILD / "tools/bhk/bhk"), "--connect",
             self.machine.com2_socket, "--timeout", str(timeout), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=timeout + 10, input=stdin or "", check=False)

    def rpc(self):
        return Rpc(self.machine.com2_socket, self.on == RYZEN)

    # -- the end -----------------------------------------------------------

    def poweroff(self, timeout=COMMAND_S):
        """By the shell; the machine's Result."""
        self.com1.send("poweroff\r")
        result = self.machine.wait(timeout)
        assert result, "the machine does not power off"
        return result

    def kill(self):
        self.machine.kill()

    def report(self):
        m = self.machine
        return "%s\nthe boot again: %s" % (m.tail(40), m.replay)


class Rpc:
    """JSON-RPC on COM2 without bhk.

    @may_lose: the line loses bytes, so that requests have to be repeated.
    Bochs 2.7 lets no NMI exit from a guest by AMD-V that was entered with
    IF=0: nobody takes what the UART has received meanwhile.
    """

    def __init__(self, path, may_lose=False):
        self.may_lose = may_lose
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.settimeout(COMMAND_S)
        self.rest = b""
        self.serial = 0

    def raw(self, data):
        self.sock.sendall(data)

    def line(self):
        while b"\n" not in self.rest:
            more = self.sock.recv(65536)
            assert more, "COM2 was closed"
            self.rest += more
        text, self.rest = self.rest.split(b"\n", 1)
        return json.loads(text)

    def ask(self, method, params):
        """The reply, which may be an error."""
        self.serial += 1
        text = json.dumps({"jsonrpc": "2.0", "id": self.serial,
                           "method": method, "params": params})
        # the LF in front ends what came of the one before
        self.raw(b"\n" + text.encode() + b"\n")
        reply = self.line()
        while reply.get("id") != self.serial:
            reply = self.line()
        return reply

    def call(self, method, **params):
        """The reply's result; an error is an AssertionError."""
        self.sock.settimeout(RETRY_S if self.may_lose else COMMAND_S)
        for tries in range(TRIES if self.may_lose else 1, 0, -1):
            try:
                reply = self.ask(method, params)
            except TimeoutError:
                assert tries > 1, "no reply to %s %s" % (method, params)
                continue
            if "result" in reply or tries == 1:
                break
        assert "result" in reply, (method, params, reply)
        return reply["result"]

    def console(self, name):
        """All that a partition's console has kept."""
        out, offset = "", 0
        while True:
            r = self.call("partition.console", name=name, offset=offset)
            out += r["data"]
            if r["next"] == offset or not r["data"]:
                return out
            offset = r["next"]

    def close(self):
        self.sock.close()
