"""A guest alone on its CPU has the processor's own local APIC (ADR 0009).

The bare guest uses it in every way, sees no difference, and leaves a mess; it
is started twice, so that what it leaves would be seen, and then another guest.
The same with the APIC kept at home shows that the guest's expectations are
those of a virtual APIC, too.
"""
import re

import bulkhead
import pytest

TICKS = 200         # deadlines that the guest arms and waits for
MORE_EXITS = 120    # of MSR writes that are meant to exit
END_S = 120


def end(m, words=r"partition lent_apic: triple-fault"):
    m.expect(words, END_S)
    m.prompt()


def exits_by_reason(m):
    return {r["reason"]: r["count"] for r in m.ask("exits lent_apic")["reasons"]}


@pytest.mark.parametrize("on,option,is_lent", [
    (bulkhead.SKYLAKE, "direct-apic=on", True),
    (bulkhead.SKYLAKE, "direct-apic=off", False),
    ("bochs/cnl", "direct-apic=on", True),      # no APICv behind it
], indirect=["on"])
def test_lent_apic(machines, on, option, is_lent):
    specs = {"lent_apic": bulkhead.bare_spec("lent_apic"),
             "nmi": bulkhead.bare_spec(
                 "nmi", {"io.bulkhead.autostart": "false"})}
    name = "apic-" + bulkhead.tag(on) + option[-3:]
    img = bulkhead.image(name, ["log=info", option], specs,
                         bulkhead.guest_files("lent_apic", "nmi"))
    m = machines(name, img, on=on, time_limit=300, log_errors=False)
    m.prompt()
    end(m)
    wrmsr = exits_by_reason(m)["WRMSR"]
    if is_lent:
        assert wrmsr < TICKS, wrmsr
    else:
        assert wrmsr > TICKS, wrmsr
    m.command("start lent_apic")
    end(m)
    rpc = m.rpc()
    console = rpc.console("lent_apic")
    assert "FAIL" not in console, console
    assert console.count("PASS nothing failed so far") >= 1, console
    assert "leaving a mess" in console
    m.command("start nmi")
    m.expect("partition nmi: poweroff", END_S)
    m.prompt()
    nmi = rpc.console("nmi")
    rpc.close()
    assert re.search(r"guest nmi: done, [1-9]\d* passed, 0 failed", nmi), nmi
    assert m.poweroff().outcome == "shutdown"
