"""Bare guests with several vCPUs (tests/guests/smp_*.asm), on several CPUs and
on one.

tests/guests/smp.json says how each ends. All start at once and share the CPUs;
when they have ended, the one that spins with interrupts off on all its vCPUs is
started, and another one once more beside it, which must get through.
"""
import collections
import json
import re

import bulkhead
import pytest

TABLE = json.loads((bulkhead.ROOT / "tests/guests/smp.json").read_text())
SPINNER, WITNESS = "smp_cli", "smp_storm"
END_S = 400
ENDS = r"\] partition (smp_\w+): (?!started)([a-z-]+): [^\n]*\n"
BUG = r"BUG in the VMM"

Rig = collections.namedtuple("Rig", "on cpus vcpus options rounds")
# QEMU's time is cheap, but its clock is the host's; Bochs counts instructions.
RIGS = [
    Rig(bulkhead.SKYLAKE, 2, 2, (), 10000),
    Rig(bulkhead.SKYLAKE, 1, 4, (), 10000),
    Rig(bulkhead.SKYLAKE, 2, 3, ("apicv=off",), 2000),
    Rig("bochs/cnl", 1, 3, (), 2000),
    Rig(bulkhead.RYZEN, 2, 2, (), 2000),
    Rig(bulkhead.Q35, 2, 2, (), 10000),
    Rig(bulkhead.Q35, 1, 4, (), 10000),
]


def rig_id(rig):
    return "%d-vcpus-on-%d%s" % (rig.vcpus, rig.cpus,
                                 "".join("-" + o for o in rig.options))


def obstacle(name, on):
    return next((why for where, why in TABLE[name].get("not_on", {}).items()
                 if on.startswith(where)), None)


def spec(name, rig):
    notes = {"io.bulkhead.vcpus": str(rig.vcpus)}
    if name == SPINNER:
        notes["io.bulkhead.autostart"] = "false"
    out = bulkhead.bare_spec(name, notes)
    out["vm"]["kernel"]["parameters"] = [str(rig.rounds)]
    return out


class Run:
    """One boot: what was seen of each guest."""

    def __init__(self, machines, rig):
        self.rig = rig
        names = [n for n in TABLE if not obstacle(n, rig.on)]
        img = bulkhead.image(
            "smp-%s-%d-%d" % (bulkhead.tag(rig.on), rig.cpus, rig.vcpus),
            ["log=info", *rig.options], {n: spec(n, rig) for n in names},
            bulkhead.guest_files(*names))
        self.m = m = machines(
            "smp%d%d-%s" % (rig.cpus, rig.vcpus, bulkhead.tag(rig.on)), img,
            on=rig.on, time_limit=900, log_errors=False, cpus=rig.cpus,
            memory=512)
        self.why, self.killed = {}, ""
        m.prompt()
        self.ends = self.see_ends({n: 1 for n in names
                                   if "reason" in TABLE[n]})
        self.why = {n: m.command("why " + n) for n in self.ends}
        rpc = m.rpc()
        self.consoles = {n: rpc.console(n) for n in names}
        if SPINNER in names:
            self.spin(rpc)
        rpc.close()
        self.result = m.poweroff()

    def spin(self, rpc):
        """The one that spins, and a witness beside it."""
        m = self.m
        m.command("start " + SPINNER)
        m.command("start " + WITNESS)
        self.again = self.see_ends({WITNESS: 2})[WITNESS]
        self.beside = rpc.console(WITNESS)
        self.states = {p["name"]: p["state"]
                       for p in m.ask("ps")["partitions"]}
        m.command("kill " + SPINNER)
        self.killed = m.command("why " + SPINNER)
        self.consoles[SPINNER] = rpc.console(SPINNER)

    def see_ends(self, lives):
        """Wait for the ends: name -> which of its lives; the last reasons."""
        while True:
            assert not re.search(BUG, self.m.log_text())
            seen = collections.defaultdict(list)
            for name, reason in re.findall(ENDS, self.m.log_text()):
                seen[name].append(reason)
            missing = sorted(n for n in lives if len(seen[n]) < lives[n])
            if not missing:
                return {n: seen[n][lives[n] - 1] for n in lives}
            try:
                self.m.expect("%s|%s" % (ENDS, BUG), END_S)
            except AssertionError as e:
                raise AssertionError("%s; still running: %s" % (
                    e, missing)) from None


_runs = {}      # rig -> its Run, or the exception that it was


@pytest.fixture
def run(machines, request):
    rig, name = (request.getfixturevalue(n) for n in ("rig", "name"))
    if obstacle(name, rig.on):
        pytest.skip(obstacle(name, rig.on))
    if rig not in _runs:
        try:
            _runs[rig] = Run(machines, rig)
        except Exception as e:
            _runs[rig] = e
    if isinstance(_runs[rig], Exception):
        pytest.fail("the boot with this guest failed: %s" % _runs[rig])
    return _runs[rig]


def times_done(name, console):
    return len(re.findall(r"guest %s: done, [1-9]\d* passed, 0 failed" % name,
                          console))


@pytest.mark.parametrize("name", list(TABLE))
@pytest.mark.parametrize("on,rig", [
    pytest.param(r.on, r, id="%s-%s" % (r.on, rig_id(r))) for r in RIGS],
    indirect=["on"])
def test_guest(run, on, rig, name):
    assert on == rig.on
    row, console = TABLE[name], run.consoles[name]
    assert "FAIL" not in console, console
    assert "guest %s:" % name in console, "nothing was said: %r" % console
    if row.get("done"):
        assert times_done(name, console) > 0, console
    if "reason" in row:
        assert run.ends[name] == row["reason"], run.why[name]
        assert row.get("why", "") in run.why[name]
    if name == SPINNER:
        assert run.states[name] == "running", run.m.log_text()
        assert "partition %s: %s" % (name, row["kill"]) in run.killed
        assert run.again == TABLE[WITNESS]["reason"]
        assert times_done(WITNESS, run.beside) == 2, run.beside
    assert run.result.outcome == "shutdown", run.result


@pytest.mark.parametrize("name", ["smp_io"])
@pytest.mark.parametrize("on,rig", [
    pytest.param(r.on, r, id="%s-%s" % (r.on, rig_id(r))) for r in RIGS],
    indirect=["on"])
def test_lines_are_whole(run, on, rig, name):
    """What vCPUs write to one UART in turns arrives in that order."""
    assert on == rig.on
    lines = re.findall(r"^line of (\d+): the quick brown fox jumps over the "
                       r"lazy dog$", run.consoles[name].replace("\r", ""),
                       re.M)
    assert collections.Counter(lines) == {
        str(n): 20 for n in range(rig.vcpus)}, run.consoles[name]
