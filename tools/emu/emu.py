#!/usr/bin/python3
"""emu.py - run a Bulkhead image on an emulated machine.

  emu.py pick                       which machine `make run` takes, and why
  emu.py run --image build/esp.img  boot it; COM1 is this terminal
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

import host                                             # noqa: E402
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


def run(a):
    on, model = a.on, a.model
    if on == "auto":
        on, picked, reason, seconds = host.pick()
        model = model or picked
        say("taking %s (%s): %s; about %d s to the prompt"
            % (on, model, reason, seconds))
    machine = Machine(
        image=a.image, on=on, model=model, memory=a.memory, cpus=a.cpus,
        time_limit=a.time_limit, instrument=a.instrument, workdir=a.workdir,
        com2_path=a.com2_socket, com1_path=a.com1_socket, stay=a.stay,
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
    on, model, reason, seconds = host.pick()
    packages = host.missing_packages(on)
    if a.json:
        print(json.dumps({"on": on, "model": model, "reason": reason,
                          "seconds": seconds, "missing": packages}))
        return 0
    print("%s, model %s" % (on, model))
    print("why: %s" % reason)
    print("time to the prompt: about %d s" % seconds)
    if packages:
        print("missing packages: apt-get install %s" % " ".join(packages))
    return 0


def parse():
    p = argparse.ArgumentParser(
        prog="emu.py", description="Run a Bulkhead image on an emulated "
        "machine.", epilog="run ends with 0 if the machine was powered off, 3 "
        "if the boot was refused, 4 at the time limit, 5 otherwise.")
    sub = p.add_subparsers(dest="command", required=True)
    r = sub.add_parser("run", help="boot an image")
    r.add_argument("--image", default="build/esp.img")
    r.add_argument("--on", default="auto",
                   choices=["auto", "bochs", "qemu", "kvm"],
                   help="auto takes what `pick` says; qemu is TCG and has no "
                   "VT-x")
    r.add_argument("--model", help="processor model of the emulator (bochs: "
                   "corei7_skylake_x, ... see `bochs --help cpu`; qemu: max)")
    r.add_argument("--memory", type=int, default=512, metavar="MIB")
    r.add_argument("--cpus", type=int, default=1)
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
    r.add_argument("--json", action="store_true",
                   help="print the result as JSON")
    r.set_defaults(call=run)
    k = sub.add_parser("pick", help="which machine `make run` takes, and why")
    k.add_argument("--json", action="store_true")
    k.set_defaults(call=pick)
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
