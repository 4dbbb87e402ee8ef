"""The bare guests of tests/guests, several to a boot.

tests/guests/expect.json says how each ends. In every boot some guests never
end by themselves (they loop, halt or storm), so the others' ends and the
prompt itself show that nobody can hold up the machine. A guest that a machine
cannot run for a reason of its own ("not_on") is skipped there, in words.
"""
import json
import re

import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.RYZEN,
                                  bulkhead.Q35)

BOOTS = 3
TABLE = {name: row for name, row in json.loads(
    (bulkhead.ROOT / "tests/guests/expect.json").read_text()).items()
    if name != "bench"}         # tests/bench runs that one
END_S = 240


def obstacle(name, on):
    """Why this machine cannot run that guest; None: it can."""
    return next((why for where, why in TABLE[name].get("not_on", {}).items()
                 if on.startswith(where)), None)


def groups(on):
    """The guests dealt out evenly, those that run for ever first."""
    names = sorted((n for n in TABLE if not obstacle(n, on)),
                   key=lambda n: "runs" not in TABLE[n])
    return [names[i::BOOTS] for i in range(BOOTS)]


class Run:
    """One boot: what was seen of each guest."""

    def __init__(self, machines, on, number, names):
        specs = {n: bulkhead.bare_spec(
            n, image="disk.raw" if TABLE[n].get("disk") else None)
            for n in names}
        files = bulkhead.guest_files(*names)
        files["disk.raw"] = bytes(range(256)) * 256
        name = "g%d-%s" % (number, bulkhead.tag(on))
        img = bulkhead.image(name, ["log=info"], specs, files)
        self.m = machines(name, img, on=on, time_limit=400, log_errors=False)
        self.reasons, self.consoles, self.killed = {}, {}, {}
        self.m.prompt()
        self.see_ends({n for n in names if "reason" in TABLE[n]})
        self.states = {p["name"]: p["state"]
                       for p in self.m.ask("ps")["partitions"]}
        # Some of these run with interrupts off: the UART's NMI reaches them.
        for n in names:
            if "kill" in TABLE[n]:
                self.m.command("kill " + n)
                self.killed[n] = self.m.command("why " + n)
        self.why = {n: self.m.command("why " + n)
                    for n in names if "reason" in TABLE[n]}
        rpc = self.m.rpc()
        self.consoles = {n: rpc.console(n) for n in names}
        rpc.close()
        self.after = {p["name"]: p["state"]
                      for p in self.m.ask("ps")["partitions"]}
        self.result = self.m.poweroff()

    def see_ends(self, missing):
        """Wait until all of @missing have ended; the reasons' words."""
        words = r"partition (\w+): (?!started)([a-z-]+): [^\n]*\n"
        for word in re.finditer(words, self.m.log_text()):
            self.reasons[word.group(1)] = word.group(2)
        while missing - set(self.reasons):
            try:
                self.m.expect(words, END_S)
            except AssertionError as e:
                raise AssertionError("%s; still running: %s" % (
                    e, sorted(missing - set(self.reasons)))) from None
            self.reasons[self.m.com1.match.group(1)] = \
                self.m.com1.match.group(2)


_runs = {}      # (machine, guest) -> its Run, or the exception that it was


@pytest.fixture
def run(machines, on, request):
    """The boot that has the guest @name in it; each boot is made once."""
    name = request.getfixturevalue("name")
    if obstacle(name, on):
        pytest.skip(obstacle(name, on))
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
def test_guest(run, name):
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
    assert run.after[name] != "running"
    assert run.result.outcome == "shutdown", run.result
