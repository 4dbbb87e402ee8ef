"""What all tests share: machines that are ended, failures that explain.

A module that boots machines takes the fixture `machines`: boot() starts one,
all are ended with the module, and a failed test shows the last lines of the
serial logs and the command that repeats the run.
"""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(ROOT / "tools/emu"))

_machines = {}      # module name -> the machines it has booted


@pytest.fixture(scope="module")
def machines(request):
    """boot(name, image, ...) starts a machine that ends with the module."""
    import bulkhead

    mine = _machines.setdefault(request.module.__name__, [])

    def boot(name, image, **more):
        for other in mine:      # one emulator a module at a time
            other.kill()
        mine.append(bulkhead.Booted(name, image, **more))
        return mine[-1].start()

    yield boot
    for m in mine:
        m.kill()
    del _machines[request.module.__name__]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    module = getattr(item, "module", None)
    if report.failed and module is not None:
        for m in _machines.get(module.__name__, [])[-1:]:
            report.sections.append(("machine", m.report()))
