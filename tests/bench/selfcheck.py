# SPDX-License-Identifier: MIT
"""Does the counter count right? selfcheck/selfcheck.asm is a VMM of a few
lines whose every exit takes a number of instructions known from its text."""
import bochs
import counts

IMAGE = bochs.ROOT / "build/bench/selfcheck.img"
# From selfcheck.asm: dispatch up to the label, the work, VMWRITE, VMRESUME.
REP_BYTES = 40
WANT = (
    # reason, detail, exits, root instructions, VMCS accesses, MSR accesses
    (10, 0x12345, 100, 100 * (6 + 7 + 2), 100 * 4, 0),
    (31, 0x1b, 50, 50 * (10 + 1 + 2), 50 * 4, 50),
    (30, 0x77 | counts.IO_IN, 30, 30 * (8 + 4 + REP_BYTES + 4), 30 * 4, 0),
    (7, 0, 1, 12 + 5, 5, 0),
    (18, 0, 1, 0, 0, 0),
)
# Instructions of the guest between its marks, the first one's RIP after OUT.
GUEST_BETWEEN = {(2, 3): 1 + 4 * 100 + 2,
                 (3, 4): 2 + 3 * 50 + 1 + 3 * 30 + 2}
# Exits that come between instructions cost a tick of Bochs' clock by
# themselves: the one interrupt window.
EXTRA_TICKS = {(2, 3): 0, (3, 4): 1}


class SelfcheckError(Exception):
    """The counter and what is known by construction differ."""


def verify(report):
    """All differences between a report and what must be, as sentences."""
    bad = []
    kinds = {(k["reason"], k["detail"]): n
             for n, k in enumerate(report["kinds"])}
    last = report["events"][-1]
    for reason, detail, *want in WANT:
        number = kinds.get((reason, detail))
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
    marks = [e["value"] for e in report["events"] if e["name"] == "mark"]
    if marks != [1, 2, 3, 4, 5]:
        bad.append(f"marks {marks}, must be 1 to 5")
    return bad


def run(out_dir):
    """Run it in Bochs; SelfcheckError if the counter is wrong."""
    if not IMAGE.exists():
        raise bochs.RunError(f"{IMAGE} is missing: make bench-tools")
    config = bochs.configuration(
        "selfcheck", out_dir,
        extra=[f"floppya: 1_44={IMAGE}, status=inserted", "boot: floppy"])
    report = bochs.run("selfcheck", config, out_dir, timeout=120)
    bad = verify(report)
    if bad:
        raise SelfcheckError("; ".join(bad))
    return report
