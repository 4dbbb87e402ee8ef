#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compare where two boots of one kernel spend their instructions.

Reads the histograms of RIPs that `bench.py --runs native,linux --rips 1`
leaves and prints a row for each function of the kernel: calls and M
instructions native and in the partition, and the difference, the largest
first. Names come from the kernel file itself (kallsyms.py).
"""
import argparse
import bisect
import json
import pathlib
import sys

import kallsyms

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"
KERNEL_BASE = 0xffffffff80000000
TEXT_TYPES = "tTwW"
NEAR_CALL = (0xe8, 0xe9)  # E9 too: a call at a function's end is a jump
LOW = "(1:1 mapped: unpacking the kernel, entry)"
OTHER = "(not the kernel)"


class RipsError(Exception):
    """A histogram cannot be used."""


def parse(text):
    """A histogram's file: its period, and {context: {rip: count}}."""
    lines = text.splitlines()
    head = lines[0].split() if lines else []
    if head[:2] != ["rips", "1"]:
        raise RipsError("no histogram of RIPs")
    period, lost = int(head[3]), int(head[head.index("lost") + 1])
    if lost:
        raise RipsError(f"{lost} samples lost: take a larger period")
    contexts = {}
    for line in lines[1:]:
        context, rip, count = line.split()
        rows = contexts.setdefault(context, {})
        rows[int(rip, 16)] = int(count) * period
    return period, contexts


def outside_root(contexts):
    """{rip: instructions} of the guest; of all, where there was no guest."""
    guests = [rows for name, rows in contexts.items()
              if name.startswith("guest-")] or contexts.values()
    out = {}
    for rows in guests:
        for rip, count in rows.items():
            out[rip] = out.get(rip, 0) + count
    return out


class Names:
    """Functions by address."""

    def __init__(self, symbols):
        text = {}
        for address, kind, name in symbols:
            if kind in TEXT_TYPES and address >= KERNEL_BASE:
                text.setdefault(address, name)
        self.starts = sorted(text)
        self.names = [text[start] for start in self.starts]

    def find(self, rip):
        """Name and first address of the function that `rip` is in."""
        if rip < KERNEL_BASE:
            return (LOW, None) if rip < 1 << 47 else (OTHER, None)
        at = bisect.bisect_right(self.starts, rip) - 1
        if at < 0:
            return OTHER, None
        return self.names[at], self.starts[at]


def by_function(histogram, names):
    """{function: [instructions, calls]}; calls are those of the first
    instruction, so exact if the period is 1."""
    out = {}
    for rip, count in histogram.items():
        name, start = names.find(rip)
        row = out.setdefault(name, [0, 0])
        row[0] += count
        if rip == start:
            row[1] += count
    return out


def compare(native, guest):
    """Rows of both, the largest difference first."""
    rows = []
    for name in native.keys() | guest.keys():
        a, b = native.get(name, [0, 0]), guest.get(name, [0, 0])
        rows.append({"function": name, "native": a[0], "guest": b[0],
                     "native_calls": a[1], "guest_calls": b[1],
                     "difference": b[0] - a[0]})
    return sorted(rows, key=lambda r: (-abs(r["difference"]), r["function"]))


class Image:
    """The kernel's bytes by virtual address, from its ELF file."""

    def __init__(self, elf):
        self.elf = elf
        self.loads = []
        headers = int.from_bytes(elf[32:40], "little")
        size = int.from_bytes(elf[54:56], "little")
        for i in range(int.from_bytes(elf[56:58], "little")):
            ph = elf[headers + i * size:headers + (i + 1) * size]
            if int.from_bytes(ph[:4], "little") == 1:
                self.loads.append(tuple(
                    int.from_bytes(ph[at:at + 8], "little")
                    for at in (16, 8, 32)))

    def read(self, address, size):
        for start, offset, length in self.loads:
            if start <= address < start + length:
                at = offset + address - start
                return self.elf[at:at + size]
        return b""


def callers(histogram, names, image, function):
    """{caller: calls} of a function, by its direct calls."""
    out = {}
    for rip, count in histogram.items():
        code = image.read(rip, 5) if rip >= KERNEL_BASE else b""
        if len(code) < 5 or code[0] not in NEAR_CALL:
            continue
        to = rip + 5 + int.from_bytes(code[1:], "little", signed=True)
        if names.find(to) != (function, to):
            continue
        name = names.find(rip)[0]
        if name != function:
            out[name] = out.get(name, 0) + count
    return out


def render(rows, limit):
    """The table, with what was left out in one row."""
    lines = [f"{'function':40} {'calls':>10} {'calls':>10} {'native':>9} "
             f"{'guest':>9} {'+M insn':>9}",
             f"{'':40} {'native':>10} {'guest':>10} {'M insn':>9} "
             f"{'M insn':>9}"]
    total = {"function": "all", "native": 0, "guest": 0, "native_calls": 0,
             "guest_calls": 0, "difference": 0}
    rest = dict(total, function=f"the other {max(len(rows) - limit, 0)}")
    for number, row in enumerate(rows):
        for to in (total,) if number < limit else (total, rest):
            for key in ("native", "guest", "difference", "native_calls",
                        "guest_calls"):
                to[key] += row[key]
    for row in rows[:limit] + [rest, total]:
        lines.append(f"{row['function'][:40]:40} {row['native_calls']:10} "
                     f"{row['guest_calls']:10} {row['native'] / 1e6:9.3f} "
                     f"{row['guest'] / 1e6:9.3f} "
                     f"{row['difference'] / 1e6:+9.3f}")
    return "\n".join(lines)


def compare_calls(native, guest):
    """Rows of two dictionaries {caller: calls}, as compare() makes them."""
    rows = [{"caller": name, "native_calls": native.get(name, 0),
             "guest_calls": guest.get(name, 0),
             "difference": guest.get(name, 0) - native.get(name, 0)}
            for name in native.keys() | guest.keys()]
    return sorted(rows, key=lambda r: (-abs(r["difference"]), r["caller"]))


def render_calls(rows, limit):
    lines = [f"{'caller':40} {'native':>10} {'guest':>10} {'more':>10}"]
    lines += [f"{row['caller'][:40]:40} {row['native_calls']:10} "
              f"{row['guest_calls']:10} {row['difference']:+10}"
              for row in rows[:limit]]
    return "\n".join(lines)


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--native", type=pathlib.Path, metavar="FILE",
                        default=OUT / "native.count.json.rips",
                        help="histogram to compare with (%(default)s)")
    parser.add_argument("--guest", type=pathlib.Path, metavar="FILE",
                        default=OUT / "linux.count.json.rips",
                        help="histogram that is compared (%(default)s)")
    parser.add_argument("--kernel", type=pathlib.Path, metavar="FILE",
                        default=ROOT / "build/guest/vmlinuz",
                        help="bzImage or vmlinux of both (%(default)s)")
    parser.add_argument("--limit", type=int, default=40, metavar="N",
                        help="rows of the table (default: %(default)s)")
    parser.add_argument("--callers", metavar="FUNCTION",
                        help="instead: who calls a function, how often; "
                             "direct calls only, exact with --rips 1")
    parser.add_argument("--json", action="store_true",
                        help="print all rows as JSON")
    return parser.parse_args(argv)


def main(argv=None):
    args = arguments(argv)
    try:
        elf = kallsyms.unpack(args.kernel.read_bytes())
        names = Names(kallsyms.symbols(elf))
        both = [outside_root(parse(path.read_text())[1])
                for path in (args.native, args.guest)]
    except (OSError, RipsError, kallsyms.KallsymsError) as error:
        print(f"rips: {error}", file=sys.stderr)
        return 1
    if args.callers:
        image = Image(elf)
        rows = compare_calls(*[callers(h, names, image, args.callers)
                               for h in both])
        text = render_calls(rows, args.limit)
    else:
        rows = compare(*[by_function(h, names) for h in both])
        text = render(rows, args.limit)
    print(json.dumps({"rows": rows}, indent=1) if args.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
