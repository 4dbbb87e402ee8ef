"""The black box: what a run leaves is there after a warm reset.

Each test boots a machine that goes on after a reset, has the VMM end in one
way, and reads at the next prompt what `dmesg --previous` tells of it.
"""
import re

import bulkhead
import pytest

pytestmark = pytest.mark.machines(bulkhead.Q35, bulkhead.SKYLAKE)

OPTIONS = ["log=info", "fault-injection=on", "panic=reboot"]


@pytest.fixture(scope="module")
def booted(machines, on):
    """A machine with a guest that runs for ever and one that ends."""
    names = ("cli_loop", "triple_fault")
    img = bulkhead.image("box-" + bulkhead.tag(on), OPTIONS,
                         {n: bulkhead.bare_spec(n) for n in names},
                         bulkhead.guest_files(*names))
    m = machines("box-" + bulkhead.tag(on), img, on=on, time_limit=600,
                 reboots=True)
    m.prompt()
    m.expect("partition triple_fault: triple-fault")
    return m


def again(m):
    """To the next prompt; the boot's text from its banner on."""
    m.expect(re.escape("] Bulkhead "), bulkhead.BOOT_S)
    text = m.prompt()
    m.expect("partition triple_fault: triple-fault")
    return text


def fault(m, how):
    m.com1.send("fault %s\r" % how)
    return again(m)


def test_a_first_start_says_so(booted):
    assert "black box: at 0x1e0000: no run before left anything" in \
        booted.log_text()
    out = booted.command("dmesg --previous")
    assert "there is no log of the run before: no run before left" in out
    reply = booted.bhk("dmesg", "--previous")
    assert reply.returncode == 1
    assert "no run before left anything" in reply.stderr


def test_panic_is_told_by_the_next_run(booted):
    text = fault(booted, "bug")
    words = "by a bug in the VMM: the operator asked for it (fault bug)"
    assert "run 1 ended " + words in text
    out = booted.command("dmesg --previous", timeout=120)
    assert "BUG in the VMM: the operator asked for it (fault bug)" in out
    assert "maybe called from 0x" in out
    assert "the machine begins anew in 0 s" in out
    assert re.search(r"last \d+ exits of vCPU 0 of cli_loop, noted when the "
                     r"machine ended", out), out
    assert re.search(r"exits of vCPU 0 of triple_fault, noted when it ended",
                     out), out
    assert re.search(r"-\d+ +\S.* rip [0-9a-f]+  qual", out), out
    assert out.rstrip().endswith(words)
    assert booted.bhk("dmesg", "--previous").stdout.rstrip().endswith(words)
    reply = booted.rpc()
    got = reply.call("machine.log", previous=True, offset=0)
    reply.close()
    assert (got["run"], got["end"]) == (1, "panic")
    assert "[    0.000000] Bulkhead" in got["data"]


def test_a_fault_of_the_vmm(booted):
    text = fault(booted, "fault")
    assert re.search(r"run 2 ended by a bug in the VMM: exception 14, error "
                     r"code 0x2, rip 0x\w+, CPU 0", text), text
    out = booted.command("dmesg --previous", timeout=120)
    assert re.search(r"rip +\w+ +rflags", out), out


def test_a_reset_without_a_word(booted):
    text = fault(booted, "silent")
    assert "run 3 ended without a word: reset, power, a hang" in text
    out = booted.command("dmesg --previous", timeout=120)
    assert "partition cli_loop: started" in out


def test_an_orderly_reboot(booted):
    booted.com1.send("reboot\r")
    assert "run 4 ended the machine was to begin anew" in again(booted)
    out = booted.command("dmesg --previous", timeout=120)
    assert "] reboot\n" in out.replace("\r", "")


def test_a_damaged_box_is_refused(booted):
    """The last run's half is damaged: the one before it is shown, and that
    something is missing is said."""
    text = fault(booted, "corrupt")
    assert "run 4 ended the machine was to begin anew" in text
    assert "one half of it is damaged" in text
    out = booted.command("dmesg --previous", timeout=120)
    assert "(the other half of the box is damaged: it may have held a later " \
        "run)" in out
    assert booted.poweroff().outcome == "shutdown"


def test_faults_are_off_by_default(machines, on):
    img = bulkhead.image("box-off-" + bulkhead.tag(on), ["log=info"])
    m = machines("box-off-" + bulkhead.tag(on), img, on=on, time_limit=300)
    m.prompt()
    assert "fault-injection=on" in m.command("fault bug")
    assert "machine.fault: params.how has to be" in m.command("fault x")
    assert m.poweroff().outcome == "shutdown"
