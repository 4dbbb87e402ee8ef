"""The agent in plain QEMU (TCG): protocol, life cycle, streams, refusals."""
import pytest

from agent_guest import (EXIST, LIMIT, LINE_MAX, METHOD, NO_VMM, NOENT, PARAMS,
                         PARSE, REQUEST, STATE, TIMEOUT_S, UNSUPPORTED,
                         RpcError, config, guest, refused, tidy)

pytestmark = pytest.mark.machines(NO_VMM)


# ---- the connection ----

def test_ready_names_kernel_and_controllers(guest):
    ready = guest.ready
    assert ready["version"] == 1
    assert ready["kernel"].endswith("-cloud-amd64")
    assert ready["cgroup"] == "v2"
    assert set(ready["controllers"]) == {"cpu", "cpuset", "memory", "pids"}
    assert ready["cpus"] == 2
    assert ready["memory"] > 400 << 20
    assert guest.call("agent.info") == ready


def test_ping(guest):
    assert guest.call("agent.ping") == {}


def test_string_id_comes_back(guest):
    guest.send_raw(b'{"jsonrpc":"2.0","id":"x y","method":"agent.ping"}\n')
    assert guest.reply("x y")["result"] == {}


@pytest.mark.parametrize("line,code", [
    (b"junk", PARSE),
    (b'{"jsonrpc":"2.0","id":1', PARSE),
    (b'{"a":1,"a":2}', PARSE),
    (b"[]", REQUEST),
    (b"17", REQUEST),
    (b'{"jsonrpc":"2.0","id":[],"method":"agent.ping"}', REQUEST),
    (b"x" * (LINE_MAX + 5000), PARSE),
    (b"[" * 20000, PARSE),
])
def test_bad_line_is_answered_and_forgotten(guest, line, code):
    guest.send_raw(line + b"\n")
    assert guest.reply(None)["error"]["code"] == code
    assert guest.call("agent.ping") == {}


def test_bad_requests(guest):
    for text, code in [('"method":"nope"', METHOD),
                       ('"method":7', REQUEST),
                       ('"method":"agent.ping","params":[1]', PARAMS)]:
        guest.send_raw(b'{"jsonrpc":"2.0","id":"b",%s}\n' % text.encode())
        assert guest.reply("b")["error"]["code"] == code
    guest.send_raw(b'{"id":"b","method":"agent.ping"}\n')
    assert guest.reply("b")["error"]["code"] == REQUEST


def test_a_notification_gets_no_reply(guest):
    guest.send_raw(b'{"jsonrpc":"2.0","method":"agent.ping"}\n')
    assert guest.call("agent.ping") == {}
    assert guest.replies == {}


# ---- life cycle ----

def test_create_start_exit_delete(guest):
    c = guest.name()
    state = guest.call("container.create", id=c, config=config("exit 7"))
    assert state["status"] == "created" and state["pid"] > 1
    assert state["ociVersion"] == "1.1.0" and state["id"] == c
    guest.wait(id=c, event="created")
    assert guest.call("container.state", id=c)["status"] == "created"
    assert guest.call("container.start", id=c) == {}
    guest.wait(id=c, event="started")
    exited = guest.wait(id=c, event="exited")
    assert exited["exitCode"] == 7 and exited["signal"] == 0
    assert exited["oomKilled"] is False
    assert exited["stats"]["cpu.stat"]["usage_usec"] > 0
    state = guest.call("container.state", id=c)
    assert state["status"] == "stopped" and state["exitCode"] == 7
    assert guest.call("container.delete", id=c) == {}
    guest.wait(id=c, event="deleted")
    with pytest.raises(RpcError) as info:
        guest.call("container.state", id=c)
    assert info.value.code == NOENT


def test_list_shows_args(guest):
    c = guest.sleeper()
    entry, = guest.call("container.list")["containers"]
    assert entry["id"] == c and entry["status"] == "running"
    assert entry["args"] == "sh -c exec sleep 1000"


def test_run_without_a_name_invents_one(guest):
    state = guest.call("container.run", args=["true"])
    assert state["id"].startswith("c")
    guest.wait(id=state["id"], event="exited")


def test_double_create(guest):
    c = guest.sleeper()
    with pytest.raises(RpcError) as info:
        guest.call("container.run", id=c, args=["true"])
    assert info.value.code == EXIST


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "-a", "x" * 64,
                                  "a b"])
def test_bad_names(guest, name):
    with pytest.raises(RpcError) as info:
        guest.call("container.run", id=name, args=["true"])
    assert info.value.code == PARAMS and info.value.data["path"] == "/id"


def test_state_errors(guest):
    c = guest.sleeper()
    for method in ("container.start", "container.delete"):
        with pytest.raises(RpcError) as info:
            guest.call(method, id=c)
        assert info.value.code == STATE
    guest.call("container.kill", id=c, signal="KILL")
    exited = guest.wait(id=c, event="exited")
    assert exited["signal"] == 9 and exited["exitCode"] == 137
    for method, extra in (("container.kill", {}),
                          ("container.namespaces", {}),
                          ("container.exec", {"args": ["true"]})):
        with pytest.raises(RpcError) as info:
            guest.call(method, id=c, **extra)
        assert info.value.code == STATE


def test_delete_force_while_running(guest):
    c = guest.sleeper()
    assert guest.call("container.delete", id=c, force=True) == {}
    guest.wait(id=c, event="deleted")
    assert guest.call("container.list")["containers"] == []


def test_kill_created(guest):
    c = guest.name()
    guest.call("container.create", id=c, config=config())
    guest.call("container.kill", id=c, signal=9)
    guest.wait(id=c, event="exited")
    with pytest.raises(RpcError) as info:
        guest.call("container.start", id=c)
    assert info.value.code == STATE


def test_kill_signal_reaches_a_handler(guest):
    c = guest.name()
    guest.call("container.run", id=c, args=[
        "sh", "-c", "trap 'echo got; exit 3' TERM; echo up; "
                    "while :; do sleep 0.1; done"])
    guest.call("container.attach", id=c)
    while "up" not in guest.logs(c):
        guest.wait(id=c, stream="stdout")
    guest.call("container.kill", id=c, signal="SIGTERM")
    assert guest.wait(id=c, event="exited")["exitCode"] == 3
    assert guest.logs(c) == "up\ngot\n"


def test_kill_unknown_signal(guest):
    c = guest.sleeper()
    for bad in ("NOPE", 0, 99, True):
        with pytest.raises(RpcError) as info:
            guest.call("container.kill", id=c, signal=bad)
        assert info.value.code == PARAMS


def test_program_not_found(guest):
    with pytest.raises(RpcError) as info:
        guest.call("container.run", id="nf", args=["/no/such"])
    assert info.value.code == NOENT
    assert info.value.data == {"path": "/process/args/0", "errno": "ENOENT"}
    with pytest.raises(RpcError) as info:
        guest.call("container.run", id="nf", args=["nosuchprogram"])
    assert "PATH" in info.value.message
    # the name is free again once the remains are reaped
    guest.output("true")


def test_setup_that_takes_too_long_is_killed(guest):
    c = config("true")
    # a millisecond of CPU time a second, and a lot to do
    c["linux"]["resources"] = {"cpu": {"quota": 1000, "period": 1000000}}
    c["mounts"] += [{"destination": "/mnt", "type": "tmpfs",
                     "source": "tmpfs"}] * 50
    ident = guest.name()
    with pytest.raises(RpcError) as info:
        guest.call("container.create", id=ident, config=c)
    assert info.value.data == {"errno": "ETIMEDOUT"}
    assert "not set up within" in info.value.message
    assert guest.call("container.list")["containers"] == []
    # seen from a container that shares all with the agent but its mounts:
    # no cgroup, no mount, no process of it is left
    c = config("cd /mnt/containers; ls -d */; grep -c /c/%s /proc/1/mountinfo; "
               "cat /proc/[0-9]*/comm 2>/dev/null | grep -cx \"$(cat /proc/1/comm)\""
               % ident, mounts=[c["mounts"][0], {
                   "destination": "/mnt", "type": "cgroup",
                   "source": "cgroup"}])
    del c["hostname"], c["linux"]["uidMappings"], c["linux"]["gidMappings"]
    c["linux"]["namespaces"] = [{"type": "mount"}]
    for words in c["process"]["capabilities"].values():
        words.append("CAP_SYS_PTRACE")
    other = guest.name()
    guest.call("container.create", id=other, config=c)
    guest.call("container.start", id=other)
    guest.wait(id=other, event="exited")
    assert guest.logs(other).split() == [other + "/", "0", "1"]
    guest.call("container.run", id=ident, args=["true"])
    guest.wait(id=ident, event="exited")


def test_many_containers_in_a_row_leave_nothing(guest):
    for _ in range(5):
        guest.output("true")
    out = guest.output("cat /proc/self/mountinfo | wc -l")
    assert int(out) < 40


def test_container_limit(guest):
    with pytest.raises(RpcError) as info:
        for _ in range(40):
            guest.call("container.create", id=guest.name(), config=config())
    assert info.value.code == LIMIT
    assert len(guest.call("container.list")["containers"]) == 32


# ---- output and input ----

def test_attached_output_by_stream(guest):
    c = guest.name()
    guest.call("container.create", id=c,
               config=config("echo to-out; echo to-err >&2"))
    guest.call("container.attach", id=c)
    guest.call("container.start", id=c)
    assert guest.wait(id=c, stream="stdout")["data"] == "to-out\n"
    assert guest.wait(id=c, stream="stderr")["data"] == "to-err\n"
    guest.wait(id=c, event="exited")


def test_bytes_that_are_no_utf8(guest):
    assert guest.output(r"printf 'a\377b\303\244\n'") == "a\ufffdb\u00e4"


def test_logs_keep_the_last_64k(guest):
    c = guest.name()
    guest.call("container.run", id=c, args=[
        "sh", "-c", "yes 0123456789abcde | head -n 8192; echo end"])
    guest.wait(id=c, event="exited")
    part = guest.call("container.logs", id=c)
    assert part["lost"] == 8192 * 16 + 4 - 65536
    assert part["offset"] == part["lost"]
    text = guest.logs(c)
    assert len(text) == 65536 and text.endswith("\nend\n")


def test_attached_output_is_complete(guest):
    c = guest.name()
    guest.call("container.create", id=c, config=config(
        "yes 0123456789abcde | head -n 30000"))
    guest.call("container.attach", id=c)
    guest.call("container.start", id=c)
    guest.wait(id=c, event="exited")
    text = "".join(e["params"]["data"] for e in guest.events
                   if e["method"] == "container.output")
    assert text == "0123456789abcde\n" * 30000


def test_stdin(guest):
    c = guest.name()
    guest.call("container.run", id=c, args=["cat"])
    guest.call("container.stdin", id=c, data="one\n")
    guest.call("container.stdin", id=c, data="two\n", eof=True)
    assert guest.wait(id=c, event="exited")["exitCode"] == 0
    assert guest.logs(c) == "one\ntwo\n"
    with pytest.raises(RpcError) as info:
        guest.call("container.stdin", id=c, data="x")
    assert info.value.code == STATE


def test_terminal(guest):
    c = guest.name()
    guest.call("container.run", id=c, terminal=True,
               consoleSize={"height": 30, "width": 90},
               args=["sh", "-c", "tty; stty size; read x; echo got $x"])
    guest.call("container.stdin", id=c, data="abc\n")
    guest.wait(id=c, event="exited")
    text = guest.logs(c)
    assert "/dev/pts/0" in text or "/dev/console" in text
    assert "30 90" in text and "got abc" in text


# ---- exec ----

def test_exec(guest):
    c = guest.sleeper()
    x = guest.call("container.exec", id=c, args=["sh", "-c", "hostname; "
                                                 "ps | grep -c sleep; exit 5"])
    assert x["exec"] == "e1" and x["pid"] > 1
    done = guest.wait(id=c, exec="e1", event="exec-exited")
    assert done["exitCode"] == 5
    assert guest.logs(c).split("\n")[0] == c
    assert guest.call("container.state", id=c)["status"] == "running"


def test_exec_has_the_containers_namespaces_and_limits(guest):
    c = guest.sleeper()
    x = guest.call("container.exec", id=c, args=[
        "sh", "-c", "for n in cgroup ipc mnt net pid time user uts; do "
                    "[ $(readlink /proc/self/ns/$n) = "
                    "$(readlink /proc/1/ns/$n) ] || echo differs $n; done; "
                    "grep -E 'Seccomp:|CapEff' /proc/self/status; "
                    "cat /proc/self/cgroup"])
    guest.wait(id=c, exec=x["exec"], event="exec-exited")
    text = guest.logs(c)
    assert "differs" not in text and "0::/" in text
    assert "Seccomp:\t2" in text


def test_exec_process_object_and_stdin(guest):
    c = guest.sleeper()
    x = guest.call("container.exec", id=c, process={
        "args": ["cat"], "cwd": "/", "user": {"uid": 3, "gid": 4}})
    guest.call("container.stdin", id=c, exec=x["exec"], data="hi\n", eof=True)
    done = guest.wait(id=c, exec=x["exec"], event="exec-exited")
    assert done["exitCode"] == 0 and guest.logs(c) == "hi\n"


def test_exec_terminal(guest):
    c = guest.sleeper()
    x = guest.call("container.exec", id=c, args=["tty"], terminal=True)
    guest.wait(id=c, exec=x["exec"], event="exec-exited")
    assert guest.logs(c).startswith("/dev/pts/")


def test_exec_not_found_and_bad_field(guest):
    c = guest.sleeper()
    with pytest.raises(RpcError) as info:
        guest.call("container.exec", id=c, args=["/nope"])
    assert info.value.code == NOENT
    with pytest.raises(RpcError) as info:
        guest.call("container.exec", id=c,
                   process={"args": ["x"], "cwd": "/", "selinuxLabel": "a"})
    assert info.value.code == UNSUPPORTED
    assert info.value.data["path"] == "/process/selinuxLabel"


def test_exec_dies_with_the_container(guest):
    c = guest.sleeper()
    x = guest.call("container.exec", id=c, args=["sleep", "1000"])
    guest.call("container.kill", id=c, signal="KILL")
    assert guest.wait(id=c, exec=x["exec"],
                      event="exec-exited")["signal"] == 9
    guest.wait(id=c, event="exited")


def test_kill_all_reaches_the_execs(guest):
    c = guest.sleeper()
    x = guest.call("container.exec", id=c, args=["sleep", "1000"])
    guest.call("container.kill", id=c, signal="USR1", all=True)
    done = guest.wait(id=c, exec=x["exec"], event="exec-exited")
    assert done["signal"] == 10


def test_orphans_are_reaped(guest):
    c = guest.name()
    guest.call("container.run", id=c, args=[
        "sh", "-c", "(sleep 0.1 &) ; exec sleep 1000"])
    x = guest.call("container.exec", id=c, args=[
        "sh", "-c", "(sleep 0.01 &); sleep 0.3; ps"])
    guest.wait(id=c, exec=x["exec"], event="exec-exited")
    guest.drop(c)
    assert guest.call("agent.ping") == {}


# ---- refusals, each with its JSON path ----

def at(c, path, value):
    keys = path.strip("/").split("/")
    for key in keys[:-1]:
        c = c[int(key)] if isinstance(c, list) else c.setdefault(key, {})
    if isinstance(c, list):
        c[int(keys[-1]):int(keys[-1]) + 1] = [value]
    else:
        c[keys[-1]] = value


@pytest.mark.parametrize("path,value,code", [
    ("/hooks", {"prestart": [{"path": "/x"}]}, UNSUPPORTED),
    ("/unknown", 1, UNSUPPORTED),
    ("/solaris", {}, UNSUPPORTED),
    ("/process/apparmorProfile", "p", UNSUPPORTED),
    ("/process/selinuxLabel", "l", UNSUPPORTED),
    ("/process/args", [], PARAMS),
    ("/process/args/0", 5, PARAMS),
    ("/process/cwd", "relative", PARAMS),
    ("/process/user/uid", -1, PARAMS),
    ("/process/user/username", "root", UNSUPPORTED),
    ("/process/capabilities/bounding", ["CAP_NOPE"], UNSUPPORTED),
    ("/process/oomScoreAdj", 2000, PARAMS),
    ("/root/path", "/elsewhere", UNSUPPORTED),
    ("/mounts/0/type", "ext4", UNSUPPORTED),
    ("/mounts/0/options/0", "idmap", UNSUPPORTED),
    ("/mounts/0/destination", "/a/../b", PARAMS),
    ("/linux/cgroupsPath", "/x", UNSUPPORTED),
    ("/linux/intelRdt", {"closID": "x"}, UNSUPPORTED),
    ("/linux/personality", {"domain": "LINUX32"}, UNSUPPORTED),
    ("/linux/resources/blockIO", {"weight": 10}, UNSUPPORTED),
    ("/linux/resources/devices/0/allow", 1, PARAMS),
    ("/linux/resources/devices/0/access", "rwx", PARAMS),
    ("/linux/resources/devices/0/type", "p", PARAMS),
    ("/linux/resources/devices/0/cgroup", "v1", UNSUPPORTED),
    ("/linux/resources/memory", {"disableOOMKiller": True}, UNSUPPORTED),
    ("/linux/resources/unified", {"cgroup.procs": "1"}, UNSUPPORTED),
    ("/linux/resources/unified", {"memory.max": "1\n2"}, PARAMS),
    ("/linux/sysctl", {"kernel.panic": "1"}, UNSUPPORTED),
    ("/linux/seccomp/defaultAction", "SCMP_ACT_NOTIFY", UNSUPPORTED),
    ("/linux/seccomp/listenerPath", "/x", UNSUPPORTED),
    ("/linux/seccomp/architectures/0", "SCMP_ARCH_ARM", UNSUPPORTED),
    ("/linux/namespaces/0", {"type": "nope"}, UNSUPPORTED),
    ("/linux/namespaces/8", {"type": "pid"}, LIMIT),
    ("/linux/maskedPaths/0", "relative", PARAMS),
    ("/ociVersion", "2.0.0", PARAMS),
])
def test_refused_with_path(guest, path, value, code):
    c = config()
    at(c, path, value)
    error = refused(guest, c)
    assert error.code == code, error
    stem = path.rsplit("/", 1)[0] if code in (LIMIT,) else path
    assert error.data["path"].startswith(stem) or \
        path.startswith(error.data["path"] + "/"), error


def test_vm_and_annotations_are_not_ours(guest):
    c = config("echo ok", vm={"kernel": {"path": "/x"}},
               annotations={"io.bulkhead.x": "y"})
    assert guest.run_config(c)[1] == "ok\n"


def test_unknown_run_parameter(guest):
    with pytest.raises(RpcError) as info:
        guest.call("container.run", args=["true"], privileged=True)
    assert info.value.code == UNSUPPORTED
    assert info.value.data["path"] == "/params/privileged"


# ---- the end: keep this one last ----

def test_poweroff(guest):
    c = guest.sleeper()
    ident = guest.send("agent.poweroff")
    assert guest.reply(ident)["result"] == {}
    guest.wait(id=c, event="exited")
    assert guest.process.wait(TIMEOUT_S) == 0
    # the tidy fixture needs somebody to talk to
    guest.call = lambda method, **params: {"containers": []}
