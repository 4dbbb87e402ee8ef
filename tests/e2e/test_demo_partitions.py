"""make demo-partitions: the script's own checks, and that they are all there.

The script judges what it sees; here it is run as a person runs it, and its
JSON is compared with what a demo of partitions has to show.
"""
import json
import subprocess
import sys

import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.Q35)
SCRIPT = bulkhead.ROOT / "tools/demo/partitions.py"
TIME_LIMIT_S = 600
SCENES = ["boot", "top", "limit", "weight", "pause", "cpus", "crash-panic",
          "crash-reset", "give-up", "end"]


def script(*words):
    return subprocess.run([sys.executable, str(SCRIPT), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)


@pytest.fixture(scope="module")
def result(on):
    done = script("--on", on, "--json", "--time-limit", str(TIME_LIMIT_S))
    try:
        found = json.loads(done.stdout)
    except ValueError:
        pytest.fail("no JSON:\n" + done.stdout + done.stderr)
    found["text"], found["code"] = done.stderr, done.returncode
    found["by_name"] = {s["name"]: s for s in found["scenes"]}
    return found


def test_all_scenes_were_played(result):
    assert [s["name"] for s in result["scenes"]] == SCENES, result["text"]
    assert result["error"] is None, result["text"]
    assert (result["ok"], result["code"]) == (True, 0), result["text"]


@pytest.mark.parametrize("name", SCENES)
def test_scene(result, name):
    assert name in result["by_name"], result["text"]
    scene = result["by_name"][name]
    assert scene["checks"], scene
    assert scene["ok"], [c for c in scene["checks"] if not c["ok"]]


def test_figures(result):
    """The JSON has the figures, not only the verdicts."""
    seen = {s["name"]: s["seen"] for s in result["scenes"]}
    assert abs(seen["limit"]["cpu"] - 25) < 3
    assert seen["top"]["batch"]["reasons"]
    assert seen["end"]["gap"] < 3 and seen["end"]["beats"] > 40
    assert seen["end"]["free_after"] == seen["end"]["free_before"]


def test_unknown_machine(on):
    """Negative: refused with 2 and the reason, nothing on stdout."""
    done = script("--on", "no-such-" + bulkhead.tag(on), "--json")
    assert done.returncode == 2 and done.stdout == ""
    assert "no-such-" in done.stderr
