"""machine.py - one emulated (or nested) machine that boots a Bulkhead image.

    from machine import Machine

    with Machine(image="build/esp.img", on="bochs", memory=512) as m:
        com1 = pexpect.fdpexpect.fdspawn(m.com1_fd, timeout=300)
        com1.expect("bulkhead> ")
        com1.send("poweroff\\r")
        print(m.wait(60).outcome)        # "shutdown"

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
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

import host
from host import HostError
from hub import Channel, Hub

SLOT_COUNT = 2
SLOT_PATH = "/tmp/bulkhead-emu.%d"
PR_SET_PDEATHSIG = 1
REFUSAL = b"bulkhead: cannot start:"
TIME0 = 1700000000          # the machine's clock starts here in every run
SCREEN_KEEP = 65536

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

    on          "bochs", "qemu" (TCG, no VT-x) or "kvm"
    model       a processor model of that emulator; None: its default
    memory      MiB
    cpus        how many processors
    time_limit  wall seconds after which it is killed; None: no limit
    instrument  a library to preload into Bochs (counters)
    workdir     folder for logs; None: a new one below $TMPDIR
    keep        leave the folder behind (always left behind after a failure)
    com2_path   the unix socket of COM2; None: workdir/com2.sock
    com1_path   a unix socket for COM1, too; None: none
    stay        do not end when the boot stage refuses to start
    attach      com1_fd is wanted (else COM1 goes to the log alone)
    log_errors  Bochs logs a guest's errors (a storm of them is slow)
    say         called with a line of text about progress
    """

    def __init__(self, image, on="bochs", model=None, memory=512, cpus=1,
                 time_limit=None, instrument=None, workdir=None, keep=True,
                 com2_path=None, com1_path=None, stay=False, say=None,
                 attach=True, log_errors=True):
        if on not in host.DEFAULT_MODEL:
            raise HostError("no backend %r; there are: %s"
                            % (on, ", ".join(host.DEFAULT_MODEL)))
        if not os.path.isfile(image):
            raise HostError("%s: no such image; make it with: make image"
                            % image)
        if on == "bochs" and model and model not in host.bochs_models():
            raise HostError("bochs has no model %r; it has: %s"
                            % (model, " ".join(host.bochs_models())))
        if instrument and on != "bochs":
            raise HostError("instrument works with bochs only")
        if instrument and not os.path.isfile(instrument):
            raise HostError("%s: no such library" % instrument)
        self.image, self.on = os.path.abspath(image), on
        self.model = model or host.DEFAULT_MODEL[on]
        self.memory, self.cpus, self.time_limit = memory, cpus, time_limit
        self.instrument = instrument and os.path.abspath(instrument)
        self.keep, self.stay = keep, stay
        self.log_errors = log_errors
        self.workdir = os.path.abspath(
            workdir or tempfile.mkdtemp(prefix="bulkhead-"))
        os.makedirs(self.workdir, exist_ok=True)
        self.com1_log = self._file("com1.log")
        self.com2_log = self._file("com2.log")
        self.emulator_log = self._file("emulator.log")
        self.com2_socket = com2_path or self._file("com2.sock")
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
        self._screen = bytearray()  # the last of Bochs' terminal
        self._tail1 = b""
        self._qmp = b""
        self._started = self._deadline = None

    # -- life --------------------------------------------------------------

    def start(self):
        host.require(self.on)
        self._forget_old_logs()
        self.waited = self._slot.take(self._say)
        try:
            getattr(self, "_start_" + ("bochs" if self.on == "bochs"
                                       else "qemu"))()
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
        for path in (self.com1_log, self.emulator_log):
            out.append("--- %s" % path)
            try:
                with open(path, "rb") as f:
                    f.seek(max(0, os.path.getsize(path) - 65536))
                    text = f.read().decode(errors="replace")
            except OSError as e:
                text = str(e)
            out += text.replace("\r", "").splitlines()[-lines:]
        return "\n".join(out)

    @property
    def replay(self):
        """The command line that does this run again."""
        words = ["tools/emu/emu.py", "run", "--on", self.on, "--model",
                 self.model, "--image", self.image, "--memory",
                 str(self.memory), "--cpus", str(self.cpus)]
        if self.time_limit:
            words += ["--time-limit", str(self.time_limit)]
        if self.instrument:
            words += ["--instrument", self.instrument]
        return " ".join(shlex.quote(w) for w in words)

    def attach_fd(self, fd):
        """Connect a descriptor (socket or tty) to COM1."""
        self._hub.add_peer(self._com1, fd)

    # -- both --------------------------------------------------------------

    def _file(self, name):
        return os.path.join(self.workdir, name)

    def _forget_old_logs(self):
        """A folder may be used again; what it says must be of this run."""
        for name in ("com1.log", "com2.log", "emulator.log", "screen.log",
                     "e9.log", "qmp.log", "disk.img", "disk.img.lock"):
            try:
                os.unlink(self._file(name))
            except FileNotFoundError:
                pass

    def _private_disk(self):
        path = self._file("disk.img")
        done = subprocess.run(["cp", "--sparse=always", "--reflink=auto",
                               self.image, path], stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise HostError("cannot copy the image: %s"
                            % done.stderr.decode().strip())
        return path

    def _wire(self, com1, com2):
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

    def _spawn(self, argv, **more):
        with open(self._file("command.txt"), "w") as f:
            f.write(" ".join(shlex.quote(a) for a in argv) + "\n")
        self._proc = subprocess.Popen(argv, cwd=self.workdir,
                                      start_new_session=True,
                                      preexec_fn=_die_with_parent, **more)
        self._started = time.monotonic()
        if self.time_limit:
            self._deadline = self._started + self.time_limit

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
            elif self.on == "bochs":
                self._look_into_bochs_log()
        self._finish(status)

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
        if self.on == "bochs":
            self._look_into_bochs_log()
        reason = self._reason
        if self._refusal and (reason is None or reason[0] == "shutdown"):
            reason = ("refused", self._refusal[0])  # the VMM powers off then
        if reason is None and self.on != "bochs" and status == 0:
            reason = ("shutdown", "")
        if reason is None:
            reason = ("died", "exit status %d" % status)
        for name in ("disk.img", "disk.img.lock", "vars.fd"):
            try:
                os.unlink(self._file(name))
            except FileNotFoundError:
                pass
        self.result = Result(reason[0], reason[1], round(seconds, 2), status,
                             self.workdir, self.replay)
        if not self.keep and reason[0] == "shutdown":
            shutil.rmtree(self.workdir, ignore_errors=True)
        self._ended.set()

    # -- Bochs -------------------------------------------------------------

    def _bochsrc(self, disk, com1, com2):
        rows = [
            "display_library: term",
            "romimage: file=" + host.OVMF_WHOLE,
            "vgaromimage: file=" + host.VGABIOS,
            # no PCI display: the term library panics on 32 bpp graphics
            "pci: enabled=1, chipset=i440fx",
            "vga: extension=vbe, update_freq=1",
            "cpu: model=%s, count=%d, ips=50000000, reset_on_triple_fault=0"
            % (self.model, self.cpus),
            "memory: guest=%d, host=%d" % (self.memory, self.memory),
            "clock: sync=none, time0=%d, rtc_sync=0" % TIME0,
            "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
            "ata0-master: type=disk, path=%s, mode=flat" % disk,
            "boot: disk",
            "com1: enabled=1, mode=term, dev=" + com1,
            "com2: enabled=1, mode=term, dev=" + com2,
            "port_e9_hack: enabled=1",
            "speaker: enabled=0",
            "mouse: enabled=0",
            "magic_break: enabled=0",
            "log: " + self.emulator_log,
            "panic: action=fatal",
            "error: action=" + ("report" if self.log_errors else "ignore"),
            "info: action=ignore",
            "debug: action=ignore",
        ]
        return "".join(r + "\n" for r in rows)

    def _start_bochs(self):
        disk = self._private_disk()
        ttys = []
        for _ in range(3):
            master, slave = os.openpty()
            tty.setraw(slave)
            ttys.append((master, slave))
        fcntl.ioctl(ttys[2][1], termios.TIOCSWINSZ,
                    struct.pack("HHHH", 50, 132, 0, 0))
        names = [os.ttyname(slave) for _, slave in ttys]
        with open(self._file("bochsrc"), "w") as f:
            f.write(self._bochsrc(disk, names[0], names[1]))
        with open(self._file("debugger.rc"), "w") as f:
            f.write("c\n")
        env = dict(os.environ, TERM="xterm", LC_ALL="C")
        env.pop("BOCHSRC", None)
        if self.instrument:
            env["LD_PRELOAD"] = self.instrument
        self._screen_channel = Channel("screen", ttys[2][0],
                                       self._file("screen.log"),
                                       watch=self._watch_screen)
        self._hub.add_channel(self._screen_channel)
        self._wire(ttys[0][0], ttys[1][0])
        # COM1 and COM2 keep their slave ends open here: without a reader
        # the pty would hang up in between
        self._slaves = [slave for _, slave in ttys]
        self._log_at = 0
        self._spawn(["bochs", "-q", "-f", self._file("bochsrc"), "-rc",
                     self._file("debugger.rc")], stdin=ttys[2][1],
                    stdout=ttys[2][1], stderr=ttys[2][1], env=env)

    def _watch_screen(self, data):
        self._screen += data
        if len(self._screen) > SCREEN_KEEP:
            del self._screen[:-SCREEN_KEEP]

    def _look_into_bochs_log(self):
        """Panics are final; "Shutdown" is one of them in Bochs' eyes."""
        try:
            with open(self.emulator_log, "rb") as f:
                f.seek(self._log_at)
                data = f.read()
        except OSError:
            data = b""
        whole = data[:data.rfind(b"\n") + 1]
        self._log_at += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            m = re.match(r"\d+p\[[^\]]*\]\s*(?:>>PANIC<<\s*)?(.*)", line)
            if m and self._reason is None:
                self._reason = self._judge_panic(m.group(1))
        m = re.search(rb">>PANIC<<\s*([^\r\n\x1b]*)", self._screen)
        if m and self._reason is None:
            self._reason = self._judge_panic(m.group(1).decode(
                errors="replace"))

    @staticmethod
    def _judge_panic(text):
        if "shutdown requested" in text or "soft power off" in text:
            return ("shutdown", text)
        if "exception with no resolution" in text:
            return ("triple-fault", text)
        return ("panic", text)

    # -- QEMU, with and without KVM ----------------------------------------

    def _start_qemu(self):
        if self.on == "kvm":
            obstacle = host.kvm_obstacle()
            if obstacle:
                raise HostError("kvm cannot run here: %s; use --on bochs"
                                % obstacle)
        shutil.copyfile(host.OVMF_VARS, self._file("vars.fd"))
        pairs = [socket.socketpair() for _ in range(3)]
        fds = [theirs.fileno() for _, theirs in pairs]
        argv = ["qemu-system-x86_64", "-machine", "q35", "-accel",
                "kvm" if self.on == "kvm" else "tcg", "-cpu", self.model,
                "-smp", str(self.cpus), "-m", str(self.memory),
                "-nodefaults", "-vga", "std", "-display", "none",
                "-no-reboot", "-drive",
                "if=pflash,format=raw,readonly=on,file=" + host.OVMF_CODE,
                "-drive", "if=pflash,format=raw,file=" + self._file("vars.fd"),
                "-drive", "if=none,id=disk,format=raw,snapshot=on,file="
                + self.image, "-device", "ide-hd,drive=disk,bootindex=0",
                "-debugcon", "file:" + self._file("e9.log")]
        for name, fd in zip(("com1", "com2", "qmp"), fds):
            argv += ["-chardev", "socket,id=%s,fd=%d" % (name, fd)]
        argv += ["-serial", "chardev:com1", "-serial", "chardev:com2",
                 "-mon", "chardev=qmp,mode=control"]
        qmp = Channel("qmp", pairs[2][0].detach(), self._file("qmp.log"),
                      pace=4096, watch=self._watch_qmp)
        self._hub.add_channel(qmp)
        self._hub.send(qmp, b'{"execute":"qmp_capabilities"}\n')
        self._wire(pairs[0][0].detach(), pairs[1][0].detach())
        with open(self.emulator_log, "wb") as log:
            self._spawn(argv, stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log, pass_fds=fds)
        for _, theirs in pairs:
            theirs.close()

    def _watch_qmp(self, data):
        self._qmp += data
        *lines, self._qmp = self._qmp.split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") == "SHUTDOWN" and self._reason is None:
                why = event.get("data", {}).get("reason", "")
                self._reason = (("reset", why) if why == "guest-reset"
                                else ("shutdown", why))
