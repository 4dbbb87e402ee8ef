"""on_bochs.py - run Bochs: its configuration, its terminal, its log.

Bochs has no channel for events. How a machine ended is read from the log (a
reset is a line of its module pc_system, a power-off is a panic) and from the
terminal, on which a panic is shown that did not reach the log.
"""
import fcntl
import os
import re
import struct
import subprocess
import termios
import tty

import host
from host import HostError

TIME0 = 1700000000          # the machine's clock starts here in every run
SCREEN_KEEP = 65536
SCREEN_SIZE = struct.pack("HHHH", 50, 132, 0, 0)


class Bochs:
    def __init__(self, machine):
        self._m = machine
        self._screen = bytearray()  # the last of Bochs' terminal
        self._log_at = 0
        self._slaves = []

    def start(self):
        m = self._m
        disk = self._private_disk()
        ttys = []
        for _ in range(3):
            master, slave = os.openpty()
            tty.setraw(slave)
            ttys.append((master, slave))
        fcntl.ioctl(ttys[2][1], termios.TIOCSWINSZ, SCREEN_SIZE)
        names = [os.ttyname(slave) for _, slave in ttys]
        with open(m.file("bochsrc"), "w") as f:
            f.write(self._bochsrc(disk, names[0], names[1]))
        with open(m.file("debugger.rc"), "w") as f:
            f.write("c\n")
        env = dict(os.environ, TERM="xterm", LC_ALL="C")
        env.pop("BOCHSRC", None)
        if m.instrument:
            env["LD_PRELOAD"] = m.instrument
        m.add_channel("screen", ttys[2][0], watch=self._watch_screen)
        m.wire(ttys[0][0], ttys[1][0])
        # COM1 and COM2 keep their slave ends open here: without a reader
        # the pty would hang up in between
        self._slaves = [slave for _, slave in ttys]
        m.spawn(["bochs", "-q", "-f", m.file("bochsrc"), "-rc",
                 m.file("debugger.rc")], stdin=ttys[2][1],
                stdout=ttys[2][1], stderr=ttys[2][1], env=env)

    def look(self):
        """(outcome, detail) if something final was seen, else None."""
        for line in self._new_lines():
            reason = self.judge_line(line)
            if reason and not (reason[0] == "reset" and self._m.reboots):
                return reason
        m = re.search(rb">>PANIC<<\s*([^\r\n\x1b]*)", self._screen)
        return m and self.judge(m.group(1).decode(errors="replace"))

    @staticmethod
    def verdict(reason):
        """Bochs tells a triple fault from a reset by itself."""
        return reason

    @staticmethod
    def evidence(_result):
        """Further logs that tell how it ended."""
        return []

    @classmethod
    def judge_line(cls, line):
        """What a line of the log means: (outcome, detail), or None."""
        m = re.match(r"(\d+)i\[SYS *\] bx_pc_system_c::(Reset\(\w+\))", line)
        if m and int(m.group(1)) > 0:       # at 0 it is the power-on
            return ("reset", m.group(2))
        m = re.match(r"\d+p\[[^\]]*\]\s*(?:>>PANIC<<\s*)?(.*)", line)
        return cls.judge(m.group(1)) if m else None

    @staticmethod
    def judge(text):
        """What a panic means; "Shutdown" is one of them in Bochs' eyes."""
        if "shutdown requested" in text or "soft power off" in text:
            return ("shutdown", text)
        if "exception with no resolution" in text:
            return ("triple-fault", text)
        return ("panic", text)

    def _private_disk(self):
        path = self._m.file("disk.img")
        done = subprocess.run(["cp", "--sparse=always", "--reflink=auto",
                               self._m.image, path], stderr=subprocess.PIPE,
                              check=False)
        if done.returncode != 0:
            raise HostError("cannot copy the image: %s"
                            % done.stderr.decode().strip())
        return path

    def _bochsrc(self, disk, com1, com2):
        m = self._m
        rows = [
            "display_library: term",
            "romimage: file=" + host.OVMF_WHOLE,
            "vgaromimage: file=" + host.VGABIOS,
            # no PCI display: the term library panics on 32 bpp graphics
            "pci: enabled=1, chipset=" + m.row.board,
            "vga: extension=vbe, update_freq=1",
            "cpu: model=%s, count=%d, ips=50000000, reset_on_triple_fault=0"
            % (m.model, m.cpus),
            "memory: guest=%d, host=%d" % (m.memory, m.memory),
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
            "log: " + m.emulator_log,
            "panic: action=fatal",
            "error: action=" + ("report" if m.log_errors else "ignore"),
            "info: action=ignore, pc_system=report",
            "debug: action=ignore",
        ]
        return "".join(r + "\n" for r in rows)

    def _watch_screen(self, data):
        self._screen += data
        if len(self._screen) > SCREEN_KEEP:
            del self._screen[:-SCREEN_KEEP]

    def _new_lines(self):
        """Whole lines that the log has got since the last call."""
        try:
            with open(self._m.emulator_log, "rb") as f:
                f.seek(self._log_at)
                data = f.read()
        except OSError:
            data = b""
        whole = data[:data.rfind(b"\n") + 1]
        self._log_at += len(whole)
        return whole.decode(errors="replace").splitlines()
