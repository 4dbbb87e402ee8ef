#!/usr/bin/python3
"""partitions.py - two partitions on one machine, and what one cannot do to
the other.

`web` tells twice a second that it lives; `batch` burns four vCPUs, is limited,
paused and moved, and crashes in several ways. Each scene prints what is done,
what is seen and whether that was expected; the commands are those of bhk, to
be repeated by hand on a machine of `make run`.

  tools/demo/partitions.py --on qemu        after `make all guests`
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("BUILD", "build")
sys.path.insert(0, str(ROOT / "tools/emu"))
sys.path.insert(0, str(HERE))

import machines                                         # noqa: E402
from host import HostError                              # noqa: E402
from machine import Machine                             # noqa: E402
from stage import Missed, Stage                         # noqa: E402

CPUS, MEMORY_MIB = 2, 640
VCPUS = 4                   # of batch
WEB_WEIGHT, BATCH_WEIGHT = 300, 100     # groups.json: front, back
BEAT_S, BEAT_MAX_S = 0.5, 3.0           # web.json; a longer gap is a miss
BOOT_S = 900                # wall seconds, Bochs on a busy host
MEASURE_S = 3               # of the machine


def own(name):
    """A config.json of the demo as the operator types it."""
    return str((HERE / (name + ".json")).relative_to(ROOT))


def make_image():
    """The boot image: kernel, root file system, groups; no partition yet."""
    tree = BUILD / "demo/esp"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    (tree / "boot.cfg").write_text("log=info\n")
    for path in (BUILD / "guest/vmlinuz", BUILD / "guest/initrd.img",
                 BUILD / "guest/rootfs.erofs", HERE / "groups.json",
                 BUILD / "guests/triple_fault.bin"):
        shutil.copyfile(path, tree / path.name)
    out = BUILD / "demo/partitions.img"
    subprocess.run([sys.executable, str(ROOT / "tools/image/mkesp"), "--efi",
                    str(BUILD / "BOOTX64.EFI"), "--tree", str(tree), "--out",
                    str(out)], check=True)
    return out


# -- looking at the two ------------------------------------------------------

def beats(s):
    """What web has said so far: (number, second of its own clock)."""
    done = s.bhk("logs", "web/web")
    return [(int(n), float(at)) for n, at in
            re.findall(r"beat (\d+) at ([\d.]+)", done.stdout)]


def has_container(s, name):
    row = s.partition(name)
    return (row["state"] == "running" and row["agent"] and
            row["containers"].get(name, {}).get("status") == "running" and
            row)


def work(s):
    """How far each loop of batch is: four numbers, or what is there."""
    done = s.bhk("exec", "batch/batch", "--", "sh", "-c",
                 "cat /run/work.0 /run/work.1 /run/work.2 /run/work.3")
    return [int(n) for n in done.stdout.split()]


def all_work(s):
    """Do all four loops get on? What each has done since it was asked."""
    first = s.until("all four loops report", lambda: len(work(s)) == VCPUS
                    and work(s))

    def look():
        now = work(s)
        return len(now) == VCPUS and all(
            b > a for a, b in zip(first, now)) and now

    now = s.until("each vCPU's loop gets on", look)
    return [b - a for a, b in zip(first, now)]


def check_web(s, since=0):
    """No beat of web is missing and none came late, since beat @since."""
    start = beats(s)[-1][0]
    s.until("web's next beats", lambda: beats(s)[-1][0] >= start + 2)
    found = [b for b in beats(s) if b[0] >= since]
    numbers = [n for n, _ in found]
    gap = max(b[1] - a[1] for a, b in zip(found, found[1:]))
    good = (numbers == list(range(numbers[0], numbers[-1] + 1)) and
            gap < BEAT_MAX_S)
    s.check("web never missed a beat", good,
            "beats %d to %d, all there; one each %.1f s, the longest gap was "
            "%.2f s of its clock" % (numbers[0], numbers[-1], BEAT_S, gap))
    if not good:    # what kept it
        s.do("top")
        s.do("stats", "web")
        s.do("exits", "web")
    return {"beats": len(numbers), "gap": gap}


# -- the scenes --------------------------------------------------------------

def scene_boot(s, state):
    with s.scene("boot", "two partitions boot side by side") as seen:
        s.tell("The machine has %d CPUs and no partition yet. Each gets its "
               "memory, its vCPUs" % CPUS)
        s.tell("and its own copy of Debian's unmodified kernel; batch may "
               "use CPU 0 alone.")
        state["free"] = s.ask("mem")["free"]
        for name in ("web", "batch"):
            s.do("create", name, own(name))
        for name in ("web", "batch"):
            s.do("start", name)
        for name in ("web", "batch"):
            row = s.until("%s boots" % name,
                          lambda n=name: has_container(s, n), BOOT_S)
            seen[name + "_boot_s"] = row["uptime_us"] / 1e6
            s.tell("%s: container runs %.1f s after its start"
                   % (name, row["uptime_us"] / 1e6))
        s.do("ps")
        s.do("group")
        for name, vcpus in (("web", 2), ("batch", VCPUS)):
            out = s.do("exec", "%s/%s" % (name, name), "--", "sh", "-c",
                       "uname -srv; nproc").stdout
            s.check("%s runs Debian's kernel on %d vCPUs" % (name, vcpus),
                    "Debian" in out and out.split()[-1] == str(vcpus))
        seen.update(check_web(s))


def scene_top(s, _):
    with s.scene("top", "who uses what") as seen:
        s.tell("Percent of one CPU: batch has work for four, and one CPU. "
               "What its vCPUs wait for")
        s.tell("is steal; in the guest, top and /proc/stat show it, too.")
        s.do("top")
        s.tell("The same at the machine's own prompt (top; q leaves):")
        text = s.at_prompt("top", r"up [\d.]+ s[^\n]*\nPARTITION.*?\nbatch "
                           r"[^\n]*\n")
        s.show(text)
        s.machine.send("q")
        rows = {r["name"]: r for r in s.ask("top")["partitions"]}
        seen.update({n: {k: rows[n][k] for k in ("cpu", "steal", "throttled",
                                                 "exits", "reasons")}
                     for n in rows})
        batch = rows["batch"]
        s.check("batch uses most of its one CPU", 60 < batch["cpu"] <= 101,
                "%.1f %%" % batch["cpu"])
        s.check("its vCPUs wait for CPU 0: steal", batch["steal"] > 100,
                "%.1f %%" % batch["steal"])
        s.check("nobody is throttled yet",
                all(r["throttled"] == 0 for r in rows.values()))
        s.check("exits are counted by reason", all(
            r["exits"] > 0 and r["reasons"] for r in rows.values()))


def scene_limit(s, _):
    with s.scene("limit", "a limit while it runs: cpu.max") as seen:
        s.tell("batch may use 25 ms of each 100 ms from now on.")
        s.do("update", "batch", "cpu.max=25000 100000")
        use = s.cpu_use(["batch"], MEASURE_S, "measuring")["batch"]
        seen.update(use)
        s.do("top")
        s.check("batch gets a quarter of a CPU", abs(use["cpu"] - 25) < 3,
                "%.1f %%" % use["cpu"])
        s.check("it is throttled in each period",
                use["throttled"] >= MEASURE_S * 10 - 5,
                "%d times in %d s" % (use["throttled"], MEASURE_S))
        s.do("update", "batch", "cpu.max=max")


def share_of_web(s):
    """Percent of what both use that is web's, and the sum."""
    use = s.cpu_use(["web", "batch"], MEASURE_S, "measuring")
    total = use["web"]["cpu"] + use["batch"]["cpu"]
    return 100 * use["web"]["cpu"] / total, total


def scene_weight(s, _):
    with s.scene("weight", "shares by weight: cpu.weight") as seen:
        s.tell("web burns CPU, too, and both have to share CPU 0. Their "
               "groups' weights are %d and %d." % (WEB_WEIGHT, BATCH_WEIGHT))
        s.do("update", "web", "cpuset.cpus=0")
        s.do("exec", "web/web", "--", "sh", "-c",
             "for i in 1 2; do yes >/dev/null 2>&1 </dev/null & done")
        part, total = share_of_web(s)
        seen["web_300_100"], wanted = part, 100 * WEB_WEIGHT / (
            WEB_WEIGHT + BATCH_WEIGHT)
        s.check("web gets three times what batch gets",
                abs(part - wanted) < 6, "%.1f %% of the CPU time of both"
                % part)
        s.check("and together they use one CPU", 90 < total < 103,
                "%.1f %%" % total)
        s.do("group", "update", "demo/back", "cpu.weight=%d" % WEB_WEIGHT)
        part, _ = share_of_web(s)
        seen["web_300_300"] = part
        s.check("equal weights: half each", abs(part - 50) < 6,
                "%.1f %%" % part)
        s.do("exec", "web/web", "--", "killall", "yes")
        s.do("group", "update", "demo/back", "cpu.weight=%d" % BATCH_WEIGHT)
        s.do("update", "web", "cpuset.cpus=0-%d" % (CPUS - 1))


def scene_pause(s, _):
    with s.scene("pause", "pause and resume") as seen:
        since = beats(s)[-1][0]
        s.do("pause", "batch")
        used = s.ask("stats", "batch")["cpu.stat"]["usage_usec"]
        s.let_run(1, "batch is paused")
        start = time.monotonic()
        s.do("ps")
        seen["ps_s"] = time.monotonic() - start
        s.check("batch gets no CPU", s.ask("stats", "batch")["cpu.stat"]
                ["usage_usec"] == used, "cpu.stat stands still")
        s.check("ps does not wait for it", seen["ps_s"] < 20)
        s.do("resume", "batch")
        s.check("all four vCPUs go on", all(all_work(s)))
        check_web(s, since)


def scene_cpus(s, _):
    with s.scene("cpus", "four vCPUs on one CPU, then on two") as seen:
        def measure(word, percent):
            done = all_work(s)
            use = s.cpu_use(["batch"], MEASURE_S, "measuring")["batch"]["cpu"]
            seen[word] = use
            s.check("all four vCPUs get on on %s" % word, all(done),
                    "rounds of their loops: %s" % " ".join(map(str, done)))
            s.check("and use what is there", 0.8 * percent < use
                    < 1.03 * percent, "%.1f %%" % use)
        since = beats(s)[-1][0]
        measure("one CPU", 100)
        s.do("update", "batch", "cpuset.cpus=0-1")
        measure("two CPUs", 200)
        check_web(s, since)


CRASHES = (
    ("panic", "guest-panic", "its kernel panics",
     "echo c > /proc/sysrq-trigger"),
    ("reset", "reboot", "it resets itself without a word",
     "echo b > /proc/sysrq-trigger"),
)


def crash(s, seen, word, reason, script):
    """One crash of batch: reported, and restarted by its policy."""
    since = beats(s)[-1][0]
    before = s.partition("batch")["restarts"]
    s.do("exec", "batch/batch", "--", "sh", "-c",
         "(sleep 0.5; %s) >/dev/null 2>&1 </dev/null &" % script)
    s.until("batch ends and is started again",
            lambda: s.partition_row("batch")["restarts"] > before)
    why = s.ask("why", "batch")
    s.do("why", "batch", limit=4)
    seen[word] = why["reason"]
    s.check("why names the cause", why["reason"] == reason, why["sentence"])
    row = s.until("batch boots again", lambda: has_container(s, "batch"),
                  BOOT_S)
    s.check("its policy (restart: always) has started it again, once",
            row["restarts"] == before + 1,
            "%d restarts; container runs after %.1f s"
            % (row["restarts"], row["uptime_us"] / 1e6))
    check_web(s, since)


def scene_crash(s, _):
    for word, reason, title, script in CRASHES:
        with s.scene("crash-" + word, "batch crashes: " + title) as seen:
            crash(s, seen, word, reason, script)


def scene_give_up(s, _):
    with s.scene("give-up", "one that crashes at once, again and again"):
        since = beats(s)[-1][0]
        s.tell("crasher is no Linux: a few bytes that take a triple fault. "
               "Its policy is on-failure:2.")
        s.do("create", "crasher", own("crasher"))
        s.do("start", "crasher")
        row = s.until("it is given up", lambda: (
            lambda r: r["state"] == "failed" and r["restarts"] == 2 and
            "restart_in_us" not in r and r)(s.partition_row("crasher")))
        s.do("why", "crasher", limit=4)
        s.check("it was started again twice, then left alone",
                (row["reason"], row["restarts"]) == ("triple-fault", 2),
                "%s, %d restarts" % (row["reason"], row["restarts"]))
        s.do("delete", "crasher")
        check_web(s, since)


def scene_end(s, state):
    with s.scene("end", "all is given back") as seen:
        seen.update(check_web(s))
        done = s.do("stop", "web")
        s.check("web powers off when its agent is asked",
                "agent" in done.stdout)
        s.do("delete", "web")
        s.do("delete", "batch", "--force")
        free = s.ask("mem")["free"]
        seen["free_before"], seen["free_after"] = state["free"], free
        s.check("the memory is free as it was before", free == state["free"],
                "%d bytes, before %d" % (free, state["free"]))
        s.do("poweroff", may_fail=True)     # the line may go first
        result = s.machine.wait(60)
        s.check("the machine powers off", result and
                result.outcome == "shutdown")


SCENES = (scene_boot, scene_top, scene_limit, scene_weight, scene_pause,
          scene_cpus, scene_crash, scene_give_up, scene_end)


# -- the run -----------------------------------------------------------------

def play(s):
    """All scenes in turn; the error that ended them early, or None."""
    state = {}
    try:
        s.until("the machine boots", lambda: s.bhk(
            "mem", timeout=10).returncode == 0, BOOT_S)
        s.tell("boots in %.1f s of its time" % s.uptime())
        for scene in SCENES:
            scene(s, state)
    except (Missed, subprocess.TimeoutExpired, OSError, LookupError,
            ValueError) as e:
        s.say("\n  [NOT SO] the demo ended early: %s" % e)
        s.say(s.machine.tail(15))
        return str(e)
    return None


def run(a, out):
    row = machines.find(a.on)
    start = time.monotonic()
    machine = Machine(image=str(make_image()), on=row.name, cpus=CPUS,
                      memory=MEMORY_MIB, workdir=str(BUILD / "demo/run"),
                      time_limit=a.time_limit, attach=False,
                      say=lambda text: print("  " + text, file=out,
                                             flush=True))
    print("two partitions on %s: %s; %d CPUs, %d MiB" % (
        row.name, row.what, CPUS, MEMORY_MIB), file=out, flush=True)
    with machine:
        s = Stage(machine, str(BUILD / "tools/bhk/bhk"), out)
        error = play(s)
    ok = error is None and all(scene["ok"] for scene in s.scenes)
    checks = [c for scene in s.scenes for c in scene["checks"]]
    s.say("\n%d scenes, %d of %d checks as expected, %.0f s%s" % (
        len(s.scenes), sum(c["ok"] for c in checks), len(checks),
        time.monotonic() - start, "" if ok else
        "; the machine's logs are in %s" % machine.workdir))
    return {"on": row.name, "ok": ok, "error": error,
            "seconds": round(time.monotonic() - start, 1),
            "scenes": s.scenes}


def main():
    p = argparse.ArgumentParser(
        description="Two partitions on one emulated machine: they boot, are "
        "limited, paused, moved; one crashes in several ways, the other goes "
        "on.", epilog="Ends with 0 if all that was expected was seen, with 1 "
        "if not, with 2 if the machine cannot be started.")
    p.add_argument("--on", default="qemu", metavar="MACHINE",
                   help="where: a name that `make machines` prints")
    p.add_argument("--time-limit", type=float, default=3600, metavar="S",
                   help="the machine is ended after so many seconds")
    p.add_argument("--json", action="store_true",
                   help="the results as JSON; the text goes to stderr")
    a = p.parse_args()
    try:
        result = run(a, sys.stderr if a.json else sys.stdout)
    except HostError as e:
        print("partitions: %s" % e, file=sys.stderr)
        return 2
    except FileNotFoundError as e:
        print("partitions: %s; build it with: make all guests" % e,
              file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if a.json:
        print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
