"""machines.py - the machines that Bulkhead runs and is tested on: one table.

A row has all that makes one machine differ from another: emulator, board,
processor model, controllers. on_bochs.py and on_qemu.py make command lines of
it, `emu.py machines` prints it, the tests take their machines from it, and
`make run ON=NAME` boots any row. Rows are named EMULATOR/MACHINE; the short
names are for typing.
"""
import collections
import difflib

import host
from host import HostError

VT_X, AMD_V = "VT-x", "AMD-V"

Row = collections.namedtuple("Row", (
    "name",         # EMULATOR/MACHINE
    "short",        # further names
    "backend",      # key of host.NEEDS: which emulator
    "board",        # chipset
    "model",        # processor, in the emulator's words
    "extension",    # what it virtualizes with; None: the host's
    "disks",        # controllers the boot image can be on, the first is usual
    "nics",         # network cards that can be attached
    "acpi",         # the firmware has tables
    "seconds",      # wall time to the prompt, measured; None: not measured
    "what"))

BOCHS_DISKS, BOCHS_NICS = ("ide",), ()
# An AHCI controller can be added to the old board, too, but not IDE to q35.
Q35_DISKS = ("ahci", "nvme", "virtio-blk")
PC_DISKS = ("ide", "nvme", "virtio-blk", "ahci")
QEMU_NICS = ("e1000", "virtio-net-pci")
# TCG knows SVM with nested paging, and no VMX. "max" has them; named, a QEMU
# without them complains instead of starting a machine that is then refused.
TCG_CPU = "max,+svm,+npt"


def _bochs(name, model, extension, seconds, what, short=()):
    return Row("bochs/" + name, short, "bochs", "i440fx", model, extension,
               BOCHS_DISKS, BOCHS_NICS, False, seconds, what)


TABLE = (
    _bochs("skylake_x", "corei7_skylake_x", VT_X, 33,
           "every VT-x feature that Bochs has", ("bochs",)),
    _bochs("haswell", "corei7_haswell_4770", VT_X, 33,
           "no TSC scaling, no PML, no XSAVES, no CPUID leaf 15h"),
    _bochs("icelake_u", "corei7_icelake_u", VT_X, 36,
           "a newer mobile model"),
    _bochs("cnl", "corei3_cnl", VT_X, 27, "no APICv"),
    _bochs("penryn", "core2_penryn_t9600", VT_X, None,
           "VT-x without EPT: is refused"),
    _bochs("ryzen", "ryzen", AMD_V, 30, "deterministic counts on AMD-V",
           ("ryzen",)),
    Row("qemu-tcg/q35", ("qemu", "q35"), "qemu", "q35", TCG_CPU, AMD_V,
        Q35_DISKS, QEMU_NICS, True, 9, "the fast one"),
    Row("qemu-tcg/i440fx", ("i440fx",), "qemu", "i440fx", TCG_CPU, AMD_V,
        PC_DISKS, QEMU_NICS, True, 8, "the old board with its IDE"),
    Row("kvm/q35", ("kvm",), "kvm", "q35", "host", None, Q35_DISKS,
        QEMU_NICS, True, None, "this host's processor, nested"),
)
DEFAULT, FAST = "bochs/skylake_x", "qemu-tcg/q35"
_BY_NAME = {n: row for row in TABLE for n in (row.name,) + row.short}
for _row in TABLE:          # the part after the slash does, too, if it is free
    _BY_NAME.setdefault(_row.name.split("/")[1], _row)


def find(name):
    """The row with that name; an unknown one is answered with the list."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = difflib.get_close_matches(name.lower(), _BY_NAME, 1, 0.5)
    raise HostError("there is no machine %r%s; there are: %s" % (
        name, "; did you mean %s?" % near[0] if near else "",
        ", ".join("%s (%s)" % (r.name, " or ".join(r.short)) if r.short
                  else r.name for r in TABLE)))


def pick():
    """(row, reason) of the machine that `make run` takes without ON."""
    obstacle = host.kvm_obstacle()
    if obstacle is None:
        return find("kvm"), ("this host has a usable /dev/kvm with nested "
                             "virtualization on")
    what = obstacle.split("; ")[0]      # the fix is for who asks for kvm
    return find(DEFAULT), "KVM is of no use here: " + what


def pick_hint(row):
    """What to tell who got @row without asking; None: nothing."""
    if row.backend != "bochs":
        return None
    fast = find(FAST)
    return ("make run ON=%s is the fast way: %s, emulated by QEMU, %d s to "
            "the prompt instead of %d" % (fast.short[0], fast.extension,
                                          fast.seconds, row.seconds))


def choose(kind, wanted, row):
    """Which controller or card of @row: @wanted, or the usual; or an error."""
    have = row.disks if kind == "disk" else row.nics
    if wanted is None:
        return have[0] if kind == "disk" else None
    if wanted not in have:
        raise HostError("%s has no %s %r; it can have: %s" % (
            row.name, kind, wanted, ", ".join(have) or "none"))
    return wanted


def extension_of(row):
    """VT-x or AMD-V; of the host where the row has its processor."""
    if row.extension:
        return row.extension
    return {"vmx": VT_X, "svm": AMD_V}.get(host.virtualization(), "none")


def missing(row):
    """What this host lacks for @row: (packages, obstacle or None)."""
    obstacle = host.kvm_obstacle() if row.backend == "kvm" else None
    return host.missing_packages(row.backend), obstacle


def as_objects():
    """The table for programs."""
    out = []
    for row in TABLE:
        packages, obstacle = missing(row)
        out.append(dict(row._asdict(), extension=extension_of(row),
                        firmware="OVMF", missing=packages, obstacle=obstacle))
    return out


def as_text():
    """The table for people."""
    rows = [("NAME", "OR", "PROCESSOR", "WITH", "BOARD", "ACPI", "PROMPT",
             "WHAT")]
    notes = []
    for r in TABLE:
        rows.append((r.name, " ".join(r.short), r.model, extension_of(r),
                     r.board, "yes" if r.acpi else "no",
                     "%d s" % r.seconds if r.seconds else "-", r.what))
        packages, obstacle = missing(r)
        if packages:
            notes.append("%s: packages are missing: apt-get install %s"
                         % (r.name, " ".join(packages)))
        if obstacle:
            notes.append("%s cannot run here: %s" % (r.name, obstacle))
    width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, width)).rstrip()
             for row in rows]
    lines.append("All have OVMF as firmware. PROMPT: wall seconds with 1 CPU "
                 "and 512 MiB, two cores "
                 "that had other work, too.")
    return "\n".join(lines + notes)
