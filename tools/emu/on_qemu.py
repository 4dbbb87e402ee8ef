"""on_qemu.py - run QEMU, with and without KVM: its command line, its events.

The serial ports and QMP are sockets that QEMU inherits, so nothing is left
behind in the file system. A machine's end is told by QMP's SHUTDOWN event: for
a reset -no-reboot ends QEMU, and the event has the reason. A triple fault is a
reset in QEMU's eyes; TCG writes two words about it among the registers that
"-d cpu_reset" logs, KVM tells nobody.
"""
import collections
import datetime
import json
import shutil
import socket
import subprocess

import host
from host import HostError

# As in on_bochs.py, so that both tell the same time of day.
RTC_BASE = datetime.datetime.utcfromtimestamp(1700000000).isoformat()
# Touched beforehand: a page that is first touched by TCG is a fault in the
# middle of emulation, and the VMM touches all: 512 MiB are ready 1.5 s sooner.
PREALLOC_MAX_MIB = 1024

BOARDS = {"q35": "q35", "i440fx": "pc"}
DISKS = {"ahci": "ide-hd", "ide": "ide-hd", "nvme": "nvme",
         "virtio-blk": "virtio-blk-pci"}
# reason of the event -> outcome
ENDS = {"guest-shutdown": "shutdown", "guest-reset": "reset",
        "subsystem-reset": "reset", "guest-panic": "panic",
        "host-qmp-quit": "killed", "host-signal": "killed",
        "host-ui": "killed", "host-error": "panic"}
TRIPLE_FAULT = b"Triple fault"


class Qemu:
    def __init__(self, machine):
        self._m = machine
        self._qmp = b""
        self._reason = None

    def start(self):
        m = self._m
        if m.row.backend == "kvm":
            obstacle = host.kvm_obstacle()
            if obstacle:
                raise HostError("kvm cannot run here: %s; or take --on bochs "
                                "or --on qemu" % obstacle)
        shutil.copyfile(host.OVMF_VARS, m.file("vars.fd"))
        pairs = [socket.socketpair() for _ in range(3)]
        fds = [theirs.fileno() for _, theirs in pairs]
        qmp = m.add_channel("qmp", pairs[2][0].detach(), pace=4096,
                            watch=self._watch_qmp)
        m.send_to(qmp, b'{"execute":"qmp_capabilities"}\n')
        m.wire(pairs[0][0].detach(), pairs[1][0].detach())
        with open(m.emulator_log, "wb") as log:
            m.spawn(self.command(*fds), stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, pass_fds=fds)
        for _, theirs in pairs:
            theirs.close()

    def command(self, com1, com2, qmp):
        """The command line; the arguments are descriptors."""
        m = self._m
        argv = [host.QEMU, *self._processor(), "-m", str(m.memory),
                "-nodefaults", "-vga", "std", "-display", "none",
                "-rtc", "base=%s,clock=vm" % RTC_BASE,
                "-d", "cpu_reset", "-D", m.file("resets.log"),
                "-drive", "if=pflash,format=raw,readonly=on,file="
                + host.OVMF_CODE,
                "-drive", "if=pflash,format=raw,file=" + m.file("vars.fd"),
                "-debugcon", "file:" + m.file("e9.log")]
        if not m.reboots:
            argv += ["-no-reboot"]
        argv += self._disks([(m.disk, m.image)] + m.drives)
        if m.nic:
            argv += ["-netdev", "user,id=net", "-device",
                     m.nic + ",netdev=net,romfile="]
        for name, fd in (("com1", com1), ("com2", com2), ("qmp", qmp)):
            argv += ["-chardev", "socket,id=%s,fd=%d" % (name, fd)]
        return argv + ["-serial", "chardev:com1", "-serial", "chardev:com2",
                       "-mon", "chardev=qmp,mode=control", *m.extra]

    def _processor(self):
        """Board, accelerator and processors."""
        m = self._m
        # No SMM: nothing of this firmware uses it, KVM on some hosts has
        # none, and ACPI is on from the start, as on real machines.
        argv = ["-machine", BOARDS[m.row.board] + ",smm=off"]
        if m.row.backend == "kvm":
            argv += ["-accel", "kvm"]
        else:
            # A thread a processor: that is what lets two run at a time.
            argv += ["-accel", "tcg,thread=single"]
            if m.memory <= PREALLOC_MAX_MIB:
                argv += ["-mem-prealloc"]
        return argv + ["-cpu", m.model, "-smp", str(m.cpus)]

    def _disks(self, disks):
        """All disks, the boot disk first; their writes are dropped."""
        argv = []
        bus = self._m.row.board == "i440fx" and "ahci" or "ide"
        if bus == "ahci" and "ahci" in [kind for kind, _ in disks]:
            argv += ["-device", "ahci,id=ahci"]
        used = collections.Counter()
        for i, (kind, path) in enumerate(disks):
            device = "%s,drive=disk%d" % (DISKS[kind], i)
            if kind == "ahci":
                device += ",bus=%s.%d" % (bus, used[kind])
            elif kind == "ide":
                device += ",bus=ide.%d,unit=%d" % divmod(used[kind], 2)
            elif kind == "nvme":
                device += ",serial=disk%d" % i
            if i == 0:
                device += ",bootindex=0"
            used[kind] += 1
            argv += ["-drive", "if=none,id=disk%d,format=raw,snapshot=on,"
                     "file=%s" % (i, path.replace(",", ",,")),
                     "-device", device]
        return argv

    def look(self):
        """(outcome, detail) if something final was seen, else None."""
        return self._reason

    def verdict(self, reason):
        """A reset may have been a triple fault."""
        try:
            with open(self._m.file("resets.log"), "rb") as f:
                if TRIPLE_FAULT in f.read():
                    return ("triple-fault", reason[1])
        except OSError:
            pass
        return reason

    def evidence(self, result):
        """Further logs that tell how it ended."""
        if result and result.outcome in ("reset", "triple-fault"):
            return [self._m.file("resets.log")]
        return []

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
                self._reason = (ENDS.get(why, "shutdown"), why)
