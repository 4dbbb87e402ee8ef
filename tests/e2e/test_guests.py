"""The bare guests of tests/guests, several to a boot, and a witness beside them.

tests/guests/expect.json says how each ends. In every boot some guests never
end by themselves (they loop, halt or storm), so the others' ends and the
prompt itself show that nobody can hold up the machine. A guest that a machine
cannot run for a reason of its own ("not_on") is skipped there, in words.

The witness does checked work all the while: it has to get on, with no fault,
and in the end each guest that ended is started again; memory must not leak.

tests/guests/hostile.json lists what a guest could try, and which check of
which guest shows that it fails; test_catalogue looks whether it was made.
"""
import collections
import json
import re
import time

import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.RYZEN,
                                  bulkhead.Q35)

GUESTS = bulkhead.ROOT / "tests/guests"
TABLE = json.loads((GUESTS / "expect.json").read_text())
CATALOGUE = json.loads((GUESTS / "hostile.json").read_text())
PARTITION_MAX = 16
MEMORY_MIB = 768
END_S = 240
ANSWER_S = 240          # of a busy computer
ENDS = r"\] partition (\w+): (?!started)([a-z-]+): [^\n]*\n"


def obstacle(name, on):
    """Why this machine cannot run that guest; None: it can."""
    return next((why for where, why in TABLE[name].get("not_on", {}).items()
                 if on.startswith(where)), None)


def groups(on):
    """The guests dealt out evenly, those that run for ever first."""
    names = sorted((n for n in TABLE if not obstacle(n, on)),
                   key=lambda n: "runs" not in TABLE[n])
    boots = -(-len(names) // (PARTITION_MAX - 1))
    return [names[i::boots] for i in range(boots)]


def cases(name, on):
    """The cases of a guest that asks which one to play."""
    return [c for c in TABLE[name].get("cases", ())
            if not any(on.startswith(w) for w in c.get("not_on", {}))]


class Witness:
    """The guest that does checked work meanwhile."""

    def __init__(self, rpc):
        self.rpc = rpc

    def ask(self):
        """Have it tell: (beats, rounds, faults)."""
        start = self.rpc.call("partition.console", name="witness")["next"]
        self.rpc.call("partition.console.write", name="witness", data="?")
        end = time.monotonic() + ANSWER_S
        while time.monotonic() < end:
            text = self.rpc.call("partition.console", name="witness",
                                 offset=start)["data"]
            found = re.findall(
                r"beat (\d+), (\d+) rounds, (\d+) faults\n", text)
            if found:
                return tuple(map(int, found[-1]))
        raise AssertionError("the witness does not answer: %r" % text)


class Run:
    """One boot: what was seen of each guest."""

    def __init__(self, machines, on, number, names):
        specs = {n: bulkhead.bare_spec(
            n, TABLE.get(n, {}).get("annotations"),
            "disk.raw" if TABLE.get(n, {}).get("disk") else None)
            for n in [*names, "witness"]}
        files = bulkhead.guest_files(*names, "witness")
        files["disk.raw"] = bytes(range(256)) * 256
        name = "g%d-%s" % (number, bulkhead.tag(on))
        img = bulkhead.image(name, ["log=info"], specs, files)
        self.m = machines(name, img, on=on, time_limit=600, log_errors=False,
                          memory=MEMORY_MIB)
        self.reasons, self.consoles, self.killed = {}, {}, {}
        self.played = {}
        self.m.prompt()
        self.rpc = self.m.rpc()
        self.witness = Witness(self.rpc)
        self.told = [self.witness.ask()]
        for n in names:
            self.play(n, cases(n, on))
        self.reasons.update(self.see_ends(
            {n: 1 for n in names if "reason" in TABLE[n]
             and n not in {guest for guest, _ in self.played}}))
        self.states = {p["name"]: p["state"]
                       for p in self.m.ask("ps")["partitions"]}
        self.told.append(self.witness.ask())
        # Some of these run with interrupts off: the UART's NMI reaches them.
        for n in names:
            if "kill" in TABLE[n]:
                self.m.command("kill " + n)
                self.killed[n] = self.m.command("why " + n)
        self.why = {n: self.m.command("why " + n)
                    for n in names if "reason" in TABLE[n]}
        self.consoles = {n: self.rpc.console(n) for n in names}
        self.after = {p["name"]: p["state"]
                      for p in self.m.ask("ps")["partitions"]}
        self.start_again([n for n in names if "reason" in TABLE[n]
                          and not TABLE[n].get("slow")
                          and n not in {guest for guest, _ in self.played}])
        self.told.append(self.witness.ask())
        self.witness_says = self.rpc.console("witness")
        self.rpc.close()
        self.result = self.m.poweroff()

    def ends(self):
        """How each partition has ended so far: name -> reasons, in order."""
        out = collections.defaultdict(list)
        for name, reason in re.findall(ENDS, self.m.log_text()):
            out[name].append(reason)
        return out

    def see_ends(self, lives):
        """Wait for the ends: name -> which of its lives; the last reasons."""
        while True:
            ends = self.ends()
            missing = [n for n in lives if len(ends[n]) < lives[n]]
            if not missing:
                return {n: ends[n][lives[n] - 1] for n in lives}
            try:
                self.m.expect(ENDS, END_S)
            except AssertionError as e:
                raise AssertionError("%s; still running: %s" % (
                    e, sorted(missing))) from None

    def play(self, name, todo):
        """Have a guest play its cases, one a life; the last life remains."""
        for life, case in enumerate(todo, 1):
            if life > 1:
                self.m.command("start " + name)
            # one byte is taken; where the line loses some, none may be left
            self.rpc.call("partition.console.write", name=name,
                          data=case["letter"] * (3 if self.rpc.may_lose else 1))
            self.reasons.update(self.see_ends({name: life}))
            self.played[name, case["case"]] = (
                self.reasons[name], self.m.command("why " + name))

    def start_again(self, names):
        """All of @names a second time; what it changed in free memory."""
        before = self.m.ask("mem")["free"]
        for n in names:
            self.m.command("start " + n)
        self.again = self.see_ends({n: 2 for n in names})
        self.leak = before - self.m.ask("mem")["free"]


_runs = {}      # (machine, guest) -> its Run, or the exception that it was


def run_of(machines, on, name):
    """The boot that has the guest @name in it; each boot is made once."""
    if (on, name) not in _runs:
        number, names = next((i, g) for i, g in enumerate(groups(on))
                             if name in g)
        try:
            run = Run(machines, on, number, names)
        except Exception as e:
            run = e
        _runs.update({(on, n): run for n in names})
    run = _runs[on, name]
    if isinstance(run, Exception):
        pytest.fail("the boot with this guest failed: %s" % run)
    return run


@pytest.mark.parametrize("name", sorted(TABLE))
def test_guest(machines, on, name):
    if obstacle(name, on):
        pytest.skip(obstacle(name, on))
    run = run_of(machines, on, name)
    row, console = TABLE[name], run.consoles[name]
    assert "FAIL" not in console, console
    assert "guest %s:" % name in console, "nothing was said: %r" % console
    if row.get("done"):
        assert re.search(r"guest %s: done, [1-9]\d* passed, 0 failed" % name,
                         console), console
    if "reason" in row:
        assert run.reasons[name] == row["reason"], run.why[name]
        assert "partition %s: %s" % (name, row["reason"]) in run.why[name]
        assert row.get("why", "") in run.why[name]
        assert run.states[name] != "running"
    else:
        assert run.states[name] == "running", run.m.log_text()
        assert "partition %s: %s" % (name, row["kill"]) in run.killed[name]
    for case in cases(name, on):
        reason, why = run.played[name, case["case"]]
        assert reason == case["reason"], "%s: %s" % (case["case"], why)
        assert case.get("why", "") in why, "%s: %s" % (case["case"], why)
    assert run.after[name] != "running"
    assert run.again.get(name, row.get("reason")) == row.get("reason")
    assert run.result.outcome == "shutdown", run.result


def test_witness(machines, on):
    """In each boot it got on before, during and after, and nobody touched what
    it has."""
    for names in groups(on):
        run = run_of(machines, on, names[0])
        assert "FAIL" not in run.witness_says, run.witness_says
        for (_, rounds, faults), (_, later, _) in zip(run.told, run.told[1:]):
            assert later > rounds, run.told
            assert faults == 0, run.told
        assert run.told[-1][2] == 0, run.told
        assert run.told[-1][0] > run.told[0][0], run.told
        assert run.leak == 0, "%d bytes are gone after a second life" % run.leak


def shows(run, on, by):
    """What a row of the catalogue wants to see and does not."""
    name = by["guest"]
    passed = re.findall(r"guest %s: PASS (.*)" % name, run.consoles[name])
    for text in by.get("checks", ()):
        want = re.escape(text).replace(r"\*", ".*") + "$"
        if not any(re.match(want, line.rstrip("\r")) for line in passed):
            yield "guest %s did not say: PASS %s" % (name, text)
    for case in by.get("cases", ()):
        mine = {c["case"] for c in cases(name, on)}
        if case in mine and (name, case) not in run.played:
            yield "guest %s did not play %s" % (name, case)


@pytest.mark.parametrize("row", [r for r in CATALOGUE if any(
    "guest" in by for by in CATALOGUE[r].get("by", ()))])
def test_catalogue(machines, on, row):
    """Each check that the catalogue names has really been made here."""
    mine = [by for by in CATALOGUE[row]["by"] if "guest" in by
            and not obstacle(by["guest"], on)
            and not any(on.startswith(w) for w in by.get("not_on", {}))]
    if not mine:
        pytest.skip("no guest of this row runs on this machine")
    missing = [text for by in mine for text in shows(
        run_of(machines, on, by["guest"]), on, by)]
    assert not missing, "\n".join(missing)
