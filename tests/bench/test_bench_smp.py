# SPDX-License-Identifier: MIT
"""Figures of the runs with several vCPUs, from reports made here."""
import json

import bench
import measure
import pytest

LINE = ("{tick} cpu {cpu} rip 100a4c reason {reason} detail 0 guest 700 "
        "root {root} vmcs 40 msr {msr}")


def stats(**seconds):
    return {name: {"cpu.stat": {"usage_usec": int(s * 1e6)}}
            for name, s in seconds.items()}


@pytest.mark.parametrize("after,error", [
    ((1, 2, 7), 0),
    ((2, 4, 14), 0),
    ((1.1, 2, 6.9), 10),
    ((1, 2.2, 6.8), 10),
    ((0, 3, 7), 100),
])
def test_share_error(after, error):
    before = stats(a=5, b=5, c=5)
    names = dict(zip("abc", after))
    later = stats(**{n: 5 + s for n, s in names.items()})
    assert measure.share_error(before, later, {"a": 1, "b": 2, "c": 7}) == \
        pytest.approx(error)


def test_share_error_of_nothing():
    nothing = stats(a=5, b=5)
    assert measure.share_error(nothing, nothing, {"a": 1, "b": 1}) is None


def test_switches_are_exits_by_the_timer_that_write_msrs():
    trace = [LINE.format(tick=1, cpu=1, reason=52, root=1000, msr=12),
             LINE.format(tick=2, cpu=1, reason=52, root=1200, msr=12),
             LINE.format(tick=3, cpu=1, reason=52, root=150, msr=0),
             LINE.format(tick=4, cpu=0, reason=52, root=9000, msr=12),
             LINE.format(tick=5, cpu=1, reason=12, root=9000, msr=12),
             "half a line cpu 1"]
    assert measure.switches([t for t in trace], 1) == 1100
    assert measure.switches([], 1) is None


def test_smp():
    shares = [stats(spin1=0, spin2=0, spin7=0),
              stats(spin1=1, spin2=2, spin7=7)]
    text = ("bench ipi-halted 2000\nbench ipi-running 900\n"
            "bench ipi-round 5000\nbench cpu-max 24900\n")
    assert measure.smp(text, (), shares) == {
        "smp.ipi-halted": 2000, "smp.ipi-running": 900,
        "smp.ipi-round": 5000, "smp.cpu-max": pytest.approx(24.9),
        "smp.cpu-max-error": pytest.approx(0.1), "smp.switch": None,
        "smp.share-error": pytest.approx(0)}


def test_smp_without_guests():
    assert measure.smp("", (), None) == {"smp.switch": None}


def event(name, value, ticks):
    return {"name": name, "value": value, "ticks": ticks}


def test_create():
    report = {"events": [event("at", 1, 500), event("first-entry", 0, 900)]}
    assert measure.create(report, {"memory.overhead": 4097},
                          "bench ipi-round 30\n") == {
        "create.ticks": 400, "create.overhead": 5, "create.ipi-round": 30}
    assert measure.create({"events": []}, None, "") == {
        "create.overhead": None}


def test_every_line_of_the_guest_is_a_figure():
    source = (bench.HERE.parent / "guests/smp_bench.asm").read_text()
    for name in measure.SMP_LINES:
        assert '"%s"' % name in source
    assert '"bench cpu-max "' in \
        (bench.HERE.parent / "guests/spin.asm").read_text()


def test_a_spinner_is_a_partition_with_limits():
    spec = json.loads(bench.spinner("1", cpu_max="25000 100000",
                                    cpuset_cpus="0"))
    notes = spec["annotations"]
    assert notes["io.bulkhead.cpu.max"] == "25000 100000"
    assert notes["io.bulkhead.cpuset.cpus"] == "0"
    assert notes["io.bulkhead.autostart"] == "false"
    assert spec["vm"]["kernel"]["parameters"] == ["1"]


def test_symbol_is_found_or_named(monkeypatch):
    class Done:
        stdout = "ffffffff80001000 T other\nffffffff80002000 T wanted\n"

    monkeypatch.setattr(bench.bochs.subprocess, "run", lambda *a, **k: Done)
    assert bench.bochs.symbol("elf", "wanted") == 0xffffffff80002000
    with pytest.raises(bench.bochs.RunError, match="there is no missing"):
        bench.bochs.symbol("elf", "missing")
