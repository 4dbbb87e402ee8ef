#!/usr/bin/python3
"""emu.py - run a Bulkhead image on an emulated machine.

  emu.py machines                   the machines there are
  emu.py pick                       which one `make run` takes, and why
  emu.py run --on qemu              boot build/bulkhead.img; COM1 is this
                                    terminal
"""
import argparse
import json
import os
import select
import signal
import sys
import termios
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machines                                         # noqa: E402
from machine import OUTCOMES, HostError, Machine        # noqa: E402

QUIT = b"\x1c"              # Ctrl-\ (Ctrl-] leaves a console)
EXIT_CODE = {"shutdown": 0, "killed": 0, "refused": 3, "time-limit": 4}


def say(text):
    sys.stderr.write("emu: %s\r\n" % text)
    sys.stderr.flush()


class Terminal:
    """This terminal in raw mode, given back as it was."""

    def __init__(self):
        self._old = None

    def __enter__(self):
        if sys.stdin.isatty():
            self._old = termios.tcgetattr(0)
            tty.setraw(0)
        return self

    def __exit__(self, *exc):
        if self._old:
            termios.tcsetattr(0, termios.TCSADRAIN, self._old)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def bridge(machine):
    """COM1 is this terminal until the machine ends or Ctrl-\\ is typed."""
    inputs = [machine.com1_fd, 0]
    with Terminal():
        if sys.stdin.isatty():
            say("COM1 is this terminal; Ctrl-\\ ends the machine")
        while machine.is_running() or select.select([machine.com1_fd], [], [],
                                                    0)[0]:
            for fd in select.select(inputs, [], [], 0.2)[0]:
                data = os.read(fd, 65536)
                if fd == 0:
                    if not data:
                        inputs.remove(0)    # end of a file or pipe
                    elif QUIT in data and sys.stdin.isatty():
                        return machine.kill(detail="Ctrl-\\")
                    else:
                        machine.send(data)
                elif data:
                    write_all(1, data)
                else:
                    return machine.wait()
    return machine.wait()


def pty_for_com1(machine):
    master, slave = os.openpty()
    tty.setraw(slave)
    machine.attach_fd(master)
    say("COM1 is %s" % os.ttyname(slave))
    return slave


def chosen(a):
    """The row that --on names, or the picked one; what it is, said."""
    if a.on != "auto":
        row = machines.find(a.on)
        say("taking %s: %s" % (row.name, row.what))
        return row
    row, reason = machines.pick()
    say("taking %s: %s" % (row.name, reason))
    hint = machines.pick_hint(row)
    if hint:
        say(hint)
    return row


def drive(text):
    kind, sep, path = text.partition("=")
    if not sep:
        raise argparse.ArgumentTypeError("%r is not CONTROLLER=FILE" % text)
    return kind, path


def run(a):
    row = chosen(a)
    machine = Machine(
        image=a.image, on=row.name, model=a.model, memory=a.memory,
        cpus=a.cpus, time_limit=a.time_limit, instrument=a.instrument,
        workdir=a.workdir, disk=a.disk, nic=a.nic, drives=a.drive,
        com2_path=a.com2_socket, com1_path=a.com1_socket, stay=a.stay,
        reboots=a.reboots, extra=a.extra,
        say=say, attach=a.com1 == "stdio")
    say("logs are in %s, COM2 is %s" % (machine.workdir, machine.com2_socket))
    try:
        machine.start()
        if a.com1 == "stdio":
            result = bridge(machine)
        else:
            if a.com1 == "pty":
                pty_for_com1(machine)
            else:
                say("COM1 goes to %s" % machine.com1_log)
            result = machine.wait()
    except KeyboardInterrupt:
        result = machine.kill(detail="interrupted")
    if a.json:
        print(json.dumps(result._asdict()))
    else:
        say("ended after %.1f s: %s%s" % (
            result.seconds, OUTCOMES[result.outcome],
            " (%s)" % result.detail if result.detail else ""))
        if result.outcome not in EXIT_CODE:
            say("the last lines of the logs:")
            sys.stderr.write(machine.tail(15) + "\n")
            say("again with: " + result.replay)
    return EXIT_CODE.get(result.outcome, 5)


def pick(a):
    row, reason = machines.pick()
    packages, _ = machines.missing(row)
    hint = machines.pick_hint(row)
    if a.json:
        print(json.dumps({"on": row.name, "model": row.model,
                          "reason": reason, "seconds": row.seconds,
                          "hint": hint, "missing": packages}))
        return 0
    print("%s, processor %s" % (row.name, row.model))
    print("why: %s" % reason)
    if hint:
        print(hint)
    if packages:
        print("missing packages: apt-get install %s" % " ".join(packages))
    return 0


def table(a):
    print(json.dumps(machines.as_objects(), indent=1) if a.json
          else machines.as_text())
    return 0


def parse():
    p = argparse.ArgumentParser(
        prog="emu.py", description="Run a Bulkhead image on an emulated "
        "machine.", epilog="run ends with 0 if the machine was powered off, 3 "
        "if the boot was refused, 4 at the time limit, 5 otherwise.")
    sub = p.add_subparsers(dest="command", required=True)
    r = sub.add_parser("run", help="boot an image")
    r.add_argument("--image", default="build/bulkhead.img")
    r.add_argument("--on", default="auto", metavar="MACHINE",
                   help="any name that `machines` prints; auto takes what "
                   "`pick` says")
    r.add_argument("--model", help="another processor of that emulator (see "
                   "`bochs --help cpu`, `qemu-system-x86_64 -cpu help`)")
    r.add_argument("--memory", type=int, default=512, metavar="MIB")
    r.add_argument("--cpus", type=int, default=1)
    r.add_argument("--disk", metavar="CONTROLLER",
                   help="what the image's disk is on: ahci, nvme, virtio-blk "
                   "or ide")
    r.add_argument("--drive", action="append", type=drive, default=[],
                   metavar="CONTROLLER=FILE",
                   help="one more disk (QEMU); the file is not changed")
    r.add_argument("--nic", help="a network card: e1000 or virtio-net-pci "
                   "(QEMU)")
    r.add_argument("--com1", default="stdio", choices=["stdio", "file", "pty"],
                   help="stdio: this terminal; file: only the log; pty: a "
                   "terminal device whose name is printed")
    r.add_argument("--com1-socket", metavar="PATH",
                   help="a unix socket for COM1, too")
    r.add_argument("--com2-socket", metavar="PATH",
                   help="the unix socket of COM2, for bhk")
    r.add_argument("--time-limit", type=float, metavar="S")
    r.add_argument("--instrument", metavar="LIB.so",
                   help="preload a library into Bochs")
    r.add_argument("--workdir", metavar="DIR", help="folder for the logs")
    r.add_argument("--stay", action="store_true",
                   help="go on when the boot stage refuses: the firmware's "
                   "menu is then on COM1")
    r.add_argument("--reboots", action="store_true",
                   help="let the machine boot again after a reset")
    r.add_argument("--extra", action="append", default=[], metavar="WORD",
                   help="a further word of QEMU's command line; write "
                   "--extra=WORD")
    r.add_argument("--json", action="store_true",
                   help="print the result as JSON")
    r.set_defaults(call=run)
    k = sub.add_parser("pick", help="which machine `make run` takes, and why")
    k.add_argument("--json", action="store_true")
    k.set_defaults(call=pick)
    t = sub.add_parser("machines", help="the table of machines")
    t.add_argument("--json", action="store_true")
    t.set_defaults(call=table)
    return p.parse_args()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    a = parse()
    try:
        return a.call(a)
    except HostError as e:
        say(str(e))
        return 2


if __name__ == "__main__":
    sys.exit(main())
