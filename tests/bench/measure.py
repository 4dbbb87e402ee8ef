# SPDX-License-Identifier: MIT
"""From runs, the built files and the sources to named figures."""
import pathlib
import re

import counts

LINE = re.compile(r"\bbench ([a-z0-9][a-z0-9.-]*) (\d+)\b")
ROOT_CODE = ("arch", "vmm", "mm", "drivers", "include/arch", "include/bh",
             "include/hv", "include/spec", "include/proto")
CPUID, VMCALL, IO, RDMSR, WRMSR = 10, 18, 30, 31, 32
# What the bare guest prints (tests/guests/bench.asm) and the figure it is.
LINES = {
    "eoi": "line.eoi",
    "self-ipi": "line.self-ipi",
    "timer": "line.timer",
    "timer-exits": "line.timer-exits",
    "virtio-notify": "micro.notify",
    "virtio-blk-exits": "micro.blk-exits",
    "virtio-blk": "micro.blk",
    "console-byte": "micro.console",
}


def bench_lines(text):
    """The guest's `bench NAME TICKS` lines as a dictionary."""
    return {m.group(1): int(m.group(2)) for m in LINE.finditer(text)}


def micro(report, serial):
    """Figures of the bare guest. The four plain exits come from the counter
    (their root instructions alone); the rest are ticks that the guest read."""
    span = counts.between(report, counts.find(report, "first-entry"),
                          report["events"][-1])
    out = {"micro.cpuid": counts.per_exit(span, CPUID),
           "micro.vmcall": counts.per_exit(span, VMCALL),
           "micro.pio": cheapest_port(span)}
    msr = counts.by_reason(span, lambda k: k["reason"] in (RDMSR, WRMSR))
    exits = sum(row["count"] for row in msr)
    out["micro.msr"] = sum(r["root"] for r in msr) / exits if exits else None
    lines = bench_lines(serial)
    for line, figure in LINES.items():
        if line in lines:
            out[figure] = lines[line]
    return out


def cheapest_port(span, at_least=16):
    """Root instructions of one access to the port that is cheapest: one that
    nothing but the exit itself is behind. Rare ones do not count."""
    each = [k["root"] / k["count"] for k in span["kinds"]
            if k["reason"] == IO and k["count"] >= at_least and
            k["detail"] & 0xffff != counts.MARK_PORT]
    return min(each, default=None)


def linux(report, native):
    """Figures of a boot of Linux; `native` is the span of the same boot
    without a VMM, or None."""
    boot = counts.linux_boot(report)
    out = {"linux.exits": boot["boot"]["exits"],
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


def root_lines(top):
    """Lines of C (headers too) that run in root mode."""
    total = 0
    for folder in ROOT_CODE:
        for path in sorted(pathlib.Path(top, folder).rglob("*.[ch]")):
            total += code_lines(path.read_text(errors="replace"))
    return total


def sizes(top, elf):
    return {"size.vmm": elf_sizes(elf.read_bytes()) if elf.exists() else None,
            "size.lines": root_lines(top)}
