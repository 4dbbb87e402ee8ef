"""What the agent builds, seen from inside: namespaces, limits, rights, files."""
import pytest

from agent_guest import (DEFAULT_CONFIG, NO_VMM, PARAMS, SYSTEM, RpcError,
                         config, guest, refused, tidy)

pytestmark = pytest.mark.machines(NO_VMM)


# ---- namespaces ----

def test_all_eight_namespaces_are_own(guest):
    a, b = guest.sleeper(), guest.sleeper()
    one = guest.call("container.namespaces", id=a)["namespaces"]
    two = guest.call("container.namespaces", id=b)["namespaces"]
    assert {n["type"] for n in one} == {
        "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}
    assert all(n["own"] and n["inode"] > 0 for n in one + two)
    inodes = {n["inode"] for n in one} & {n["inode"] for n in two}
    assert inodes == set()


def test_without_namespaces_nothing_is_own_but_mount(guest):
    c = config("exec sleep 1000", mounts=[DEFAULT_CONFIG["mounts"][0]])
    del c["hostname"]
    linux = c["linux"]
    linux["namespaces"] = [{"type": "mount"}]
    for key in ("uidMappings", "gidMappings"):
        del linux[key]
    ident = guest.name()
    guest.call("container.create", id=ident, config=c)
    spaces = guest.call("container.namespaces", id=ident)["namespaces"]
    assert [n["type"] for n in spaces if n["own"]] == ["mount"]


def test_join_by_path(guest):
    a = guest.sleeper()
    pid = guest.call("container.state", id=a)["pid"]
    c = config("exec sleep 1000")
    files = {"user": "user", "pid": "pid", "network": "net", "ipc": "ipc",
             "uts": "uts"}
    c["linux"]["namespaces"] = [{"type": "mount"}, {"type": "cgroup"}] + [
        {"type": t, "path": f"/proc/{pid}/ns/{f}"} for t, f in files.items()]
    del c["hostname"], c["linux"]["uidMappings"], c["linux"]["gidMappings"]
    b = guest.name()
    guest.call("container.create", id=b, config=c)
    guest.call("container.start", id=b)
    one, two = ({n["type"]: n["inode"] for n in guest.call(
        "container.namespaces", id=i)["namespaces"]} for i in (a, b))
    for kind in files:
        assert one[kind] == two[kind], kind
    assert one["mount"] != two["mount"] and one["cgroup"] != two["cgroup"]
    # they see each other's processes
    ps = guest.call("container.exec", id=a, args=["ps"])["exec"]
    guest.wait(id=a, exec=ps, event="exec-exited")
    assert guest.logs(a).count("sleep 1000") == 2
    guest.drop(b)


def test_join_wrong_type(guest):
    c = config()
    for n in c["linux"]["namespaces"]:
        if n["type"] == "network":
            n["path"] = "/proc/1/ns/uts"
    error = refused(guest, c)
    assert error.code == PARAMS and "not a network" in error.message


def test_pid_namespace(guest):
    out = guest.output("echo $$; ls -d /proc/[0-9]* | wc -l; "
                       "grep NSpid /proc/self/status")
    first, count, nspid = out.split("\n")
    assert first == "1" and int(count) <= 4
    assert len(nspid.split()) == 2  # only the own namespace's number


def test_same_pid_in_two_containers(guest):
    a, b = guest.sleeper(), guest.sleeper()
    for c in (a, b):
        x = guest.call("container.exec", id=c, args=["pidof", "sleep"])
        guest.wait(id=c, exec=x["exec"], event="exec-exited")
        assert guest.logs(c).strip() == "1"


def test_outer_processes_cannot_be_reached(guest):
    a = guest.sleeper()
    outer = guest.call("container.state", id=a)["pid"]
    out = guest.output(f"kill -0 {outer} 2>&1; echo $?")
    assert "No such process" in out and out.endswith("1")


def test_uts_namespace(guest):
    assert guest.output("hostname", hostname="alpha") == "alpha"
    c = config("cat /proc/sys/kernel/domainname", domainname="beta")
    assert guest.run_config(c)[1] == "beta\n"


def test_network_namespace_has_lo_up_and_nothing_else(guest):
    out = guest.output("ls /sys/class/net; cat /sys/class/net/lo/flags; "
                       "ping -c 1 -W 1 127.0.0.1 >/dev/null 2>&1; "
                       "echo x | nc -l -p 80 & nc -w 2 127.0.0.1 80 "
                       "</dev/null || true; ip addr show lo | grep -c UP")
    assert out.split("\n")[0] == "lo"
    assert "0x9" in out


def test_two_containers_listen_on_the_same_port(guest):
    names = []
    for _ in range(2):
        c = guest.name()
        guest.call("container.run", id=c, args=[
            "sh", "-c", "nc -l -p 80 & until grep -q ':0050 .* 0A ' "
                        "/proc/net/tcp /proc/net/tcp6; do sleep 0.05; done; "
                        "echo listens; exec sleep 99"])
        guest.call("container.attach", id=c)
        names.append(c)
    for c in names:
        if not guest.logs(c):
            guest.wait(id=c, stream="stdout")
        assert guest.logs(c).strip() == "listens"


def test_user_namespace(guest):
    out = guest.output("id -u; cat /proc/self/uid_map /proc/self/gid_map "
                       "/proc/self/setgroups")
    uid, uids, gids, setgroups = out.split("\n")
    assert uid == "0" and setgroups == "deny"
    assert uids.split() == gids.split() == ["0", "100000", "65536"]


def test_root_inside_is_nobody_outside(guest):
    out = guest.output("stat -c %u /proc/1/ns /bin /sys; "
                       "dmesg 2>&1 | head -n 1; "
                       "hostname other 2>&1; "
                       "chown 0 /proc/sys 2>&1; echo done")
    assert "klogctl" in out and "Operation not permitted" in out
    assert out.split("\n")[1] == "0" and out.split("\n")[2] == "65534"
    assert out.endswith("done")


def test_files_belong_to_the_containers_root(guest):
    out = guest.output("stat -c %u:%g /etc /etc/passwd /root; "
                       "echo x >>/etc/profile && mkdir /etc/d && "
                       "rm /etc/hosts && touch /new && chown 5:6 /new && "
                       "stat -c %u:%g /new /etc/d")
    assert out.split() == ["0:0", "0:0", "0:0", "5:6", "0:0"]


def test_what_one_container_writes_another_does_not_see(guest):
    guest.output("echo x >/secret; rm /etc/passwd")
    assert guest.output("ls /secret 2>/dev/null; ls /etc/passwd") == \
        "/etc/passwd"


def test_time_namespace(guest):
    c = config("cut -d. -f1 /proc/uptime")
    c["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 5},
                                 "monotonic": {"secs": 3}}
    uptime = int(guest.run_config(c)[1])
    assert 1000000 < uptime < 1010000
    assert int(guest.output("cut -d. -f1 /proc/uptime")) < 100000


def test_cgroup_namespace(guest):
    assert guest.output("cat /proc/self/cgroup") == "0::/"


def test_ipc_namespace(guest):
    a = guest.sleeper()
    x = guest.call("container.exec", id=a, args=[
        "sh", "-c", "touch /dev/mqueue/q; ls /dev/mqueue"])
    guest.wait(id=a, exec=x["exec"], event="exec-exited")
    assert guest.logs(a).strip() == "q"
    assert guest.output("ls /dev/mqueue") == ""


# ---- control groups ----

def test_limits_are_in_the_files(guest):
    c = guest.sleeper(**{"memory.max": "64M", "cpu.max": "20000 100000",
                         "cpu.weight": 50, "cpuset.cpus": "1",
                         "pids.max": 17})
    stats = guest.call("container.stats", id=c)
    assert stats["memory.max"] == str(64 << 20)
    assert stats["cpu.max"] == "20000 100000"
    assert stats["cpu.weight"] == "50"
    assert stats["cpuset.cpus"] == "1"
    assert stats["pids.max"] == "17" and stats["pids.current"] == 1
    assert stats["memory.current"] > 0
    assert stats["memory.events"]["oom_kill"] == 0


def test_v1_fields_become_v2_files(guest):
    c = config("exec sleep 1000")
    c["linux"]["resources"] = {
        "memory": {"limit": 50 << 20, "swap": 60 << 20,
                   "reservation": 10 << 20},
        "cpu": {"shares": 1024, "quota": 30000, "period": 60000,
                "cpus": "0-1", "mems": "0"},
        "pids": {"limit": 33},
        "unified": {"memory.high": "40M"},
    }
    ident = guest.name()
    guest.call("container.create", id=ident, config=c)
    stats = guest.call("container.stats", id=ident)
    assert stats["memory.max"] == str(50 << 20)
    assert stats["cpu.weight"] == "39"
    assert stats["cpu.max"] == "30000 60000"
    assert stats["cpuset.cpus"] == "0-1" and stats["cpuset.mems"] == "0"
    assert stats["pids.max"] == "33"


def test_cpuset_is_obeyed(guest):
    out = guest.output("grep Cpus_allowed_list /proc/self/status",
                       **{"cpuset.cpus": "1"})
    assert out.split() == ["Cpus_allowed_list:", "1"]


def test_cpu_max_throttles(guest):
    exited, _ = guest.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done",
                          **{"cpu.max": "10000 100000"})
    assert exited["stats"]["cpu.stat"]["nr_throttled"] > 0


def test_memory_max_kills_and_says_so(guest):
    c = guest.name()
    guest.call("container.run", id=c, **{"memory.max": "16M"},
               args=["sh", "-c", "x=x; while :; do x=$x$x; done"])
    guest.wait(id=c, event="oom")
    exited = guest.wait(id=c, event="exited")
    assert exited["oomKilled"] is True and exited["signal"] == 9
    assert exited["stats"]["memory.events"]["oom_kill"] >= 1
    state = guest.call("container.state", id=c)
    assert state["oomKilled"] is True


def test_sigkill_is_not_oom(guest):
    c = guest.sleeper()
    guest.call("container.kill", id=c, signal="KILL")
    assert guest.wait(id=c, event="exited")["oomKilled"] is False


def test_files_count_against_memory_max(guest):
    exited, _ = guest.run("dd if=/dev/zero of=/big bs=1M count=64",
                          **{"memory.max": "16M"})
    assert exited["oomKilled"] is True


def test_pids_max(guest):
    exited, text = guest.run(
        "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait",
        **{"pids.max": "4"})
    assert "fork" in text
    assert exited["stats"]["pids.events"]["max"] > 0


def test_bad_limit_leaves_nothing(guest):
    with pytest.raises(RpcError) as info:
        guest.call("container.run", id="bad", args=["true"],
                   **{"cpuset.cpus": "77"})
    assert info.value.code == SYSTEM and "cpuset.cpus" in info.value.message
    guest.call("container.run", id="bad", args=["true"])
    guest.wait(id="bad", event="exited")


# ---- rights ----

def test_capabilities_are_the_listed_ones(guest):
    out = guest.output("grep -E 'Cap|NoNew|Seccomp:' /proc/self/status")
    values = dict(line.split(":\t") for line in out.split("\n"))
    listed = 0
    numbers = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4,
               "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
               "NET_BIND_SERVICE": 10, "SYS_CHROOT": 18, "SETFCAP": 31}
    for name in DEFAULT_CONFIG["process"]["capabilities"]["bounding"]:
        listed |= 1 << numbers[name[4:]]
    assert int(values["CapBnd"], 16) == listed
    assert int(values["CapEff"], 16) == int(values["CapPrm"], 16) == listed
    assert int(values["CapAmb"], 16) == 0
    assert values["NoNewPrivs"] == "1" and values["Seccomp"] == "2"


def test_no_capabilities_object_means_none(guest):
    c = config("grep CapEff /proc/self/status")
    del c["process"]["capabilities"]
    assert int(guest.run_config(c)[1].split()[1], 16) == 0


def test_ambient_capability_for_a_user(guest):
    c = config("id -u; grep -E 'CapEff|CapAmb' /proc/self/status")
    caps = ["CAP_NET_BIND_SERVICE"]
    c["process"]["capabilities"] = {
        k: caps for k in ("bounding", "effective", "permitted",
                          "inheritable", "ambient")}
    c["process"]["user"] = {"uid": 1000, "gid": 1000}
    out = guest.run_config(c)[1].split()
    assert out == ["1000", "CapEff:", "0" * 13 + "400", "CapAmb:",
                   "0" * 13 + "400"]


def test_user_gid_groups_umask(guest):
    c = config("id -u; id -g; id -G; umask")
    c["process"]["user"] = {"uid": 7, "gid": 8, "umask": 0o77,
                            "additionalGids": [9, 10]}
    assert guest.run_config(c)[1].split() == \
        ["7", "8", "8", "9", "10", "0077"]


def test_run_user(guest):
    assert guest.output("id -u; id -g", user="12:13").split() == ["12", "13"]
    with pytest.raises(RpcError) as info:
        guest.call("container.run", args=["true"], user="root")
    assert info.value.code == PARAMS


def test_seccomp_denies_by_default(guest):
    out = guest.output("mount -t tmpfs x /mnt 2>&1; unshare -m true 2>&1; "
                       "echo end")
    assert "mount: permission denied" in out
    assert "unshare(0x20000): Operation not permitted" in out
    assert out.endswith("end")


def test_seccomp_errno_of_the_profile(guest):
    c = config("mkdir /d 2>&1; echo $?")
    c["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"],
                      "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    assert "No space left" in guest.run_config(c)[1]


def test_seccomp_kill(guest):
    c = config("mkdir /d")
    c["process"]["args"] = ["mkdir", "/d"]
    c["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"],
                      "action": "SCMP_ACT_KILL_PROCESS"}]}
    assert guest.run_config(c)[0]["signal"] == 31


def test_seccomp_without_no_new_privs(guest):
    c = config("grep -E 'NoNew|Seccomp:' /proc/self/status")
    c["process"]["noNewPrivileges"] = False
    c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                             "syscalls": []}
    assert guest.run_config(c)[1].split() == \
        ["NoNewPrivs:", "0", "Seccomp:", "2"]


def test_base_filter_without_a_profile(guest):
    c = config("grep Seccomp: /proc/self/status")
    del c["linux"]["seccomp"]
    assert guest.run_config(c)[1].split()[1] == "2"


def test_rlimits(guest):
    c = config("ulimit -n; ulimit -H -n; ulimit -c")
    c["process"]["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 33, "hard": 44},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    assert guest.run_config(c)[1].split() == ["33", "44", "0"]


def test_oom_score_adj(guest):
    c = config("cat /proc/self/oom_score_adj")
    c["process"]["oomScoreAdj"] = 77
    assert guest.run_config(c)[1] == "77\n"
    assert guest.output("cat /proc/self/oom_score_adj") == "0"


def test_env_cwd(guest):
    out = guest.output("pwd; echo $A-$HOME", cwd="/etc", env=["A=b c"])
    assert out == "/etc\nb c-/root"


def test_bad_cwd(guest):
    c = guest.name()
    with pytest.raises(RpcError) as info:
        guest.call("container.run", id=c, args=["true"], cwd="/nope")
    assert info.value.data == {"path": "/process/cwd", "errno": "ENOENT"}


def test_no_descriptor_of_the_agent_leaks(guest):
    out = guest.output("ls /proc/self/fd")
    assert out.split() == ["0", "1", "2", "3"]  # 3: ls reading the folder


# ---- files ----

def test_masked_and_readonly_paths(guest):
    out = guest.output("ls /sys/firmware | wc -l; wc -c </proc/keys; "
                       "echo 1 2>&1 >/proc/sys/kernel/hostname; "
                       "echo b 2>&1 >/proc/sysrq-trigger; echo end")
    assert out.split("\n")[0] == "0" and out.split("\n")[1] == "0"
    assert out.endswith("end")
    out = guest.output("grep -E ' (/proc/sys|/sys|/sys/fs/cgroup) ' "
                       "/proc/self/mountinfo")
    assert all(" ro," in line for line in out.split("\n"))


def test_readonly_root(guest):
    c = config("touch /x 2>&1; touch /run/y && echo ok",
               root={"path": "rootfs", "readonly": True})
    text = guest.run_config(c)[1]
    assert "Read-only file system" in text and text.endswith("ok\n")


def test_old_root_is_gone(guest):
    out = guest.output("cat /proc/self/mountinfo")
    assert "bulkhead/c" not in "".join(
        line.split(" - ")[0].split()[4] for line in out.split("\n"))
    assert out.count(" / / ") == 1


def test_default_devices_work(guest):
    out = guest.output("echo x >/dev/null; head -c 3 /dev/zero | od -An -tx1;"
                       "head -c 8 /dev/urandom | wc -c; ls /dev/fd/0 "
                       "/dev/stdin >/dev/null; echo x >/dev/full 2>/dev/null"
                       " || echo full; [ ! -e /dev/vda ] && echo clean")
    assert out.split() == ["00", "00", "00", "8", "full", "clean"]


def test_extra_device(guest):
    c = config("stat -c '%t:%T %a %u:%g' /dev/x; test -c /dev/x && echo chr")
    c["linux"]["devices"] = [{"type": "c", "path": "/dev/x", "major": 1,
                              "minor": 3, "fileMode": 0o640, "uid": 5,
                              "gid": 6}]
    assert guest.run_config(c)[1] == "1:3 640 5:6\nchr\n"


def device_config(script, rules, nodes=()):
    """A container whose root is the guest's, so that only rules hold it."""
    c = config(script)
    linux = c["linux"]
    linux["namespaces"] = [n for n in linux["namespaces"]
                           if n["type"] != "user"]
    for key in ("uidMappings", "gidMappings", "seccomp"):
        del linux[key]
    for words in c["process"]["capabilities"].values():
        words.append("CAP_MKNOD")
    linux["resources"]["devices"] = rules
    linux["devices"] = list(nodes)
    return c


KMSG = {"type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11}
DENY_ALL = {"allow": False, "access": "rwm"}


def test_device_rules_without_a_user_namespace(guest):
    script = ("echo x >/dev/null && head -c 2 /dev/zero | wc -c; "
              "mknod /dev/a b 254 0 2>&1; mknod /dev/k c 1 11 2>&1; "
              "mknod /dev/z c 1 5 && head -c 3 /dev/z | wc -c; "
              "mknod /dev/f p && echo fifo")
    for rules in ([DENY_ALL], []):
        out = guest.run_config(device_config(script, rules))[1].split("\n")
        assert out[0] == "2", out
        assert "mknod: /dev/a: Operation not permitted" == out[1]
        assert "mknod: /dev/k: Operation not permitted" == out[2]
        assert out[3:5] == ["3", "fifo"]


def test_device_rules_allow_and_take_away(guest):
    script = ("mknod /dev/k c 1 11 2>&1; echo x >/dev/kmsg && echo wrote; "
              "echo x >/dev/zero && echo wrote; cat /dev/zero 2>&1")
    rules = [DENY_ALL,
             {"allow": False, "type": "c", "major": 1, "minor": 11,
              "access": "m"},
             {"allow": False, "type": "c", "major": 1, "minor": 5,
              "access": "r"}]
    exited, out = guest.run_config(device_config(script, rules, [KMSG]))
    assert exited["exitCode"] == 1
    assert out.splitlines() == [
        "mknod: /dev/k: Operation not permitted", "wrote", "wrote",
        "cat: can't open '/dev/zero': Operation not permitted"]


def test_device_rules_hold_for_exec_and_can_allow_all(guest):
    c = device_config("exec sleep 1000", [{"allow": True}])
    ident = guest.name()
    guest.call("container.create", id=ident, config=c)
    guest.call("container.start", id=ident)
    x = guest.call("container.exec", id=ident, args=[
        "sh", "-c", "mknod /dev/k c 1 11 && echo x >/dev/k && echo ok"])
    guest.wait(id=ident, exec=x["exec"], event="exec-exited")
    assert guest.logs(ident) == "ok\n"
    guest.drop(ident)
    ident = guest.name()
    c["linux"]["resources"]["devices"] = [DENY_ALL]
    guest.call("container.create", id=ident, config=c)
    guest.call("container.start", id=ident)
    x = guest.call("container.exec", id=ident, args=[
        "sh", "-c", "mknod /dev/k c 1 11 2>&1"])
    guest.wait(id=ident, exec=x["exec"], event="exec-exited")
    assert "Operation not permitted" in guest.logs(ident)


def test_terminal_under_deny_all(guest):
    c = device_config("tty; echo x >/dev/tty", [DENY_ALL])
    c["process"]["terminal"] = True
    assert "/dev/" in guest.run_config(c)[1]


def test_mount_target_cannot_leave_the_root(guest):
    # /etc/../.. by a symbolic link inside the image would be the agent's root
    c = config("grep -c escape /proc/self/mountinfo")
    c["mounts"].append({"destination": "/proc/self/cwd/escape",
                        "type": "tmpfs", "source": "escape"})
    ident = guest.name()
    with pytest.raises(RpcError) as info:
        guest.call("container.create", id=ident, config=c)
    assert info.value.data["path"] == f"/mounts/{len(c['mounts']) - 1}"


def test_bind_mount_readonly(guest):
    c = config("touch /mnt/x 2>&1; ls /mnt | head -n 1")
    c["mounts"].append({"destination": "/mnt", "type": "bind",
                        "source": "/proc/1", "options": ["rbind", "ro"]})
    text = guest.run_config(c)[1]
    assert "ead-only" in text or "denied" in text or "No such" in text


def test_sysctl_of_an_own_namespace(guest):
    c = config("cat /proc/sys/net/ipv4/ip_forward")
    c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert guest.run_config(c)[1] == "1\n"
