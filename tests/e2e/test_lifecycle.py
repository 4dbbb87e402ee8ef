"""Partitions come, run, are paused, stopped and deleted while the machine runs.

Bare guests of tests/guests for what is quick, one Linux for the stages of a
stop. Every order that the state forbids is refused with its kind.
"""
import json
import re
import time

import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.Q35)

TOP_S = 0.6     # machine.top looks again half a second after the last look

GROUPS = {"groups": {"tenants": {"memory.max": "200M",
                                 "groups": {"a": {"cpu.weight": "50"}}}}}


@pytest.fixture(scope="module")
def bare(machines, on):
    """A machine of two CPUs with one guest that spins, and guests to come."""
    files = bulkhead.guest_files("cli_loop", "poweroff", "triple_fault",
                                 "halt_forever", "button")
    files["groups.json"] = json.dumps(GROUPS).encode()
    files["more.json"] = json.dumps(bulkhead.bare_spec("poweroff")).encode()
    img = bulkhead.image("life-" + bulkhead.tag(on), ["log=info"],
                         {"spin": bulkhead.bare_spec("cli_loop")}, files)
    m = machines("life-" + bulkhead.tag(on), img, on=on, time_limit=400,
                 cpus=2)
    m.prompt()
    m.wire = m.rpc()
    yield m
    m.wire.close()


def order(m, method, **params):
    """The reply of an order: its result, or its error."""
    m.wire.serial += 1
    m.wire.raw(json.dumps({"jsonrpc": "2.0", "id": m.wire.serial,
                           "method": method, "params": params}).encode()
               + b"\n")
    reply = m.wire.line()
    while reply.get("id") != m.wire.serial:
        reply = m.wire.line()
    return reply


def obeyed(m, method, **params):
    reply = order(m, method, **params)
    assert "result" in reply, (method, params, reply)
    return reply["result"]


def refused(m, kind, method, **params):
    reply = order(m, method, **params)
    assert reply.get("error", {}).get("data", {}).get("kind") == kind, \
        (method, params, reply)
    return reply["error"]


def states(m):
    return {p["name"]: p["state"]
            for p in obeyed(m, "partition.list")["partitions"]}


def wait_state(m, name, state, timeout=30):
    end = time.monotonic() + timeout
    while states(m).get(name) != state:
        assert time.monotonic() < end, states(m)
        time.sleep(0.1)


def usage(m, name):
    return obeyed(m, "partition.stats", name=name)["cpu.stat"]["usage_usec"]


def free(m):
    return obeyed(m, "machine.mem")["free"]


def test_create_start_delete(bare):
    before = free(bare)
    spec = bulkhead.bare_spec("poweroff")
    obeyed(bare, "partition.create", name="new", config=spec)
    assert states(bare)["new"] == "created"
    refused(bare, "exists", "partition.create", name="new", config=spec)
    refused(bare, "state", "partition.kill", name="new")
    refused(bare, "state", "partition.stop", name="new")
    refused(bare, "state", "partition.pause", name="new")
    obeyed(bare, "partition.start", name="new")
    wait_state(bare, "new", "stopped")
    refused(bare, "state", "partition.kill", name="new")
    refused(bare, "state", "partition.pause", name="new")
    assert obeyed(bare, "partition.state", name="new")["status"] == "stopped"
    assert obeyed(bare, "partition.stop", name="new")["by"] == "none"
    assert "guest poweroff: done" in bare.wire.console("new")
    obeyed(bare, "partition.start", name="new")     # and once more
    wait_state(bare, "new", "stopped")
    obeyed(bare, "partition.delete", name="new")
    refused(bare, "not-found", "partition.delete", name="new")
    refused(bare, "not-found", "partition.start", name="new")
    assert free(bare) == before


def test_running_ones_are_not_deleted(bare):
    before = free(bare)
    spec = bulkhead.bare_spec("cli_loop")
    obeyed(bare, "partition.create", name="loop", config=spec)
    obeyed(bare, "partition.start", name="loop")
    refused(bare, "state", "partition.start", name="loop")
    refused(bare, "state", "partition.delete", name="loop")
    obeyed(bare, "partition.delete", name="loop", force=True)
    assert free(bare) == before
    assert states(bare) == {"spin": "running"}


def test_many_cycles_leak_nothing(bare):
    """More than there are places; the ids and owner marks are used again."""
    before = free(bare)
    for i in range(40):
        obeyed(bare, "partition.create", name="cycle%d" % i,
               file="more.json")
        obeyed(bare, "partition.start", name="cycle%d" % i)
        if i % 2:
            wait_state(bare, "cycle%d" % i, "stopped")
        obeyed(bare, "partition.delete", name="cycle%d" % i, force=True)
        assert free(bare) == before, "cycle %d" % i
    assert states(bare) == {"spin": "running"}


def test_partitions_until_memory_ends(bare):
    """The one too many is refused with numbers; the others go on, and what
    they had is there again."""
    before, used = free(bare), usage(bare, "spin")
    spec = bulkhead.bare_spec("halt_forever", {
        "io.bulkhead.memory.max": "96M"})
    names = []
    for i in range(12):
        reply = order(bare, "partition.create", name="big%d" % i, config=spec)
        if "error" in reply:
            break
        names.append("big%d" % i)
        obeyed(bare, "partition.start", name=names[-1])
        wait_state(bare, names[-1], "running")
    error = reply["error"]
    assert error["data"]["kind"] == "config", error
    left = re.search(r"memory left: 96M needed, (\d+)M free", error["message"])
    assert left and int(left[1]) < 96, error
    assert len(names) == before // (97 << 20)
    assert states(bare) == dict.fromkeys([*names, "spin"], "running")
    assert usage(bare, "spin") > used
    for n in names:
        obeyed(bare, "partition.delete", name=n, force=True)
    assert free(bare) == before


def test_pause(bare):
    obeyed(bare, "partition.pause", name="spin")
    obeyed(bare, "partition.pause", name="spin")
    assert states(bare)["spin"] == "paused"
    at = usage(bare, "spin")
    time.sleep(0.5)
    assert usage(bare, "spin") == at
    refused(bare, "state", "partition.start", name="spin")
    assert obeyed(bare, "partition.stats", name="spin")["cgroup.freeze"] == 1
    obeyed(bare, "partition.resume", name="spin")
    obeyed(bare, "partition.resume", name="spin")
    assert states(bare)["spin"] == "running"
    time.sleep(0.5)
    assert usage(bare, "spin") > at


def test_stop_of_one_that_does_not_listen(bare):
    """No agent, no button: it is killed at once, whatever the time."""
    obeyed(bare, "partition.create", name="deaf",
           config=bulkhead.bare_spec("halt_forever"))
    obeyed(bare, "partition.start", name="deaf")
    done = obeyed(bare, "partition.stop", name="deaf", wait=True)
    assert (done["by"], done["reason"]) == ("kill", "killed")
    assert done["stop_us"] < 5000000
    obeyed(bare, "partition.delete", name="deaf")


def test_stop_by_the_power_button(bare):
    obeyed(bare, "partition.create", name="button",
           config=bulkhead.bare_spec("button"))
    obeyed(bare, "partition.start", name="button")
    while "waiting" not in bare.wire.console("button"):
        time.sleep(0.1)
    done = obeyed(bare, "partition.stop", name="button", wait=True)
    assert (done["by"], done["reason"]) == ("acpi", "stopped"), done
    console = bare.wire.console("button")
    assert "guest button: done, 4 passed, 0 failed" in console, console
    obeyed(bare, "partition.delete", name="button")


def test_restart_policy(bare):
    """Started again twice, then it stays ended."""
    spec = bulkhead.bare_spec("triple_fault", {
        "io.bulkhead.restart": "on-failure:2",
        "io.bulkhead.restart.delay": "50ms 100ms"})
    obeyed(bare, "partition.create", name="crash", config=spec)
    obeyed(bare, "partition.start", name="crash")
    bare.expect("partition crash: started again 2 times, as its restart "
                "policy allows; it stays ended")
    view = next(p for p in obeyed(bare, "partition.list")["partitions"]
                if p["name"] == "crash")
    assert (view["state"], view["restarts"]) == ("failed", 2)
    assert obeyed(bare, "partition.state", name="crash")["status"] == "stopped"
    assert states(bare)["spin"] == "running"
    obeyed(bare, "partition.delete", name="crash")


def test_limits(bare):
    obeyed(bare, "partition.update", name="spin", **{
        "cpu.weight": 200, "cpu.max": "50000 100000", "cpu.max.burst": 1000})
    stats = obeyed(bare, "partition.stats", name="spin")
    assert stats["cpu.weight"] == 200
    assert stats["cpu.max"] == "50000 100000"
    error = refused(bare, "range", "partition.update", name="spin",
                    **{"cpu.weight": 10001})
    assert error["data"]["errno"] == "ERANGE"
    error = refused(bare, "invalid", "partition.update", name="spin",
                    **{"cpu.max": "5"})
    assert error["data"]["errno"] == "EINVAL"
    error = refused(bare, "state", "partition.update", name="spin",
                    **{"memory.max": "64M"})
    assert error["data"]["key"] == "memory.max"
    obeyed(bare, "partition.update", name="spin",
           **{"cpu.weight": 100, "cpu.max.burst": 0, "cpu.max": "max 100000"})
    memory = stats["memory.stat"]
    assert memory["anon"] == stats["memory.current"] == 32 << 20
    assert memory["kernel"] == sum(memory[k] for k in (
        "sec_pagetables", "vcpu", "devices")) == stats["memory.overhead"]


def share(m, name, seconds=2):
    """CPUs that a partition has had, and how often it was throttled. The share
    is `top`'s, which looks at usage and clock at one instant: between two calls
    a busy computer may do something else."""
    def throttled():
        return obeyed(m, "partition.stats", name=name)["cpu.stat"][
            "nr_throttled"]
    time.sleep(TOP_S)
    before = throttled()
    obeyed(m, "machine.top")
    time.sleep(seconds)
    rows = obeyed(m, "machine.top")["partitions"]
    return (next(r["cpu"] for r in rows if r["name"] == name) / 100,
            throttled() - before)


def test_cpu_max_binds_at_once(bare):
    assert share(bare, "spin")[0] > 0.9
    obeyed(bare, "partition.update", name="spin",
           **{"cpu.max": "25000 100000"})
    part, throttled = share(bare, "spin")
    assert abs(part - 0.25) < 0.03 and throttled > 5, (part, throttled)
    stats = obeyed(bare, "partition.stats", name="spin")
    assert stats["cpu.pressure"]["some"].startswith("avg10=")
    obeyed(bare, "partition.update", name="spin", **{"cpu.max": "max"})
    assert stats["cpu.max"] == "25000 100000"
    assert share(bare, "spin")[0] > 0.9


def test_a_group_binds_those_below(bare):
    """Two that spin in a group that may use half a CPU, then one CPU."""
    obeyed(bare, "group.create", group="half", **{"cpu.max": "50000 100000"})
    obeyed(bare, "group.create", group="half/a")
    spec = bulkhead.bare_spec("cli_loop", {"io.bulkhead.group": "half/a"})
    for name in ("one", "two"):
        obeyed(bare, "partition.create", name=name, config=spec)
        obeyed(bare, "partition.start", name=name)
    obeyed(bare, "partition.update", name="two", **{"cpu.weight": 300})
    obeyed(bare, "group.update", group="half", **{"cpuset.cpus": "1"})
    used = [usage(bare, name) for name in ("one", "two")]
    start = obeyed(bare, "machine.info")["uptime_us"]
    time.sleep(3)
    one, two = [usage(bare, name) - u
                for name, u in zip(("one", "two"), used)]
    took = obeyed(bare, "machine.info")["uptime_us"] - start
    assert abs((one + two) / took - 0.5) < 0.06, (one, two, took)
    assert abs(two / (one + two) - 0.75) < 0.06, (one, two)
    view = next(g for g in obeyed(bare, "group.list")["groups"]
                if g["group"] == "half")
    assert view["cpuset.cpus.effective"] == "1"
    assert view["cpu.stat"]["nr_throttled"] > 5, view
    for name in ("one", "two"):
        obeyed(bare, "partition.delete", name=name, force=True)
    obeyed(bare, "group.delete", group="half/a")
    obeyed(bare, "group.delete", group="half")


def test_groups(bare):
    groups = {g["group"]: g
              for g in obeyed(bare, "group.list")["groups"]}
    assert set(groups) == {"tenants", "tenants/a"}
    spec = bulkhead.bare_spec("halt_forever", {
        "io.bulkhead.group": "tenants/a", "io.bulkhead.memory.max": "96M"})
    for name in ("a", "b"):
        obeyed(bare, "partition.create", name=name, config=spec)
    error = refused(bare, "config", "partition.create", name="c", config=spec)
    assert "group tenants has not that much memory left: 96M needed, 8M free" \
        in error["message"]
    assert error["data"]["errors"][0]["path"] == \
        "/annotations/io.bulkhead.memory.max"
    refused(bare, "busy", "group.delete", group="tenants/a")
    refused(bare, "busy", "group.update", group="tenants",
            **{"memory.max": "100M"})
    obeyed(bare, "group.update", group="tenants", **{"memory.max": "288M"})
    obeyed(bare, "partition.create", name="c", config=spec)
    for name in ("a", "b", "c"):
        obeyed(bare, "partition.delete", name=name)
    obeyed(bare, "group.create", group="tenants/a/b", **{"cpu.weight": 1})
    for group in ("tenants/a/b", "tenants/a"):
        obeyed(bare, "group.delete", group=group)


def test_create_mistakes(bare):
    error = refused(bare, "config", "partition.create", name="x", config={})
    assert [e["path"] for e in error["data"]["errors"]] == ["/", "/"]
    refused(bare, "config", "partition.create", name="x",
            config=bulkhead.bare_spec("nowhere"))
    refused(bare, "not-found", "partition.create", name="x", file="no.json")
    refused(bare, "params", "partition.create", name="X", config={})


def test_top(bare):
    obeyed(bare, "machine.top")
    time.sleep(1)
    top = obeyed(bare, "machine.top")
    spin = top["partitions"][0]
    assert spin["name"] == "spin" and spin["cpu"] > 50
    assert 500000 < top["interval_us"] < 20000000
    bare.wire.close()
    out = bare.bhk("top").stdout
    assert re.search(r"PARTITION +STATE +%CPU", out), out
    assert re.search(r"\nspin +running +\d+\.\d", out), out
    bare.com1.send("top\r")
    bare.expect("q leaves")
    bare.expect("spin +running")
    bare.com1.send("q")
    bare.prompt()
    bare.wire = bare.rpc()


def test_shell_and_bhk(bare, tmp_path):
    bare.wire.close()
    path = tmp_path / "x.json"
    path.write_text(json.dumps(bulkhead.bare_spec("cli_loop"), indent=1))
    for words in (("create", "x", str(path)), ("start", "x"), ("pause", "x"),
                  ("resume", "x"), ("update", "x", "--cpus", "0.5"),
                  ("update", "x", "cpu.weight=7")):
        done = bare.bhk(*words)
        assert done.returncode == 0, (words, done)
    assert "cpu.max: 50000 100000" in bare.command("stats x")
    assert "ended by kill" in bare.bhk("stop", "x").stdout
    assert "had ended already" in bare.command("stop x")
    assert bare.command("delete x").endswith("ok")
    assert bare.command("delete x").startswith("delete: no partition")
    bare.wire = bare.rpc()


def test_the_machine_ends(bare):
    """Last: power-off stops what runs."""
    assert bare.poweroff().outcome == "shutdown"


# -- the stages of a stop, on Linux -----------------------------------------

@pytest.fixture(scope="module")
def linux(machines, on):
    img = bulkhead.image("stop-" + bulkhead.tag(on), ["log=info"],
                         {"hello": bulkhead.hello_spec()},
                         bulkhead.linux_files())
    m = machines("stop-" + bulkhead.tag(on), img, on=on, time_limit=400)
    m.prompt()
    m.expect("agent is ready", bulkhead.BOOT_S)
    m.wire = m.rpc()
    yield m
    m.wire.close()


def test_stop_by_agent(linux):
    done = obeyed(linux, "partition.stop", name="hello", wait=True)
    assert (done["by"], done["reason"]) == ("agent", "stopped"), done


def test_stop_without_the_agent(linux):
    """The guest's kernel listens to the button; who acts on it in user space
    is not there, so the kill follows when the time is over."""
    obeyed(linux, "partition.start", name="hello")
    linux.expect("agent is ready", bulkhead.BOOT_S)
    done = obeyed(linux, "partition.stop", name="hello", wait=True,
                  agent_ms=0, acpi_ms=2000)
    assert "its power button is pressed" in linux.log_text()
    assert done["by"] in ("acpi", "kill"), done
    if done["by"] == "kill":
        assert done["stop_us"] >= 2000000
