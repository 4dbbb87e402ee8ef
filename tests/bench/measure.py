# SPDX-License-Identifier: MIT
"""From runs, the built files and the sources to named figures."""
import pathlib
import re

import counts

LINE = re.compile(r"\bbench ([a-z0-9][a-z0-9.-]*) (\d+)\b")
ROOT_CODE = ("arch", "vmm", "mm", "drivers", "include/arch", "include/bh",
             "include/hv", "include/spec", "include/proto")
SVM_CODE = ("arch/x86_64/svm",)
# What the bare guest prints (tests/guests/bench.asm) and the figure it is, with
# the CPU's own local APIC and with the virtual one.
LINES = {
    "eoi": "line.eoi",
    "self-ipi": "line.self-ipi",
    "timer-exits": "line.timer-exits",
}
SHARED_LINES = {
    "eoi": "shared.eoi",
    "self-ipi": "shared.self-ipi",
    "timer-exits": "shared.timer-exits",
}
# Lines that have no section of their own: the others' marks count 1, 2, 3 ...
# in the order of the lines.
UNMARKED = ("timer", "timer-exits", "virtio-blk-exits", "console-byte")
# The guest's rows, for a VMM that does not show its console.
ROWS = ("cpuid", "vmcall", "rdmsr-apic-base", "in-unused-port",
        "out-unused-port", "eoi", "self-ipi", "arm-deadline", "deadline-past",
        "timer-tick", "first-touch-4k", "touch-again", "virtio-notify",
        "virtio-blk", "console-16-bytes")
RUNS = 110  # of an operation in a section, those to warm up included
SMP_LINES = {"ipi-running": "smp.ipi-running", "ipi-halted": "smp.ipi-halted",
             "ipi-round": "smp.ipi-round"}
# A line of the counter's trace, as far as it is needed here.
TRACE = re.compile(r"\d+ cpu (?P<cpu>\d+) rip [0-9a-f]+ reason (?P<reason>\d+) "
                   r".* root (?P<root>\d+) vmcs \d+ msr (?P<msr>\d+)$")
PREEMPTION_TIMER = 52
SWITCH_MSRS = 5
# Partitions of the run with several vCPUs that use all CPU they get: weights of
# those that share a CPU; cpu.max of one.
WEIGHTS = {"spin1": 1, "spin2": 2, "spin7": 7}
SHARE_CPU = 1
CPU_MAX_PERCENT = 25
CONSOLE_BYTES = 16  # that one console operation writes
# Sections of which the cost is that of one kind of exit: (vendor, reason) ...
PLAIN = {"cpuid": {("vmx", 10), ("svm", 0x72)},
         "vmcall": {("vmx", 18), ("svm", 0x81)},
         "rdmsr-apic-base": {("vmx", 31), ("vmx", 32), ("svm", 0x7c)},
         "out-unused-port": {("vmx", 30), ("svm", 0x7b)}}
PLAIN_FIGURES = {"cpuid": "micro.cpuid", "vmcall": "micro.vmcall",
                 "rdmsr-apic-base": "micro.msr",
                 "out-unused-port": "micro.pio"}


def bench_lines(text):
    """The guest's `bench NAME TICKS` lines as a dictionary."""
    return {m.group(1): int(m.group(2)) for m in LINE.finditer(text)}


def named_sections(report, serial):
    """The guest's sections by the name of their line."""
    names = [name for name in bench_lines(serial)
             if name not in UNMARKED] or ROWS
    by_id = {s["id"]: s for s in counts.sections(report)}
    return {name: by_id[n] for n, name in enumerate(names, 1) if n in by_id}


def micro(report, serial):
    """Figures of the bare guest: root instructions by the counter where a
    section has them, else what the guest read from the TSC."""
    lines = bench_lines(serial)
    out = {LINES[name]: n for name, n in lines.items() if name in LINES}
    sections = named_sections(report, serial)
    for name, figure in PLAIN_FIGURES.items():
        rows = [r for r in sections.get(name, {"reasons": []})["reasons"]
                if (r["vendor"], r["reason"]) in PLAIN[name]]
        exits = sum(r["count"] for r in rows)
        if exits:
            out[figure] = sum(r["root"] for r in rows) / exits
    for name, figure, what, per in (
            ("virtio-notify", "micro.notify", "root", 1),
            ("virtio-blk", "micro.blk", "root", 1),
            ("virtio-blk", "micro.blk-exits", "exits", 1),
            ("timer-tick", "micro.timer", "root", 1),
            ("timer-tick", "micro.timer-exits", "exits", 1),
            ("console-16-bytes", "micro.console", "root", CONSOLE_BYTES)):
        if name in sections:
            out[figure] = sections[name][what] / RUNS / per
    return out


def shared(report, serial):
    """Figures of the bare guest with the virtual local APIC."""
    out = {SHARED_LINES[name]: n for name, n in bench_lines(serial).items()
           if name in SHARED_LINES}
    ticks = named_sections(report, serial).get("timer-tick")
    if ticks:
        out["shared.timer"] = ticks["root"] / RUNS
    return out


def usage(stats):
    """Seconds of CPU of each partition, from replies to partition.stats."""
    return {name: reply["cpu.stat"]["usage_usec"] / 1e6
            for name, reply in stats.items()}


def share_error(before, after, weights):
    """By how many percent of its own due the worst of some partitions has had
    too much or too little CPU between two looks."""
    got = {name: usage(after)[name] - usage(before)[name] for name in weights}
    total, all_weights = sum(got.values()), sum(weights.values())
    if total <= 0:
        return None
    return max(abs(100.0 * got[name] * all_weights / total / weight - 100.0)
               for name, weight in weights.items())


def switches(trace, cpu):
    """Root instructions from an exit by the timer to the entry of another vCPU
    on that CPU: the average of the lines of a trace of exits, or None. Another
    vCPU's MSRs are written at a switch."""
    costs = [int(line["root"]) for line in map(TRACE.match, trace)
             if line and int(line["cpu"]) == cpu and
             int(line["reason"]) == PREEMPTION_TIMER and
             int(line["msr"]) >= SWITCH_MSRS]
    return sum(costs) / len(costs) if costs else None


def smp(text, trace, shares):
    """Figures of several vCPUs: what the guests printed, the trace of exits,
    and two looks at the shares of those in WEIGHTS."""
    lines = bench_lines(text)
    out = {SMP_LINES[name]: n for name, n in lines.items()
           if name in SMP_LINES}
    if "cpu-max" in lines:
        got = lines["cpu-max"] / 1000
        out["smp.cpu-max"] = got
        out["smp.cpu-max-error"] = abs(got - CPU_MAX_PERCENT)
    out["smp.switch"] = switches(trace, SHARE_CPU)
    if shares:
        out["smp.share-error"] = share_error(*shares, WEIGHTS)
    return out


def create(report, stats, text):
    """Of a partition's start: ticks up to its first instruction, KiB of the
    VMM for it, and how long an IPI between two of its vCPUs on one CPU takes."""
    out = {"create.overhead": partition_overhead(stats)}
    if counts.has(report, "at", 1) and counts.has(report, "first-entry"):
        out["create.ticks"] = counts.find(report, "first-entry")["ticks"] - \
            counts.find(report, "at", 1)["ticks"]
    lines = bench_lines(text)
    if "ipi-round" in lines:
        out["create.ipi-round"] = lines["ipi-round"]
    return out


def linux(report, native):
    """Figures of a boot of Linux; `native` is the span of the same boot
    without a VMM, or None."""
    boot = counts.linux_boot(report)
    no_timer = counts.by_reason(boot["boot"],
                                lambda k: not counts.is_timer(k))
    out = {"linux.exits": boot["boot"]["exits"],
           "linux.exits-no-timer": sum(row["count"] for row in no_timer),
           "linux.build-insn": boot["whole"]["root"] - boot["boot"]["root"],
           "linux.root-insn": boot["boot"]["root"],
           "linux.guest-insn": boot["boot"]["guest"],
           "linux.root-share": boot["root_share"],
           "linux.ticks": boot["boot"]["ticks"]}
    if native:
        out["linux.native-ticks"] = native["ticks"]
        out["linux.over-native"] = \
            100.0 * boot["boot"]["ticks"] / native["ticks"] - 100.0
    return out


def partition_overhead(stats):
    """KiB beside its RAM, from the reply to partition.stats; None without."""
    used = stats.get("memory.overhead") if isinstance(stats, dict) else None
    return (used + 1023) // 1024 if isinstance(used, int) else None


def elf_sizes(data):
    """KiB of an ELF file's loaded memory, .bss included."""
    if data[:5] != b"\x7fELF\x02":
        raise ValueError("no 64-bit ELF")
    headers = int.from_bytes(data[32:40], "little")
    size = int.from_bytes(data[54:56], "little")
    number = int.from_bytes(data[56:58], "little")
    total = 0
    for i in range(number):
        ph = data[headers + i * size:headers + (i + 1) * size]
        if int.from_bytes(ph[:4], "little") == 1:
            total += int.from_bytes(ph[40:48], "little")
    return (total + 1023) // 1024


def code_lines(text):
    """Lines of C that are neither blank nor comment alone."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"),
                  text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return sum(1 for line in text.splitlines() if line.strip())


def root_lines(top, files="*.[ch]", folders=ROOT_CODE):
    """Lines of C that run in root mode."""
    total = 0
    for folder in folders:
        for path in sorted(pathlib.Path(top, folder).rglob(files)):
            total += code_lines(path.read_text(errors="replace"))
    return total


def sizes(top, elf):
    return {"size.vmm": elf_sizes(elf.read_bytes()) if elf.exists() else None,
            "size.lines": root_lines(top),
            "size.c-lines": root_lines(top, "*.c"),
            "size.svm-lines": root_lines(top, folders=SVM_CODE)}
