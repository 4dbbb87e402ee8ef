# SPDX-License-Identifier: MIT
"""Run Debian's Bochs with the instruction counter preloaded.

Bochs' only display without a screen is "term", which wants a terminal: it
gets a pty, and what it prints there is thrown away (a panic prompt is
recognised, because the packaged build would wait there for ever).
"""
import errno
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNTER = ROOT / "build/tools/libbochs_count.so"
# The package that tools/bochs-count was checked with is named there.
VERSION_HEADER = ROOT / "tools/bochs-count/bochs_count.h"

MACHINE = """\
display_library: term
cpu: model={model}, count=1, ips=50000000, reset_on_triple_fault=0
megs: {megs}
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
clock: sync=none, time0=946684800
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
log: {log}
com1: enabled=1, mode=file, dev={serial}
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


def configuration(name, out_dir, model="corei7_skylake_x", megs=512,
                  uefi=True, extra=()):
    """Write the configuration of a machine; return its path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    text = MACHINE.format(model=model, megs=megs,
                          log=out_dir / f"{name}.bochs.log",
                          serial=out_dir / f"{name}.serial")
    bios = ("/usr/share/ovmf/OVMF.fd" if uefi
            else "/usr/share/bochs/BIOS-bochs-latest")
    text += f"romimage: file={bios}\n"
    text += "".join(f"{line}\n" for line in extra)
    path = out_dir / f"{name}.bochsrc"
    path.write_text(text)
    return path


def run(name, config, out_dir, timeout=600, trace=0, stop=None):
    """Run to the end, to `stop(report)` being true, or to the time limit.

    Returns the counter's report as a dictionary.
    """
    report = out_dir / f"{name}.count.json"
    report.unlink(missing_ok=True)
    (out_dir / "continue.rc").write_text("c\n")
    env = dict(os.environ, LD_PRELOAD=str(COUNTER), BHCOUNT_OUT=str(report))
    if trace:
        env["BHCOUNT_TRACE"] = str(trace)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["bochs-bin", "-q", "-f", str(config), "-rc",
         str(out_dir / "continue.rc")],
        stdin=slave, stdout=slave, stderr=slave, env=env,
        start_new_session=True)
    os.close(slave)
    try:
        ended = _follow(process, master, report, timeout, stop)
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


def _follow(process, master, report, timeout, stop):
    """Read what Bochs prints until it ends; '' or what went wrong."""
    limit = time.monotonic() + timeout
    tail = b""
    seen = 0
    while time.monotonic() < limit:
        ready, _, _ = select.select([master], [], [], 1.0)
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
        if stop and report.exists():
            when = report.stat().st_mtime_ns
            if when != seen:
                seen = when
                if stop(json.loads(report.read_text())):
                    return ""
    return f"still running after {timeout} s"
