# SPDX-License-Identifier: MIT
"""Does the counter count right? selfcheck/*.asm are VMMs of a few lines whose
every exit takes a number of instructions known from their text."""
import collections

import bochs
import counts

REP_BYTES = 40
# Watched: the boot sector's first instruction (the BIOS has one with that IP,
# too), and one that is never reached.
WATCHED = (0x7c00, 0xdead0000)
Vmm = collections.namedtuple("Vmm", "model want entries")
# want: (reason, detail, exits, root instructions, VMCS accesses, MSR accesses).
VMMS = {
    # dispatch up to the label, the work, VMWRITE, VMRESUME
    "vmx": Vmm("corei7_skylake_x", (
        (10, 0x12345, 100, 100 * (6 + 7 + 2), 100 * 4, 0),
        (31, 0x1b, 50, 50 * (10 + 1 + 2), 50 * 4, 50),
        (30, 0x77 | counts.IO_IN, 30, 30 * (8 + 4 + REP_BYTES + 4), 30 * 4, 0),
        (7, 0, 1, 12 + 5, 5, 0),
        (18, 0, 1, 0, 0, 0)), 185),
    # dispatch up to the label, the work, MOV, MOV, VMRUN; the interrupt with
    # its handler, the MSR with a VMSAVE and a VMLOAD; last a VMRUN that raises
    # #GP, which is none, and one that fails
    "svm": Vmm("ryzen", (
        (0x72, 0x12345, 100, 100 * (3 + 7 + 1 + 3), 0, 0),
        (0x7c, 0x1b, 50, 50 * (7 + 6 + 3), 50 * 2, 50),
        (0x7b, 0x77 | counts.IO_IN, 30, 30 * (5 + 3 + REP_BYTES + 4 + 3), 0,
         0),
        (0x60, 0, 1, 9 + 5 + 3 + 1, 0, 0),
        (0x81, 0, 1, 0, 0, 0),
        (0xffffffff, 0, 1, 0, 0, 0)), 185),
}
# Instructions of the guest between its marks, the first one's RIP after OUT.
GUEST_BETWEEN = {(2, 3): 1 + 4 * 100 + 2,
                 (3, 4): 2 + 3 * 50 + 1 + 3 * 30 + 2}
# Exits that come between instructions cost a tick of Bochs' clock by
# themselves: the one window, the one interrupt.
EXTRA_TICKS = {(2, 3): 0, (3, 4): 1}


class SelfcheckError(Exception):
    """The counter and what is known by construction differ."""


def verify(vendor, report):
    """All differences between a report and what must be, as sentences."""
    bad = []
    kinds = {(k["vendor"], k["reason"], k["detail"]): n
             for n, k in enumerate(report["kinds"])}
    last = report["events"][-1]
    for reason, detail, *want in VMMS[vendor].want:
        number = kinds.get((vendor, reason, detail))
        got = last["sums"][number] if number is not None else None
        if got != want:
            bad.append(f"exits of reason {reason}, detail {detail:#x}: "
                       f"[exits, root, VMCS, MSR] {got}, must be {want}")
    for (a, b), want in GUEST_BETWEEN.items():
        try:
            span = counts.between(report, counts.find(report, "mark", a),
                                  counts.find(report, "mark", b))
        except counts.CountsError as error:
            bad.append(str(error))
            continue
        if span["guest"] != want:
            bad.append(f"guest instructions between mark {a} and {b}: "
                       f"{span['guest']}, must be {want}")
        ticks = span["root"] + span["guest"] + EXTRA_TICKS[a, b]
        if span["ticks"] != ticks:
            bad.append(f"ticks between mark {a} and {b}: {span['ticks']}, "
                       f"must be {ticks}")
    if last["entries"] != VMMS[vendor].entries:
        bad.append(f"{last['entries']} entries, must be "
                   f"{VMMS[vendor].entries}")
    marks = [e["value"] for e in report["events"] if e["name"] == "mark"]
    if marks != [1, 2, 3, 4, 5]:
        bad.append(f"marks {marks}, must be 1 to 5")
    seen = {e["value"] for e in report["events"] if e["name"] == "at"}
    if seen != {1}:
        bad.append(f"watched addresses: {seen} were reached, must be 1 alone")
    return bad


def run(out_dir, vendor):
    """Run one in Bochs; SelfcheckError if the counter is wrong."""
    name = f"selfcheck-{vendor}"
    image = bochs.ROOT / f"build/bench/{name}.img"
    if not image.exists():
        raise bochs.RunError(f"{image} is missing: make bench-tools")
    config = bochs.configuration(
        name, out_dir, VMMS[vendor].model,
        extra=[f"floppya: 1_44={image}, status=inserted", "boot: floppy"])
    report = bochs.run(name, config, out_dir, timeout=120,
                       watch=WATCHED)
    bad = verify(vendor, report)
    if bad:
        raise SelfcheckError(f"{vendor}: " + "; ".join(bad))
    return report
