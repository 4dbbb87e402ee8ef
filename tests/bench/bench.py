#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure Bulkhead in Bochs and compare with what it must reach.

Runs by VT-x: native (Linux without a VMM), linux (the same below Bulkhead),
micro (a bare guest), shared (the same guest with the virtual local APIC, as
where partitions share a CPU), smp (bare guests with several vCPUs on two CPUs),
create (a partition of four vCPUs on one). The same by AMD-V: amd.native,
amd.linux, amd.micro. selfcheck: the counter itself. Everything is counted in executed
instructions, so two runs give the same figures and a limit can be a gate.
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys
import time

import bochs
import counts
import esp
import measure
import plot
import selfcheck
import table

HERE = pathlib.Path(__file__).resolve().parent
BUILD = bochs.ROOT / "build"
OUT = BUILD / "bench"
VMLINUZ = BUILD / "guest/vmlinuz"
INITRD = BUILD / "guest/initrd.img"
MICRO_GUEST = BUILD / "guests/bench.bin"
SMP_GUEST = BUILD / "guests/smp_bench.bin"
SPIN_GUEST = BUILD / "guests/spin.bin"
VMM_EFI = BUILD / "BOOTX64.EFI"
VMM_ELF = BUILD / "bulkhead.elf"
NATIVE_EFI = OUT / "NATIVE.EFI"
SMP_LAST_MARK, QUARTER_MARK = 0x8100, 0x8200
SMP_TRACE = 60000
SHARE_SECONDS = 10.0
ASK_SECONDS = 60
MEMORY_MIB = 256
DISK_BYTES = 1 << 20
LAST_MARK = len(measure.ROWS) | counts.MARK_END  # the bare guest's last one
# Memory of the machine below Bulkhead, so that the partition has MEMORY_MIB.
MACHINE_MIB = 512
# tsc_early_khz: the true frequency, or the native kernel, which believes CPUID
# leaf 15h, has delay loops 70 times too long and looks slower than it is.
COMMAND_LINE = ("quiet", "console=hvc0", "panic=-1", "tsc_early_khz=50000")
# The native kernel would wait by MWAITX, from which Bochs does not wake it.
AMD_WORDS = ("clearcpuid=mwaitx",)
AMD = "amd."  # begins the names of runs and figures by AMD-V
AMD_MACHINE = ("bochs/ryzen", None)


def say(text):
    print(text, file=sys.stderr, flush=True)


def boot(name, image, args, megs, stop=None, then=None, **more):
    machine = AMD_MACHINE if name.startswith(AMD) else ("bochs", args.model)
    more.setdefault("trace", args.trace)
    bochs.boot(name, image, OUT, machine, megs, args.timeout, stop, then,
               rips=args.rips, **more)


def command_line(name, args):
    """Of both kernels; where RIPs are compared, they must not be moved."""
    return COMMAND_LINE + (AMD_WORDS if name.startswith(AMD) else ()) + \
        (("nokaslr",) if args.rips else ()) + tuple(args.append.split())


def run_selfcheck(_name, _args):
    for vendor in selfcheck.VMMS:
        selfcheck.run(OUT, vendor)


def run_native(name, args):
    image = esp.make(OUT, name, NATIVE_EFI, {
        "vmlinuz": args.kernel, "initrd.img": args.initrd,
        "cmdline.txt": " ".join(command_line(name, args))})
    boot(name, image, args, MEMORY_MIB,
         lambda report: counts.has(report, "root-user"))


def run_linux(name, args):
    image = esp.make(OUT, name, VMM_EFI, {
        "boot.cfg": esp.boot_cfg(),
        "guest/vmlinuz": args.kernel, "guest/initrd.img": args.initrd,
        "partitions/linux.json": esp.partition(
            "guest/vmlinuz", f"{MEMORY_MIB}M", "guest/initrd.img",
            command_line(name, args))})
    boot(name, image, args, MACHINE_MIB,
         lambda report: counts.has(report, "guest-user"),
         lambda machine: ask_memory(machine, name))


def ask_memory(machine, name):
    """What the VMM itself says of its memory, for the figures."""
    stats = bochs.call(machine, "partition.stats", {"name": "linux"})
    (OUT / f"{name}.stats.json").write_text(json.dumps(stats) + "\n")


def run_micro(name, args, options=()):
    image = esp.make(OUT, name, VMM_EFI, {
        "boot.cfg": esp.boot_cfg(["poweroff-at-end=off", *options]),
        "guest/bench.bin": MICRO_GUEST,
        "guest/disk.img": "\0" * DISK_BYTES,
        "partitions/micro.json": esp.partition(
            "guest/bench.bin", "64M", image="guest/disk.img",
            console="ttyS0")})
    boot(name, image, args, MACHINE_MIB,
         lambda report: counts.has(report, "mark", LAST_MARK),
         lambda machine: read_console(machine, name))


def run_shared(name, args):
    run_micro(name, args, ["direct-apic=off"])


def spinner(parameter, **more):
    """A partition that uses all the CPU it gets."""
    notes = {"autostart": "false"}
    notes.update({key.replace("_", "."): value for key, value in more.items()})
    return esp.partition("guest/spin.bin", "32M", parameters=[parameter],
                         console="ttyS0", more=notes)


def run_smp(name, args):
    specs = {f"partitions/{who}.json":
             spinner("0", cpu_weight=str(weight),
                     cpuset_cpus=str(measure.SHARE_CPU))
             for who, weight in measure.WEIGHTS.items()}
    specs["partitions/quarter.json"] = spinner(
        "1", cpu_max=f"{measure.CPU_MAX_PERCENT * 1000} 100000",
        cpuset_cpus="0")
    specs["partitions/pair.json"] = esp.partition(
        "guest/smp_bench.bin", "32M", parameters=["1"], console="ttyS0",
        more={"vcpus": "2", "vcpu.affinity": "0=0,1=1"})
    image = esp.make(OUT, name, VMM_EFI, {
        "boot.cfg": esp.boot_cfg(["poweroff-at-end=off"]),
        "guest/smp_bench.bin": SMP_GUEST, "guest/spin.bin": SPIN_GUEST,
        **specs})
    boot(name, image, args, MACHINE_MIB,
         lambda report: counts.has(report, "mark", SMP_LAST_MARK),
         lambda machine: watch_shares(machine, name), cpus=2,
         trace=max(args.trace, SMP_TRACE))


def ask(machine, method, params):
    """A call's result."""
    reply = bochs.call(machine, method, params, ASK_SECONDS)
    if reply is None:
        raise bochs.RunError(f"{method} {params}: no reply")
    return reply


def stats_of(machine, names):
    return {who: ask(machine, "partition.stats", {"name": who})
            for who in names}


def watch_shares(machine, name):
    """Start those that use up the CPUs; look twice at what they have had, and
    keep what all guests have printed."""
    (OUT / f"{name}.shares.json").unlink(missing_ok=True)
    for who in (*measure.WEIGHTS, "quarter"):
        ask(machine, "partition.start", {"name": who})
    # what is asked while quarter counts would take the CPU away from it
    if bochs.wait(machine, OUT / f"{name}.count.json",
                  lambda report: counts.has(report, "mark", QUARTER_MARK)):
        raise bochs.RunError(f"{name}: powered off while quarter counted")
    before = after = stats_of(machine, measure.WEIGHTS)
    limit = time.monotonic() + 600
    while sum(measure.usage(after).values()) - \
            sum(measure.usage(before).values()) < SHARE_SECONDS:
        if time.monotonic() > limit:
            raise bochs.RunError(f"{name}: no {SHARE_SECONDS} s of guests")
        time.sleep(2)
        after = stats_of(machine, measure.WEIGHTS)
    (OUT / f"{name}.shares.json").write_text(json.dumps([before, after]))
    save_consoles(machine, name, ("pair", "quarter"))


def save_consoles(machine, name, partitions):
    (OUT / f"{name}.console.txt").write_text("".join(
        ask(machine, "partition.console", {"name": who})["data"]
        for who in partitions))


def run_create(name, args):
    image = esp.make(OUT, name, VMM_EFI, {
        "boot.cfg": esp.boot_cfg(["poweroff-at-end=off"]),
        "guest/smp_bench.bin": SMP_GUEST,
        "partitions/four.json": esp.partition(
            "guest/smp_bench.bin", f"{MEMORY_MIB}M", parameters=["2"],
            console="ttyS0", more={"vcpus": "4"})})

    def keep(machine):
        (OUT / f"{name}.stats.json").write_text(json.dumps(
            stats_of(machine, ("four",))["four"]))
        save_consoles(machine, name, ("four",))

    boot(name, image, args, MACHINE_MIB,
         lambda report: counts.has(report, "mark", SMP_LAST_MARK), keep,
         watch=[bochs.symbol(VMM_ELF, "partition_start")])


# In the order in which they are started, the longest first.
RUNS = {"selfcheck": run_selfcheck,
        "native": run_native, AMD + "native": run_native,
        "linux": run_linux, AMD + "linux": run_linux,
        "smp": run_smp,
        AMD + "micro": run_micro, "micro": run_micro, "shared": run_shared,
        "create": run_create}


def read_console(machine, name):
    """The guest's lines, once its last one is there. Asking costs root
    instructions, so nobody asks before the last section has ended."""
    text = ""
    for _ in range(20):
        reply = bochs.call(machine, "partition.console", {"name": "micro"}, 20)
        text = (reply or {}).get("data", "")
        if "bench console-byte" in text:
            break
    (OUT / f"{name}.console.txt").write_text(text)


def saved(name):
    """The report of an earlier run, if there is one."""
    path = OUT / f"{name}.count.json"
    return json.loads(path.read_text()) if path.exists() else None


def console(name):
    """What the bare guest printed in its last run."""
    path = OUT / f"{name}.console.txt"
    return path.read_text(errors="replace") if path.exists() else ""


def read_json(path):
    return json.loads(path.read_text()) if path.exists() else None


def smp_figures():
    """Those of the runs with several vCPUs."""
    out = {}
    if saved("smp"):
        trace = OUT / "smp.count.json.trace"
        out.update(measure.smp(
            console("smp"), trace.read_text().splitlines()
            if trace.exists() else (), read_json(OUT / "smp.shares.json")))
    if saved("create"):
        out.update(measure.create(saved("create"),
                                  read_json(OUT / "create.stats.json"),
                                  console("create")))
    return out


def figures(spans):
    """All figures that the reports at hand give; fills `spans` for display."""
    out = measure.sizes(bochs.ROOT, VMM_ELF)
    for vendor in ("", AMD):
        out.update({vendor + name: value for name, value
                    in vendor_figures(vendor, spans).items()})
    shared = saved("shared")
    if shared and counts.has(shared, "first-entry"):
        out.update(measure.shared(shared, console("shared")))
    out.update(smp_figures())
    return out


def vendor_figures(vendor, spans):
    """Those of the runs whose names begin with `vendor`."""
    out = {}
    names = {name: vendor + name for name in ("native", "linux", "micro")}
    native, linux, micro = (saved(name) for name in names.values())
    if native and counts.has(native, "root-user"):
        spans[names["native"]] = counts.native_boot(native)
        out["native.ticks"] = spans[names["native"]]["ticks"]
    if linux and counts.has(linux, "guest-user"):
        spans[names["linux"]] = counts.linux_boot(linux)["boot"]
        out.update(measure.linux(linux, spans.get(names["native"])))
        stats = OUT / f"{names['linux']}.stats.json"
        out["size.partition"] = measure.partition_overhead(
            json.loads(stats.read_text()) if stats.exists() else None)
    if micro and counts.has(micro, "first-entry"):
        spans[names["micro"]] = counts.between(
            micro, counts.find(micro, "first-entry"), micro["events"][-1])
        out.update(measure.micro(micro, console(names["micro"])))
    return out


def do_run(name, args):
    """One run; what went wrong, or None."""
    say(f"bench: {name} ...")
    start = time.monotonic()
    try:
        RUNS[name](name, args)
    except (bochs.RunError, counts.CountsError,
            selfcheck.SelfcheckError) as error:
        say(f"bench: {name} FAILED: {error}")
        return str(error)
    say(f"bench: {name} done in {time.monotonic() - start:.0f} s")
    return None


def do_runs(args):
    """Run what was asked for, each in a process of its own; the names of the
    runs that failed."""
    names = [name for name in RUNS if name in args.runs]
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        results = pool.map(do_run, names, [args] * len(names))
        return [name for name, bad in zip(names, results) if bad]


def show(rows, spans, values):
    print(table.render(rows))
    for vendor in ("", AMD):
        for name in (vendor + "linux", vendor + "micro"):
            if name in spans:
                print()
                print(table.render_exits(f"{name}: exits by reason",
                                         counts.by_reason(spans[name])))
        name = vendor + "micro"
        if name in spans:
            print()
            print(table.render_sections(measure.named_sections(
                saved(name), console(name)), measure.RUNS))
    for vendor, text in (("", "VT-x"), (AMD, "AMD-V")):
        native, below = (values.get(vendor + name) for name in
                         ("native.ticks", "linux.ticks"))
        print(f"\n{text}: Linux, kernel entry to /init: "
              f"{table.number(native)} ticks native, "
              f"{table.number(below)} below Bulkhead")


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", default=",".join(RUNS),
                        help="which runs, by comma (default: %(default)s); "
                             "'none' shows what earlier runs left")
    parser.add_argument("--json", action="store_true",
                        help="print figures and verdicts as JSON")
    parser.add_argument("--gate", action="store_true",
                        help="fail when a figure exceeds gate.json")
    parser.add_argument("--write-gate", action="store_true",
                        help="set gate.json to today's figures plus slack")
    parser.add_argument("--model", default="corei7_skylake_x",
                        help="Bochs' CPU model for the runs by VT-x "
                             "(default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2,
                        help="runs at a time (default: %(default)s)")
    parser.add_argument("--timeout", type=int, default=600,
                        help="seconds for each run (default: %(default)s)")
    parser.add_argument("--trace", type=int, default=0, metavar="N",
                        help="write the first N exits, one a line")
    parser.add_argument("--rips", type=int, default=0, metavar="N",
                        help="histogram of every N-th instruction by RIP, "
                             "for rips.py; 1 is exact; boots with nokaslr")
    parser.add_argument("--append", default="", metavar="WORDS",
                        help="more words for the command line of both "
                             "kernels, to try what a difference comes from")
    parser.add_argument("--kernel", type=pathlib.Path, default=VMLINUZ)
    parser.add_argument("--initrd", type=pathlib.Path, default=INITRD)
    args = parser.parse_args(argv)
    args.runs = [] if args.runs == "none" else args.runs.split(",")
    unknown = set(args.runs) - set(RUNS)
    if unknown:
        parser.error(f"no such run: {', '.join(sorted(unknown))}; "
                     f"there are {', '.join(RUNS)}")
    return args


def main(argv=None):
    args = arguments(argv)
    OUT.mkdir(parents=True, exist_ok=True)
    failed = []
    if args.runs:
        try:
            bochs.check_version()
        except bochs.RunError as error:
            say(f"bench: {error}")
            return 2
        failed = do_runs(args)
    spans = {}
    values = figures(spans)
    rows = table.rows(table.load(HERE / "targets.json"), values)
    (OUT / "figures.json").write_text(json.dumps(
        {"model": args.model, "figures": values, "rows": rows}, indent=1))
    if args.json:
        print((OUT / "figures.json").read_text())
    else:
        show(rows, spans, values)
    note = plot.draw(rows, OUT)
    say(f"bench: {note}" if note else f"bench: {OUT}/root-per-exit.png")
    if args.write_gate:
        gate = table.new_gate(table.load(HERE / "gate.json"), values)
        (HERE / "gate.json").write_text(json.dumps(gate, indent=1) + "\n")
    if args.gate:
        bad = table.gate(table.load(HERE / "gate.json"), values)
        for line in bad:
            say(f"bench: gate: {line}")
        failed += bad
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
