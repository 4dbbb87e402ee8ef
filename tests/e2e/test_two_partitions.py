"""Two partitions at a time: management goes from one's memory to the other's.

While the VMM works for a partition only that one's RAM is mapped. So each path
from the operator to a partition that is not the one that ran last (agent,
console, poll, end, start anew) is gone here, in turns.
"""
import bulkhead
import pytest

pytestmark = [pytest.mark.machines(bulkhead.SKYLAKE, bulkhead.Q35),
              pytest.mark.xdist_group("two_partitions")]
NAMES = ("left", "right")
TURNS = 2


@pytest.fixture(scope="module", params=["eager", "lazy"])
def m(machines, on, request):
    name = "two-%s-%s" % (request.param, bulkhead.tag(on))
    spec = bulkhead.hello_spec()
    spec["annotations"]["io.bulkhead.memory.max"] = "160M"
    words = spec["vm"]["kernel"]["parameters"]
    words[words.index("quiet")] = "loglevel=7"
    img = bulkhead.image(name, ["log=info", "populate=" + request.param],
                         {n: spec for n in NAMES}, bulkhead.linux_files())
    m = machines(name, img, on=on, time_limit=900)
    m.prompt()
    for _ in NAMES:
        m.expect("agent is ready", bulkhead.BOOT_S)
    return m


def states(m):
    return {p["name"]: p["state"] for p in m.ask("ps")["partitions"]}


def run(m, name, word):
    """A container in @name."""
    done = m.bhk("run", name, "--memory", "16M", "--", "sh", "-c",
                 "echo %s in $(hostname)" % word)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert word + " in " in done.stdout


def test_containers_in_turns(m):
    for turn in range(TURNS):
        for name in NAMES:
            run(m, name, "%s%d" % (name, turn))
    assert states(m) == {"left": "running", "right": "running"}


def test_consoles_in_turns(m):
    for name in NAMES * 2:
        m.com1.send("console %s\r" % name)
        m.expect("agent: connected through vsock")
        m.com1.send("\r\x1d")
        m.prompt()


def test_one_ends_and_starts_anew(m):
    m.command("kill left")
    assert states(m) == {"left": "stopped", "right": "running"}
    run(m, "right", "alone")
    m.command("start left")
    m.expect("agent is ready", bulkhead.BOOT_S)
    m.com1.send("\r")
    m.prompt()
    for name in NAMES:
        run(m, name, "again")
    assert states(m) == {"left": "running", "right": "running"}
    assert m.poweroff().outcome == "shutdown"
