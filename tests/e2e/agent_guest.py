"""agent_guest.py - a guest in plain QEMU (TCG) and a client for its agent.

The agent is reached through a virtio serial port instead of vsock, everything
else is as in a partition. Needs `make guest`. Nothing sleeps: each step waits
for a reply or an event.
"""
import copy
import json
import os
import pathlib
import select
import shlex
import socket
import subprocess
import tempfile
import time

import pytest

from machine import Slot

NO_VMM = "qemu-tcg, no VMM"     # in the table of times
ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = ROOT / os.environ.get("BUILD", "build") / "guest"
TIMEOUT_S = 60
BOOT_TIMEOUT_S = 180
DEFAULT_CONFIG = json.loads(
    (ROOT / "guest/image/default-config.json").read_text())

# include/proto/rpc.h
PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602
NOENT, EXIST, STATE, UNSUPPORTED = -32001, -32002, -32003, -32004
LIMIT, SYSTEM = -32006, -32008
LINE_MAX = 32768


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data", {})


class Guest:
    """A booted guest and the JSON-RPC connection to its agent."""

    def __init__(self, folder):
        self.console = folder / "console.txt"
        path = folder / "agent.sock"
        self.command = [
            "qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-m", "512",
            "-smp", "2", "-kernel", str(GUEST / "vmlinuz"),
            "-initrd", str(GUEST / "initrd.img"),
            "-append", "console=ttyS0 quiet panic=-1 "
                       "bulkhead.transport=/dev/vport1p1",
            "-drive", f"file={GUEST}/rootfs.erofs,if=none,id=d,format=raw,"
                      "readonly=on",
            "-device", "virtio-blk-pci,drive=d",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=a,path={path},server=on,wait=off",
            "-device", "virtserialport,chardev=a",
            "-nographic", "-monitor", "none", "-no-reboot", "-net", "none",
            "-serial", f"file:{self.console}",
        ]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.socket = self._connect(path)
        self.buffer = b""
        self.serial = 0
        self.names = 0
        self.events = []
        self.replies = {}
        self.ready = None
        end = time.monotonic() + BOOT_TIMEOUT_S
        while self.ready is None:
            self._pump(end)

    def _connect(self, path):
        end = time.monotonic() + TIMEOUT_S
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(path))
                return sock
            except OSError:
                sock.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError("QEMU: " + self.failure()) from None
                # the socket file's appearance has no event to wait for
                select.select([], [], [], 0.02)

    def failure(self):
        tail = ""
        if self.console.exists():
            tail = self.console.read_text(errors="replace")[-3000:]
        return (f"console:\n{tail}\nreplay: {shlex.join(self.command)}")

    def _pump(self, end):
        """Read until at least one more message has been sorted in."""
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise AssertionError("no answer; " + self.failure())
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError("guest is gone; " + self.failure())
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert len(line) < LINE_MAX
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        if "id" in message:
            self.replies[message["id"]] = message
        elif message["method"] == "agent.ready":
            self.ready = message["params"]
        else:
            self.events.append(message)

    def send_raw(self, data):
        self.socket.sendall(data)

    def reply(self, ident):
        end = time.monotonic() + TIMEOUT_S
        while ident not in self.replies:
            self._pump(end)
        return self.replies.pop(ident)

    def send(self, method, **params):
        self.serial += 1
        text = json.dumps({"jsonrpc": "2.0", "id": self.serial,
                           "method": method, "params": params})
        self.send_raw(text.encode() + b"\n")
        return self.serial

    def call(self, method, **params):
        message = self.reply(self.send(method, **params))
        if "error" in message:
            raise RpcError(message["error"])
        return message["result"]

    def wait(self, **want):
        """The first event not yet seen whose params have all of @want."""
        end = time.monotonic() + TIMEOUT_S
        seen = 0
        while True:
            for index in range(seen, len(self.events)):
                params = self.events[index]["params"]
                if all(params.get(k) == v for k, v in want.items()):
                    return self.events.pop(index)["params"]
            seen = len(self.events)
            self._pump(end)

    def name(self):
        self.names += 1
        return f"t{self.names}"

    def logs(self, ident):
        text, offset = "", 0
        while True:
            part = self.call("container.logs", id=ident, offset=offset)
            if part["next"] == offset:
                return text
            text, offset = text + part["data"], part["next"]

    def run(self, script, **options):
        """Run a shell script to its end; (exit event, output)."""
        ident = self.name()
        self.call("container.run", id=ident, args=["sh", "-c", script],
                  **options)
        exited = self.wait(id=ident, event="exited")
        text = self.logs(ident)
        self.call("container.delete", id=ident)
        return exited, text

    def run_config(self, config):
        ident = self.name()
        self.call("container.create", id=ident, config=config)
        self.call("container.start", id=ident)
        exited = self.wait(id=ident, event="exited")
        text = self.logs(ident)
        self.call("container.delete", id=ident)
        return exited, text

    def output(self, script, **options):
        exited, text = self.run(script, **options)
        assert exited["exitCode"] == 0, (exited, text)
        return text.strip()

    def sleeper(self, **options):
        """A container that stays until it is killed."""
        ident = self.name()
        self.call("container.run", id=ident,
                  args=["sh", "-c", "exec sleep 1000"], **options)
        return ident

    def drop(self, ident):
        self.call("container.delete", id=ident, force=True)


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    # the folder's path must fit into a unix socket's address
    slot = Slot()
    slot.take(print)
    try:
        with tempfile.TemporaryDirectory() as folder:
            g = Guest(pathlib.Path(folder))
            yield g
            g.process.kill()
            g.process.wait()
    finally:
        slot.give()


@pytest.fixture(autouse=True)
def tidy(guest):
    """Every test leaves the guest as it found it, and alive."""
    yield
    for c in guest.call("container.list")["containers"]:
        guest.drop(c["id"])
    guest.events.clear()


def config(script="true", **changes):
    c = copy.deepcopy(DEFAULT_CONFIG)
    c["process"]["args"] = ["sh", "-c", script]
    for key, value in changes.items():
        c[key] = value
    return c


def refused(guest, c):
    with pytest.raises(RpcError) as info:
        guest.call("container.create", id=guest.name(), config=c)
    assert guest.call("container.list")["containers"] == []
    return info.value
