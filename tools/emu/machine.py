"""machine.py - one emulated (or nested) machine that boots a Bulkhead image.

    from machine import Machine

    with Machine(image="build/bulkhead.img", on="qemu-tcg/q35") as m:
        com1 = pexpect.fdpexpect.fdspawn(m.com1_fd, timeout=300)
        com1.expect("bulkhead> ")
        com1.send("poweroff\\r")
        print(m.wait(60).outcome)        # "shutdown"

The table of machines is machines.py. What is particular to an emulator is in
on_bochs.py and on_qemu.py: a class with start(), look() and verdict().

A machine ends in one of the OUTCOMES; wait() says which, with the evidence.
Every run has a folder of its own (m.workdir) with com1.log, com2.log, the
emulator's log and configuration and a private copy of the disk: two runs never
meet. At most two emulators run at a time on a host: start() waits for one of
the slots.
"""
import collections
import ctypes
import errno
import fcntl
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import host
import machines
from host import HostError
from hub import Channel, Hub
from on_bochs import Bochs
from on_qemu import Qemu

SLOT_COUNT = 2
SLOT_PATH = "/tmp/bulkhead-emu.%d"
PR_SET_PDEATHSIG = 1
REFUSAL = b"bulkhead: cannot start:"
EMULATORS = {"bochs": Bochs, "qemu": Qemu, "kvm": Qemu}

OUTCOMES = {
    "shutdown": "the machine was powered off from inside",
    "refused": "the boot stage or the VMM refused to start",
    "panic": "the emulator gave up",
    "triple-fault": "the machine took a triple fault",
    "reset": "the machine was reset from inside",
    "time-limit": "the time limit was reached",
    "killed": "it was stopped from outside",
    "died": "the emulator ended by itself",
}

Result = collections.namedtuple(
    "Result", "outcome detail seconds exit_status workdir replay")


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Slot:
    """One of the host's emulator slots, held as a file lock."""

    def __init__(self):
        self._fd = None

    @staticmethod
    def _open(path):
        try:
            return os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            os.fchmod(fd, 0o666)
            return fd

    def take(self, say):
        started = time.monotonic()
        told = False
        while True:
            for i in range(SLOT_COUNT):
                fd = self._open(SLOT_PATH % i)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._fd = fd
                    return time.monotonic() - started
                except OSError as e:
                    os.close(fd)
                    if e.errno not in (errno.EAGAIN, errno.EACCES):
                        raise
            if not told:
                say("%d emulators run on this host already; waiting for one "
                    "to end" % SLOT_COUNT)
                told = True
            time.sleep(0.5)

    def give(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Machine:
    """See the file's head. The constructor's arguments:

    on          a machine of the table (machines.py), by any of its names
    model       a processor model of that emulator; None: the table's
    memory      MiB
    cpus        how many processors
    time_limit  wall seconds after which it is killed; None: no limit
    instrument  a library to preload into Bochs (counters)
    workdir     folder for logs; None: a new one below $TMPDIR
    keep        leave the folder behind (always left behind after a failure)
    disk        the controller of the boot disk; None: the machine's usual one
    nic         a network card; None: none
    drives      further disks, (controller, path) each; writes are dropped
    com2_path   the unix socket of COM2; None: workdir/com2.sock
    com1_path   a unix socket for COM1, too; None: none
    stay        do not end when the boot stage refuses to start
    reboots     do not end when the machine is reset: it boots again
    extra       further words of QEMU's command line
    attach      com1_fd is wanted (else COM1 goes to the log alone)
    log_errors  Bochs logs a guest's errors (a storm of them is slow)
    say         called with a line of text about progress
    """

    def __init__(self, image, on=machines.DEFAULT, model=None, memory=512,
                 cpus=1, time_limit=None, instrument=None, workdir=None,
                 keep=True, disk=None, nic=None, drives=(), com2_path=None,
                 com1_path=None, stay=False, reboots=False, extra=(),
                 say=None, attach=True, log_errors=True):
        self.row = machines.find(on)
        self.on = self.row.name
        is_bochs = self.row.backend == "bochs"
        self._need_file(image, "image", "; make it with: make")
        if is_bochs and model and model not in host.bochs_models():
            raise HostError("bochs has no model %r; it has: %s"
                            % (model, " ".join(host.bochs_models())))
        if instrument and not is_bochs:
            raise HostError("instrument works with bochs only")
        if instrument:
            self._need_file(instrument, "library")
        self.image = os.path.abspath(image)
        self.model = model or self.row.model
        self.disk = machines.choose("disk", disk, self.row)
        self.nic = machines.choose("nic", nic, self.row)
        self.drives = [(machines.choose("disk", kind, self.row),
                        self._need_file(path, "disk"))
                       for kind, path in drives]
        if self.drives and is_bochs:
            raise HostError("further disks work with QEMU only")
        if extra and is_bochs:
            raise HostError("extra words work with QEMU only")
        self.memory, self.cpus, self.time_limit = memory, cpus, time_limit
        self.instrument = instrument and os.path.abspath(instrument)
        self.keep, self.stay = keep, stay
        self.reboots, self.extra = reboots, list(extra)
        self.log_errors = log_errors
        self.workdir = os.path.abspath(
            workdir or tempfile.mkdtemp(prefix="bulkhead-"))
        os.makedirs(self.workdir, exist_ok=True)
        self.com1_log = self.file("com1.log")
        self.com2_log = self.file("com2.log")
        self.emulator_log = self.file("emulator.log")
        self.com2_socket = com2_path or self.file("com2.sock")
        self.com1_socket = com1_path
        self.com1_fd = None         # for tests: what COM1 says, from the start
        self.result = None
        self.waited = 0.0           # seconds for a slot
        self._say = say or (lambda text: None)
        self._attach = attach
        self._slot, self._hub = Slot(), Hub()
        self._proc = None
        self._ended = threading.Event()
        self._reason = None         # (outcome, detail) found while it runs
        self._tail1 = b""
        self._emulator = EMULATORS[self.row.backend](self)
        self._started = self._deadline = None

    @staticmethod
    def _need_file(path, what, remedy=""):
        if not os.path.isfile(path):
            raise HostError("%s: no such %s%s" % (path, what, remedy))
        return os.path.abspath(path)

    # -- life --------------------------------------------------------------

    def start(self):
        host.require(self.row.backend)
        self._forget_old_logs()
        self.waited = self._slot.take(self._say)
        try:
            self._emulator.start()
        except BaseException:
            self._slot.give()
            raise
        threading.Thread(target=self._watch, daemon=True,
                         name="machine-watch").start()
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.kill()

    def kill(self, outcome="killed", detail=""):
        """Stop it now (SIGKILL: Bochs ignores SIGTERM); returns the Result."""
        if self._proc is None:
            return None
        if self.result is None:
            if self._reason is None:
                self._reason = (outcome, detail)
            self._proc.kill()
        return self.wait()

    def wait(self, timeout=None):
        """Wait for the end; None if it still runs after @timeout seconds."""
        self._ended.wait(timeout)
        return self.result

    def is_running(self):
        return self._proc is not None and not self._ended.is_set()

    def send(self, text):
        """Type into COM1."""
        self._hub.send(self._com1, text.encode() if isinstance(text, str)
                       else text)

    def tail(self, lines=30):
        """The last lines of COM1 and of the emulator's log."""
        out = []
        for path in (self.com1_log, self.emulator_log,
                     *self._emulator.evidence(self.result)):
            out.append("--- %s" % path)
            try:
                with open(path, "rb") as f:
                    f.seek(max(0, os.path.getsize(path) - 65536))
                    text = f.read().decode(errors="replace")
            except OSError as e:
                text = str(e)
            # the firmware's escapes would clear the reader's screen
            text = re.sub(r"\x1b\[[0-9;=?]*[A-Za-z]", "", text)
            out += text.replace("\r", "").splitlines()[-lines:]
        return "\n".join(out)

    @property
    def replay(self):
        """The command line that does this run again."""
        words = ["tools/emu/emu.py", "run", "--on", self.on, "--image",
                 self.image, "--memory", str(self.memory), "--cpus",
                 str(self.cpus)]
        if self.model != self.row.model:
            words += ["--model", self.model]
        if self.disk != self.row.disks[0]:
            words += ["--disk", self.disk]
        if self.nic:
            words += ["--nic", self.nic]
        for kind, path in self.drives:
            words += ["--drive", "%s=%s" % (kind, path)]
        words += ["--extra=" + word for word in self.extra]
        if self.reboots:
            words += ["--reboots"]
        if self.time_limit:
            words += ["--time-limit", str(self.time_limit)]
        if self.instrument:
            words += ["--instrument", self.instrument]
        return " ".join(shlex.quote(w) for w in words)

    def attach_fd(self, fd):
        """Connect a descriptor (socket or tty) to COM1."""
        self._hub.add_peer(self._com1, fd)

    # -- for the emulators --------------------------------------------------------------

    def file(self, name):
        return os.path.join(self.workdir, name)

    def _forget_old_logs(self):
        """A folder may be used again; what it says must be of this run."""
        for name in ("com1.log", "com2.log", "emulator.log", "screen.log",
                     "e9.log", "qmp.log", "resets.log", "disk.img",
                     "disk.img.lock"):
            try:
                os.unlink(self.file(name))
            except FileNotFoundError:
                pass

    def add_channel(self, name, fd, **more):
        """One more stream of the machine; it is logged, too."""
        channel = Channel(name, fd, self.file(name + ".log"), **more)
        self._hub.add_channel(channel)
        return channel

    def send_to(self, channel, data):
        self._hub.send(channel, data)

    def wire(self, com1, com2):
        """Connect the hub to the machine's two serial ports."""
        self._com1 = Channel("com1", com1, self.com1_log,
                             watch=self._watch_com1)
        self._com2 = Channel("com2", com2, self.com2_log)
        if self._attach:
            ours, theirs = socket.socketpair()
            self.com1_fd = ours.detach()
            self._hub.add_peer(self._com1, theirs.detach())
        if self.com1_socket:
            self._hub.listen(self._com1, self.com1_socket)
        self._hub.listen(self._com2, self.com2_socket)
        for c in (self._com1, self._com2):
            self._hub.add_channel(c)
        self._hub.start()

    def spawn(self, argv, **more):
        with open(self.file("command.txt"), "w") as f:
            f.write(" ".join(shlex.quote(a) for a in argv) + "\n")
        self._proc = subprocess.Popen(argv, cwd=self.workdir,
                                      start_new_session=True,
                                      preexec_fn=_die_with_parent, **more)
        self._started = time.monotonic()
        if self.time_limit:
            self._deadline = self._started + self.time_limit

    # -- while it runs -----------------------------------------------------

    def _watch_com1(self, data):
        text = self._tail1 + data
        at = text.find(REFUSAL)
        if at >= 0 and self._reason is None and not self.stay:
            end = text.find(b"\n", at)
            if end >= 0:
                line = text[at + len(REFUSAL):end].decode(errors="replace")
                self._refusal = (line.strip(), time.monotonic())
        self._tail1 = text[at:] if at >= 0 else text[-len(REFUSAL):]
        if len(self._tail1) > 4096:
            self._tail1 = b""

    _refusal = None

    def _watch(self):
        """Runs in a thread of its own until the machine has ended."""
        while True:
            try:
                status = self._proc.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                pass
            now = time.monotonic()
            if self._reason is not None:
                self._stop_soon()
            elif self._deadline and now > self._deadline:
                self._reason = ("time-limit", "%d s" % self.time_limit)
                self._proc.kill()
            elif self._refusal and now > self._refusal[1] + 1.0:
                self._reason = ("refused", self._refusal[0])
                self._proc.kill()
            else:
                self._look()
        self._finish(status)

    def _look(self):
        reason = self._emulator.look()
        if reason and self._reason is None:
            self._reason = reason

    def _last_words(self):
        """The emulator's own, if it has said anything."""
        try:
            with open(self.emulator_log, errors="replace") as f:
                lines = f.read().strip().splitlines()
        except OSError:
            lines = []
        return ": " + lines[-1] if lines else ""

    def _stop_soon(self):
        """Something final was seen; leave it a second to end by itself."""
        try:
            self._proc.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._proc.kill()

    def _finish(self, status):
        seconds = time.monotonic() - self._started
        time.sleep(0.05)
        self._hub.stop()
        self._slot.give()
        self._look()
        reason = self._reason
        if self._refusal and (reason is None or reason[0] == "shutdown"):
            reason = ("refused", self._refusal[0])  # the VMM powers off then
        if reason is None:
            reason = ("died", "exit status %d%s" % (status,
                                                    self._last_words()))
        if reason[0] == "reset":
            reason = self._emulator.verdict(reason)
        for name in ("disk.img", "disk.img.lock", "vars.fd"):
            try:
                os.unlink(self.file(name))
            except FileNotFoundError:
                pass
        self.result = Result(reason[0], reason[1], round(seconds, 2), status,
                             self.workdir, self.replay)
        if not self.keep and reason[0] == "shutdown":
            shutil.rmtree(self.workdir, ignore_errors=True)
        self._ended.set()
