"""The simulation's figures are within what docs/scheduler.md promises, and
its pictures can be drawn."""
import csv
import json
import pathlib
import subprocess

import pytest
import sched_draw

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "build/sched/sched_plot"


@pytest.fixture(scope="module", name="folder")
def simulated(tmp_path_factory):
    """A folder with what the simulation wrote."""
    out = tmp_path_factory.mktemp("sched")
    assert TOOL.exists(), f"{TOOL} is not built; run: make unit-build"
    subprocess.run([TOOL, out], check=True, timeout=120)
    return out


def rows(folder, name):
    with open(folder / name, newline="", encoding="ascii") as file:
        return [{k: float(v) for k, v in row.items()}
                for row in csv.DictReader(file)]


def test_summary(folder):
    summary = json.loads((folder / "summary.json").read_text())
    # half a second of 2 CPUs; a slice is 0.01 of it
    assert summary["worst_error_of_half_a_second_cpus"] <= 0.015
    assert summary["worst_error_of_nested_groups_percent"] <= 1
    assert summary["most_of_25_ms_in_a_period_ms"] <= 25.02
    assert abs(summary["quarter_of_ten_seconds"] - 0.25) < 0.0005
    assert summary["longest_wakeup_us"] < 2000


def test_shares_use_all_cpus(folder):
    for row in rows(folder, "shares.csv"):
        assert abs(sum(row[g] for g in "abcd") - 2) < 0.01


def test_burst_is_used_and_bounded(folder):
    used = [row["burst_ms"] for row in rows(folder, "quota.csv")]
    assert any(u > 41 for u in used)
    assert max(used) <= 60.02


def test_usage_without_folder():
    done = subprocess.run([TOOL], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage" in done.stderr
    done = subprocess.run([TOOL, "/nonexistent"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and "/nonexistent" in done.stderr


def test_pictures(folder):
    assert sched_draw.draw(folder) == ""
    for name in ("shares", "latency", "quota", "pinned"):
        assert (folder / f"{name}.png").stat().st_size > 3000
