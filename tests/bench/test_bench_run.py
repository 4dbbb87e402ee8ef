# SPDX-License-Identifier: MIT
"""The bench itself, run: its targets and its gate hold.

What the bare guest costs depends on our code and the compiler alone, so it is
held to gate.json. The boots depend on Debian's kernel, too, which changes under
us: they are held to their targets.
"""
import json
import pathlib
import subprocess
import sys

import pytest

import table

HERE = pathlib.Path(__file__).resolve().parent
GATED = ("micro.", "shared.", "line.", "size.vmm", "size.partition",
         "smp.", "create.", "amd.micro.", "amd.line.", "amd.size.")
# Of the targets, what is known not to be met (docs/limitations.md).
NOT_MET = {"lines", "c-lines"}
RUNS = ("native,linux,micro,shared,smp,create,amd.native,amd.linux,"
        "amd.micro")


@pytest.fixture(scope="module")
def result():
    done = subprocess.run(
        [sys.executable, HERE / "bench.py", "--json", "--jobs", "1",
         "--runs", RUNS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=2400, check=False)
    assert done.returncode == 0, \
        "%s\nreplay: make bench" % done.stderr[-3000:]
    return json.loads(done.stdout[done.stdout.index("{"):])


def test_targets(result):
    missed = {r["id"]: "%s: %s, wanted <= %s" % (r["text"], r["value"],
                                                 r["limit"])
              for r in result["rows"]
              if r["verdict"] not in ("met", "no target")}
    assert set(missed) <= NOT_MET, missed


def test_targets_of_amd_v(result):
    cells = {r["id"]: r["amd"] for r in result["rows"] if "amd" in r}
    missed = {i: c for i, c in cells.items()
              if c["verdict"] not in ("met", "no target")}
    assert missed == {}
    assert sum(c["verdict"] == "met" for c in cells.values()) >= 3


def test_nothing_is_called_missed_that_is_met(result):
    met = {r["id"] for r in result["rows"] if r["verdict"] == "met"}
    assert not met & NOT_MET, "docs/limitations.md is out of date"


def test_gate(result):
    limits = json.loads((HERE / "gate.json").read_text())["limits"]
    gated = {k: v for k, v in limits.items() if k.startswith(GATED)}
    assert len(gated) >= 26
    assert table.gate({"limits": gated}, result["figures"]) == []
