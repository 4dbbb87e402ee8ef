# SPDX-License-Identifier: MIT
"""Run Debian's Bochs with the instruction counter preloaded.

boot() takes the project's own machine (tools/emu) for images with UEFI;
run() is for the self-check alone, which boots a floppy by the old BIOS.
"""
import errno
import json
import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/emu"))
from host import HostError  # noqa: E402
from machine import Machine  # noqa: E402

COUNTER = ROOT / "build/tools/libbochs_count.so"
# The package that tools/bochs-count was checked with is named there.
VERSION_HEADER = ROOT / "tools/bochs-count/bochs_count.h"

MACHINE = """\
display_library: term
cpu: model={model}, count=1, ips=50000000, reset_on_triple_fault=0
megs: {megs}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
clock: sync=none, time0=946684800
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
log: {log}
"""


class RunError(Exception):
    """The emulator could not be run or did not end as it should."""


def wanted_version(header=None):
    """The Bochs package version that the counter was checked with."""
    text = (header or VERSION_HEADER).read_text()
    for line in text.splitlines():
        if line.startswith("#define BOCHS_PACKAGE"):
            return line.split('"')[1].split()[1]
    raise RunError(f"{VERSION_HEADER}: no BOCHS_PACKAGE")


def check_version():
    """Refuse a Bochs whose layout the counter does not know."""
    got = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "bochs"],
                         capture_output=True, text=True, check=False)
    if got.stdout != wanted_version():
        raise RunError(f"bochs {got.stdout or 'is not installed'}: the "
                       f"counter was checked with {wanted_version()} only "
                       "(tools/bochs-count/README.md says what to do)")
    if not COUNTER.exists():
        raise RunError(f"{COUNTER} is missing: make bochs-count")


def watch_list(addresses):
    """Addresses as the counter takes them."""
    return ",".join(f"{at:x}" for at in addresses)


def symbol(elf, name):
    """The address of a function in an ELF file, by nm."""
    done = subprocess.run(["nm", elf], capture_output=True, text=True,
                          check=True)
    for line in done.stdout.splitlines():
        words = line.split()
        if words[-1] == name:
            return int(words[0], 16)
    raise RunError(f"{elf}: there is no {name}")


def configuration(name, out_dir, model, megs=32, extra=()):
    """Write the configuration of a BIOS machine; return its path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    text = MACHINE.format(model=model, megs=megs,
                          log=out_dir / f"{name}.bochs.log")
    text += "".join(f"{line}\n" for line in extra)
    path = out_dir / f"{name}.bochsrc"
    path.write_text(text)
    return path


def boot(name, image, out_dir, machine, megs, timeout, stop=None, then=None,
         trace=0, rips=0, cpus=1, watch=()):
    """Boot an image until `stop(report)` is true or the machine ends; call
    `then(machine)` while it still runs. `machine` is a name of tools/emu's
    table and a CPU model, None for the usual one.

    `trace` exits are written one a line, and each `rips`-th instruction
    goes into the histogram OUT/NAME.count.json.rips; events tell when root
    mode reaches an address of `watch`. Returns the counter's report; COM1 is in OUT/NAME.run/com1.log.
    """
    report = out_dir / f"{name}.count.json"
    report.unlink(missing_ok=True)
    os.environ["BHCOUNT_OUT"] = str(report)
    os.environ["BHCOUNT_TRACE"] = str(trace)
    os.environ["BHCOUNT_RIPS"] = str(rips)
    os.environ["BHCOUNT_WATCH"] = watch_list(watch)
    on, model = machine
    machine = Machine(image=str(image), on=on, model=model, memory=megs,
                      time_limit=timeout, instrument=str(COUNTER), cpus=cpus,
                      workdir=str(out_dir / f"{name}.run"), log_errors=False)
    try:
        with machine:
            ended = wait(machine, report, stop)
            if ended is None and then:
                then(machine)
    except HostError as error:
        raise RunError(str(error)) from error
    if ended is not None and ended.outcome != "shutdown":
        raise RunError(f"{name}: {ended.outcome} {ended.detail}\n"
                       f"{machine.tail(8)}")
    if ended is not None and stop:
        raise RunError(f"{name}: powered off before it was there\n"
                       f"{machine.tail(8)}")
    if not report.exists():
        raise RunError(f"{name}: no report by the counter")
    return json.loads(report.read_text())


def wait(machine, report, stop):
    """Until `stop` is true of the counter's report, or the machine ends.

    The machine's Result, or None if `stop` was true before.
    """
    seen = 0
    while True:
        result = machine.wait(0.5)
        if result is not None:
            return result
        if stop is None or not report.exists():
            continue
        when = report.stat().st_mtime_ns
        if when != seen:
            seen = when
            if stop(json.loads(report.read_text())):
                return None


def call(machine, method, params, timeout=60):
    """A JSON-RPC call to the VMM on COM2; its result, None without one."""
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                       "params": params}).encode() + b"\n"
    got = b""
    limit = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1)
            link.connect(machine.com2_socket)
            link.sendall(b"\n" + line)
            while time.monotonic() < limit and machine.is_running():
                try:
                    data = link.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return None
                got += data
                result = reply(got)
                if result is not None:
                    return result
    except OSError:
        pass
    return None


def reply(text):
    """The result of call 1 among the lines that came, or None."""
    for line in text.split(b"\n")[:-1]:
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and answer.get("id") == 1 and \
                "result" in answer:
            return answer["result"]
    return None


def run(name, config, out_dir, timeout=600, watch=()):
    """Run a configuration to its end; the counter's report, with an event each
    time an address of `watch` is reached.

    Bochs' display "term" wants a terminal: it gets a pty.
    """
    report = out_dir / f"{name}.count.json"
    report.unlink(missing_ok=True)
    (out_dir / "continue.rc").write_text("c\n")
    env = dict(os.environ, LD_PRELOAD=str(COUNTER), BHCOUNT_OUT=str(report),
               BHCOUNT_WATCH=watch_list(watch))
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["bochs-bin", "-q", "-f", str(config), "-rc",
         str(out_dir / "continue.rc")],
        stdin=slave, stdout=slave, stderr=slave, env=env,
        start_new_session=True)
    os.close(slave)
    try:
        ended = _follow(process, master, timeout)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(master)
    if ended != "":
        raise RunError(f"{name}: {ended}")
    if not report.exists():
        raise RunError(f"{name}: no report by the counter, see {config}")
    return json.loads(report.read_text())


def _follow(process, master, timeout):
    """Read what Bochs prints until it ends; '' or what went wrong."""
    limit = time.monotonic() + timeout
    tail = b""
    while time.monotonic() < limit:
        ready, _, _ = select.select([master], [], [], 0.5)
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                process.wait()
                data = b""
            tail = (tail + data)[-8192:]
            if b"bochs-count:" in tail:
                return tail.decode(errors="replace")[-400:]
        if process.poll() is not None:
            return ""
    return f"still running after {timeout} s"
