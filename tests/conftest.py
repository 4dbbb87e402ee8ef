"""What all tests share: machines that are ended, failures that explain.

A module that boots machines takes the fixture `machines`: boot() starts one,
all are ended with the module, and a failed test shows the machine's name, the
last lines of its logs and the commands that repeat the test and the boot.

On which machines: a test that takes `on` runs once for each name in its mark

    @pytest.mark.machines("bochs/skylake_x", "qemu-tcg/q35")

(or in the module's pytestmark); the names are those of tools/emu/machines.py,
and the tests' ids show them. A test that does not take `on` uses the mark to say
where its time goes. `--on NAME` picks the tests of one machine; "host" are those
that need none. `--on kvm` takes KVM in the place of QEMU's TCG.

Two workers (pytest-xdist) share the work, one emulator each: the tests of one
file and machine stay together and in order; those that need none stand alone.
"""
import collections
import pathlib
import shlex
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(ROOT / "tools/emu"))

import machines as table        # noqa: E402  (tools/emu)
from host import HostError      # noqa: E402

HOST, BENCH = "host", "bochs, bench"
TCG_Q35, KVM_Q35 = "qemu-tcg/q35", "kvm/q35"
# What takes longest comes first, so that both workers end at the same time.
ORDER = (BENCH, "bochs/skylake_x", "bochs/", "qemu-tcg/", "kvm/", "qemu", "")

_machines = {}      # module name -> the machines it has booted
_waits = []         # seconds for a slot among the emulators, not yet reported


# ---- which tests, on which machines, in which order ----

def pytest_addoption(parser):
    parser.addoption("--on", metavar="MACHINE", action="append", default=[],
                     help="only the tests of this machine (make machines "
                     "names them; host: those that need none)")


def pytest_configure(config):
    config.addinivalue_line("markers", "machines(*names): where a test runs")
    try:
        config.bulkhead_on = {name if name == HOST else table.find(name).name
                              for name in config.getoption("--on")}
    except HostError as e:
        raise pytest.UsageError(str(e)) from None
    if not hasattr(config, "workerinput"):      # the workers report to us
        config.pluginmanager.register(Times())


def pytest_generate_tests(metafunc):
    parametrized = [m.args[0] for m in
                    metafunc.definition.iter_markers("parametrize")]
    if "on" not in metafunc.fixturenames or any("on" in p.split(",")
                                                for p in parametrized):
        return
    names = [table.find(n).name for n in
             metafunc.definition.get_closest_marker("machines").args]
    if KVM_Q35 in metafunc.config.bulkhead_on:
        names = [KVM_Q35 if n == TCG_Q35 else n for n in names]
    metafunc.parametrize("on", names, ids=names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def on(request):
    """The name of the machine that this test is to run on."""
    return request.param


def machine_of(item):
    """The name of the machine, as far as it is known before the test runs."""
    callspec = getattr(item, "callspec", None)
    if callspec and "on" in callspec.params:
        return callspec.params["on"]
    mark = item.get_closest_marker("machines")
    if mark:
        return mark.args[0]
    return BENCH if item.path.parent.name == "bench" else HOST


def _rank(item):
    name = machine_of(item)
    return next(i for i, start in enumerate(ORDER) if name.startswith(start))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    wanted = config.bulkhead_on
    if wanted:
        out = [i for i in items if machine_of(i) not in wanted]
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if machine_of(i) in wanted]
    items.sort(key=_rank)
    for item in items:
        name = machine_of(item)
        if name != HOST and not item.get_closest_marker("xdist_group"):
            group = "%s:%s" % (item.path.relative_to(ROOT), name)
            item.add_marker(pytest.mark.xdist_group(group))


# ---- machines ----

@pytest.fixture(scope="module")
def machines(request):
    """boot(name, image, on=..., ...) starts a machine; the module ends it."""
    import bulkhead

    mine = _machines.setdefault(request.module.__name__, [])

    def boot(name, image, **more):
        for other in mine:      # one emulator a module at a time
            other.kill()
        mine.append(bulkhead.Booted(name, image, **more))
        mine[-1].start()
        _waits.append(mine[-1].machine.waited)
        return mine[-1]

    yield boot
    for m in mine:
        m.kill()
    del _machines[request.module.__name__]


def replay(item):
    """A command line that runs this test, with those that it builds on."""
    words = [str(item.path.relative_to(ROOT)), "--on", machine_of(item)]
    return "make test TEST_ARGS=" + shlex.quote(" ".join(words))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    name = machine_of(item)
    report.user_properties += [("machine", name), ("waited", sum(_waits))]
    _waits.clear()
    if not report.failed or name == HOST:
        return
    lines = ["%s; the test again: %s" % (name, replay(item))]
    for m in _machines.get(item.module.__name__, [])[-1:]:
        lines.append(m.report())
    guest = item.funcargs.get("guest")      # of agent_guest.py
    if hasattr(guest, "failure"):
        lines.append(guest.failure())
    report.sections.append(("machine", "\n".join(lines)))


# ---- where the time went ----

class Times:
    """Adds up what the tests took, by machine; the workers' reports, too."""

    def __init__(self):
        self._seconds = collections.Counter()
        self._tests = collections.Counter()
        self._failed = collections.Counter()
        self._notes = []
        self._waited = 0
        self._start = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        # pytest-xdist hangs the group on the id; nobody could paste that
        if report.nodeid.rfind("@") > report.nodeid.rfind("]"):
            report.nodeid = report.nodeid[:report.nodeid.rfind("@")]
        about = dict(report.user_properties)
        name = about.get("machine", HOST)
        waited = about.get("waited", 0)
        self._seconds[name] += report.duration - waited
        self._waited += waited
        self._tests[name] += report.when == "call"
        self._failed[name] += report.failed
        if "note" in about and report.when == "call":
            self._notes.append(about["note"])

    def rows(self):
        out = [("machine", "tests", "failed", "time")]
        for name in sorted(self._seconds, key=self._seconds.get, reverse=True):
            out.append((name, str(self._tests[name]), str(self._failed[name]),
                        clock(self._seconds[name])))
        out.append(("all, one after the other", str(sum(self._tests.values())),
                    str(sum(self._failed.values())),
                    clock(sum(self._seconds.values()))))
        if self._waited >= 1:
            out.append(("waiting for other emulators", "", "",
                        clock(self._waited)))
        out.append(("wall", "", "", clock(time.monotonic() - self._start)))
        return out

    def pytest_terminal_summary(self, terminalreporter):
        if not self._seconds:
            return
        terminalreporter.section("time by machine")
        for cells in self.rows():
            terminalreporter.write_line("%-28s %6s %7s %9s" % cells)
        for note in self._notes:
            terminalreporter.write_line(note)


def clock(seconds):
    return "%d:%04.1f" % divmod(seconds, 60)
