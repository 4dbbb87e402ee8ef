# SPDX-License-Identifier: MIT
"""What a report of tools/bochs-count says: moments, what lies between them,
and what each kind of exit cost."""

REASONS = {
    0: "exception or NMI", 1: "external interrupt", 2: "triple fault",
    3: "INIT", 4: "SIPI", 7: "interrupt window", 8: "NMI window",
    9: "task switch", 10: "CPUID", 12: "HLT", 14: "INVLPG", 15: "RDPMC",
    16: "RDTSC", 18: "VMCALL", 28: "CR access", 29: "DR access",
    30: "I/O instruction", 31: "RDMSR", 32: "WRMSR",
    33: "entry failure, guest state", 34: "entry failure, MSR loading",
    36: "MWAIT", 37: "monitor trap", 39: "MONITOR", 40: "PAUSE",
    41: "entry failure, machine check", 43: "TPR below threshold",
    44: "APIC access", 45: "virtualized EOI", 46: "GDTR or IDTR access",
    47: "LDTR or TR access", 48: "EPT violation", 49: "EPT misconfiguration",
    50: "INVEPT", 51: "RDTSCP", 52: "preemption timer", 53: "INVVPID",
    54: "WBINVD", 55: "XSETBV", 56: "APIC write", 57: "RDRAND", 58: "INVPCID",
    59: "VMFUNC", 61: "RDSEED", 62: "page-modification log full",
    63: "XSAVES", 64: "XRSTORS",
}
SVM_REASONS = {
    0x41: "#DB", 0x51: "#AC", 0x52: "#MC", 0x60: "external interrupt",
    0x61: "NMI", 0x63: "INIT", 0x64: "virtual interrupt",
    0x65: "write of CR0.TS or MP", 0x6f: "RDPMC", 0x72: "CPUID", 0x73: "RSM",
    0x74: "IRET", 0x76: "INVD", 0x77: "PAUSE", 0x78: "HLT", 0x79: "INVLPG",
    0x7a: "INVLPGA", 0x7b: "I/O instruction", 0x7c: "RDMSR or WRMSR",
    0x7d: "task switch", 0x7f: "shutdown", 0x80: "VMRUN", 0x81: "VMMCALL",
    0x82: "VMLOAD", 0x83: "VMSAVE", 0x84: "STGI", 0x85: "CLGI",
    0x86: "SKINIT", 0x89: "WBINVD", 0x8a: "MONITOR", 0x8b: "MWAIT",
    0x8d: "XSETBV", 0x400: "nested page fault",
    0xffffffff: "VMRUN failed",
}
# By vendor: port accesses; what comes with time; (reason, detail) of arming.
IO = {"vmx": 30, "svm": 0x7b}
CLOCK = {"vmx": (1, 52), "svm": (0x60,)}
TSC_DEADLINE = 0x6e0
IO_IN = 1 << 16
MSR_WRITE = 1 << 32  # in the detail of SVM's reason, which is one for both
ARM_DEADLINE = {"vmx": (32, TSC_DEADLINE),
                "svm": (0x7c, TSC_DEADLINE | MSR_WRITE)}
MARK_PORT = 0xbe
MARK_END = 0x8000
# Cycles on real hardware, a model of VT-x: what an exit and its entry take by
# themselves, a root instruction, a VMREAD or VMWRITE, an MSR access.
MODEL = {"exit": 1200, "root": 0.6, "vmcs": 25, "msr": 100}


class CountsError(Exception):
    """The report has not got what was looked for."""


def reason_name(vendor, reason):
    if vendor == "svm":
        if reason < 0x20:
            return f"CR{reason & 15} {'write' if reason & 16 else 'read'}"
        return SVM_REASONS.get(reason, f"exit code {reason:#x}")
    return REASONS.get(reason & 0xffff, f"reason {reason & 0xffff}")


def detail_name(vendor, reason, detail):
    """A port, an MSR, a CPUID leaf, in the way people write it."""
    if reason == IO[vendor]:
        way = "IN" if detail & IO_IN else "OUT"
        return f"{way} {detail & 0xffff:#x}"
    if vendor == "svm" and detail & MSR_WRITE:
        return f"write {detail & ~MSR_WRITE:#x}"
    return f"{detail:#x}" if detail else ""


def find(report, name, value=None, after=0):
    """The first event `name` (with `value`), at or after tick `after`."""
    for event in report["events"]:
        if event["name"] == name and event["ticks"] >= after and \
                value in (None, event["value"]):
            return event
    what = name if value is None else f"{name} {value}"
    raise CountsError(f"no event '{what}' in the report")


def has(report, name, value=None):
    try:
        find(report, name, value)
    except CountsError:
        return False
    return True


def root(event):
    return event["insn"]["root_kernel"] + event["insn"]["root_user"]


def guest(event):
    return event["insn"]["guest_kernel"] + event["insn"]["guest_user"]


def between(report, first, last):
    """Everything from one event to a later one."""
    zero = {"vendor": "vmx", "count": 0, "root": 0, "vmcs": 0, "msr": 0}
    kinds = []
    for number, kind in enumerate(report["kinds"]):
        start = _sums(first, number)
        end = _sums(last, number)
        row = dict(zero, vendor=kind["vendor"], reason=kind["reason"],
                   detail=kind["detail"])
        for name, a, b in zip(("count", "root", "vmcs", "msr"), start, end):
            row[name] = b - a
        if row["count"] or row["root"]:
            kinds.append(row)
    return {
        "ticks": last["ticks"] - first["ticks"],
        "root": root(last) - root(first),
        "guest": guest(last) - guest(first),
        "exits": last["exits"] - first["exits"],
        "interrupts": [b - a for a, b in zip(first["interrupts"],
                                             last["interrupts"])],
        "kinds": kinds,
    }


def _sums(event, number):
    """Kinds that appeared after an event have no sums in it."""
    return event["sums"][number] if number < len(event["sums"]) \
        else (0, 0, 0, 0)


def sections(report):
    """What guests and VMM measured with marks: n begins, n | 8000h ends.
    Several of one number are summed; the marks' own exits are taken out."""
    open_at = {}
    sums = {}
    for event in report["events"]:
        if event["name"] != "mark":
            continue
        number = event["value"] & ~MARK_END
        if not event["value"] & MARK_END:
            open_at[number] = event
            continue
        first = open_at.pop(number, None)
        if first is None:
            continue
        span = between(report, first, event)
        rows = by_reason(span)
        sum_ = sums.setdefault(number, {
            "id": number, "times": 0, "ticks": 0, "exits": 0, "root": 0,
            "vmcs": 0, "msr": 0, "reasons": []})
        sum_["times"] += 1
        sum_["ticks"] += span["ticks"]
        sum_["exits"] += sum(row["count"] for row in rows)
        for name in ("root", "vmcs", "msr"):
            sum_[name] += sum(row[name] for row in rows)
        sum_["reasons"] += rows
    return [sums[number] for number in sorted(sums)]


def by_reason(span, want=None):
    """Sum the kinds of a span by reason, most expensive first. Exits of the
    marks themselves are left out. `want(kind)` chooses kinds."""
    rows = {}
    for kind in span["kinds"]:
        if (kind["reason"], kind["detail"]) == (IO[kind["vendor"]], MARK_PORT):
            continue
        if want and not want(kind):
            continue
        key = (kind["vendor"], kind["reason"])
        row = rows.setdefault(key, {
            "vendor": kind["vendor"], "reason": kind["reason"],
            "name": reason_name(*key), "count": 0, "root": 0, "vmcs": 0,
            "msr": 0})
        for name in ("count", "root", "vmcs", "msr"):
            row[name] += kind[name]
    for row in rows.values():
        row["cycles"] = cycles(row) if row["vendor"] == "vmx" else None
    return sorted(rows.values(), key=lambda r: (-r["root"], r["reason"]))


def cycles(row):
    """Modelled cycles of real hardware for the exits of a row."""
    return round(MODEL["exit"] * row["count"] + MODEL["root"] * row["root"] +
                 MODEL["vmcs"] * row["vmcs"] + MODEL["msr"] * row["msr"])


def per_exit(span, reason, details=None):
    """Root instructions per exit of a reason; None without such exits."""
    rows = by_reason(span, lambda k: k["reason"] == reason and
                     (details is None or k["detail"] in details))
    if not rows or not rows[0]["count"]:
        return None
    return rows[0]["root"] / rows[0]["count"]


def is_timer(kind):
    """Exits that come with time, not with what the guest does: the host's
    interrupts, the preemption timer, arming the TSC deadline."""
    vendor = kind["vendor"]
    return kind["reason"] in CLOCK[vendor] or \
        (kind["reason"], kind["detail"]) == ARM_DEADLINE[vendor]


def linux_boot(report):
    """A boot of Linux below a VMM, up to the first instruction of /init."""
    init = find(report, "guest-user", 1)
    entry = find(report, "first-entry")
    boot = between(report, entry, init)
    start = find(report, "svme" if has(report, "svme") else "vmxon")
    whole = between(report, start, init)
    share = 100.0 * whole["root"] / (whole["root"] + whole["guest"])
    return {"boot": boot, "whole": whole, "root_share": share}


def native_boot(report):
    """The same without one: from the loader's mark to /init."""
    return between(report, find(report, "mark", 1),
                   find(report, "root-user", 1))
